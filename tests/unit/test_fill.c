/* The open pages of a consumer: when one may be taken, when it is sealed, whose holds it has, and how it is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "threads/fill.h"

/* One consumer, two streams, two shards; ten pages of four rows; what lingers does so for 20 ms. */
enum { STREAMS = 2, SHARDS = 2, PAGES = 10, ROWS = 4, NOW = 1000, LINGER_MS = 20, SLOTS = 4, HOLDS = 64 };

static const char configuration[] =
    "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"consumer_threads\":1},\"streams\":["
    "{\"name\":\"a\",\"topic\":\"a\",\"table\":\"a\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
    "\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]},"
    "{\"name\":\"b\",\"topic\":\"b\",\"table\":\"b\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
    "\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
    "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},"
    "{\"name\":\"s1\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";

static mr_config *config;
static mr_arena *arena;
static mr_plan plan;
static mr_flow flow;
static mr_ring *rings[SHARDS];
static mr_bell bells[SHARDS];
static uint32_t pages_of[SHARDS];
static mr_frontier *frontier, *lanes;
static mr_fill *fill, *again;

static int set_up(void **state)
{
    (void)state;
    mr_findings findings = {0};
    mr_error error;
    if (mr_config_parse("test", configuration, sizeof configuration - 1, NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    arena = mr_arena_new();
    assert_int_equal(mr_plan_make(config, arena, &plan, &error), MR_OK);
    assert_int_equal(config->batch.linger_ms, LINGER_MS);
    assert_int_equal(plan.layouts[0].size, plan.layouts[1].size);
    plan.pages_each = PAGES; /* few and small, to be used up */
    plan.page_bytes = ROWS * mr_page_row_bytes(plan.layouts[0].size);
    flow = (mr_flow){.config = config,
                     .plan = &plan,
                     .pool = mr_pool_new(arena, 1, PAGES, plan.page_bytes),
                     .consumers = 1,
                     .shards = SHARDS,
                     .pages = rings,
                     .writer_bell = bells};
    mr_gates_init(&flow.gates, config, arena);
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        rings[shard] = mr_ring_new(arena, "rings", PAGES);
        assert_true(mr_bell_init(&bells[shard]));
        pages_of[shard] = 0;
        assert_true(mr_gate_turn(&flow.gates, shard, MR_GATE_STARTING, MR_GATE_LIVE));
    }
    frontier = mr_frontier_new(arena, "frontier", SLOTS, HOLDS);
    lanes = mr_frontier_new(arena, "lanes", SLOTS * SHARDS, HOLDS);
    fill = mr_fill_new(&flow, 0, MR_PATH_LIVE, frontier, pages_of, arena);
    again = mr_fill_new(&flow, 0, MR_PATH_REPLAY, lanes, pages_of, arena);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        mr_frontier_open(frontier, slot, 100);
    for (uint32_t lane = 0; lane < SLOTS * SHARDS; lane++)
        mr_frontier_open(lanes, lane, 50);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_pool_check(flow.pool, 0);
    mr_frontier_check(frontier);
    mr_frontier_check(lanes);
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        mr_bell_close(&bells[shard]);
    mr_arena_free(arena);
    mr_config_free(config);
    return 0;
}

/* One record into its page, as the consumer does it; the page, or NULL when none was to be had. */
static mr_page *put(mr_fill *in, uint32_t stream, uint32_t slot, uint32_t shard, uint64_t now_ms)
{
    bool live = in == fill;
    mr_frontier *of = live ? frontier : lanes;
    uint32_t at = live ? slot : slot * SHARDS + shard;
    mr_page *page = mr_fill_page(in, stream, shard, now_ms);
    if (!page)
        return NULL;
    mr_event event = {.timestamp_ms = (int64_t)(1000 * now_ms + page->rows)};
    mr_placed placed = {.slot = slot,
                        .offset = mr_frontier_position(of, at),
                        .partition = (int32_t)slot + 10,
                        .frontier_slot = at,
                        .key_hash = 0xabc,
                        .bytes = 100};
    mr_fill_placed(in, page, &event, &placed, now_ms);
    mr_frontier_advance(of, at, placed.offset + 1);
    return page;
}

/* The writer takes the next page of the shard; MR_PAGE_NONE: none was sealed. */
static uint32_t sealed(uint32_t shard)
{
    uint32_t handle;
    return mr_ring_pop(rings[shard], &handle) ? handle : MR_PAGE_NONE;
}

static mr_page *page_at(uint32_t handle)
{
    return mr_pool_page(flow.pool, handle);
}

/* ... and the consumer gets it back. */
static void give(mr_fill *in, uint32_t handle)
{
    mr_frontier *of = in == fill ? frontier : lanes;
    for (uint32_t hold = page_at(handle)->holds, next; hold != MR_HOLD_NONE; hold = next) {
        next = mr_frontier_chain(of, hold);
        mr_frontier_release(of, hold);
    }
    mr_fill_came_back(in, page_at(handle), NOW);
    mr_fill_give(in, handle);
}

static uint32_t work_of(uint32_t shard)
{
    return atomic_load(&flow.gates.at[shard].work);
}

static uint32_t holds_of(const mr_page *page, const mr_frontier *of)
{
    uint32_t count = 0;
    for (uint32_t hold = page->holds; hold != MR_HOLD_NONE; hold = mr_frontier_chain(of, hold))
        count++;
    return count;
}

/* ---- sealing ---- */

static void test_full(void **state)
{
    (void)state;
    mr_page *page = put(fill, 1, 2, 1, NOW);
    assert_true(page->stream == 1 && page->shard == 1 && page->path == MR_PATH_LIVE);
    assert_true(mr_fill_is_open(fill, 1, 1));
    assert_false(mr_fill_is_open(fill, 0, 1) || mr_fill_is_open(fill, 1, 0));
    for (int row = 1; row < ROWS - 1; row++)
        assert_ptr_equal(put(fill, 1, 2, 1, NOW + 5), page);
    assert_int_equal(sealed(1), MR_PAGE_NONE);
    assert_false(page->sealed);
    assert_int_equal(work_of(1), 0);
    assert_ptr_equal(put(fill, 1, 2, 1, NOW + 5), page);
    assert_false(mr_fill_is_open(fill, 1, 1));
    assert_true(page->sealed && page->rows == ROWS && page->bytes == 100 * ROWS && page->opened_ms == NOW);
    assert_ptr_equal(page_at(sealed(1)), page);
    assert_int_equal(work_of(1), 1);
    for (uint32_t row = 0; row < ROWS; row++) {
        const mr_record *record = mr_page_header(page, row);
        assert_true(record->offset == 100 + row && record->partition == 12 && record->source == 2);
        assert_true(record->epoch == 1 && record->key_hash == 0xabc);
        assert_int_equal(page->times[row], 1000 * (row == 0 ? NOW : NOW + 5) + row);
        assert_true(record->reason == 0);
    }
    assert_ptr_not_equal(put(fill, 1, 2, 1, NOW), page);
}

static void test_bytes(void **state)
{
    (void)state;
    mr_page *page = mr_fill_page(fill, 0, 0, NOW);
    mr_event event = {.timestamp_ms = -1};
    mr_placed placed = {.offset = 100, .bytes = (uint32_t)config->batch.max_bytes - 1};
    mr_fill_placed(fill, page, &event, &placed, NOW);
    mr_frontier_advance(frontier, 0, 101);
    assert_true(mr_fill_is_open(fill, 0, 0));
    placed.offset = 101;
    placed.bytes = 1;
    mr_fill_placed(fill, page, &event, &placed, NOW);
    mr_frontier_advance(frontier, 0, 102);
    assert_false(mr_fill_is_open(fill, 0, 0));
    assert_int_equal(page_at(sealed(0))->rows, 2);
}

/* Lingers from its first record on. */
static void test_linger(void **state)
{
    (void)state;
    mr_fill_caught_up(fill, NOW + 50);
    assert_int_equal(mr_fill_wait_ms(fill, NOW), 100);
    put(fill, 0, 0, 0, NOW);
    put(fill, 0, 0, 0, NOW + 15); /* company does not make it wait longer */
    put(fill, 0, 0, 1, NOW + 10);
    assert_int_equal(mr_fill_wait_ms(fill, NOW), LINGER_MS);
    assert_int_equal(mr_fill_wait_ms(fill, NOW + 12), LINGER_MS - 12);
    assert_int_equal(mr_fill_lingering(fill, NOW + LINGER_MS - 1), 0);
    assert_int_equal(mr_fill_lingering(fill, NOW + LINGER_MS), 1);
    assert_int_equal(mr_ring_used(rings[0]), 1);
    assert_int_equal(mr_fill_wait_ms(fill, NOW + LINGER_MS), 10); /* the other shard's */
    assert_int_equal(mr_fill_lingering(fill, NOW + LINGER_MS + 10), 1);
    assert_int_equal(page_at(sealed(0))->rows, 2);
    assert_int_equal(mr_fill_wait_ms(fill, NOW + LINGER_MS + 10), 100);
}

/* ... and for as long as something is queued that was before it. */
static void test_linger_behind_others(void **state)
{
    (void)state;
    mr_fill_caught_up(fill, NOW + 50);
    put(fill, 0, 0, 0, NOW);
    assert_int_equal(mr_fill_lingering(fill, NOW + LINGER_MS), 1);
    put(fill, 0, 0, 0, NOW + 50);
    put(fill, 0, 0, 1, NOW + 50);
    uint64_t late = NOW + 50 + 10 * LINGER_MS;
    assert_int_equal(mr_fill_lingering(fill, late), 1); /* shard 1; the writer of 0 has one queued */
    assert_true(mr_fill_is_open(fill, 0, 0) && !mr_fill_is_open(fill, 0, 1));
    assert_int_equal(mr_fill_wait_ms(fill, late), 100); /* that writer rings when it has taken the one */
    assert_int_not_equal(sealed(0), MR_PAGE_NONE);
    assert_int_equal(mr_fill_wait_ms(fill, late), 0);
    assert_int_equal(mr_fill_lingering(fill, late), 1);
    assert_int_equal(page_at(sealed(0))->rows, 1);
    assert_int_equal(mr_fill_wait_ms(fill, late), 100);
    /* Not behind what is queued later, of which there may always be more. */
    put(fill, 0, 0, 0, late);
    for (int i = 0; i < 4; i++)
        put(fill, 1, 0, 0, late);
    assert_int_equal(mr_ring_used(rings[0]), 1);
    assert_int_equal(mr_fill_lingering(fill, late + 10 * LINGER_MS), 1);
}

/* While there is always more to take it lingers five times as long, but not for ever. */
static void test_linger_behind(void **state)
{
    (void)state;
    mr_fill_caught_up(fill, NOW);
    put(fill, 0, 0, 0, NOW);
    put(fill, 0, 0, 1, NOW + 1);
    assert_int_equal(mr_fill_wait_ms(fill, NOW + 1), LINGER_MS - 1);
    assert_int_equal(mr_fill_lingering(fill, NOW + 1 + LINGER_MS), 1); /* of shard 0 */
    assert_true(mr_fill_is_open(fill, 0, 1));
    assert_int_equal(mr_fill_wait_ms(fill, NOW + 1 + LINGER_MS), 4 * LINGER_MS);
    assert_int_equal(mr_fill_lingering(fill, NOW + 5 * LINGER_MS), 0);
    assert_int_equal(mr_fill_lingering(fill, NOW + 1 + 5 * LINGER_MS), 1);
    put(fill, 0, 0, 1, NOW + 200);
    mr_fill_caught_up(fill, NOW + 200 + LINGER_MS);
    assert_int_equal(mr_ring_used(rings[1]), 1);
    assert_int_not_equal(sealed(1), MR_PAGE_NONE);
    assert_int_equal(mr_fill_lingering(fill, NOW + 200 + LINGER_MS), 1);
}

static void test_seal_all(void **state)
{
    (void)state;
    put(fill, 0, 0, 0, NOW);
    put(fill, 1, 0, 0, NOW);
    put(fill, 1, 0, 1, NOW);
    put(again, 0, 0, 0, NOW);
    mr_fill_seal_all(fill, NOW);
    assert_true(mr_ring_used(rings[0]) == 2 && mr_ring_used(rings[1]) == 1);
    assert_true(work_of(0) == 2 && work_of(1) == 1);
    assert_true(mr_fill_is_open(again, 0, 0)); /* the other path's is its own */
    mr_fill_seal_all(fill, NOW);
    assert_int_equal(mr_ring_used(rings[0]), 2);
}

/* ---- taking ---- */

static void test_limits(void **state)
{
    (void)state;
    mr_fill_limit(fill, 2, 0);
    assert_non_null(put(fill, 0, 0, 0, NOW));
    assert_non_null(put(fill, 0, 0, 1, NOW));
    assert_non_null(put(fill, 0, 0, 1, NOW));
    assert_null(mr_fill_page(fill, 1, 0, NOW)); /* it has two: the fullest goes */
    assert_int_equal(mr_ring_used(rings[0]), 0);
    uint32_t handle = sealed(1);
    assert_int_equal(page_at(handle)->rows, 2);
    assert_null(mr_fill_page(fill, 1, 0, NOW)); /* then the next, for it still holds two */
    assert_int_equal(mr_ring_used(rings[0]), 1);
    assert_null(mr_fill_page(fill, 1, 0, NOW)); /* and nothing is left to seal */
    give(fill, handle);
    assert_non_null(mr_fill_page(fill, 1, 0, NOW));
    mr_fill_limit(again, UINT32_MAX, PAGES - 2); /* that many must stay free */
    assert_int_equal(mr_pool_free_pages(flow.pool, 0), PAGES - 2);
    assert_null(mr_fill_page(again, 1, 0, NOW));
    mr_fill_limit(again, UINT32_MAX, PAGES - 3);
    assert_non_null(mr_fill_page(again, 1, 0, NOW));
    assert_null(mr_fill_page(again, 0, 0, NOW));
}

/* An open page is had whatever the limits are. */
static void test_open_page(void **state)
{
    (void)state;
    mr_page *page = put(fill, 0, 0, 0, NOW);
    mr_fill_limit(fill, 0, PAGES);
    assert_ptr_equal(put(fill, 0, 0, 0, NOW), page);
    assert_null(mr_fill_page(fill, 0, 1, NOW));
    assert_ptr_equal(page_at(sealed(0)), page);
}

/* A shard has at most half of the pool, both paths together; the other one gets the rest. */
static void test_half(void **state)
{
    (void)state;
    for (int i = 0; i < PAGES / 2 * ROWS; i++)
        assert_non_null(put(i < 2 * ROWS ? again : fill, 0, 0, 0, NOW));
    assert_int_equal(mr_ring_used(rings[0]), PAGES / 2);
    assert_null(mr_fill_page(fill, 0, 0, NOW));
    assert_null(mr_fill_page(again, 0, 0, NOW));
    assert_non_null(put(fill, 0, 0, 1, NOW));
    assert_true(mr_fill_is_open(fill, 0, 1)); /* that is no reason to seal another's */
    give(again, sealed(0));
    assert_non_null(mr_fill_page(fill, 0, 0, NOW));
}

/* A stalled shard above its share (25 %) gets no more. */
static void test_stalled(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * ROWS; i++)
        assert_non_null(put(fill, 0, 0, 0, NOW));
    uint64_t stalled = NOW + MR_GATE_STALLED_MS;
    assert_null(mr_fill_page(fill, 0, 0, stalled));
    assert_non_null(mr_fill_page(fill, 0, 1, stalled));
    mr_gate_good(&flow.gates, 0, stalled);
    assert_non_null(mr_fill_page(fill, 0, 0, stalled));
}

