/* Where a partition begins: at its commit with what is parked by it, or by kafka.start where the group has no offset.  The brokers are a few lines
 * here, and may be silent. */
#include "app/start.h"
#include "fake_log.h"
#include "small_config.h"
#include "stages/snapshot.h"

enum { SHARDS = 2, LOW = 100, HIGH = 900, AT_TIME = 500 };

static mr_config *config;
static mr_slot_range ranges[SHARDS];
static mr_beginning begin;

/* ---- brokers ---- */

static struct {
    int silent; /* questions that are not answered */
    int asked_again;
    int known; /* of mr_group_topic_known */
    bool stopping;
} brokers;

static bool answers(void)
{
    return brokers.silent-- <= 0;
}

bool mr_group_watermarks_ask(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                             int64_t *high, uint32_t timeout_ms)
{
    (void)group;
    (void)timeout_ms;
    assert_true(!strcmp(topic, "t") && partition == 7);
    *low = LOW;
    *high = HIGH;
    return answers();
}

int mr_group_topic_known(mr_group *group, const char *topic, int32_t but_partition)
{
    (void)group;
    assert_true(!strcmp(topic, "t") && but_partition == 7);
    return answers() ? brokers.known : -1;
}

bool mr_group_offset_at(mr_group *group, const char *topic, int32_t partition, int64_t ms, int64_t *offset,
                        uint32_t timeout_ms)
{
    (void)group;
    (void)timeout_ms;
    assert_true(!strcmp(topic, "t") && partition == 7 && ms == config->kafka.start_ms);
    *offset = AT_TIME;
    return answers();
}

static void busy(void *context)
{
    (void)context;
    brokers.asked_again++;
}

static bool stopping(void *context)
{
    (void)context;
    return brokers.stopping;
}

/* ---- one decision ---- */

/* kafka: more of that section. */
static void configure(const char *kafka)
{
    mr_config_free(config);
    config = small_config("b", kafka, "");
    memset(&brokers, 0, sizeof brokers);
}

static bool decide(int64_t committed, const char *metadata)
{
    mr_main_duties duties = {.busy = busy, .stopping = stopping};
    mr_partition partition = {.topic = "t",
                              .partition = 7,
                              .committed = committed,
                              .metadata = metadata,
                              .metadata_len = strlen(metadata)};
    memset(ranges, 0xff, sizeof ranges); /* what it leaves out is none */
    begin = (mr_beginning){.ranges = ranges};
    return mr_start_decide(NULL, config, mr_fingerprint(config), &duties, &partition, &begin);
}

/* At what a commit of ours says. */
static bool decide_at(const mr_snapshot *said)
{
    char text[MR_METADATA_MAX + 1];
    mr_snapshot_format(said, text, sizeof text);
    return decide(said->offset, text);
}

static void test_commit(void **state)
{
    (void)state;
    configure("");
    mr_snapshot said = {.offset = 400, .fingerprint = mr_fingerprint(config), .clean = true};
    assert_true(decide_at(&said));
    assert_true(!begin.hold && begin.offset == 400 && begin.committed == 400 && begin.committed_clean);
    assert_true(begin.dirty_until == 400);
    said.clean = false;
    assert_true(decide_at(&said));
    assert_true(!begin.hold && begin.offset == 400 && !begin.committed_clean);
    assert_true(begin.dirty_until == HIGH); /* so far it may have got */
    for (uint32_t shard = 0; shard < SHARDS; shard++)
        assert_true(begin.ranges[shard].from == 0 && begin.ranges[shard].to == 0);
}

