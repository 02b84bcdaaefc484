/*
 * What the check of the books found, over HTTP.
 */
#include "http/ctx.h"
#include "modules/trade/ledger.h"

static int
fault_list(struct ctx *c, const void *in)
{
	struct rows rows;

	(void)in;
	return trade_ledger_faults(c->db, c->a, c->who.tenant_id, &rows,
	    &c->err) == -1 ? fail_err(c) : reply_list(c, &rows, NULL);
}

const struct route trade_ledger_routes[] = {
	{ .id = "trade.books.list", .method = HTTP_GET,
	  .path = "/api/trade/books", .summary = "Figures that do not agree",
	  .doc = "Cash and ledger, reservations and orders, fills and "
	  "positions are compared each minute; empty: all is well.",
	  .auth = AUTH_USER, .permission = "trade:read",
	  .out = &trade_book_fault_schema, .ok = 200, .flags = R_LIST,
	  .run = fault_list },
	ROUTE_END
};
