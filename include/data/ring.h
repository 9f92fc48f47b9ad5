/* ring.h: a single-producer single-consumer queue of 32-bit handles.
 *
 * One thread pushes, one other thread pops: each end belongs to the thread that first uses it (base/owner.h).  Nothing blocks, nothing is
 * allocated after mr_ring_new.  Head and tail are free-running counters on cache lines of their own; wrap-around of the counters is tested.
 * Who makes it sizes it for all handles that can exist, so that a push cannot fail by design (it is a must).
 */
#ifndef MR_DATA_RING_H
#define MR_DATA_RING_H

#include "base/arena.h"
#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_ring mr_ring;

/* Room for at least `capacity` handles (rounded up to a power of two, at most 2^31). */
mr_ring *mr_ring_new(mr_arena *arena, const char *part, uint32_t capacity);
void mr_ring_push(mr_ring *ring, uint32_t handle);            /* producer; must not be full */
bool mr_ring_pop(mr_ring *ring, uint32_t *handle) MR_CHECKED; /* consumer; false when empty */
uint32_t mr_ring_used(const mr_ring *ring);                   /* any thread; a moment's truth */
/* All that was pushed so far, as a mark; and whether that has been popped, whatever came after it.  A mark holds for 2^31 pops.  Any thread. */
uint32_t mr_ring_mark(const mr_ring *ring);
bool mr_ring_is_past(const mr_ring *ring, uint32_t mark);
void mr_ring_check(const mr_ring *ring); /* while neither end is at work; for tests and the simulator */

#endif
