/* writing.h: one batch into a shard's database: its statements, its commit, and the rows that the database refuses.
 *
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
 * The writer's thread; blocks for as long as the database does.  No memory but the struct, which is the caller's.
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
    mr_drift drift;
    mr_bisect bisect;
    uint32_t rows_at_once; /* lowered when the server finds a statement too big */
} mr_writing;

typedef enum mr_written { MR_WRITTEN, MR_WRITE_FAILED, MR_WRITE_DRIFT } mr_written;

void mr_writing_init(mr_writing *writing, mr_flow *flow, uint32_t shard, mr_sql *sql);
/* Connected.  *result says why when it failed: a class that the batch as a whole must be treated by (never ROW_POISON). */
mr_written mr_writing_batch(mr_writing *writing, const mr_batch *batch, mr_sql_result *result);
/* Ends a failed transaction so that nothing of it can be committed by what follows. */
void mr_writing_clear_up(mr_writing *writing, mr_db_class db_class);

#endif
