/* The fingerprint of the rules: what changes it and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/snapshot.h"

/* Two streams and three shards that a test can change one thing of. */
static struct {
    mr_source key[2][2], column_from[2];
    mr_column columns[2];
    size_t id_columns[2];
    const char *topics[2][2];
    mr_stream streams[2];
    mr_shard shards[3];
    uint16_t slot_shard[12];
    mr_config config;
} rules;

static void reset(void)
{
    static const uint16_t slots[12] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
    memset(&rules, 0, sizeof rules);
    rules.key[0][0] = (mr_source){.text = "userId"};
    rules.key[0][1] = (mr_source){.text = "anonymousId"};
    rules.key[1][0] = (mr_source){.kind = MR_FROM_KEY, .text = "@key"};
    rules.column_from[0] = (mr_source){.text = "messageId"};
    rules.column_from[1] = (mr_source){.text = "type"};
    rules.columns[0] =
        (mr_column){.name = "message_id", .from = {&rules.column_from[0], 1}, .type = MR_TYPE_STRING};
    rules.columns[1] =
        (mr_column){.name = "type", .from = {&rules.column_from[1], 1}, .type = MR_TYPE_STRING};
    rules.id_columns[0] = 0;
    rules.id_columns[1] = 1;
    rules.topics[0][0] = "events";
    rules.topics[0][1] = "more-events";
    rules.topics[1][0] = "orders";
    rules.streams[0] = (mr_stream){.name = "events",
                                   .topics = rules.topics[0],
                                   .topic_count = 2,
                                   .key = {rules.key[0], 2},
                                   .id_ksuid = true,
                                   .id_column = "id",
                                   .id_namespace = ""};
    rules.streams[1] = (mr_stream){.name = "orders",
                                   .topics = rules.topics[1],
                                   .topic_count = 1,
                                   .key = {rules.key[1], 1},
                                   .id_columns = rules.id_columns,
                                   .id_column_count = 1,
                                   .columns = rules.columns,
                                   .column_count = 2};
    rules.shards[0].name = "s0";
    rules.shards[1].name = "s1";
    rules.shards[2].name = "s2";
    memcpy(rules.slot_shard, slots, sizeof slots);
    rules.config = (mr_config){.streams = rules.streams,
                               .stream_count = 2,
                               .shards = rules.shards,
                               .shard_count = 3,
                               .slots = 12,
                               .slot_shard = rules.slot_shard};
}

/* The fingerprint after `change` to what reset() made. */
#define AFTER(change) (reset(), (change), mr_fingerprint(&rules.config))

static void test_golden(void **unused)
{
    (void)unused;
    /* Written down, and worked out by another program: a release that comes to another number cannot take over from this one. */
    reset();
    assert_int_equal(mr_fingerprint(&rules.config), UINT64_C(0x4ed180b6ee791e79));
}

static void test_what_does_not_matter(void **unused)
{
    (void)unused;
    uint64_t was = AFTER((void)0);
    mr_stream stream;
    assert_int_equal(was, AFTER((stream = rules.streams[0], rules.streams[0] = rules.streams[1],
                                 rules.streams[1] = stream)));
    assert_int_equal(was, AFTER((rules.topics[0][0] = "more-events", rules.topics[0][1] = "events")));
    assert_int_equal(was, AFTER(rules.shards[1].host = "elsewhere"));
    assert_int_equal(was, AFTER(rules.shards[1].slots = "4-7"));
    assert_int_equal(was, AFTER(rules.streams[0].table = "another"));
    assert_int_equal(was, AFTER(rules.streams[0].id_column = "ident"));
    assert_int_equal(was, AFTER(rules.column_from[1].text = "kind")); /* a column that is no identity */
    assert_int_equal(was, AFTER(rules.config.kafka.group_id = "g"));
    /* the shards in another order, with the slots that they had */
    static const uint16_t turned[12] = {2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1};
    assert_int_equal(was,
                     AFTER((rules.shards[0].name = "s1", rules.shards[1].name = "s2",
                            rules.shards[2].name = "s0", memcpy(rules.slot_shard, turned, sizeof turned))));
    /* one stream takes whatever topics there are */
    uint64_t one = AFTER(rules.config.stream_count = 1);
    assert_int_equal(one, AFTER((rules.config.stream_count = 1, rules.streams[0].topic_count = 1)));
    assert_int_equal(one, AFTER((rules.config.stream_count = 1, rules.streams[0].name = "renamed")));
}

static void test_what_matters(void **unused)
{
    (void)unused;
    const uint64_t all[] = {
        AFTER((void)0),
        AFTER(rules.shards[1].name = "sx"),
        AFTER((rules.shards[0].name = "s1",
               rules.shards[1].name = "s0")), /* names change places, slots do not */
        AFTER(rules.slot_shard[4] = 0),
        AFTER(rules.slot_shard[4] = 2),
        AFTER((rules.slot_shard[0] = 1, rules.slot_shard[4] = 0)),
        AFTER(rules.config.slots = 11),
        AFTER(rules.config.shard_count = 2),
        AFTER(rules.config.stream_count = 1),
        AFTER(rules.key[0][0].text = "user"),
        AFTER((rules.key[0][0].text = "anonymousId", rules.key[0][1].text = "userId")),
        AFTER(rules.streams[0].key.count = 1),
        AFTER(rules.streams[0].key_missing = MR_KEY_MISSING_SPREAD),
        AFTER(rules.streams[0].id_namespace = "b"),
        AFTER(rules.streams[1].id_column_count = 2),
        AFTER(rules.id_columns[0] = 1),
        AFTER(rules.column_from[0].text = "id"),
        AFTER(rules.columns[0].name = "ident"),
        AFTER(rules.columns[0].type = MR_TYPE_UUID),
        AFTER((rules.streams[1].id_ksuid = true, rules.streams[1].id_namespace = "")),
        AFTER(rules.topics[1][0] = "more-orders"),
        AFTER(
            (rules.topics[0][1] = "orders", rules.topics[1][0] = "more-events")), /* topics change streams */
        AFTER(rules.streams[0].topic_count = 1),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t j = 0; j < i; j++)
            if (all[i] == all[j])
                fail_msg("rules %zu and %zu have the same fingerprint", i, j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_what_does_not_matter),
        cmocka_unit_test(test_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
