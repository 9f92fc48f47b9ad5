#include "threads/fill.h"

#include "base/must.h"

#define LINE        64
#define AHEAD_BYTES 640
#define PATIENCE    5 /* times batch.linger_ms, while more has arrived than was taken */

/* x86-64's baseline cannot fetch to write, and what another processor has would be asked for once more by the writing.  Where a processor cannot, it
 * does nothing. */
#ifdef __x86_64__
#define FETCHES_TO_WRITE __attribute__((target("prfchw")))
#else
#define FETCHES_TO_WRITE
#endif

struct mr_fill {
    mr_flow *flow;
    uint32_t consumer;
    mr_path path;
    mr_frontier *frontier;
    uint32_t *open;   /* [streams * shards]: handle or MR_PAGE_NONE */
    uint32_t triples; /* of them */
    uint32_t open_count;
    uint32_t *serial;   /* [slots * shards]: the page in which that slot has its hold already */
    uint32_t *hold;     /* [slots * shards]: that one; it counts no more when a range has taken it over */
    uint32_t *of_shard; /* [shards]: pages held */
    uint32_t *pages_of; /* [shards]: by both paths */
    uint32_t held, most, reserve;
    uint64_t caught_up_ms; /* when everything that had arrived was last taken */
};

mr_fill *mr_fill_new(mr_flow *flow, uint32_t consumer, mr_path path, mr_frontier *frontier,
                     uint32_t *pages_of, mr_arena *arena)
{
    mr_fill *fill = mr_arena_take(arena, "consumers", 1, sizeof *fill);
    *fill = (mr_fill){.flow = flow,
                      .consumer = consumer,
                      .path = path,
                      .frontier = frontier,
                      .pages_of = pages_of,
                      .triples = (uint32_t)flow->config->stream_count * flow->shards,
                      .most = UINT32_MAX};
    fill->open = mr_arena_take(arena, "consumers", fill->triples, sizeof *fill->open);
    fill->of_shard = mr_arena_take(arena, "consumers", flow->shards, sizeof *fill->of_shard);
    fill->serial =
        mr_arena_take(arena, "partitions", (size_t)MR_PARTITIONS_EACH * flow->shards, sizeof *fill->serial);
    fill->hold =
        mr_arena_take(arena, "partitions", (size_t)MR_PARTITIONS_EACH * flow->shards, sizeof *fill->hold);
    for (uint32_t i = 0; i < fill->triples; i++)
        fill->open[i] = MR_PAGE_NONE;
    return fill;
}

void mr_fill_limit(mr_fill *fill, uint32_t most, uint32_t reserve)
{
    fill->most = most;
    fill->reserve = reserve;
}

/* ---- sealing ---- */

static void seal(mr_fill *fill, uint32_t triple, uint64_t now_ms)
{
    uint32_t handle = fill->open[triple], shard = triple % fill->flow->shards;
    fill->open[triple] = MR_PAGE_NONE;
    fill->open_count--;
    mr_pool_page(fill->flow->pool, handle)->sealed = true;
    mr_gate_work(&fill->flow->gates, shard, 1, now_ms);
    mr_ring_push(mr_flow_pages(fill->flow, fill->consumer, shard), handle);
    mr_bell_ring(&fill->flow->writer_bell[shard]);
}

/* The open page of a triple, or NULL. */
static const mr_page *filling(const mr_fill *fill, uint32_t triple)
{
    uint32_t handle = fill->open[triple];
    return handle == MR_PAGE_NONE ? NULL : mr_pool_page(fill->flow->pool, handle);
}

void mr_fill_seal_all(mr_fill *fill, uint64_t now_ms)
{
    for (uint32_t i = 0; fill->open_count > 0 && i < fill->triples; i++)
        if (filling(fill, i))
            seal(fill, i, now_ms);
}

