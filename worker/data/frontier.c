#include "data/frontier.h"

#include "base/must.h"

typedef struct hold {
    int64_t offset;
    uint32_t slot;
    uint32_t epoch;          /* of the slot when taken; 0: free */
    uint32_t earlier, later; /* in the slot's list; `later` links the free ones */
    uint32_t chain;
} hold;

typedef struct life {
    int64_t position;
    uint32_t epoch;
    bool open;
    uint32_t oldest, newest; /* MR_HOLD_NONE when there is none */
} life;

struct mr_frontier {
    life *lives;
    hold *holds;
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
    must(!now->open && position >= 0);
    *now = (life){.position = position,
                  .epoch = now->epoch + 1,
                  .open = true,
                  .oldest = MR_HOLD_NONE,
                  .newest = MR_HOLD_NONE};
    must(now->epoch != 0);
    return now->epoch;
}

void mr_frontier_close(mr_frontier *frontier, uint32_t slot)
{
    life *now = life_of(frontier, slot);
    must(now->open);
    /* Holds that are left are told apart by their epoch: the next life has another one. */
    now->open = false;
}

uint32_t mr_frontier_epoch(const mr_frontier *frontier, uint32_t slot)
{
    return life_of(frontier, slot)->epoch;
}

uint32_t mr_frontier_hold(mr_frontier *frontier, uint32_t slot, int64_t offset, uint32_t chain)
{
    life *now = life_of(frontier, slot);
    uint32_t at = frontier->free;
    must(now->open && at != MR_HOLD_NONE && offset >= now->position);
    must(now->newest == MR_HOLD_NONE || offset >= frontier->holds[now->newest].offset);
    hold *made = &frontier->holds[at];
    frontier->free = made->later;
    frontier->held++;
    *made = (hold){.offset = offset,
                   .slot = slot,
                   .epoch = now->epoch,
                   .earlier = now->newest,
                   .later = MR_HOLD_NONE,
                   .chain = chain};
    if (now->newest != MR_HOLD_NONE)
        frontier->holds[now->newest].later = at;
    else
        now->oldest = at;
    now->newest = at;
    return at;
}

uint32_t mr_frontier_chain(const mr_frontier *frontier, uint32_t at)
{
    must(at < frontier->holds_max && frontier->holds[at].epoch != 0);
    return frontier->holds[at].chain;
}

void mr_frontier_release(mr_frontier *frontier, uint32_t at)
{
    must(at < frontier->holds_max && frontier->holds[at].epoch != 0);
    hold *gone = &frontier->holds[at];
    life *now = life_of(frontier, gone->slot);
    if (now->open && gone->epoch == now->epoch) {
        if (gone->earlier != MR_HOLD_NONE)
            frontier->holds[gone->earlier].later = gone->later;
        else
            now->oldest = gone->later;
        if (gone->later != MR_HOLD_NONE)
            frontier->holds[gone->later].earlier = gone->earlier;
        else
            now->newest = gone->earlier;
    }
    gone->epoch = 0;
    gone->later = frontier->free;
    frontier->free = at;
    frontier->held--;
}

void mr_frontier_advance(mr_frontier *frontier, uint32_t slot, int64_t position)
{
    life *now = life_of(frontier, slot);
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
