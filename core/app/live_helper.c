/*
 * The helper: everything the gateway needs of the database. Follows the
 * stream by its positions, woken by the relay's bell; looks each second
 * whether anything was missed, and whose rights have changed. One connection
 * of its own. A database that is away is waited for; the gateway's clients
 * stay.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "db/db.h"
#include "db/env.h"
#include "events/event.h"
#include "events/relay.h"
#include "modules/auth/access.h"
#include "proc/bell.h"

enum { ROWS = 100, TURN_CAP = 256 << 20, SECOND = 1000, PAGE_BYTES = 512 << 10 };
/* Positions grow one by one; a jump like this is a restored database. */
static const int64_t jump = INT64_C(1000000000);

static bool
due(int64_t *last_ns, int64_t ms)
{
	int64_t now = clock_boot_ns();

	if (now - *last_ns < ms * 1000000)
		return false;
	*last_ns = now;
	return true;
}

void
helper_failed(struct live_helper *h, const char *what, struct err *e)
{
	if (!h->db_failed)
		log_warn("server.live", "the helper cannot work",
		    KV("doing", what), KV("cause", (const char *)e->cause));
	h->db_failed = true;
	err_clear(e);
}

/* ---- items ------------------------------------------------------------------------ */

static bool
item_of(const struct live_helper *h, const struct event_item *e,
    struct live_item *it)
{
	int bit = live_topic_find(h->topics, e->topic);

	if (bit < 0)
		return false;
	*it = (struct live_item){ .off = e->off, .version = e->version,
	    .at = e->at, .topic = (uint16_t)bit, .entity = e->entity,
	    .entity_len = (uint32_t)strlen(e->entity), .data = e->data.p,
	    .data_len = (uint32_t)strlen(e->data.p) };
	it->key = live_key(it->topic, e->entity, it->entity_len);
	if (h->topics->v[bit]->flags & EV_STATE)
		it->flags |= LIVE_STATE;
	if (h->topics->v[bit]->flags & EV_ALL)
		it->flags |= LIVE_ALL;
	return true;
}

/* ---- following --------------------------------------------------------------------- */

static void
say_position(struct live_helper *h, bool restored)
{
	link_begin(&h->link, LINK_POS, 0);
	link_i64(&h->link, h->pos);
	link_i64(&h->link, restored);
	link_end(&h->link);
}

static int
epoch_of(struct live_helper *h, struct uuid tenant, int64_t *epoch,
    struct err *e)
{
	char key[UUID_TEXT];
	int64_t *known = map_get(h->epochs, uuid_format(tenant, key)), top;

	if (known != NULL && *known != 0) {
		*epoch = *known;
		return 0;
	}
	if (event_head(h->db, tenant, epoch, &top, e) == -1)
		return -1;
	known = arena_memdup(h->memory, epoch, sizeof(*epoch));
	map_put(h->epochs, arena_strdup(h->memory, key), known);
	return 0;
}

static void
forget_epochs(struct live_helper *h)
{
	arena_reset(h->memory);
	h->epochs = map_new(h->memory);
}

static int
send_row(struct live_helper *h, const struct event_row *row, struct err *e)
{
	struct live_item it;
	struct rows items;
	int64_t epoch;

	if (row->pos - h->pos > jump) {
		forget_epochs(h);
		say_position(h, true);
	}
	if (event_unpack(h->a, row, &items, e) == -1 ||
	    epoch_of(h, row->tenant_id, &epoch, e) == -1)
		return -1;
	link_begin(&h->link, LINK_ROW, 0);
	link_i64(&h->link, row->pos);
	link_bytes(&h->link, &row->tenant_id, sizeof(row->tenant_id));
	link_i64(&h->link, row->first);
	link_i64(&h->link, row->n);
	link_i64(&h->link, epoch);
	for (size_t i = 0; i < items.n; i++)
		if (item_of(h, ROW(&items, struct event_item, i), &it))
			link_item(&h->link, &it);
	link_end(&h->link);
	h->pos = row->pos;
	return 0;
}

