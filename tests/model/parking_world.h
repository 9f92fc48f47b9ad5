/* parking_world.h: a consumer thread in miniature, with the real frontier and the real parked ranges, and a naive truth beside them: which events are
 * durable.  For test_parking_model.c, which drives it at random.
 *
 *     partition   0 1 . 3 4 5 6 . 8 9 ...      each event belongs to a shard or to nobody; there are holes
 *     live flow   ------------->               pages, letters, skipped events
 *     replay          ----->                   lanes: shard by shard, up to where the range ends
 *
 * Gates open and close, pages come back durable, parked, or parked although they were written; letters are acknowledged; and a partition begins
 * anew at any snapshot that there ever was.  The steps are those of consumer_live.c, consumer_settle.c and consumer_again.c.
 */
#ifndef MR_TESTS_PARKING_WORLD_H
#define MR_TESTS_PARKING_WORLD_H

#include "data/frontier.h"
#include "model.h"
#include "stages/parking.h"
#include <string.h>

enum { SLOTS = 2, SHARDS = 3, NOBODY = SHARDS, HOLE = SHARDS + 1, EVENTS = 100 };
enum { PAGES = 12, ROWS = 6, LETTERS = 8, KEPT = 64, HOLDS = 256 };

typedef enum gate { GATE_CLOSED, GATE_PROBED, GATE_OPEN } gate;

typedef struct row {
    uint32_t slot, epoch;
    int64_t offset;
} row;

typedef struct page {
    bool used, open, replay;
    uint32_t shard, holds, count;
    row rows[ROWS];
} page;

typedef struct letter {
    bool used, replay;
    uint32_t slot, shard, hold;
    int64_t offset;
} letter;

typedef struct snapshot {
    int64_t lowest;
    mr_range ranges[SHARDS];
} snapshot;

typedef struct world {
    mr_arena *arena;
    mr_parking *parking;
    mr_frontier *live, *lanes;
    uint8_t shard_of[SLOTS][EVENTS];
    bool durable[SLOTS][EVENTS];
    gate gates[SHARDS];
    page pages[PAGES];
    letter letters[LETTERS];
    snapshot kept[SLOTS][KEPT];
    uint32_t kept_count[SLOTS];
} world;

static inline uint32_t world_lane(uint32_t slot, uint32_t shard)
{
    return slot * SHARDS + shard;
}

static inline mr_frontier *world_frontier(const world *w, bool replay)
{
    return replay ? w->lanes : w->live;
}

static inline mr_range_state world_state(const world *w, uint32_t slot, uint32_t shard)
{
    return mr_parking_range(w->parking, slot, shard).state;
}

/* ---- parking ---- */

static inline void world_close_lane(world *w, uint32_t slot, uint32_t shard)
{
    for (letter *one = w->letters; one < w->letters + LETTERS; one++)
        if (one->used && one->replay && one->slot == slot && one->shard == shard) {
            mr_frontier_release(w->lanes, one->hold);
            one->used = false;
        }
    mr_frontier_close(w->lanes, world_lane(slot, shard));
}

static inline void world_abandon(world *w, uint32_t slot, uint32_t shard)
{
    uint32_t lane = world_lane(slot, shard);
    if (!mr_frontier_is_open(w->lanes, lane))
        return;
    if (world_state(w, slot, shard) == MR_RANGE_REPLAY) {
        mr_parking_progress(w->parking, slot, shard, mr_frontier_lowest(w->lanes, lane));
        if (world_state(w, slot, shard) == MR_RANGE_REPLAY)
            mr_parking_park(w->parking, slot, shard, mr_parking_range(w->parking, slot, shard).from);
    }
    world_close_lane(w, slot, shard);
}

static inline void world_park(world *w, uint32_t slot, uint32_t shard, int64_t offset)
{
    int64_t lowest = mr_frontier_cover(w->live, slot, shard);
    world_abandon(w, slot, shard);
    mr_parking_park(w->parking, slot, shard, lowest >= 0 && lowest < offset ? lowest : offset);
}

/* ---- pages ---- */

static inline page *world_page(world *w, bool replay, uint32_t shard)
{
    page *unused = NULL;
    for (page *one = w->pages; one < w->pages + PAGES; one++) {
        if (one->used && one->open && one->replay == replay && one->shard == shard)
            return one;
        unused = one->used ? unused : one;
    }
    if (unused)
        *unused = (page){.used = true, .open = true, .replay = replay, .shard = shard, .holds = MR_HOLD_NONE};
    return unused;
}

