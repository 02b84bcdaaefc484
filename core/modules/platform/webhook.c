/*
 * Settings, signature and small rules of webhooks. Pure.
 */
#include <string.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/principal.h"
#include "base/str.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "module.h"
#include "modules/platform/webhook.h"

#define SET(m, p, ...) SETTING(struct platform_webhook_conf, m, p, __VA_ARGS__)

static const struct setting rows[] = {
	SET(max, "webhooks.max", .def = "20", .min = 0, .max = 10000,
	    .doc = "Subscriptions a tenant may have"),
	SET(disable_days, "webhooks.disable_after", .def = "5", .min = 1,
	    .max = 365, .unit = "days", .doc = "A webhook that has failed "
	    "for so long is switched off"),
	SET(timeout_ms, "webhooks.timeout", .def = "10000", .min = 100,
	    .max = 120000, .unit = "ms", .doc = "How long a receiver may "
	    "take to answer"),
	SETTING_END
};

const struct settings platform_webhook_settings = {
	"webhooks", sizeof(struct platform_webhook_conf), rows, NULL
};

struct uuid
platform_webhook_stream(const struct platform_webhook *w)
{
	return strcmp(w->stream, "installation") == 0 ? (struct uuid){ { 0 } }
	    : w->tenant_id;
}

const char *
platform_webhook_signature(struct arena *a, const char *secret,
    int64_t unix_s, const char *body, size_t n)
{
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct str s;

	str_init(&s, a);
	str_addf(&s, "%lld.", (long long)unix_s);
	str_addn(&s, body, n);
	crypto_hmac_sha256(secret, strlen(secret), s.p, s.len, mac);
	return arena_printf(a, "v1=%s", hex_encode(mac, SHA256_LEN, hex));
}

const char *
platform_webhook_join(struct arena *a, struct list l)
{
	const char *const *v = l.items;
	struct str s;

	str_init(&s, a);
	for (size_t i = 0; i < l.n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_add(&s, v[i]);
	}
	return s.p;
}

struct list
platform_webhook_split(struct arena *a, const char *text)
{
	VEC(const char *) v = { 0 };

	for (const char *p = text; *p != '\0'; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n > 0)
			*VEC_ADD(a, &v) = arena_strndup(a, p, n);
		p += n;
	}
	return (struct list){ v.v, v.n };
}

static bool
listed(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = names; (p = strstr(p, name)) != NULL; p += n)
		if ((p == names || p[-1] == ',') &&
		    (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

const char *
platform_webhook_rights(struct arena *a, const struct module *const *mods,
    const struct principal *who)
{
	struct str s;

	str_init(&s, a);
	for (; *mods != NULL; mods++) {
		const struct event *const *set = (*mods)->events;

		for (; set != NULL && *set != NULL; set++)
			for (const struct event *ev = *set; ev->name != NULL;
			    ev++) {
				if (ev->permission == NULL ||
				    !principal_may(who, ev->permission) ||
				    listed(s.p, ev->permission))
					continue;
				if (s.len > 0)
					str_addc(&s, ',');
				str_add(&s, ev->permission);
			}
	}
	return s.p;
}

bool
platform_webhook_may_see(void *names, const struct event *ev)
{
	return ev->permission == NULL || listed(names, ev->permission);
}

enum platform_webhook_outcome
platform_webhook_judge(int status)
{
	if (status >= 200 && status < 300)
		return HOOK_DELIVERED;
	if (status == 410)
		return HOOK_GONE;
	return status >= 300 && status < 500 && status != 429 ?
	    HOOK_REFUSED : HOOK_FAILED;
}
