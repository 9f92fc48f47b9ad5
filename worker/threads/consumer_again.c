/* What is read again from the log: the ranges of shards that take rows again, and the bytes of rows that a database refused.
 *
 * One pass a partition serves all its shards and refused rows.  It reads upwards from the lowest offset that somebody wants; each lane (a shard's
 * range in the partition) knows how far it is, so going back for one of them makes the others ignore what they have had.
 *
 *     refused rows    120        181
 *     lane of s1           [150 ........... 260)            pass: 120, 121, ... 259, stop
 *     lane of s2                  [200 ........... 300)           ... 299, stop
 */
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "consumer_private.h"
#include "stages/record_text.h"
#include "stages/route.h"

#define RETRY_MS  1000 /* after the reader failed */
#define GATHER_MS 50   /* how long refused rows below the pass gather before it goes back for them */

/* ---- passes ---- */

static void stop_reading(mr_consumer *consumer, uint32_t slot)
{
    const mr_slot *about = &consumer->slots[slot];
    mr_reader_stop(consumer->flow->reader, consumer->number, about->topic, about->partition);
    consumer->passes[slot].running = false;
}

void mr_again_stop(mr_consumer *consumer, uint32_t slot)
{
    const mr_event *event = &consumer->again_message.event;
    const mr_slot *about = &consumer->slots[slot];
    if (!consumer->passes[slot].running)
        return;
    stop_reading(consumer, slot);
    /* What is in hand belongs to the pass that ends: the next one must not take it for its own. */
    if (consumer->again_in_hand && event->partition == about->partition &&
        !strcmp(event->topic, about->topic)) {
        mr_message_free(&consumer->again_message);
        consumer->again_in_hand = false;
    }
}

static void start(mr_consumer *consumer, uint32_t slot, int64_t offset, uint64_t now_ms)
{
    mr_pass *pass = &consumer->passes[slot];
    const mr_slot *about = &consumer->slots[slot];
    if (now_ms < pass->again_ms || (pass->from_beginning && now_ms < consumer->beginning_ms))
        return;
    pass->running = mr_reader_start(consumer->flow->reader, consumer->number, about->topic, about->partition,
                                    pass->from_beginning ? MR_READ_FROM_BEGINNING : offset);
    pass->begin = pass->next = offset;
    for (uint32_t i = pass->refused; i != MR_REFUSED_NONE; i = consumer->refused[i].next)
        consumer->refused[i].missed = false;
    if (!pass->running)
        pass->again_ms = now_ms + RETRY_MS;
    /* One partition a turn; and when nobody answers, the live flow has its time in between. */
    if (pass->from_beginning)
        consumer->beginning_ms = now_ms + (pass->running ? 1 : MR_READER_ASK_MS + RETRY_MS);
}

/* The lowest offset that somebody wants; MR_RANGE_OPEN: nobody does.  *go_back: the pass does not come to it by itself. */
static int64_t wanted(const mr_consumer *consumer, uint32_t slot, uint64_t now_ms, bool *go_back)
{
    const mr_pass *pass = &consumer->passes[slot];
    int64_t lowest = MR_RANGE_OPEN;
    for (uint32_t shard = 0; shard < consumer->shards; shard++)
        if (mr_lane_reads(consumer, slot, shard))
            lowest =
                mr_least(lowest, mr_frontier_position(consumer->lanes, mr_lane_of(consumer, slot, shard)));
    *go_back = lowest < pass->next;
    if (pass->refused == MR_REFUSED_NONE)
        return lowest;
    const mr_refused *first = &consumer->refused[pass->refused];
    bool gathered = now_ms >= first->since_ms + GATHER_MS || consumer->refused_free == MR_REFUSED_NONE;
    *go_back = *go_back || (first->missed && gathered);
    return mr_least(lowest, first->offset);
}

static void tend_pass(mr_consumer *consumer, uint32_t slot, uint64_t now_ms)
{
    mr_pass *pass = &consumer->passes[slot];
    bool go_back;
    int64_t from = wanted(consumer, slot, now_ms, &go_back);
    if (!pass->running) {
        if (from != MR_RANGE_OPEN)
            start(consumer, slot, from, now_ms);
    } else if (from == MR_RANGE_OPEN) {
        mr_again_stop(consumer, slot);
    } else if (go_back && !pass->from_beginning) {
        mr_again_stop(consumer, slot);
        start(consumer, slot, from, now_ms);
    }
}

/* ---- one arrival ---- */

