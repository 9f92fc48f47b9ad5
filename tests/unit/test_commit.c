/* What main commits of a partition: one published snapshot, whenever its offset, its parked ranges or the word "clean" has changed, until an answer
 * of this assignment says that it stands.  The group is a few lines here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/snapshot.h"
#include "worker/app/membership_private.h"

enum { SHARDS = 2, START = 40 };

static const char configuration[] =
    "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":["
    "{\"name\":\"t\",\"topic\":\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"
    "\"columns\":[{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
    "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},"
    "{\"name\":\"s1\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";

static mr_config *config;
static mr_arena *arena;
static mr_flow flow;
static mr_membership m;
static mr_owned *owned;
static mr_slot slot;
static mr_slot_snapshot now;
static mr_slot_range ranges[SHARDS];

/* ---- the group ---- */

static struct {
    bool under_way;
    size_t count; /* partitions of the last commit */
    int64_t offset;
    mr_snapshot said;
} group;

void mr_group_commit(mr_group *unused, const mr_partition *partitions, size_t count, uint32_t wait_ms)
{
    (void)unused;
    (void)wait_ms;
    assert_false(group.under_way);
    assert_true(count <= 1);
    group.count = count;
    if (count == 0)
        return;
    group.under_way = true;
    group.offset = partitions->start;
    assert_int_equal(
        mr_snapshot_parse(partitions->metadata, partitions->metadata_len, partitions->start, &group.said),
        MR_MARK_OURS);
    assert_true(group.said.fingerprint == m.fingerprint);
}

bool mr_group_committing(const mr_group *unused)
{
    (void)unused;
    return group.under_way;
}

mr_owned *mr_membership_find(const mr_membership *unused, const char *topic, int32_t partition)
{
    (void)unused;
    return owned->used && partition == slot.partition && !strcmp(topic, slot.topic) ? owned : NULL;
}

static void answer(bool failed)
{
    mr_partition one = {.topic = "t", .partition = slot.partition, .start = group.offset, .failed = failed};
    group.under_way = false;
    mr_commit_answered(&m, &one, 1, failed ? "refused" : "");
}

/* ---- the partition ---- */

