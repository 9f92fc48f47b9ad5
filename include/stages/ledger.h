/* ledger.h: do the counters add up?  What came in = what became of it (interface.md, Metrics).
 *
 *     consumed + replay read = written + dead letters + filtered + skipped as parked + released + in flight
 *
 * An event of a parked shard comes in twice, and each coming has an outcome of its own: it is skipped (or released, when a page held it
 * already), and later its replay, here or in another process, reads it.
 *
 * Counters are read one after the other while others count, so the sides can be compared only when nothing moves.  That is seen from the counters
 * themselves: mr_ledger_look, called once a second, compares when readings have been the same for MR_LEDGER_SAME of them: a consumer thread
 * publishes what it counted at the end of its turn, and a starved one is late with that.  Events in flight that do not move (their shard is
 * down) are part of the sum, so it holds then as well.
 * Plain values, no I/O but the log; main's thread (mr_ledger_check: any).
 */
#ifndef MR_STAGES_LEDGER_H
#define MR_STAGES_LEDGER_H

#include "stages/metrics.h"
#include <stdbool.h>
#include <stdint.h>

#define MR_LEDGER_SAME 10u

/* The equation's terms, each summed over its labels, and the two sides. */
typedef struct mr_ledger {
    uint64_t consumed, replay_read;
    uint64_t written, dead_letters, filtered, skipped_parked, released, in_flight;
    uint64_t in, out;
} mr_ledger;

/* True when the sides agree; in the middle of work that says nothing. */
bool mr_ledger_check(const mr_metrics *metrics, mr_ledger *ledger);

/* What main keeps between looks; zero at first. */
typedef struct mr_ledger_watch {
    mr_ledger last;
    uint32_t same; /* readings in a row that were like the last */
    uint64_t said; /* the difference that was logged; 0: none */
} mr_ledger_watch;

/* Logs counters_disagree (error) when nothing moves and the sides differ, once for each difference.  True: it just did. */
bool mr_ledger_look(mr_ledger_watch *watch, const mr_metrics *metrics);

#endif
