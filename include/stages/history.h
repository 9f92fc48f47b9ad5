/* history.h: what the last five minutes were like: a sample every two seconds, in a ring.
 *
 * Totals that only grow come in whenever there are new ones; each step of the clock takes one sample of what has been added
 * since the one before.  Steps without a look (main was busy) share the mean, for counters miss nothing.  A plain value
 * without pointers, zeroed at first; one thread at a time; time is passed in.
 */
#ifndef MR_STAGES_HISTORY_H
#define MR_STAGES_HISTORY_H

#include "stages/reason.h"
#include <stdbool.h>
#include <stdint.h>

#define MR_HISTORY_STEP_MS 2000u
#define MR_HISTORY_SAMPLES 150u /* five minutes */

/* Since the start; but the lag is of now. */
typedef struct mr_history_totals {
    uint64_t rows;
    uint64_t aged, age_ms; /* live events that became durable, and the sum of their ages then */
    uint64_t lag;
    uint64_t letters[MR_REASON_COUNT];
} mr_history_totals;

typedef struct mr_history_sample {
    uint64_t rows_per_s;
    uint64_t age_ms; /* the mean */
    bool has_age;    /* something became durable */
    uint64_t lag;
    uint64_t letters[MR_REASON_COUNT]; /* since the start */
} mr_history_sample;

typedef struct mr_history {
    uint32_t count; /* of samples that are there */
    uint32_t next;  /* place of the next one */
    uint64_t step, taken_ms;
    mr_history_totals totals; /* at the last sample */
    mr_history_sample ring[MR_HISTORY_SAMPLES];
} mr_history;

/* now_ms is monotonic. */
void mr_history_take(mr_history *history, uint64_t now_ms, const mr_history_totals *totals);
/* From the oldest one, 0, to count - 1. */
const mr_history_sample *mr_history_at(const mr_history *history, uint32_t i);
/* Dead letters for a reason in the time that the samples span. */
uint64_t mr_history_letters(const mr_history *history, mr_reason reason);

#endif