/* A dead letter for a refused row, from its message or, when the log has dropped that, from its columns. */
static bool send_refused(mr_consumer *consumer, uint32_t at, const mr_event *found, void *message,
                         uint64_t now_ms)
{
    mr_refused *row = &consumer->refused[at];
    mr_record *record = (mr_record *)(void *)row->record;
    const mr_slot *slot = &consumer->slots[row->slot];
    const mr_stream *stream = &consumer->config->streams[row->stream];
    const mr_layout *layout = &consumer->flow->plan->layouts[row->stream];
    uint32_t column = (uint32_t)record->field - stream->id_ksuid;
    mr_event event = {.topic = slot->topic,
                      .partition = slot->partition,
                      .offset = row->offset,
                      .timestamp_ms = row->timestamp_ms};
    uint32_t ignored;
    if (found) {
        event = *found;
        if (!mr_consumer_origin(consumer, slot, &event, &ignored))
            event = *found;
    } else {
        mr_buf text = mr_buf_over(consumer->text, consumer->text_cap);
        mr_record_unskip(layout, row->record);
        mr_record_text(stream, layout, row->record, &text);
        event.value = text.at;
        event.value_len = text.len;
    }
    mr_outgoing out = {.event = &event,
                       .message = message,
                       .stream = row->stream,
                       .letter = {.reason = (mr_reason)record->reason,
                                  .column = column < stream->column_count ? stream->columns[column].name : "",
                                  .shard = consumer->config->shards[row->shard].name,
                                  .code = record->code,
                                  .sqlstate = record->sqlstate,
                                  .attempts = row->attempts,
                                  .original_gone = !found},
                       .partition_slot = row->slot,
                       .shard = row->shard,
                       .offset = row->offset,
                       .frontier = row->path == MR_PATH_LIVE ? consumer->frontier : consumer->lanes};
    return mr_outbox_send_held(consumer->outbox, &out, row->hold, now_ms);
}

/* Deals with the refused rows that the pass has come by: those below `offset` are gone from the log, the one there has its message.  False: not all
 * could be sent. */
static bool answer_refused(mr_consumer *consumer, uint32_t slot, int64_t offset, const mr_message *message,
                           uint64_t now_ms)
{
    for (uint32_t *link = &consumer->passes[slot].refused; *link != MR_REFUSED_NONE;) {
        uint32_t at = *link;
        mr_refused *row = &consumer->refused[at];
        bool here = message && row->offset == offset;
        if (row->offset > offset || (row->offset == offset && !here))
            break;
        if (row->missed) {
            link = &row->next;
            continue;
        }
        mr_letter_known known = mr_outbox_known(consumer->outbox, slot, row->offset);
        if (known == MR_LETTER_UNDER_WAY ||
            (known == MR_LETTER_NEW && !send_refused(consumer, at, here ? &message->event : NULL,
                                                     here ? message->handle : NULL, now_ms)))
            return false;
        *link = row->next;
        if (known == MR_LETTER_SENT)
            mr_settle_give_up(consumer, at, MR_RELEASED_PARKED);
        else
            mr_settle_refused_free(consumer, at);
    }
    return true;
}

static void lose(mr_consumer *consumer, uint32_t slot, uint32_t shard, int64_t from, int64_t to)
{
    const mr_slot *about = &consumer->slots[slot];
    mr_metric_add(consumer->flow->metrics, MR_M_LOST_OFFSETS, shard, 0, (uint64_t)(to - from));
    mr_log(MR_LOG_ERROR, "offsets_lost",
           MR_FIELDS(.topic = about->topic, .has_position = true, .partition = about->partition,
                     .offset = from, .shard = consumer->config->shards[shard].name),
           "the log has dropped offsets %lld to %lld of a parked range before they could be written: at most "
           "%lld events are lost",
           (long long)from, (long long)to, (long long)(to - from));
}

/* The log begins at `offset` by now: what lanes wanted below it is lost. */
static void count_lost(mr_consumer *consumer, uint32_t slot, int64_t offset)
{
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        int64_t at = mr_frontier_position(consumer->lanes, mr_lane_of(consumer, slot, shard));
        int64_t to =
            mr_lane_reads(consumer, slot, shard) ? mr_least(offset, mr_lane_end(consumer, slot, shard)) : at;
        if (to > at && at >= consumer->passes[slot].begin)
            lose(consumer, slot, shard, at, to);
    }
}

