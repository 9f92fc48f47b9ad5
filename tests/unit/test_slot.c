/* A slot's snapshot is read whole: one thread publishes, another reads, and never sees two moments in one (the torn snapshot that would commit past
 * what is durable, or an offset with the parked ranges of another moment).  A bell that is rung is heard. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bell.h"
#include "threads/slot.h"

enum { TIMES = 4000000, SEEN = 200000, RINGS = 30000, SHARDS = 3 };

/* Everything is a function of one number, the epoch; the ranges change with every third. */
static mr_slot_snapshot moment(uint32_t i)
{
    return (mr_slot_snapshot){.epoch = i,
                              .lowest = 3 * (int64_t)i,
                              .position = 5 * (int64_t)i,
                              .quiet = i % 2,
                              .stopped = i % 3 == 0,
                              .accepting = i % 5 == 0,
                              .ranges_version = i / 3 + 1,
                              .waiting = (mr_waiting)(i % 4),
                              .waiting_shard = i % 64,
                              .waiting_page = i * 7,
                              .waiting_hash = (uint64_t)i << 32 | ~i};
}

static mr_slot_range range_at(uint32_t ranges_version, uint32_t shard)
{
    int64_t from = (int64_t)ranges_version * 8 + shard;
    return (mr_slot_range){
        .from = from, .to = (ranges_version + shard) % 2 ? MR_RANGE_OPEN : 2 * from, .timestamp_ms = -from};
}

static void assert_moment(const mr_slot_snapshot *now, const mr_slot_range *ranges)
{
    mr_slot_snapshot expected = moment(now->epoch);
    assert_true(now->lowest == expected.lowest && now->position == expected.position);
    assert_true(now->quiet == expected.quiet && now->stopped == expected.stopped);
    assert_true(now->accepting == expected.accepting);
    assert_int_equal(now->ranges_version, expected.ranges_version);
    assert_int_equal(now->waiting, expected.waiting);
    assert_int_equal(now->waiting_shard, expected.waiting_shard);
    assert_int_equal(now->waiting_page, expected.waiting_page);
    assert_true(now->waiting_hash == expected.waiting_hash);
    for (uint32_t shard = 0; ranges && shard < SHARDS; shard++) {
        mr_slot_range range = range_at(now->ranges_version, shard);
        assert_true(ranges[shard].from == range.from && ranges[shard].to == range.to);
        assert_true(ranges[shard].timestamp_ms == range.timestamp_ms);
    }
}

static void publish_moment(mr_slot *slot, uint32_t i)
{
    mr_slot_snapshot now = moment(i);
    mr_slot_range ranges[SHARDS];
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        ranges[shard] = range_at(now.ranges_version, shard);
    /* As a consumer does: ranges only with another version. */
    mr_slot_publish(slot, &now, now.ranges_version == slot->last.ranges_version ? NULL : ranges);
}

typedef struct pair {
    mr_slot slot;
    _Atomic bool enough;
} pair;

/* As fast as it can, and with pauses of all lengths between: a reader that never gets through finds nothing. */
static void *publish(void *context)
{
    pair *both = context;
    for (uint32_t i = 1; i <= TIMES && !atomic_load_explicit(&both->enough, memory_order_relaxed); i++) {
        publish_moment(&both->slot, i);
        for (volatile uint32_t pause = i * 2654435761u >> 23; pause > 0; pause--)
            ;
    }
    atomic_store(&both->enough, true);
    return NULL;
}

/* Rule 1 of the safety lemma: offset and entries are of one moment. */
static void test_torn_snapshot(void **state)
{
    (void)state;
    static pair both;
    mr_arena *arena = mr_arena_new();
    pthread_t writer;
    uint32_t last = 0, seen = 0, reads = 0;
    mr_slot_range ranges[SHARDS];
    mr_slot_init(&both.slot, SHARDS, arena);
    assert_int_equal(pthread_create(&writer, NULL, publish, &both), 0);
    while (seen < SEEN && !atomic_load(&both.enough)) {
        mr_slot_range *wanted = reads++ % 4 ? ranges : NULL;
        mr_slot_snapshot now = mr_slot_read(&both.slot, wanted);
        if (now.epoch == 0 && last == 0)
            continue; /* nothing is published yet */
        assert_true(now.epoch >= last);
        assert_moment(&now, wanted);
        seen += now.epoch != last;
        last = now.epoch;
    }
    atomic_store(&both.enough, true);
    pthread_join(writer, NULL);
    assert_true(seen > 0);
    mr_arena_free(arena);
}

