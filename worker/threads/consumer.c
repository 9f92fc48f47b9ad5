/* A turn: what has changed, orders, what comes back, new messages; then what main may see of it. */
#include "threads/consumer.h"

#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "consumer_private.h"

#define LOOK_MS         1000
#define REFUSED_BYTES   (UINT64_C(4) << 20) /* of copies of refused rows, about */
#define REFUSED_LEAST   64u
#define REFUSED_MOST    1024u
#define TEXT_OF_A_FIELD 80 /* name and punctuation of a column as JSON, and room for numbers and times */

static uint32_t largest_record(const mr_flow *flow)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < flow->config->stream_count; i++)
        largest = flow->plan->layouts[i].size > largest ? flow->plan->layouts[i].size : largest;
    return largest;
}

static void take_refused(mr_consumer *consumer, mr_arena *arena)
{
    uint32_t size = largest_record(consumer->flow);
    uint64_t count = REFUSED_BYTES / size;
    count = count < REFUSED_LEAST ? REFUSED_LEAST : count > REFUSED_MOST ? REFUSED_MOST : count;
    consumer->refused = mr_arena_take(arena, "refused rows", count, sizeof *consumer->refused);
    unsigned char *records = mr_arena_take(arena, "refused rows", count, size);
    for (uint32_t i = 0; i < count; i++)
        consumer->refused[i] = (mr_refused){.next = i + 1 < count ? i + 1 : MR_REFUSED_NONE,
                                            .record = records + (uint64_t)i * size};
    consumer->pinned =
        mr_arena_take(arena, "refused rows", consumer->flow->plan->pages_each, sizeof(uint32_t));
    consumer->pinned_row =
        mr_arena_take(arena, "refused rows", consumer->flow->plan->pages_each, sizeof(uint32_t));
    /* Every byte of a text may be escaped to six. */
    consumer->text_cap = 6 * (size_t)size + TEXT_OF_A_FIELD * MR_FIELDS_MAX;
    consumer->text = mr_arena_take(arena, "refused rows", consumer->text_cap, 1);
}

static void take_partitions(mr_consumer *consumer, mr_arena *arena)
{
    uint32_t lanes = MR_PARTITIONS_EACH * consumer->shards,
             holds = consumer->flow->plan->holds_each + REFUSED_MOST;
    consumer->frontier = mr_frontier_new(arena, "frontier", MR_PARTITIONS_EACH, holds);
    consumer->lanes = mr_frontier_new(arena, "frontier", lanes, holds);
    consumer->parking = mr_parking_new(arena, MR_PARTITIONS_EACH, consumer->shards);
    consumer->slots = mr_arena_take(arena, "partitions", MR_PARTITIONS_EACH, sizeof *consumer->slots);
    consumer->passes = mr_arena_take(arena, "partitions", MR_PARTITIONS_EACH, sizeof *consumer->passes);
    consumer->lane = mr_arena_take(arena, "partitions", lanes, sizeof *consumer->lane);
    consumer->ranges = mr_arena_take(arena, "partitions", consumer->shards, sizeof *consumer->ranges);
    for (uint32_t i = 0; i < MR_PARTITIONS_EACH; i++) {
        mr_slot_init(&consumer->slots[i], consumer->shards, arena);
        consumer->passes[i].refused = MR_REFUSED_NONE;
    }
}

/* A dead letter's event is still remembered: its range may be read again. */
static bool may_be_read_again(const void *context, uint32_t slot, uint32_t shard, int64_t offset)
{
    const mr_consumer *consumer = context;
    return offset >= mr_frontier_lowest(consumer->frontier, slot) ||
           mr_parking_skips(consumer->parking, slot, shard, offset);
}

