/* The board: every field of the document as jansson reads it, hostile texts, and buffers that are too small. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "stages/board.h"
#include "stages/reason.h"

static mr_stream streams[] = {{.name = "events"}, {.name = "others"}};
static mr_shard shards[] = {{.name = "s0"}, {.name = "s\"1\\\n"}, {.name = "s2", .hold = true}};
static uint16_t slot_shard[3] = {0, 1, 2};
static const mr_config config = {.kafka = {.group_id = "the group"},
                                 .streams = streams,
                                 .stream_count = 2,
                                 .shards = shards,
                                 .shard_count = 3,
                                 .slots = 3,
                                 .slot_shard = slot_shard};
static mr_arena *arena;
static mr_metrics *metrics;
static mr_board *board;
static json_t *document;
static char memory[1 << 16];

static int set_up(void **unused)
{
    (void)unused;
    arena = mr_arena_new();
    metrics = mr_metrics_new(&config, arena, 8);
    board = mr_board_new(&config, arena, 8);
    mr_arena_freeze(arena); /* nothing is taken afterwards */
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    json_decref(document);
    document = NULL;
    mr_arena_free(arena);
    return 0;
}

static void render(void)
{
    json_error_t error;
    mr_buf out = mr_buf_over(memory, sizeof memory);
    assert_true(mr_board_render(board, metrics, &out));
    json_decref(document);
    document = json_loadb(memory, out.len, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        fail_msg("%s, at byte %d of\n%s", error.text, error.position, memory);
}

/* What is at a path of names and indices: "shards.0.parked". */
static json_t *at(const char *path)
{
    json_t *here = document;
    char step[64];
    for (; *path; path += strlen(step) + (path[strlen(step)] == '.')) {
        snprintf(step, sizeof step, "%.*s", (int)strcspn(path, "."), path);
        here = json_is_array(here) ? json_array_get(here, (size_t)strtoul(step, NULL, 10))
                                   : json_object_get(here, step);
        if (!here)
            fail_msg("there is no %s", path);
    }
    return here;
}

static void expect(const char *path, const char *json)
{
    char *found = json_dumps(at(path), JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    if (strcmp(found, json) != 0)
        fail_msg("%s is %s, not %s", path, found, json);
    free(found);
}

static mr_board_partition running(int32_t partition)
{
    return (mr_board_partition){.topic = "clicks",
                                .partition = partition,
                                .committed = 100,
                                .frontier = 120,
                                .end = 150,
                                .state = "running",
                                .waiting = {.shard = -1}};
}

static void set_shard(uint32_t shard, const char *state, const char *why)
{
    mr_board_shard_set(board, shard,
                       &(mr_board_shard){.state = state, .why = why, .offsets_left = -1, .seconds_left = -1});
}

static void test_empty(void **unused)
{
    (void)unused;
    int64_t now = mr_clock_wall_ms();
    char text[40];
    mr_buf buf = mr_buf_over(text, sizeof text);
    mr_buf_time(&buf, now);
    render();
    expect("version", "\"" MILLRACE_VERSION "\"");
    expect("group", "\"the group\"");
    expect("partitions", "[]");
    assert_int_equal(json_array_size(at("shards")), 3);
    expect("shards.0", "{\"code\":null,\"name\":\"s0\",\"parked\":[],\"replay\":null,\"rows_per_s\":0,"
                       "\"since\":null,\"state\":\"live\",\"why\":null}");
    expect("shards.2.state", "\"held\"");
    expect("dead_letters", "{}");
    expect("memory", "{\"limit_bytes\":0,\"parts\":{},\"total_bytes\":0}");
    assert_int_equal(strlen(json_string_value(at("time"))), strlen("2026-01-01T00:00:00.000Z"));
    assert_true(strcmp(json_string_value(at("time")), text) >= 0);
}

static void test_partitions(void **unused)
{
    (void)unused;
    mr_board_partition one = running(7);
    mr_board_partition_set(board, 3, &one);
    render();
    assert_int_equal(json_array_size(at("partitions")), 1);
    expect("partitions.0", "{\"committed\":100,\"end\":150,\"frontier\":120,\"lag\":50,\"partition\":7,"
                           "\"state\":\"running\",\"topic\":\"clicks\",\"waiting\":null,\"why\":null}");
    one.committed = 151; /* the log's end is looked up less often */
    mr_board_partition_set(board, 3, &one);
    one = (mr_board_partition){.topic = "held",
                               .partition = 1,
                               .committed = -1,
                               .frontier = -1,
                               .end = -1,
                               .state = "held",
                               .why = "other rules: drain first"};
    mr_board_partition_set(board, 5, &one);
    render();
    expect("partitions.0.lag", "0");
    expect("partitions.1",
           "{\"committed\":null,\"end\":null,\"frontier\":null,\"lag\":null,\"partition\":1,"
           "\"state\":\"held\",\"topic\":\"held\",\"waiting\":null,\"why\":\"other rules: drain first\"}");
    mr_board_partition_clear(board, 3);
    render();
    assert_int_equal(json_array_size(at("partitions")), 1);
    expect("partitions.0.topic", "\"held\"");
}

static void test_waiting(void **unused)
{
    (void)unused;
    mr_board_partition one = running(0);
    one.waiting = (mr_board_waiting){.present = true,
                                     .offset = 120,
                                     .shard = 0,
                                     .state = "retrying",
                                     .attempts = 4,
                                     .due_ms = mr_clock_ms() + 5000,
                                     .has_key_hash = true,
                                     .key_hash = 0x00000f7e};
    mr_board_partition_set(board, 0, &one);
    set_shard(0, "retrying", "refuses connections");
    render();
    int64_t due_ms = json_integer_value(at("partitions.0.waiting.due_ms"));
    assert_in_range(due_ms, 4000, 5000);
    json_object_del(at("partitions.0.waiting"), "due_ms");
    expect("partitions.0.waiting",
           "{\"attempts\":4,\"key_hash\":\"0000000000000f7e\",\"offset\":120,"
           "\"shard\":\"s0\",\"state\":\"retrying\",\"why\":\"refuses connections\"}");
    one.waiting.why = "its own word";
    one.waiting.due_ms = 1; /* past */
    one.waiting.has_key_hash = false;
    mr_board_partition_set(board, 0, &one);
    render();
    expect("partitions.0.waiting", "{\"attempts\":4,\"due_ms\":0,\"key_hash\":null,\"offset\":120,"
                                   "\"shard\":\"s0\",\"state\":\"retrying\",\"why\":\"its own word\"}");
    one.waiting = (mr_board_waiting){.present = true, .offset = 121, .shard = -1, .state = "dead_letter"};
    mr_board_partition_set(board, 0, &one);
    render();
    expect("partitions.0.waiting", "{\"attempts\":0,\"due_ms\":null,\"key_hash\":null,\"offset\":121,"
                                   "\"shard\":null,\"state\":\"dead_letter\",\"why\":null}");
}

static void test_shards(void **unused)
{
    (void)unused;
    mr_board_partition one = running(4), two = running(5);
    mr_board_partition_set(board, 0, &one);
    mr_board_partition_set(board, 7, &two);
    mr_board_shard_set(board, 1,
                       &(mr_board_shard){.state = "replay",
                                         .since_wall_ms = 1767225599999,
                                         .why = "was down",
                                         .code = 2013,
                                         .rows_per_s = 81234,
                                         .offsets_left = 9000000000,
                                         .seconds_left = 61});
    mr_board_range_set(board, 0, 1, 10, 20);
    mr_board_range_set(board, 7, 1, 0, MR_BOARD_OPEN);
    mr_board_range_set(board, 7, 2, 5, 6);
    mr_board_range_set(board, 6, 2, 5, 6); /* of no partition: not shown */
    render();
    expect("shards.0.parked", "[]");
    expect("shards.1", "{\"code\":2013,\"name\":\"s\\\"1\\\\\\n\",\"parked\":["
                       "{\"from\":10,\"partition\":4,\"to\":20,\"topic\":\"clicks\"},"
                       "{\"from\":0,\"partition\":5,\"to\":null,\"topic\":\"clicks\"}],"
                       "\"replay\":{\"offsets_left\":9000000000,\"seconds_left\":61},\"rows_per_s\":81234,"
                       "\"since\":\"2025-12-31T23:59:59.999Z\",\"state\":\"replay\",\"why\":\"was down\"}");
    expect("shards.2.parked", "[{\"from\":5,\"partition\":5,\"to\":6,\"topic\":\"clicks\"}]");
    mr_board_shard_set(board, 1, &(mr_board_shard){.state = "replay", .offsets_left = 0, .seconds_left = -1});
    mr_board_range_clear(board, 0, 1);
    mr_board_partition_clear(board, 7);
    mr_board_partition_set(board, 7, &two); /* the next life has none of the ranges */
    render();
    expect("shards.1.parked", "[]");
    expect("shards.1.why", "null");
    expect("shards.1.replay", "{\"offsets_left\":0,\"seconds_left\":null}");
    expect("shards.2.parked", "[]");
}

static void test_memory_and_letters(void **unused)
{
    (void)unused;
    mr_board_memory(board, arena, 1000);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 0, MR_REASON_TOMBSTONE, 3);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 1, MR_REASON_TOMBSTONE, 4);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 1, MR_REASON_DB, 1);
    render();
    expect("dead_letters", "{\"database\":1,\"tombstone\":7}");
    assert_int_equal(json_integer_value(at("memory.total_bytes")), mr_arena_total(arena));
    assert_int_equal(json_integer_value(at("memory.limit_bytes")), mr_arena_total(arena) + 1000);
    size_t bytes, i = 0, sum = 0;
    for (const char *name; (name = mr_arena_part(arena, i, &bytes)); i++, sum += bytes)
        assert_int_equal(json_integer_value(json_object_get(at("memory.parts"), name)), bytes);
    assert_int_equal(json_object_size(at("memory.parts")), i);
    assert_int_equal(sum, mr_arena_total(arena));
}