static int set_up(void **state)
{
    (void)state;
    mr_findings findings = {0};
    if (mr_config_parse("test", configuration, sizeof configuration - 1, NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    arena = mr_arena_new();
    flow = (mr_flow){.config = config, .metrics = mr_metrics_new(config, arena, 1), .shards = SHARDS};
    m = (mr_membership){.flow = &flow, .room = 1, .fingerprint = mr_fingerprint(config)};
    m.all = mr_arena_take(arena, "membership", 1, sizeof *m.all);
    m.due = mr_arena_take(arena, "membership", 1, sizeof *m.due);
    m.texts = mr_arena_take(arena, "membership", mr_membership_texts_bytes(1), 1);
    m.ranges = mr_arena_take(arena, "membership", SHARDS, sizeof *m.ranges);
    owned = m.all;
    memset(&slot, 0, sizeof slot);
    mr_slot_init(&slot, SHARDS, arena);
    memcpy(slot.topic, "t", 2);
    slot.partition = 7;
    slot.start = START;
    *owned = (mr_owned){.used = true, .slot = &slot, .life = 1, .committed = START, .dirty_until = START};
    memset(&group, 0, sizeof group);
    memset(ranges, 0, sizeof ranges);
    now =
        (mr_slot_snapshot){.epoch = 1, .lowest = START, .position = START, .quiet = true, .accepting = true};
    mr_slot_publish(&slot, &now, ranges);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_free(arena);
    mr_config_free(config);
    return 0;
}

static void at(int64_t lowest, int64_t position)
{
    now.lowest = lowest;
    now.position = position;
    now.quiet = lowest == position;
    mr_slot_publish(&slot, &now, ranges);
}

static void park(uint32_t shard, int64_t from, int64_t to)
{
    ranges[shard] = (mr_slot_range){.from = from, .to = to};
    now.ranges_version++;
    mr_slot_publish(&slot, &now, ranges);
}

/* Whether a commit was due; its answer is still awaited then. */
static bool commits(void)
{
    group.count = 0;
    mr_membership_commit(&m);
    return group.count == 1;
}

/* ---- what is committed ---- */

static void test_frontier(void **state)
{
    (void)state;
    assert_false(commits());
    at(41, 60);
    assert_true(commits());
    assert_true(group.offset == 41 && group.said.offset == 41 && group.said.entry_count == 0);
    at(43, 60);
    assert_false(commits()); /* one at a time */
    answer(false);
    assert_true(owned->committed == 41);
    assert_true(commits());
    assert_true(group.offset == 43);
    answer(false);
    at(43, 70); /* it has read on, and nothing of it may be committed */
    assert_false(commits());
}

static void test_ranges(void **state)
{
    (void)state;
    at(45, 60);
    park(0, 42, MR_RANGE_OPEN);
    park(1, 41, 44);
    assert_true(commits());
    assert_int_equal(group.said.entry_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const mr_snapshot_entry *entry = &group.said.entry[i];
        int shard = mr_snapshot_shard(config, entry->shard);
        assert_true(shard >= 0 && entry->from == ranges[shard].from && entry->to == ranges[shard].to);
    }
}

/* The offset stands and the ranges have changed: in either direction. */
static void test_ranges_alone(void **state)
{
    (void)state;
    at(45, 45);
    park(1, 41, 44);
    assert_true(commits());
    answer(false);
    assert_false(commits());
    park(1, 43, 44);
    assert_true(commits());
    assert_true(group.offset == 45 && group.said.entry[0].from == 43);
    answer(false);
    park(1, 0, 0);
    assert_true(commits());
    assert_true(group.offset == 45 && group.said.entry_count == 0);
    answer(false);
    assert_false(commits());
}

/* Nothing is durable above it, and nothing more will be. */
static void test_clean(void **state)
{
    (void)state;
    owned->dirty_until = 60; /* by an earlier life */
    at(50, 50);
    assert_true(commits());
    assert_false(group.said.clean); /* more is taken */
    answer(false);
    now.accepting = false;
    at(50, 51);
    assert_false(commits());
    at(51, 51);
    assert_true(commits());
    assert_false(group.said.clean); /* an earlier life had come to 60 */
    answer(false);
    at(60, 60);
    assert_true(commits());
    assert_true(group.said.clean);
    answer(false);
    assert_false(commits());
}

static void test_beginning(void **state)
{
    (void)state;
    size_t count = 0;
    mr_slot_range first[SHARDS] = {{0}, {.from = 30, .to = MR_RANGE_OPEN}};
    memcpy(slot.start_ranges, first, sizeof first);
    owned->committed_clean = true;
    assert_true(mr_commit_add_beginning(&m, owned, &count));
    mr_commit_send(&m, count, 0);
    assert_true(group.count == 1 && group.offset == START && !group.said.clean);
    assert_true(group.said.entry_count == 1 && group.said.entry[0].from == 30);
    answer(false);
    assert_true(owned->committed == START && !owned->committed_clean);
}

/* ---- answers ---- */

static void test_refused(void **state)
{
    (void)state;
    at(41, 60);
    assert_true(commits());
    answer(true);
    assert_true(owned->committed == START);
    assert_int_equal(mr_metric_get(flow.metrics, MR_M_COMMIT_ERRORS, 0, 0), 1);
    assert_true(commits());
    assert_true(group.offset == 41);
    answer(false);
    assert_false(commits());
}

/* The partition has gone and come back while its commit was under way: the answer is not about this assignment. */
static void test_earlier_life(void **state)
{
    (void)state;
    at(41, 60);
    park(0, 41, MR_RANGE_OPEN);
    assert_true(commits());
    *owned = (mr_owned){.used = true,
                        .slot = &slot,
                        .life = owned->life + 1,
                        .committed = START,
                        .sent = owned->sent,
                        .sent_life = owned->sent_life,
                        .sent_ranges = owned->sent_ranges,
                        .dirty_until = START};
    answer(false);
    assert_true(owned->committed == START);
    assert_true(commits());
}

/* Its consumer has let go of it. */
static void test_closed(void **state)
{
    (void)state;
    now = (mr_slot_snapshot){.epoch = 0, .lowest = 50, .position = 50};
    mr_slot_publish(&slot, &now, NULL);
    assert_false(commits());
    owned->used = false;
    assert_false(commits());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frontier),  TEST(test_ranges),  TEST(test_ranges_alone), TEST(test_clean),
        TEST(test_beginning), TEST(test_refused), TEST(test_earlier_life), TEST(test_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
