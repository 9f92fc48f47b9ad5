#include "threads/consumer.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "data/frontier.h"
#include "stages/decode.h"
#include "stages/route.h"

#define MESSAGES_A_TURN 512
#define DLQ_PAUSE_MS    100

/* A dead letter on its way. */
typedef struct letter {
    uint32_t hold;
    uint32_t stream;
    mr_reason reason;
    uint32_t next_free;
} letter;

/* Counted during a turn, published at its end. */
typedef struct tally {
    uint64_t messages, bytes, filtered;
} tally;

struct mr_consumer {
    mr_flow *flow;
    const mr_config *config;
    uint32_t number;
    mr_inbox *inbox;
    mr_frontier *frontier;
    mr_decoder **decoder; /* [streams] */
    mr_slot *slots;       /* [MR_PARTITIONS_EACH] */
    uint32_t slots_used;  /* slots below are looked at */
    uint32_t last_slot;   /* of the last message: runs of one partition are long */
    uint32_t *open_page;  /* [streams * shards], MR_PAGE_NONE */
    uint32_t open_count;
    uint32_t *hold_serial; /* [slots * shards]: the page in which that slot has its hold already */
    letter *letters;
    uint32_t letters_free, letters_out;
    uint64_t pages_used;
    uint64_t in_flight; /* records in pages and letters on their way */
    bool taking;        /* messages are polled */
    bool in_hand;
    mr_message message;
    uint64_t stuck_since_ns[MR_CAUSE_COUNT];
    uint64_t dlq_again_ms;
    tally *tally; /* [streams] */
    _Atomic uint64_t turned_ms;
};

mr_status mr_consumer_new(mr_flow *flow, uint32_t number, mr_arena *arena, mr_consumer **out, mr_error *error)
{
    const mr_config *config = flow->config;
    size_t triples = config->stream_count * config->shard_count;
    mr_consumer *consumer = mr_arena_take(arena, "consumers", 1, sizeof *consumer);
    consumer->flow = flow;
    consumer->config = config;
    consumer->number = number;
    consumer->taking = true;
    consumer->frontier = mr_frontier_new(arena, "frontier", MR_PARTITIONS_EACH, flow->plan->holds_each);
    consumer->decoder = mr_arena_take(arena, "consumers", config->stream_count, sizeof *consumer->decoder);
    consumer->slots = mr_arena_take(arena, "partitions", MR_PARTITIONS_EACH, sizeof *consumer->slots);
    consumer->hold_serial =
        mr_arena_take(arena, "partitions", MR_PARTITIONS_EACH * config->shard_count, sizeof(uint32_t));
    consumer->open_page = mr_arena_take(arena, "consumers", triples, sizeof(uint32_t));
    consumer->tally = mr_arena_take(arena, "consumers", config->stream_count, sizeof *consumer->tally);
    consumer->letters = mr_arena_take(arena, "dead letters", MR_DEAD_LETTERS_EACH, sizeof *consumer->letters);
    for (size_t i = 0; i < triples; i++)
        consumer->open_page[i] = MR_PAGE_NONE;
    for (uint32_t i = 0; i < MR_DEAD_LETTERS_EACH; i++)
        consumer->letters[i].next_free = i + 1;
    for (size_t i = 0; i < config->stream_count; i++) {
        mr_status status = mr_decoder_new(&config->streams[i], arena, &consumer->decoder[i], error);
        if (status)
            return status;
    }
    *out = consumer;
    return MR_OK;
}

void mr_consumer_connect(mr_consumer *consumer, mr_inbox *inbox)
{
    consumer->inbox = inbox;
}

mr_slot *mr_consumer_slot(mr_consumer *consumer, uint32_t slot)
{
    must(slot < MR_PARTITIONS_EACH);
    return &consumer->slots[slot];
}

void mr_consumer_order(mr_consumer *consumer, mr_order order, uint32_t slot)
{
    mr_ring_push(consumer->flow->orders[consumer->number], (uint32_t)order << 24 | slot);
    mr_bell_ring(&consumer->flow->consumer_bell[consumer->number]);
}

uint64_t mr_consumer_turned_ms(const mr_consumer *consumer)
{
    return atomic_load_explicit(&consumer->turned_ms, memory_order_relaxed);
}

/* ---- pages ---- */

static void seal(mr_consumer *consumer, uint32_t triple)
{
    uint32_t handle = consumer->open_page[triple];
    uint32_t shard = triple % consumer->flow->shards;
    consumer->open_page[triple] = MR_PAGE_NONE;
    consumer->open_count--;
    mr_ring_push(mr_flow_pages(consumer->flow, consumer->number, shard), handle);
    mr_bell_ring(&consumer->flow->writer_bell[shard]);
}

