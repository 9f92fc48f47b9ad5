/* consumer_world.h: a real consumer thread between a log and writers that a test plays by hand, for histories of a few steps.  One partition, two shards.
 *
 *     log     100 r0   101 r1   102 -   103 broken   104 r1 ...    what each offset is (world_log); high watermark, low watermark
 *
 * The inboxes, the reader and the producer of dead letters are a few lines here; the linker takes them before the library's.  The consumer's
 * turn (world_turn) runs until it has nothing to do.
 */
#ifndef MR_TESTS_CONSUMER_WORLD_H
#define MR_TESTS_CONSUMER_WORLD_H

#include "stages/decode.h"
#include "stages/route.h"
#include "threads/consumer.h"
#include <stdio.h>
#include <string.h>

enum { SHARDS = 2, OFFSETS = 4096, BEGIN = 100, SLOT = 0, PARTITION = 7 };

typedef enum kind { HOLE, ROW, INVALID, BROKEN } kind; /* INVALID: it has a shard, and cannot become a row */

typedef struct reading {
    bool running;
    int64_t next, limit; /* no message at or above `limit` is there yet */
    bool end_told;
    bool out_of_range, fails; /* fails: one error, in between */
    char text[64];
} reading;

struct mr_inbox {
    reading *from;
};

static struct world {
    mr_config *config;
    mr_arena *arena;
    mr_plan plan;
    mr_flow flow;
    mr_topics *topics;
    mr_consumer *consumer;
    uint64_t now_ms;
    kind kinds[OFFSETS];
    uint8_t shard_of[OFFSETS];
    char key_of[SHARDS]; /* a key that goes there */
    int64_t low, high;   /* of the log */
    reading live, again;
    mr_inbox live_inbox, again_inbox;
    uint32_t starts; /* of reading again */
    uint32_t letters[OFFSETS];
    uint32_t letter_numbers[OFFSETS], letter_count; /* on their way */
    uint32_t rows[OFFSETS];                         /* times that it came to its shard's writer */
} world;

/* ---- the log ---- */

static inline int64_t world_time(int64_t offset)
{
    return 5000 + 3 * offset;
}

static inline mr_arrival world_arrives(reading *from, mr_message *out)
{
    int64_t last = from->limit < world.high ? from->limit : world.high;
    *out = (mr_message){.event = {.topic = "t", .partition = PARTITION, .offset = from->next}};
    if (!from->running)
        return MR_ARRIVAL_NONE;
    if (from->out_of_range || from->fails) {
        out->out_of_range = from->out_of_range;
        from->running = !from->out_of_range;
        from->fails = false;
        snprintf(out->error, sizeof out->error, "broken here");
        return MR_ARRIVAL_ERROR;
    }
    while (from->next < last && world.kinds[from->next] == HOLE)
        from->next++;
    out->event.offset = from->next;
    if (from->next < last) {
        kind what = world.kinds[from->next];
        int len = snprintf(from->text, sizeof from->text, "{\"k\":\"%c\",\"x\":%s",
                           world.key_of[world.shard_of[from->next]],
                           what == ROW       ? "1}"
                           : what == INVALID ? "[]}"
                                             : "");
        out->event.value = from->text;
        out->event.value_len = (size_t)len;
        out->event.timestamp_ms = world_time(from->next);
        from->next++;
        return MR_ARRIVAL_MESSAGE;
    }
    if (from->next < world.high || from->end_told)
        return MR_ARRIVAL_NONE;
    from->end_told = true;
    return MR_ARRIVAL_END;
}

mr_arrival mr_inbox_poll(mr_inbox *inbox, mr_message *message)
{
    return world_arrives(inbox->from, message);
}

void mr_message_free(mr_message *message)
{
    (void)message;
}

bool mr_reader_start(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition,
                     int64_t offset)
{
    (void)reader;
    assert_true(consumer == 0 && partition == PARTITION && !strcmp(topic, "t") && !world.again.running);
    world.starts++;
    world.again.running = true;
    world.again.end_told = false;
    world.again.out_of_range = offset != MR_READ_FROM_BEGINNING && offset < world.low;
    world.again.next = offset == MR_READ_FROM_BEGINNING ? world.low : offset;
    return true;
}

void mr_reader_stop(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition)
{
    (void)reader;
    assert_true(consumer == 0 && partition == PARTITION && !strcmp(topic, "t"));
    world.again.running = false;
}

bool mr_reader_high_seen(mr_reader *reader, const char *topic, int32_t partition, int64_t *high)
{
    (void)reader;
    (void)topic;
    (void)partition;
    *high = world.high;
    return true;
}

