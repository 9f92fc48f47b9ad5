/* writer.h: the thread that makes pages durable in one shard, and its side of the breaker (gate.h).
 *
 * Takes sealed pages from every consumer and due pages from its wheel, writes them in one transaction (writing.h), and returns each: durable, or
 * parked when the gate is closed.  While all is well and it does not keep up, its second connection (second.h) writes beside it; whatever fails
 * there is tried again here.  By the class of an error:
 *
 *     transient, statement           the wheel: again with backoff; attempts used up: the gate is closed
 *     too big                        again in smaller statements
 *     connection, ambiguous,         nothing new is taken until the pause is over; no success for park.after_s: the gate is closed;
 *     read only, resource            at the start: at once
 *     shard fatal, drift             the gate is closed at once
 *
 * While no other shard is live the gate cannot be closed: then pages wait and the pool is the back-pressure.  Behind a closed gate: every page
 * goes back as parked, then probes with backoff (connect, which compares the tables) until one succeeds and a first batch is durable.
 * Calls to the database block this thread only, each for its time-outs at most.  Time is passed in; after a call the clock is read anew.  Memory: the
 * arena's, taken in mr_writer_new, and the library's.  Errors are dealt with here, as above, and counted by class; nothing is returned.
 */
#ifndef MR_THREADS_WRITER_H
#define MR_THREADS_WRITER_H

#include "base/arena.h"
#include "threads/flow.h"
#include "threads/second.h"
#include <stdint.h>

typedef struct mr_writer mr_writer;

mr_writer *mr_writer_new(mr_flow *flow, uint32_t shard, mr_arena *arena, uint64_t now_ms);
/* Its second connection, which needs a thread; NULL: it has none (flow->seconds is 0). */
mr_second *mr_writer_second(const mr_writer *writer);
uint32_t mr_writer_do_work(mr_writer *writer, uint64_t now_ms);
void mr_writer_wait(mr_writer *writer, uint64_t now_ms);
void mr_writer_close(mr_writer *writer); /* the connection; by its thread, at the end */

#endif