static void test_unused(void **state)
{
    (void)state;
    mr_page *page = mr_fill_page(fill, 1, 0, NOW);
    mr_fill_unused(fill, page);
    assert_false(mr_fill_is_open(fill, 1, 0));
    assert_true(mr_fill_held(fill) == 0 && pages_of[0] == 0 && work_of(0) == 0);
    assert_int_equal(mr_pool_free_pages(flow.pool, 0), PAGES);
    page = put(fill, 1, 0, 0, NOW);
    mr_fill_unused(fill, page); /* it has a row */
    assert_true(mr_fill_is_open(fill, 1, 0));
    assert_int_equal(mr_fill_held(fill), 1);
}

static void test_counts(void **state)
{
    (void)state;
    put(fill, 0, 0, 0, NOW);
    put(fill, 1, 0, 0, NOW);
    put(fill, 1, 0, 1, NOW);
    put(again, 1, 0, 0, NOW);
    assert_true(mr_fill_held(fill) == 3 && mr_fill_held(again) == 1);
    assert_true(mr_fill_of_shard(fill, 0) == 2 && mr_fill_of_shard(fill, 1) == 1);
    assert_true(mr_fill_of_shard(again, 0) == 1 && mr_fill_of_shard(again, 1) == 0);
    assert_true(pages_of[0] == 3 && pages_of[1] == 1);
    mr_fill_seal_all(fill, NOW);
    mr_fill_seal_all(again, NOW);
    assert_true(work_of(0) == 3 && work_of(1) == 1);
    for (uint32_t shard = 0, handle; shard < SHARDS; shard++)
        while ((handle = sealed(shard)) != MR_PAGE_NONE)
            give(page_at(handle)->path == MR_PATH_LIVE ? fill : again, handle);
    assert_true(mr_fill_held(fill) == 0 && mr_fill_held(again) == 0);
    assert_true(pages_of[0] == 0 && pages_of[1] == 0 && work_of(0) == 0 && work_of(1) == 0);
    assert_int_equal(mr_pool_free_pages(flow.pool, 0), PAGES);
}

