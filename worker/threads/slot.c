#include "threads/slot.h"

#include "stages/config.h"

/* A snapshot's small parts in one word: three bits, `waiting` from bit 4 on, its shard from bit 8 on. */
enum { FLAG_QUIET = 1, FLAG_STOPPED = 2, FLAG_ACCEPTING = 4, WAITING_SHIFT = 4, SHARD_SHIFT = 8 };

_Static_assert(MR_WAITS_TO_BE_READ < 1 << (SHARD_SHIFT - WAITING_SHIFT),
               "every way of waiting fits below the shard");
_Static_assert(MR_SHARDS_MAX <= UINT32_C(1) << (32 - SHARD_SHIFT),
               "every shard fits into what is left of the word");

void mr_slot_init(mr_slot *slot, uint32_t shards, mr_arena *arena)
{
    slot->shards = shards;
    slot->ranges = mr_arena_take(arena, "partitions", 3 * (size_t)shards, sizeof *slot->ranges);
    slot->start_ranges = mr_arena_take(arena, "partitions", shards, sizeof *slot->start_ranges);
}

static uint32_t flags_of(const mr_slot_snapshot *now)
{
    return (now->quiet ? FLAG_QUIET : 0) | (now->stopped ? FLAG_STOPPED : 0) |
           (now->accepting ? FLAG_ACCEPTING : 0) | (uint32_t)now->waiting << WAITING_SHIFT |
           now->waiting_shard << SHARD_SHIFT;
}

static bool same(const mr_slot_snapshot *a, const mr_slot_snapshot *b)
{
    return a->epoch == b->epoch && a->lowest == b->lowest && a->position == b->position &&
           flags_of(a) == flags_of(b) && a->ranges_version == b->ranges_version &&
           a->waiting_page == b->waiting_page && a->waiting_hash == b->waiting_hash;
}

/* Each release store keeps the odd version before it; pairs with the acquire load of the same field in mr_slot_read. */
void mr_slot_publish(mr_slot *slot, const mr_slot_snapshot *now, const mr_slot_range *ranges)
{
    mr_owner_here(&slot->owner);
    if (same(now, &slot->last))
        return;
    bool other_ranges = now->ranges_version != slot->last.ranges_version;
    slot->last = *now;
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->epoch, now->epoch, memory_order_release);
    atomic_store_explicit(&slot->lowest, now->lowest, memory_order_release);
    atomic_store_explicit(&slot->position, now->position, memory_order_release);
    atomic_store_explicit(&slot->flags, flags_of(now), memory_order_release);
    atomic_store_explicit(&slot->ranges_version, now->ranges_version, memory_order_release);
    atomic_store_explicit(&slot->waiting_page, now->waiting_page, memory_order_release);
    atomic_store_explicit(&slot->waiting_hash, now->waiting_hash, memory_order_release);
    for (uint32_t i = 0; other_ranges && i < slot->shards; i++) {
        mr_slot_range range = ranges ? ranges[i] : (mr_slot_range){0};
        atomic_store_explicit(&slot->ranges[3 * i], range.from, memory_order_release);
        atomic_store_explicit(&slot->ranges[3 * i + 1], range.to, memory_order_release);
        atomic_store_explicit(&slot->ranges[3 * i + 2], range.timestamp_ms, memory_order_release);
    }
    atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

/* Each acquire pairs with the release of the same field in mr_slot_publish: who sees what was stored sees the odd version before it, too. */
mr_slot_snapshot mr_slot_read(const mr_slot *slot, mr_slot_range *ranges)
{
    for (;;) {
        uint32_t before = atomic_load_explicit(&slot->version, memory_order_acquire);
        mr_slot_snapshot now = {
            .epoch = atomic_load_explicit(&slot->epoch, memory_order_acquire),
            .lowest = atomic_load_explicit(&slot->lowest, memory_order_acquire),
            .position = atomic_load_explicit(&slot->position, memory_order_acquire),
            .ranges_version = atomic_load_explicit(&slot->ranges_version, memory_order_acquire),
            .waiting_page = atomic_load_explicit(&slot->waiting_page, memory_order_acquire),
            .waiting_hash = atomic_load_explicit(&slot->waiting_hash, memory_order_acquire)};
        uint32_t flags = atomic_load_explicit(&slot->flags, memory_order_acquire);
        for (uint32_t i = 0; ranges && i < slot->shards; i++)
            ranges[i] = (mr_slot_range){
                .from = atomic_load_explicit(&slot->ranges[3 * i], memory_order_acquire),
                .to = atomic_load_explicit(&slot->ranges[3 * i + 1], memory_order_acquire),
                .timestamp_ms = atomic_load_explicit(&slot->ranges[3 * i + 2], memory_order_acquire)};
        now.quiet = flags & FLAG_QUIET;
        now.stopped = flags & FLAG_STOPPED;
        now.accepting = flags & FLAG_ACCEPTING;
        now.waiting = (mr_waiting)(flags >> WAITING_SHIFT & 0xf);
        now.waiting_shard = flags >> SHARD_SHIFT;
        if (!(before & 1) && before == atomic_load_explicit(&slot->version, memory_order_relaxed))
            return now;
    }
}
