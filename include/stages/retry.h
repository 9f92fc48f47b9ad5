/* retry.h: when to try again: exponential backoff with full jitter, on the wheel.
 *
 * delay = uniform(min, min(max, min * 2^attempt)), "full jitter" of the AWS architecture blog with a floor.
 * A wheel entry is a page's handle: the pages of a failed batch come back each by itself, and due pages batch again.
 * (A page and not a record: a transient failure is never one row's fault, so rows of a page share their fate.)
 * One thread (the writer's).  Time is passed in.
 */
#ifndef MR_STAGES_RETRY_H
#define MR_STAGES_RETRY_H

#include "base/arena.h"
#include "data/wheel.h"
#include "stages/config.h"
#include <stdint.h>

typedef struct mr_retry {
    mr_wheel *wheel;
    uint32_t backoff_min_ms, backoff_max_ms;
    uint64_t random; /* state of the jitter; seeded, so that a simulation replays */
} mr_retry;

void mr_retry_init(mr_retry *retry, const mr_config *config, mr_arena *arena, uint32_t capacity,
                   uint64_t seed, uint64_t now_ms);
/* attempt counts from 1, the number of failures so far. */
uint32_t mr_retry_delay_ms(mr_retry *retry, uint32_t attempt);
/* When it will be due. */
uint64_t mr_retry_schedule(mr_retry *retry, uint32_t handle, uint32_t attempt, uint64_t now_ms);

#endif
