/* Partitions come and go: nothing is read of one before the group has its offset as unclean, and when it goes its last commit is made before its life
 * ends, or not at all.  The group and the consumer are a few lines here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/membership.h"
#include "base/clock.h"
#include "fake_log.h"
#include "stages/snapshot.h"

enum { PARTITION = 7, LOW = 10, HIGH = 900 };
/* Topics of the same hash, a8f2f893. */
#define TWIN_A "x-1d5al4"
#define TWIN_B "x-gn9b9l"

static const char configuration[] =
    "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"consumer_threads\":1},\"streams\":["
    "{\"name\":\"t\",\"topics\":[\"t\",\"^x\"],\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
    "\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
    "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";

static mr_config *config;
static mr_arena *arena;
static mr_flow flow;
static mr_bell bell;
static mr_topics *topics;
static mr_membership *membership;
static mr_group_listener listener;
static mr_slot slots[MR_PARTITIONS_EACH];

/* ---- the group ---- */

static struct {
    bool refuses, cooperative;
    uint32_t commits, questions, begun;
    mr_snapshot stands; /* the last commit that was taken */
} group;

void mr_group_commit(mr_group *unused, const mr_partition *partitions, size_t count, uint32_t wait_ms)
{
    (void)unused;
    (void)wait_ms;
    for (size_t i = 0; i < count; i++) {
        mr_snapshot said;
        assert_int_equal(
            mr_snapshot_parse(partitions[i].metadata, partitions[i].metadata_len, partitions[i].start, &said),
            MR_MARK_OURS);
        if (!group.refuses)
            group.stands = said;
        group.commits++;
        mr_partition answer = partitions[i];
        answer.failed = group.refuses;
        listener.committed(listener.context, &answer, 1, group.refuses ? "refused" : "");
    }
}

bool mr_group_committing(const mr_group *unused)
{
    (void)unused;
    return false;
}

void mr_group_await_commit(mr_group *unused, uint32_t wait_ms)
{
    (void)unused;
    (void)wait_ms;
}

/* Another rebalance has begun: what refuses does so for good. */
bool mr_group_superseded(const mr_group *unused)
{
    (void)unused;
    return group.refuses;
}

bool mr_group_watermarks_ask(mr_group *unused, const char *topic, int32_t partition, int64_t *low,
                             int64_t *high, uint32_t timeout_ms)
{
    (void)timeout_ms;
    group.questions++;
    *low = LOW;
    *high = HIGH;
    return !unused && (!strcmp(topic, "t") || topic[0] == 'x') && partition == PARTITION;
}

bool mr_group_watermarks_seen(mr_group *unused, const char *topic, int32_t partition, int64_t *low,
                              int64_t *high)
{
    return mr_group_watermarks_ask(unused, topic, partition, low, high, 0);
}

bool mr_group_offset_at(mr_group *unused, const char *topic, int32_t partition, int64_t ms, int64_t *offset,
                        uint32_t timeout_ms)
{
    (void)ms;
    return mr_group_watermarks_ask(unused, topic, partition, offset, offset, timeout_ms);
}

bool mr_group_seek(mr_group *unused, const char *topic, int32_t partition, int64_t start)
{
    return !unused && !strcmp(topic, "t") && partition == PARTITION && start >= LOW;
}

bool mr_group_cooperative(const mr_group *unused)
{
    return unused == NULL && group.cooperative;
}

void mr_group_begin(mr_group *unused, const mr_partition *partition)
{
    assert_true(unused == NULL && !partition->hold && partition->start == group.stands.offset);
    group.begun++;
}

int mr_group_topic_known(mr_group *unused, const char *topic, int32_t but_partition)
{
    (void)topic;
    (void)but_partition;
    return unused != NULL;
}

void mr_group_log_low_ask(mr_group *unused, const char *topic, int32_t partition, uint32_t timeout_ms)
{
    (void)unused;
    (void)topic;
    (void)partition;
    (void)timeout_ms;
}

bool mr_group_log_low(mr_group *unused, mr_log_low *answer)
{
    (void)answer;
    return unused != NULL;
}

bool mr_group_retention_ms(mr_group *unused, const char *topic, uint64_t now_ms, int64_t *retention_ms)
{
    (void)topic;
    (void)now_ms;
    *retention_ms = -1;
    return !unused;
}