bool mr_dlq_send(mr_dlq *dlq, const mr_event *event, void *handle, const mr_letter *letter)
{
    (void)dlq;
    (void)handle;
    assert_int_equal(event->timestamp_ms, world_time(event->offset));
    world.letters[event->offset]++;
    world.letter_numbers[world.letter_count++] = letter->number;
    return true;
}

/* ---- beginning and end ---- */

static inline mr_ring **world_rings(uint32_t count, uint32_t size)
{
    mr_ring **rings = mr_arena_take(world.arena, "rings", count, sizeof(mr_ring *));
    for (uint32_t i = 0; i < count; i++)
        rings[i] = mr_ring_new(world.arena, "rings", size);
    return rings;
}

static inline void world_find_keys(void)
{
    mr_decoder *decoder;
    mr_error error;
    mr_refusal refusal;
    assert_int_equal(mr_decoder_new(&world.config->streams[0], world.arena, &decoder, &error), MR_OK);
    for (char key = 'a'; key <= 'z'; key++) {
        char text[32];
        uint64_t hash;
        int len = snprintf(text, sizeof text, "{\"k\":\"%c\"}", key);
        mr_event event = {.value = text, .value_len = (size_t)len, .topic = "t"};
        assert_int_equal(mr_decode_scan(decoder, &event, &hash, &refusal), MR_REASON_NONE);
        world.key_of[mr_route_shard(world.config, hash)] = key;
    }
    assert_true(world.key_of[0] && world.key_of[1]);
}

