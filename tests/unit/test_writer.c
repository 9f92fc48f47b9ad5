/* A shard's writer, turn by turn: what counts as an attempt, when a gate closes and opens, when it wakes up, and that each page comes back once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_flow.h"
#include "threads/writer.h"

static mr_writer *writer; /* of shard 0; shard 1 is live without one */

static int set_up(void **state)
{
    fake_set_up(state);
    writer = mr_writer_new(&fake_flow, 0, fake_arena, fake_now_ms);
    assert_true(mr_gate_turn(&fake_flow.gates, 1, MR_GATE_STARTING, MR_GATE_LIVE));
    return 0;
}

static int tear_down(void **state)
{
    mr_writer_close(writer);
    return fake_tear_down(state);
}

/* Turns until there is nothing to do, as the thread does it, for `ms`. */
static void run_for(uint64_t ms)
{
    uint64_t end = fake_now_ms + ms;
    for (;;) {
        while (mr_writer_do_work(writer, fake_now_ms) > 0)
            fake_sql_rest(0);
        fake_slept_ms = 0;
        mr_writer_wait(writer, fake_now_ms);
        fake_sql_rest(0);
        if (fake_now_ms >= end)
            return;
        uint64_t step = fake_slept_ms > 0 ? fake_slept_ms : 1;
        fake_now_ms = fake_now_ms + step < end ? fake_now_ms + step : end;
    }
}

static mr_gate_state gate(void)
{
    return mr_gate_now(&fake_flow.gates, 0);
}

static uint32_t attempts(uint32_t handle)
{
    return atomic_load(&fake_page_at(handle)->attempts);
}

static void become_live(void)
{
    run_for(1);
    assert_int_equal(gate(), MR_GATE_LIVE);
}

static void test_durable(void **state)
{
    (void)state;
    become_live();
    fake_push(fake_page(0, 0, 10));
    fake_push(fake_page(0, 10, 5));
    run_for(1);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
    assert_true(fake_sql_rows(0) == 15 && fake_sql[0].commits == 1);
    assert_int_equal(mr_metric_get(fake_flow.metrics, MR_M_ROWS_WRITTEN, 0, 0), 15);
}

/* Those of refused rows and of events without a timestamp do not count, one that is to come is 0. */
static void test_ages(void **state)
{
    (void)state;
    enum { ROWS = 8, AGE_MS = 10000 };
    become_live();
    for (uint32_t poison = 0; poison <= ROWS; poison++) {
        uint64_t before = mr_metric_get(fake_flow.metrics, MR_M_EVENT_AGE, 0, 0),
                 sum_before = mr_metric_sum(fake_flow.metrics, MR_M_EVENT_AGE, 0, 0);
        int64_t from = 100 * poison, now_ms = mr_clock_wall_ms();
        uint32_t handle = fake_page(0, from, ROWS);
        for (uint32_t row = 0; row < ROWS; row++)
            fake_page_at(handle)->times[row] = now_ms - AGE_MS * (row + 1);
        fake_page_at(handle)->times[3] = -1;
        fake_page_at(handle)->times[5] = now_ms + AGE_MS;
        if (poison < ROWS)
            fake_sql[0].refused[from + poison] = true;
        fake_push(handle);
        run_for(1);
        assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
        uint64_t ages = 1 + 2 + 3 + 5 + 7 + 8, rows = ROWS - 1;
        if (poison < ROWS && poison != 3) {
            ages -= poison == 5 ? 0 : poison + 1;
            rows--;
        }
        assert_int_equal(mr_metric_get(fake_flow.metrics, MR_M_EVENT_AGE, 0, 0) - before, rows);
        assert_int_equal((mr_metric_sum(fake_flow.metrics, MR_M_EVENT_AGE, 0, 0) - sum_before) / AGE_MS,
                         ages);
    }
}

/* Whether a shard stands still is measured by what its batches take. */
static void test_slow(void **state)
{
    (void)state;
    become_live();
    fake_sql[0].clock_ms = &fake_now_ms;
    fake_sql[0].commit_takes_ms = 240;
    for (uint32_t i = 0; i < FAKE_PAGES - 1; i++) {
        fake_push(fake_page(0, i, 1));
        assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    }
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), FAKE_PAGES - 1);
    fake_push(fake_page(0, FAKE_PAGES, 1));
    assert_true(mr_gates_another_live(&fake_flow.gates, 1, fake_now_ms + MR_GATE_STALLED_MS + 50));
    assert_false(mr_gates_another_live(&fake_flow.gates, 1, fake_now_ms + MR_GATE_STALLED_MOST_MS));
}

/* A consumer keeps a page open for as long as something is queued before it: it hears of the moment when nothing is, and not only of the end of the
 * batch. */