/* ---- the consumer ---- */

static struct {
    uint32_t begun, ended;
    mr_slot *slot;
} consumer;

mr_slot *mr_consumer_slot(mr_consumer *unused, uint32_t slot)
{
    (void)unused;
    return &slots[slot];
}

static void publish(int64_t lowest, int64_t position, bool accepting)
{
    mr_slot_snapshot now = {.epoch = 1,
                            .lowest = lowest,
                            .position = position,
                            .quiet = lowest == position,
                            .accepting = accepting};
    mr_slot_publish(consumer.slot, &now, consumer.slot->start_ranges);
}

void mr_consumer_order(mr_consumer *unused, mr_order order, uint32_t slot)
{
    (void)unused;
    consumer.slot = &slots[slot];
    mr_slot_snapshot last = consumer.slot->last;
    switch (order) {
    case MR_ORDER_ASSIGN:
        /* From now on rows may become durable above the offset: the group knows. */
        assert_true(group.stands.offset == consumer.slot->start && !group.stands.clean);
        consumer.begun++;
        publish(consumer.slot->start, consumer.slot->start, true);
        break;
    case MR_ORDER_DRAIN:
        publish(last.lowest, last.position, false);
        break;
    case MR_ORDER_CLOSE:
        consumer.ended++;
        mr_slot_publish(consumer.slot, &(mr_slot_snapshot){.epoch = 0}, NULL);
        break;
    case MR_ORDER_DRAIN_ALL:
        fail();
    }
}

static void busy(void *context)
{
    (void)context;
}

static bool is_stopping;

static bool stopping(void *context)
{
    return context || is_stopping;
}

/* ---- */

