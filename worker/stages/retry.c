#include "stages/retry.h"

/* Few buckets, several turns: a wheel a shard, and its memory grows with buckets * turns. */
#define BUCKETS 256u
/* A writer that sat in a call of the database for long lags behind its wheel by as much. */
#define TURNS_BEHIND 4u

void mr_retry_init(mr_retry *retry, const mr_config *config, mr_arena *arena, uint32_t capacity,
                   uint64_t seed, uint64_t now_ms)
{
    uint32_t min_ms = config->retry.backoff_min_ms, max_ms = config->retry.backoff_max_ms;
    uint32_t tick_ms = config->retry.tick_ms;
    retry->backoff_min_ms = min_ms;
    retry->backoff_max_ms = max_ms > min_ms ? max_ms : min_ms;
    retry->random = seed;
    uint32_t ticks = retry->backoff_max_ms / tick_ms + 1;
    retry->wheel =
        mr_wheel_new(arena, "retry", BUCKETS, tick_ms, capacity, ticks / BUCKETS + 1 + TURNS_BEHIND, now_ms);
}

/* splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t mr_retry_delay_ms(mr_retry *retry, uint32_t attempt)
{
    uint64_t most = retry->backoff_min_ms;
    for (uint32_t i = 0; i < attempt && most < retry->backoff_max_ms; i++)
        most = most > 0 ? most * 2 : 1;
    if (most > retry->backoff_max_ms)
        most = retry->backoff_max_ms;
    uint64_t span = most - retry->backoff_min_ms + 1;
    return retry->backoff_min_ms + (uint32_t)(next_random(&retry->random) % span);
}

uint64_t mr_retry_schedule(mr_retry *retry, uint32_t handle, uint32_t attempt, uint64_t now_ms)
{
    uint64_t due_ms = now_ms + mr_retry_delay_ms(retry, attempt),
             latest_ms = mr_wheel_latest_ms(retry->wheel);
    /* A process that stood still comes back with its wheel far behind: then the retry is early rather than the wheel overrun. */
    due_ms = due_ms < latest_ms ? due_ms : latest_ms;
    mr_wheel_schedule(retry->wheel, handle, due_ms);
    return due_ms;
}
