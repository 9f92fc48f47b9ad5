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

/* What a row takes on the wire, rather too much: type, indicator and length beside each value. */
static uint64_t row_bytes(const mr_layout *layout, unsigned char *record)
{
    uint64_t bytes = 0;
    for (uint32_t field = 0; field < layout->fields; field++) {
        bool text = layout->field[field].form <= MR_FORM_BYTES;
        bytes += 16 + (text ? *mr_record_length(layout, record, field) : 0);
    }
    return bytes;
}

uint32_t mr_batch_rows_that_fit(const mr_page *page, const mr_layout *layout, uint32_t from,
                                uint64_t packet_bytes)
{
    uint64_t bytes = 0;
    uint32_t row = from;
    if (page->bytes <= packet_bytes)
        return page->rows - from;
    while (row < page->rows && (bytes += row_bytes(layout, mr_page_record(page, row))) <= packet_bytes)
        row++;
    return row - from;
}