/* ---- holds ---- */

/* One for each page and partition, at its first row there. */
static void test_holds(void **state)
{
    (void)state;
    mr_page *page = put(fill, 0, 0, 0, NOW);
    put(fill, 0, 1, 0, NOW);
    put(fill, 0, 0, 0, NOW);
    mr_page *other = put(fill, 0, 0, 1, NOW);
    put(fill, 0, 1, 0, NOW);
    assert_true(page->sealed);
    assert_int_equal(holds_of(page, frontier), 2);
    assert_int_equal(holds_of(other, frontier), 1);
    assert_int_equal(mr_frontier_held(frontier), 3);
    uint32_t hold = page->holds; /* the last one that was taken */
    assert_true(mr_frontier_slot_of(frontier, hold) == 1 && mr_frontier_offset_of(frontier, hold) == 100);
    assert_ptr_equal(page_at(mr_frontier_owner_of(frontier, hold)), page);
    assert_int_equal(mr_frontier_lane_of(frontier, hold), 0);
    hold = mr_frontier_chain(frontier, hold);
    assert_true(mr_frontier_slot_of(frontier, hold) == 0 && mr_frontier_offset_of(frontier, hold) == 100);
    assert_int_equal(mr_frontier_lane_of(frontier, other->holds), 1);
    give(fill, sealed(0));
    assert_true(mr_frontier_lowest(frontier, 0) == 102 && mr_frontier_lowest(frontier, 1) == 102);
    put(fill, 0, 0, 0, NOW); /* the same page again, in another life: it takes a hold of its own */
    assert_int_equal(page->rows, 1);
    assert_int_equal(holds_of(page, frontier), 1);
}

