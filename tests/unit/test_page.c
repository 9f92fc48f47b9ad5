/* The page as HTML: all of it against tests/unit/page.golden.html (without style and script; MILLRACE_GOLDEN=write writes it anew), what
 * must be in it whatever the golden file says, hostile texts, and buffers that are too small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/page.h"
#include "stages/reason.h"

#define GOLDEN   MILLRACE_SOURCE_DIR "/tests/unit/page.golden.html"
#define NOW_MS   10000000u
#define WALL_MS  1769817845678 /* 2026-01-31T00:04:05.678Z */
#define HOSTILE  "<img src=x onerror=alert(1)>\"'&\x01\x7f\xff"
#define HARMLESS "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"

static mr_stream streams[] = {{.name = "events"}, {.name = "others"}};
static mr_shard shards[] = {{.name = "s0"}, {.name = "s1"}, {.name = "s2"}, {.name = "s3"}};
static uint16_t slot_shard[4] = {0, 1, 2, 3};
static mr_config config;
static mr_arena *arena;
static mr_metrics *metrics;
static mr_board *board;
static char page[1 << 20];

static void set_up_board(const char *group, uint32_t shard_count)
{
    config = (mr_config){.kafka = {.group_id = (char *)(uintptr_t)group},
                         .streams = streams,
                         .stream_count = 2,
                         .shards = shards,
                         .shard_count = shard_count,
                         .slots = shard_count,
                         .slot_shard = slot_shard};
    arena = mr_arena_new();
    metrics = mr_metrics_new(&config, arena, 400);
    board = mr_board_new(&config, arena, 400);
    mr_arena_freeze(arena);
}

static int set_up(void **unused)
{
    (void)unused;
    set_up_board("clicks & views", 4);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    mr_arena_free(arena);
    return 0;
}

static void render(void)
{
    mr_buf out = mr_buf_over(page, sizeof page);
    mr_page_moment moment = {NOW_MS, WALL_MS, 141 << 20};
    assert_true(mr_page_render(board, metrics, &moment, &out));
    assert_int_equal(strlen(page), out.len);
}

static void has(const char *part)
{
    if (!strstr(page, part))
        fail_msg("there is no\n%s\nin\n%s", part, strstr(page, "</style>"));
}

static void has_not(const char *part)
{
    if (strstr(page, part))
        fail_msg("there is\n%s\nin\n%s", part, strstr(page, "</style>"));
}

static size_t count(const char *part)
{
    size_t found = 0;
    for (const char *at = page; (at = strstr(at, part)); at++)
        found++;
    return found;
}

static void set_shard(uint32_t shard, const char *state, const char *why, unsigned code)
{
    mr_board_shard_set(board, shard,
                       &(mr_board_shard){.state = state,
                                         .since_wall_ms = WALL_MS - 250 * 1000,
                                         .why = why,
                                         .code = code,
                                         .rows_per_s = 1000 * shard + 234,
                                         .offsets_left = -1,
                                         .seconds_left = -1});
}

static mr_board_partition partition(int32_t number)
{
    return (mr_board_partition){.topic = "clicks",
                                .partition = number,
                                .committed = 4100,
                                .frontier = 4120,
                                .end = 1238667,
                                .state = "running",
                                .waiting = {.shard = -1}};
}

