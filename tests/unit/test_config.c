/* The configuration: defaults, every kind of error with its place, environment, slot maps, and printing what was read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/config.h"
#include "stages/config_reference.h"
#include "stages/config_table.h"
#include "stages/route.h"
#include "stages/starter.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A well-formed configuration in pieces, so that a test can put something else in one place. */
#define KAFKA              "\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"}"
#define COLUMN             "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}"
#define ID                 "\"id\":{\"column\":\"id\",\"from\":\"ksuid\"}"
#define STREAM_WITH(more)  "{\"name\":\"s\",\"topic\":\"t\",\"table\":\"t\"," more "}"
#define STREAMS_WITH(more) "\"streams\":[" STREAM_WITH(more) "]"
#define STREAMS            STREAMS_WITH(ID ",\"columns\":[" COLUMN "]")
#define STREAM_OF(name, of)                                                                                  \
    "{\"name\":\"" name "\",\"topic\":\"" of "\",\"table\":\"t\"," ID ",\"columns\":[" COLUMN "]}"
#define SHARD               "{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}"
#define SHARDS              "\"shards\":[" SHARD "]"
#define WITH_COLUMN(column) "{" KAFKA "," STREAMS_WITH(ID ",\"columns\":[" column "]") "," SHARDS "}"
#define WITH_SHARDS(shards) "{" KAFKA "," STREAMS ",\"shards\":[" shards "]}"
#define WITH(more)          "{" KAFKA "," STREAMS "," SHARDS "," more "}"

static mr_config *load(const char *text, char *const *environment, mr_findings *findings)
{
    mr_config *config;
    *findings = (mr_findings){0};
    mr_status status = mr_config_parse("test", text, strlen(text), environment, &config, findings);
    assert_int_equal(status == MR_OK, config != NULL);
    return config;
}

