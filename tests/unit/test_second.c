/* A shard's second connection and its writer: when a batch is handed over, and what becomes of it when it goes well, when it does not, and when the
 * gate is closed meanwhile.  Both take their turns by hand here; a page is a whole batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_flow.h"
#include "threads/writer.h"

enum { ROWS = 30, ALONE_MS = 30000, UNUSED_MS = 20000 };

static mr_writer *writer; /* of shard 0; shard 1 is live without one */
static mr_second *second;
static mr_sql *const own = &fake_sql[0], *const other = &fake_second_sql[0];
static int64_t next_offset;

static mr_gate_state gate(void)
{
    return mr_gate_now(&fake_flow.gates, 0);
}

static uint32_t turn(void)
{
    uint32_t done = mr_writer_do_work(writer, fake_now_ms);
    fake_sql_rest(0);
    return done;
}

static uint32_t second_turn(void)
{
    uint32_t done = mr_second_do_work(second);
    assert_false(other->in_transaction);
    return done;
}

static int set_up(void **state)
{
    fake_set_up(state);
    fake_config->batch.max_rows = ROWS;
    fake_flow.seconds = FAKE_SHARDS;
    writer = mr_writer_new(&fake_flow, 0, fake_arena, fake_now_ms);
    second = mr_writer_second(writer);
    next_offset = 0;
    assert_true(mr_gate_turn(&fake_flow.gates, 1, MR_GATE_STARTING, MR_GATE_LIVE));
    turn();
    assert_int_equal(gate(), MR_GATE_LIVE);
    return 0;
}

static int tear_down(void **state)
{
    mr_second_close(second);
    mr_writer_close(writer);
    return fake_tear_down(state);
}

/* Whole batches, in the ring. */
static void push(uint32_t batches)
{
    for (; batches > 0; batches--) {
        fake_push(fake_page(0, next_offset, ROWS));
        next_offset += ROWS;
    }
}

/* Both at work, until the writer has nothing left that is due. */
static void run_for(uint64_t ms)
{
    for (uint64_t end = fake_now_ms + ms; fake_now_ms < end; fake_now_ms++)
        while (turn() + second_turn() > 0)
            ;
}

static void test_handed_over(void **state)
{
    (void)state;
    push(3);
    assert_int_equal(turn(), 1);
    assert_true(own->commits == 1 && other->commits == 0);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
    assert_int_equal(second_turn(), 1);
    assert_true(other->commits == 1 && other->connects == 1);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 0); /* its writer says so */
    turn();
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
    assert_int_equal(fake_sql_rows(0), 3 * ROWS);
    assert_int_equal(mr_metric_get(fake_flow.metrics, MR_M_ROWS_WRITTEN, 0, 0), 3 * ROWS);
}

/* The writer is asleep when the second one ends. */
static void test_rings(void **state)
{
    (void)state;
    push(2);
    turn();
    atomic_store(&fake_flow.writer_bell[0].asleep, true);
    second_turn();
    assert_false(atomic_load(&fake_flow.writer_bell[0].asleep));
    atomic_store(&fake_flow.second_bell[0].asleep, true);
    push(2);
    turn();
    assert_false(atomic_load(&fake_flow.second_bell[0].asleep));
}

/* A writer that waits for its own batch says nothing for a while: the second one says that the shard takes rows. */
static void test_says_good(void **state)
{
    (void)state;
    push(2);
    turn();
    push(1);
    uint64_t now_ms = fake_now_ms += 60000;
    assert_false(mr_gate_is_live(&fake_flow.gates, 0, now_ms));
    second_turn();
    assert_true(mr_gate_is_live(&fake_flow.gates, 0, now_ms));
}

/* Not for what the writer can do by itself, nor for what is not whole. */
static void test_keeps_up(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        push(1);
        turn();
    }
    for (int i = 0; i < 4; i++) { /* together a batch, and nothing behind it */
        fake_push(fake_page(0, next_offset, 3));
        next_offset += 3;
    }
    turn();
    second_turn();
    assert_true(own->commits == 4 && other->connects == 0);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 7);
}

/* One batch at a time: while it is busy its writer goes on alone. */
static void test_busy(void **state)
{
    (void)state;
    push(6);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(own->commits, 5);
    second_turn();
    turn();
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 6);
}

/* A row that the database refuses is found by the writer, and then one connection does it alone for a while. */
static void test_refused(void **state)
{
    (void)state;
    uint32_t poisoned = (uint32_t)next_offset + 3;
    own->refused[poisoned] = other->refused[poisoned] = true;
    push(2);
    run_for(1000);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
    assert_true(other->rollbacks == 1 && other->commits == 0);
    assert_int_equal(fake_sql_rows(0), 2 * ROWS - 1);
    assert_int_equal(mr_metric_get(fake_flow.metrics, MR_M_ROWS_WRITTEN, 0, 0), 2 * ROWS - 1);
    assert_int_equal(gate(), MR_GATE_LIVE);
    uint32_t commits = own->commits;
    push(4);
    run_for(1);
    assert_true(own->commits == commits + 4 && other->commits == 0);
    run_for(ALONE_MS);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 4);
    push(4);
    run_for(1);
    assert_true(other->commits > 0);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 4);
}