/* A page is wanted and none is to be had: the fullest open one is worth sending. */
static void seal_fullest(mr_fill *fill, uint64_t now_ms)
{
    uint32_t best = 0, rows = 0;
    for (uint32_t i = 0; i < fill->triples; i++) {
        const mr_page *page = filling(fill, i);
        if (page && page->rows > rows) {
            best = i;
            rows = page->rows;
        }
    }
    if (rows > 0)
        seal(fill, best, now_ms);
}

/* Its writer has pages still that were queued before it was opened, and rings when nothing more is queued.  What is queued later does not count: there may
 * always be something, and a page that is hardly filled any more (of a stream with few events beside a busy one, or the end of a parked range) would be
 * kept for as long, and its partitions' offsets with it. */
static bool is_behind_others(const mr_fill *fill, const mr_page *page)
{
    return !mr_ring_is_past(mr_flow_pages(fill->flow, fill->consumer, page->shard), page->behind);
}

/* When a page has lingered for long enough.  While there was always more to take since it was opened, its rows are late by more than they would wait, and
 * larger pages are what makes up for it. */
static uint64_t due_ms(const mr_fill *fill, const mr_page *page)
{
    uint32_t linger_ms = fill->flow->config->batch.linger_ms;
    return page->opened_ms + (page->opened_ms > fill->caught_up_ms ? PATIENCE * linger_ms : linger_ms);
}

void mr_fill_caught_up(mr_fill *fill, uint64_t now_ms)
{
    fill->caught_up_ms = now_ms;
}

uint64_t mr_fill_wait_ms(const mr_fill *fill, uint64_t now_ms)
{
    uint64_t wait = 100;
    for (uint32_t i = 0; fill->open_count > 0 && i < fill->triples; i++) {
        const mr_page *page = filling(fill, i);
        uint64_t due = page ? due_ms(fill, page) : UINT64_MAX;
        if (due <= now_ms && is_behind_others(fill, page))
            continue;
        uint64_t left = due > now_ms ? due - now_ms : 0;
        wait = left < wait ? left : wait;
    }
    return wait;
}

uint32_t mr_fill_lingering(mr_fill *fill, uint64_t now_ms)
{
    uint32_t sealed = 0;
    for (uint32_t i = 0; fill->open_count > 0 && i < fill->triples; i++) {
        const mr_page *page = filling(fill, i);
        if (!page || now_ms < due_ms(fill, page))
            continue;
        if (!is_behind_others(fill, page)) {
            seal(fill, i, now_ms);
            sealed++;
        }
    }
    return sealed;
}

/* ---- pages ---- */

mr_page *mr_fill_page(mr_fill *fill, uint32_t stream, uint32_t shard, uint64_t now_ms)
{
    mr_flow *flow = fill->flow;
    uint32_t *open = &fill->open[stream * flow->shards + shard];
    if (*open != MR_PAGE_NONE)
        return mr_pool_page(flow->pool, *open);
    mr_gate_pages pages = {.of_shard = fill->pages_of,
                           .all = flow->plan->pages_each,
                           .free = mr_pool_free_pages(flow->pool, fill->consumer)};
    if (mr_gates_crowd(&flow->gates, shard, pages, now_ms))
        return NULL;
    if (fill->held < fill->most && mr_pool_free_pages(flow->pool, fill->consumer) > fill->reserve)
        *open = mr_pool_take(flow->pool, fill->consumer, stream, shard, flow->plan->layouts[stream].size);
    if (*open == MR_PAGE_NONE) {
        seal_fullest(fill, now_ms);
        return NULL;
    }
    mr_page *page = mr_pool_page(flow->pool, *open);
    page->path = fill->path;
    page->holds = MR_HOLD_NONE;
    fill->open_count++;
    fill->held++;
    fill->of_shard[shard]++;
    fill->pages_of[shard]++;
    return page;
}

void mr_fill_unused(mr_fill *fill, const mr_page *page)
{
    uint32_t *open = &fill->open[page->stream * fill->flow->shards + page->shard], handle = *open;
    if (page->rows > 0)
        return;
    *open = MR_PAGE_NONE;
    fill->open_count--;
    mr_fill_give(fill, handle);
}