/* What is read again holds its lane; no cover takes that away. */
static void test_holds_again(void **state)
{
    (void)state;
    mr_page *page = put(again, 0, 1, 1, NOW), *live = put(fill, 0, 1, 1, NOW);
    put(again, 0, 1, 1, NOW);
    assert_ptr_not_equal(page, live);
    assert_true(page->path == MR_PATH_REPLAY && holds_of(page, lanes) == 1);
    assert_int_equal(mr_frontier_slot_of(lanes, page->holds), 1 * SHARDS + 1);
    assert_int_equal(mr_frontier_lane_of(lanes, page->holds), MR_LANE_NONE);
    assert_true(mr_frontier_lowest(lanes, 1 * SHARDS + 1) == 50);
    assert_true(mr_frontier_quiet(lanes, 1 * SHARDS));
    assert_true(mr_frontier_lowest(frontier, 1) == 100);
}

/* A partition that comes back finds a page open with rows of its earlier life. */
static void test_begin(void **state)
{
    (void)state;
    mr_page *page = put(fill, 0, 0, 0, NOW);
    mr_frontier_close(frontier, 0);
    mr_frontier_open(frontier, 0, 90);
    mr_fill_begin(fill, 0, 0);
    assert_ptr_equal(put(fill, 0, 0, 0, NOW), page);
    assert_int_equal(holds_of(page, frontier), 2);
    put(fill, 0, 0, 0, NOW);
    assert_int_equal(holds_of(page, frontier), 2);
    assert_true(mr_frontier_lowest(frontier, 0) == 90);
    assert_int_equal(mr_page_header(page, 0)->epoch, 1);
    assert_int_equal(mr_page_header(page, 1)->epoch, 2);
}

