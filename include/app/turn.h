/* turn.h: what main's thread does over and over (dead letters, the group, commits, gauges), and how that ends.
 *
 * All of main's work on the data path but signals, HTTP and sleeping, which are run.c's; so the simulator runs the same turns.
 * Main's thread only.  A turn never blocks for long, except in what the group asks of the brokers; `duties.busy` is called meanwhile.
 * Memory: the caller's.
 */
#ifndef MR_APP_TURN_H
#define MR_APP_TURN_H

#include "app/membership.h"
#include "app/worker.h"
#include "base/status.h"
#include "stages/ledger.h"
#include <stdbool.h>
#include <stdint.h>

/* Set worker and duties, the rest to zero. */
typedef struct mr_turn {
    mr_worker *worker;
    mr_main_duties duties;
    mr_ledger_watch ledger;
    uint64_t commit_ms, look_ms, topics_ms; /* when each is due */
} mr_turn;

/* What must not wait, also while a rebalance does; duties.busy calls it. */
void mr_turn_busy(mr_turn *turn);
/* What it is about to do, for the watchdog. */
void mr_turn_doing(mr_turn *turn, const char *what);
/* A rotated secret is taken up without a restart; whether any was another than before. */
bool mr_turn_reload_secrets(mr_turn *turn);
/* One turn.  *rest_ms: how long main may sleep then, if nothing rings its bell.  MR_AGAIN: the Kafka client cannot go on. */
mr_status mr_turn_once(mr_turn *turn, uint64_t *rest_ms, mr_error *error) MR_CHECKED;

typedef struct mr_turn_end {
    bool quiet;   /* everything that was taken is durable and committed */
    bool left;    /* brokers answered the leave */
    bool stopped; /* the other threads have ended: else only exiting is safe */
} mr_turn_end;
/* Drains, commits, leaves the group and ends the other threads, within shutdown.grace_s from began_ms.  lost: the group's client cannot go on, another
 * worker has its name: nothing is committed any more, nor are brokers asked. */
mr_turn_end mr_turn_finish(mr_turn *turn, uint64_t began_ms, bool lost);

#endif
