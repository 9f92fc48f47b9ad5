/* The wheel at 10 million pending, beside a plain intrusive wheel of pointers; FNV-1a and KSUID.  Prints nanoseconds per operation and bytes per entry.
 *
 *   build/release/tests/bench_wheel
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ksuid.h"
#include "data/wheel.h"

enum { ENTRIES = 10000000, BUCKETS = 4096, TICK_MS = 1000, GIVEN = 4096, TIMES = 5000000 };

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double per(uint64_t from_ns, double count)
{
    return (double)(mr_clock_ns() - from_ns) / count;
}

static void bench_wheel(void)
{
    static uint32_t out[GIVEN];
    mr_arena *arena = mr_arena_new();
    uint32_t *due = malloc(ENTRIES * sizeof *due);
    mr_wheel *wheel = mr_wheel_new(arena, "wheel", BUCKETS, TICK_MS, ENTRIES, 1, 0);
    for (uint32_t i = 0; i < ENTRIES; i++)
        due[i] = (uint32_t)(next_random() % ((BUCKETS - 1) * TICK_MS));
    for (int round = 0; round < 2; round++) { /* the first touches the memory */
        uint64_t begin = round * (uint64_t)BUCKETS * TICK_MS, from = mr_clock_ns();
        for (uint32_t i = 0; i < ENTRIES; i++)
            mr_wheel_schedule(wheel, i, begin + due[i]);
        double schedule = per(from, ENTRIES);
        uint64_t given = 0;
        from = mr_clock_ns();
        for (uint64_t now = begin; given < ENTRIES; now += TICK_MS)
            for (uint32_t n; (n = mr_wheel_expire(wheel, now, out, GIVEN)) > 0;)
                given += n;
        if (round == 1)
            printf("wheel, chunks of handles      schedule %6.1f ns  expire %6.1f ns  %5.2f bytes an entry\n",
                   schedule, per(from, ENTRIES), (double)mr_wheel_bytes(wheel) / ENTRIES);
    }
    free(due);
    mr_arena_free(arena);
}

/* What one would write without thinking of memory: entries with pointers, linked into buckets. */
typedef struct entry {
    struct entry *next, *before;
    uint64_t due_ms;
    uint32_t handle;
} entry;

static void bench_pointers(void)
{
    entry *entries = calloc(ENTRIES, sizeof *entries), *buckets = calloc(BUCKETS, sizeof *buckets);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < BUCKETS; i++)
        buckets[i].next = buckets[i].before = &buckets[i];
    uint64_t from = mr_clock_ns();
    for (uint32_t i = 0; i < ENTRIES; i++) {
        entry *head = &buckets[next_random() % BUCKETS], *one = &entries[i];
        *one = (entry){.next = head, .before = head->before, .handle = i};
        head->before->next = one;
        head->before = one;
    }
    double schedule = per(from, ENTRIES);
    from = mr_clock_ns();
    for (uint32_t i = 0; i < BUCKETS; i++)
        while (buckets[i].next != &buckets[i]) {
            entry *one = buckets[i].next;
            one->before->next = one->next;
            one->next->before = one->before;
            sum += one->handle;
        }
    printf("wheel of pointers, intrusive  schedule %6.1f ns  expire %6.1f ns  %5.2f bytes an entry%s\n",
           schedule, per(from, ENTRIES), (double)sizeof *entries, sum == 0 ? "!" : "");
    free(entries);
    free(buckets);
}

static void bench_names(void)
{
    static const char key[] = "DAB45194-42CC-4106-AB9F-2447FA4D35C2";
    unsigned char id[MR_KSUID_BYTES];
    char text[MR_KSUID_TEXT + 1];
    uint64_t sum = 0, from = mr_clock_ns();
    for (uint32_t i = 0; i < TIMES; i++)
        sum += mr_fnv1a64_more(MR_FNV64_BASIS ^ i, key, sizeof key - 1);
    printf("FNV-1a 64 of 36 bytes         %6.1f ns\n", per(from, TIMES));
    from = mr_clock_ns();
    for (uint32_t i = 0; i < TIMES; i++) {
        mr_ksuid_make(id, 1700000000000 + i, 7, 3, i);
        sum += id[19];
    }
    printf("KSUID from coordinates        %6.1f ns\n", per(from, TIMES));
    from = mr_clock_ns();
    for (uint32_t i = 0; i < TIMES / 10; i++) {
        id[19] = (unsigned char)i;
        mr_ksuid_format(id, text);
        sum += (unsigned char)text[26];
    }
    printf("KSUID as text                 %6.1f ns%s\n", per(from, TIMES / 10), sum == 0 ? "!" : "");
}

int main(void)
{
    bench_wheel();
    bench_pointers();
    bench_names();
    return 0;
}