/* What is parked stays so, and what was being read again is read again from there. */
static void test_ranges(void **state)
{
    (void)state;
    configure("");
    mr_snapshot said = {.offset = 400, .fingerprint = mr_fingerprint(config), .entry_count = 2};
    said.entry[0] = (mr_snapshot_entry){.shard = mr_shard_hash("s1"), .from = 150, .to = 300};
    said.entry[1] = (mr_snapshot_entry){.shard = mr_shard_hash("s0"), .from = 120, .to = MR_RANGE_OPEN};
    assert_true(decide_at(&said));
    assert_false(begin.hold);
    assert_true(begin.ranges[0].from == 120 && begin.ranges[0].to == MR_RANGE_OPEN);
    assert_true(begin.ranges[1].from == 150 && begin.ranges[1].to == 300);
    said.fingerprint++;
    assert_true(decide_at(&said));
    assert_true(begin.hold && begin.why[0]);
}

static void test_other_author(void **state)
{
    (void)state;
    configure("");
    assert_true(decide(400, ""));
    assert_true(begin.hold && begin.why[0]);
    configure(",\"foreign_offsets\":\"accept\"");
    assert_true(decide(400, ""));
    assert_true(!begin.hold && begin.offset == 400 && !begin.committed_clean && begin.dirty_until == HIGH);
}

/* No answer is never "no offset". */
static void test_silent_brokers(void **state)
{
    (void)state;
    configure(",\"start\":\"latest\"");
    mr_snapshot said = {.offset = 400, .fingerprint = mr_fingerprint(config)};
    brokers.silent = 3;
    assert_true(decide_at(&said));
    assert_true(begin.offset == 400 && brokers.asked_again == 3);
    assert_logged("start_unknown", "brokers do not say where the partition begins");
    configure(",\"start\":\"latest\"");
    brokers.known = 1;
    brokers.silent = 3;
    assert_true(decide(-1, ""));
    assert_true(begin.offset == LOW && brokers.asked_again == 3);
    brokers.silent = 3;
    brokers.stopping = true;
    assert_false(decide(-1, ""));
}

static void test_first_time(void **state)
{
    (void)state;
    static const struct {
        const char *kafka;
        int64_t unknown; /* where it begins when the group has no offset of the topic at all; -1: held */
    } starts[] = {{",\"start\":\"earliest\"", LOW},
                  {",\"start\":\"latest\"", HIGH},
                  {",\"start\":\"2026-01-02T03:04:05Z\"", AT_TIME},
                  {",\"start\":\"error\"", -1}};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        configure(starts[i].kafka);
        assert_true(decide(-1, ""));
        assert_true(begin.hold == (starts[i].unknown < 0) && begin.committed < 0);
        if (!begin.hold)
            assert_true(begin.offset == starts[i].unknown && begin.dirty_until == begin.offset);
        else
            assert_non_null(strstr(begin.why, "the group has no offset for it and kafka.start is"));
        brokers.known = 1; /* partitions were added: written to before anybody knew of them */
        assert_true(decide(-1, ""));
        assert_true(!begin.hold && begin.offset == LOW);
    }
}

static void test_out_of_range(void **state)
{
    (void)state;
    configure("");
    mr_snapshot said = {.offset = LOW - 1, .fingerprint = mr_fingerprint(config)};
    assert_true(decide_at(&said));
    assert_true(begin.hold && strstr(begin.why, "the committed offset is not in the log any more"));
    said.offset = HIGH + 1;
    assert_true(decide_at(&said));
    assert_true(begin.hold);
    configure(",\"out_of_range\":\"earliest\"");
    assert_true(decide_at(&said));
    assert_logged("offset_out_of_range",
                  "the committed offset is not in the log (100 to 900): going on at its beginning");
    assert_true(!begin.hold && begin.offset == LOW && begin.committed == -1);
    assert_true(begin.dirty_until == HIGH); /* rows above may be there, and `clean` would deny them */
    said.clean = true;
    assert_true(decide_at(&said));
    assert_true(!begin.hold && begin.offset == LOW && begin.dirty_until == LOW);
    said.clean = false;
    said.offset = HIGH;
    assert_true(decide_at(&said));
    assert_true(!begin.hold && begin.offset == HIGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),       cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_other_author), cmocka_unit_test(test_silent_brokers),
        cmocka_unit_test(test_first_time),   cmocka_unit_test(test_out_of_range),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mr_config_free(config);
    return failed;
}
