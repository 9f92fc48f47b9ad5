/* The live flow: each message becomes a record in a page, a dead letter, or is skipped because a parked range answers for it. */
#include <string.h>

#include "base/clock.h"
#include "base/ksuid.h"
#include "base/log.h"
#include "base/must.h"
#include "consumer_private.h"
#include "stages/route.h"

/* ---- what holds intake up, in time ---- */

static void stuck(mr_consumer *consumer, mr_cause cause)
{
    if (!consumer->stuck_since_ns[cause])
        consumer->stuck_since_ns[cause] = mr_clock_ns();
}

static void unstuck(mr_consumer *consumer)
{
    for (uint32_t cause = 0; cause < MR_CAUSE_COUNT; cause++)
        if (consumer->stuck_since_ns[cause]) {
            uint64_t waited = mr_clock_ns() - consumer->stuck_since_ns[cause];
            mr_metric_add(consumer->flow->metrics, MR_M_BACKPRESSURE, cause, 0, waited / 1000);
            consumer->stuck_since_ns[cause] = 0;
        }
}

/* ---- dead letters ---- */

static void say_held(mr_consumer *consumer, uint32_t stream, bool held)
{
    mr_suspicion *about = &consumer->suspicion[stream];
    if (held == about->held)
        return;
    about->held = held;
    atomic_store(&consumer->flow->budget[stream].drifting, held);
    about->wait_ms = consumer->config->park.probe_min_ms;
    if (held)
        mr_log(MR_LOG_ERROR, "stream_held", MR_FIELDS(.stream = consumer->config->streams[stream].name),
               "held: more than %u %% of its events cannot become rows (dlq.drift_percent), so the producer "
               "or the stream's columns "
               "are wrong: one is tried now and then; look at `millrace dlq list`",
               consumer->config->dlq.drift_percent);
    else
        mr_log(MR_LOG_INFO, "stream_goes_on", MR_FIELDS(.stream = consumer->config->streams[stream].name),
               "its events can become rows again");
}

/* Whether one more of the stream's events may become a dead letter now. */
static bool may_refuse(mr_consumer *consumer, uint32_t stream, uint64_t now_ms)
{
    mr_suspicion *about = &consumer->suspicion[stream];
    mr_drift_count(&about->drift, 0, about->good);
    about->good = 0;
    bool too_many = mr_drift_exceeds(&about->drift, 1, 1);
    say_held(consumer, stream, too_many);
    return !too_many || now_ms >= about->again_ms;
}

static void refused_one(mr_consumer *consumer, uint32_t stream, uint64_t now_ms)
{
    mr_suspicion *about = &consumer->suspicion[stream];
    mr_drift_count(&about->drift, 1, 1);
    if (!about->held)
        return;
    about->again_ms = now_ms + about->wait_ms;
    about->wait_ms = 2 * about->wait_ms < consumer->config->park.probe_max_ms
                         ? 2 * about->wait_ms
                         : consumer->config->park.probe_max_ms;
}

static void took_one(mr_consumer *consumer, uint32_t stream)
{
    mr_suspicion *about = &consumer->suspicion[stream];
    about->good++;
    if (!about->held)
        return;
    mr_drift_count(&about->drift, 0, about->good);
    about->good = 0;
    say_held(consumer, stream, mr_drift_exceeds(&about->drift, 0, 1));
}

/* An event that cannot become a row may be a letter already: a replay was faster than a live flow that has begun below its range.  True when there is nothing
 * more to do about it; *wait: not yet. */
static bool is_judged(mr_consumer *consumer, uint32_t slot, uint32_t shard, bool *wait)
{
    mr_letter_known known = mr_outbox_known(consumer->outbox, slot, consumer->message.event.offset);
    *wait = known == MR_LETTER_UNDER_WAY;
    consumer->skipped[shard] += known == MR_LETTER_SENT; /* the range has answered for it */
    return known == MR_LETTER_SENT;
}