mr_status mr_consumer_new(mr_flow *flow, uint32_t number, const mr_topics *topics, mr_arena *arena,
                          mr_consumer **out, mr_error *error)
{
    const mr_config *config = flow->config;
    mr_consumer *consumer = mr_arena_take(arena, "consumers", 1, sizeof *consumer);
    consumer->flow = flow;
    consumer->config = config;
    consumer->topics = topics;
    consumer->number = number;
    consumer->shards = flow->shards;
    consumer->taking = true;
    take_partitions(consumer, arena);
    take_refused(consumer, arena);
    consumer->pages_of = mr_arena_take(arena, "consumers", flow->shards, sizeof *consumer->pages_of);
    consumer->live = mr_fill_new(flow, number, MR_PATH_LIVE, consumer->frontier, consumer->pages_of, arena);
    consumer->again = mr_fill_new(flow, number, MR_PATH_REPLAY, consumer->lanes, consumer->pages_of, arena);
    consumer->outbox = mr_outbox_new(flow, number, may_be_read_again, consumer, arena);
    consumer->decoder = mr_arena_take(arena, "consumers", config->stream_count, sizeof *consumer->decoder);
    consumer->tally = mr_arena_take(arena, "consumers", config->stream_count, sizeof *consumer->tally);
    consumer->skipped = mr_arena_take(arena, "consumers", flow->shards, sizeof *consumer->skipped);
    consumer->suspicion =
        mr_arena_take(arena, "consumers", config->stream_count, sizeof *consumer->suspicion);
    for (uint32_t shard = 0; shard < flow->shards; shard++) {
        consumer->gate[shard] = mr_gate_now(&flow->gates, shard);
        consumer->trial_slot[shard] = MR_PARTITIONS_EACH;
    }
    for (size_t i = 0; i < config->stream_count; i++) {
        mr_drift_init(&consumer->suspicion[i].drift, config->dlq.drift_percent);
        mr_status status = mr_decoder_new(&config->streams[i], arena, &consumer->decoder[i], error);
        if (status)
            return status;
    }
    *out = consumer;
    return MR_OK;
}

void mr_consumer_connect(mr_consumer *consumer, mr_inbox *live, mr_inbox *again)
{
    consumer->inbox = live;
    consumer->again_inbox = again;
}

mr_slot *mr_consumer_slot(mr_consumer *consumer, uint32_t slot)
{
    must(slot < MR_PARTITIONS_EACH);
    return &consumer->slots[slot];
}

void mr_consumer_order(mr_consumer *consumer, mr_order order, uint32_t slot)
{
    mr_ring_push(consumer->flow->orders[consumer->number], (uint32_t)order << MR_ORDER_SHIFT | slot);
    mr_bell_ring(&consumer->flow->consumer_bell[consumer->number]);
}

void mr_consumer_no_page(mr_consumer *consumer, uint64_t now_ms)
{
    mr_gate_pages pages = {.of_shard = consumer->pages_of, .all = consumer->flow->plan->pages_each};
    mr_gates_no_page(&consumer->flow->gates, pages, now_ms);
}

/* ---- orders ---- */

static void begin(mr_consumer *consumer, uint32_t number)
{
    mr_slot *slot = &consumer->slots[number];
    must(!slot->open);
    mr_frontier_open(consumer->frontier, number, slot->start);
    mr_parking_begin(consumer->parking, number);
    slot->open = slot->accepting = true;
    slot->stopped = false;
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        const mr_slot_range *range = &slot->start_ranges[shard];
        mr_fill_begin(consumer->live, number, shard);
        consumer->lane[mr_lane_of(consumer, number, shard)] = (mr_lane){.timestamp_ms = -1};
        if (range->to > range->from) {
            mr_parking_load(consumer->parking, number, shard, range->from, range->to);
            mr_gate_entry(&consumer->flow->gates, shard, 1);
        }
    }
    if (number >= consumer->slots_used)
        consumer->slots_used = number + 1;
}

static void end(mr_consumer *consumer, uint32_t number)
{
    mr_slot *slot = &consumer->slots[number];
    must(slot->open);
    mr_settle_forget_slot(consumer, number);
    mr_outbox_forget(consumer->outbox, number);
    mr_frontier_close(consumer->frontier, number);
    slot->open = slot->accepting = false;
    mr_slot_publish(slot, &(mr_slot_snapshot){.epoch = 0}, NULL);
}

static void seal_all(mr_consumer *consumer, uint64_t now_ms)
{
    mr_fill_seal_all(consumer->live, now_ms);
    mr_fill_seal_all(consumer->again, now_ms);
}

