#include "threads/give_back.h"

#include "base/clock.h"

void mr_give_back(mr_flow *flow, uint32_t shard, uint32_t handle, mr_outcome outcome)
{
    mr_page *page = mr_pool_page(flow->pool, handle);
    uint32_t consumer = page->consumer;
    page->outcome = outcome;
    mr_ring_push(mr_flow_done(flow, consumer, shard), handle);
    mr_bell_ring(&flow->consumer_bell[consumer]);
}

/* Records are out of the caches by now: none is looked at where none is refused. */
static void observe_ages(mr_flow *flow, const mr_page *page, int64_t wall_ms)
{
    for (uint32_t from = 0, to; from < page->rows; from = to + 1) {
        to = page->rows_refused > 0 ? from : page->rows;
        while (to < page->rows && !mr_page_header(page, to)->reason)
            to++;
        mr_metric_observe_since(flow->metrics, MR_M_EVENT_AGE, page->stream, page->path, wall_ms,
                                page->times + from, to - from);
    }
}

void mr_give_back_durable(mr_flow *flow, uint32_t shard, const mr_batch *batch)
{
    int64_t wall_ms = mr_clock_wall_ms();
    for (uint32_t i = 0; i < batch->count; i++) {
        mr_page *page = mr_pool_page(flow->pool, batch->pages[i]);
        mr_metric_add(flow->metrics, MR_M_ROWS_WRITTEN, page->stream, shard, page->rows - page->rows_refused);
        if (page->rows_existing > 0)
            mr_metric_add(flow->metrics, MR_M_ROWS_EXISTING, page->stream, shard, page->rows_existing);
        observe_ages(flow, page, wall_ms);
        mr_give_back(flow, shard, batch->pages[i], MR_OUTCOME_DURABLE);
    }
    mr_metric_observe(flow->metrics, MR_M_BATCH_ROWS, shard, 0, batch->rows, 1);
}
