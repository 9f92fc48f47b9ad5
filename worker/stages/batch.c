#include "stages/batch.h"

#include "base/must.h"

void mr_batch_init(mr_batch *batch, const mr_config *config, mr_arena *arena, uint32_t pages)
{
    *batch = (mr_batch){.pages = mr_arena_take(arena, "batches", pages, sizeof *batch->pages),
                        .cap = pages,
                        .rows_max = config->batch.max_rows,
                        .bytes_max = config->batch.max_bytes};
}

bool mr_batch_full(const mr_batch *batch)
{
    return batch->count == batch->cap || batch->rows >= batch->rows_max || batch->bytes >= batch->bytes_max;
}

void mr_batch_add(mr_batch *batch, uint32_t handle, const mr_page *page)
{
    must(!mr_batch_full(batch) && page->rows > 0);
    batch->pages[batch->count++] = handle;
    batch->rows += page->rows;
    batch->bytes += page->bytes;
}

void mr_batch_clear(mr_batch *batch)
{
    batch->count = batch->rows = 0;
    batch->bytes = 0;
}

uint32_t mr_batch_rows_per_write(const mr_page *page, uint64_t packet_bytes)
{
    if (page->bytes <= packet_bytes)
        return page->rows;
    /* Rows differ in size; a statement that is too big all the same is split by the writer. */
    uint64_t rows = packet_bytes * page->rows / page->bytes;
    return rows > 0 ? (uint32_t)rows : 1;
}