/* A worker in all sorts of trouble. */
static void set_all(void)
{
    mr_board_partition one = partition(0);
    set_shard(0, "live", "", 0);
    set_shard(1, "parked", "Can't connect to server on 'db-1' (111)", 2003);
    set_shard(2, "replay", "", 0);
    set_shard(3, "held", NULL, 0);
    mr_board_partition_set(board, 0, &one);
    one = partition(3);
    one.waiting = (mr_board_waiting){.present = true,
                                     .has_key_hash = true,
                                     .offset = 4120,
                                     .key_hash = UINT64_C(0x85944171f73967e8),
                                     .shard = 1,
                                     .state = "retrying",
                                     .attempts = 4,
                                     .due_ms = NOW_MS + 3210};
    mr_board_partition_set(board, 1, &one);
    one = partition(4);
    one.waiting = (mr_board_waiting){.present = true,
                                     .offset = 7,
                                     .shard = -1,
                                     .state = "dead_letter",
                                     .attempts = 1,
                                     .why = "its dead letter is on its way to the brokers"};
    mr_board_partition_set(board, 2, &one);
    one = (mr_board_partition){.topic = "other",
                               .partition = 1,
                               .committed = -1,
                               .frontier = -1,
                               .end = -1,
                               .state = "held",
                               .why = "an offset of another tool: see millrace offsets"};
    mr_board_partition_set(board, 3, &one);
    mr_board_range_set(board, 0, 1, 4000, MR_BOARD_OPEN);
    mr_board_range_set(board, 1, 1, 4000, 5000);
    mr_board_range_set(board, 0, 2, 2000, 3000);
    for (int64_t left = 4000; left >= 1000; left -= 3000)
        mr_board_shard_set(board, 2,
                           &(mr_board_shard){.state = "replay",
                                             .since_wall_ms = WALL_MS - 2000,
                                             .rows_per_s = 12345,
                                             .offsets_left = left,
                                             .seconds_left = 125});
    for (uint32_t i = 0; i < 40; i++) {
        if (i < 20 || i > 25)
            mr_metric_observe(metrics, MR_M_EVENT_AGE, 0, 0, 40 + 10 * (i % 7), 10);
        mr_metric_add(metrics, MR_M_ROWS_WRITTEN, i % 2, i % 4, 2000 * i);
        mr_board_sample(board, metrics, NOW_MS - 80000 + 2000 * i);
    }
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 0, MR_REASON_TOMBSTONE, 2000);
    mr_board_sample(board, metrics, NOW_MS);
    mr_metric_add(metrics, MR_M_DEAD_LETTERS, 1, MR_REASON_DB, 1);
    mr_board_memory(board, arena, 170 << 20);
}

/* Takes out what is between two texts, from the page. */
static void cut(const char *from, const char *to)
{
    char *begin = strstr(page, from), *end = begin ? strstr(begin, to) : NULL;
    assert_non_null(end);
    begin += strlen(from);
    memmove(begin, end, strlen(end) + 1);
}

static void test_golden(void **unused)
{
    (void)unused;
    static char golden[sizeof page];
    set_all();
    render();
    cut("<style>", "</style>");
    cut("<script>", "</script>");
    cut(", version ", ", at ");
    cut("<summary>", " taken at start"); /* the arena's sizes are the compiler's */
    cut("<ul class=\"parts\">", "</ul>");
    cut("of at most ", "</small>");
    cut("min=\"0\" max=\"", "\" high=\"");
    cut("\" high=\"", "\" optimum");
    const char *write = getenv("MILLRACE_GOLDEN");
    FILE *file = fopen(GOLDEN, write ? "we" : "re");
    assert_non_null(file);
    if (write)
        fputs(page, file);
    else
        golden[fread(golden, 1, sizeof golden - 1, file)] = 0;
    fclose(file);
    if (!write)
        assert_string_equal(page, golden);
}

static void test_tables(void **unused)
{
    (void)unused;
    set_all();
    render();
    has("<title>clicks &amp; views · Millrace</title>");
    has("group <b>clicks &amp; views</b>, version " MILLRACE_VERSION
        ", at <time datetime=\"2026-01-31T00:04:05.678Z\">2026-01-31 00:04:05 UTC</time>");
    has("<tr><th scope=\"row\">s0</th><td><div><span class=\"state live\">live</span> for 4 min 10 "
        "s</div></td><td class=\"n\">234</td><td class=\"none none-phone\">nothing</td><td class=\"none "
        "none-phone\">none</td></tr>\n");
    has("<th scope=\"row\">s1</th><td><div><span class=\"state parked\">parked</span> for 4 min 10 s<small "
        "class=\"why\">Can&#39;t connect to server on &#39;db-1&#39; (111) (error 2003)</small></div></td>"
        "<td class=\"n\">1,234</td><td><details><summary>1,235,667 offsets in 2 ranges</summary><ul>"
        "<li>clicks/0 from 4000 on</li><li>clicks/3 from 4000 to 5000</li></ul></details></td>");
    has("<progress aria-label=\"Replay of s2\" max=\"4000\" value=\"3000\"></progress>1,000 offsets left, 2 "
        "min 5 s</div></td></tr>\n");
    has("<tr><th scope=\"row\">clicks/3</th><td><span class=\"state running\">running</span></td><td "
        "class=\"n\">4100</td><td class=\"n\">4120</td><td class=\"n\">1238667</td><td "
        "class=\"n\">1,234,567</td><td><div>4120: retrying, for <bdi>s1</bdi>, 4 attempts, again in 3.2 "
        "s<small>key hash <code>85944171f73967e8</code></small><small class=\"why\">Can&#39;t connect");
    has("<td><div>7: dead_letter, 1 attempt<small class=\"why\">its dead letter is on its way to the "
        "brokers</small></div></td>");
    has("<th scope=\"row\">other/1</th><td><span class=\"state held\">held</span></td><td "
        "class=\"n\">unknown</td><td class=\"n\">unknown</td><td class=\"n\">unknown</td><td "
        "class=\"n\">unknown</td><td><div><small class=\"why\">an offset of another tool");
    has("<tr><th scope=\"row\">tombstone</th><td>the value is null</td><td class=\"n\">2,000</td><td "
        "class=\"n\">2,000</td></tr>\n");
    has("<tr><th scope=\"row\">database</th><td>the database refused the row</td><td class=\"n\">0</td>"
        "<td class=\"n\">1</td></tr>\n"); /* after the last sample */
    has("<p class=\"value\">141 MiB <small>of at most 17");
    has("value=\"147849216\"></meter>");
    has("<li><span>board</span><span>");
}