bool mr_fill_is_open(const mr_fill *fill, uint32_t stream, uint32_t shard)
{
    return fill->open[stream * fill->flow->shards + shard] != MR_PAGE_NONE;
}

/* The writer and the database have had the next record's place out of this processor's caches since it was last written: it comes back while
 * the next event is parsed. */
FETCHES_TO_WRITE static void fetch_ahead(const unsigned char *record, uint32_t size)
{
    const unsigned char *end = record + (size < AHEAD_BYTES ? size : AHEAD_BYTES);
    for (; record < end; record += LINE)
        __builtin_prefetch(record, 1);
}

FETCHES_TO_WRITE void mr_fill_placed(mr_fill *fill, mr_page *page, const mr_event *event,
                                     const mr_placed *placed, uint64_t now_ms)
{
    uint32_t at = placed->slot * fill->flow->shards + page->shard;
    uint32_t triple = page->stream * fill->flow->shards + page->shard;
    mr_record *record = mr_page_header(page, page->rows);
    *record = (mr_record){.offset = placed->offset,
                          .key_hash = placed->key_hash,
                          .partition = placed->partition,
                          .source = placed->slot,
                          .epoch = mr_frontier_epoch(fill->frontier, placed->frontier_slot)};
    page->times[page->rows] = event->timestamp_ms;
    if (fill->serial[at] != page->serial || !mr_frontier_counts(fill->frontier, fill->hold[at])) {
        mr_hold_for what = {.lane = fill->path == MR_PATH_LIVE ? page->shard : MR_LANE_NONE,
                            .owner = fill->open[triple],
                            .chain = page->holds};
        page->holds = mr_frontier_hold(fill->frontier, placed->frontier_slot, placed->offset, what);
        fill->hold[at] = page->holds;
        fill->serial[at] = page->serial;
    }
    if (page->rows == 0) {
        page->opened_ms = now_ms;
        page->behind = mr_ring_mark(mr_flow_pages(fill->flow, fill->consumer, page->shard));
    }
    page->bytes += placed->bytes;
    if (++page->rows == page->rows_max || page->bytes >= fill->flow->config->batch.max_bytes)
        seal(fill, triple, now_ms);
    else
        fetch_ahead(mr_page_record(page, page->rows), page->record_size);
}

uint32_t mr_fill_withdraw(mr_fill *fill, uint32_t shard)
{
    for (uint32_t triple = shard; fill->open_count > 0 && triple < fill->triples;
         triple += fill->flow->shards) {
        uint32_t handle = fill->open[triple];
        if (handle == MR_PAGE_NONE)
            continue;
        fill->open[triple] = MR_PAGE_NONE;
        fill->open_count--;
        return handle;
    }
    return MR_PAGE_NONE;
}

uint32_t mr_fill_of_shard(const mr_fill *fill, uint32_t shard)
{
    return fill->of_shard[shard];
}

uint32_t mr_fill_held(const mr_fill *fill)
{
    return fill->held;
}

void mr_fill_came_back(mr_fill *fill, mr_page *page, uint64_t now_ms)
{
    if (page->sealed)
        mr_gate_work(&fill->flow->gates, page->shard, -1, now_ms);
    page->sealed = false;
}

void mr_fill_give(mr_fill *fill, uint32_t handle)
{
    const mr_page *page = mr_pool_page(fill->flow->pool, handle);
    must(page->path == fill->path && fill->held > 0 && fill->of_shard[page->shard] > 0);
    uint32_t shard = page->shard;
    must(!page->sealed);
    fill->held--;
    fill->of_shard[shard]--;
    mr_pool_give(fill->flow->pool, handle);
    fill->pages_of[shard]--;
}

void mr_fill_begin(mr_fill *fill, uint32_t slot, uint32_t shard)
{
    fill->serial[slot * fill->flow->shards + shard] = 0;
}