/* Whether a hold of the page answers for the offset: one that a range has taken over does not, and a page may have gone on after that. */
static inline bool world_has_hold(const world *w, const page *in, uint32_t frontier_slot, int64_t offset)
{
    const mr_frontier *frontier = world_frontier(w, in->replay);
    for (uint32_t hold = in->holds; hold != MR_HOLD_NONE; hold = mr_frontier_chain(frontier, hold))
        if (mr_frontier_slot_of(frontier, hold) == frontier_slot && mr_frontier_counts(frontier, hold) &&
            mr_frontier_offset_of(frontier, hold) <= offset)
            return true;
    return false;
}

static inline void world_place(world *w, page *in, uint32_t slot, int64_t offset)
{
    mr_frontier *frontier = world_frontier(w, in->replay);
    uint32_t at = in->replay ? world_lane(slot, in->shard) : slot;
    mr_hold_for what = {.lane = in->replay ? MR_LANE_NONE : in->shard, .chain = in->holds};
    if (!world_has_hold(w, in, at, offset))
        in->holds = mr_frontier_hold(frontier, at, offset, what);
    in->rows[in->count++] = (row){.slot = slot, .epoch = mr_frontier_epoch(frontier, at), .offset = offset};
    in->open = in->count < ROWS;
}

static inline void world_give(world *w, page *gone)
{
    mr_frontier *frontier = world_frontier(w, gone->replay);
    for (uint32_t hold = gone->holds, next; hold != MR_HOLD_NONE; hold = next) {
        next = mr_frontier_chain(frontier, hold);
        mr_frontier_release(frontier, hold);
    }
    gone->used = false;
}

/* Its rows may have been written all the same: the answer was lost. */
static inline void world_write_some(world *w, const page *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        if (model_below(2))
            w->durable[from->rows[i].slot][from->rows[i].offset] = true;
}

static inline void world_return_parked(world *w, page *back)
{
    const mr_frontier *frontier = world_frontier(w, back->replay);
    for (uint32_t hold = back->holds; hold != MR_HOLD_NONE; hold = mr_frontier_chain(frontier, hold)) {
        uint32_t at = mr_frontier_slot_of(frontier, hold);
        if (!mr_frontier_counts(frontier, hold))
            continue;
        if (back->replay)
            world_abandon(w, at / SHARDS, back->shard);
        else
            world_park(w, at, back->shard, mr_frontier_offset_of(frontier, hold));
    }
    world_give(w, back);
}

/* A row that the database refuses becomes a letter, if it is still this life's to judge; true when there was room. */
static inline bool world_refuse(world *w, const page *back, const row *refused)
{
    mr_frontier *frontier = world_frontier(w, back->replay);
    uint32_t at = back->replay ? world_lane(refused->slot, back->shard) : refused->slot;
    if (!world_has_hold(w, back, at, refused->offset) || mr_frontier_epoch(frontier, at) != refused->epoch)
        return true;
    for (letter *one = w->letters; one < w->letters + LETTERS; one++) {
        mr_hold_for what = {.lane = MR_LANE_NONE, .chain = MR_HOLD_NONE};
        if (one->used)
            continue;
        *one = (letter){.used = true,
                        .replay = back->replay,
                        .slot = refused->slot,
                        .shard = back->shard,
                        .hold = mr_frontier_hold_behind(frontier, at, refused->offset, what),
                        .offset = refused->offset};
        return true;
    }
    return false;
}

static inline void world_return_durable(world *w, page *back)
{
    for (uint32_t i = 0; i < back->count; i++) {
        const row *one = &back->rows[i];
        if (model_below(6) || w->durable[one->slot][one->offset] || !world_refuse(w, back, one))
            w->durable[one->slot][one->offset] = true;
    }
    world_give(w, back);
}

/* ---- the live flow ---- */

static inline bool world_letter_of_nobody(world *w, uint32_t slot, int64_t offset)
{
    mr_hold_for what = {.lane = MR_LANE_NONE, .chain = MR_HOLD_NONE};
    for (letter *one = w->letters; one < w->letters + LETTERS; one++)
        if (!one->used) {
            uint32_t hold = mr_frontier_hold(w->live, slot, offset, what);
            *one = (letter){.used = true, .slot = slot, .shard = NOBODY, .hold = hold, .offset = offset};
            return true;
        }
    return false;
}

static inline void world_live(world *w, uint32_t slot)
{
    int64_t offset = mr_frontier_position(w->live, slot);
    while (offset < EVENTS && w->shard_of[slot][offset] == HOLE)
        offset++;
    if (offset == EVENTS) { /* an end-of-partition event says so */
        mr_frontier_advance(w->live, slot, EVENTS);
        return;
    }
    uint32_t shard = w->shard_of[slot][offset];
    if (shard == NOBODY) {
        if (!world_letter_of_nobody(w, slot, offset))
            return;
    } else if (w->gates[shard] != GATE_OPEN || mr_parking_skips(w->parking, slot, shard, offset)) {
        if (!mr_parking_skips(w->parking, slot, shard, offset))
            world_park(w, slot, shard, offset);
    } else {
        page *in = world_page(w, false, shard);
        if (!in)
            return;
        world_place(w, in, slot, offset);
    }
    mr_frontier_advance(w->live, slot, offset + 1);
}

