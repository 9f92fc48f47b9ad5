/* The wake of librdkafka's fetching after its queues were full (kafka_inbox.c): when it comes, how often, and to whom.  The library is what this
 * program says: its version, the messages that it has, and who was woken. */
#include "small_config.h"

#include "edges/kafka_client.h"
#include "worker/edges/kafka_private.h"

enum { OLD = 0x020002ff, NEW = 0x020200ff };

/* Handles: never looked into. */
static char client_place, queue_place;
#define CLIENT ((rd_kafka_t *)(void *)&client_place)
#define QUEUE  ((rd_kafka_queue_t *)(void *)&queue_place)

static int version;
static rd_kafka_message_t *waiting; /* what the queue has; NULL: nothing */
static uint32_t wakes;

/* ---- librdkafka: the linker takes these before the library's ---- */

int rd_kafka_version(void)
{
    return version;
}

rd_kafka_error_t *rd_kafka_sasl_set_credentials(rd_kafka_t *client, const char *user, const char *password)
{
    assert_ptr_equal(client, CLIENT);
    assert_true(!*user && !*password);
    wakes++;
    return NULL;
}

rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *client)
{
    assert_ptr_equal(client, CLIENT);
    return QUEUE;
}

void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *queue, int fd, const void *payload, size_t size)
{
    (void)fd;
    (void)payload;
    (void)size;
    assert_ptr_equal(queue, QUEUE);
}

void rd_kafka_queue_destroy(rd_kafka_queue_t *queue)
{
    assert_ptr_equal(queue, QUEUE);
}

rd_kafka_message_t *rd_kafka_consume_queue(rd_kafka_queue_t *queue, int wait_ms)
{
    rd_kafka_message_t *message = waiting;
    assert_ptr_equal(queue, QUEUE);
    assert_int_equal(wait_ms, 0);
    waiting = NULL;
    return message;
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *message, rd_kafka_timestamp_type_t *type)
{
    (void)message;
    *type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    return -1;
}

/* ---- an inbox ---- */

static mr_arena *arena;
static mr_config *config;
static mr_bell bell;
static mr_group group;

static mr_inbox *opened(int librdkafka, const char *kafka)
{
    version = librdkafka;
    wakes = 0;
    arena = mr_arena_new();
    config = small_config("b", kafka, ",\"memory\":{\"fetch_mib\":1}");
    group = (mr_group){.config = config};
    mr_inbox *inbox = mr_inbox_new(&group, arena);
    group.client = CLIENT; /* it comes after the inbox is made */
    mr_inbox_open(inbox, &bell);
    return inbox;
}

static void closed(mr_inbox *inbox)
{
    mr_inbox_close(inbox);
    mr_arena_free(arena);
    mr_config_free(config);
}

static void arrives(mr_inbox *inbox, mr_arrival kind, size_t len)
{
    rd_kafka_message_t message = {.err = kind == MR_ARRIVAL_END ? RD_KAFKA_RESP_ERR__PARTITION_EOF
                                                                : RD_KAFKA_RESP_ERR_NO_ERROR,
                                  .payload = len ? &client_place : NULL,
                                  .len = len};
    mr_message out;
    waiting = &message;
    assert_int_equal(mr_inbox_poll(inbox, &out), kind);
    assert_int_equal(mr_inbox_poll(inbox, &out), MR_ARRIVAL_NONE);
}

/* ---- */

/* With each quarter of the thread's part of the MiB that may be fetched ahead, in messages of so many bytes. */
static void test_woken(void **state)
{
    (void)state;
    static const struct {
        const char *kafka;
        size_t len;
        uint32_t messages; /* for one wake */
    } cases[] = {
        {"", 512, (1 << 18) / 1024},
        {"", 0, (1 << 18) / MR_KAFKA_SMALL}, /* tombstones take memory as well */
        {"", 1 << 20, 1},
        {",\"consumer_threads\":4", 512, (1 << 16) / 1024},
        {",\"properties\":{\"security.protocol\":\"ssl\"}", 512, (1 << 18) / 1024},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_inbox *inbox = opened(OLD, cases[i].kafka);
        for (uint32_t wake = 0; wake < 3; wake++) {
            for (uint32_t taken = 0; taken < cases[i].messages; taken++) {
                assert_int_equal(wakes, wake);
                arrives(inbox, MR_ARRIVAL_MESSAGE, cases[i].len);
            }
            assert_int_equal(wakes, wake + 1);
        }
        closed(inbox);
    }
}

/* Neither where fetching goes on by itself nor where a login would read what is set; nor for what is no message. */
static void test_left_alone(void **state)
{
    (void)state;
    static const struct {
        int librdkafka;
        const char *kafka;
        mr_arrival kind;
    } cases[] = {
        {NEW, "", MR_ARRIVAL_MESSAGE},
        {OLD, ",\"properties\":{\"security.protocol\":\"sasl_ssl\"}", MR_ARRIVAL_MESSAGE},
        {OLD, ",\"consumer_properties\":{\"security.protocol\":\"SASL_PLAINTEXT\"}", MR_ARRIVAL_MESSAGE},
        {OLD, "", MR_ARRIVAL_END},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mr_inbox *inbox = opened(cases[i].librdkafka, cases[i].kafka);
        for (uint32_t taken = 0; taken < 100; taken++)
            arrives(inbox, cases[i].kind, cases[i].kind == MR_ARRIVAL_MESSAGE ? 1 << 20 : 0);
        assert_int_equal(wakes, 0);
        closed(inbox);
    }
}

static int set_up(void **state)
{
    (void)state;
    return mr_bell_init(&bell) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_bell_close(&bell);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_woken), cmocka_unit_test(test_left_alone)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