static uint32_t triples(const mr_consumer *consumer)
{
    return (uint32_t)consumer->config->stream_count * consumer->flow->shards;
}

/* The open page of a triple that has rows (its first event may have turned out a dead letter), or NULL. */
static const mr_page *filling(const mr_consumer *consumer, uint32_t triple)
{
    uint32_t handle = consumer->open_page[triple];
    const mr_page *page = handle == MR_PAGE_NONE ? NULL : mr_pool_page(consumer->flow->pool, handle);
    return page && page->rows > 0 ? page : NULL;
}

static void seal_all(mr_consumer *consumer)
{
    for (uint32_t i = 0; consumer->open_count > 0 && i < triples(consumer); i++)
        if (filling(consumer, i))
            seal(consumer, i);
}

/* A page is wanted and none is free: the fullest open one is worth sending. */
static void seal_fullest(mr_consumer *consumer)
{
    uint32_t best = 0, rows = 0;
    for (uint32_t i = 0; i < triples(consumer); i++) {
        const mr_page *page = filling(consumer, i);
        if (page && page->rows > rows) {
            best = i;
            rows = page->rows;
        }
    }
    if (rows > 0)
        seal(consumer, best);
}

/* When the next page has lingered enough; a writer that is still busy with earlier ones is looked at every millisecond. */
static uint64_t linger_wait_ms(const mr_consumer *consumer, uint64_t now_ms)
{
    uint64_t wait = 100;
    for (uint32_t i = 0; consumer->open_count > 0 && i < triples(consumer); i++) {
        const mr_page *page = filling(consumer, i);
        uint64_t due = page ? page->opened_ms + consumer->config->batch.linger_ms : UINT64_MAX;
        uint64_t left = due > now_ms ? due - now_ms : 1;
        wait = left < wait ? left : wait;
    }
    return wait;
}

static uint32_t seal_lingering(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t sealed = 0;
    for (uint32_t i = 0; consumer->open_count > 0 && i < triples(consumer); i++) {
        const mr_page *page = filling(consumer, i);
        if (!page)
            continue;
        const mr_ring *queued = mr_flow_pages(consumer->flow, consumer->number, page->shard);
        if (now_ms >= page->opened_ms + consumer->config->batch.linger_ms && mr_ring_used(queued) == 0) {
            seal(consumer, i);
            sealed++;
        }
    }
    return sealed;
}

/* The open page of a stream and shard, or NULL when there is no free one. */
static mr_page *page_for(mr_consumer *consumer, uint32_t stream, uint32_t shard)
{
    uint32_t *open = &consumer->open_page[stream * consumer->flow->shards + shard];
    if (*open == MR_PAGE_NONE) {
        *open = mr_pool_take(consumer->flow->pool, consumer->number, stream, shard,
                             consumer->flow->plan->layouts[stream].size);
        if (*open == MR_PAGE_NONE) {
            seal_fullest(consumer);
            return NULL;
        }
        consumer->open_count++;
        mr_pool_page(consumer->flow->pool, *open)->holds = MR_HOLD_NONE;
    }
    return mr_pool_page(consumer->flow->pool, *open);
}

static void hold_for_page(mr_consumer *consumer, mr_page *page, uint32_t slot, int64_t offset)
{
    uint32_t *serial = &consumer->hold_serial[slot * consumer->flow->shards + page->shard];
    if (*serial == page->serial)
        return;
    page->holds = mr_frontier_hold(consumer->frontier, slot, offset, page->holds);
    *serial = page->serial;
}

/* ---- one message ---- */

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

/* True when the letter is on its way. */
static bool send_letter(mr_consumer *consumer, uint32_t slot, const mr_refusal *refusal, uint64_t now_ms)
{
    uint32_t number = consumer->letters_free;
    if (number == MR_DEAD_LETTERS_EACH || now_ms < consumer->dlq_again_ms) {
        stuck(consumer, MR_CAUSE_DLQ);
        return false;
    }
    mr_letter out = {.consumer = consumer->number,
                     .number = number,
                     .reason = refusal->reason,
                     .position = refusal->position,
                     .column = refusal->column ? refusal->column : "",
                     .shard = ""};
    if (!mr_dlq_send(consumer->flow->dlq, &consumer->message.event, consumer->message.handle, &out)) {
        consumer->dlq_again_ms = now_ms + DLQ_PAUSE_MS;
        stuck(consumer, MR_CAUSE_DLQ);
        return false;
    }
    letter *kept = &consumer->letters[number];
    consumer->letters_free = kept->next_free;
    consumer->letters_out++;
    kept->hold = mr_frontier_hold(consumer->frontier, slot, consumer->message.event.offset, MR_HOLD_NONE);
    kept->stream = consumer->slots[slot].stream;
    kept->reason = refusal->reason;
    consumer->in_flight++;
    return true;
}