/* The log ends at `offset`: ranges that reach beyond it have lost their end. */
static void count_cut(mr_consumer *consumer, uint32_t slot, int64_t offset)
{
    const mr_slot *about = &consumer->slots[slot];
    int64_t high;
    if (!mr_reader_high_seen(consumer->flow->reader, about->topic, about->partition, &high))
        return;
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        mr_range range = mr_parking_range(consumer->parking, slot, shard);
        uint32_t lane = mr_lane_of(consumer, slot, shard);
        if (range.state != MR_RANGE_REPLAY || !mr_lane_reads(consumer, slot, shard) || offset >= range.to ||
            high >= range.to)
            continue;
        int64_t at = mr_most(offset, mr_frontier_position(consumer->lanes, lane));
        lose(consumer, slot, shard, at, range.to);
        mr_frontier_advance(consumer->lanes, lane, range.to);
    }
}

/* The event is for this lane, if it is its shard's: within its range, not had yet, and nothing before it was passed over. */
static bool lane_wants(const mr_consumer *consumer, uint32_t slot, uint32_t shard, int64_t offset)
{
    int64_t at = mr_frontier_position(consumer->lanes, mr_lane_of(consumer, slot, shard));
    return mr_lane_reads(consumer, slot, shard) && at >= consumer->passes[slot].begin && offset >= at &&
           offset < mr_lane_end(consumer, slot, shard);
}

static bool any_lane_wants(const mr_consumer *consumer, uint32_t slot, int64_t offset)
{
    for (uint32_t shard = 0; shard < consumer->shards; shard++)
        if (lane_wants(consumer, slot, shard, offset))
            return true;
    return false;
}

/* An event of a lane that cannot become a row.  It may be a dead letter since before its range was parked, or from a replay that was given up.
 * False: not now. */
static bool refuse_again(mr_consumer *consumer, uint32_t number, uint32_t shard, uint32_t stream,
                         const mr_event *event, const mr_refusal *refusal, uint64_t now_ms)
{
    int64_t offset = consumer->again_message.event.offset;
    mr_letter_known known = mr_outbox_known(consumer->outbox, number, offset);
    mr_outgoing out = {.event = event,
                       .message = consumer->again_message.handle,
                       .stream = stream,
                       .letter = {.reason = refusal->reason,
                                  .position = refusal->position,
                                  .column = refusal->column,
                                  .shard = consumer->config->shards[shard].name},
                       .partition_slot = number,
                       .shard = shard,
                       .offset = offset,
                       .frontier = consumer->lanes,
                       .slot = mr_lane_of(consumer, number, shard)};
    if (known == MR_LETTER_SENT)
        return true;
    if (known == MR_LETTER_UNDER_WAY || !mr_outbox_send(consumer->outbox, &out, now_ms))
        return false;
    consumer->tally[stream].read_again++;
    consumer->in_flight++;
    return true;
}

/* The lane is left behind at `offset`: the others go on meanwhile, and the pass comes back for it. */
static void wait_here(mr_consumer *consumer, uint32_t lane, int64_t offset)
{
    mr_frontier_advance(consumer->lanes, lane, mr_most(offset, mr_frontier_position(consumer->lanes, lane)));
    consumer->lane[lane].waiting = true;
}

/* Events of nobody (broken JSON, no key) are the live flow's to judge; those of a lane become rows or dead letters. */
static bool place_again(mr_consumer *consumer, uint32_t number, uint64_t now_ms)
{
    const mr_slot *slot = &consumer->slots[number];
    mr_event event = consumer->again_message.event;
    int64_t offset = event.offset;
    mr_refusal refusal;
    uint32_t stream, bytes;
    uint64_t hash;
    if (!mr_consumer_origin(consumer, slot, &event, &stream))
        return true;
    mr_decoder *decoder = consumer->decoder[stream];
    if (!event.value || mr_decode_scan(decoder, &event, &hash, &refusal))
        return true;
    uint32_t shard = mr_route_shard(consumer->config, hash), lane = mr_lane_of(consumer, number, shard);
    if (!lane_wants(consumer, number, shard, offset))
        return true;
    if (consumer->gate[shard] == MR_GATE_PROBED && mr_fill_of_shard(consumer->again, shard) > 0 &&
        !mr_fill_is_open(consumer->again, stream, shard)) {
        /* One page is tried. */
        wait_here(consumer, lane, offset);
        return true;
    }
    mr_page *page = mr_fill_page(consumer->again, stream, shard, now_ms);
    if (!page) {
        mr_consumer_no_page(consumer, now_ms);
        if (consumer->refused_free != MR_REFUSED_NONE)
            return false;
        wait_here(consumer, lane,
                  offset); /* pages are pinned by refused rows, which need the pass to go on */
        return true;
    }
    if (mr_decode_store(decoder, &event, mr_page_record(page, page->rows), &bytes, &refusal)) {
        mr_fill_unused(consumer->again, page);
        return refuse_again(consumer, number, shard, stream, &event, &refusal, now_ms);
    }
    mr_placed placed = {.slot = number,
                        .offset = offset,
                        .partition = slot->partition,
                        .frontier_slot = lane,
                        .key_hash = hash,
                        .bytes = bytes};
    mr_fill_placed(consumer->again, page, &event, &placed, now_ms);
    consumer->tally[stream].read_again++;
    consumer->in_flight++;
    return true;
}

