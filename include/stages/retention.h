/* retention.h: how long until the log drops the first event of a parked range (millrace_parked_retention_remaining_seconds).
 *
 * Two ways to know, and the sooner counts:
 *   - by time: the event's Kafka timestamp + the topic's retention.ms - now.  Brokers drop whole segments, by their newest event, so this is early
 *     rather than late.
 *   - by size: the low watermark moves towards the range.  It moves in jumps of a segment, so it is measured over ten minutes to two hours, and where
 *     the time is known it takes two jumps to count: one alone, soon after the measuring began, would raise a false alarm.
 * Neither known: unknown, and the metric is absent.
 *
 * One mr_retention a partition, fed with its low watermark now and then; a plain value of constant size, zero at first.
 * One thread; time is passed in.
 */
#ifndef MR_STAGES_RETENTION_H
#define MR_STAGES_RETENTION_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

#define MR_RETENTION_LEAST_MS  600000u  /* measured over less, the movement says nothing */
#define MR_RETENTION_WINDOW_MS 7200000u /* measured over half of this to all of it */

typedef struct mr_retention_point {
    uint64_t at_ms; /* monotonic */
    int64_t low;
    uint32_t jumps; /* of the low watermark, ever */
} mr_retention_point;

typedef struct mr_retention {
    bool begun;
    mr_retention_point from, next,
        last; /* the measurement begins at `from`, and at `next` when the window is over */
} mr_retention;

/* A negative watermark (unknown) is passed over; one that goes back (the topic was made again) begins anew. */
void mr_retention_sample(mr_retention *retention, int64_t low, uint64_t now_ms);

typedef struct mr_retention_range {
    int64_t from;         /* the parked range's first offset */
    int64_t timestamp_ms; /* wall, of the event there; negative: unknown */
    int64_t retention_ms; /* of the topic; negative: unknown, or for ever */
} mr_retention_range;

/* False: unknown.  0: it may be gone any moment, or is. */
bool mr_retention_remaining(const mr_retention *retention, const mr_retention_range *range, uint64_t now_ms,
                            int64_t now_wall_ms, uint64_t *seconds) MR_CHECKED;

#endif
