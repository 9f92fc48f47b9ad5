/* plan.h: how large everything is, worked out from the configuration before anything is allocated.
 *
 * Page size = pool / (4 x the number of (consumer, stream, shard) triples), at most MR_PAGE_ROWS_MAX rows of the largest
 * record and at most batch.max_bytes.  A pool that leaves fewer than MR_PAGE_ROWS_MIN rows is refused, with the pool it would take.
 * Pure.
 */
#ifndef MR_STAGES_PLAN_H
#define MR_STAGES_PLAN_H

#include "base/arena.h"
#include "base/status.h"
#include "data/record.h"
#include "stages/config.h"
#include <stdint.h>

#define MR_PAGE_ROWS_MIN   64
#define MR_PAGE_ROWS_MAX   2048
#define MR_PARTITIONS_EACH 1024 /* partitions that one consumer thread can own */
#define MR_DEAD_LETTERS_EACH                                                                                 \
    1024 /* dead letters of one consumer thread that wait for their acknowledgement */

/* What memory.fetch_mib is when it is left to the library (0), MiB: from librdkafka 2.2 on; and before, where the queues together have to last for a
 * second, since so long it may take until fetching goes on after they were full. */
#define MR_FETCH_MIB       16
#define MR_FETCH_MIB_EARLY 64

typedef struct mr_plan {
    mr_layout *layouts; /* one a stream */
    uint32_t page_bytes;
    uint32_t pages_each; /* per consumer thread */
    uint32_t rows_page;  /* rows of the largest record in a page */
    uint32_t holds_each; /* frontier holds per consumer thread */
} mr_plan;

/* memory.fetch_mib as it is with a librdkafka: its version as rd_kafka_version() gives it (edges/kafka.h). */
uint32_t mr_plan_fetch_mib(const mr_config *config, int librdkafka);
/* What the libraries may need beside our own memory, in bytes: librdkafka twice what it may fetch (it counts values only) for the live flow, as much
 * again while parked ranges are read, and 64 MiB for its threads, brokers and the dead letters' producer; Connector/C up to four times a page for each shard (its request buffer doubles as it grows). */
uint64_t mr_plan_libraries(const mr_config *config, const mr_plan *plan, int librdkafka);

mr_status mr_plan_make(const mr_config *config, mr_arena *arena, mr_plan *plan, mr_error *error) MR_CHECKED;

#endif
