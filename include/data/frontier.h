/* frontier.h: for each slot, the lowest offset that is not yet done.
 *
 * Only what is incomplete is kept: a *hold* says "from this offset on, something of the slot is still outstanding" (a page in
 * flight, a dead letter not acknowledged).  A slot's holds form a list in ascending offset order whose head is the frontier; a
 * slot without holds has its position as its frontier.  Holes in the offsets do not matter.
 *
 *     slot 3:  position 118      holds  104 -> 109 -> 115      frontier = 104
 *
 * A slot is whatever the owner counts apart: a partition of the live flow, or one shard's range in a partition that is read again.
 * Each hold has a lane (the shard that it waits for, or MR_LANE_NONE) and an owner (any number).  mr_frontier_cover takes a lane's holds
 * out of what counts: somebody else (a parked range) answers for them from then on, and releasing them only frees them.
 *
 * mr_frontier_open starts a new life of a slot (a new epoch): holds of an earlier life only free themselves when released, and
 * no longer count.  What is asked of a slot that is not open says nothing.
 *
 * The owning consumer thread alone uses it (base/owner.h).  Every operation is O(1) but for mr_frontier_cover and mr_frontier_hold_behind, which
 * walk the slot's list.  Holds are named by index and preallocated: who makes it says how many there can be, one more is a must, as is anything
 * out of order.
 */
#ifndef MR_DATA_FRONTIER_H
#define MR_DATA_FRONTIER_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_frontier mr_frontier;

#define MR_HOLD_NONE UINT32_MAX
#define MR_LANE_NONE UINT32_MAX

mr_frontier *mr_frontier_new(mr_arena *arena, const char *part, uint32_t slots, uint32_t holds_max);
/* Begins a life of the slot at `position`; returns its epoch (counts up from 1). */
uint32_t mr_frontier_open(mr_frontier *frontier, uint32_t slot, int64_t position);
/* Ends it: outstanding holds become stale. */
void mr_frontier_close(mr_frontier *frontier, uint32_t slot);
bool mr_frontier_is_open(const mr_frontier *frontier, uint32_t slot);
uint32_t mr_frontier_epoch(const mr_frontier *frontier, uint32_t slot);

/* What a hold is for. */
typedef struct mr_hold_for {
    uint32_t lane;
    uint32_t owner;
    uint32_t
        chain; /* the next hold of the same owner (a page), for mr_frontier_chain; MR_HOLD_NONE ends it */
} mr_hold_for;

/* Takes a hold at `offset`, at or above the position and every earlier hold of this life. */
uint32_t mr_frontier_hold(mr_frontier *frontier, uint32_t slot, int64_t offset, mr_hold_for what);
/* The same anywhere from the frontier up to the position: for a row that was judged while others around it were outstanding. */
uint32_t mr_frontier_hold_behind(mr_frontier *frontier, uint32_t slot, int64_t offset, mr_hold_for what);
/* Gives it back, of whatever life it is. */
void mr_frontier_release(mr_frontier *frontier, uint32_t hold);
/* From now on the lane's holds do not count; returns the lowest of their offsets, negative when there was none. */
int64_t mr_frontier_cover(mr_frontier *frontier, uint32_t slot, uint32_t lane);
/* Of the slot's present life, and not covered. */
bool mr_frontier_counts(const mr_frontier *frontier, uint32_t hold);
uint32_t mr_frontier_slot_of(const mr_frontier *frontier, uint32_t hold);
int64_t mr_frontier_offset_of(const mr_frontier *frontier, uint32_t hold);
uint32_t mr_frontier_chain(const mr_frontier *frontier, uint32_t hold);
uint32_t mr_frontier_owner_of(const mr_frontier *frontier, uint32_t hold);
uint32_t mr_frontier_lane_of(const mr_frontier *frontier, uint32_t hold);

/* The next offset to be read; only moves up within a life. */
void mr_frontier_advance(mr_frontier *frontier, uint32_t slot, int64_t position);
int64_t mr_frontier_position(const mr_frontier *frontier, uint32_t slot);
/* The lowest incomplete offset: what may be committed. */
int64_t mr_frontier_lowest(const mr_frontier *frontier, uint32_t slot);
/* The hold there; MR_HOLD_NONE: none. */
uint32_t mr_frontier_oldest(const mr_frontier *frontier, uint32_t slot);
bool mr_frontier_quiet(const mr_frontier *frontier, uint32_t slot); /* no hold that counts */
uint32_t mr_frontier_held(const mr_frontier *frontier); /* holds in use, those that do not count included */
void mr_frontier_check(const mr_frontier *frontier);    /* every invariant; for tests and the simulator */

#endif