static mr_config *load_well(const char *text, char *const *environment)
{
    mr_findings findings;
    mr_config *config = load(text, environment, &findings);
    if (!config)
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static void test_defaults(void **state)
{
    (void)state;
    /* Its own name, however alike. */
    mr_config_free(load_well(WITH("\"dlq\":{\"replay_topic\":\"t.replay\"}"), NULL));
    mr_config_free(load_well(WITH("\"dlq\":{\"replay_topic\":\"tt.dlq\"}"), NULL));
    mr_config *c = load_well("{" KAFKA "," STREAMS "," SHARDS "}", NULL);
    assert_int_equal(c->kafka.consumer_threads, 1);
    assert_int_equal(c->kafka.start, MR_START_EARLIEST);
    assert_false(c->kafka.out_of_range_earliest);
    assert_false(c->kafka.read_uncommitted);
    assert_int_equal(c->kafka.commit_interval_ms, 1000);
    assert_int_equal(c->kafka.rebalance_drain_s, 2);
    assert_false(c->kafka.foreign_offsets_accept);
    assert_string_equal(c->kafka.group_instance_id, "");
    assert_int_equal(c->slots, 1024);
    assert_int_equal(c->batch.max_rows, 5000);
    assert_int_equal(c->batch.max_bytes, 8388608);
    assert_int_equal(c->batch.linger_ms, 20);
    assert_int_equal(c->retry.tick_ms, 100);
    assert_int_equal(c->retry.backoff_min_ms, 100);
    assert_int_equal(c->retry.backoff_max_ms, 60000);
    assert_int_equal(c->retry.attempts_max, 10);
    assert_int_equal(c->park.pool_share_percent, 25);
    assert_int_equal(c->park.after_s, 10);
    assert_int_equal(c->park.probe_min_ms, 500);
    assert_int_equal(c->park.probe_max_ms, 30000);
    assert_string_equal(c->dlq.topic, "{topic}.dlq");
    assert_int_equal(c->dlq.per_minute_max, 0);
    assert_int_equal(c->dlq.drift_percent, 50);
    assert_int_equal(c->memory.pool_mib, 64);
    assert_int_equal(c->memory.fetch_mib, 0); /* by the library: test_plan */
    assert_string_equal(c->http.listen, "[::]:7780");
    assert_string_equal(c->http.probe_listen, "[::]:7781");
    assert_true(c->http.status_page);
    assert_int_equal(c->shutdown.grace_s, 25);
    assert_int_equal(c->shards[0].connect_timeout_s, 5);
    assert_int_equal(c->shards[0].read_timeout_s, 30);
    assert_int_equal(c->shards[0].write_timeout_s, 30);
    assert_int_equal(c->shards[0].port, 3306);
    assert_int_equal(c->shards[0].dialect, MR_DIALECT_AUTO);
    assert_false(c->shards[0].hold);
    assert_int_equal(c->streams[0].key.at[0].kind, MR_FROM_KEY);
    assert_int_equal(c->streams[0].key_missing, MR_KEY_MISSING_SPREAD);
    assert_false(c->streams[0].tombstone_skip);
    mr_config_free(c);
}

/* One error each: the path, a part of what it says, and where the file shows it. */
static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } cases[] = {
        {"[]", "test", "expected an object"},
        {"{\"kafka\":", "test", ""},
        {"{" STREAMS "," SHARDS "}", "kafka.bootstrap_servers", "is missing"},
        {"{" KAFKA "," SHARDS "}", "streams", "is missing"},
        {"{" KAFKA "," STREAMS "}", "shards", "is missing"},
        {"{" KAFKA "," STREAMS ",\"shards\":[]}", "shards", "expected a list of 1 to"},
        {"{" KAFKA ",\"streams\":{}," SHARDS "}", "streams", "expected a list"},
        {"{" KAFKA ",\"streams\":[7]," SHARDS "}", "streams[0]", "expected an object"},
        {WITH("\"btach\":{}"), "btach", "unknown key"},
        {WITH("\"batch\":{\"max_row\":1}"), "batch.max_row", "unknown key"},
        {WITH("\"batch\":{\"max_rows\":0}"), "batch.max_rows", "not between"},
        {WITH("\"batch\":{\"max_rows\":-5}"), "batch.max_rows", "not between"},
        {WITH("\"batch\":{\"max_rows\":1.5}"), "batch.max_rows", "expected a whole number"},
        {WITH("\"batch\":{\"max_rows\":\"7\"}"), "batch.max_rows", "expected a whole number, found a string"},
        {WITH("\"batch\":7"), "batch", "expected an object"},
        {WITH("\"batch\":{\"linger_ms\":1,\"linger_ms\":2}"), "batch.linger_ms", "a second time"},
        {WITH("\"http\":{\"status_page\":1}"), "http.status_page", "expected true or false"},
        {WITH("\"log\":{\"format\":\"xml\"}"), "log.format", "not known"},
        {WITH("\"log\":{\"format\":7}"), "log.format", "expected a string"},
        {WITH("\"dlq\":{\"topic\":\"${NOPE}\"}"), "dlq.topic", "the environment variable NOPE is not set"},
        {WITH("\"dlq\":{\"topic\":\"${NOPE\"}"), "dlq.topic", "without }"},
        {WITH("\"dlq\":{\"replay_topic\":\"t\"}"), "dlq.replay_topic", "is a topic of a stream"},
        {WITH("\"dlq\":{\"replay_topic\":\"t.dlq\"}"), "dlq.replay_topic", "is a dead-letter topic"},
        {WITH("\"dlq\":{\"topic\":\"x\",\"replay_topic\":\"x\"}"), "dlq.replay_topic",
         "is a dead-letter topic"},
        {WITH("\"dlq\":{\"topic\":\"a.{topic}.z\",\"replay_topic\":\"a.t.z\"}"), "dlq.replay_topic",
         "is a dead-letter topic"},
        {WITH("\"dlq\":{\"replay_topic\":\"^r\"}"), "dlq.replay_topic", "no place for a pattern"},
        {WITH("\"retry\":{\"backoff_min_ms\":100,\"backoff_max_ms\":50}"), "retry.backoff_max_ms", "below"},
        {"{\"kafka\":{\"bootstrap_servers\":\"\",\"group_id\":\"g\"}," STREAMS "," SHARDS "}",
         "kafka.bootstrap_servers", "empty"},
        {"{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"start\":\"2026-02-31T00:00:00Z\"}"
         "," STREAMS "," SHARDS "}",
         "kafka.start", "no place to start"},
        {"{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"start\":\"1969-12-31T23:59:59Z\"}"
         "," STREAMS "," SHARDS "}",
         "kafka.start", "no place to start"},
        {"{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"start\":\"noon\"}," STREAMS "," SHARDS
         "}",
         "kafka.start", "no place to start"},
        {"{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"properties\":{\"enable.auto.commit\":"
         "true}}," STREAMS "," SHARDS "}",
         "kafka.properties.enable.auto.commit", "owns this property"},
        {"{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"producer_properties\":{\"acks\":1}}"
         "," STREAMS "," SHARDS "}",
         "kafka.producer_properties.acks", "owns this property"},
        {"{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\",\"properties\":[]}," STREAMS "," SHARDS
         "}",
         "kafka.properties", "expected an object"},
        {"{" KAFKA "," STREAMS_WITH("\"columns\":[" COLUMN "]") "," SHARDS "}", "streams[0].id",
         "is missing"},
        {"{" KAFKA "," STREAMS_WITH("\"id\":{\"column\":\"id\"},\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].id", "needs"},
        {"{" KAFKA "," STREAMS_WITH("\"id\":{\"columns\":[\"x\"]},\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].id.columns[0]", "no such column"},
        {"{" KAFKA "," STREAMS_WITH(
             "\"id\":{\"columns\":[\"c\"]},\"columns\":[{\"from\":\"c\",\"type\":\"int8\"}]") "," SHARDS "}",
         "streams[0].columns[0].name", "is missing"},
        {"{" KAFKA "," STREAMS_WITH("\"id\":{\"columns\":[\"c\"]},\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].id.columns[0]", "cannot be null"},
        {"{" KAFKA "," STREAMS_WITH(ID ",\"where\":[],\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].where", "reserved"},
        {"{" KAFKA "," STREAMS_WITH(ID ",\"write\":\"upsert\",\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].write", "reserved"},
        {"{" KAFKA "," STREAMS_WITH(ID ",\"tombstone\":\"delete\",\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].tombstone", "reserved"},
        {"{" KAFKA "," STREAMS_WITH(ID ",\"key\":[],\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].key", "empty"},
        {"{" KAFKA "," STREAMS_WITH(ID ",\"key\":\"@nothing\",\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].key", "\"@nothing\" is no source"},
        {"{" KAFKA "," STREAMS_WITH(ID ",\"topics\":[\"u\"],\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].topics", "together"},
        {"{" KAFKA ",\"streams\":[" STREAM_WITH(ID ",\"columns\":[" COLUMN "]") "," STREAM_WITH(
             ID ",\"columns\":[" COLUMN "]") "]," SHARDS "}",
         "streams[1].name", "there already"},
        {"{" KAFKA ",\"streams\":[" STREAM_OF("a", "x-1d5al4") "," STREAM_OF("b", "x-gn9b9l") "]," SHARDS "}",
         "streams[1].topic",
         "\"x-gn9b9l\" and \"x-1d5al4\" have the same hash and would share identities"}, /* a8f2f893 */
        {WITH_COLUMN("{\"name\":\"c\",\"type\":\"int8\"}"), "streams[0].columns[0].from", "is missing"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"a..b\",\"type\":\"int8\"}"), "streams[0].columns[0].from",
         "empty step"},
        {WITH_COLUMN("{\"from\":\"c\",\"type\":\"int8\"}"), "streams[0].columns[0].name", "is missing"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\"}"), "streams[0].columns[0].type", "is missing"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"text\"}"), "streams[0].columns[0].type",
         "not known"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"string\"}"),
         "streams[0].columns[0].max_bytes", "required"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\",\"max_bytes\":3}"),
         "streams[0].columns[0].max_bytes", "means nothing"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"decimal\"}"),
         "streams[0].columns[0].precision", "required"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"decimal\",\"precision\":3,\"scale\":4}"),
         "streams[0].columns[0].scale", "4 digits after the point of 3 in all"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\",\"unit\":\"ms\"}"),
         "streams[0].columns[0].unit", "means nothing"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"datetime\",\"unit\":\"h\"}"),
         "streams[0].columns[0].unit", "not known"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"datetime\",\"assume_offset\":\"noon\"}"),
         "streams[0].columns[0].assume_offset", "\"noon\" is no offset from UTC"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\",\"accept\":[\"all\"]}"),
         "streams[0].columns[0].accept", "cannot be accepted"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\",\"required\":true,\"default\":1}"),
         "streams[0].columns[0].default", "together"},
        {WITH_COLUMN("{\"name\":\"c\",\"from\":\"c\",\"value\":1,\"type\":\"int8\"}"),
         "streams[0].columns[0].value", "together"},
        {WITH_COLUMN(COLUMN "," COLUMN), "streams[0].columns[1].name", "there already"},
        {WITH_COLUMN("{\"name\":\"id\",\"from\":\"c\",\"type\":\"int8\"}"), "streams[0].columns[0].name",
         "there already"},
        {WITH_SHARDS("{\"name\":\"a\",\"user\":\"u\",\"database\":\"d\"}"), "shards[0].host", "is missing"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"socket\":\"/s\",\"user\":\"u\",\"database\":\"d\"}"),
         "shards[0].host", "host and socket together"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"database\":\"d\"}"), "shards[0].user", "is missing"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\"}"), "shards[0].database", "is missing"},
        {WITH_SHARDS("{\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}"), "shards[0].name", "is missing"},
        {WITH_SHARDS(SHARD "," SHARD), "shards[1].name", "there already"},
        {"{" KAFKA "," STREAMS ",\"slots\":1,\"shards\":[" SHARD
         ",{\"name\":\"b\",\"host\":\"h\",\"user\":\"u\","
         "\"database\":\"d\"}]}",
         "slots", "1 slots for 2 shards"},
        {"{" KAFKA "," STREAMS_WITH("\"id\":{\"columns\":\"c\"},\"columns\":[" COLUMN "]") "," SHARDS "}",
         "streams[0].id.columns", "expected a list of columns"},
        {WITH_SHARDS("{\"name\":\"eu-0j48c\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},"
                     "{\"name\":\"eu-s8xf4\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}"),
         "shards[1].name",
         "\"eu-s8xf4\" and \"eu-0j48c\" have the same hash, by which commits name parked shards"}, /* 96719f15 */
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"password\":\"p\","
                     "\"password_file\":\"f\"}"),
         "shards[0].password", "together"},
        {WITH_SHARDS(
             "{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"auth\":\"cleartext\"}"),
         "shards[0].auth", "verified TLS"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"tls\":{\"mode\":"
                     "\"disabled\",\"ca_file\":\"f\"}}"),
         "shards[0].tls.mode", "disabled"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"0-5\"}"),
         "shards", "slot 6 has no shard"},
        {WITH_SHARDS(
             "{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"0-1024\"}"),
         "shards[0].slots", "no range"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"5-3\"}"),
         "shards[0].slots", "no range"},
        {WITH_SHARDS("{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"all\"}"),
         "shards[0].slots", "names no slots"},
        {WITH_SHARDS(
             "{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"0-1023,7\"}"),
         "shards[0].slots", "already"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mr_findings findings;
        mr_config *config = load(cases[i].text, NULL, &findings);
        bool found = false;
        for (size_t f = 0; f < findings.count; f++)
            found = found || (!strcmp(findings.at[f].where, cases[i].where) &&
                              strstr(findings.at[f].what, cases[i].what) && findings.at[f].line > 0 &&
                              *findings.at[f].remedy);
        if (config || !found)
            fail_msg("%s: %s: %s", cases[i].text, findings.count ? findings.at[0].where : "no error",
                     findings.count ? findings.at[0].what : "");
        mr_findings_free(&findings);
    }
}

