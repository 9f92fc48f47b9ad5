/* Rules across keys: parking, retries, dead letters, shards on hold: what is an error, what a warning, and what is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/config.h"

#define HEAD                                                                                                 \
    "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","            \
    "\"topics\":[\"t\",\"^u[0-9]\"],\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},"          \
    "\"columns\":[{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}]}],"
#define SHARD(name, more) "{\"name\":\"" name "\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"" more "}"
#define SHARDS(list)      "\n\"shards\":[" list "]"
#define WITH(more)        HEAD SHARDS(SHARD("a", "") "," SHARD("b", "")) ",\n" more "}"
#define HOLD              ",\"hold\":true"

typedef struct rule {
    const char *text;
    const char *where, *what; /* NULL: all is well */
    mr_level level;
} rule;

static void expect(const rule *one)
{
    mr_findings findings = {0};
    mr_config *config = NULL;
    mr_status status = mr_config_parse("test", one->text, strlen(one->text), NULL, &config, &findings);
    assert_int_equal(status == MR_OK, config != NULL);
    if (!one->where) {
        if (findings.count > 0)
            fail_msg("%s\nis said to be wrong: %s: %s", one->text, findings.at[0].where, findings.at[0].what);
    } else {
        if (findings.count != 1 || strcmp(findings.at[0].where, one->where) != 0 ||
            !strstr(findings.at[0].what, one->what))
            fail_msg("%s\n%zu findings, the first is %s: %s", one->text, findings.count,
                     findings.count ? findings.at[0].where : "", findings.count ? findings.at[0].what : "");
        assert_int_equal(findings.at[0].level, one->level);
        assert_int_equal(findings.at[0].line, 2);
        assert_true(*findings.at[0].remedy);
        assert_int_equal(config == NULL, one->level == MR_LEVEL_ERROR);
    }
    mr_config_free(config);
    mr_findings_free(&findings);
}

static void expect_all(const rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(&rules[i]);
}

#define ALL(rules) expect_all(rules, sizeof(rules) / sizeof((rules)[0]))

static void test_waits(void **state)
{
    (void)state;
    static const rule rules[] = {
        {WITH("\"park\":{\"probe_min_ms\":10,\"probe_max_ms\":10}"), NULL, NULL, MR_LEVEL_OK},
        {HEAD SHARDS(SHARD("a", "")) ",\"park\":{\"probe_min_ms\":1000,\"probe_max_ms\":999}}",
         "park.probe_max_ms", "below probe_min_ms", MR_LEVEL_ERROR},
        /* One of them alone may be beyond the other's default. */
        {HEAD SHARDS(SHARD("a", "")) ",\"park\":{\"probe_min_ms\":30001}}", "park.probe_max_ms", "below",
         MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"retry\":{\"backoff_min_ms\":60001}}", "retry.backoff_max_ms",
         "below", MR_LEVEL_ERROR},
        {WITH("\"retry\":{\"backoff_min_ms\":50,\"backoff_max_ms\":50,\"attempts_max\":1}"), NULL, NULL,
         MR_LEVEL_OK},
        {HEAD SHARDS(SHARD("a", "")) ",\"retry\":{\"attempts_max\":0}}", "retry.attempts_max", "not between",
         MR_LEVEL_ERROR},
    };
    ALL(rules);
}

static void test_share(void **state)
{
    (void)state;
    static const rule rules[] = {
        {WITH("\"park\":{\"pool_share_percent\":1}"), NULL, NULL, MR_LEVEL_OK},
        {WITH("\"park\":{\"pool_share_percent\":50}"), NULL, NULL, MR_LEVEL_OK},
        {HEAD SHARDS(SHARD("a", "")) ",\"park\":{\"pool_share_percent\":0}}", "park.pool_share_percent",
         "not between", MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"park\":{\"pool_share_percent\":51}}", "park.pool_share_percent",
         "not between", MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"park\":{\"after_s\":0}}", "park.after_s", "not between",
         MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"drift_percent\":101}}", "dlq.drift_percent", "not between",
         MR_LEVEL_ERROR},
    };
    ALL(rules);
}

static void test_dead_letters(void **state)
{
    (void)state;
    static const char source[] = "is a topic of a stream", letters[] = "is a dead-letter topic";
    static const rule rules[] = {
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"replay_topic\":\"t\"}}", "dlq.replay_topic", source,
         MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"replay_topic\":\"u7\"}}", "dlq.replay_topic", source,
         MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"replay_topic\":\"t.dlq\"}}", "dlq.replay_topic", letters,
         MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"topic\":\"x-{topic}\",\"replay_topic\":\"x-u7\"}}",
         "dlq.replay_topic", letters, MR_LEVEL_ERROR},
        {WITH("\"dlq\":{\"topic\":\"x\",\"replay_topic\":\"t.dlq\"}"), NULL, NULL, MR_LEVEL_OK},
        {WITH("\"dlq\":{\"replay_topic\":\"v7\"}"), NULL, NULL, MR_LEVEL_OK},
        /* Its dead letters would be read again as events. */
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"topic\":\"t\"}}", "dlq.topic", "would come back",
         MR_LEVEL_ERROR},
        {HEAD SHARDS(SHARD("a", "")) ",\"dlq\":{\"topic\":\"{topic}\"}}", "dlq.topic", "would come back",
         MR_LEVEL_ERROR},
        {WITH("\"dlq\":{\"topic\":\"u7\"}"), NULL, NULL, MR_LEVEL_OK}, /* patterns do not take it */
    };
    ALL(rules);
}

static void test_holds(void **state)
{
    (void)state;
    static const rule rules[] = {
        {HEAD SHARDS(SHARD("a", HOLD)) "}", "shards", "all shards are on hold", MR_LEVEL_WARNING},
        {HEAD SHARDS(SHARD("a", HOLD) "," SHARD("b", HOLD)) "}", "shards", "all shards are on hold",
         MR_LEVEL_WARNING},
        {HEAD SHARDS(SHARD("a", HOLD) "," SHARD("b", "")) "}", NULL, NULL, MR_LEVEL_OK},
        {HEAD SHARDS(SHARD("a", "") "," SHARD("b", HOLD)) "}", NULL, NULL, MR_LEVEL_OK},
    };
    ALL(rules);
}

/* A value that could not be read is not called missing as well. */
static void test_one_error_for_one_mistake(void **state)
{
    (void)state;
    static const rule rules[] = {
        {HEAD SHARDS("{\"name\":\"a\",\"host\":\"${NOPE}\",\"user\":\"u\",\"database\":\"d\"}") "}",
         "shards[0].host", "NOPE is not set", MR_LEVEL_ERROR},
        {HEAD SHARDS("{\"name\":\"a\",\"host\":\"\",\"user\":\"u\",\"database\":\"d\"}") "}",
         "shards[0].host", "is missing", MR_LEVEL_ERROR},
    };
    ALL(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_dead_letters),
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_one_error_for_one_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