static int
follow(struct live_helper *h, struct err *e)
{
	struct rows rows;

	if (!h->following)
		return 0;
	do {
		arena_reset(h->a);
		if (event_follow(h->db, h->a, h->pos, ROWS, &rows, e) == -1)
			return -1;
		for (size_t i = 0; i < rows.n; i++)
			if (send_row(h, ROW(&rows, struct event_row, i),
			    e) == -1)
				return -1;
		if (link_flush(&h->link) == -1)
			return 0;
	} while (rows.n == ROWS);
	return 0;
}

/* Nothing was missed, and the database answers: the gateway is told. */
static int
look(struct live_helper *h, struct err *e)
{
	int64_t pos;

	if (!h->following)
		return 0;
	if (event_position(h->db, &pos, e) == -1)
		return -1;
	if (pos < h->pos) {
		h->pos = pos;		/* an older copy of the database */
		forget_epochs(h);
		say_position(h, true);
	} else if (pos > h->pos && follow(h, e) == -1)
		return -1;
	say_position(h, false);
	h->db_failed = false;
	return 0;
}

static void
start(struct live_helper *h, struct live_packet *p)
{
	struct err e = { 0 };

	for (size_t i = 0; i < h->nseats; i++)
		h->seats[i].orphan = h->seats[i].id != 0;
	h->orphans = true;
	h->second_ns = clock_boot_ns();	/* not before all are adopted */
	h->pos = packet_i64(p);
	if (h->pos == 0 && event_position(h->db, &h->pos, &e) == -1) {
		helper_failed(h, "position", &e);
		h->pos = -1;		/* tried again each second */
		return;
	}
	h->following = true;
	say_position(h, false);
}

/* ---- reading for one client --------------------------------------------------------- */

struct reading {
	struct live_helper *h;
	struct live_bits bits;
};

static bool
may_see(void *arg, const struct event *ev)
{
	const struct reading *r = arg;

	for (size_t i = 0; i < r->h->topics->n; i++)
		if (r->h->topics->v[i] == ev)
			return live_has(&r->bits, i);
	return false;
}

/* Items up to a bounded size; what is left out is asked for again. */
static size_t
page_count(const struct event_page *page)
{
	size_t bytes = 0, n;

	for (n = 0; n < page->items.n && bytes < PAGE_BYTES; n++)
		bytes += strlen(ROW(&page->items, struct event_item,
		    n)->data.p);
	return n;
}

static void
send_page(struct live_helper *h, uint64_t id, int64_t seq, int64_t kind,
    bool items, const struct event_page *page)
{
	size_t n = items ? page_count(page) : 0;
	int64_t next = n < page->items.n && n > 0 ? ROW(&page->items,
	    struct event_item, n - 1)->off : page->next;
	struct live_item it;

	link_begin(&h->link, LINK_PAGE, id);
	link_i64(&h->link, seq);
	link_i64(&h->link, kind);
	link_i64(&h->link, page->epoch);
	link_i64(&h->link, page->top);
	link_i64(&h->link, next);
	link_i64(&h->link, page->recovered);
	for (size_t i = 0; i < n; i++)
		if (item_of(h, ROW(&page->items, struct event_item, i), &it))
			link_item(&h->link, &it);
	link_end(&h->link);
}

static int
read_page(struct live_helper *h, struct live_packet *p, struct err *e)
{
	struct reading r = { .h = h };
	struct event_query q = { .modules = h->env->modules };
	struct event_page page;
	int64_t seq = packet_i64(p), kind = packet_i64(p);
	const void *tenant = packet_bytes(p, sizeof(q.tenant)), *bits;

	q.since = packet_i64(p);
	q.epoch = packet_i64(p);
	q.limit = packet_i64(p);
	bits = packet_bytes(p, sizeof(r.bits));
	if (p->bad)
		return 0;
	memcpy(&q.tenant, tenant, sizeof(q.tenant));
	memcpy(&r.bits, bits, sizeof(r.bits));
	if (q.limit > 0) {
		q.may_see = may_see;
		q.arg = &r;
	} else
		q.limit = 1;		/* only where it stands */
	if (event_read(h->db, h->a, &q, &page, e) == -1)
		return -1;
	send_page(h, p->id, seq, kind, q.may_see != NULL, &page);
	return 0;
}

