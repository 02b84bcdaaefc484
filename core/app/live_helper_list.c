/*
 * The list of clients, for operators: rows written in batches. It tells what
 * was, a moment ago; nothing depends on it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/live_proc.h"
#include "base/clock.h"
#include "db/env.h"

enum { BATCH = 100, WAIT_MS = 200, EXPIRE_S = 60 };

void
helper_list_write(struct live_helper *h, bool now)
{
	struct err e = { 0 };

	if (h->list.n == 0 || (!now && h->list.n < BATCH &&
	    clock_boot_ns() - h->list_ns < WAIT_MS * 1000000L))
		return;
	if (platform_live_client_put(h->db, h->list.v, h->list.n, &e) == -1)
		helper_failed(h, "client list", &e);
	arena_reset(h->list_a);
	memset(&h->list, 0, sizeof(h->list));
}

void
helper_listed(struct live_helper *h, struct live_packet *p)
{
	int64_t sent = packet_i64(p), ago_us = packet_i64(p);
	const char *names = packet_text(p);
	struct live_seat *s = helper_seat(h, p->id);
	struct arena *a = h->list_a;

	if (p->bad || s == NULL || s->ep == NULL)
		return;
	if (h->list.n == 0)
		h->list_ns = clock_boot_ns();
	*VEC_ADD(a, &h->list) = (struct platform_live_client){ .id = s->row,
	    .process = h->env->process, .tenant_id = s->tenant,
	    .user_id = s->user, .name = arena_strdup(a, s->name),
	    .endpoint = s->ep->path, .remote_addr = arena_strdup(a, s->ip),
	    .user_agent = arena_strdup(a, s->agent),
	    .subscriptions = arena_strdup(a, names),
	    .connected_at = s->since,
	    .last_ping = { clock_now().us - ago_us }, .sent = sent };
	s->listed = true;
}

void
helper_unlist(struct live_helper *h, struct live_seat *s)
{
	struct err e = { 0 };

	if (!s->listed)
		return;
	helper_list_write(h, true);	/* it may be among those */
	if (platform_live_client_delete(h->db, s->row, &e) == -1)
		helper_failed(h, "client list", &e);
}

void
helper_beat(struct live_helper *h)
{
	struct utc now = clock_now();
	struct utc stale = { now.us - PLATFORM_LIVE_STALE_S * US_PER_S };
	struct err e = { 0 };
	char host[65] = "";
	struct platform_live_gateway g = { .process = h->env->process,
	    .host = host, .pid = getppid(), .started_at = h->started,
	    .beat_at = now, .clients = h->nclients };

	gethostname(host, sizeof(host) - 1);
	if (platform_live_gateway_put(h->db, &g, &e) == -1) {
		helper_failed(h, "beat", &e);
		return;
	}
	if (clock_boot_ns() - h->expire_ns < EXPIRE_S * INT64_C(1000000000))
		return;
	h->expire_ns = clock_boot_ns();
	if (platform_live_gateway_expire(h->db, stale, &e) == -1 ||
	    platform_live_ticket_expire(h->db, now, &e) == -1)
		helper_failed(h, "expiry", &e);
}
