/* batch.h: the pages that go to the database in one transaction.
 *
 * Pages are added until the batch is full in rows or bytes; then it is written whole.  Pure; the writer's thread.
 */
#ifndef MR_STAGES_BATCH_H
#define MR_STAGES_BATCH_H

#include "base/arena.h"
#include "data/pool.h"
#include "data/record.h"
#include "stages/config.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_batch {
    uint32_t *pages; /* handles */
    uint32_t count, cap;
    uint32_t rows, rows_max;
    uint64_t bytes, bytes_max;
} mr_batch;

void mr_batch_init(mr_batch *batch, const mr_config *config, mr_arena *arena, uint32_t pages);
bool mr_batch_full(const mr_batch *batch);
void mr_batch_add(mr_batch *batch, uint32_t handle, const mr_page *page); /* must not be full */
void mr_batch_clear(mr_batch *batch);

/* How many of a page's rows from `from` on may go into one statement, so that it stays below packet_bytes; 0: not even that one. */
uint32_t mr_batch_rows_that_fit(const mr_page *page, const mr_layout *layout, uint32_t from,
                                uint64_t packet_bytes);

#endif
