/*
 * Time zones from TZif files (RFC 8536), parsed here and not by libc: setenv
 * ("TZ") and tzset() change the whole process, take a lock and read the file
 * again at every switch, and mktime() does not say whether a wall time is in a
 * gap or occurs twice. Here a zone is an immutable table, a look-up is one
 * binary search, and the answer does not depend on the environment. That the
 * offsets are those of libc is held by a test over all zones.
 *
 * The file is foreign bytes: every count is bounded before it is used, every
 * index checked, and what is odd is refused whole. Files that count leap
 * seconds are refused, since struct utc does not.
 *
 * Invariants of struct zone: at[] ascends strictly; east[i] holds before at[i],
 * east[n] after the last, where the footer's rule takes over if there is one;
 * all offsets are within the bounds of RFC 8536. Single-threaded, like all of
 * base: the table of zones is a per-process singleton.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/zone.h"
#include "base/zone_rule.h"

enum {
	DIR_MAX = 200,
	FILE_MAX = 64 * 1024,	/* the largest of the database has 3.5 KiB */
	COUNT_MAX = 4096,	/* transitions; the database has up to 250 */
	TYPES_MAX = 256,
	SLOTS = 2048,		/* the database has 600 names */
	MEMORY = 32 * 1024 * 1024
};
/* Beyond: seconds times 10^6 plus an offset might not fit. */
#define SECONDS_MAX INT64_C(9000000000000)

struct zone {
	const char *name;
	size_t n;
	const int64_t *at;	/* n */
	const int32_t *east;	/* n + 1 */
	struct zone_rule rule;
};

static const char *dir = "/usr/share/zoneinfo";
static const int32_t utc_east[1];
static const struct zone utc_zone = { .name = "UTC", .east = utc_east };

/* ---- reading TZif ----------------------------------------------------------- */