/* Only an offset that has vanished ends the reading; of everything else librdkafka goes on by itself. */
static void failed(mr_consumer *consumer, uint32_t slot)
{
    mr_pass *pass = &consumer->passes[slot];
    const mr_message *message = &consumer->again_message;
    mr_log(MR_LOG_WARN, message->out_of_range ? "replay_out_of_range" : "replay_error",
           MR_FIELDS(.topic = consumer->slots[slot].topic, .has_position = true,
                     .partition = consumer->slots[slot].partition, .offset = pass->next),
           "%s", message->error);
    if (!message->out_of_range)
        return;
    stop_reading(consumer, slot);
    pass->from_beginning = true;
}

/* The log's end as it is now: what is wanted beyond its end is not there any more. */
static bool at_end(mr_consumer *consumer, uint32_t slot, int64_t offset, uint64_t now_ms)
{
    mr_pass *pass = &consumer->passes[slot];
    const mr_slot *about = &consumer->slots[slot];
    int64_t high;
    bool cut = mr_reader_high_seen(consumer->flow->reader, about->topic, about->partition, &high) &&
               high < pass->next;
    if (!answer_refused(consumer, slot, cut ? INT64_MAX : offset, NULL, now_ms))
        return false;
    if (pass->from_beginning) /* there is nothing left of it */
        count_lost(consumer, slot, offset);
    count_cut(consumer, slot, offset);
    pass->from_beginning = false;
    pass->next = mr_most(offset, pass->next);
    return true;
}

/* Deals with what is in hand; false when it has to stay there. */
static bool handle(mr_consumer *consumer, uint64_t now_ms)
{
    mr_message *message = &consumer->again_message;
    int64_t offset = message->event.offset;
    uint32_t slot = mr_consumer_find(consumer, &message->event, &consumer->again_last);
    mr_pass *pass = slot < MR_PARTITIONS_EACH ? &consumer->passes[slot] : NULL;
    if (!pass || !pass->running)
        return true;
    if (consumer->again_arrival == MR_ARRIVAL_ERROR) {
        failed(consumer, slot);
        return true;
    }
    if (consumer->again_arrival == MR_ARRIVAL_END)
        return at_end(consumer, slot, offset, now_ms);
    if (offset < pass->next)
        return true;
    if (pass->from_beginning)
        count_lost(consumer, slot, offset);
    pass->from_beginning = false;
    if (!answer_refused(consumer, slot, offset, message, now_ms))
        return false;
    if (any_lane_wants(consumer, slot, offset) && !place_again(consumer, slot, now_ms))
        return false;
    pass->next = offset + 1;
    return true;
}

static uint32_t take(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t done = 0;
    while (done < MR_MESSAGES_A_TURN) {
        if (!consumer->again_in_hand) {
            consumer->again_arrival = mr_inbox_poll(consumer->again_inbox, &consumer->again_message);
            if (consumer->again_arrival == MR_ARRIVAL_NONE) {
                mr_fill_caught_up(consumer->again, now_ms);
                break;
            }
            consumer->again_in_hand = true;
        }
        if (!handle(consumer, now_ms))
            break;
        consumer->again_in_hand = false;
        mr_message_free(&consumer->again_message);
        done++;
    }
    return done;
}

uint32_t mr_again_work(mr_consumer *consumer, uint64_t now_ms)
{
    for (uint32_t slot = 0; slot < consumer->slots_used; slot++) {
        if (!consumer->slots[slot].open)
            continue;
        if (mr_parking_in_slot(consumer->parking, slot) > 0)
            mr_lanes_tend(consumer, slot);
        if (consumer->passes[slot].running || mr_parking_in_slot(consumer->parking, slot) > 0 ||
            consumer->passes[slot].refused != MR_REFUSED_NONE)
            tend_pass(consumer, slot, now_ms);
    }
    uint32_t done = take(consumer, now_ms);
    for (uint32_t slot = 0; done > 0 && slot < consumer->slots_used; slot++)
        if (consumer->passes[slot].running)
            mr_lanes_advance(consumer, slot);
    return done;
}