static void test_taken(void **state)
{
    (void)state;
    become_live();
    fake_push(fake_page(0, 0, 1));
    fake_push(fake_page(0, 1, 1));
    fake_sql[0].write.db_class = MR_DB_TRANSIENT; /* nothing comes back */
    atomic_store(&fake_flow.consumer_bell[0].asleep, true);
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 0);
    assert_false(atomic_load(&fake_flow.consumer_bell[0].asleep));
    atomic_store(&fake_flow.consumer_bell[0].asleep, true);
    mr_writer_do_work(writer, fake_now_ms); /* and of nothing else */
    assert_true(atomic_load(&fake_flow.consumer_bell[0].asleep));
}

/* ---- again ---- */

/* It sleeps until its retry is due, not longer. */
static void test_due(void **state)
{
    (void)state;
    become_live();
    uint32_t handle = fake_page(0, 0, 1);
    fake_push(handle);
    fake_sql[0].write.db_class = MR_DB_TRANSIENT;
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    uint64_t due_ms = atomic_load(&fake_page_at(handle)->due_ms);
    assert_true(due_ms > fake_now_ms);
    mr_writer_wait(writer, fake_now_ms);
    assert_true(fake_slept_ms > 0 && fake_now_ms + fake_slept_ms < due_ms + fake_config->retry.tick_ms);
    fake_sql[0].write.db_class = MR_DB_OK;
    fake_now_ms = due_ms + fake_config->retry.tick_ms;
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
}

static void push_one(void)
{
    fake_at_announce = NULL;
    fake_push(fake_page(0, 0, 1));
}

/* A page that comes after the last look for work and before the sleep is not slept over: its bell has rung for nobody. */
static void test_second_look(void **state)
{
    (void)state;
    become_live();
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 0);
    fake_at_announce = push_one;
    fake_slept_ms = 0;
    mr_writer_wait(writer, fake_now_ms);
    assert_int_equal(fake_slept_ms, 0);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
}

/* Transient failures are counted, and used up: the shard is parked and the page given up, once. */
static void test_attempts(void **state)
{
    (void)state;
    fake_config->retry.attempts_max = 3;
    become_live();
    uint32_t handle = fake_page(0, 0, 1);
    fake_push(handle);
    fake_sql[0].write.db_class = MR_DB_TRANSIENT;
    for (uint32_t failed = 1; failed < 3; failed++) {
        assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
        assert_int_equal(attempts(handle), failed);
        assert_int_equal(gate(), MR_GATE_LIVE);
        fake_now_ms = atomic_load(&fake_page_at(handle)->due_ms) + fake_config->retry.tick_ms;
    }
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    assert_int_equal(gate(), MR_GATE_PARKED);
    run_for(100);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 1);
    assert_int_equal(fake_sql_rows(0), 0);
    assert_true(fake_sql[0].connected);
}

/* A lost connection is not the batch's fault, however often. */
static void test_connection_lost(void **state)
{
    (void)state;
    fake_config->retry.attempts_max = 3;
    become_live();
    uint32_t handle = fake_page(0, 0, 1);
    fake_push(handle);
    fake_sql[0].write.db_class = MR_DB_AMBIGUOUS;
    run_for(1);
    fake_sql[0].write.db_class = MR_DB_OK;
    fake_sql[0].connect.db_class = MR_DB_CONNECTION;
    run_for(300000);
    assert_int_equal(gate(), MR_GATE_RETRYING);
    assert_true(atomic_load(&fake_page_at(handle)->tries) > 3);
    assert_int_equal(attempts(handle), 0);
    fake_sql[0].connect.db_class = MR_DB_OK;
    fake_sql[0].write.db_class = MR_DB_TRANSIENT; /* its first attempt */
    run_for(fake_config->retry.backoff_max_ms + 1000);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 1); /* and its last: three of its own */
    assert_int_equal(attempts(handle), 3);
}

/* Nobody else is live: it is not parked, and waits. */
static void test_alone(void **state)
{
    (void)state;
    fake_config->retry.attempts_max = 2;
    become_live();
    atomic_store(&fake_flow.gates.at[1].state, MR_GATE_PARKED);
    fake_push(fake_page(0, 0, 1));
    fake_sql[0].write.db_class = MR_DB_TRANSIENT;
    run_for(600000);
    assert_true(mr_gate_is_open(gate()));
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 0);
    fake_sql[0].write.db_class = MR_DB_OK;
    run_for(2 * fake_config->retry.backoff_max_ms);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
}

/* ---- behind a closed gate ---- */