static int set_up(void **state)
{
    static mr_consumer *consumers[1];
    static mr_inbox *inboxes[1];
    mr_findings findings = {0};
    (void)state;
    if (mr_config_parse("test", configuration, sizeof configuration - 1, NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    arena = mr_arena_new();
    memset(&group, 0, sizeof group);
    memset(&consumer, 0, sizeof consumer);
    memset(slots, 0, sizeof slots);
    for (uint32_t i = 0; i < MR_PARTITIONS_EACH; i++)
        mr_slot_init(&slots[i], 1, arena);
    assert_true(mr_bell_init(&bell));
    flow = (mr_flow){.config = config,
                     .metrics = mr_metrics_new(config, arena, MR_PARTITIONS_EACH),
                     .budget = mr_arena_take(arena, "test", config->stream_count, sizeof *flow.budget),
                     .consumers = 1,
                     .shards = 1,
                     .main_bell = &bell};
    mr_gates_init(&flow.gates, config, arena);
    topics = mr_topics_new(config, arena);
    membership =
        mr_membership_new(&flow, consumers, topics, mr_board_new(config, arena, MR_PARTITIONS_EACH), arena);
    listener = mr_membership_listener(membership);
    mr_membership_connect(membership, NULL, inboxes, (mr_main_duties){.busy = busy, .stopping = stopping});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_bell_close(&bell);
    mr_topics_free(topics);
    mr_arena_free(arena);
    mr_config_free(config);
    return 0;
}

/* It comes with this commit (negative: none); whether it is read. */
static bool comes(int64_t offset, bool clean)
{
    char text[MR_METADATA_MAX + 1] = "";
    mr_partition partition = {.topic = "t", .partition = PARTITION, .committed = offset, .hold = true};
    group.stands = (mr_snapshot){.offset = offset, .fingerprint = mr_fingerprint(config), .clean = clean};
    if (offset >= 0)
        mr_snapshot_format(&group.stands, text, sizeof text);
    partition.metadata = text;
    partition.metadata_len = strlen(text);
    listener.assigned(listener.context, &partition, 1);
    assert_true(partition.hold || partition.start == group.stands.offset);
    return !partition.hold;
}

static void goes(bool lost)
{
    mr_partition partition = {.topic = "t", .partition = PARTITION};
    listener.revoked(listener.context, &partition, 1, lost);
}

static void test_begins_unclean(void **state)
{
    (void)state;
    static const struct {
        int64_t offset;
        bool clean;
        uint32_t commits;
    } cases[] = {{400, true, 1}, {400, false, 0}, {-1, false, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        group.commits = 0;
        assert_true(comes(cases[i].offset, cases[i].clean));
        assert_int_equal(group.commits, cases[i].commits);
        assert_int_equal(consumer.begun, i + 1);
        goes(true);
    }
}

/* The group does not take the first commit: nothing is read. */
static void test_first_commit_refused(void **state)
{
    (void)state;
    group.refuses = true;
    assert_false(comes(400, true));
    assert_int_equal(consumer.begun, 0);
    assert_true(group.commits > 0 && mr_membership_held(membership) == 1);
    assert_logged("partition_held", "held, nothing is read from it: its first commit was not accepted");
}

/* In a cooperative group nobody assigns it again: it begins when a commit is taken at last, and is tried for now and then. */
static void test_first_commit_taken_later(void **state)
{
    (void)state;
    for (int cooperative = 0; cooperative < 2; cooperative++) {
        group.cooperative = cooperative;
        group.refuses = true;
        assert_false(comes(400, true));
        uint64_t now_ms = mr_clock_ms();
        uint32_t commits = group.commits, begun = consumer.begun;
        mr_membership_look(membership, now_ms + 5000);
        assert_int_equal(group.commits, commits);
        mr_membership_look(membership, now_ms + 15000); /* refused again */
        assert_int_equal(group.commits > commits, cooperative);
        assert_int_equal(mr_membership_held(membership), 1);
        group.refuses = false;
        mr_membership_look(membership, now_ms + 30000);
        assert_int_equal(mr_membership_held(membership), !cooperative);
        assert_int_equal(group.begun, cooperative);
        assert_int_equal(consumer.begun, begun + (uint32_t)cooperative);
        goes(true);
    }
}

/* Not of this configuration, or of a topic whose identities are another one's: neither is read. */
static void test_not_taken(void **state)
{
    (void)state;
    mr_partition others[] = {{.topic = "u", .partition = PARTITION, .committed = -1, .metadata = ""},
                             {.topic = TWIN_A, .partition = PARTITION, .committed = -1, .metadata = ""},
                             {.topic = TWIN_B, .partition = PARTITION, .committed = -1, .metadata = ""}};
    listener.assigned(listener.context, others, 3);
    assert_true(others[0].hold && !others[1].hold && others[2].hold);
    assert_logged("partition_refused", "no stream takes this topic");
    assert_logged("partition_held", "its name has the same hash as another topic's of this table");
}

/* The log is cut off from under it: it is held, or begins again, as the configuration says. */
static void test_cut_off(void **state)
{
    (void)state;
    assert_true(comes(400, false));
    mr_slot_snapshot cut = {
        .epoch = 1, .lowest = 405, .position = 405, .quiet = true, .accepting = true, .stopped = true};
    mr_slot_publish(consumer.slot, &cut, consumer.slot->start_ranges);
    mr_membership_look(membership, 1000);
    assert_int_equal(mr_membership_held(membership), 1);
    assert_logged("partition_held", "its position is not in the log any more: `millrace offsets reset`");
}

/* Whoever is asked to stop does not ask brokers any more, which may be silent: for each partition that would take seconds. */
static void test_comes_at_the_end(void **state)
{
    (void)state;
    is_stopping = true;
    assert_false(comes(400, false) || comes(-1, false));
    is_stopping = false;
    assert_int_equal(group.questions, 0);
    assert_true(group.commits == 0 && mr_membership_owned(membership) == 0);
}

static void test_goes(void **state)
{
    (void)state;
    assert_true(comes(400, false));
    publish(405, 405, true);
    goes(false);
    assert_true(group.stands.offset == 405 && consumer.ended == 1);
    assert_int_equal(mr_membership_owned(membership), 0);
    uint32_t commits = group.commits;
    mr_membership_commit(membership);
    assert_int_equal(group.commits, commits);
}

/* Another member has it already: its word counts. */
static void test_lost(void **state)
{
    (void)state;
    assert_true(comes(400, false));
    publish(405, 405, true);
    goes(true);
    assert_true(group.stands.offset == 400 && consumer.ended == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_begins_unclean),
                                       TEST(test_first_commit_refused),
                                       TEST(test_first_commit_taken_later),
                                       TEST(test_comes_at_the_end),
                                       TEST(test_goes),
                                       TEST(test_lost),
                                       TEST(test_not_taken),
                                       TEST(test_cut_off)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
