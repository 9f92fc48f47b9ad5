/* metrics.h: every number that the worker publishes, from one table (worker/stages/metrics.c).
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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Label sets: which indices a cell takes, in the order (a, b). */
typedef enum mr_metric_id {
    MR_M_MESSAGES_CONSUMED,   /* a: stream */
    MR_M_BYTES_CONSUMED,      /* a: stream */
    MR_M_REPLAY_READ,         /* a: stream */
    MR_M_ROWS_WRITTEN,        /* a: stream, b: shard */
    MR_M_ROWS_EXISTING,       /* a: stream, b: shard */
    MR_M_DEAD_LETTERS,        /* a: stream, b: reason */
    MR_M_FILTERED,            /* a: stream */
    MR_M_RELEASED,            /* a: reason of release (mr_released) */
    MR_M_SKIPPED_PARKED,      /* a: shard */
    MR_M_IN_FLIGHT,           /* - */
    MR_M_POOL_USED,           /* - records */
    MR_M_POOL_CAPACITY,       /* - records */
    MR_M_MEMORY_LIMIT,        /* - bytes */
    MR_M_RETRIES,             /* a: shard, b: db class */
    MR_M_DB_ERRORS,           /* a: shard, b: db class; code by mr_metric_db_error */
    MR_M_RETRY_PENDING,       /* a: shard */
    MR_M_SHARD_STATE,         /* a: shard, b: state (mr_shard_state): 1 for the one it is in */
    MR_M_PARKED_OFFSETS,      /* a: shard */
    MR_M_PARKED_AGE,          /* a: shard; milliseconds, shown in seconds */
    MR_M_RETENTION_REMAINING, /* a: shard; seconds; starts absent (mr_metric_absent) */
    MR_M_REPLAY_OFFSETS,      /* a: shard */
    MR_M_LOST_OFFSETS,        /* a: shard */
    MR_M_BATCH_ROWS,          /* a: shard; histogram */
    MR_M_WRITE_DURATION,      /* a: shard; histogram of microseconds, shown in seconds */
    MR_M_WRITER_BUSY,         /* a: shard; microseconds, shown in seconds */
    MR_M_EVENT_AGE, /* a: stream, b: path (0 live, 1 replay); histogram of milliseconds, shown in seconds */
    MR_M_BACKPRESSURE,        /* a: cause (mr_cause); microseconds, shown in seconds */
    MR_M_TOPIC_PARTITIONS,    /* by mr_metrics_topic */
    MR_M_ASSIGNED_PARTITIONS, /* derived from the open partitions */
    MR_M_REBALANCES,
    MR_M_COMMIT_ERRORS,
    MR_M_DLQ_THROTTLED,
    MR_M_DLQ_ERRORS,
    MR_M_WATCHDOG_STALLS,
    MR_M_LOG_DROPPED,
    MR_M_CREDENTIALS_RELOADED,
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
