/* What comes back: pages from writers and acknowledgements of dead letters; and how a range becomes parked. */
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "consumer_private.h"

static void released(mr_consumer *consumer, mr_released why, uint64_t rows)
{
    if (rows > 0)
        mr_metric_add(consumer->flow->metrics, MR_M_RELEASED, why, 0, rows);
    consumer->in_flight -= rows;
}

/* ---- parked ranges ---- */

/* Keeps the count of entries that the gates show. */
static void park(mr_consumer *consumer, uint32_t slot, uint32_t shard, int64_t lowest)
{
    bool was = mr_parking_range(consumer->parking, slot, shard).state != MR_RANGE_LIVE;
    mr_parking_park(consumer->parking, slot, shard, lowest);
    if (!was)
        mr_gate_entry(&consumer->flow->gates, shard, 1);
}

void mr_settle_park(mr_consumer *consumer, uint32_t slot, uint32_t shard, int64_t offset, int64_t event_ms)
{
    int64_t lowest = mr_frontier_cover(consumer->frontier, slot, shard);
    mr_settle_abandon(consumer, slot, shard);
    if (mr_parking_range(consumer->parking, slot, shard).state == MR_RANGE_LIVE)
        consumer->lane[mr_lane_of(consumer, slot, shard)].timestamp_ms = event_ms;
    park(consumer, slot, shard, lowest >= 0 && lowest < offset ? lowest : offset);
}

void mr_settle_abandon(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    uint32_t lane = mr_lane_of(consumer, slot, shard);
    if (!mr_frontier_is_open(consumer->lanes, lane))
        return;
    mr_range range = mr_parking_range(consumer->parking, slot, shard);
    if (range.state == MR_RANGE_REPLAY) {
        mr_parking_progress(consumer->parking, slot, shard, mr_frontier_lowest(consumer->lanes, lane));
        range = mr_parking_range(consumer->parking, slot, shard);
        if (range.state == MR_RANGE_REPLAY)
            park(consumer, slot, shard, range.from);
        else
            mr_gate_entry(&consumer->flow->gates, shard, -1);
    }
    mr_lane_close(consumer, slot, shard);
}

/* ---- refused rows ---- */

static mr_frontier *frontier_of(const mr_consumer *consumer, mr_path path)
{
    return path == MR_PATH_LIVE ? consumer->frontier : consumer->lanes;
}

/* Whether the row's event is still this life's to judge, as the page's hold at or before it tells: else whoever answers for it (a parked range, the next owner)
 * reads it again. */
static bool still_ours(const mr_consumer *consumer, const mr_page *page, const mr_record *row)
{
    const mr_frontier *frontier = frontier_of(consumer, page->path);
    uint32_t slot = page->path == MR_PATH_LIVE ? row->source : mr_lane_of(consumer, row->source, page->shard);
    for (uint32_t hold = page->holds; hold != MR_HOLD_NONE; hold = mr_frontier_chain(frontier, hold))
        if (mr_frontier_slot_of(frontier, hold) == slot && mr_frontier_counts(frontier, hold) &&
            mr_frontier_epoch(frontier, slot) == row->epoch &&
            mr_frontier_offset_of(frontier, hold) <= row->offset)
            return true;
    return false;
}

/* Keeps a refused row until its bytes are read again; false: no room. */
static bool keep_refused(mr_consumer *consumer, const mr_page *page, uint32_t number, uint64_t now_ms)
{
    const mr_record *row = mr_page_header(page, number);
    uint32_t at = consumer->refused_free;
    if (at == MR_REFUSED_NONE)
        return false;
    mr_refused *kept = &consumer->refused[at];
    mr_pass *pass = &consumer->passes[row->source];
    bool replay = page->path == MR_PATH_REPLAY;
    mr_hold_for what = {.lane = MR_LANE_NONE, .owner = MR_OUTBOX_OWNER, .chain = MR_HOLD_NONE};
    consumer->refused_free = kept->next;
    *kept = (mr_refused){.missed = pass->running && row->offset < pass->next,
                         .path = page->path,
                         .slot = row->source,
                         .shard = page->shard,
                         .stream = page->stream,
                         .attempts = atomic_load_explicit(&page->attempts, memory_order_relaxed) + 1,
                         .offset = row->offset,
                         .timestamp_ms = page->times[number],
                         .since_ms = now_ms,
                         .record = kept->record};
    memcpy(kept->record, row, page->record_size);
    kept->hold = mr_frontier_hold_behind(
        frontier_of(consumer, page->path),
        replay ? mr_lane_of(consumer, row->source, page->shard) : row->source, row->offset, what);
    uint32_t *link = &pass->refused;
    while (*link != MR_REFUSED_NONE && consumer->refused[*link].offset < row->offset)
        link = &consumer->refused[*link].next;
    kept->next = *link;
    *link = at;
    return true;
}

void mr_settle_give_up(mr_consumer *consumer, uint32_t at, mr_released why)
{
    mr_refused *gone = &consumer->refused[at];
    mr_frontier_release(frontier_of(consumer, gone->path), gone->hold);
    released(consumer, why, 1);
    mr_settle_refused_free(consumer, at);
}

void mr_settle_refused_free(mr_consumer *consumer, uint32_t at)
{
    consumer->refused[at].next = consumer->refused_free;
    consumer->refused_free = at;
}

