#include "data/ring.h"

#include <stdatomic.h>

#include "base/must.h"
#include "base/owner.h"

/*     tail (producer)          head (consumer)
 *        v                        v
 *   free-running, masked on access; used = tail - head, also across the wrap of 2^32
 */
struct mr_ring {
    /* the producer's */
    _Alignas(64) _Atomic uint32_t tail;
    uint32_t head_seen; /* its last look at head */
    mr_owner producer;
    /* the consumer's */
    _Alignas(64) _Atomic uint32_t head;
    uint32_t tail_seen;
    mr_owner consumer;
    /* fixed */
    _Alignas(64) uint32_t mask;
    uint32_t *slots;
};

mr_ring *mr_ring_new(mr_arena *arena, const char *part, uint32_t capacity)
{
    must(capacity <= UINT32_C(1) << 31);
    uint32_t size = 1;
    while (size < capacity)
        size <<= 1;
    mr_ring *ring = mr_arena_take(arena, part, 1, sizeof *ring);
    ring->slots = mr_arena_take(arena, part, size, sizeof *ring->slots);
    ring->mask = size - 1;
    return ring;
}

void mr_ring_push(mr_ring *ring, uint32_t handle)
{
    mr_owner_here(&ring->producer);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen > ring->mask) {
        /* Acquire pairs with the release of head in pop: the slot has been read. */
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        must(tail - ring->head_seen <= ring->mask);
    }
    ring->slots[tail & ring->mask] = handle;
    /* Release pairs with the acquire of tail in pop: the slot, and what the handle names, are written. */
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

bool mr_ring_pop(mr_ring *ring, uint32_t *handle)
{
    mr_owner_here(&ring->consumer);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head == ring->tail_seen) {
        /* Acquire pairs with the release of tail in push. */
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head == ring->tail_seen)
            return false;
    }
    *handle = ring->slots[head & ring->mask];
    /* Release pairs with the acquire of head in push. */
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

/* Acquire pairs with the releases in pop and push.  Head first: read later it could be beyond this tail, and the difference enormous. */
uint32_t mr_ring_used(const mr_ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return atomic_load_explicit(&ring->tail, memory_order_acquire) - head;
}

uint32_t mr_ring_mark(const mr_ring *ring)
{
    return atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

bool mr_ring_is_past(const mr_ring *ring, uint32_t mark)
{
    return atomic_load_explicit(&ring->head, memory_order_relaxed) - mark <= UINT32_MAX / 2;
}

void mr_ring_check(const mr_ring *ring)
{
    uint32_t tail = atomic_load(&ring->tail), head = atomic_load(&ring->head), size = ring->mask + 1;
    must(size != 0 && (size & ring->mask) == 0);
    must(tail - head <= size);
    /* What each end remembers of the other is something that it was: not ahead of it. */
    must(head - ring->head_seen <= size && tail - ring->head_seen <= size);
    must(tail - ring->tail_seen <= size && ring->tail_seen - head <= size);
}