/* All at once, each with line and column: of the value, or of the key when that is wrong. */
static void test_places(void **state)
{
    (void)state;
    static const char text[] =
        "// a comment\n"
        "{\n"
        "  \"kafka\": { \"bootstrap_servers\": \"b:1\", \"group_id\": 7 }, // \"quoted\"\n"
        "  \"nonsense\": 1,\n"
        "  " STREAMS ",\n"
        "  " SHARDS ",\n"
        "  \"batch\": {\n"
        "    \"max_rows\": 0,\n"
        "    \"linger_mss\": 0 }\n"
        "}\n";
    static const struct {
        const char *where;
        int line, column;
        const char *remedy;
    } expected[] = {{"kafka.group_id", 3, 54, ""},
                    {"nonsense", 4, 3, ""},
                    {"batch.max_rows", 8, 17, ""},
                    {"batch.linger_mss", 9, 5, "linger_ms"}};
    mr_findings findings;
    assert_null(load(text, NULL, &findings));
    for (size_t i = 0; i < COUNT(expected); i++) {
        bool found = false;
        for (size_t f = 0; f < findings.count; f++)
            found = found ||
                    (!strcmp(findings.at[f].where, expected[i].where) &&
                     findings.at[f].line == expected[i].line && findings.at[f].column == expected[i].column &&
                     strstr(findings.at[f].remedy, expected[i].remedy));
        if (!found)
            fail_msg("%s is not at %d:%d", expected[i].where, expected[i].line, expected[i].column);
    }
    mr_findings_free(&findings);
}

