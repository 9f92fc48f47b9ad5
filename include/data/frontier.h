/* frontier.h: for each partition, the lowest offset that is not yet done.
 *
 * Only what is incomplete is kept: a *hold* says "from this offset on, something of partition slot s is still
 * outstanding" (a page in flight, a dead letter not acknowledged).  Per slot, holds are taken in ascending
 * offset order, so they form a list whose head is the frontier; a slot without holds has its position as its
 * frontier.  Holes in the offsets do not matter.
 *
 *     slot 3:  position 118      holds  104 -> 109 -> 115      frontier = 104
 *
 * The owning consumer thread alone uses it.  Every operation is O(1).  Holds are named by index, preallocated.
 * mr_frontier_open starts a new life of a slot (a new assignment epoch): holds of an earlier life only free themselves when
 * released, and no longer count.
 */
#ifndef MR_DATA_FRONTIER_H
#define MR_DATA_FRONTIER_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_frontier mr_frontier;

#define MR_HOLD_NONE UINT32_MAX

mr_frontier *mr_frontier_new(mr_arena *arena, const char *part, uint32_t slots, uint32_t holds_max);
/* Begins a life of the slot at `position`; returns its epoch (counts up from 1). */
uint32_t mr_frontier_open(mr_frontier *frontier, uint32_t slot, int64_t position);
/* Ends it: outstanding holds become stale. */
void mr_frontier_close(mr_frontier *frontier, uint32_t slot);
uint32_t mr_frontier_epoch(const mr_frontier *frontier, uint32_t slot);

/* Takes a hold at `offset` (at or above the position and every earlier hold of this life).  `next` chains holds of one
 * owner (a page): the new hold's link is `chain`, read it back with mr_frontier_chain. */
uint32_t mr_frontier_hold(mr_frontier *frontier, uint32_t slot, int64_t offset, uint32_t chain);
uint32_t mr_frontier_chain(const mr_frontier *frontier, uint32_t hold);
void mr_frontier_release(mr_frontier *frontier, uint32_t hold);

/* The next offset to be read; only moves up within a life. */
void mr_frontier_advance(mr_frontier *frontier, uint32_t slot, int64_t position);
int64_t mr_frontier_position(const mr_frontier *frontier, uint32_t slot);
/* The lowest incomplete offset: what may be committed. */
int64_t mr_frontier_lowest(const mr_frontier *frontier, uint32_t slot);
bool mr_frontier_quiet(const mr_frontier *frontier, uint32_t slot); /* no hold of this life */
uint32_t mr_frontier_held(const mr_frontier *frontier);             /* holds in use, stale ones included */
void mr_frontier_check(const mr_frontier *frontier);

#endif