/* True when the letter is on its way.  shard: MR_LANE_NONE for an event of nobody. */
static bool send_letter(mr_consumer *consumer, uint32_t slot, uint32_t stream, uint32_t shard,
                        const mr_event *event, const mr_refusal *refusal, uint64_t now_ms)
{
    mr_outgoing out = {.event = event,
                       .message = consumer->message.handle,
                       .stream = stream,
                       .letter = {.reason = refusal->reason,
                                  .position = refusal->position,
                                  .column = refusal->column ? refusal->column : "",
                                  .shard = ""},
                       .partition_slot = slot,
                       .shard = shard,
                       .offset = consumer->message.event.offset,
                       .frontier = consumer->frontier,
                       .slot = slot};
    if (!may_refuse(consumer, stream, now_ms) || !mr_outbox_send(consumer->outbox, &out, now_ms)) {
        stuck(consumer, MR_CAUSE_DLQ);
        return false;
    }
    refused_one(consumer, stream, now_ms);
    consumer->in_flight++;
    return true;
}

/* ---- one message ---- */

bool mr_consumer_origin(mr_consumer *consumer, const mr_slot *slot, mr_event *event, uint32_t *stream)
{
    mr_origin *origin = &consumer->origin;
    *stream = slot->stream;
    event->source_hash = slot->source_hash;
    if (!slot->sent_back)
        return true;
    if (!mr_origin_of(event, origin) || !mr_topics_stream(consumer->topics, origin->topic, stream))
        return false;
    mr_origin_apply(origin, mr_ksuid_source(consumer->config->streams[*stream].id_namespace, origin->topic),
                    event);
    return true;
}

/* The shard is parked: its range answers for the event.  False: no other shard is live, so nothing is skipped and intake waits. */
static bool skip(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    const mr_event *event = &consumer->message.event;
    if (!mr_gate_is_open(consumer->gate[shard]) && consumer->live_shards == 0) {
        stuck(consumer, MR_CAUSE_SHARDS);
        return false;
    }
    if (!mr_parking_skips(consumer->parking, slot, shard, event->offset))
        mr_settle_park(consumer, slot, shard, event->offset, event->timestamp_ms);
    consumer->skipped[shard]++;
    return true;
}

/* Decodes into the open page; false when the message has to stay in hand.  The event is the message's own: a copy would be read in other pieces than it
 * was just written in, and so wait until it is out of the processor's store buffer. */
static bool place(mr_consumer *consumer, uint32_t number, mr_event *event, uint64_t now_ms)
{
    const mr_slot *slot = &consumer->slots[number];
    mr_refusal refusal = {.reason = MR_REASON_NO_ORIGIN, .column = ""};
    uint32_t stream, bytes;
    uint64_t hash;
    if (!mr_consumer_origin(consumer, slot, event, &stream))
        return send_letter(consumer, number, stream, MR_LANE_NONE, event, &refusal, now_ms);
    if (!event->value && consumer->config->streams[stream].tombstone_skip) {
        consumer->tally[stream].filtered++;
        return true;
    }
    mr_decoder *decoder = consumer->decoder[stream];
    if (mr_decode_scan(decoder, event, &hash, &refusal))
        return send_letter(consumer, number, stream, MR_LANE_NONE, event, &refusal, now_ms);
    uint32_t shard = mr_route_shard(consumer->config, hash);
    if (!mr_gate_is_open(consumer->gate[shard]) ||
        mr_parking_skips(consumer->parking, number, shard, consumer->message.event.offset))
        return skip(consumer, number, shard);
    mr_page *page = mr_fill_page(consumer->live, stream, shard, now_ms);
    if (!page) {
        mr_consumer_no_page(consumer, now_ms);
        stuck(consumer, MR_CAUSE_POOL);
        return false;
    }
    if (mr_decode_store(decoder, event, mr_page_record(page, page->rows), &bytes, &refusal)) {
        mr_fill_unused(consumer->live, page);
        bool wait;
        if (is_judged(consumer, number, shard, &wait))
            return true;
        return !wait && send_letter(consumer, number, stream, shard, event, &refusal, now_ms);
    }
    mr_placed placed = {.slot = number,
                        .offset = consumer->message.event.offset,
                        .partition = slot->partition,
                        .frontier_slot = number,
                        .key_hash = hash,
                        .bytes = bytes};
    mr_fill_placed(consumer->live, page, event, &placed, now_ms);
    took_one(consumer, stream);
    consumer->in_flight++;
    return true;
}

