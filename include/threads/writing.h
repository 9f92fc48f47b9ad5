/* writing.h: one batch into a shard's database: its statements, its commit, and the rows that the database refuses.
 *
 * A page is a statement, and where the database takes it they are sent one behind the other before the first is answered: then a batch waits for a
 * round trip twice, for its statements and for its commit.
 * A statement that fails for a row's sake is taken apart by halves (stages/bisect.h) within the same transaction: the server has undone just
 * that statement.  Good rows stay in; a row that fails alone is marked in its header with the reason and left out, and counts in
 * page->rows_refused.  Nothing of that is released before the commit, and not at all when so many are refused that the table must be wrong
 * (stages/drift.h), or when an error that nobody knows hits every row.
 *
 *     outcome          pages                                            connection
 *     committed        durable but for the marked rows                  kept
 *     failed           as they were (marks stay: they were proven)      rolled back, or closed wherever nobody knows
 *     drift            as they were                                     rolled back
 *
 * The thread of the connection (a writer's, or that of a shard's second one); blocks for as long as the database does.  No memory but the struct, which is the caller's.
 */
#ifndef MR_THREADS_WRITING_H
#define MR_THREADS_WRITING_H

#include "base/arena.h"
#include "edges/sql.h"
#include "stages/batch.h"
#include "stages/bisect.h"
#include "stages/drift.h"
#include "threads/flow.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_writing {
    mr_flow *flow;
    uint32_t shard;
    mr_sql *sql;
    mr_pulse *pulse; /* of the thread that writes */
    bool whole;      /* nothing is taken apart or left out: a row that is refused fails the batch */
    mr_drift drift;
    mr_bisect bisect;
    uint32_t rows_at_once; /* lowered when the server finds a statement too big */
    uint32_t singly;       /* so many batches are written without sending a statement ahead */
} mr_writing;

typedef enum mr_written { MR_WRITTEN, MR_WRITE_FAILED, MR_WRITE_DRIFT } mr_written;

void mr_writing_init(mr_writing *writing, mr_flow *flow, uint32_t shard, mr_sql *sql, mr_pulse *pulse);
/* It is not connected. */
mr_sql_result mr_writing_connect(mr_writing *writing);
/* Connected.  *result says why when it failed: a class that the batch as a whole must be treated by (ROW_POISON when it must be whole, or is
 * drift). */
mr_written mr_writing_batch(mr_writing *writing, const mr_batch *batch, mr_sql_result *result);

#endif