/* A range has taken over what the open page holds (another page of the shard came back parked, and the shard was opened again at once): what is
 * put in from then on is above the range, so the page must hold it itself. */
static void test_covered(void **state)
{
    (void)state;
    mr_page *page = put(fill, 0, 0, 0, NOW);
    assert_true(mr_frontier_cover(frontier, 0, 0) == 100);
    assert_true(mr_frontier_lowest(frontier, 0) == 101);
    assert_ptr_equal(put(fill, 0, 0, 0, NOW), page);
    assert_true(mr_frontier_lowest(frontier, 0) == 101);
    put(fill, 0, 0, 0, NOW);
    assert_true(mr_frontier_lowest(frontier, 0) == 101);
    assert_int_equal(holds_of(page, frontier), 2);
    put(fill, 0, 0, 0, NOW);
    give(fill, sealed(0));
    assert_true(mr_frontier_lowest(frontier, 0) == 104 && mr_frontier_held(frontier) == 0);
}

/* ---- giving up ---- */

static void test_withdraw(void **state)
{
    (void)state;
    mr_page *first = put(fill, 0, 0, 0, NOW), *second = put(fill, 1, 0, 0, NOW);
    mr_page *other = put(fill, 1, 0, 1, NOW);
    put(again, 0, 0, 0, NOW);
    assert_ptr_equal(page_at(mr_fill_withdraw(fill, 0)), first);
    assert_false(mr_fill_is_open(fill, 0, 0));
    uint32_t handle = mr_fill_withdraw(fill, 0);
    assert_ptr_equal(page_at(handle), second);
    assert_int_equal(mr_fill_withdraw(fill, 0), MR_PAGE_NONE);
    assert_true(mr_ring_used(rings[0]) == 0 && work_of(0) == 0); /* its writer never hears of them */
    assert_true(mr_fill_is_open(fill, 1, 1) && mr_fill_is_open(again, 0, 0));
    assert_true(mr_fill_held(fill) == 3 && mr_fill_of_shard(fill, 0) == 2);
    give(fill, handle);
    assert_true(mr_fill_held(fill) == 2 && mr_fill_of_shard(fill, 0) == 1 && work_of(0) == 0);
    assert_ptr_not_equal(put(fill, 0, 0, 0, NOW), first); /* which is still its owner's */
    mr_fill_seal_all(fill, NOW);
    assert_true(mr_ring_used(rings[0]) == 1 && mr_ring_used(rings[1]) == 1);
    put(fill, 0, 0, 0, NOW);
    mr_page *third = put(fill, 0, 0, 1, NOW);
    assert_ptr_not_equal(third, other);
    assert_ptr_equal(page_at(mr_fill_withdraw(fill, 1)), third);
    assert_int_equal(mr_fill_withdraw(fill, 1), MR_PAGE_NONE);
    assert_true(mr_fill_is_open(fill, 0, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full),          TEST(test_bytes),       TEST(test_linger), TEST(test_linger_behind_others),
        TEST(test_linger_behind), TEST(test_seal_all),    TEST(test_limits), TEST(test_open_page),
        TEST(test_half),          TEST(test_stalled),     TEST(test_unused), TEST(test_counts),
        TEST(test_holds),         TEST(test_holds_again), TEST(test_begin),  TEST(test_covered),
        TEST(test_withdraw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