/* An event that was sent back counts by coordinates of its own, and the message keeps those that it came with. */
__attribute__((noinline)) static bool place_sent_back(mr_consumer *consumer, uint32_t number, uint64_t now_ms)
{
    mr_event event = consumer->message.event;
    return place(consumer, number, &event, now_ms);
}

uint32_t mr_consumer_find(const mr_consumer *consumer, const mr_event *event, uint32_t *last)
{
    const mr_slot *slot = &consumer->slots[*last];
    if (slot->open && slot->partition == event->partition && !strcmp(slot->topic, event->topic))
        return *last;
    for (uint32_t i = 0; i < consumer->slots_used; i++) {
        slot = &consumer->slots[i];
        if (slot->open && slot->partition == event->partition && !strcmp(slot->topic, event->topic))
            return *last = i;
    }
    return MR_PARTITIONS_EACH;
}

static void trouble(mr_consumer *consumer, uint32_t number)
{
    const mr_message *message = &consumer->message;
    mr_slot *slot = &consumer->slots[number];
    mr_log(MR_LOG_ERROR, message->out_of_range ? "offset_out_of_range" : "partition_error",
           MR_FIELDS(.topic = slot->topic, .has_position = true, .partition = slot->partition,
                     .offset = mr_frontier_position(consumer->frontier, number)),
           "%s", message->error);
    if (message->out_of_range)
        slot->stopped = true;
}

/* Deals with what is in hand; false when it has to stay there. */
static bool handle(mr_consumer *consumer, mr_arrival arrival, uint64_t now_ms)
{
    const mr_event *event = &consumer->message.event;
    uint32_t number = mr_consumer_find(consumer, event, &consumer->last_slot);
    mr_slot *slot = number < MR_PARTITIONS_EACH ? &consumer->slots[number] : NULL;
    /* Of a partition that is being given back, or was: its next owner reads it again. */
    if (!slot || !slot->accepting)
        return true;
    if (arrival == MR_ARRIVAL_ERROR) {
        trouble(consumer, number);
    } else if (arrival == MR_ARRIVAL_END) {
        if (event->offset > mr_frontier_position(consumer->frontier, number))
            mr_frontier_advance(consumer->frontier, number, event->offset);
    } else if (event->offset >= mr_frontier_position(consumer->frontier, number)) {
        if (slot->sent_back ? !place_sent_back(consumer, number, now_ms)
                            : !place(consumer, number, &consumer->message.event, now_ms))
            return false;
        mr_frontier_advance(consumer->frontier, number, event->offset + 1);
        mr_tally *tally = &consumer->tally[slot->stream];
        tally->messages++;
        tally->bytes += event->value_len + event->key_len;
        unstuck(consumer);
    }
    return true;
}

uint32_t mr_live_take(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t done = 0;
    while (done < MR_MESSAGES_A_TURN) {
        mr_arrival arrival = MR_ARRIVAL_MESSAGE; /* only messages are ever kept in hand */
        if (!consumer->in_hand) {
            if (!consumer->taking ||
                (arrival = mr_inbox_poll(consumer->inbox, &consumer->message)) == MR_ARRIVAL_NONE) {
                mr_fill_caught_up(consumer->live, now_ms);
                break;
            }
            consumer->in_hand = true;
        }
        if (!handle(consumer, arrival, now_ms))
            break;
        consumer->in_hand = false;
        mr_message_free(&consumer->message);
        done++;
    }
    return done;
}
