/* bell.h: wakes one sleeping thread, through an eventfd.
 *
 * The sleeper announces that it is going to sleep, looks once more for work, and then waits; a ringer pays for a system call only
 * when the sleeper has announced itself.  librdkafka can ring it as well: 8 bytes are written to `fd` when a queue gets its first message.
 *
 * Any thread rings, without waiting; one thread sleeps (base/owner.h).  A ring that comes between announcing and sleeping, or before, is not lost:
 * the work is seen, or the sleep ends at once.  It may also end early, or without anything to do; it lasts an hour at most.
 * Memory: the caller's, and a file descriptor.
 */
#ifndef MR_BASE_BELL_H
#define MR_BASE_BELL_H

#include "base/owner.h"
#include "base/status.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_bell {
    _Atomic bool asleep;
    int fd;
    mr_owner sleeper;
} mr_bell;

bool mr_bell_init(mr_bell *bell)
    MR_CHECKED; /* false: no file descriptor left (errno); may be closed all the same */
void mr_bell_close(mr_bell *bell);
void mr_bell_ring(mr_bell *bell);
/* `mr_bell_announce(b); if (no work) mr_bell_sleep(b, ms); else mr_bell_stay(b);` */
void mr_bell_announce(mr_bell *bell);
void mr_bell_stay(mr_bell *bell);
void mr_bell_sleep(mr_bell *bell, uint64_t timeout_ms);

#endif