/* Of a slot, all, or (shard given) those of a shard's replay. */
void mr_settle_drop_refused(mr_consumer *consumer, uint32_t slot, const uint32_t *shard, mr_released why)
{
    mr_pass *pass = &consumer->passes[slot];
    for (uint32_t *link = &pass->refused; *link != MR_REFUSED_NONE;) {
        uint32_t at = *link;
        mr_refused *gone = &consumer->refused[at];
        if (shard && (gone->path != MR_PATH_REPLAY || gone->shard != *shard)) {
            link = &gone->next;
            continue;
        }
        *link = gone->next;
        mr_settle_give_up(consumer, at, why);
    }
}

void mr_settle_forget_slot(mr_consumer *consumer, uint32_t slot)
{
    mr_again_stop(consumer, slot);
    mr_settle_drop_refused(consumer, slot, NULL, MR_RELEASED_EPOCH);
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        if (mr_frontier_is_open(consumer->lanes, mr_lane_of(consumer, slot, shard)))
            mr_lane_close(consumer, slot, shard);
        if (mr_parking_range(consumer->parking, slot, shard).state != MR_RANGE_LIVE)
            mr_gate_entry(&consumer->flow->gates, shard, -1);
        if (consumer->trial_slot[shard] == slot)
            consumer->trial_slot[shard] = MR_PARTITIONS_EACH;
    }
    mr_parking_end(consumer->parking, slot);
}

/* ---- pages ---- */

static mr_fill *fill_of(const mr_consumer *consumer, const mr_page *page)
{
    return page->path == MR_PATH_LIVE ? consumer->live : consumer->again;
}

static void give(mr_consumer *consumer, mr_page *page, uint32_t handle)
{
    mr_frontier *frontier = frontier_of(consumer, page->path);
    for (uint32_t hold = page->holds, next; hold != MR_HOLD_NONE; hold = next) {
        next = mr_frontier_chain(frontier, hold);
        mr_frontier_release(frontier, hold);
    }
    mr_fill_give(fill_of(consumer, page), handle);
}

/* Given up unwritten: wherever its rows are not answered for yet, a range begins. */
static void settle_parked(mr_consumer *consumer, const mr_page *page)
{
    const mr_frontier *frontier = frontier_of(consumer, page->path);
    for (uint32_t hold = page->holds; hold != MR_HOLD_NONE; hold = mr_frontier_chain(frontier, hold)) {
        if (!mr_frontier_counts(frontier, hold))
            continue;
        uint32_t slot = mr_frontier_slot_of(frontier, hold);
        if (page->path == MR_PATH_LIVE)
            mr_settle_park(consumer, slot, page->shard, mr_frontier_offset_of(frontier, hold),
                           page->times[0]);
        else
            mr_settle_abandon(consumer, slot / consumer->shards, page->shard);
    }
    released(consumer, MR_RELEASED_PARKED, page->rows);
}

/* Its refused rows from `row` on find their places; false: no room for the one at *row. */
static bool settle_refused(mr_consumer *consumer, const mr_page *page, uint32_t *row, uint64_t now_ms)
{
    for (; *row < page->rows; ++*row) {
        const mr_record *record = mr_page_header(page, *row);
        if (!record->reason)
            continue;
        if (!still_ours(consumer, page, record))
            released(consumer, MR_RELEASED_PARKED, 1);
        else if (!keep_refused(consumer, page, *row, now_ms))
            return false;
    }
    return true;
}

static void note_time(mr_consumer *consumer, const mr_page *page)
{
    mr_lane *lane = &consumer->lane[mr_lane_of(consumer, mr_page_header(page, 0)->source, page->shard)];
    if (page->path == MR_PATH_REPLAY && page->times[0] > lane->timestamp_ms)
        lane->timestamp_ms = page->times[0];
}

void mr_settle_page(mr_consumer *consumer, uint32_t handle, uint64_t now_ms)
{
    mr_page *page = mr_pool_page(consumer->flow->pool, handle);
    uint32_t row = 0;
    mr_fill_came_back(fill_of(consumer, page), page, now_ms);
    if (page->outcome == MR_OUTCOME_PARKED) {
        settle_parked(consumer, page);
    } else {
        consumer->in_flight -= page->rows - page->rows_refused;
        note_time(consumer, page);
        if (page->rows_refused > 0 && !settle_refused(consumer, page, &row, now_ms)) {
            consumer->pinned_row[consumer->pinned_count] = row;
            consumer->pinned[consumer->pinned_count++] = handle;
            return;
        }
    }
    give(consumer, page, handle);
}

/* Pages whose refused rows waited for room. */
static uint32_t settle_pinned(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < consumer->pinned_count && consumer->refused_free != MR_REFUSED_NONE;) {
        uint32_t handle = consumer->pinned[i];
        mr_page *page = mr_pool_page(consumer->flow->pool, handle);
        if (!settle_refused(consumer, page, &consumer->pinned_row[i], now_ms)) {
            i++;
            continue;
        }
        consumer->pinned[i] = consumer->pinned[--consumer->pinned_count];
        consumer->pinned_row[i] = consumer->pinned_row[consumer->pinned_count];
        give(consumer, page, handle);
        done++;
    }
    return done;
}

uint32_t mr_settle(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t handle, done = consumer->pinned_count > 0 ? settle_pinned(consumer, now_ms) : 0;
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        mr_ring *ring = mr_flow_done(consumer->flow, consumer->number, shard);
        while (mr_ring_pop(ring, &handle)) {
            mr_settle_page(consumer, handle, now_ms);
            done++;
        }
    }
    uint32_t letters = mr_outbox_serve(consumer->outbox);
    consumer->in_flight -= letters;
    return done + letters;
}
