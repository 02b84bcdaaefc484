/*
 * Bells: wake-ups between processes of one host. A listening process binds a
 * datagram socket <run_dir>/bell.<name>; whoever has committed something for
 * it sends one small datagram, which may be lost: every listener also looks
 * by itself (once a second). Never rung before a commit.
 */
#ifndef PROC_BELL_H
#define PROC_BELL_H

#include <stddef.h>

struct err;

/* Directory of the sockets; called once by each program's start. */
void bell_dir(const char *run_dir);
/* Binds and returns a non-blocking descriptor to poll. Replaces a socket
 * whose owner is gone; 409 when another live process listens. */
int  bell_listen(const char *name, int *fd, struct err *);
/* Takes all waiting datagrams; the latest into buf (NUL-terminated). Returns
 * their count. */
size_t bell_take(int fd, char *buf, size_t cap);
/* The same, each text given to fn. */
size_t bell_each(int fd, void (*fn)(void *arg, const char *text), void *arg);
/* Never blocks, never fails. text at most 200 bytes, may be "". */
void bell_ring(const char *name, const char *text);
/* One datagram of up to 128 KiB for a listener that reads them itself
 * (ephemeral events): 0 sent, -1 nobody there or its buffer is full. */
int  bell_send(const char *name, const void *, size_t);
void bell_close(const char *name, int fd);

#endif
