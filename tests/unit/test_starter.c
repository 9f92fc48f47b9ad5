/* What a sample of events becomes: columns, types, key; and that every proposal is a configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/schema.h"
#include "stages/starter.h"

static char *const environment[] = {(char *)(uintptr_t) "DB_HOST=db", NULL};
static char *text; /* the file that was proposed */

static int forget(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static mr_config *parsed(const char *what, size_t len)
{
    mr_config *config;
    mr_findings findings = {0};
    if (mr_config_parse("proposal", what, len, environment, &config, &findings))
        fail_msg("line %d, %s: %s\n%s", findings.at[0].line, findings.at[0].where, findings.at[0].what, what);
    mr_findings_free(&findings);
    return config;
}

static mr_config *kafka_of(const char *more)
{
    char config[1024];
    snprintf(
        config, sizeof config,
        "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"%s},\"streams\":[{\"name\":\"t\","
        "\"topic\":"
        "\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":\"x\","
        "\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":[{\"name\":\"s\",\"host\":\"h\",\"user\":\"u\","
        "\"database\":\"d\"}]}",
        more);
    return parsed(config, strlen(config));
}

/* Each event as often as it takes to have `times` of them in all; the configuration that comes of it, its text in `text`. */
static mr_config *propose(const char *const *events, size_t count, size_t times, bool with_key,
                          const char *topic)
{
    size_t len;
    mr_starter starter;
    mr_error error;
    mr_arena *arena = mr_arena_new();
    mr_sample *sample = mr_sample_new(arena, times);
    for (size_t i = 0; i < times; i++) {
        const char *event = events[i % count];
        mr_sample_add(sample, event, event ? strlen(event) : 0, with_key);
    }
    if (mr_starter_check(sample, topic, &error))
        fail_msg("%s", error.text);
    mr_starter_propose(sample, &starter);
    mr_config *kafka = kafka_of("");
    forget(NULL);
    FILE *out = open_memstream(&text, &len);
    mr_starter_print(sample, &starter, kafka, topic, out);
    fclose(out);
    mr_config_free(kafka);
    mr_sample_free(sample);
    mr_arena_free(arena);
    return parsed(text, len);
}

/* The columns as one text: "name type[(max_bytes)] [!]from", a mark for what is required, one a line. */
static const char *columns_of(const mr_config *config)
{
    static char lines[8192];
    size_t at = 0;
    *lines = 0;
    for (size_t i = 0; i < config->streams[0].column_count; i++) {
        const mr_column *one = &config->streams[0].columns[i];
        char bytes[32] = "";
        if (one->max_bytes)
            snprintf(bytes, sizeof bytes, "(%u)", one->max_bytes);
        at += (size_t)snprintf(lines + at, sizeof lines - at, "%s %s %s%s%s %s%s", i ? "\n" : "", one->name,
                               mr_type_name(one->type), bytes, one->has_assume_offset ? " Z" : "",
                               one->required ? "!" : "", one->from.at[0].text);
    }
    return lines;
}

/* ---- the table ---- */

typedef struct example {
    const char *events[4]; /* repeated until there are enough */
    const char *columns;
} example;

#define ID36 "0b9d2d34-5b5c-4a5e-9b1e-0123456789ab"

static const example examples[] = {
    /* kinds */
    {{"{\"a\":1}", "{\"a\":-5}"}, " a int64 !a"},
    {{"{\"a\":1}", "{\"a\":1.5}"}, " a double !a"},
    {{"{\"a\":1e3}"}, " a double !a"},
    {{"{\"a\":true}", "{\"a\":false}"}, " a bool !a"},
    {{"{\"a\":18446744073709551615}", "{\"a\":3}"}, " a uint64 !a"},
    {{"{\"a\":18446744073709551615}", "{\"a\":-3}"}, " a decimal !a"},
    {{"{\"a\":123456789012345678901234567890}"}, " a decimal !a"},
    {{"{\"a\":18446744073709551615,\"b\":7,\"c\":0.5}"}, " a uint64 !a\n b int64 !b\n c double !c"},
    {{"{\"a\":[1]}", "{\"a\":[]}"}, " a json(32) !a"},
    {{"{\"a\":1}", "{\"a\":\"x\"}"}, " a json(32) !a"},
    {{"{\"a\":{}}"}, " a json(32) !a"},
    {{"{\"a\":{\"b\":1}}", "{\"a\":\"x\"}"}, " a json(32) !a"},
    /* missing and null */
    {{"{\"a\":1,\"b\":2}", "{\"a\":1}"}, " a int64 !a\n b int64 b"},
    {{"{\"a\":1}", "{\"a\":null}"}, " a int64 a"},
    {{"{\"a\":null,\"b\":1}"}, " b int64 !b"},
    /* texts */
    {{"{\"a\":\"\"}"}, " a string(32) !a"},
    {{"{\"a\":\"1234567890123456\"}", "{\"a\":\"x\"}"}, " a string(32) !a"},
    {{"{\"a\":\"12345678901234567\"}", "{\"a\":\"x\"}"}, " a string(64) !a"},
    {{"{\"a\":\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"}"}, " a string(32) !a"},
    {{"{\"a\":\"0ujtsYcgvSTl8PAuAdqWYSMnLOv\"}"}, " a string(64) !a"},
    {{"{\"a\":\"" ID36 "\"}"}, " a string(64) !a"},
    {{"{\"a\":\"" ID36 "\"}", "{\"a\":\"x\"}"}, " a string(128) !a"},
    /* times */
    {{"{\"a\":\"2026-01-31T12:00:00Z\"}", "{\"a\":\"2026-01-31T12:00:00.123456+02:00\"}"}, " a datetime !a"},
    {{"{\"a\":\"2026-01-31T12:00:00.123456789Z\"}"}, " a datetime !a"},
    {{"{\"a\":\"2026-01-31 12:00:00\"}"}, " a datetime Z !a"},
    {{"{\"a\":\"2026-01-31 12:00:00\"}", "{\"a\":\"2026-01-31T12:00:00Z\"}"}, " a datetime Z !a"},
    {{"{\"a\":\"2026-01-31\"}"}, " a date !a"},
    {{"{\"a\":\"2026-02-30T12:00:00Z\"}"}, " a string(32) !a"},
    {{"{\"a\":\"2026-01-31T12:00:00Z\"}", "{\"a\":\"soon\"}"}, " a string(64) !a"},
    {{"{\"a\":1700000000000}"}, " a int64 !a"},
    /* objects: paths when they are regular, json when not */
    {{"{\"p\":{\"total\":1.5,\"orderId\":\"x\"}}"},
     " p_total double !p.total\n p_order_id string(32) !p.orderId"},
    {{"{\"p\":{\"a\":1}}", "{}"}, " p_a int64 p.a"},
    {{"{\"p\":{\"a\":1}}", "{\"p\":null}"}, " p_a int64 p.a"},
    {{"{\"p\":{\"a\":{\"b\":{\"c\":1}}}}"}, " p_a_b_c int64 !p.a.b.c"},
    {{"{\"p\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}"}, " p_a_b_c json(32) !p.a.b.c"},
    {{"{\"p\":{\"a\":1}}", "{\"p\":{\"b\":1}}", "{\"p\":{\"c\":1}}"}, " p json(32) !p"},
    {{"{\"p\":{\"a\":1,\"list\":[1,2]}}"}, " p_a int64 !p.a\n p_list json(32) !p.list"},
    /* names */
    {{"{\"userID\":1,\"HTTPStatus\":2,\"x-y\":3,\"a.b\":4,\"$set\":5,\"order no\":6}"},
     " user_id int64 !userID\n http_status int64 !HTTPStatus\n x_y int64 !x-y\n a_b int64 !a\\.b\n"
     " set int64 !$set\n order_no int64 !order no"},
    {{"{\"a_b\":1,\"aB\":2,\"a\":{\"b\":3}}"}, " a_b int64 !a_b\n a_b_2 int64 !aB\n a_b_3 int64 !a.b"},
    {{"{\"\xe6\xb0\xb4\":1,\"\xe7\x81\xab\":2}"}, " field int64 !\xe6\xb0\xb4\n field_2 int64 !\xe7\x81\xab"},
    {{"{\"n\\n}, {\":null,\"a\":1}"}, " a int64 !a"},
    {{"{\"a\":1,\"\":2,\"@x\":3,\"b\\\\c\":4}"}, " a int64 !a"},
    {{"{\"q\\\"\\n// }\":1,\"${HOME}\":2,\"c\\u009bd\":3}"},
     " q int64 !q\"\n// }\n home int64 !${HOME}\n c_d int64 !c\xc2\x9b"
     "d"},
};

static void each_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        size_t count = 0;
        char ddl[16384];
        while (count < 4 && examples[i].events[count])
            count++;
        mr_config *config = propose(examples[i].events, count, 120, false, "events");
        if (strcmp(columns_of(config), examples[i].columns) != 0)
            fail_msg("example %zu: expected\n%s\nnot\n%s", i, examples[i].columns, columns_of(config));
        mr_buf buf = mr_buf_over(ddl, sizeof ddl);
        mr_schema_ddl(&config->streams[0], &buf);
        assert_false(buf.full);
        mr_config_free(config);
    }
}

static void a_small_sample_requires_nothing(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"a\":1}"};
    mr_config *config = propose(events, 1, 99, false, "events");
    assert_string_equal(columns_of(config), " a int64 a");
    mr_config_free(config);
}

