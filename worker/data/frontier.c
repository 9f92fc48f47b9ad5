#include "data/frontier.h"

#include "base/must.h"
#include "base/owner.h"

#define COVERED UINT32_MAX /* in place of a hold's epoch */

typedef struct hold {
    int64_t offset;
    uint32_t slot;
    uint32_t epoch;          /* of the slot when taken; 0: free */
    uint32_t earlier, later; /* in the slot's list; `later` links the free ones */
    mr_hold_for what;
} hold;

typedef struct life {
    int64_t position;
    uint32_t epoch;
    bool open;
    uint32_t oldest, newest; /* MR_HOLD_NONE when there is none */
} life;

struct mr_frontier {
    mr_owner owner;
    life *lives; /* [slots] */
    hold *holds; /* [holds_max] */
    uint32_t slots, holds_max;
    uint32_t free, held;
};

mr_frontier *mr_frontier_new(mr_arena *arena, const char *part, uint32_t slots, uint32_t holds_max)
{
    mr_frontier *frontier = mr_arena_take(arena, part, 1, sizeof *frontier);
    frontier->lives = mr_arena_take(arena, part, slots, sizeof *frontier->lives);
    frontier->holds = mr_arena_take(arena, part, holds_max, sizeof *frontier->holds);
    frontier->slots = slots;
    frontier->holds_max = holds_max;
    frontier->free = MR_HOLD_NONE;
    for (uint32_t i = holds_max; i-- > 0;) {
        frontier->holds[i].later = frontier->free;
        frontier->free = i;
    }
    return frontier;
}

static life *life_of(const mr_frontier *frontier, uint32_t slot)
{
    must(slot < frontier->slots);
    return &frontier->lives[slot];
}

uint32_t mr_frontier_open(mr_frontier *frontier, uint32_t slot, int64_t position)
{
    life *now = life_of(frontier, slot);
    mr_owner_here(&frontier->owner);
    must(!now->open && position >= 0);
    *now = (life){.position = position,
                  .epoch = now->epoch + 1,
                  .open = true,
                  .oldest = MR_HOLD_NONE,
                  .newest = MR_HOLD_NONE};
    must(now->epoch != 0 && now->epoch != COVERED);
    return now->epoch;
}

void mr_frontier_close(mr_frontier *frontier, uint32_t slot)
{
    life *now = life_of(frontier, slot);
    mr_owner_here(&frontier->owner);
    must(now->open);
    /* Holds that are left are told apart by their epoch: the next life has another one. */
    now->open = false;
}

uint32_t mr_frontier_epoch(const mr_frontier *frontier, uint32_t slot)
{
    return life_of(frontier, slot)->epoch;
}

bool mr_frontier_is_open(const mr_frontier *frontier, uint32_t slot)
{
    return life_of(frontier, slot)->open;
}

static hold *hold_at(const mr_frontier *frontier, uint32_t at)
{
    must(at < frontier->holds_max && frontier->holds[at].epoch != 0);
    return &frontier->holds[at];
}

/* Puts a new hold into the slot's list, behind `earlier`. */
static uint32_t insert(mr_frontier *frontier, uint32_t slot, int64_t offset, mr_hold_for what,
                       uint32_t earlier)
{
    mr_owner_here(&frontier->owner);
    life *now = life_of(frontier, slot);
    uint32_t at = frontier->free;
    must(at != MR_HOLD_NONE);
    hold *made = &frontier->holds[at];
    frontier->free = made->later;
    frontier->held++;
    uint32_t *before = earlier == MR_HOLD_NONE ? &now->oldest : &frontier->holds[earlier].later;
    *made = (hold){.offset = offset,
                   .slot = slot,
                   .epoch = now->epoch,
                   .earlier = earlier,
                   .later = *before,
                   .what = what};
    *(made->later == MR_HOLD_NONE ? &now->newest : &frontier->holds[made->later].earlier) = at;
    *before = at;
    return at;
}

uint32_t mr_frontier_hold(mr_frontier *frontier, uint32_t slot, int64_t offset, mr_hold_for what)
{
    const life *now = life_of(frontier, slot);
    must(now->open && offset >= now->position);
    must(now->newest == MR_HOLD_NONE || offset >= frontier->holds[now->newest].offset);
    return insert(frontier, slot, offset, what, now->newest);
}

uint32_t mr_frontier_hold_behind(mr_frontier *frontier, uint32_t slot, int64_t offset, mr_hold_for what)
{
    const life *now = life_of(frontier, slot);
    must(now->open && offset >= mr_frontier_lowest(frontier, slot) && offset <= now->position);
    uint32_t earlier = now->newest;
    while (earlier != MR_HOLD_NONE && frontier->holds[earlier].offset > offset)
        earlier = frontier->holds[earlier].earlier;
    return insert(frontier, slot, offset, what, earlier);
}