/* A `why` comes from a database: any bytes, any length. */
static void test_hostile_texts(void **unused)
{
    (void)unused;
    static const struct {
        const char *in, *out;
    } all[] = {
        {"a\"b\\c/d", "a\"b\\c/d"},
        {"tab\t, line\n, bell\a, \x7f", "tab\t, line\n, bell\a, \x7f"},
        {"\xff\xfe cut \xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd cut \xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82\xac \xf0\x9f\x98\x80 <script>%s%n", "\xe2\x82\xac \xf0\x9f\x98\x80 <script>%s%n"},
    };
    mr_board_partition one = running(0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        one.why = one.topic = all[i].in;
        one.waiting = (mr_board_waiting){.present = true, .shard = 0, .state = "retrying", .why = all[i].in};
        mr_board_partition_set(board, 0, &one);
        set_shard(0, "retrying", all[i].in);
        render();
        assert_string_equal(json_string_value(at("partitions.0.why")), all[i].out);
        assert_string_equal(json_string_value(at("partitions.0.topic")), all[i].out);
        assert_string_equal(json_string_value(at("partitions.0.waiting.why")), all[i].out);
        assert_string_equal(json_string_value(at("shards.0.why")), all[i].out);
    }
}

static void test_long_texts(void **unused)
{
    (void)unused;
    char long_text[1001] = "";
    for (size_t i = 0; i < 1000; i += 2)
        memcpy(long_text + i, "\xc3\xa9", 3);
    set_shard(0, long_text, long_text); /* 319 bytes would cut a character */
    render();
    assert_int_equal(strlen(json_string_value(at("shards.0.why"))), 318);
    assert_memory_equal(json_string_value(at("shards.0.why")), long_text, 318);
    assert_int_equal(strlen(json_string_value(at("shards.0.state"))), 22);
}