static void length_as_it_stands(void **state)
{
    (void)state;
    /* 23 bytes of spaces make the array 31 long in the event, 8 as jansson writes it. */
    static const char *const events[] = {"{\"a\":[1,                        2,3 ]}"};
    mr_config *config = propose(events, 1, 120, false, "events");
    assert_in_range(config->streams[0].columns[0].max_bytes, 64, 128);
    mr_config_free(config);
}

/* ---- key, identity, names ---- */

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *events[4];
        bool with_key;
        const char *key; /* joined by commas */
        mr_key_missing missing;
    } all[] = {
        {{"{\"userId\":\"a\",\"anonymousId\":\"b\"}"}, true, "userId", MR_KEY_MISSING_DLQ},
        {{"{\"anonymousId\":\"b\",\"userId\":\"a\"}", "{\"anonymousId\":\"b\",\"userId\":null}"},
         true,
         "userId,anonymousId",
         MR_KEY_MISSING_DLQ},
        {{"{\"userId\":\"a\"}", "{\"x\":1}"}, true, "userId", MR_KEY_MISSING_SPREAD},
        {{"{\"userId\":{\"a\":1,\"b\":[]},\"x\":1}"}, true, "@key", MR_KEY_MISSING_SPREAD},
        {{"{\"customer_id\":7}"}, false, "customer_id", MR_KEY_MISSING_DLQ},
        {{"{\"customer_id\":7.5}"}, false, "@key", MR_KEY_MISSING_SPREAD},
        {{"{\"order_id\":\"o\"}"}, true, "@key", MR_KEY_MISSING_SPREAD},
        {{"{\"order_id\":\"o\"}"}, false, "order_id", MR_KEY_MISSING_DLQ},
        {{"{\"order_id\":\"o\"}", "{}"}, false, "@key", MR_KEY_MISSING_SPREAD},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t count = 0;
        char key[256] = "";
        while (count < 4 && all[i].events[count])
            count++;
        mr_config *config = propose(all[i].events, count, 120, all[i].with_key, "events");
        const mr_stream *stream = &config->streams[0];
        for (size_t k = 0; k < stream->key.count; k++)
            snprintf(key + strlen(key), sizeof key - strlen(key), "%s%s", k ? "," : "",
                     stream->key.at[k].text);
        if (strcmp(key, all[i].key) != 0 || stream->key_missing != all[i].missing)
            fail_msg("key %zu: %s, %d", i, key, (int)stream->key_missing);
        mr_config_free(config);
    }
}