uint32_t mr_frontier_chain(const mr_frontier *frontier, uint32_t at)
{
    return hold_at(frontier, at)->what.chain;
}

uint32_t mr_frontier_slot_of(const mr_frontier *frontier, uint32_t at)
{
    return hold_at(frontier, at)->slot;
}

int64_t mr_frontier_offset_of(const mr_frontier *frontier, uint32_t at)
{
    return hold_at(frontier, at)->offset;
}

uint32_t mr_frontier_owner_of(const mr_frontier *frontier, uint32_t at)
{
    return hold_at(frontier, at)->what.owner;
}

uint32_t mr_frontier_lane_of(const mr_frontier *frontier, uint32_t at)
{
    return hold_at(frontier, at)->what.lane;
}

bool mr_frontier_counts(const mr_frontier *frontier, uint32_t at)
{
    const hold *one = hold_at(frontier, at);
    const life *now = life_of(frontier, one->slot);
    return now->open && one->epoch == now->epoch;
}

static void unlink_hold(mr_frontier *frontier, const hold *gone)
{
    life *now = life_of(frontier, gone->slot);
    *(gone->earlier == MR_HOLD_NONE ? &now->oldest : &frontier->holds[gone->earlier].later) = gone->later;
    *(gone->later == MR_HOLD_NONE ? &now->newest : &frontier->holds[gone->later].earlier) = gone->earlier;
}

void mr_frontier_release(mr_frontier *frontier, uint32_t at)
{
    mr_owner_here(&frontier->owner);
    hold *gone = hold_at(frontier, at);
    if (mr_frontier_counts(frontier, at))
        unlink_hold(frontier, gone);
    gone->epoch = 0;
    gone->later = frontier->free;
    frontier->free = at;
    frontier->held--;
}

int64_t mr_frontier_cover(mr_frontier *frontier, uint32_t slot, uint32_t lane)
{
    const life *now = life_of(frontier, slot);
    int64_t lowest = -1;
    mr_owner_here(&frontier->owner);
    must(now->open);
    for (uint32_t at = now->oldest, next; at != MR_HOLD_NONE; at = next) {
        hold *one = &frontier->holds[at];
        next = one->later;
        if (one->what.lane != lane)
            continue;
        lowest = lowest < 0 ? one->offset : lowest;
        unlink_hold(frontier, one);
        one->epoch = COVERED;
    }
    return lowest;
}

void mr_frontier_advance(mr_frontier *frontier, uint32_t slot, int64_t position)
{
    life *now = life_of(frontier, slot);
    mr_owner_here(&frontier->owner);
    must(now->open && position >= now->position);
    now->position = position;
}

int64_t mr_frontier_position(const mr_frontier *frontier, uint32_t slot)
{
    return life_of(frontier, slot)->position;
}

int64_t mr_frontier_lowest(const mr_frontier *frontier, uint32_t slot)
{
    const life *now = life_of(frontier, slot);
    return now->oldest == MR_HOLD_NONE ? now->position : frontier->holds[now->oldest].offset;
}

uint32_t mr_frontier_oldest(const mr_frontier *frontier, uint32_t slot)
{
    return life_of(frontier, slot)->oldest;
}

bool mr_frontier_quiet(const mr_frontier *frontier, uint32_t slot)
{
    return life_of(frontier, slot)->oldest == MR_HOLD_NONE;
}

uint32_t mr_frontier_held(const mr_frontier *frontier)
{
    return frontier->held;
}

void mr_frontier_check(const mr_frontier *frontier)
{
    uint32_t free_holds = 0;
    for (uint32_t at = frontier->free; at != MR_HOLD_NONE; at = frontier->holds[at].later) {
        must(frontier->holds[at].epoch == 0);
        must(++free_holds <= frontier->holds_max);
    }
    must(free_holds + frontier->held == frontier->holds_max);
    for (uint32_t slot = 0; slot < frontier->slots; slot++) {
        const life *now = &frontier->lives[slot];
        uint32_t before = MR_HOLD_NONE;
        int64_t least = 0;
        for (uint32_t at = now->open ? now->oldest : MR_HOLD_NONE; at != MR_HOLD_NONE;
             at = frontier->holds[at].later) {
            const hold *one = &frontier->holds[at];
            must(one->slot == slot && one->epoch == now->epoch && one->earlier == before);
            must(one->offset >= least && one->offset <= now->position);
            least = one->offset;
            before = at;
        }
        must(!now->open || now->newest == before);
    }
}
