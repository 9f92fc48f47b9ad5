#include "threads/slot.h"

enum { FLAG_QUIET = 1, FLAG_STOPPED = 2, FLAG_ACCEPTING = 4 };

void mr_slot_publish(mr_slot *slot, mr_slot_snapshot now)
{
    const mr_slot_snapshot *last = &slot->last;
    if (now.epoch == last->epoch && now.lowest == last->lowest && now.position == last->position &&
        now.quiet == last->quiet && now.stopped == last->stopped && now.accepting == last->accepting)
        return;
    slot->last = now;
    uint32_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_relaxed);
    /* Each release store keeps the odd version before it; pairs with the acquire loads of mr_slot_read. */
    atomic_store_explicit(&slot->epoch, now.epoch, memory_order_release);
    atomic_store_explicit(&slot->lowest, now.lowest, memory_order_release);
    atomic_store_explicit(&slot->position, now.position, memory_order_release);
    uint32_t flags = (now.quiet ? FLAG_QUIET : 0u) | (now.stopped ? FLAG_STOPPED : 0u) |
                     (now.accepting ? FLAG_ACCEPTING : 0u);
    atomic_store_explicit(&slot->flags, flags, memory_order_release);
    atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

mr_slot_snapshot mr_slot_read(const mr_slot *slot)
{
    for (;;) {
        uint32_t before = atomic_load_explicit(&slot->version, memory_order_acquire);
        mr_slot_snapshot now = {.epoch = atomic_load_explicit(&slot->epoch, memory_order_acquire),
                                .lowest = atomic_load_explicit(&slot->lowest, memory_order_acquire),
                                .position = atomic_load_explicit(&slot->position, memory_order_acquire)};
        uint32_t flags = atomic_load_explicit(&slot->flags, memory_order_acquire);
        now.quiet = flags & FLAG_QUIET;
        now.stopped = flags & FLAG_STOPPED;
        now.accepting = flags & FLAG_ACCEPTING;
        if (!(before & 1) && before == atomic_load_explicit(&slot->version, memory_order_relaxed))
            return now;
    }
}
