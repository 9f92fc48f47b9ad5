/* Dead letters against a broker (librdkafka's mock cluster): one is acknowledged when the broker has it, and neither before nor when it was refused. */
#include "mock_cluster.h"

#include "base/clock.h"
#include "edges/kafka_dlq.h"
#include "edges/kafka_letters.h"
#include "fake_log.h"

enum { PATIENCE_MS = 20000, PRODUCE = 0 /* the protocol's number */, LETTERS = 4 };

static mr_arena *arena;
static mr_bell bell;
static mr_dlq *dlq;
static uint32_t done; /* letters that are acknowledged */

static int set_up(void **state)
{
    mr_error error;
    (void)state;
    mock_cluster_begin("t.dlq", 1, "", ",\"dlq\":{\"topic\":\"{topic}.dlq\",\"replay_topic\":\"again\"}");
    arena = mr_arena_new();
    assert_true(mr_bell_init(&bell));
    dlq = mr_dlq_new(config, arena, LETTERS);
    assert_int_equal(mr_dlq_open(dlq, &bell, &error), MR_OK);
    done = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_dlq_free(dlq);
    mr_bell_close(&bell);
    mr_arena_free(arena);
    mock_cluster_end();
    return 0;
}

static void send_letter(uint32_t number)
{
    mr_event event = {.topic = "t", .partition = 3, .offset = 41, .value = "{", .value_len = 1};
    mr_letter letter = {
        .number = number, .reason = MR_REASON_JSON_SYNTAX, .column = "", .shard = "", .sqlstate = ""};
    assert_true(mr_dlq_send(dlq, &event, NULL, &letter));
}

static void acknowledged(void *context, uint32_t consumer, uint32_t number)
{
    (void)context;
    assert_true(consumer == 0 && number < LETTERS);
    done++;
}

/* Serves reports, at a time that stands still, until `so_many` letters are acknowledged or have failed. */
static void serve_until(uint32_t so_many_done, uint64_t so_many_failed, uint64_t now_ms)
{
    uint64_t end = mr_clock_ms() + PATIENCE_MS;
    while (done < so_many_done || mr_dlq_errors(dlq) < so_many_failed) {
        mr_dlq_serve(dlq, now_ms, acknowledged, NULL);
        assert_true(mr_clock_ms() < end);
        mr_bell_announce(&bell);
        mr_bell_sleep(&bell, 10);
    }
}

static void test_acknowledged(void **state)
{
    (void)state;
    send_letter(0);
    send_letter(1);
    serve_until(2, 0, 1000);
    assert_true(done == 2 && mr_dlq_errors(dlq) == 0);
}

/* The topic has refused it for its size: that is no acknowledgement; without its value it is taken. */
static void test_refused(void **state)
{
    (void)state;
    rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    send_letter(2);
    serve_until(0, 1, 1000);
    assert_int_equal(done, 0);
    serve_until(1, 1, 1000);
    assert_true(done == 1 && mr_dlq_errors(dlq) == 1);
    assert_logged("dead_letter_failed", "a dead letter was not accepted, trying again: ");
}

static bool each(void *context, const mr_dead_letter *letter)
{
    (void)context;
    (void)letter;
    return true;
}

/* What a command reads has a limit. */
static void test_too_many_partitions(void **state)
{
    (void)state;
    mr_letters *letters;
    mr_error error = {.text = ""};
    mr_letters_reading wanted = {.since_ms = -1, .each = each};
    assert_int_equal(rd_kafka_mock_topic_create(cluster, "again.dlq", 4096, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(mr_letters_open(config, &letters, &error), MR_OK);
    assert_int_equal(mr_letters_topics(letters), 2);
    assert_int_equal(mr_letters_read(letters, &wanted, &error), MR_CONFIG);
    assert_string_equal(error.text,
                        "4097 partitions of dead-letter topics, more than 4096: name fewer topics");
    mr_letters_free(letters);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_acknowledged), TEST(test_refused),
                                       TEST(test_too_many_partitions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
