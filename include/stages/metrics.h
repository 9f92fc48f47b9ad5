/* metrics.h: every number that the worker publishes, from one table (metrics_table.h).
 *
 * A metric has a name, a type, a help text and a label set; cells are preallocated for all label values that the
 * configuration makes possible and shown from the start, so counting is one relaxed atomic addition and never
 * allocates.  Any thread counts; the HTTP thread renders.  Consumers add up locally and flush once a turn.
 * Partitions come and go: mr_metrics_partition_open/close (control path, under a mutex that rendering takes as well).
 * Memory: the arena's part "metrics".  At most MR_METRICS_TOPICS topics are told apart; what lies beyond is left out, and
 * the log says so once.  A gauge that is lowered is added to with the two's complement; one that can be absent is set, never
 * added to.
 */
#ifndef MR_STAGES_METRICS_H
#define MR_STAGES_METRICS_H

#include "base/arena.h"
#include "base/buf.h"
#include "stages/config.h"
#include "stages/metrics_table.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One for each line of the table.  What tells its cells apart are the line's labels, in the order (a, b). */
typedef enum mr_metric_id {
#define X(id, ...) id,
    MR_METRICS(X)
#undef X
        MR_M_COUNT
} mr_metric_id;

/* Why an event was given up unwritten: its assignment is over, or its shard was parked while a page held it. */
typedef enum mr_released { MR_RELEASED_EPOCH, MR_RELEASED_PARKED, MR_RELEASED_COUNT } mr_released;

typedef enum mr_shard_state {
    MR_SHARD_LIVE,
    MR_SHARD_RETRYING,
    MR_SHARD_PARKED,
    MR_SHARD_REPLAY,
    MR_SHARD_HELD, /* parked by intent: the configuration says so */
    MR_SHARD_STATE_COUNT
} mr_shard_state;

const char *mr_shard_state_name(mr_shard_state state); /* the label's value; /status says the same word */

/* MR_CAUSE_SHARDS: no shard is live, so nothing is skipped and intake waits. */
typedef enum mr_cause { MR_CAUSE_POOL, MR_CAUSE_DLQ, MR_CAUSE_SHARDS, MR_CAUSE_COUNT } mr_cause;

typedef struct mr_metrics mr_metrics;

#define MR_METRICS_TOPICS 4096u

/* Room for `partitions_max` open partitions; at most 256 distinct database error codes per shard are told apart. */
mr_metrics *mr_metrics_new(const mr_config *config, mr_arena *arena, uint32_t partitions_max);

/* Labels of millrace_build_info and millrace_config_info, which also says this program's version and mr_fingerprint.
 * config_hash: of the file's bytes, so that pods can be compared; 0 leaves it out.  Before the first rendering. */
void mr_metrics_info(mr_metrics *metrics, const char *librdkafka, const char *mariadb_connector,
                     uint64_t config_hash);

void mr_metric_add(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, uint64_t delta);
void mr_metric_set(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, uint64_t value);
/* Takes a gauge's cell out of the text until it is set again: the value is not known. */
void mr_metric_absent(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b);
/* A histogram's: how many were observed; MR_M_DB_ERRORS: all codes of the class; an absent gauge's: 0. */
uint64_t mr_metric_get(const mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b);
/* A histogram's: the sum of what was observed, in the cell's unit. */
uint64_t mr_metric_sum(const mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b);
void mr_metric_observe(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, uint64_t value,
                       uint64_t times);
/* One observation for each of `since` that is not negative: how long before now it was, or 0. */
void mr_metric_observe_since(mr_metrics *metrics, mr_metric_id id, uint32_t a, uint32_t b, int64_t now,
                             const int64_t *since, uint32_t count);
void mr_metric_db_error(mr_metrics *metrics, uint32_t shard, uint32_t db_class, unsigned code);

/* Gauges of a partition; slot is the caller's number for it, below partitions_max. */
typedef struct mr_partition_gauges {
    int64_t committed; /* negative: none yet */
    int64_t frontier;
    int64_t end; /* log end; negative: unknown */
    uint64_t
        frontier_moved_ms; /* monotonic; frontier age counts from here while something is outstanding, else 0 */
    int64_t last_commit_wall_ms; /* 0: none yet */
    uint32_t held;               /* 1: the partition is held */
} mr_partition_gauges;

void mr_metrics_partition_open(mr_metrics *metrics, uint32_t slot, const char *topic, int32_t partition);
void mr_metrics_partition_set(mr_metrics *metrics, uint32_t slot,
                              const mr_partition_gauges *gauges); /* one thread a slot */
void mr_metrics_partition_close(mr_metrics *metrics, uint32_t slot);
/* From metadata; 0 partitions: the topic is gone. */
void mr_metrics_topic(mr_metrics *metrics, const char *topic, uint32_t partitions);

/* What the process_* metrics show; negative: unknown, not shown.  By the thread that renders. */
typedef struct mr_process_gauges {
    int64_t cpu_us, resident_bytes, virtual_bytes, open_fds, max_fds, start_ms;
} mr_process_gauges;
void mr_metrics_process(mr_metrics *metrics, const mr_process_gauges *gauges);

/* Prometheus text 0.0.4, or OpenMetrics 1.0 (with # EOF).  False when `out` was too small (then ask with a larger one). */
bool mr_metrics_render(mr_metrics *metrics, bool openmetrics, mr_buf *out);

#endif