static void test_environment(void **state)
{
    (void)state;
    char *environment[] = {(char[]){"MILLRACE_KAFKA_GROUP_ID=other"},
                           (char[]){"MILLRACE_BATCH_MAX_ROWS=77"},
                           (char[]){"MILLRACE_HTTP_STATUS_PAGE=false"},
                           (char[]){"MILLRACE_KAFKA_START=latest"},
                           (char[]){"MILLRACE_PORT=tcp://10.0.0.1:80"},
                           (char[]){"MILLRACE_SERVICE_HOST=h"},
                           (char[]){"MILLRACE_TYPO=1"},
                           (char[]){"NAME=$value"},
                           NULL};
    mr_findings findings;
    mr_config *c = load(WITH("\"dlq\":{\"topic\":\"a${NAME}b${NONE:-none}$$\"}"), environment, &findings);
    assert_non_null(c);
    assert_string_equal(c->kafka.group_id, "other");
    assert_int_equal(c->batch.max_rows, 77);
    assert_false(c->http.status_page);
    assert_int_equal(c->kafka.start, MR_START_LATEST);
    assert_string_equal(c->dlq.topic, "a$valuebnone$"); /* once, no nesting */
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.at[0].level, MR_LEVEL_WARNING);
    assert_non_null(strstr(findings.at[0].what, "MILLRACE_TYPO"));
    mr_findings_free(&findings);
    mr_config_free(c);
    char *wrong[] = {(char[]){"MILLRACE_BATCH_MAX_ROWS=many"}, NULL};
    assert_null(load(WITH("\"slots\":16"), wrong, &findings));
    mr_findings_free(&findings);
}

