/* worker.h: everything of the data path put together: memory, rings, threads.
 *
 * mr_worker_new takes all memory (so that `explain` can print it without starting anything); mr_worker_start starts the threads.
 * Main's thread uses it.
 */
#ifndef MR_APP_WORKER_H
#define MR_APP_WORKER_H

#include "app/membership.h"
#include "base/arena.h"
#include "base/status.h"
#include "edges/kafka.h"
#include "stages/board.h"
#include "stages/config.h"
#include "stages/plan.h"
#include "threads/consumer.h"
#include "threads/flow.h"
#include "threads/watchdog.h"
#include "threads/writer.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_worker {
    const mr_config *config;
    mr_arena *arena;
    mr_plan plan;
    mr_flow flow;
    mr_bell main_bell;
    mr_consumer **consumers;
    mr_writer **writers;
    mr_topics *topics;
    mr_board *board;
    mr_watchdog *watchdog;
    mr_pulse *main_pulse;
    mr_group *group;
    mr_inbox **inboxes;
    mr_membership *membership;
    struct mr_thread *threads; /* consumers, writers, then their second connections */
    uint32_t thread_count;
} mr_worker;

/* Free with mr_worker_free, also after a failure of this or of mr_worker_start. */
mr_status mr_worker_new(const mr_config *config, mr_worker **worker, mr_error *error) MR_CHECKED;
/* Bytes that the libraries at hand may need beside the arena. */
uint64_t mr_worker_libraries(const mr_worker *worker);
/* Creates the Kafka clients and starts the threads. */
mr_status mr_worker_start(mr_worker *worker, mr_main_duties duties, mr_error *error) MR_CHECKED;
/* Ends the threads, busy meanwhile; false when one has not ended by deadline_ms (then only exiting is safe). */
bool mr_worker_stop(mr_worker *worker, mr_main_duties duties, uint64_t deadline_ms);
/* Ends threads that still run, as after a start that failed, and waits for them: for as long as a call to a database may take. */
void mr_worker_free(mr_worker *worker);

#endif
