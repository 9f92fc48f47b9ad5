/* writer.h: the thread that makes pages durable in one shard.
 *
 * Takes sealed pages from every consumer and due pages from its wheel, writes them in one transaction, and returns each when it is durable.
 * A batch that fails for a passing reason goes to the wheel and comes back with backoff; the connection is closed wherever nobody knows what
 * became of the transaction (writing again is harmless: the identity decides).  While the shard as a whole is in trouble nothing new is
 * taken, so a page waits in its ring and the pool is the back-pressure.  Calls to the database block this thread only.
 */
#ifndef MR_THREADS_WRITER_H
#define MR_THREADS_WRITER_H

#include "base/arena.h"
#include "threads/flow.h"
#include <stdint.h>

typedef struct mr_writer mr_writer;

mr_writer *mr_writer_new(mr_flow *flow, uint32_t shard, mr_arena *arena, uint64_t now_ms);
uint32_t mr_writer_do_work(mr_writer *writer, uint64_t now_ms);
void mr_writer_wait(mr_writer *writer, uint64_t now_ms);
void mr_writer_close(mr_writer *writer); /* the connection; by its thread, at the end */

#endif
