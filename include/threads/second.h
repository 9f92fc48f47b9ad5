/* second.h: a shard's second connection, with a thread of its own: makes one batch at a time durable beside its writer (writer.h).
 *
 * A batch waits for a round trip with each statement and once more for its commit, and a commit waits for a disk.  Where that takes long, the
 * server has nothing to do meanwhile, and where the server is what takes long, it uses one of its processors.  So when a writer has a whole
 * batch and as much again is queued, it hands the batch over here and writes the next one itself:
 *
 *     writer     is free? -> fills mr_second_batch, gives ..................... has ended? -> settles it, clears it
 *     second                                     writes, commits, rings the writer
 *
 * It judges nothing: a batch becomes durable as a whole, or is rolled back as a whole and comes back as it was.  Then its writer tries it again on its
 * own connection, by its own rules (rows are taken apart, errors counted, the gate closed), and uses this one no more for a while.  A connection that was
 * lost in the middle of a transaction is made anew before the batch is handed back: that ends on the server what would stand in the way of the rows.
 *
 * Connects when it is first used, closes when it was not for long: a shard whose writer keeps up has one connection.
 * Threads: as drawn; one batch is with one of the two at a time.  Memory: the arena's, and the library's.
 */
#ifndef MR_THREADS_SECOND_H
#define MR_THREADS_SECOND_H

#include "base/arena.h"
#include "edges/sql.h"
#include "stages/batch.h"
#include "threads/flow.h"
#include "threads/writing.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_second mr_second;

/* What became of a batch. */
typedef struct mr_second_end {
    mr_written written;
    mr_sql_result result;
    uint64_t took_us;
} mr_second_end;

mr_second *mr_second_new(mr_flow *flow, uint32_t shard, mr_arena *arena);

/* The writer's. */
bool mr_second_is_free(const mr_second *second);
mr_batch *mr_second_batch(mr_second *second); /* while it is free, or has ended */
void mr_second_give(mr_second *second);       /* it is free, and its batch is filled */
/* NULL: nothing has ended.  Until mr_second_settled the batch is still the one that it was given. */
const mr_second_end *mr_second_ended(const mr_second *second);
void mr_second_settled(mr_second *second);

/* Its thread's. */
uint32_t mr_second_do_work(mr_second *second);
void mr_second_wait(mr_second *second);
void mr_second_close(mr_second *second);

#endif