/* Everything that it has comes back: what was tried, what waits in the wheel, what is queued. */
static void test_all_come_back(void **state)
{
    (void)state;
    become_live();
    fake_push(fake_page(0, 0, 3));
    fake_sql[0].write.db_class = MR_DB_TRANSIENT;
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    fake_push(fake_page(0, 3, 3));
    fake_push(fake_page(0, 6, 3));
    fake_sql[0].write.db_class = MR_DB_SHARD_FATAL;
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 1);
    assert_int_equal(gate(), MR_GATE_PARKED);
    fake_push(fake_page(0, 9, 3));
    assert_int_equal(mr_writer_do_work(writer, fake_now_ms), 4);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 4);
    fake_sql[0].write.db_class = MR_DB_OK;
    run_for(60000);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 0);
    assert_int_equal(fake_sql_rows(0), 0);
}

static void close_gate(void)
{
    become_live();
    fake_push(fake_page(0, 0, 3));
    fake_sql[0].write.db_class = MR_DB_SHARD_FATAL;
    atomic_store(&fake_flow.gates.at[0].entries, 1); /* a range, by then */
    run_for(1);
    assert_int_equal(gate(), MR_GATE_PARKED);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 1);
}

/* A connection is not enough: the gate opens when a first batch is durable. */
static void test_probe(void **state)
{
    (void)state;
    close_gate();
    fake_sql[0].connect.db_class = MR_DB_CONNECTION;
    run_for(120000);
    assert_int_equal(gate(), MR_GATE_PARKED);
    uint32_t connects = fake_sql[0].connects;
    assert_true(connects >= 5 && connects < 200); /* with pauses between */
    fake_sql[0].connect.db_class = MR_DB_OK;
    run_for(fake_config->park.probe_max_ms);
    assert_int_equal(gate(), MR_GATE_PROBED);
    run_for(120000); /* its session is kept */
    assert_int_equal(gate(), MR_GATE_PROBED);
    fake_push(fake_page(0, 0, 3));
    run_for(1);
    assert_int_equal(gate(), MR_GATE_PARKED); /* the table is still wrong */
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 1);
    fake_sql[0].write.db_class = MR_DB_OK;
    run_for(2 * fake_config->park.probe_max_ms);
    assert_int_equal(gate(), MR_GATE_PROBED);
    fake_push(fake_page(0, 0, 3));
    run_for(1);
    assert_int_equal(gate(), MR_GATE_LIVE);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
}

static void refuse_all(bool refuse)
{
    for (uint32_t i = 0; i < FAKE_OFFSETS; i++)
        fake_sql[0].refused[i] = refuse;
}

/* A table that refuses everything, and nothing but its rows shows it: a small first batch must not become dead letters, at each probe anew. */
static void test_probe_after_drift(void **state)
{
    (void)state;
    become_live();
    refuse_all(true);
    fake_push(fake_page(0, 0, 30));
    atomic_store(&fake_flow.gates.at[0].entries, 1);
    run_for(1);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 1);
    for (int probe = 0; probe < 3; probe++) {
        run_for(2 * fake_config->park.probe_max_ms);
        assert_int_equal(gate(), MR_GATE_PROBED);
        fake_push(fake_page(0, 0, 5));
        run_for(1);
        assert_int_equal(gate(), MR_GATE_PARKED);
        assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 1);
    }
    refuse_all(false);
    fake_sql[0].refused[4] = true;
    run_for(2 * fake_config->park.probe_max_ms);
    fake_push(fake_page(0, 0, 5));
    run_for(1);
    assert_int_equal(gate(), MR_GATE_LIVE);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
}

/* One row that the database refuses, first behind an outage: it must not keep the shard closed. */
static void test_probe_with_poison(void **state)
{
    (void)state;
    close_gate();
    fake_sql[0].write.db_class = MR_DB_OK;
    fake_sql[0].refused[0] = true;
    run_for(2 * fake_config->park.probe_max_ms);
    fake_push(fake_page(0, 0, 1));
    run_for(1);
    assert_int_equal(gate(), MR_GATE_LIVE);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
}

/* Nothing is parked of it: there is nothing to try. */
static void test_probe_without_ranges(void **state)
{
    (void)state;
    close_gate();
    atomic_store(&fake_flow.gates.at[0].entries, 0);
    run_for(2 * fake_config->park.probe_max_ms);
    assert_int_equal(gate(), MR_GATE_LIVE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_durable),
        TEST(test_ages),
        TEST(test_slow),
        TEST(test_taken),
        TEST(test_due),
        TEST(test_second_look),
        TEST(test_attempts),
        TEST(test_connection_lost),
        TEST(test_alone),
        TEST(test_all_come_back),
        TEST(test_probe),
        TEST(test_probe_without_ranges),
        TEST(test_probe_after_drift),
        TEST(test_probe_with_poison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