/* Decodes into the open page; false when the message has to stay in hand. */
static bool place(mr_consumer *consumer, uint32_t number, uint64_t now_ms)
{
    mr_slot *slot = &consumer->slots[number];
    mr_event *event = &consumer->message.event;
    mr_decoder *decoder = consumer->decoder[slot->stream];
    mr_refusal refusal = {.reason = MR_REASON_NONE, .column = ""};
    uint64_t hash;
    event->source_hash = slot->source_hash;
    if (!event->value && consumer->config->streams[slot->stream].tombstone_skip) {
        consumer->tally[slot->stream].filtered++;
        return true;
    }
    if (mr_decode_scan(decoder, event, &hash, &refusal))
        return send_letter(consumer, number, &refusal, now_ms);
    uint32_t shard = mr_route_shard(consumer->config, hash);
    mr_page *page = page_for(consumer, slot->stream, shard);
    if (!page) {
        stuck(consumer, MR_CAUSE_POOL);
        return false;
    }
    unsigned char *record = mr_page_record(page, page->rows);
    uint32_t bytes;
    if (mr_decode_store(decoder, event, record, &bytes, &refusal))
        return send_letter(consumer, number, &refusal, now_ms);
    *(mr_record *)(void *)record = (mr_record){.offset = event->offset,
                                               .timestamp_ms = event->timestamp_ms,
                                               .partition = event->partition,
                                               .source = number,
                                               .epoch = mr_frontier_epoch(consumer->frontier, number)};
    hold_for_page(consumer, page, number, event->offset);
    if (page->rows == 0)
        page->opened_ms = now_ms;
    page->bytes += bytes;
    consumer->in_flight++;
    if (++page->rows == page->rows_max || page->bytes >= consumer->config->batch.max_bytes)
        seal(consumer, slot->stream * consumer->flow->shards + shard);
    return true;
}

static uint32_t find_slot(mr_consumer *consumer, const mr_event *event)
{
    const mr_slot *last = &consumer->slots[consumer->last_slot];
    if (last->open && last->partition == event->partition && !strcmp(last->topic, event->topic))
        return consumer->last_slot;
    for (uint32_t i = 0; i < consumer->slots_used; i++) {
        const mr_slot *slot = &consumer->slots[i];
        if (slot->open && slot->partition == event->partition && !strcmp(slot->topic, event->topic))
            return consumer->last_slot = i;
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
    uint32_t number = find_slot(consumer, event);
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
        if (!place(consumer, number, now_ms))
            return false;
        mr_frontier_advance(consumer->frontier, number, event->offset + 1);
        consumer->tally[slot->stream].messages++;
        consumer->tally[slot->stream].bytes += event->value_len + event->key_len;
        unstuck(consumer);
    }
    return true;
}