static void identity_gives_way(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"id\":1,\"ksuid\":\"x\"}"};
    mr_config *config = propose(events, 1, 120, false, "shop.orders-v1");
    assert_string_equal(config->streams[0].id_column, "ksuid_2");
    assert_string_equal(config->streams[0].table, "shop_orders_v1");
    assert_string_equal(config->streams[0].name, "shop.orders-v1");
    assert_string_equal(config->kafka.group_id, "millrace-shop.orders-v1");
    mr_config_free(config);
}

static void what_is_no_event(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"a\":1}", NULL, "oops\n", "[1]"};
    mr_config *config = propose(events, 4, 120, false, "events");
    assert_true(config->streams[0].tombstone_skip);
    assert_non_null(strstr(text, "60 of them are no JSON objects"));
    assert_non_null(strstr(text, "// 30 of 120 messages have no value."));
    mr_config_free(config);
}

static void no_value_is_shown(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"a\":\"Xsecret\",\"b\":{\"c\":[\"Xsecret\"]}}", "Xsecret"};
    mr_config_free(propose(events, 2, 120, false, "events"));
    assert_null(strstr(text, "Xsecret"));
}

static void hints(void **state)
{
    (void)state;
    static const struct {
        const char *events[3];
        const char *says;
    } all[] = {
        {{"{\"a\":1.25}"}, "\"precision\": 18, \"scale\": 2"},
        {{"{\"a\":1.125}"}, "\"precision\": 18, \"scale\": 3"},
        {{"{\"a\":1700000000000}"}, "\"unit\": \"ms\""},
        {{"{\"a\":1700000000}"}, "\"unit\": \"s\""},
        {{"{\"a\":\"" ID36 "\"}"}, "all are UUIDs"},
        {{"{\"a\":\"12.5\"}"}, "all are numbers"},
        {{"{\"a\":\"2026-01-31 12:00:00\"}"}, "is it UTC?"},
        {{"{\"a\":\"2026-01-31T12:00:00.123456789Z\"}"}, "which are cut"},
        {{"{\"a\":\"2026-01-31T12:00:00Z\"}", "{\"a\":\"2026-01-31T12:00:00Z\"}", "{\"a\":\"soon\"}"},
         "80 of 120 are times"},
        {{"{\"a\":1}", "{\"a\":\"x\"}"}, "values of several types"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t count = 0;
        while (count < 3 && all[i].events[count])
            count++;
        mr_config_free(propose(all[i].events, count, 120, false, "events"));
        if (!strstr(text, all[i].says))
            fail_msg("hint %zu: %s", i, text);
    }
    /* An amount in scientific notation is no money, a small number no time. */
    static const char *const none[] = {"{\"a\":1.5e-9,\"b\":123}"};
    mr_config_free(propose(none, 1, 120, false, "events"));
    assert_null(strstr(text, "if it is"));
}

static void many_fields(void **state)
{
    (void)state;
    char event[8192] = "{";
    const char *const events[] = {event};
    for (int i = 0; i < 400; i++)
        snprintf(event + strlen(event), sizeof event - strlen(event), "%s\"field%d\":1", i ? "," : "", i);
    memcpy(event + strlen(event), "}", 2);
    mr_config *config = propose(events, 1, 120, false, "events");
    assert_int_equal(config->streams[0].column_count, MR_STARTER_COLUMNS);
    assert_non_null(strstr(text, "without a column: field128: more columns"));
    mr_config_free(config);
}

/* ---- samples that nothing can be made of ---- */

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        size_t len;
        const char *says;
    } all[] = {
        {"hello", 5, "none of 3 events of topic t is a JSON object (the first: no JSON from line 1"},
        {"[]", 2, "(the first: it is JSON, but no object)"},
        {"\0\0\0\0\1{}", 7, "begin with a zero byte"},
        {NULL, 0, "all 3 events that were read of topic t are tombstones"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        mr_error error;
        mr_arena *arena = mr_arena_new();
        mr_sample *sample = mr_sample_new(arena, 3);
        for (int n = 0; n < 3; n++)
            mr_sample_add(sample, all[i].event, all[i].len, false);
        assert_int_equal(mr_starter_check(sample, "t", &error), MR_DATA);
        if (!strstr(error.text, all[i].says))
            fail_msg("%s", error.text);
        mr_sample_free(sample);
        mr_arena_free(arena);
    }
}