/* Not answered when the database is away: asked for again by the gateway's
 * next look (a client that waits too long is closed there). */
static void
reading(struct live_helper *h, struct live_packet *p)
{
	struct live_packet copy = *p;
	struct err e = { 0 };

	if (read_page(h, p, &e) == 0)
		return;
	db_rollback(h->db);
	if (read_page(h, &copy, &e) == -1)
		helper_failed(h, "reading", &e);
}

/* ---- the loop ------------------------------------------------------------------------- */

static void
packet(struct live_helper *h, struct live_packet *p)
{
	arena_reset(h->a);
	switch (p->kind) {
	case LINK_START:
		start(h, p);
		break;
	case LINK_AUTH:
		helper_auth(h, p);
		break;
	case LINK_ADOPT:
		helper_adopt(h, p);
		break;
	case LINK_DROP:
		helper_drop(h, p);
		break;
	case LINK_READ:
		reading(h, p);
		break;
	case LINK_ASK:
		helper_ask(h, p);
		break;
	case LINK_SUBS:
		helper_listed(h, p);
		break;
	default:
		break;
	}
}

static void
each_second(struct live_helper *h)
{
	struct err e = { 0 };

	arena_reset(h->a);
	if (h->orphans) {
		h->orphans = false;
		helper_orphans(h);
	}
	if (h->bell == -1)
		bell_listen("live", &h->bell, &e);	/* an older gateway's */
	err_clear(&e);
	if (!h->following && h->pos == -1 &&
	    event_position(h->db, &h->pos, &e) == 0)
		h->following = true;
	err_clear(&e);
	if (look(h, &e) == -1)
		helper_failed(h, "following", &e);
	err_clear(&e);
	if (auth_revocation_refresh(h->env, h->db, h->a, clock_now(),
	    &e) == -1)
		helper_failed(h, "revocations", &e);
	else if (h->env->auth->epoch != h->auth_epoch) {
		h->auth_epoch = h->env->auth->epoch;
		helper_recheck(h, false);
	} else if (due(&h->keys_ns, 3 * SECOND))
		helper_recheck(h, true);
	if (due(&h->beat_ns, 5 * SECOND))
		helper_beat(h);
}

static void
turn(struct live_helper *h)
{
	struct live_packet p;
	struct err e = { 0 };
	char text[8];

	if (h->bell != -1 && bell_take(h->bell, text, sizeof(text)) > 0 &&
	    follow(h, &e) == -1)
		helper_failed(h, "following", &e);
	while (link_next(&h->link, &p))
		packet(h, &p);
	if (due(&h->second_ns, SECOND))
		each_second(h);
	helper_list_write(h, false);
	arena_reset(h->a);
}

static void
open_all(struct live_helper *h, int fd)
{
	struct err e = { 0 };

	link_open(&h->link, fd);
	h->a = arena_new(TURN_CAP);
	h->memory = arena_new(64 << 20);
	h->list_a = arena_new(64 << 20);
	h->epochs = map_new(h->memory);
	h->started = clock_now();
	h->bell = -1;
	bell_listen("live", &h->bell, &e);
	arena_set_secret(h->a);
}

int
helper_run(struct env *env, int fd, struct live_topics *topics,
    struct live_seat *seats, size_t nseats)
{
	struct live_helper h = { .env = env, .db = env->db, .topics = topics,
	    .seats = seats, .nseats = nseats };
	struct err e = { 0 };

	open_all(&h, fd);
	for (;;) {
		struct pollfd p[2] = { { fd, POLLIN, 0 },
		    { h.bell, POLLIN, 0 } };
		int64_t left = SECOND - (clock_boot_ns() - h.second_ns) /
		    1000000;

		if (link_flush(&h.link) == -1)
			break;
		if (h.list.n > 0 && left > 100)
			left = 100;
		if (poll(p, 2, left < 0 ? 0 : (int)left) == -1 &&
		    errno != EINTR)
			break;
		if (p[0].revents != 0 && link_fill(&h.link) == -1)
			break;
		turn(&h);
	}
	bell_close("live", h.bell);
	platform_live_gateway_delete(h.db, env->process, &e);
	return 0;
}
