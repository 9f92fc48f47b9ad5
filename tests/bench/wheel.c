/* The wheel at 10 million pending, beside a plain intrusive wheel of pointers; FNV-1a, KSUID and datetimes, beside the C library's plain way.
 * Prints nanoseconds per operation (the least of some rounds) and bytes per entry.
 *
 *   build/release/tests/bench_wheel
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/progress.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/ksuid.h"
#include "data/wheel.h"
#include "stages/values.h"

enum {
    ENTRIES = 10000000,
    BUCKETS = 4096,
    TICK_MS = 1000,
    GIVEN = 4096,
    TIMES = 5000000,
    ROUNDS = 50,
    WHEEL_ROUNDS = 3
};

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

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* The same loop around nothing: what of the figures is not the wheel's. */
__attribute__((noinline)) static void schedule_nothing(const void *wheel, uint32_t handle, uint64_t due_ms)
{
    __asm__ volatile("" : : "r"(wheel), "r"(handle), "r"(due_ms));
}

/* How far it has come; rounds are too different for saying how long the rest will take. */
static mr_progress progress;
static uint64_t rounds_done;

static void round_done(const char *what)
{
    mr_progress_tell(&progress, ++rounds_done, 0, what);
}

static void bench_loop(const uint32_t *due_ms)
{
    double best = 1e9;
    for (int round = 0; round < WHEEL_ROUNDS; round++) {
        uint64_t begin = round * (uint64_t)BUCKETS * TICK_MS, from = mr_clock_ns();
        for (uint32_t i = 0; i < ENTRIES; i++)
            schedule_nothing(due_ms, i, begin + due_ms[i]);
        best = least(best, per(from, ENTRIES));
        round_done("the loop");
    }
    mr_progress_end(&progress);
    printf("the loop without a wheel      schedule %6.1f ns\n", best);
}

static void bench_wheel(const uint32_t *due_ms)
{
    static uint32_t out[GIVEN];
    mr_arena *arena = mr_arena_new();
    mr_wheel *wheel = mr_wheel_new(arena, "wheel", BUCKETS, TICK_MS, ENTRIES, 1, 0);
    double schedule = 1e9, expire = 1e9;
    for (int round = 0; round <= WHEEL_ROUNDS; round++) {
        uint64_t begin = round * (uint64_t)BUCKETS * TICK_MS, from = mr_clock_ns(), given = 0;
        for (uint32_t i = 0; i < ENTRIES; i++)
            mr_wheel_schedule(wheel, i, begin + due_ms[i]);
        double took = per(from, ENTRIES);
        from = mr_clock_ns();
        for (uint64_t now = begin; given < ENTRIES; now += TICK_MS)
            for (uint32_t n; (n = mr_wheel_expire(wheel, now, out, GIVEN)) > 0;)
                given += n;
        round_done("wheel of handles");
        if (round == 0)
            continue; /* it touches the memory */
        schedule = least(schedule, took);
        expire = least(expire, per(from, ENTRIES));
    }
    mr_progress_end(&progress);
    printf("wheel, chunks of handles      schedule %6.1f ns  expire %6.1f ns  %5.2f bytes an entry\n",
           schedule, expire, (double)mr_wheel_bytes(wheel) / ENTRIES);
    mr_arena_free(arena);
}

/* What one would write without thinking of memory: entries with pointers, linked into buckets. */
typedef struct entry {
    struct entry *next, *before;
    uint64_t due_ms;
    uint32_t handle;
} entry;

static void bench_pointers(const uint32_t *due_ms)
{
    entry *entries = calloc(ENTRIES, sizeof *entries), *buckets = calloc(BUCKETS, sizeof *buckets);
    uint64_t sum = 0;
    double schedule = 1e9, expire = 1e9;
    for (uint32_t i = 0; i < BUCKETS; i++)
        buckets[i].next = buckets[i].before = &buckets[i];
    for (int round = 0; round <= WHEEL_ROUNDS; round++) {
        uint64_t from = mr_clock_ns();
        for (uint32_t i = 0; i < ENTRIES; i++) {
            entry *head = &buckets[due_ms[i] / TICK_MS], *one = &entries[i];
            *one = (entry){.next = head, .before = head->before, .due_ms = due_ms[i], .handle = i};
            head->before->next = one;
            head->before = one;
        }
        double took = per(from, ENTRIES);
        from = mr_clock_ns();
        for (uint32_t i = 0; i < BUCKETS; i++)
            while (buckets[i].next != &buckets[i]) {
                entry *one = buckets[i].next;
                one->before->next = one->next;
                one->next->before = one->before;
                sum += one->handle;
            }
        round_done("wheel of pointers");
        if (round == 0)
            continue; /* it touches the memory */
        schedule = least(schedule, took);
        expire = least(expire, per(from, ENTRIES));
    }
    mr_progress_end(&progress);
    printf("wheel of pointers, intrusive  schedule %6.1f ns  expire %6.1f ns  %5.2f bytes an entry%s\n",
           schedule, expire, (double)sizeof *entries, sum == 0 ? "!" : "");
    free(entries);
    free(buckets);
}