/* Both shards are live; the partition is not assigned yet. */
static inline void world_new(uint32_t pages, uint32_t rows_a_page)
{
    static const char configuration[] =
        "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"consumer_threads\":1},\"streams\":["
        "{\"name\":\"t\",\"topic\":\"t\",\"table\":\"t\",\"key\":\"k\",\"id\":{\"column\":\"id\","
        "\"from\":\"ksuid\"},\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
        "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},"
        "{\"name\":\"s1\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}],\"dlq\":{\"topic\":\"d\"}}";
    static mr_pulse pulse;
    static mr_pulse *pulses[1] = {&pulse};
    mr_findings findings = {0};
    mr_error error;
    memset(&world, 0, sizeof world);
    if (mr_config_parse("test", configuration, sizeof configuration - 1, NULL, &world.config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    world.arena = mr_arena_new();
    assert_int_equal(mr_plan_make(world.config, world.arena, &world.plan, &error), MR_OK);
    world.plan.pages_each = pages;
    world.plan.page_bytes = rows_a_page * mr_page_row_bytes(world.plan.layouts[0].size);
    world.plan.rows_page = rows_a_page;
    world.flow = (mr_flow){
        .config = world.config,
        .plan = &world.plan,
        .pool = mr_pool_new(world.arena, 1, pages, world.plan.page_bytes),
        .metrics = mr_metrics_new(world.config, world.arena, 1),
        .budget = mr_arena_take(world.arena, "budget", 1, sizeof(mr_budget)),
        .consumers = 1,
        .shards = SHARDS,
        .pages = world_rings(SHARDS, pages),
        .done = world_rings(SHARDS, pages),
        .orders = world_rings(1, 16),
        .letters = world_rings(1, MR_DEAD_LETTERS_EACH),
        .consumer_bell = mr_arena_take(world.arena, "bells", 1, sizeof(mr_bell)),
        .writer_bell = mr_arena_take(world.arena, "bells", SHARDS, sizeof(mr_bell)),
        .consumer_pulse = pulses,
    };
    mr_gates_init(&world.flow.gates, world.config, world.arena);
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        assert_true(mr_gate_turn(&world.flow.gates, shard, MR_GATE_STARTING, MR_GATE_LIVE));
    world.topics = mr_topics_new(world.config, world.arena);
    assert_int_equal(mr_consumer_new(&world.flow, 0, world.topics, world.arena, &world.consumer, &error),
                     MR_OK);
    world.live_inbox.from = &world.live;
    world.again_inbox.from = &world.again;
    mr_consumer_connect(world.consumer, &world.live_inbox, &world.again_inbox);
    world_find_keys();
    world.now_ms = 1000000;
    world.live.limit = world.again.limit = INT64_MAX;
    world.high = BEGIN;
}

static inline void world_free(void)
{
    mr_consumer_let_go(world.consumer);
    mr_pool_check(world.flow.pool, 0);
    mr_topics_free(world.topics);
    mr_arena_free(world.arena);
    mr_config_free(world.config);
}

/* ---- steps ---- */

/* Adds events: '0' and '1' are rows of that shard, 'i' an invalid event of shard 1, 'b' broken JSON, '-' a hole. */
static inline void world_log(const char *events)
{
    for (; *events; events++, world.high++) {
        assert_true(world.high < OFFSETS);
        world.kinds[world.high] = *events == '-'   ? HOLE
                                  : *events == 'b' ? BROKEN
                                  : *events == 'i' ? INVALID
                                                   : ROW;
        world.shard_of[world.high] = *events != '0';
    }
    world.live.end_told = world.again.end_told = false;
}

static inline void world_turn(void)
{
    do
        world.now_ms++;
    while (mr_consumer_do_work(world.consumer, world.now_ms) > 0);
}

/* What is there is taken, what lingers is sealed, and everything is published, also what is looked at once a second only. */
static inline void world_rest(void)
{
    world_turn();
    world.now_ms += 1000;
    for (uint32_t shard = 0; shard < SHARDS; shard++) /* nobody stands still for it */
        mr_gate_good(&world.flow.gates, shard, world.now_ms);
    world_turn();
}

/* ranges: NULL, or of that shard (1) what is parked of it. */
static inline void world_assign(int64_t start, const mr_slot_range *range)
{
    mr_slot *slot = mr_consumer_slot(world.consumer, SLOT);
    memcpy(slot->topic, "t", 2);
    slot->partition = PARTITION;
    slot->start = start;
    memset(slot->start_ranges, 0, SHARDS * sizeof *slot->start_ranges);
    if (range)
        slot->start_ranges[1] = *range;
    world.live = (reading){.running = true, .next = start, .limit = world.live.limit};
    mr_consumer_order(world.consumer, MR_ORDER_ASSIGN, SLOT);
    world_turn();
}

static inline void world_close(void)
{
    mr_consumer_order(world.consumer, MR_ORDER_CLOSE, SLOT);
    world_turn();
}

static inline void world_gate(uint32_t shard, mr_gate_state to)
{
    atomic_store(&world.flow.gates.at[shard].state, to);
    world_turn();
}

static inline mr_slot_snapshot world_seen(mr_slot_range *ranges)
{
    return mr_slot_read(mr_consumer_slot(world.consumer, SLOT), ranges);
}

static inline int64_t world_lowest(void)
{
    return world_seen(NULL).lowest;
}

/* Of shard 1. */
static inline mr_slot_range world_range(void)
{
    mr_slot_range ranges[SHARDS];
    world_seen(ranges);
    return ranges[1];
}

static inline uint32_t world_free_pages(void)
{
    return mr_pool_free_pages(world.flow.pool, 0);
}

/* The next page of the shard is at its writer; MR_PAGE_NONE: none is sealed. */
static inline uint32_t world_take(uint32_t shard)
{
    uint32_t handle;
    if (!mr_ring_pop(mr_flow_pages(&world.flow, 0, shard), &handle))
        return MR_PAGE_NONE;
    const mr_page *page = mr_pool_page(world.flow.pool, handle);
    assert_int_equal(page->shard, shard);
    for (uint32_t row = 0; row < page->rows; row++) {
        int64_t offset = mr_page_header(page, row)->offset;
        assert_int_equal(page->times[row], world_time(offset));
        world.rows[offset]++;
    }
    return handle;
}

static inline void world_give(uint32_t handle, mr_outcome outcome)
{
    mr_page *page = mr_pool_page(world.flow.pool, handle);
    page->outcome = outcome;
    mr_ring_push(mr_flow_done(&world.flow, 0, page->shard), handle);
    world_turn();
}

/* The database refuses this row of a page that is at its writer. */
static inline void world_refuse(uint32_t handle, uint32_t row)
{
    mr_page *page = mr_pool_page(world.flow.pool, handle);
    mr_record *record = mr_page_header(page, row);
    record->reason = MR_REASON_DB;
    record->field = MR_FIELDS_MAX;
    mr_record_skip(&world.plan.layouts[0], mr_page_record(page, row));
    page->rows_refused++;
}

/* Everything of the shard becomes durable, until there is no more of it. */
static inline void world_write(uint32_t shard)
{
    for (int quiet = 0; quiet < 2;) {
        uint32_t handle = world_take(shard);
        quiet = handle == MR_PAGE_NONE ? quiet + 1 : 0;
        if (handle == MR_PAGE_NONE)
            world_rest();
        else
            world_give(handle, MR_OUTCOME_DURABLE);
    }
}

static inline void world_acknowledge(void)
{
    for (uint32_t i = 0; i < world.letter_count; i++)
        mr_ring_push(world.flow.letters[0], world.letter_numbers[i]);
    world.letter_count = 0;
    world_turn();
}

#endif