/* Every size below the needed one is refused, and none is written beyond. */
static void test_too_small(void **unused)
{
    (void)unused;
    static char small[4096];
    mr_board_partition one = running(0);
    one.waiting =
        (mr_board_waiting){.present = true, .shard = 1, .state = "retrying", .why = "x", .due_ms = 1};
    mr_board_partition_set(board, 0, &one);
    mr_board_range_set(board, 0, 1, 10, 20);
    mr_board_memory(board, arena, 0);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 0, MR_REASON_TOMBSTONE, 3);
    mr_buf out = mr_buf_over(small, sizeof small);
    assert_true(mr_board_render(board, metrics, &out));
    size_t needed = out.len;
    for (size_t cap = 1; cap <= needed; cap++) {
        memset(small, '#', sizeof small);
        out = mr_buf_over(small, cap);
        assert_false(mr_board_render(board, metrics, &out));
        assert_true(out.full);
        assert_int_equal(small[cap], '#');
    }
    out = mr_buf_over(small, needed + 1);
    assert_true(mr_board_render(board, metrics, &out));
    assert_int_equal(out.len, needed);
}

static _Atomic bool reading;

/* The topic, both texts and the end are all of one letter's entry. */
static bool is_whole(const json_t *partition)
{
    const char *why = json_string_value(json_object_get(partition, "why"));
    const char *waits = json_string_value(json_object_get(json_object_get(partition, "waiting"), "why"));
    int64_t end = json_integer_value(json_object_get(partition, "end"));
    char letter[2] = {(char)('a' + end - 200), 0};
    return why && waits && strlen(why) == (size_t)end && strlen(waits) == (size_t)end &&
           strspn(why, letter) == (size_t)end && strspn(waits, letter) == (size_t)end;
}

static void *render_often(void *unused)
{
    (void)unused;
    static char own[1 << 16];
    bool whole = true;
    for (int i = 0; i < 5000 && whole; i++) {
        mr_buf out = mr_buf_over(own, sizeof own);
        json_t *read = mr_board_render(board, metrics, &out) ? json_loadb(own, out.len, 0, NULL) : NULL;
        const json_t *first = json_array_get(json_object_get(read, "partitions"), 0);
        whole = read && (!first || is_whole(first));
        json_decref(read);
    }
    atomic_store(&reading, false);
    return whole ? NULL : own;
}

/* An entry is of one moment, also while main writes it. */
static void test_two_threads(void **unused)
{
    (void)unused;
    char why[400];
    pthread_t reader;
    void *torn;
    atomic_store(&reading, true);
    assert_int_equal(pthread_create(&reader, NULL, render_often, NULL), 0);
    for (unsigned i = 0; atomic_load(&reading); i++) {
        size_t len = 200 + i % 26;
        mr_board_partition one = running(0);
        memset(why, 'a' + (int)(i % 26), len);
        why[len] = 0;
        one.why = why;
        one.end = (int64_t)len;
        one.waiting = (mr_board_waiting){.present = true, .shard = -1, .state = "x", .why = why};
        mr_board_partition_set(board, 0, &one);
        if (i % 7 == 0)
            mr_board_partition_clear(board, 0);
    }
    assert_int_equal(pthread_join(reader, &torn), 0);
    assert_null(torn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_empty),      TEST(test_partitions),         TEST(test_waiting),
        TEST(test_shards),     TEST(test_memory_and_letters), TEST(test_hostile_texts),
        TEST(test_long_texts), TEST(test_too_small),          TEST(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