struct cursor {
	const uint8_t *p;
	size_t n;
};

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static const uint8_t *
take(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (n > c->n)
		return NULL;
	c->p += n;
	c->n -= n;
	return p;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static int64_t
be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

/* Header of one block; false if it is none or a count is out of bounds. */
static bool
read_header(struct cursor *c, struct counts *out)
{
	const uint8_t *p = take(c, 44);

	if (p == NULL || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
		return false;
	*out = (struct counts){ be32(p + 20), be32(p + 24), be32(p + 28),
	    be32(p + 32), be32(p + 36), be32(p + 40) };
	return out->time <= COUNT_MAX && out->type <= TYPES_MAX &&
	    out->isut <= TYPES_MAX && out->isstd <= TYPES_MAX &&
	    out->leap <= COUNT_MAX && out->chars <= COUNT_MAX;
}

/* The offset of each type, at six bytes a type. */
static bool
read_types(const uint8_t *p, size_t n, int32_t *east)
{
	for (size_t i = 0; i < n; i++) {
		east[i] = (int32_t)be32(p + 6 * i);
		if (east[i] > ZONE_EAST_MAX || east[i] < -ZONE_WEST_MAX)
			return false;
	}
	return n > 0;
}

static bool
read_times(struct arena *a, struct zone *z, const struct counts *k,
    const uint8_t *times, const uint8_t *index, const int32_t *types)
{
	int64_t *at = arena_array(a, k->time, sizeof(*at));
	int32_t *east = arena_array(a, k->time + 1, sizeof(*east));

	east[0] = types[0];
	for (size_t i = 0; i < k->time; i++) {
		at[i] = be64(times + 8 * i);
		/* Old files begin with the Big Bang; none ends beyond the
		 * range of struct utc. */
		if ((i > 0 && at[i] <= at[i - 1]) || at[i] > SECONDS_MAX ||
		    index[i] >= k->type)
			return false;
		east[i + 1] = types[index[i]];
	}
	z->n = k->time;
	z->at = at;
	z->east = east;
	return true;
}

/* "\n<rule>\n", the rule may be empty. */
static bool
read_footer(struct cursor *c, struct zone_rule *out)
{
	const uint8_t *end;

	if (c->n < 2 || c->p[0] != '\n' ||
	    (end = memchr(c->p + 1, '\n', c->n - 1)) == NULL)
		return false;
	return zone_rule_parse((const char *)c->p + 1,
	    (size_t)(end - c->p) - 1, out);
}

static struct zone *
parse(struct arena *a, const void *tzif, size_t n)
{
	struct cursor c = { tzif, n };
	const uint8_t *times, *index, *types;
	struct zone *z = arena_alloc(a, sizeof(*z));
	int32_t east[TYPES_MAX];
	struct counts k;

	/* The first block repeats the data in 32 bits, for old readers. */
	if (n > FILE_MAX || !read_header(&c, &k) ||
	    take(&c, k.time * 5 + k.type * 6 + k.chars + k.leap * 8 +
	    k.isstd + k.isut) == NULL)
		return NULL;
	if (!read_header(&c, &k) || k.leap != 0 ||
	    (times = take(&c, (size_t)k.time * 8)) == NULL ||
	    (index = take(&c, k.time)) == NULL ||
	    (types = take(&c, (size_t)k.type * 6)) == NULL ||
	    take(&c, k.chars + k.isstd + k.isut) == NULL)
		return NULL;
	if (!read_types(types, k.type, east) ||
	    !read_times(a, z, &k, times, index, east) ||
	    !read_footer(&c, &z->rule))
		return NULL;
	z->name = "";
	return z;
}

const struct zone *
zone_parse(struct arena *a, const void *tzif, size_t n)
{
	return parse(a, tzif, n);
}

/* ---- the table of zones -------------------------------------------------------- */

/* Tells one state of a file from the next. */
struct ident {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

static struct slot {
	struct ident ident;
	const struct zone *zone;
} slots[SLOTS];

static bool
plain(const char *name)
{
	static const char *const refused[] = { "localtime", "posixrules" };
	size_t n = strnlen(name, ZONE_NAME_MAX + 1), parts = 0;
	bool first = true;

	if (n > ZONE_NAME_MAX || strncmp(name, "right/", 6) == 0 ||
	    strncmp(name, "posix/", 6) == 0)
		return false;
	for (size_t i = 0; i < NITEMS(refused); i++)
		if (strcmp(name, refused[i]) == 0)
			return false;
	for (size_t i = 0; i < n; i++) {
		char ch = name[i];
		bool letter = (ch >= 'A' && ch <= 'Z') ||
		    (ch >= 'a' && ch <= 'z');

		if (!letter && (first || ((ch < '0' || ch > '9') &&
		    ch != '_' && ch != '+' && ch != '-' && ch != '/')))
			return false;
		first = ch == '/';
		parts += first;
	}
	return !first && parts <= 2;
}

static struct ident
ident_of(const struct stat *st)
{
	return (struct ident){ st->st_dev, st->st_ino, st->st_size,
	    st->st_mtim };
}

static bool
same_ident(const struct ident *x, const struct ident *y)
{
	return x->dev == y->dev && x->ino == y->ino && x->size == y->size &&
	    x->mtime.tv_sec == y->mtime.tv_sec &&
	    x->mtime.tv_nsec == y->mtime.tv_nsec;
}

/* Up to cap bytes of a regular file, or -1. */
static long
read_file(const char *path, void *buf, size_t cap, struct ident *out)
{
	/* Non-blocking: a FIFO of this name must not hold up the process. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t n = 0;
	ssize_t got = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*out = ident_of(&st);
		do {
			got = read(fd, (char *)buf + n, cap - n);
			n += got > 0 ? (size_t)got : 0;
		} while ((got > 0 && n < cap) || (got < 0 && errno == EINTR));
	}
	close(fd);
	return got < 0 ? -1 : (long)n;
}

static const struct zone *
load(struct arena *keep, const char *path, const char *name,
    struct ident *ident)
{
	struct arena *a = arena_new(2 * FILE_MAX);
	struct arena_mark mark = arena_mark(keep);
	char *buf = arena_alloc(a, FILE_MAX + 1);
	long n = read_file(path, buf, FILE_MAX + 1, ident);
	struct zone *z = NULL;

	if (n >= 0 && (z = parse(keep, buf, (size_t)n)) != NULL)
		z->name = arena_strdup(keep, name);
	else
		arena_rewind(keep, mark);
	arena_free(a);
	return z;
}

/* The slot of a name, or the free one where it belongs; NULL: no room. */
static struct slot *
slot_of(const char *name)
{
	size_t i, at = (size_t)fnv1a(name, strlen(name), 0) % SLOTS;

	for (i = 0; i < SLOTS; i++) {
		struct slot *s = &slots[(at + i) % SLOTS];

		if (s->zone == NULL || strcmp(s->zone->name, name) == 0)
			return s;
	}
	return NULL;
}

const struct zone *
zone_find(const char *name)
{
	static struct arena *keep;
	char path[DIR_MAX + ZONE_NAME_MAX + 2];
	const struct zone *z;
	struct ident ident;
	struct slot *slot;
	struct stat st;

	if (name == NULL || !plain(name))
		return NULL;
	if (strcmp(name, utc_zone.name) == 0)
		return &utc_zone;
	if ((slot = slot_of(name)) == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	/* A file that is gone or broken leaves the zone as it was. */
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return slot->zone;
	ident = ident_of(&st);
	if (slot->zone != NULL && same_ident(&slot->ident, &ident))
		return slot->zone;
	if (keep == NULL)
		keep = arena_new(MEMORY);
	/* Former states stay in memory: somebody may hold them. */
	if (arena_used(keep) > MEMORY - 4 * FILE_MAX)
		return slot->zone;
	if ((z = load(keep, path, name, &ident)) != NULL)
		*slot = (struct slot){ ident, z };
	return slot->zone;
}

void
zone_folder(const char *path)
{
	ASSERT(strlen(path) < DIR_MAX);
	dir = path;
	memset(slots, 0, sizeof(slots));
}

bool
zone_known(const char *name)
{
	return zone_find(name) != NULL;
}

const char *
zone_name(const struct zone *z)
{
	return z->name;
}

/* ---- questions ---------------------------------------------------------------- */

/* Number of transitions at or before t. */
static size_t
passed(const struct zone *z, int64_t t)
{
	size_t lo = 0, hi = z->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (z->at[mid] <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int64_t
clamp(int64_t t)
{
	return t > SECONDS_MAX ? SECONDS_MAX :
	    t < -SECONDS_MAX ? -SECONDS_MAX : t;
}

static int32_t
east_at(const struct zone *z, int64_t t)
{
	size_t i = passed(z, t);

	return i == z->n && z->rule.given ? zone_rule_east(&z->rule, t) :
	    z->east[i];
}

int32_t
zone_offset(const struct zone *z, struct utc t)
{
	int64_t s = t.us / US_PER_S - (t.us % US_PER_S < 0);

	return east_at(z, clamp(s));
}

int64_t
zone_change(const struct zone *z, int64_t t)
{
	int32_t east = east_at(z, t = clamp(t));
	size_t i;

	for (i = passed(z, t); i < z->n; i++)
		if (east_at(z, z->at[i]) != east)
			return z->at[i];
	if (!z->rule.given)
		return INT64_MAX;
	if (z->n > 0 && z->at[z->n - 1] > t)
		t = z->at[z->n - 1];
	return zone_rule_change(&z->rule, clamp(t));
}

int
zone_of_local(const struct zone *z, int64_t local, struct utc out[2])
{
	int64_t from = clamp(local) - ZONE_EAST_MAX - 1, to, gap = 0;
	int n = 0;

	local = clamp(local);
	/* One stretch of constant offset after the other, as long as the wall
	 * time may fall into it. */
	for (; from <= local + ZONE_WEST_MAX; from = to) {
		int32_t east = east_at(z, from);
		int64_t t = local - east;

		to = zone_change(z, from);
		if (t >= from && t < to) {
			out[n > 0] = (struct utc){ t * US_PER_S };
			n = n > 0 ? 2 : 1;
		} else if (n == 0 && t >= to &&
		    local < to + east_at(z, to)) {
			gap = to;
		}
		if (to == INT64_MAX)
			break;
	}
	if (n == 0)
		out[0] = (struct utc){ gap * US_PER_S };
	return n;
}

/* Reads the beginning of a file of the database as text. */
static bool
read_text(const char *name, char *buf, size_t cap)
{
	char path[DIR_MAX + 16];
	struct ident ident;
	long n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = read_file(path, buf, cap - 1, &ident);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

const char *
zone_version(char buf[ZONE_VERSION])
{
	static const char mark[] = "# version ";
	char text[64], *p = text;
	size_t n;

	buf[0] = '\0';
	if (!read_text("+VERSION", text, sizeof(text))) {
		if (!read_text("tzdata.zi", text, sizeof(text)) ||
		    strncmp(text, mark, strlen(mark)) != 0)
			return buf;
		p += strlen(mark);
	}
	n = strcspn(p, " \t\r\n");
	if (n < ZONE_VERSION && utf8_valid(p, n)) {
		memcpy(buf, p, n);
		buf[n] = '\0';
	}
	return buf;
}
