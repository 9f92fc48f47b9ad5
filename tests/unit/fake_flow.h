/* fake_flow.h: what a writer needs around it: two shards, a pool, rings, gates; pages of rows that a test makes.  Time is a variable. */
#ifndef MR_TESTS_FAKE_FLOW_H
#define MR_TESTS_FAKE_FLOW_H

#include "base/bell.h"
#include "base/clock.h"
#include "fake_sql.h"
#include "stages/batch.h"
#include "threads/flow.h"

enum { FAKE_PAGES = 16, FAKE_ROWS = 64 };

static uint64_t fake_now_ms;
static uint64_t fake_slept_ms;         /* what the last sleep asked for */
static void (*fake_at_announce)(void); /* NULL, or what others do right then */
static mr_config *fake_config;
static mr_arena *fake_arena;
static mr_plan fake_plan;
static mr_flow fake_flow;
static uint32_t fake_returned[FAKE_PAGES]; /* times that a page has come back */

uint64_t mr_clock_ns(void)
{
    return fake_now_ms * 1000000;
}

uint64_t mr_clock_ms(void)
{
    return fake_now_ms;
}

int64_t mr_clock_wall_ms(void)
{
    return (int64_t)fake_now_ms;
}

bool mr_bell_init(mr_bell *bell)
{
    bell->fd = -1;
    return true;
}

void mr_bell_close(mr_bell *bell)
{
    (void)bell;
}

/* A test that wants to know whether it was rung lays it to sleep. */
void mr_bell_ring(mr_bell *bell)
{
    atomic_store(&bell->asleep, false);
}

void mr_bell_announce(mr_bell *bell)
{
    (void)bell;
    if (fake_at_announce)
        fake_at_announce();
}

void mr_bell_stay(mr_bell *bell)
{
    (void)bell;
}

void mr_bell_sleep(mr_bell *bell, uint64_t timeout_ms)
{
    (void)bell;
    fake_slept_ms = timeout_ms;
}

static inline mr_ring **fake_rings(uint32_t count)
{
    mr_ring **rings = mr_arena_take(fake_arena, "rings", count, sizeof(mr_ring *));
    for (uint32_t i = 0; i < count; i++)
        rings[i] = mr_ring_new(fake_arena, "rings", FAKE_PAGES);
    return rings;
}

static inline int fake_set_up(void **state)
{
    static const char configuration[] =
        "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"consumer_threads\":1},\"streams\":["
        "{\"name\":\"t\",\"topic\":\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
        "\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
        "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},"
        "{\"name\":\"s1\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";
    static mr_pulse pulses[FAKE_SHARDS], second_pulses[FAKE_SHARDS];
    static mr_pulse *pulse_of[FAKE_SHARDS], *second_pulse_of[FAKE_SHARDS];
    mr_findings findings = {0};
    mr_error error;
    (void)state;
    if (mr_config_parse("test", configuration, sizeof configuration - 1, NULL, &fake_config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    fake_arena = mr_arena_new();
    fake_now_ms = 1000000;
    fake_at_announce = NULL;
    memset(fake_returned, 0, sizeof fake_returned);
    assert_int_equal(mr_plan_make(fake_config, fake_arena, &fake_plan, &error), MR_OK);
    fake_plan.pages_each = FAKE_PAGES;
    fake_plan.page_bytes = FAKE_ROWS * mr_page_row_bytes(fake_plan.layouts[0].size);
    fake_flow = (mr_flow){
        .config = fake_config,
        .plan = &fake_plan,
        .pool = mr_pool_new(fake_arena, 1, FAKE_PAGES, fake_plan.page_bytes),
        .metrics = mr_metrics_new(fake_config, fake_arena, 1),
        .consumers = 1,
        .shards = FAKE_SHARDS,
        .pages = fake_rings(FAKE_SHARDS),
        .done = fake_rings(FAKE_SHARDS),
        .consumer_bell = mr_arena_take(fake_arena, "bells", 1, sizeof(mr_bell)),
        .writer_bell = mr_arena_take(fake_arena, "bells", FAKE_SHARDS, sizeof(mr_bell)),
        .second_bell = mr_arena_take(fake_arena, "bells", FAKE_SHARDS, sizeof(mr_bell)),
        .writer_pulse = pulse_of,
        .second_pulse = second_pulse_of,
    };
    mr_gates_init(&fake_flow.gates, fake_config, fake_arena);
    for (uint32_t shard = 0; shard < FAKE_SHARDS; shard++) {
        pulse_of[shard] = &pulses[shard];
        second_pulse_of[shard] = &second_pulses[shard];
        fake_sql[shard] = fake_second_sql[shard] = (mr_sql){.connected = false};
    }
    return 0;
}

static inline int fake_tear_down(void **state)
{
    (void)state;
    mr_arena_free(fake_arena);
    mr_config_free(fake_config);
    return 0;
}

static inline mr_page *fake_page_at(uint32_t handle)
{
    return mr_pool_page(fake_flow.pool, handle);
}

/* A sealed page with rows of these offsets; it is not in the shard's ring. */
static inline uint32_t fake_page(uint32_t shard, int64_t from, uint32_t rows)
{
    uint32_t handle = mr_pool_take(fake_flow.pool, 0, 0, shard, fake_plan.layouts[0].size);
    assert_true(handle != MR_PAGE_NONE && rows <= FAKE_ROWS);
    mr_page *page = fake_page_at(handle);
    for (uint32_t row = 0; row < rows; row++) {
        mr_record *record = mr_page_header(page, row);
        memset(record, 0, page->record_size);
        record->offset = from + row;
        page->times[row] = -1;
    }
    page->rows = rows;
    page->bytes = (uint64_t)rows * 100;
    page->sealed = true;
    return handle;
}

/* Hands a page of shard 0 to its writer. */
static inline void fake_push(uint32_t handle)
{
    mr_gate_work(&fake_flow.gates, 0, 1, fake_now_ms);
    mr_ring_push(mr_flow_pages(&fake_flow, 0, 0), handle);
}

/* Pages of shard 0 that have come back since the last look, each with this outcome, and each for the first time. */
static inline uint32_t fake_came_back(mr_outcome outcome)
{
    uint32_t handle, count = 0;
    while (mr_ring_pop(mr_flow_done(&fake_flow, 0, 0), &handle)) {
        assert_int_equal(fake_page_at(handle)->outcome, outcome);
        assert_int_equal(++fake_returned[handle], 1);
        mr_gate_work(&fake_flow.gates, 0, -1, fake_now_ms);
        count++;
    }
    return count;
}

/* A row's mark: refused, and left out of the statement. */
static inline bool fake_marked(uint32_t handle, uint32_t row)
{
    const mr_page *page = fake_page_at(handle);
    const unsigned char *record = mr_page_record(page, row);
    bool refused = ((const mr_record *)(const void *)record)->reason != 0;
    assert_true(refused == mr_record_skipped(&fake_plan.layouts[0], record));
    return refused;
}

#endif