static uint32_t obey(mr_consumer *consumer, uint64_t now_ms)
{
    uint32_t order, done = 0;
    while (mr_ring_pop(consumer->flow->orders[consumer->number], &order)) {
        uint32_t number = order & ((1u << MR_ORDER_SHIFT) - 1);
        switch ((mr_order)(order >> MR_ORDER_SHIFT)) {
        case MR_ORDER_ASSIGN:
            begin(consumer, number);
            break;
        case MR_ORDER_DRAIN:
            consumer->slots[number].accepting = false;
            seal_all(consumer, now_ms);
            break;
        case MR_ORDER_CLOSE:
            end(consumer, number);
            break;
        case MR_ORDER_DRAIN_ALL:
            consumer->taking = false;
            for (uint32_t i = 0; i < consumer->slots_used; i++)
                consumer->slots[i].accepting = false;
            seal_all(consumer, now_ms);
            break;
        }
        done++;
    }
    return done;
}

/* ---- what main may see ---- */

/* The event that holds the partition's offset; in a page the first row of the slot at or after it. */
static void look_at_waiting(const mr_consumer *consumer, uint32_t number, mr_slot_snapshot *now)
{
    uint32_t hold = mr_frontier_oldest(consumer->frontier, number);
    now->waiting = MR_WAITS_NOT;
    now->waiting_hash = 0;
    if (hold == MR_HOLD_NONE)
        return;
    uint32_t owner = mr_frontier_owner_of(consumer->frontier, hold);
    int64_t offset = mr_frontier_offset_of(consumer->frontier, hold);
    now->waiting = owner & MR_OUTBOX_OWNER ? MR_WAITS_FOR_LETTER : MR_WAITS_FOR_SHARD;
    for (uint32_t i = consumer->passes[number].refused; i != MR_REFUSED_NONE; i = consumer->refused[i].next)
        if (consumer->refused[i].hold == hold && consumer->refused[i].path == MR_PATH_LIVE) {
            now->waiting = MR_WAITS_TO_BE_READ;
            now->waiting_shard = consumer->refused[i].shard;
            now->waiting_hash = ((const mr_record *)(const void *)consumer->refused[i].record)->key_hash;
        }
    if (now->waiting != MR_WAITS_FOR_SHARD)
        return;
    const mr_page *page = mr_pool_page(consumer->flow->pool, owner);
    now->waiting_page = owner;
    now->waiting_shard = page->shard;
    /* Header fields that a writer never changes. */
    for (uint32_t row = 0; row < page->rows; row++) {
        const mr_record *record = mr_page_header(page, row);
        if (record->source == number && record->offset >= offset) {
            now->waiting_hash = record->key_hash;
            break;
        }
    }
}

static const mr_slot_range *ranges_of(mr_consumer *consumer, uint32_t number)
{
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        mr_range range = mr_parking_range(consumer->parking, number, shard);
        bool live = range.state == MR_RANGE_LIVE;
        consumer->ranges[shard] =
            (mr_slot_range){.from = live ? 0 : range.from,
                            .to = live ? 0 : range.to,
                            .timestamp_ms = consumer->lane[mr_lane_of(consumer, number, shard)].timestamp_ms};
    }
    return consumer->ranges;
}

static void publish_slot(mr_consumer *consumer, uint32_t number, bool look)
{
    mr_slot *slot = &consumer->slots[number];
    mr_slot_snapshot now = {.epoch = mr_frontier_epoch(consumer->frontier, number),
                            .lowest = mr_frontier_lowest(consumer->frontier, number),
                            .position = mr_frontier_position(consumer->frontier, number),
                            .quiet = mr_frontier_quiet(consumer->frontier, number),
                            .accepting = slot->accepting,
                            .stopped = slot->stopped,
                            .ranges_version = mr_parking_version(consumer->parking, number),
                            .waiting = slot->last.waiting,
                            .waiting_shard = slot->last.waiting_shard,
                            .waiting_page = slot->last.waiting_page,
                            .waiting_hash = slot->last.waiting_hash};
    if (look || (now.quiet && now.waiting != MR_WAITS_NOT))
        look_at_waiting(consumer, number, &now);
    else if (now.lowest != slot->last.lowest)
        now.waiting = MR_WAITS_NOT; /* what was seen is another event */
    bool other = now.ranges_version != slot->last.ranges_version;
    mr_slot_publish(slot, &now, other ? ranges_of(consumer, number) : NULL);
}

