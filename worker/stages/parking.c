#include "stages/parking.h"

#include "base/must.h"

struct mr_parking {
    uint32_t slots, shards;
    mr_range *ranges;   /* [slots * shards] */
    uint32_t *in_slot;  /* [slots] */
    uint32_t *of_shard; /* [shards] */
    uint32_t *version;  /* [slots] */
};

mr_parking *mr_parking_new(mr_arena *arena, uint32_t slots, uint32_t shards)
{
    static const char part[] = "parking";
    mr_parking *parking = mr_arena_take(arena, part, 1, sizeof *parking);
    parking->slots = slots;
    parking->shards = shards;
    parking->ranges = mr_arena_take(arena, part, (size_t)slots * shards, sizeof *parking->ranges);
    parking->in_slot = mr_arena_take(arena, part, slots, sizeof *parking->in_slot);
    parking->of_shard = mr_arena_take(arena, part, shards, sizeof *parking->of_shard);
    parking->version = mr_arena_take(arena, part, slots, sizeof *parking->version);
    return parking;
}

static mr_range *range_of(const mr_parking *parking, uint32_t slot, uint32_t shard)
{
    must(slot < parking->slots && shard < parking->shards);
    return &parking->ranges[(size_t)slot * parking->shards + shard];
}

static void become(mr_parking *parking, uint32_t slot, uint32_t shard, mr_range is)
{
    mr_range *range = range_of(parking, slot, shard);
    bool was = range->state != MR_RANGE_LIVE, now = is.state != MR_RANGE_LIVE;
    parking->in_slot[slot] += (uint32_t)now - (uint32_t)was;
    parking->of_shard[shard] += (uint32_t)now - (uint32_t)was;
    parking->version[slot]++;
    *range = is;
}

void mr_parking_begin(mr_parking *parking, uint32_t slot)
{
    must(slot < parking->slots && parking->in_slot[slot] == 0);
    parking->version[slot]++;
}

void mr_parking_load(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t from, int64_t to)
{
    must(range_of(parking, slot, shard)->state == MR_RANGE_LIVE && from >= 0 && to > from);
    become(
        parking, slot, shard,
        (mr_range){.state = to == MR_RANGE_OPEN ? MR_RANGE_PARKED : MR_RANGE_REPLAY, .from = from, .to = to});
}

void mr_parking_end(mr_parking *parking, uint32_t slot)
{
    for (uint32_t shard = 0; parking->in_slot[slot] > 0; shard++)
        if (range_of(parking, slot, shard)->state != MR_RANGE_LIVE)
            become(parking, slot, shard, (mr_range){.state = MR_RANGE_LIVE});
}

void mr_parking_park(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t lowest)
{
    const mr_range *range = range_of(parking, slot, shard);
    must(lowest >= 0);
    if (range->state != MR_RANGE_LIVE && range->from < lowest)
        lowest = range->from;
    if (range->state != MR_RANGE_PARKED || lowest != range->from)
        become(parking, slot, shard,
               (mr_range){.state = MR_RANGE_PARKED, .from = lowest, .to = MR_RANGE_OPEN});
}

void mr_parking_reopen(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t to)
{
    const mr_range *range = range_of(parking, slot, shard);
    must(range->state == MR_RANGE_PARKED);
    if (to > range->from)
        become(parking, slot, shard, (mr_range){.state = MR_RANGE_REPLAY, .from = range->from, .to = to});
    else
        become(parking, slot, shard, (mr_range){.state = MR_RANGE_LIVE});
}

int64_t mr_parking_progress(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t done)
{
    mr_range range = *range_of(parking, slot, shard);
    must(range.state == MR_RANGE_REPLAY);
    done = done < range.to ? done : range.to;
    if (done <= range.from)
        return 0;
    int64_t moved = done - range.from;
    range.from = done;
    become(parking, slot, shard, done == range.to ? (mr_range){.state = MR_RANGE_LIVE} : range);
    return moved;
}

mr_range mr_parking_range(const mr_parking *parking, uint32_t slot, uint32_t shard)
{
    return *range_of(parking, slot, shard);
}

bool mr_parking_skips(const mr_parking *parking, uint32_t slot, uint32_t shard, int64_t offset)
{
    const mr_range *range = range_of(parking, slot, shard);
    return range->state != MR_RANGE_LIVE && offset >= range->from && offset < range->to;
}

uint32_t mr_parking_in_slot(const mr_parking *parking, uint32_t slot)
{
    return parking->in_slot[slot];
}

uint32_t mr_parking_of_shard(const mr_parking *parking, uint32_t shard)
{
    return parking->of_shard[shard];
}

uint32_t mr_parking_version(const mr_parking *parking, uint32_t slot)
{
    return parking->version[slot];
}

void mr_parking_check(const mr_parking *parking)
{
    for (uint32_t slot = 0; slot < parking->slots; slot++) {
        uint32_t count = 0;
        for (uint32_t shard = 0; shard < parking->shards; shard++) {
            const mr_range *range = range_of(parking, slot, shard);
            count += range->state != MR_RANGE_LIVE;
            must(range->state == MR_RANGE_LIVE || (range->from >= 0 && range->to > range->from));
            must((range->state == MR_RANGE_PARKED) == (range->to == MR_RANGE_OPEN));
        }
        must(count == parking->in_slot[slot]);
    }
    for (uint32_t shard = 0; shard < parking->shards; shard++) {
        uint32_t count = 0;
        for (uint32_t slot = 0; slot < parking->slots; slot++)
            count += range_of(parking, slot, shard)->state != MR_RANGE_LIVE;
        must(count == parking->of_shard[shard]);
    }
}
