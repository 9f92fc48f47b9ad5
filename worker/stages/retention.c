#include "stages/retention.h"

#define CERTAIN_JUMPS 2u

static void move_window(mr_retention *retention)
{
    const mr_retention_point *last = &retention->last;
    if (last->at_ms - retention->next.at_ms < MR_RETENTION_WINDOW_MS / 2)
        return;
    if (last->at_ms - retention->from.at_ms >= MR_RETENTION_WINDOW_MS)
        retention->from = retention->next;
    retention->next = *last;
}

void mr_retention_sample(mr_retention *retention, int64_t low, uint64_t now_ms)
{
    if (low < 0)
        return;
    if (!retention->begun || low < retention->last.low) {
        mr_retention_point first = {.at_ms = now_ms, .low = low};
        *retention = (mr_retention){.begun = true, .from = first, .next = first, .last = first};
        return;
    }
    retention->last.jumps += low > retention->last.low;
    retention->last.low = low;
    retention->last.at_ms = now_ms;
    move_window(retention);
}

static bool by_time(const mr_retention_range *range, int64_t now_wall_ms, uint64_t *seconds)
{
    int64_t end_ms;
    if (range->timestamp_ms < 0 || range->retention_ms < 0 ||
        __builtin_add_overflow(range->timestamp_ms, range->retention_ms, &end_ms))
        return false;
    *seconds = end_ms > now_wall_ms ? (uint64_t)(end_ms - now_wall_ms) / 1000 : 0;
    return true;
}

/* In floating point: offsets times milliseconds may exceed 64 bits, and an estimate has no use for the last digit. */
static bool by_movement(const mr_retention *retention, int64_t from, uint32_t jumps_least, uint64_t now_ms,
                        uint64_t *seconds)
{
    const mr_retention_point *begun = &retention->from, *last = &retention->last;
    uint64_t measured_ms = last->at_ms - begun->at_ms;
    if (!retention->begun || measured_ms < MR_RETENTION_LEAST_MS || last->jumps - begun->jumps < jumps_least)
        return false;
    double a_second = (double)(last->low - begun->low) * 1000 / (double)measured_ms;
    double left_s = (double)(from - last->low) / a_second;
    double since_s = now_ms > last->at_ms ? (double)(now_ms - last->at_ms) / 1000 : 0;
    if (left_s > (double)INT64_MAX)
        return false;
    *seconds = left_s > since_s ? (uint64_t)(left_s - since_s) : 0;
    return true;
}

bool mr_retention_remaining(const mr_retention *retention, const mr_retention_range *range, uint64_t now_ms,
                            int64_t now_wall_ms, uint64_t *seconds)
{
    uint64_t moved_s;
    if (retention->begun && retention->last.low > range->from) {
        *seconds = 0;
        return true;
    }
    bool timed = by_time(range, now_wall_ms, seconds);
    bool moves = by_movement(retention, range->from, timed ? CERTAIN_JUMPS : 1, now_ms, &moved_s);
    if (moves && (!timed || moved_s < *seconds))
        *seconds = moved_s;
    return timed || moves;
}