static void test_plots(void **unused)
{
    (void)unused;
    render();
    assert_int_equal(count("<p class=\"value\">none <small>"), 3); /* nothing is known yet */
    has("aria-label=\"Rows per second, the last five minutes: none\"><path class=\"area\" d=\"\"/>");
    mr_board_sample(board, metrics, 10000);
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 1, 3, 2000);
    mr_metric_observe(metrics, MR_M_EVENT_AGE, 1, 0, 1500, 2);
    mr_metric_observe(metrics, MR_M_EVENT_AGE, 1, 1, 9000000, 2); /* a replay's age is the outage's */
    mr_board_sample(board, metrics, 12000);
    mr_metric_add(metrics, MR_M_ROWS_WRITTEN, 0, 0, 1000);
    mr_board_sample(board, metrics, 14000);
    render();
    has("<h3>Rows per second</h3>\n<p class=\"value\">500 <small>");
    has("aria-label=\"Rows per second, the last five minutes: 500 to 1,000\"><path class=\"area\" d=\"M148 "
        "100V4L149 52V100\"/><path class=\"line\" d=\"M148 4h0L149 52\"/></svg>\n");
    has("<h3>Age when durable</h3>\n<p class=\"value\">none <small>");
    has("aria-label=\"Age when durable, the last five minutes: 1.5 s to 1.5 s\"><path class=\"area\" "
        "d=\"M148 100V4V100\"/><path class=\"line\" d=\"M148 4h0\"/></svg>\n");
    has("aria-label=\"Lag, the last five minutes: 0 to 0\"><path class=\"area\" d=\"M148 100V100L149 "
        "100V100\"/>");
    has("<span>most: 1,000</span>");
}

static void test_headline(void **unused)
{
    (void)unused;
    mr_board_partition one = partition(0);
    render();
    has("<p id=\"headline\" role=\"status\" class=\"idle\">No partition is assigned to this worker.</p>");
    mr_board_partition_set(board, 0, &one);
    render();
    has("class=\"fine\">All is well: 4 shards take rows from 1 partition.</p>");
    set_shard(3, "retrying", "", 0);
    render();
    has("class=\"wary\"><bdi>s3</bdi> is tried again. The others take rows. </p>");
    set_shard(0, "parked", "", 0);
    set_shard(2, "parked", "", 0);
    render();
    has("class=\"bad\"><bdi>s0</bdi> and <bdi>s2</bdi> are parked: their events wait in the log. "
        "<bdi>s3</bdi> is tried again. The other takes rows. </p>");
    set_shard(1, "parked", "", 0);
    set_shard(3, "parked", "", 0);
    render();
    has("<bdi>s0</bdi>, <bdi>s1</bdi>, <bdi>s2</bdi> and 1 more are parked: their events wait in the log. "
        "</p>");
    for (uint32_t i = 0; i < 4; i++)
        set_shard(i, "live", "", 0);
    one.state = "held";
    mr_board_partition_set(board, 0, &one);
    render();
    has("class=\"bad\">1 partition is held. </p>");
    one.state = "draining";
    mr_board_partition_set(board, 0, &one);
    mr_board_partition_set(board, 1, &one);
    render();
    has("class=\"wary\">2 partitions are given back. </p>");
}

