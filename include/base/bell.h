/* bell.h: wakes one sleeping thread, through an eventfd.
 *
 * The sleeper announces that it is going to sleep, looks once more for work, and then waits; a ringer pays for a system call only
 * when the sleeper has announced itself.  librdkafka can ring it as well (mr_bell_fd is written 8 bytes when a queue gets its first message).
 * Any thread rings; one thread sleeps.
 */
#ifndef MR_BASE_BELL_H
#define MR_BASE_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_bell {
    _Atomic bool asleep;
    int fd;
} mr_bell;

bool mr_bell_init(mr_bell *bell); /* false: no file descriptor left (errno) */
void mr_bell_close(mr_bell *bell);
void mr_bell_ring(mr_bell *bell);
/* `mr_bell_announce(b); if (no work) mr_bell_sleep(b, ms); else mr_bell_stay(b);` */
void mr_bell_announce(mr_bell *bell);
void mr_bell_stay(mr_bell *bell);
void mr_bell_sleep(mr_bell *bell, uint64_t timeout_ms);

#endif
