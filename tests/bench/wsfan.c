/*
 * Fan-out load for any WebSocket server on loopback: N subscribers, one
 * publisher, RATE ticks a second of BURST messages each. The publisher is a
 * WebSocket ("ws:/pub") or datagrams to the gateway's socket
 * ("dgram:PATH:TENANT"). Prints READY, waits for a line, runs, prints one line
 * of JSON, waits for a line.
 *
 * usage: wsfan PORT PATH N RATE SECS BURST PUBLISHER [HEADER [HELLO]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { KEEP = 1500, PAYLOAD = 200 };
struct client {
	int fd;
	size_t have;
	unsigned char buf[KEEP];
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
open_ws(int port, const char *path, const char *header)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, n;
	char b[4096];
	size_t l = 0;

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		perror("connect");
		exit(1);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	n = snprintf(b, sizeof(b), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s"
	    "Sec-WebSocket-Version: 13\r\n\r\n", path, port, header,
	    *header != '\0' ? "\r\n" : "");
	if (write(fd, b, (size_t)n) != n)
		exit(1);
	/* by bytes, so that no frame is eaten */
	while (l < sizeof(b) - 1) {
		if (read(fd, b + l, 1) != 1) {
			fprintf(stderr, "handshake failed\n");
			exit(1);
		}
		b[++l] = '\0';
		if (l >= 4 && memcmp(b + l - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	if (strstr(b, " 101 ") == NULL) {
		fprintf(stderr, "%s", b);
		exit(1);
	}
	return fd;
}

static void
say(int fd, const char *text, size_t n)
{
	unsigned char f[2048] = { 0x81 };
	size_t h = 2;

	if (n < 126)
		f[1] = (unsigned char)(0x80 | n);
	else {
		f[1] = 0x80 | 126;
		f[2] = (unsigned char)(n >> 8);
		f[3] = (unsigned char)n;
		h = 4;
	}
	memset(f + h, 0, 4);
	memcpy(f + h + 4, text, n);
	if (write(fd, f, h + 4 + n) != (ssize_t)(h + 4 + n))
		perror("publish");
}

/* JSON of PAYLOAD bytes that carries the time. */
static void
payload(char out[PAYLOAD + 1], int seq)
{
	int n = snprintf(out, PAYLOAD + 1, "{\"t\":\"%.9f\",\"seq\":%d,"
	    "\"data\":\"", now(), seq);

	memset(out + n, 'x', (size_t)(PAYLOAD - n));
	memcpy(out + PAYLOAD - 2, "\"}", 3);
}

static struct {
	int fd;
	struct sockaddr_un to;
	char tenant[64];
} pub;

static void
pub_open(int port, char *how, const char *header)
{
	char *colon;

	if (strncmp(how, "ws:", 3) == 0) {
		pub.fd = open_ws(port, how + 3, header);
		return;
	}
	how += strlen("dgram:");
	colon = strrchr(how, ':');
	*colon = '\0';
	pub.to.sun_family = AF_UNIX;
	snprintf(pub.to.sun_path, sizeof(pub.to.sun_path), "%s", how);
	snprintf(pub.tenant, sizeof(pub.tenant), "%s", colon + 1);
	pub.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
}

static void
publish(int seq)
{
	char p[PAYLOAD + 1], line[600];
	int n;

	payload(p, seq);
	if (pub.tenant[0] == '\0') {
		say(pub.fd, p, PAYLOAD);
		return;
	}
	n = snprintf(line, sizeof(line), "{\"tenant\":\"%s\",\"t\":"
	    "\"decision.made\",\"e\":\"%d\",\"v\":0,"
	    "\"at\":\"2026-01-01T00:00:00Z\",\"d\":%s}", pub.tenant, seq, p);
	if (sendto(pub.fd, line, (size_t)n, 0, (struct sockaddr *)&pub.to,
	    sizeof(pub.to)) != n)
		perror("publish");
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static float *lat;
static size_t got, cap;

/* Messages with a time in them count; greetings and answers do not. */
static void
message(const unsigned char *p, size_t n, double t)
{
	const char *at = memmem(p, n, "\"t\":\"", 5);

	if (at != NULL && got < cap)
		lat[got++] = (float)((t - atof(at + 5)) * 1e3);
}

static int
input(struct client *c)
{
	static unsigned char buf[KEEP + 65536];
	size_t have = c->have, o = 0;
	ssize_t r;
	double t;

	memcpy(buf, c->buf, have);
	r = read(c->fd, buf + have, 65536);
	if (r <= 0)
		return r == 0 || errno != EAGAIN ? -1 : 0;
	have += (size_t)r;
	t = now();
	while (have - o >= 4) {
		size_t len = buf[o + 1] & 127, h = 2;

		if (len == 126) {
			len = (size_t)buf[o + 2] << 8 | buf[o + 3];
			h = 4;
		}
		if (have - o < h + len)
			break;
		if ((buf[o] & 15) == 1)
			message(buf + o + h, len, t);
		if ((buf[o] & 15) == 9) {
			static const unsigned char pong[6] = { 0x8a, 0x80 };

			if (write(c->fd, pong, 6) != 6)
				return -1;
		}
		o += h + len;
	}
	c->have = have - o;
	if (c->have > KEEP)
		return -1;
	memcpy(c->buf, buf + o, c->have);
	return 0;
}

static struct client *
connect_all(int ep, int n, int port, const char *path, const char *header,
    const char *hello)
{
	struct client *c = calloc((size_t)n, sizeof(*c));

	for (int i = 0; i < n; i++) {
		struct epoll_event e = { .events = EPOLLIN,
		    .data.ptr = &c[i] };

		c[i].fd = open_ws(port, path, header);
		if (*hello != '\0')
			say(c[i].fd, hello, strlen(hello));
		fcntl(c[i].fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &e);
	}
	return c;
}

static size_t
serve(int ep, int ms)
{
	struct epoll_event ev[256];
	int k = epoll_wait(ep, ev, 256, ms < 0 ? 0 : ms);
	size_t lost = 0;

	for (int i = 0; i < k; i++) {
		struct client *c = ev[i].data.ptr;

		if (input(c) == -1) {
			lost++;
			epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
		}
	}
	return lost;
}

int
main(int argc, char **argv)
{
	const char *header = argc > 8 ? argv[8] : "",
	    *hello = argc > 9 ? argv[9] : "";
	int n, rate, secs, burst, port, ep = epoll_create1(0), sent = 0;
	double t0, next, end;
	size_t lost = 0;
	struct rusage u;

	if (argc < 8)
		return 2;
	port = atoi(argv[1]);
	n = atoi(argv[3]);
	rate = atoi(argv[4]);
	secs = atoi(argv[5]);
	burst = atoi(argv[6]);
	cap = (size_t)n * (size_t)rate * (size_t)(secs + 2) * (size_t)burst;
	lat = malloc(cap * sizeof(*lat));
	connect_all(ep, n, port, argv[2], header, hello);
	pub_open(port, argv[7], header);
	for (end = now() + 2; now() < end;)
		lost += serve(ep, 50);
	got = 0;
	printf("READY\n");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	t0 = next = now();
	end = t0 + secs;
	while (now() < end + 1.5) {
		double t = now();

		if (t < end && t >= next) {
			for (int i = 0; i < burst; i++)
				publish(sent++);
			next += 1.0 / rate;
		}
		lost += serve(ep, t < end ? (int)((next - t) * 1000) : 20);
	}
	getrusage(RUSAGE_SELF, &u);
	qsort(lat, got, sizeof(*lat), compare);
	printf("{\"conns\":%d,\"sent\":%d,\"delivered\":%zu,\"expected\":%zu,"
	    "\"lost\":%zu,\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n", n, sent, got,
	    (size_t)sent * (size_t)n, lost, got ? lat[got / 2] : 0,
	    got ? lat[got * 99 / 100] : 0);
	fflush(stdout);
	if (getchar() == EOF)
		return 0;
	return 0;
}