/* Whatever names, topics and errors are: they are text. */
static void test_hostile(void **unused)
{
    (void)unused;
    mr_arena_free(arena);
    shards[1].name = (char *)(uintptr_t)HOSTILE;
    set_up_board(HOSTILE, 4);
    set_all();
    mr_board_partition one = partition(3);
    one.topic = HOSTILE;
    one.state = "<i>\"";
    one.why = "<b>" HOSTILE;
    one.waiting = (mr_board_waiting){
        .present = true, .shard = 1, .state = "<u>\"", .attempts = 2, .why = "<tt>" HOSTILE};
    mr_board_partition_set(board, 1, &one);
    set_shard(1, "parked", HOSTILE, 0);
    render();
    shards[1].name = (char *)(uintptr_t) "s1";
    has_not("<img");
    has_not("<b>&lt;img src=x onerror=alert(1)&gt;\"");
    assert_int_equal(count("&lt;img src=x onerror"), count(HARMLESS));
    /* title, group; headline, shard's row, waits for it; its why; topic's row and range; both whys */
    assert_int_equal(count(HARMLESS), 10);
    has("<span class=\"state &lt;i&gt;&quot;\">&lt;i&gt;&quot;</span>");
    has("&lt;u&gt;&quot;, for <bdi>" HARMLESS "</bdi>");
    has("<small class=\"why\">&lt;tt&gt;" HARMLESS);
    has("<small class=\"why\">&lt;b&gt;" HARMLESS);
    has("<li>" HARMLESS "/3 from 4000 to 5000</li>");
}

/* Many partitions: those in trouble first, and not all. */
static void test_many(void **unused)
{
    (void)unused;
    for (int32_t i = 0; i < 300; i++) {
        mr_board_partition one = partition(i);
        if (i == 299)
            one.state = "held";
        mr_board_partition_set(board, (uint32_t)i, &one);
        mr_board_range_set(board, (uint32_t)i, 1, 10, 20);
    }
    render();
    has("<caption>200 of this worker's 300 partitions, those in trouble first");
    has("<tbody>\n<tr><th scope=\"row\">clicks/299</th>");
    has("<th scope=\"row\">clicks/198</th>");
    has_not("<th scope=\"row\">clicks/199</th>");
    assert_int_equal(count("<th scope=\"row\">clicks/"), 200);
    has("<summary>3,000 offsets in 300 ranges</summary><ul><li>clicks/0 from 10 to 20</li>");
    has("<li>clicks/7 from 10 to 20</li><li>and 292 more</li></ul>");
    for (uint32_t i = 200; i < 300; i++)
        mr_board_partition_clear(board, i);
    render();
    has("What this worker reads");
    has("<tbody>\n<tr><th scope=\"row\">clicks/0</th>");
    has("<th scope=\"row\">clicks/199</th>");
}

static void test_too_small(void **unused)
{
    (void)unused;
    mr_page_moment moment = {NOW_MS, WALL_MS, -1};
    set_all();
    mr_buf out = mr_buf_over(page, sizeof page);
    assert_true(mr_page_render(board, metrics, &moment, &out));
    has("<p class=\"value\">unknown <small>");
    has_not("<meter");
    size_t whole = out.len;
    char *small = malloc(whole + 1);
    for (size_t cap = 1; cap <= whole; cap += cap < 200 ? 1 : 97) {
        memset(small, 'x', whole + 1);
        out = mr_buf_over(small, cap);
        assert_false(mr_page_render(board, metrics, &moment, &out));
        assert_true(out.full && out.len < cap && small[out.len] == 0 && small[cap] == 'x');
        assert_memory_equal(small, page, out.len);
    }
    out = mr_buf_over(small, whole + 1);
    assert_true(mr_page_render(board, metrics, &moment, &out));
    assert_string_equal(small, page);
    free(small);
}

/* The policy allows what the page has and nothing else; the page asks for nothing from outside. */
static void test_policy(void **unused)
{
    (void)unused;
    render();
    assert_non_null(strstr(mr_page_policy, "default-src 'none'; script-src 'sha256-"));
    assert_non_null(strstr(mr_page_policy, "; style-src 'sha256-"));
    assert_null(strstr(mr_page_policy, "unsafe"));
    assert_int_equal(count("<script>"), 1);
    assert_int_equal(count("<style>"), 1);
    has_not("style=\"");
    has_not(" src=");
    has_not("onclick");
    for (const char *at = page; (at = strstr(at, "http")); at++)
        assert_memory_equal(at, "http://www.w3.org/2000/svg", 26);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_golden),  TEST(test_tables), TEST(test_plots),  TEST(test_headline),
        TEST(test_hostile), TEST(test_many),   TEST(test_policy), TEST(test_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
