/* The group against brokers (librdkafka's mock cluster): what is committed comes back with its metadata, in one answer, and no answer is never "no
 * offset"; and it may give a worker more partitions than that has places for. */
#include "mock_cluster.h"

#include "base/clock.h"
#include "fake_log.h"
#include "stages/plan.h"
#include "worker/edges/kafka_private.h"

enum { MANY = MR_PARTITIONS_EACH + 76 };
enum { PATIENCE_MS = 60000, OFFSET_FETCH = 9 /* the protocol's number */ };

static mr_arena *arena;
static mr_bell bell;
static mr_group *group;
static mr_inbox *inbox;

/* ---- the owner of the group ---- */

static struct {
    uint32_t times, waited;
    int64_t offset; /* what came as committed */
    char metadata[64];
    bool committed;
    uint8_t came[MANY], went[MANY]; /* how often each partition did */
    uint32_t came_count, went_count;
} seen;

static void assigned(void *context, mr_partition *partitions, size_t count)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        assert_true(!strcmp(partitions[i].topic, "t") && partitions[i].partition == 0);
        seen.offset = partitions[i].committed;
        assert_true(partitions[i].metadata_len < sizeof seen.metadata);
        memcpy(seen.metadata, partitions[i].metadata, partitions[i].metadata_len);
        seen.metadata[partitions[i].metadata_len] = 0;
        seen.times++;
        seen.came_count++;
        partitions[i].hold = false;
        partitions[i].start = 0;
        partitions[i].inbox = inbox;
    }
}

static void revoked(void *context, const mr_partition *partitions, size_t count, bool lost)
{
    (void)context;
    (void)partitions;
    (void)count;
    (void)lost;
}

static void assigned_many(void *context, mr_partition *partitions, size_t count)
{
    (void)context;
    assert_true(count <= MR_PARTITIONS_EACH);
    for (size_t i = 0; i < count; i++) {
        assert_true(partitions[i].hold); /* unless the owner says otherwise */
        seen.came[partitions[i].partition]++;
        seen.came_count++;
    }
}

static void revoked_many(void *context, const mr_partition *partitions, size_t count, bool lost)
{
    (void)context;
    (void)lost;
    assert_true(count <= MR_PARTITIONS_EACH);
    for (size_t i = 0; i < count; i++)
        seen.went[partitions[i].partition]++;
    seen.went_count += (uint32_t)count;
}

static void committed(void *context, const mr_partition *partitions, size_t count, const char *why)
{
    (void)context;
    assert_true(count == 1 && !partitions[0].failed && !*why);
    seen.committed = true;
}

static bool stopping(void *context)
{
    return context != NULL;
}

static void waiting(void *context)
{
    (void)context;
    seen.waited++;
}

/* ---- a member ---- */

/* Until so many partitions have come. */
static void join_for(uint32_t partitions)
{
    mr_error error;
    uint64_t end = mr_clock_ms() + PATIENCE_MS;
    mr_group_listener listener = {.assigned = partitions > 1 ? assigned_many : assigned,
                                  .revoked = partitions > 1 ? revoked_many : revoked,
                                  .committed = committed,
                                  .stopping = stopping,
                                  .waiting = waiting};
    memset(&seen, 0, sizeof seen);
    arena = mr_arena_new();
    group = mr_group_new(config, &listener, arena);
    inbox = mr_inbox_new(group, arena);
    if (mr_group_open(group, &bell, &error))
        fail_msg("%s", error.text);
    mr_inbox_open(inbox, &bell);
    assert_int_equal(mr_group_join(group, &error), MR_OK);
    while (seen.came_count < partitions) {
        mr_group_poll(group);
        mr_bell_announce(&bell);
        mr_bell_sleep(&bell, 10);
        assert_true(mr_clock_ms() < end);
    }
}

static void join(void)
{
    join_for(1);
    assert_int_equal(seen.times, 1);
}

static void leave(void)
{
    mr_group_close(group, PATIENCE_MS);
    mr_inbox_close(inbox);
    mr_group_free(group);
    mr_arena_free(arena);
}

static int set_up(void **state)
{
    (void)state;
    mock_cluster_begin("t", 1, ",\"properties\":{\"session.timeout.ms\":\"6000\"}", "");
    assert_true(mr_bell_init(&bell));
    return 0;
}

static int set_up_many(void **state)
{
    (void)state;
    mock_cluster_begin("t", MANY, ",\"properties\":{\"session.timeout.ms\":\"6000\"}", "");
    assert_true(mr_bell_init(&bell));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_bell_close(&bell);
    mock_cluster_end();
    return 0;
}

static void test_committed(void **state)
{
    (void)state;
    join();
    assert_true(seen.offset < 0 && !seen.metadata[0]);
    mr_partition what = {
        .topic = "t", .partition = 0, .start = 5, .metadata = "mr1.some.text", .metadata_len = 13};
    mr_group_commit(group, &what, 1, PATIENCE_MS);
    assert_true(seen.committed);
    leave();
    /* The coordinator refuses to say it at first. */
    rd_kafka_mock_push_request_errors(cluster, OFFSET_FETCH, 3, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    join();
    assert_true(seen.waited >= 1);
    assert_logged("committed_unknown", "cannot read the group's offsets, asking again: ");
    assert_true(seen.offset == 5 && !strcmp(seen.metadata, "mr1.some.text"));
    leave();
}

/* What cannot be mended is said, and by whom it is: whoever asks for the group is told to start again. */
static void test_fatal(void **state)
{
    (void)state;
    mr_error error = {.text = ""};
    join();
    assert_false(mr_group_fatal(group, &error));
    mr_group_on_rebalance(group->client, RD_KAFKA_RESP_ERR__TRANSPORT, NULL, group);
    assert_logged("rebalance_failed", "Broker transport failure");
    rd_kafka_test_fatal_error(group->client, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "another has the name");
    for (uint64_t end = mr_clock_ms() + PATIENCE_MS; !mr_group_fatal(group, &error);) {
        assert_true(mr_clock_ms() < end);
        mr_group_poll(group);
    }
    assert_non_null(strstr(error.text, "the Kafka client cannot go on, FENCED_INSTANCE_ID: "));
    assert_non_null(
        strstr(error.text, ": start this instance again; give each one a kafka.group_instance_id"));
    config->streams[0].topics[0] = ""; /* no configuration has that: it is refused before */
    assert_int_equal(mr_group_join(group, &error), MR_CONFIG);
    assert_non_null(strstr(error.text, "cannot subscribe to the streams' topics, "));
    assert_non_null(strstr(error.text, ": correct streams[].topic"));
    while (mr_group_poll(group) > 0)
        continue;
    assert_logged("kafka_error", "another has the name");
    mr_group_close(group, 0); /* it would leave, if it still could */
    mr_inbox_close(inbox);
    mr_group_free(group);
    mr_arena_free(arena);
}

/* One member, one consumer thread: all are its, and there are places for MR_PARTITIONS_EACH. */
static void test_more_than_places(void **state)
{
    (void)state;
    join_for(MANY);
    leave();
    assert_int_equal(seen.came_count, MANY);
    assert_int_equal(seen.went_count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_true(seen.came[i] == 1 && seen.went[i] == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_committed), TEST(test_fatal),
        cmocka_unit_test_setup_teardown(test_more_than_places, set_up_many, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