/* All of them at the same times, in no order. */
static void bench_wheels(void)
{
    uint32_t *due_ms = malloc(ENTRIES * sizeof *due_ms);
    for (uint32_t i = 0; i < ENTRIES; i++)
        due_ms[i] = (uint32_t)(next_random() % ((BUCKETS - 1) * TICK_MS));
    bench_loop(due_ms);
    bench_wheel(due_ms);
    bench_pointers(due_ms);
    free(due_ms);
}

static void bench_names(void)
{
    static const char key[] = "DAB45194-42CC-4106-AB9F-2447FA4D35C2";
    unsigned char id[MR_KSUID_BYTES];
    char text[MR_KSUID_TEXT + 1];
    double hash = 1e9, make = 1e9, format = 1e9;
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = mr_clock_ns();
        for (uint32_t i = 0; i < TIMES / 50; i++)
            sum += mr_fnv1a64_more(MR_FNV64_BASIS ^ i, key, sizeof key - 1);
        hash = least(hash, per(from, TIMES / 50));
        from = mr_clock_ns();
        for (uint32_t i = 0; i < TIMES / 50; i++) {
            mr_ksuid_make(id, 1700000000000 + i, 7, 3, i);
            sum += id[19];
        }
        make = least(make, per(from, TIMES / 50));
        from = mr_clock_ns();
        for (uint32_t i = 0; i < TIMES / 500; i++) {
            id[19] = (unsigned char)i;
            mr_ksuid_format(id, text);
            sum += (unsigned char)text[26];
        }
        format = least(format, per(from, TIMES / 500));
        round_done("names");
    }
    mr_progress_end(&progress);
    printf("FNV-1a 64 of 36 bytes         %6.1f ns\nKSUID from coordinates        %6.1f ns\n", hash, make);
    printf("KSUID as text                 %6.1f ns%s\n", format, sum == 0 ? "!" : "");
}

/* A datetime with its fraction: ours, with every check; strptime and the fraction by hand, which checks less. */
static void bench_times(void)
{
    char text[] = "2026-01-31T12:34:56.789123Z";
    double ours = 1e9, library = 1e9;
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = mr_clock_ns();
        for (uint32_t i = 0; i < TIMES / 50; i++) {
            mr_time time;
            text[18] = (char)('0' + i % 10);
            if (mr_to_datetime(text, sizeof text - 1, NULL, false, &time) == MR_REASON_NONE)
                sum += time.second + time.second_part;
        }
        ours = least(ours, per(from, TIMES / 50));
        from = mr_clock_ns();
        for (uint32_t i = 0; i < TIMES / 50; i++) {
            struct tm time;
            text[18] = (char)('0' + i % 10);
            char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &time);
            sum += end ? (uint64_t)time.tm_sec + strtoul(end + 1, NULL, 10) : 0;
        }
        library = least(library, per(from, TIMES / 50));
        round_done("times");
    }
    mr_progress_end(&progress);
    printf("datetime to its parts         %6.1f ns  strptime %6.1f ns%s\n", ours, library,
           sum == 0 ? "!" : "");
}

/* Twenty bytes for people: what a program without base 62 writes. */
static void bench_library_names(void)
{
    char text[64];
    double best = 1e9;
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = mr_clock_ns();
        for (uint32_t i = 0; i < TIMES / 50; i++) {
            snprintf(text, sizeof text, "%08x%08x%08x%016llx", i, 7u, 3u, (unsigned long long)i);
            sum += (unsigned char)text[39];
        }
        best = least(best, per(from, TIMES / 50));
        round_done("names by snprintf");
    }
    mr_progress_end(&progress);
    printf("the same as hex by snprintf   %6.1f ns%s\n", best, sum == 0 ? "!" : "");
}

int main(void)
{
    progress = mr_progress_begin("rounds");
    bench_wheels();
    bench_names();
    bench_library_names();
    bench_times();
    return 0;
}
