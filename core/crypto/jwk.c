/*
 * The public half of the signing keys as a JWK set (RFC 7517, RFC 8037).
 * Symmetric keys have no public half and never appear.
 */
#include "base/codec.h"
#include "base/str.h"
#include "crypto/internal.h"

char *
jwt_jwks(const struct jwt_keys *keys, struct arena *a)
{
	const struct jwt_key *k;
	const char *sep = "";
	struct str s;

	str_init(&s, a);
	str_add(&s, "{\"keys\":[");
	for (k = keys->v; k < keys->v + keys->n; k++) {
		if (k->alg != JWT_EDDSA)
			continue;
		str_addf(&s, "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		    "\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"%s\","
		    "\"x\":\"%s\"}", sep, k->kid,
		    base64_encode(a, k->pub, sizeof(k->pub), true));
		sep = ",";
	}
	str_add(&s, "]}");
	return s.p;
}