static void test_ranges(void **state)
{
    (void)state;
    static mr_slot slot;
    mr_arena *arena = mr_arena_new();
    mr_slot_range parked[SHARDS] = {{0}, {.from = 40, .to = MR_RANGE_OPEN, .timestamp_ms = -1}, {0}};
    mr_slot_range later[SHARDS] = {{0}, {.from = 55, .to = 90, .timestamp_ms = 5}, {0}}, read[SHARDS];
    mr_slot_init(&slot, SHARDS, arena);
    mr_slot_snapshot now = {.epoch = 1, .lowest = 60, .position = 70, .ranges_version = 2};
    mr_slot_publish(&slot, &now, parked);
    mr_slot_read(&slot, read);
    assert_memory_equal(read, parked, sizeof read);
    now.lowest = 65; /* the ranges stay as long as their version does */
    mr_slot_publish(&slot, &now, NULL);
    assert_true(mr_slot_read(&slot, read).lowest == 65);
    assert_memory_equal(read, parked, sizeof read);
    now.ranges_version++; /* a commit is due, although the offset is the same */
    mr_slot_publish(&slot, &now, later);
    assert_int_equal(mr_slot_read(&slot, read).ranges_version, 3);
    assert_memory_equal(read, later, sizeof read);
    uint32_t version = atomic_load(&slot.version);
    mr_slot_publish(&slot, &now, later); /* nothing changed */
    assert_int_equal(atomic_load(&slot.version), version);
    mr_slot_publish(&slot, &(mr_slot_snapshot){.epoch = 0}, NULL); /* closed: none are left */
    assert_int_equal(mr_slot_read(&slot, read).epoch, 0);
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        assert_true(read[shard].from == 0 && read[shard].to == 0);
    mr_arena_free(arena);
}

/* Each field alone is a change. */
static void test_every_field(void **state)
{
    (void)state;
    static mr_slot slot;
    mr_arena *arena = mr_arena_new();
    mr_slot_snapshot changed[] = {{.epoch = 2},
                                  {.lowest = 1},
                                  {.position = 1},
                                  {.quiet = true},
                                  {.accepting = true},
                                  {.stopped = true},
                                  {.ranges_version = 1},
                                  {.waiting = MR_WAITS_TO_BE_READ},
                                  {.waiting_shard = 63},
                                  {.waiting_page = 1},
                                  {.waiting_hash = UINT64_MAX}};
    mr_slot_init(&slot, SHARDS, arena);
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++) {
        mr_slot_snapshot before = {.epoch = 1}, *now = &changed[i];
        mr_slot_publish(&slot, &before, NULL);
        uint32_t version = atomic_load(&slot.version);
        now->epoch = now->epoch ? now->epoch : 1;
        mr_slot_publish(&slot, now, NULL);
        assert_int_equal(atomic_load(&slot.version), version + 2);
        mr_slot_snapshot read = mr_slot_read(&slot, NULL);
        assert_true(read.epoch == now->epoch && read.lowest == now->lowest && read.position == now->position);
        assert_true(read.quiet == now->quiet && read.accepting == now->accepting);
        assert_true(read.stopped == now->stopped && read.ranges_version == now->ranges_version);
        assert_true(read.waiting == now->waiting && read.waiting_shard == now->waiting_shard);
        assert_true(read.waiting_page == now->waiting_page && read.waiting_hash == now->waiting_hash);
    }
    mr_arena_free(arena);
}

static _Atomic int handed;
static mr_bell bell;

static void *ring(void *context)
{
    (void)context;
    for (int i = 0; i < RINGS; i++) {
        atomic_fetch_add(&handed, 1);
        mr_bell_ring(&bell);
    }
    return NULL;
}

/* With sleeps that would last a minute: one lost wake-up and the test does not end in its time. */
static void test_no_lost_ring(void **state)
{
    (void)state;
    pthread_t ringer;
    int seen = 0;
    assert_true(mr_bell_init(&bell));
    assert_int_equal(pthread_create(&ringer, NULL, ring, NULL), 0);
    while (seen < RINGS) {
        int now = atomic_load(&handed);
        if (now > seen) {
            seen = now;
            continue;
        }
        mr_bell_announce(&bell);
        if (atomic_load(&handed) > seen)
            mr_bell_stay(&bell);
        else
            mr_bell_sleep(&bell, 60000);
    }
    pthread_join(ringer, NULL);
    mr_bell_close(&bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_torn_snapshot), cmocka_unit_test(test_ranges),
                                       cmocka_unit_test(test_every_field),
                                       cmocka_unit_test(test_no_lost_ring)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