static uint32_t take_messages(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t done = 0;
    while (done < MESSAGES_A_TURN) {
        mr_arrival arrival = MR_ARRIVAL_MESSAGE; /* only messages are ever kept in hand */
        if (!consumer->in_hand) {
            if (!consumer->taking ||
                (arrival = mr_inbox_poll(consumer->inbox, &consumer->message)) == MR_ARRIVAL_NONE)
                break;
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

/* ---- what comes back ---- */

static uint32_t take_done(mr_consumer *consumer)
{
    uint32_t handle, done = 0;
    for (uint32_t shard = 0; shard < consumer->flow->shards; shard++) {
        mr_ring *ring = mr_flow_done(consumer->flow, consumer->number, shard);
        while (mr_ring_pop(ring, &handle)) {
            mr_page *page = mr_pool_page(consumer->flow->pool, handle);
            for (uint32_t hold = page->holds, next; hold != MR_HOLD_NONE; hold = next) {
                next = mr_frontier_chain(consumer->frontier, hold);
                mr_frontier_release(consumer->frontier, hold);
            }
            consumer->in_flight -= page->rows;
            mr_pool_give(consumer->flow->pool, handle);
            done++;
        }
    }
    while (mr_ring_pop(consumer->flow->letters[consumer->number], &handle)) {
        letter *back = &consumer->letters[handle];
        mr_frontier_release(consumer->frontier, back->hold);
        mr_metric_add(consumer->flow->metrics, MR_M_DEAD_LETTERS, back->stream, back->reason, 1);
        back->next_free = consumer->letters_free;
        consumer->letters_free = handle;
        consumer->letters_out--;
        consumer->in_flight--;
        done++;
    }
    return done;
}

/* ---- orders ---- */

static void begin(mr_consumer *consumer, uint32_t number)
{
    mr_slot *slot = &consumer->slots[number];
    must(!slot->open);
    mr_frontier_open(consumer->frontier, number, slot->start);
    slot->open = slot->accepting = true;
    slot->stopped = false;
    for (uint32_t shard = 0; shard < consumer->flow->shards; shard++)
        consumer->hold_serial[number * consumer->flow->shards + shard] = 0;
    if (number >= consumer->slots_used)
        consumer->slots_used = number + 1;
}

static void end(mr_consumer *consumer, uint32_t number)
{
    mr_slot *slot = &consumer->slots[number];
    must(slot->open);
    mr_frontier_close(consumer->frontier, number);
    slot->open = slot->accepting = false;
    mr_slot_publish(slot, (mr_slot_snapshot){.epoch = 0});
}

static void publish(mr_consumer *consumer)
{
    mr_metrics *metrics = consumer->flow->metrics;
    for (uint32_t i = 0; i < consumer->slots_used; i++) {
        mr_slot *slot = &consumer->slots[i];
        if (slot->open)
            mr_slot_publish(slot, (mr_slot_snapshot){.epoch = mr_frontier_epoch(consumer->frontier, i),
                                                     .lowest = mr_frontier_lowest(consumer->frontier, i),
                                                     .position = mr_frontier_position(consumer->frontier, i),
                                                     .quiet = mr_frontier_quiet(consumer->frontier, i),
                                                     .accepting = slot->accepting,
                                                     .stopped = slot->stopped});
    }
    for (uint32_t i = 0; i < consumer->config->stream_count; i++) {
        tally *counted = &consumer->tally[i];
        if (counted->messages > 0) {
            mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, i, 0, counted->messages);
            mr_metric_add(metrics, MR_M_BYTES_CONSUMED, i, 0, counted->bytes);
            mr_metric_add(metrics, MR_M_FILTERED, i, 0, counted->filtered);
            *counted = (tally){0};
        }
    }
}

static uint32_t obey(mr_consumer *consumer)
{
    uint32_t order, done = 0;
    while (mr_ring_pop(consumer->flow->orders[consumer->number], &order)) {
        uint32_t number = order & 0xffffff;
        switch ((mr_order)(order >> 24)) {
        case MR_ORDER_ASSIGN:
            begin(consumer, number);
            break;
        case MR_ORDER_DRAIN:
            consumer->slots[number].accepting = false;
            seal_all(consumer);
            break;
        case MR_ORDER_CLOSE:
            end(consumer, number);
            break;
        case MR_ORDER_DRAIN_ALL:
            consumer->taking = false;
            for (uint32_t i = 0; i < consumer->slots_used; i++)
                consumer->slots[i].accepting = false;
            seal_all(consumer);
            break;
        }
        done++;
    }
    return done;
}

/* ---- the thread ---- */

uint32_t mr_consumer_do_work(mr_consumer *consumer, uint64_t now_ms)
{
    uint64_t before = consumer->in_flight;
    uint32_t done = obey(consumer) + take_done(consumer) + take_messages(consumer, now_ms);
    done += seal_lingering(consumer, now_ms);
    if (done > 0)
        publish(consumer);
    if (consumer->in_flight != before)
        mr_metric_add(consumer->flow->metrics, MR_M_IN_FLIGHT, 0, 0, consumer->in_flight - before);
    uint64_t used =
        consumer->flow->plan->pages_each - mr_pool_free_pages(consumer->flow->pool, consumer->number);
    if (used != consumer->pages_used)
        mr_metric_add(consumer->flow->metrics, MR_M_POOL_USED, 0, 0,
                      (used - consumer->pages_used) * consumer->flow->plan->rows_page);
    consumer->pages_used = used;
    atomic_store_explicit(&consumer->turned_ms, now_ms, memory_order_relaxed);
    return done;
}

void mr_consumer_wait(mr_consumer *consumer, uint64_t now_ms)
{
    mr_bell *bell = &consumer->flow->consumer_bell[consumer->number];
    mr_bell_announce(bell);
    if (mr_consumer_do_work(consumer, now_ms) > 0 || atomic_load(&consumer->flow->stop)) {
        mr_bell_stay(bell);
        return;
    }
    mr_bell_sleep(bell, linger_wait_ms(consumer, now_ms));
}

void mr_consumer_let_go(mr_consumer *consumer)
{
    if (consumer->in_hand)
        mr_message_free(&consumer->message);
    consumer->in_hand = false;
}
