"""AWS Signature Version 4, header form, from the point of view of the server.

Written from AWS's description, not from our C code, so that the two can
disagree. Nothing here knows about time or credentials: the caller does.
"""
import hashlib
import hmac
import re
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_FIELD = re.compile(r"\s*(Credential|SignedHeaders|Signature)=([^,\s]+)\s*")


class Malformed(Exception):
    """The Authorization header cannot be read; str() says why."""


class Authorization:
    """The parsed header: key, date, region, service, signed, signature."""

    def __init__(self, text):
        scheme, _, rest = text.strip().partition(" ")
        if scheme != ALGORITHM:
            raise Malformed("Unsupported AWS 'algorithm': '%s'." % scheme)
        fields = {}
        for part in rest.split(","):
            match = _FIELD.fullmatch(part)
            if not match or match[1] in fields:
                raise Malformed("Invalid part of Authorization: '%s'." % part)
            fields[match[1]] = match[2]
        if len(fields) != 3:
            raise Malformed("Authorization header requires 'Credential', "
                            "'SignedHeaders' and 'Signature' parameters.")
        scope = fields["Credential"].split("/")
        if len(scope) != 5 or scope[4] != "aws4_request":
            raise Malformed("Credential must have exactly 5 slash-delimited "
                            "elements ending in aws4_request.")
        self.key, self.date, self.region, self.service = scope[:4]
        self.signed = fields["SignedHeaders"].split(";")
        self.signature = fields["Signature"]
        if self.signed != sorted(set(h.lower() for h in self.signed)):
            raise Malformed("SignedHeaders must be sorted, unique and in "
                            "lower case.")


def _encode(raw, safe=""):
    return quote(raw, safe=safe + "-_.~")


def _canonical_path(path, normalize):
    """Each segment is encoded once more; EC2 also folds // and dots."""
    if normalize:
        kept = []
        for segment in path.split("/"):
            if segment == "..":
                del kept[-1:]
            elif segment not in ("", "."):
                kept.append(segment)
        tail = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
        path = "/" + "/".join(kept) + tail
    return _encode(path.encode("utf-8", "surrogateescape"), "/") or "/"


def _canonical_query(query):
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs.append(tuple(_encode(unquote_to_bytes(text.encode(
            "utf-8", "surrogateescape"))) for text in (name, value)))
    return "&".join("%s=%s" % pair for pair in sorted(pairs))


def canonical_request(method, target, headers, signed, body_hash,
                      normalize=True):
    """headers: (name, value) pairs in the order received."""
    path, _, query = target.partition("?")
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    lines = [method, _canonical_path(path, normalize),
             _canonical_query(query)]
    lines += ["%s:%s" % (name, ",".join(values[name])) for name in signed]
    lines += ["", ";".join(signed), body_hash]
    return "\n".join(lines)


def string_to_sign(amz_date, scope, canonical):
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape"))
    return "\n".join([ALGORITHM, amz_date, scope, digest.hexdigest()])


def signature(secret, scope, text):
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def expected(auth, secret, amz_date, method, target, headers, body_hash):
    """(signature, canonical request, string to sign) this request must have."""
    canonical = canonical_request(method, target, headers, auth.signed,
                                  body_hash)
    scope = "/".join([auth.date, auth.region, auth.service, "aws4_request"])
    text = string_to_sign(amz_date, scope, canonical)
    return signature(secret, scope, text), canonical, text


def sign(key, secret, amz_date, region, service, method, target, headers,
         body):
    """The Authorization value for these headers, for tests of the fake."""
    signed = sorted(set(name.lower() for name, _ in headers))
    blank = "%s Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, " \
        "Signature=" % (ALGORITHM, key, amz_date[:8], region, service,
                        ";".join(signed))
    auth = Authorization(blank + "0")
    return blank + expected(auth, secret, amz_date, method, target, headers,
                            hashlib.sha256(body).hexdigest())[0]
