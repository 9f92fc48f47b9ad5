#include "stages/history.h"

#include <string.h>

#include "base/must.h"

static mr_history_sample sample_of(const mr_history *history, uint64_t passed_ms,
                                   const mr_history_totals *totals)
{
    const mr_history_totals *before = &history->totals;
    uint64_t aged = totals->aged - before->aged;
    mr_history_sample sample = {.rows_per_s = (totals->rows - before->rows) * 1000 / passed_ms,
                                .has_age = aged > 0,
                                .age_ms = aged > 0 ? (totals->age_ms - before->age_ms) / aged : 0,
                                .lag = totals->lag};
    memcpy(sample.letters, totals->letters, sizeof sample.letters);
    return sample;
}

void mr_history_take(mr_history *history, uint64_t now_ms, const mr_history_totals *totals)
{
    uint64_t step = now_ms / MR_HISTORY_STEP_MS;
    if (history->taken_ms == 0) { /* there is nothing yet to compare with */
        history->step = step;
        history->taken_ms = now_ms;
        history->totals = *totals;
        return;
    }
    if (step <= history->step || now_ms <= history->taken_ms)
        return;
    uint64_t steps = step - history->step;
    mr_history_sample sample = sample_of(history, now_ms - history->taken_ms, totals);
    for (uint64_t i = 0; i < steps && i < MR_HISTORY_SAMPLES; i++) {
        history->ring[history->next] = sample;
        history->next = (history->next + 1) % MR_HISTORY_SAMPLES;
        history->count += history->count < MR_HISTORY_SAMPLES;
    }
    history->step = step;
    history->taken_ms = now_ms;
    history->totals = *totals;
}

const mr_history_sample *mr_history_at(const mr_history *history, uint32_t i)
{
    must(i < history->count);
    return &history->ring[(history->next + MR_HISTORY_SAMPLES - history->count + i) % MR_HISTORY_SAMPLES];
}

uint64_t mr_history_letters(const mr_history *history, mr_reason reason)
{
    if (history->count == 0)
        return history->totals.letters[reason];
    /* A ring that is not full yet begins with the worker. */
    uint64_t before = history->count == MR_HISTORY_SAMPLES ? mr_history_at(history, 0)->letters[reason] : 0;
    return history->totals.letters[reason] - before;
}
