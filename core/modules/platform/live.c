/*
 * Settings of the gateway and the form of its tickets. Pure. A ticket is 32
 * random bytes as text; what is kept is its digest.
 */
#include <string.h>

#include "base/codec.h"
#include "base/arena.h"
#include "crypto/crypto.h"
#include "modules/platform/live.h"
#include "shm/shm.h"

static const struct setting rows[] = {
	SETTING(struct platform_live_conf, listen, "live.listen",
	    .def = "run/live.sock", .flags = SET_PATH,
	    .doc = "Where the gateway listens for the web server: a unix "
	    "socket, or 127.0.0.1:port"),
	SETTING(struct platform_live_conf, clients, "live.clients",
	    .def = "10000", .min = 1, .max = 1000000, .unit = "clients",
	    .doc = "Clients of a host at once"),
	SETTING(struct platform_live_conf, clients_per_user,
	    "live.clients_per_user", .def = "100", .min = 0, .max = 1000000,
	    .unit = "clients", .doc = "Of one user; 0 = no limit"),
	SETTING(struct platform_live_conf, clients_per_tenant,
	    "live.clients_per_tenant", .def = "0", .min = 0, .max = 1000000,
	    .unit = "clients", .doc = "Of one tenant; 0 = no limit"),
	SETTING(struct platform_live_conf, origins, "live.origins",
	    .def = "", .doc = "Origins of pages that may connect, beside "
	    "those of the same host and of http.cors; * = any"),
	SETTING(struct platform_live_conf, token_in_query,
	    "live.token_in_query", .def = "false",
	    .doc = "Accept ?token=; it would stand in the logs of proxies"),
	SETTING(struct platform_live_conf, echo, "live.echo", .def = "false",
	    .doc = "Serve /ws/echo, to test what proxies let through"),
	SETTING(struct platform_live_conf, messages, "live.messages",
	    .def = "100", .min = 1, .max = 1000000, .unit = "messages",
	    .doc = "Messages a client may send per live.messages_period"),
	SETTING(struct platform_live_conf, messages_s,
	    "live.messages_period", .def = "60", .min = 1, .max = 86400,
	    .unit = "seconds", .doc = "Period of live.messages"),
	SETTING(struct platform_live_conf, subscriptions,
	    "live.subscriptions", .def = "64", .min = 1, .max = 64,
	    .unit = "topics", .doc = "Topics in one message of a client"),
	SETTING(struct platform_live_conf, ping_s, "live.ping", .def = "25",
	    .min = 1, .max = 3600, .unit = "seconds",
	    .doc = "Interval of pings; a client that missed two is dead"),
	SETTING(struct platform_live_conf, auth_wait_s, "live.auth_wait",
	    .def = "10", .min = 1, .max = 300, .unit = "seconds",
	    .doc = "How long a client may take to say who it is"),
	SETTING(struct platform_live_conf, lag_frames, "live.lag_frames",
	    .def = "2000", .min = 1, .max = 100000, .unit = "frames",
	    .doc = "What a slow reader may be behind"),
	SETTING(struct platform_live_conf, lag_bytes, "live.lag_bytes",
	    .def = "1048576", .min = 1024, .max = 1073741824,
	    .unit = "bytes", .doc = "The same in bytes"),
	SETTING(struct platform_live_conf, ring_frames, "live.ring_frames",
	    .def = "2500", .min = 16, .max = 100000, .unit = "events",
	    .doc = "Latest events of a tenant kept in memory"),
	SETTING(struct platform_live_conf, ring_bytes, "live.ring_bytes",
	    .def = "4194304", .min = 65536, .max = 1073741824,
	    .unit = "bytes", .doc = "The same in bytes"),
	SETTING(struct platform_live_conf, resume_events,
	    "live.resume_events", .def = "10000", .min = 0, .max = 10000000,
	    .unit = "events", .doc = "Who is further behind is told to load "
	    "its state anew (recovered: false)"),
	SETTING(struct platform_live_conf, tick_ms, "live.tick", .def = "10",
	    .min = 0, .max = 1000, .unit = "ms", .doc = "Events that come "
	    "within it go out together; the first one at once"),
	SETTING(struct platform_live_conf, drain_s, "live.drain",
	    .def = "5", .min = 1, .max = 300, .unit = "seconds",
	    .doc = "Over which clients are sent away when the gateway ends"),
	SETTING(struct platform_live_conf, ticket_s, "live.ticket",
	    .def = "30", .min = 1, .max = 3600, .unit = "seconds",
	    .doc = "How long a ticket can be redeemed"),
	SETTING_END
};

const struct settings platform_live_settings = {
	"live", sizeof(struct platform_live_conf), rows, NULL
};

const char platform_live_beat[] = "live.beat";

static const struct metric_label ok = { "ok",
	(const char *const[]){ "false", "true", NULL } };
const struct metric platform_ws_connections = { "ws_connections",
	"Clients connected to the gateway", METRIC_GAUGE, { NULL, NULL } };
const struct metric platform_ws_subscriptions = { "ws_subscriptions",
	"Topics followed by all clients together", METRIC_GAUGE,
	{ NULL, NULL } };
const struct metric platform_ws_sent = { "ws_sent_total",
	"Events sent to clients", METRIC_COUNTER, { NULL, NULL } };
const struct metric platform_ws_lag_closed = { "ws_lag_closed_total",
	"Clients closed because they read too slowly", METRIC_COUNTER,
	{ NULL, NULL } };
const struct metric platform_ws_recovered = { "ws_recovered_total",
	"Resumes, by whether nothing was missed", METRIC_COUNTER,
	{ &ok, NULL } };

const struct metric *const platform_live_metrics[] = {
	&platform_ws_connections, &platform_ws_subscriptions,
	&platform_ws_sent, &platform_ws_lag_closed, &platform_ws_recovered,
	NULL
};

void
platform_live_ticket_format(const uint8_t raw[32],
    char out[PLATFORM_TICKET_TEXT])
{
	struct arena *a = arena_new(64 << 10);
	const char *text = base64_encode(a, raw, 32, true);

	memcpy(out, "lt_", 3);
	memcpy(out + 3, text, 43);
	out[46] = '\0';
	arena_free(a);
}

int
platform_live_ticket_hash(const char *text, uint8_t out[32])
{
	uint8_t raw[33];

	if (strncmp(text, "lt_", 3) != 0 ||
	    strlen(text) != PLATFORM_TICKET_TEXT - 1 ||
	    base64_decode(text + 3, 43, true, false, raw, sizeof(raw)) != 32)
		return -1;
	crypto_sha256(raw, 32, out);
	return 0;
}