static void publish_counts(mr_consumer *consumer)
{
    mr_metrics *metrics = consumer->flow->metrics;
    for (uint32_t i = 0; i < consumer->config->stream_count; i++) {
        mr_tally *counted = &consumer->tally[i];
        if (counted->messages > 0) {
            mr_metric_add(metrics, MR_M_MESSAGES_CONSUMED, i, 0, counted->messages);
            mr_metric_add(metrics, MR_M_BYTES_CONSUMED, i, 0, counted->bytes);
            mr_metric_add(metrics, MR_M_FILTERED, i, 0, counted->filtered);
        }
        if (counted->read_again > 0)
            mr_metric_add(metrics, MR_M_REPLAY_READ, i, 0, counted->read_again);
        *counted = (mr_tally){0};
    }
    for (uint32_t shard = 0; shard < consumer->shards; shard++)
        if (consumer->skipped[shard] > 0) {
            mr_metric_add(metrics, MR_M_SKIPPED_PARKED, shard, 0, consumer->skipped[shard]);
            consumer->skipped[shard] = 0;
        }
}

static void publish(mr_consumer *consumer, bool look)
{
    for (uint32_t i = 0; i < consumer->slots_used; i++)
        if (consumer->slots[i].open)
            publish_slot(consumer, i, look);
    publish_counts(consumer);
}

static void publish_memory(mr_consumer *consumer, uint64_t in_flight_before)
{
    mr_flow *flow = consumer->flow;
    if (consumer->in_flight != in_flight_before)
        mr_metric_add(flow->metrics, MR_M_IN_FLIGHT, 0, 0, consumer->in_flight - in_flight_before);
    uint64_t used = flow->plan->pages_each - mr_pool_free_pages(flow->pool, consumer->number);
    if (used != consumer->pages_used)
        mr_metric_add(flow->metrics, MR_M_POOL_USED, 0, 0,
                      (used - consumer->pages_used) * flow->plan->rows_page);
    consumer->pages_used = used;
}

/* ---- the thread ---- */

/* While something is read again, a quarter of the pages is kept for it, and it never takes more than half. */
static void share_pool(mr_consumer *consumer)
{
    uint32_t pages = consumer->flow->plan->pages_each, quarter = pages / 4;
    uint32_t held = mr_fill_held(consumer->again);
    bool reading = consumer->lanes_open > 0;
    mr_fill_limit(consumer->live, UINT32_MAX, reading && held < quarter ? quarter - held : 0);
    mr_fill_limit(consumer->again, pages / 2, 0);
}

uint32_t mr_consumer_do_work(mr_consumer *consumer, uint64_t now_ms)
{
    mr_owner_here(&consumer->owner);
    uint64_t before = consumer->in_flight;
    mr_pulse *pulse = consumer->flow->consumer_pulse[consumer->number];
    mr_pulse_enter(pulse, "settling pages", 0, now_ms);
    mr_lanes_gates(consumer, now_ms);
    uint32_t done = obey(consumer, now_ms) + mr_settle(consumer, now_ms);
    share_pool(consumer);
    mr_pulse_enter(pulse, "reading again", 0, now_ms);
    done += mr_again_work(consumer, now_ms);
    mr_pulse_enter(pulse, "taking messages", 0, now_ms);
    done += mr_live_take(consumer, now_ms);
    done += mr_fill_lingering(consumer->live, now_ms) + mr_fill_lingering(consumer->again, now_ms);
    bool look = now_ms >= consumer->look_ms;
    if (look)
        consumer->look_ms = now_ms + LOOK_MS;
    if (done > 0 || look)
        publish(consumer, look);
    publish_memory(consumer, before);
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
    uint64_t live_ms = mr_fill_wait_ms(consumer->live, now_ms),
             again_ms = mr_fill_wait_ms(consumer->again, now_ms);
    mr_bell_sleep(bell, live_ms < again_ms ? live_ms : again_ms);
}

void mr_consumer_let_go(mr_consumer *consumer)
{
    mr_owner_here(&consumer->owner);
    for (uint32_t i = 0; i < consumer->slots_used; i++)
        mr_again_stop(consumer, i);
    if (consumer->in_hand)
        mr_message_free(&consumer->message);
    if (consumer->again_in_hand)
        mr_message_free(&consumer->again_message);
    consumer->in_hand = consumer->again_in_hand = false;
    mr_pulse_end(consumer->flow->consumer_pulse[consumer->number]);
}