/* ---- the replay ---- */

static inline void world_tend(world *w, uint32_t slot, uint32_t shard)
{
    uint32_t lane = world_lane(slot, shard);
    if (world_state(w, slot, shard) == MR_RANGE_PARKED && w->gates[shard] == GATE_OPEN) {
        mr_parking_reopen(w->parking, slot, shard, mr_frontier_position(w->live, slot));
        if (world_state(w, slot, shard) == MR_RANGE_LIVE && mr_frontier_is_open(w->lanes, lane))
            world_close_lane(w, slot, shard);
    }
    if (world_state(w, slot, shard) == MR_RANGE_LIVE)
        return;
    if (!mr_frontier_is_open(w->lanes, lane) && w->gates[shard] != GATE_CLOSED)
        mr_frontier_open(w->lanes, lane, mr_parking_range(w->parking, slot, shard).from);
    if (mr_frontier_is_open(w->lanes, lane) && world_state(w, slot, shard) == MR_RANGE_REPLAY) {
        mr_parking_progress(w->parking, slot, shard, mr_frontier_lowest(w->lanes, lane));
        if (world_state(w, slot, shard) == MR_RANGE_LIVE)
            world_close_lane(w, slot, shard);
    }
}

static inline void world_read_again(world *w, uint32_t slot, uint32_t shard)
{
    uint32_t lane = world_lane(slot, shard);
    if (!mr_frontier_is_open(w->lanes, lane))
        return;
    mr_range range = mr_parking_range(w->parking, slot, shard);
    int64_t end = range.state == MR_RANGE_REPLAY ? range.to : mr_frontier_position(w->live, slot);
    int64_t offset = mr_frontier_position(w->lanes, lane);
    while (offset < end && w->shard_of[slot][offset] != shard)
        offset++;
    if (offset < end) {
        page *in = world_page(w, true, shard);
        if (!in)
            return;
        world_place(w, in, slot, offset++);
    }
    if (offset > mr_frontier_position(w->lanes, lane))
        mr_frontier_advance(w->lanes, lane, offset);
}

/* ---- gates ---- */

static inline void world_gate(world *w, uint32_t shard, gate to)
{
    w->gates[shard] = to;
    if (to != GATE_CLOSED)
        return;
    for (page *one = w->pages; one < w->pages + PAGES; one++)
        if (one->used && one->open && one->shard == shard)
            world_return_parked(w, one);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        world_abandon(w, slot, shard);
}

/* ---- assignments ---- */

static inline snapshot world_now(const world *w, uint32_t slot)
{
    snapshot now = {.lowest = mr_frontier_lowest(w->live, slot)};
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        now.ranges[shard] = mr_parking_range(w->parking, slot, shard);
    return now;
}

static inline void world_end(world *w, uint32_t slot)
{
    for (letter *one = w->letters; one < w->letters + LETTERS; one++)
        if (one->used && one->slot == slot) {
            mr_frontier_release(world_frontier(w, one->replay), one->hold);
            one->used = false;
        }
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        if (mr_frontier_is_open(w->lanes, world_lane(slot, shard)))
            world_close_lane(w, slot, shard);
    mr_parking_end(w->parking, slot);
    mr_frontier_close(w->live, slot);
}

static inline void world_begin(world *w, uint32_t slot, int64_t offset, const mr_range *ranges)
{
    mr_frontier_open(w->live, slot, offset);
    mr_parking_begin(w->parking, slot);
    for (uint32_t shard = 0; ranges && shard < SHARDS; shard++)
        if (ranges[shard].state != MR_RANGE_LIVE)
            mr_parking_load(w->parking, slot, shard, ranges[shard].from, ranges[shard].to);
}

static inline world *world_new(void)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.arena = mr_arena_new();
    w.parking = mr_parking_new(w.arena, SLOTS, SHARDS);
    w.live = mr_frontier_new(w.arena, "live", SLOTS, HOLDS);
    w.lanes = mr_frontier_new(w.arena, "lanes", SLOTS * SHARDS, HOLDS);
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        for (uint32_t i = 0; i < EVENTS; i++)
            w.shard_of[slot][i] =
                model_below(8) == 0 ? HOLE : (uint8_t)(model_below(16) == 0 ? NOBODY : model_below(SHARDS));
        world_begin(&w, slot, 0, NULL);
    }
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        w.gates[shard] = (gate)model_below(GATE_OPEN + 1);
    return &w;
}

#endif