/* A statement that its server finds too large: the rows are not to blame. */
static void test_too_big(void **state)
{
    (void)state;
    other->write.db_class = MR_DB_TOO_BIG;
    push(2);
    run_for(1000);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
    assert_int_equal(fake_sql_rows(0), 2 * ROWS);
}

/* A table that refuses everything: no row of either batch becomes a dead letter. */
static void test_drift(void **state)
{
    (void)state;
    own->refuses_all = other->refuses_all = MR_DB_ROW_POISON;
    atomic_store(&fake_flow.gates.at[0].entries, 1); /* a range, by then */
    push(2);
    run_for(10);
    assert_int_equal(gate(), MR_GATE_PARKED);
    assert_int_equal(fake_came_back(MR_OUTCOME_PARKED), 2);
}

/* A server that takes no more connections is no trouble of the shard's. */
static void test_no_connection(void **state)
{
    (void)state;
    other->connect.db_class = MR_DB_CONNECTION;
    push(2);
    turn();
    second_turn();
    turn();
    assert_int_equal(gate(), MR_GATE_LIVE);
    run_for(1000);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
    assert_int_equal(fake_sql_rows(0), 2 * ROWS);
}

/* Lost while it commits: what is left of it is ended by connecting again, before anybody writes its rows again. */
static void test_lost(void **state)
{
    (void)state;
    for (int done = 0; done < 2; done++) {
        other->commit.db_class = MR_DB_AMBIGUOUS;
        other->commit_done = done;
        uint32_t connects = other->connects;
        push(2);
        turn();
        second_turn();
        assert_int_equal(other->connects, connects + 2);
        assert_true(other->connected);
        other->commit.db_class = MR_DB_OK;
        run_for(ALONE_MS);
        assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
        memset(fake_returned, 0, sizeof fake_returned);
        second_turn();
        run_for(1);
    }
    assert_int_equal(fake_sql_rows(0), 4 * ROWS);
}

/* A deadlock is an attempt of the page's, as on the first connection. */
static void test_transient(void **state)
{
    (void)state;
    uint32_t handle = fake_page(0, next_offset, ROWS);
    next_offset += ROWS;
    fake_push(handle);
    push(1);
    other->write.db_class = MR_DB_TRANSIENT;
    turn();
    second_turn();
    turn();
    assert_int_equal(atomic_load(&fake_page_at(handle)->attempts), 1);
    assert_int_equal(mr_metric_get(fake_flow.metrics, MR_M_RETRIES, 0, MR_DB_TRANSIENT), 1);
    run_for(1000);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
}

/* The gate is closed while it is at work: what is durable is durable, and what is not is parked. */
static void test_closed_meanwhile(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        push(2);
        turn();
        assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 1);
        atomic_store(&fake_flow.gates.at[0].state, MR_GATE_HELD);
        other->write.db_class = fails ? MR_DB_TRANSIENT : MR_DB_OK;
        turn();
        second_turn();
        turn();
        assert_int_equal(gate(), MR_GATE_HELD);
        assert_int_equal(fake_came_back(fails ? MR_OUTCOME_PARKED : MR_OUTCOME_DURABLE), 1);
        atomic_store(&fake_flow.gates.at[0].state, MR_GATE_LIVE);
    }
}

/* Behind a gate that is tried, one batch on one connection decides. */
static void test_probed(void **state)
{
    (void)state;
    push(2);
    turn();
    atomic_store(&fake_flow.gates.at[0].state, MR_GATE_PROBED);
    atomic_store(&fake_flow.gates.at[0].entries, 1);
    second_turn();
    turn();
    assert_int_equal(gate(), MR_GATE_PROBED); /* what was begun before does not say it */
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 2);
    push(3);
    turn();
    assert_int_equal(own->commits, 2);
    assert_int_equal(gate(), MR_GATE_LIVE);
}

/* Nobody needs it any more: its connection is closed, and it is watched no longer. */
static void test_unused(void **state)
{
    (void)state;
    push(2);
    run_for(1);
    assert_true(other->connected);
    mr_second_wait(second);
    assert_int_equal(fake_slept_ms, UNUSED_MS);
    fake_now_ms += UNUSED_MS;
    second_turn();
    assert_false(other->connected);
    mr_second_wait(second);
    assert_true(fake_slept_ms > 60 * UNUSED_MS);
    assert_int_equal(atomic_load(&fake_flow.second_pulse[0]->turned_ms), 0);
    push(2);
    run_for(1);
    assert_int_equal(other->connects, 2);
    assert_int_equal(fake_came_back(MR_OUTCOME_DURABLE), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_handed_over),   TEST(test_rings),   TEST(test_says_good), TEST(test_keeps_up),
        TEST(test_busy),          TEST(test_refused), TEST(test_too_big),   TEST(test_drift),
        TEST(test_no_connection), TEST(test_lost),    TEST(test_transient), TEST(test_closed_meanwhile),
        TEST(test_probed),        TEST(test_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