static void test_slots(void **state)
{
    (void)state;
    mr_config *even =
        load_well(WITH_SHARDS(SHARD ",{\"name\":\"b\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},{"
                                    "\"name\":\"c\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}"),
                  NULL);
    uint32_t count[3] = {0};
    for (uint32_t slot = 0; slot < even->slots; slot++) {
        count[even->slot_shard[slot]]++;
        assert_true(slot == 0 || even->slot_shard[slot] >= even->slot_shard[slot - 1]);
    }
    assert_true(count[0] >= 341 && count[1] >= 341 && count[2] >= 341);
    mr_config_free(even);
    mr_config *said = load_well(
        WITH_SHARDS(
            "{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"0-511,600\"},"
            "{\"name\":\"b\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\",\"slots\":\"512-599,601-"
            "1023\"}"),
        NULL);
    assert_int_equal(mr_route_shard(said, 600), 0);
    assert_int_equal(mr_route_shard(said, 601), 1);
    assert_int_equal(mr_route_shard(said, 1024 + 511), 0);
    assert_int_equal(mr_route_slot(said, 1024 + 511), 511);
    mr_config_free(said);
}

static void test_shard_defaults(void **state)
{
    (void)state;
    /* Also when they stand after the shards. */
    mr_config *c = load_well(
        "{" KAFKA "," STREAMS
        ",\"shards\":[{\"name\":\"a\",\"host\":\"h\"},{\"name\":\"b\",\"host\":\"i\",\"port\":7}],"
        "\"shard_defaults\":{\"user\":\"u\",\"database\":\"d\",\"port\":9,\"tls\":{\"ca_file\":\"/ca\"}}}",
        NULL);
    assert_string_equal(c->shards[1].user, "u");
    assert_int_equal(c->shards[0].port, 9);
    assert_int_equal(c->shards[1].port, 7);
    assert_int_equal(c->shards[0].tls_mode, MR_TLS_VERIFY_IDENTITY);
    mr_config_free(c);
}

