/* metrics_table.h: every metric, one line each: metrics.h makes the enum of it, metrics.c the families that are shown.
 *
 * Labels, and what the number of each says: STREAM and SHARD their place in the configuration, REASON mr_reason, CLASS mr_db_class, STATE
 * mr_shard_state, RELEASED mr_released, CAUSE mr_cause, PATH 0 live and 1 replay.  A cell counts in the unit of which `scale` make the one that is
 * shown: MICROS are shown in seconds.  Bounds are a histogram's.  Three are not only counted in cells: db_errors has codes as well
 * (mr_metric_db_error), TOPIC's come by mr_metrics_topic and the open partitions, and the retention that remains begins absent.
 */
#ifndef MR_STAGES_METRICS_TABLE_H
#define MR_STAGES_METRICS_TABLE_H

/* clang-format off */
/*    id                         name                                           type       labels            scale   bounds     help */
#define MR_METRICS(X)                                                                                                           \
    X(MR_M_MESSAGES_CONSUMED,    "millrace_messages_consumed_total",            COUNTER,   STREAM, NONE,     ONES,   NO_BOUNDS, \
      "Messages taken from Kafka for the live flow.")                                                                           \
    X(MR_M_BYTES_CONSUMED,       "millrace_bytes_consumed_total",               COUNTER,   STREAM, NONE,     ONES,   NO_BOUNDS, \
      "Bytes of the keys and values of these messages.")                                                                        \
    X(MR_M_REPLAY_READ,          "millrace_replay_read_total",                  COUNTER,   STREAM, NONE,     ONES,   NO_BOUNDS, \
      "Events read again for a shard in replay; what the replay passes over is not counted.")                                   \
    X(MR_M_ROWS_WRITTEN,         "millrace_rows_written_total",                 COUNTER,   STREAM, SHARD,    ONES,   NO_BOUNDS, \
      "Rows made durable, those that were there before included.")                                                              \
    X(MR_M_ROWS_EXISTING,        "millrace_rows_existing_total",                COUNTER,   STREAM, SHARD,    ONES,   NO_BOUNDS, \
      "Of the rows written, those that were there before; without a replay an alarm.")                                          \
    X(MR_M_DEAD_LETTERS,         "millrace_dead_letters_total",                 COUNTER,   STREAM, REASON,   ONES,   NO_BOUNDS, \
      "Events that went to the dead letter topic, acknowledged.")                                                               \
    X(MR_M_FILTERED,             "millrace_filtered_total",                     COUNTER,   STREAM, NONE,     ONES,   NO_BOUNDS, \
      "Events that the configuration leaves out.")                                                                              \
    X(MR_M_RELEASED,             "millrace_released_total",                     COUNTER,   RELEASED, NONE,   ONES,   NO_BOUNDS, \
      "Events given up unwritten; the partition's next owner, or the shard's replay, reads them.")                              \
    X(MR_M_SKIPPED_PARKED,       "millrace_skipped_parked_total",               COUNTER,   SHARD, NONE,      ONES,   NO_BOUNDS, \
      "Events that were left in the log because their shard is parked; its replay reads them.")                                 \
    X(MR_M_IN_FLIGHT,            "millrace_in_flight_records",                  GAUGE,     NONE, NONE,       ONES,   NO_BOUNDS, \
      "Events taken from Kafka that are neither durable nor settled otherwise.")                                                \
    X(MR_M_POOL_USED,            "millrace_pool_used_records",                  GAUGE,     NONE, NONE,       ONES,   NO_BOUNDS, \
      "Records of the pool in pages that are in use.")                                                                          \
    X(MR_M_POOL_CAPACITY,        "millrace_pool_capacity_records",              GAUGE,     NONE, NONE,       ONES,   NO_BOUNDS, \
      "Records that the pool holds.")                                                                                           \
    X(MR_M_MEMORY_LIMIT,         "millrace_memory_limit_bytes",                 GAUGE,     NONE, NONE,       ONES,   NO_BOUNDS, \
      "The memory total that was printed at start: what the worker stays below.")                                               \
    X(MR_M_RETRIES,              "millrace_retries_total",                      COUNTER,   SHARD, CLASS,     ONES,   NO_BOUNDS, \
      "Batches that will be tried again, by the class of error.")                                                               \
    X(MR_M_DB_ERRORS,            "millrace_db_errors_total",                    COUNTER,   SHARD, CLASS,     ONES,   NO_BOUNDS, \
      "Errors that a shard answered, by class and code; code other: beyond the codes told apart.")                              \
    X(MR_M_RETRY_PENDING,        "millrace_retry_pending",                      GAUGE,     SHARD, NONE,      ONES,   NO_BOUNDS, \
      "Pages that wait in the retry wheel.")                                                                                    \
    X(MR_M_SHARD_STATE,          "millrace_shard_state",                        GAUGE,     SHARD, STATE,     ONES,   NO_BOUNDS, \
      "1 for the state that the shard is in.")                                                                                  \
    X(MR_M_PARKED_OFFSETS,       "millrace_parked_offsets",                     GAUGE,     SHARD, NONE,      ONES,   NO_BOUNDS, \
      "Offsets that the shard's parked ranges span; other shards' events lie among them.")                                      \
    X(MR_M_PARKED_AGE,           "millrace_parked_age_seconds",                 GAUGE,     SHARD, NONE,      MILLIS, NO_BOUNDS, \
      "Since when the shard has something parked; else 0.")                                                                     \
    X(MR_M_RETENTION_REMAINING,  "millrace_parked_retention_remaining_seconds", GAUGE,     SHARD, NONE,      ONES,   NO_BOUNDS, \
      "Until the log drops the first event of the shard's parked ranges; no series: not known.")                                \
    X(MR_M_REPLAY_OFFSETS,       "millrace_replay_offsets_total",               COUNTER,   SHARD, NONE,      ONES,   NO_BOUNDS, \
      "Offsets of parked ranges that replays have been through.")                                                               \
    X(MR_M_LOST_OFFSETS,         "millrace_lost_offsets_total",                 COUNTER,   SHARD, NONE,      ONES,   NO_BOUNDS, \
      "Offsets of parked ranges that the log dropped before they were replayed: at most so many events are lost.")              \
    X(MR_M_BATCH_ROWS,           "millrace_batch_rows",                         HISTOGRAM, SHARD, NONE,      ONES,   ROWS,      \
      "Rows of a transaction.")                                                                                                 \
    X(MR_M_WRITE_DURATION,       "millrace_write_duration_seconds",             HISTOGRAM, SHARD, NONE,      MICROS, WRITE_US,  \
      "Time to write and commit a batch.")                                                                                      \
    X(MR_M_WRITER_BUSY,          "millrace_writer_busy_seconds_total",          COUNTER,   SHARD, NONE,      MICROS, NO_BOUNDS, \
      "Time that the shard's connections spent in batches.")                                                                    \
    X(MR_M_EVENT_AGE,            "millrace_event_age_seconds",                  HISTOGRAM, STREAM, PATH,     MILLIS, AGE_MS,    \
      "From an event's Kafka timestamp to its durable row.")                                                                    \
    X(MR_M_BACKPRESSURE,         "millrace_backpressure_seconds_total",         COUNTER,   CAUSE, NONE,      MICROS, NO_BOUNDS, \
      "Time that consumer threads could not go on, by what they waited for.")                                                   \
    X(MR_M_TOPIC_PARTITIONS,     "millrace_topic_partitions",                   GAUGE,     TOPIC, NONE,      ONES,   NO_BOUNDS, \
      "Partitions that the topic has.")                                                                                         \
    X(MR_M_ASSIGNED_PARTITIONS,  "millrace_assigned_partitions",                GAUGE,     TOPIC, NONE,      ONES,   NO_BOUNDS, \
      "Partitions of the topic that this worker owns.")                                                                         \
    X(MR_M_REBALANCES,           "millrace_rebalances_total",                   COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Assignments and revocations by the group.")                                                                              \
    X(MR_M_COMMIT_ERRORS,        "millrace_commit_errors_total",                COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Offset commits that the group refused or did not answer.")                                                               \
    X(MR_M_DLQ_THROTTLED,        "millrace_dlq_throttled_total",                COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Times that a stream was held because its dead letters went over the budget.")                                            \
    X(MR_M_DLQ_ERRORS,           "millrace_dlq_errors_total",                   COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Dead letters that could not be delivered and are sent again.")                                                           \
    X(MR_M_WATCHDOG_STALLS,      "millrace_watchdog_stalls_total",              COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Threads that the watchdog found stuck.")                                                                                 \
    X(MR_M_LOG_DROPPED,          "millrace_log_dropped_total",                  COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Log lines that stderr did not take.")                                                                                    \
    X(MR_M_CREDENTIALS_RELOADED, "millrace_credentials_reloaded_total",         COUNTER,   NONE, NONE,       ONES,   NO_BOUNDS, \
      "Secrets read again and put to use.")
/* clang-format on */

#endif
