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

/* What librdkafka does when its local queues were full, and are not any more.  Before 2.2 a broker's thread sleeps for up to a second then; it is
 * woken by setting credentials (edges/kafka_inbox.c), which is done where no login reads them. */
typedef enum mr_fetching {
    MR_FETCH_GOES_ON, /* by itself, within milliseconds */
    MR_FETCH_WOKEN,   /* when it is woken */
    MR_FETCH_STALLS   /* with the second: the queues have to last for it */
} mr_fetching;

/* memory.fetch_mib when it is left to Millrace (0), MiB: as a rule, and where fetching stalls. */
#define MR_FETCH_MIB        16
#define MR_FETCH_MIB_STALLS 64

typedef struct mr_plan {
    mr_layout *layouts; /* one a stream */
    uint32_t page_bytes;
    uint32_t pages_each; /* per consumer thread */
    uint32_t rows_page;  /* rows of the largest record in a page */
    uint32_t holds_each; /* frontier holds per consumer thread */
} mr_plan;

/* Of the live flow and of what is read again, with this version of librdkafka, as rd_kafka_version() gives it (edges/kafka.h). */
mr_fetching mr_plan_fetching(const mr_config *config, int librdkafka);
uint32_t mr_plan_fetch_mib(const mr_config *config, int librdkafka);
/* What the libraries may need beside our own memory, in bytes: librdkafka twice what it may fetch (it counts values only) for the live flow, as much
 * again while parked ranges are read, and 64 MiB for its threads, brokers and the dead letters' producer; Connector/C up to four times a page for each connection to a shard (its request buffer doubles as it grows). */
uint64_t mr_plan_libraries(const mr_config *config, const mr_plan *plan, int librdkafka);

mr_status mr_plan_make(const mr_config *config, mr_arena *arena, mr_plan *plan, mr_error *error) MR_CHECKED;

#endif
