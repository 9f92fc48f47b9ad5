/* board.h: the book of what the worker is doing now: partitions, shards, parked ranges, memory.  /status is its document, the
 * page (page.h) shows the same entries to people.
 *
 * Main fills it once a second, the HTTP thread renders it: a mutex guards it, for it is the control path.  Every text is
 * copied (cut at a character).  Memory: the arena's part "board", taken at mr_board_new; nothing is allocated afterwards.
 * A document holds each entry whole; two entries may be of two moments.
 *
 *     {"version", "time", "group",
 *      "partitions": [{"topic", "partition", "committed", "frontier", "end", "lag", "state", "why", "waiting":
 *                       {"offset", "key_hash", "shard", "state", "attempts", "due_ms", "why"}}],
 *      "shards": [{"name", "state", "since", "why", "code", "parked": [{"topic", "partition", "from", "to"}], "rows_per_s",
 *                  "replay": {"offsets_left", "seconds_left"}}],
 *      "memory": {"total_bytes", "limit_bytes", "parts": {part: bytes}}, "dead_letters": {reason: count}}
 *
 * What is unknown, absent or open is null; due_ms counts from `time`.  Reasons of dead letters are there from the first one on.
 */
#ifndef MR_STAGES_BOARD_H
#define MR_STAGES_BOARD_H

#include "base/arena.h"
#include "base/buf.h"
#include "stages/config.h"
#include "stages/metrics.h"
#include <stdbool.h>
#include <stdint.h>

#define MR_BOARD_WHY_BYTES   320 /* of a `why`, its zero included */
#define MR_BOARD_STATE_BYTES 24
#define MR_BOARD_OPEN        INT64_MAX /* a parked range that still grows */

/* The lowest event that is not done: it holds the partition's offset. */
typedef struct mr_board_waiting {
    bool present;
    bool has_key_hash;
    int64_t offset;
    uint64_t key_hash;
    int32_t shard;     /* negative: it waits for no shard (a dead letter on its way) */
    const char *state; /* "writing", "retrying", "dead_letter", ... */
    uint32_t attempts; /* made so far */
    uint64_t due_ms;   /* monotonic: when it is tried again; 0: no such time */
    const char *why;   /* NULL or "": its shard's `why`, if it has one */
} mr_board_waiting;

typedef struct mr_board_partition {
    const char *topic;
    int32_t partition;
    int64_t committed; /* negative: none yet; so the next two */
    int64_t frontier;
    int64_t end;
    const char *state; /* "running", "held", "draining" */
    const char *why;   /* of a hold; NULL or "": nothing to say */
    mr_board_waiting waiting;
} mr_board_partition;

typedef struct mr_board_shard {
    const char *state;     /* "live", "retrying", "parked", "replay", "held" */
    int64_t since_wall_ms; /* in this state; 0: unknown */
    const char *why;       /* of the last error; NULL or "": none */
    unsigned code;         /* of the database; 0: none */
    uint64_t rows_per_s;
    int64_t offsets_left; /* of the replay; negative: no replay */
    int64_t seconds_left; /* negative: unknown */
} mr_board_shard;

typedef struct mr_board mr_board;

/* partitions_max: slots are below it, as in mr_metrics_new. */
mr_board *mr_board_new(const mr_config *config, mr_arena *arena, uint32_t partitions_max);

/* Main's side.  The slot's entry is there from its first set to its clear, which forgets its ranges as well. */
void mr_board_partition_set(mr_board *board, uint32_t slot, const mr_board_partition *partition);
void mr_board_partition_clear(mr_board *board, uint32_t slot);
void mr_board_shard_set(mr_board *board, uint32_t shard, const mr_board_shard *state);
/* What is parked of a partition for a shard: from <= offset < to.  Shown while the partition is. */
void mr_board_range_set(mr_board *board, uint32_t slot, uint32_t shard, int64_t from, int64_t to);
void mr_board_range_clear(mr_board *board, uint32_t slot, uint32_t shard);
/* For the page's plots (history.h): whenever there may be news, the more often the better. */
void mr_board_sample(mr_board *board, const mr_metrics *metrics, uint64_t now_ms);
/* Once, when the arena is frozen; libraries_bytes is mr_plan_libraries. */
void mr_board_memory(mr_board *board, const mr_arena *arena, uint64_t libraries_bytes);

/* Any thread.  False when `out` was too small (then ask with a larger one). */
bool mr_board_render(mr_board *board, const mr_metrics *metrics, mr_buf *out);

#endif