/* ---- how the cluster is reached goes along ---- */

static void properties_go_along(void **state)
{
    (void)state;
    size_t len;
    mr_starter starter;
    mr_arena *arena = mr_arena_new();
    mr_sample *sample = mr_sample_new(arena, 1);
    mr_sample_add(sample, "{\"a\":1}", 7, false);
    mr_starter_propose(sample, &starter);
    mr_config *kafka =
        kafka_of(",\"properties\":{\"security.protocol\":\"SASL_SSL\",\"sasl.username\":\"a$$b\"},"
                 "\"properties_file\":{\"sasl.password\":\"/run/p\"}");
    FILE *out = open_memstream(&text, &len);
    mr_starter_print(sample, &starter, kafka, "t", out);
    fclose(out);
    mr_config *config = parsed(text, len);
    assert_int_equal(config->kafka.properties.count, 2);
    assert_string_equal(config->kafka.properties.at[1].value, "a$b");
    assert_string_equal(config->kafka.properties_file.at[0].value, "/run/p");
    mr_config_free(config);
    mr_config_free(kafka);
    mr_sample_free(sample);
    mr_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_example, forget),
        cmocka_unit_test_teardown(a_small_sample_requires_nothing, forget),
        cmocka_unit_test_teardown(length_as_it_stands, forget),
        cmocka_unit_test_teardown(keys, forget),
        cmocka_unit_test_teardown(identity_gives_way, forget),
        cmocka_unit_test_teardown(what_is_no_event, forget),
        cmocka_unit_test_teardown(no_value_is_shown, forget),
        cmocka_unit_test_teardown(hints, forget),
        cmocka_unit_test_teardown(many_fields, forget),
        cmocka_unit_test(refused),
        cmocka_unit_test_teardown(properties_go_along, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