static char *printed(void (*print)(const mr_config *, FILE *), const mr_config *config)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    print(config, out);
    fclose(out);
    return text;
}

/* What is printed is a configuration again, the same one, and no secret is in it. */
static void test_print(void **state)
{
    (void)state;
    mr_config *c = load_well(
        "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\",\"start\":\"2026-01-31T00:00:00.25+01:"
        "00\",\"properties\":{\"sasl.password\":\"hush\"}}," STREAMS_WITH(
            "\"key\":[\"a.b\",\"@key\"],\"id\":{\"columns\":[\"c\"]},\"columns\":[{\"name\":\"c\",\"from\":"
            "\"c\",\"type\":\"string\",\"max_bytes\":5,\"required\":true},"
            "{\"name\":\"d\",\"from\":\"d\",\"type\":\"decimal\",\"precision\":5,\"scale\":0,\"default\":3},{"
            "\"name\":\"e\",\"from\":\"e\",\"type\":\"datetime\",\"assume_offset\":\"-02:30\"},"
            "{\"name\":\"f\",\"from\":\"f\",\"type\":\"datetime\",\"unit\":\"us\",\"accept\":[\"number\","
            "\"string\"]}]") ",\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\","
                             "\"password\":\"hush\",\"slots\":\"0-1023\"}]}",
        NULL);
    char *first = printed(mr_config_print, c);
    assert_null(strstr(first, "hush"));
    mr_config *again = load_well(first, NULL);
    char *second = printed(mr_config_print, again);
    assert_string_equal(first, second);
    assert_int_equal(again->streams[0].columns[2].assume_offset_min, -150);
    assert_true(again->kafka.start_ms == c->kafka.start_ms);
    free(first);
    free(second);
    mr_config_free(c);
    mr_config_free(again);
}

static void print_reference(const mr_config *config, FILE *out)
{
    mr_config_reference(out, config ? MR_REFERENCE_MARKDOWN : MR_REFERENCE_TEXT);
}

static void print_starter(const mr_config *config, FILE *out)
{
    (void)config;
    mr_starter_example(out);
}

static void print_schema(const mr_config *config, FILE *out)
{
    (void)config;
    mr_config_schema(out);
}

static void test_generated(void **state)
{
    (void)state;
    char *reference = printed(print_reference, NULL), *schema = printed(print_schema, NULL),
         *starter = printed(print_starter, NULL);
    for (size_t i = 0; i < mr_key_count; i++) {
        assert_non_null(strstr(reference, mr_keys[i].name));
        assert_non_null(strstr(reference, mr_keys[i].text));
        if (mr_keys[i].kind != MR_KIND_RESERVED)
            assert_non_null(strstr(schema, mr_keys[i].name));
    }
    json_t *parsed = json_loads(schema, 0, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    mr_config_free(load_well(starter, NULL));
    free(reference);
    free(schema);
    free(starter);
}

/* The page in docs/ is what the table says today. */
static void test_page_is_current(void **state)
{
    (void)state;
    static const mr_config markdown;
    char *expected = printed(print_reference, &markdown);
    size_t len = strlen(expected);
    char *page = calloc(1, len + 2);
    FILE *in = fopen(MILLRACE_SOURCE_DIR "/docs/configuration.md", "r");
    assert_non_null(in);
    assert_int_equal(fread(page, 1, len + 1, in), len);
    fclose(in);
    assert_string_equal(page, expected);
    free(page);
    free(expected);
}

static void test_files(void **state)
{
    (void)state;
    mr_config *config;
    mr_findings findings = {0};
    assert_int_equal(mr_config_load("/nonexistent/millrace.json", NULL, &config, &findings), MR_CONFIG);
    assert_non_null(strstr(findings.at[0].what, "cannot be read"));
    assert_int_equal(
        mr_config_load(MILLRACE_SOURCE_DIR "/deploy/millrace.example.json", NULL, &config, &findings), MR_OK);
    mr_config_free(config);
    mr_findings_free(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_places),          cmocka_unit_test(test_environment),
        cmocka_unit_test(test_slots),           cmocka_unit_test(test_shard_defaults),
        cmocka_unit_test(test_print),           cmocka_unit_test(test_generated),
        cmocka_unit_test(test_page_is_current), cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
