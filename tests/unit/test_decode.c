/* Events to records: every column type and source, every reason with its column and position, keys and routing hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/ksuid.h"
#include "decode_fixture.h"
#include "tests/model/lists.h"
#include "tests/model/model.h"
#include "worker/stages/decode_plan.h"

static bool no_header(const void *context, const char *name, const char **value, size_t *len)
{
    (void)context;
    if (strcmp(name, "trace") != 0)
        return false;
    *value = "t-1";
    *len = 3;
    return true;
}

static mr_reason decode_bytes(fixture *f, const char *value, size_t len)
{
    uint32_t bytes;
    mr_event event = {.value = value,
                      .value_len = len,
                      .key = "message key",
                      .key_len = 11,
                      .topic = "t",
                      .partition = 3,
                      .offset = 77,
                      .timestamp_ms = 1700000000123,
                      .header = no_header};
    f->refusal = (mr_refusal){.column = ""};
    mr_reason reason = mr_decode_scan(f->decoder, &event, &f->hash, &f->refusal);
    return reason ? reason : mr_decode_store(f->decoder, &event, f->record, &bytes, &f->refusal);
}

static mr_reason decode(fixture *f, const char *value)
{
    return decode_bytes(f, value, strlen(value));
}

/* Field 1 is the first column, for field 0 is the KSUID. */
static void expect_text(fixture *f, const char *value, uint32_t field, const char *text)
{
    assert_int_equal(decode(f, value), MR_REASON_NONE);
    assert_int_equal(*mr_record_indicator(f->layout, f->record, field), MR_VALUE_SET);
    size_t len = *mr_record_length(f->layout, f->record, field);
    if (len != strlen(text) || memcmp(mr_record_value(f->layout, f->record, field), text, len) != 0)
        fail_msg("%s: %.*s", value, (int)len, mr_record_value(f->layout, f->record, field));
}

static void expect_null(fixture *f, const char *value, uint32_t field)
{
    assert_int_equal(decode(f, value), MR_REASON_NONE);
    assert_int_equal(*mr_record_indicator(f->layout, f->record, field), MR_VALUE_NULL);
}

static void expect_refused(fixture *f, const char *value, mr_reason reason, const char *column,
                           size_t position)
{
    mr_reason got = decode(f, value);
    if (got != reason || f->refusal.reason != reason || strcmp(f->refusal.column, column) != 0 ||
        f->refusal.position != position)
        fail_msg("%s: %s, column %s, position %zu", value, mr_reason_name(got), f->refusal.column,
                 f->refusal.position);
}

static int64_t int_at(fixture *f, uint32_t field)
{
    return *(int64_t *)(void *)mr_record_value(f->layout, f->record, field);
}

static void test_strings(void **state)
{
    (void)state;
    fixture f = make("\"@key\"", "",
                     "{\"name\":\"c\",\"from\":\"c\",\"type\":\"string\",\"max_bytes\":6,\"max_chars\":4}");
    expect_text(&f, "{\"c\":\"abc\"}", 1, "abc");
    expect_text(&f, "{\"c\":\"\"}", 1, "");
    expect_text(&f, "{\"c\":\"a\\n\\u00e9\"}", 1, "a\n\xc3\xa9");
    expect_text(&f, "{\"c\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}", 1, "\xc3\xa9\xc3\xa9\xc3\xa9");
    expect_null(&f, "{\"c\":null}", 1);
    expect_null(&f, "{}", 1);
    expect_refused(&f, "{\"c\":\"abcde\"}", MR_REASON_TOO_LONG, "c", 6); /* characters */
    expect_refused(&f, "{\"c\":\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"}", MR_REASON_TOO_LONG, "c",
                   6); /* bytes */
    expect_refused(&f, "{\"c\":\"\\u20ac\\u20ac\\u20ac\"}", MR_REASON_TOO_LONG, "c", 6);
    expect_refused(&f, "{\"c\":1}", MR_REASON_WRONG_TYPE, "c", 5);
    expect_refused(&f, "{\"c\":{}}", MR_REASON_WRONG_TYPE, "c", 5);
    assert_int_equal(decode_bytes(&f, "{\"c\":\"a\\u0000b\"}", 16), MR_REASON_NONE);
    assert_memory_equal(mr_record_value(f.layout, f.record, 1), "a\0b", 3);
    drop(&f);
}

static void test_too_long(void **state)
{
    (void)state;
    fixture cut = make(
        "\"@key\"", "",
        "{\"name\":\"c\",\"from\":\"c\",\"type\":\"string\",\"max_bytes\":4,\"on_too_long\":\"truncate\"}");
    expect_text(&cut, "{\"c\":\"abcdef\"}", 1, "abcd");
    expect_text(&cut, "{\"c\":\"abc\xc3\xa9\"}", 1, "abc"); /* never within a character */
    expect_text(&cut, "{\"c\":\"abc\\u00e9\"}", 1, "abc");
    drop(&cut);
    fixture null =
        make("\"@key\"", "",
             "{\"name\":\"c\",\"from\":\"c\",\"type\":\"string\",\"max_bytes\":4,\"on_too_long\":\"null\"}");
    expect_null(&null, "{\"c\":\"abcdef\"}", 1);
    expect_null(&null, "{\"c\":\"abc\\n\\n\"}", 1);
    expect_text(&null, "{\"c\":\"abc\"}", 1, "abc");
    drop(&null);
}

static void test_numbers(void **state)
{
    (void)state;
    fixture f = make("\"@key\"", "",
                     "{\"name\":\"i\",\"from\":\"i\",\"type\":\"int8\"},{\"name\":\"u\",\"from\":\"u\","
                     "\"type\":\"uint64\"},"
                     "{\"name\":\"d\",\"from\":\"d\",\"type\":\"decimal\",\"precision\":5,\"scale\":2},"
                     "{\"name\":\"f\",\"from\":\"f\",\"type\":\"double\"},{\"name\":\"b\",\"from\":\"b\","
                     "\"type\":\"bool\"},"
                     "{\"name\":\"a\",\"from\":\"a\",\"type\":\"int32\",\"accept\":[\"number\",\"string\"]}");
    assert_int_equal(
        decode(&f, "{\"i\":-128,\"u\":18446744073709551615,\"d\":-1.5,\"f\":0.1,\"b\":true,\"a\":\"12\"}"),
        MR_REASON_NONE);
    assert_int_equal(int_at(&f, 1), -128);
    assert_true(*(uint64_t *)(void *)mr_record_value(f.layout, f.record, 2) == UINT64_MAX);
    assert_memory_equal(mr_record_value(f.layout, f.record, 3), "-1.5", 4);
    assert_true(*(double *)(void *)mr_record_value(f.layout, f.record, 4) == 0.1);
    assert_int_equal(int_at(&f, 5), 1);
    assert_int_equal(int_at(&f, 6), 12);
    expect_refused(&f, "{\"i\":128}", MR_REASON_OUT_OF_RANGE, "i", 5);
    expect_refused(&f, "{\"i\":\"1\"}", MR_REASON_WRONG_TYPE, "i", 6);
    expect_refused(&f, "{\"i\":1.5}", MR_REASON_TOO_PRECISE, "i", 5);
    expect_refused(&f, "{\"u\":-1}", MR_REASON_OUT_OF_RANGE, "u", 5);
    expect_refused(&f, "{\"d\":1000}", MR_REASON_OUT_OF_RANGE, "d", 5);
    expect_refused(&f, "{\"d\":1.234}", MR_REASON_TOO_PRECISE, "d", 5);
    expect_refused(&f, "{\"f\":1e999}", MR_REASON_OUT_OF_RANGE, "f", 5);
    expect_refused(&f, "{\"b\":1}", MR_REASON_WRONG_TYPE, "b", 5);
    expect_refused(&f, "{\"a\":\"12x\"}", MR_REASON_BAD_FORMAT, "a", 6);
    expect_refused(&f, "{\"a\":\"\"}", MR_REASON_BAD_FORMAT, "a", 6);
    drop(&f);
}

static void test_times_and_bytes(void **state)
{
    (void)state;
    fixture f = make(
        "\"@key\"", "",
        "{\"name\":\"t\",\"from\":\"t\",\"type\":\"datetime\"},{\"name\":\"e\",\"from\":\"e\",\"type\":"
        "\"datetime\",\"unit\":\"ms\"},"
        "{\"name\":\"d\",\"from\":\"d\",\"type\":\"date\"},{\"name\":\"c\",\"from\":\"c\",\"type\":\"time\"},"
        "{\"name\":\"u\",\"from\":\"u\",\"type\":\"uuid\"},{\"name\":\"b\",\"from\":\"b\",\"type\":"
        "\"binary\",\"max_bytes\":3},"
        "{\"name\":\"j\",\"from\":\"j\",\"type\":\"json\",\"max_bytes\":12}");
    assert_int_equal(
        decode(&f,
               "{\"t\":\"2026-01-31T12:00:00+02:00\",\"e\":1500,\"d\":\"2026-01-31\",\"c\":\"01:02:03.5\","
               "\"u\":\"00000000-0000-0000-0000-0000000000ff\",\"b\":\"Zm9v\",\"j\":{\"x\": 1}}"),
        MR_REASON_NONE);
    const mr_time *t = (const mr_time *)(void *)mr_record_value(f.layout, f.record, 1);
    assert_true(t->hour == 10 && t->kind == 1);
    t = (const mr_time *)(void *)mr_record_value(f.layout, f.record, 2);
    assert_true(t->year == 1970 && t->second == 1 && t->second_part == 500000);
    assert_int_equal(mr_record_value(f.layout, f.record, 5)[15], 0xff);
    assert_memory_equal(mr_record_value(f.layout, f.record, 6), "foo", 3);
    assert_int_equal(*mr_record_length(f.layout, f.record, 7), 8);
    assert_memory_equal(mr_record_value(f.layout, f.record, 7), "{\"x\": 1}", 8);
    expect_text(&f, "{\"j\":\"a\\nb\"}", 7, "\"a\\nb\""); /* as it stands, quotes and escapes */
    expect_text(&f, "{\"j\":12}", 7, "12");
    expect_null(&f, "{\"j\":null}", 7);
    expect_text(&f, "{\"b\":\"Zm\\/v\"}", 6, "f\x6f\xef");
    expect_refused(&f, "{\"j\":\"0123456789a\"}", MR_REASON_TOO_LONG, "j", 6);
    expect_refused(&f, "{\"t\":1700000000}", MR_REASON_WRONG_TYPE, "t", 5);
    expect_refused(&f, "{\"t\":\"soon\"}", MR_REASON_BAD_FORMAT, "t", 6);
    expect_refused(&f, "{\"e\":\"2026-01-31T12:00:00Z\"}", MR_REASON_WRONG_TYPE, "e", 6);
    expect_refused(&f, "{\"d\":\"2026-01-31T12:00:00Z\"}", MR_REASON_BAD_FORMAT, "d", 6);
    expect_refused(&f, "{\"u\":\"no\"}", MR_REASON_BAD_FORMAT, "u", 6);
    expect_refused(&f, "{\"b\":\"Zm9vYg==\"}", MR_REASON_TOO_LONG, "b", 6);
    expect_refused(&f, "{\"b\":\"Zm9\"}", MR_REASON_BAD_FORMAT, "b", 6);
    drop(&f);
}

static void test_sources(void **state)
{
    (void)state;
    fixture f = make("\"@key\"", "",
                     "{\"name\":\"k\",\"from\":\"@key\",\"type\":\"string\",\"max_bytes\":20},"
                     "{\"name\":\"t\",\"from\":\"@topic\",\"type\":\"string\",\"max_bytes\":20},"
                     "{\"name\":\"p\",\"from\":\"@partition\",\"type\":\"int32\"},{\"name\":\"o\",\"from\":"
                     "\"@offset\",\"type\":\"int64\"},"
                     "{\"name\":\"m\",\"from\":\"@timestamp\",\"type\":\"int64\"},{\"name\":\"d\",\"from\":"
                     "\"@timestamp\",\"type\":\"datetime\"},"
                     "{\"name\":\"v\",\"from\":\"@value\",\"type\":\"json\",\"max_bytes\":100},"
                     "{\"name\":\"h\",\"from\":\"@header.trace\",\"type\":\"binary\",\"max_bytes\":8},"
                     "{\"name\":\"n\",\"from\":\"@header.none\",\"type\":\"string\",\"max_bytes\":8},"
                     "{\"name\":\"l\",\"from\":[\"x\",\"y.z\"],\"type\":\"int8\"},"
                     "{\"name\":\"c\",\"value\":\"constant\",\"type\":\"string\",\"max_bytes\":8},"
                     "{\"name\":\"e\",\"from\":\"e\",\"type\":\"int8\",\"default\":7}");
    static const char event[] = "{\"y\":{\"z\":5}}";
    expect_text(&f, event, 1, "message key");
    expect_text(&f, event, 2, "t");
    expect_text(&f, event, 7, event);
    expect_text(&f, event, 8, "t-1");
    expect_text(&f, event, 11, "constant");
    assert_int_equal(int_at(&f, 3), 3);
    assert_int_equal(int_at(&f, 4), 77);
    assert_true(int_at(&f, 5) == 1700000000123);
    assert_int_equal(((const mr_time *)(void *)mr_record_value(f.layout, f.record, 6))->year, 2023);
    assert_int_equal(*mr_record_indicator(f.layout, f.record, 9), MR_VALUE_NULL);
    assert_int_equal(int_at(&f, 10), 5);
    assert_int_equal(int_at(&f, 12), 7);
    expect_null(&f, "{\"x\":null,\"y\":{\"z\":5}}", 10); /* present, and null */
    expect_null(&f, "{\"e\":null}", 12);                 /* the default is for missing only */
    expect_refused(&f, "{\"y\":1}", MR_REASON_WRONG_TYPE, "l", 5);
    unsigned char id[MR_KSUID_BYTES];
    mr_ksuid_make(id, 1700000000123, 0, 3, 77);
    decode(&f, event);
    assert_memory_equal(mr_record_value(f.layout, f.record, 0), id, sizeof id);
    drop(&f);
}

static void test_required(void **state)
{
    (void)state;
    fixture f = make("\"@key\"", "", "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\",\"required\":true}");
    assert_int_equal(decode(&f, "{\"c\":1}"), MR_REASON_NONE);
    expect_refused(&f, "{}", MR_REASON_REQUIRED, "c", 0);
    expect_refused(&f, "{\"c\":null}", MR_REASON_REQUIRED, "c", 5);
    drop(&f);
}

static uint64_t fnv(const char *text)
{
    return mr_fnv1a64(text, strlen(text));
}

static void test_keys(void **state)
{
    (void)state;
    fixture f = make("[\"userId\",\"anonymousId\"]", "", "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}");
    static const struct {
        const char *event, *key;
    } cases[] = {{"{\"userId\":\"foobar\"}", "foobar"},
                 {"{\"userId\":null,\"anonymousId\":\"a\"}", "a"},
                 {"{\"anonymousId\":\"a\"}", "a"},
                 {"{\"userId\":\"\"}", ""},
                 {"{\"userId\":\"\\u0061\\n\"}", "a\n"},
                 {"{\"userId\":42}", "42"},
                 {"{\"userId\":-7}", "-7"},
                 {"{\"userId\":1.0}", "1"},
                 {"{\"userId\":1e3}", "1000"},
                 {"{\"userId\":18446744073709551615}", "18446744073709551615"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(decode(&f, cases[i].event), MR_REASON_NONE);
        if (f.hash != fnv(cases[i].key))
            fail_msg("%s: %016llx", cases[i].event, (unsigned long long)f.hash);
    }
    expect_refused(&f, "{}", MR_REASON_KEY_MISSING, "", 0);
    expect_refused(&f, "{\"userId\":null}", MR_REASON_KEY_MISSING, "", 0);
    expect_refused(&f, "{\"userId\":true,\"anonymousId\":\"a\"}", MR_REASON_KEY_TYPE, "", 10);
    expect_refused(&f, "{\"userId\":1.5}", MR_REASON_KEY_TYPE, "", 10);
    expect_refused(&f, "{\"userId\":[]}", MR_REASON_KEY_TYPE, "", 10);
    /* A column that fails does not end the search for the key. */
    mr_event event = {.value = "{\"c\":\"x\",\"userId\":\"u\"}", .value_len = 22, .topic = "t"};
    assert_int_equal(mr_decode_scan(f.decoder, &event, &f.hash, &f.refusal), MR_REASON_NONE);
    assert_true(f.hash == fnv("u"));
    drop(&f);
}

/* Copies `form`, in which $1 and $2 are numbers and $x is `fill` blanks. */
static void fill_in(char *out, const char *form, const char *one, const char *two, uint32_t fill)
{
    for (; *form; form++) {
        if (*form != '$') {
            *out++ = *form;
            continue;
        }
        form++;
        if (*form == 'x') {
            memset(out, ' ', fill);
            out += fill;
        } else {
            out = stpcpy(out, *form == '1' ? one : two);
        }
    }
    *out = 0;
}

/* Events that are alike, so that the key, $2, is found by a guess, among others in which it is not what it was: repeated, escaped, a number, missing; short
 * and long ones, by marks and by their list. */
static void test_keys_of_like_events(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "{\"type\":\"$x\",\"userId\":\"$2\",\"anonymousId\":\"$1\"}",
        "{\"type\":\"$x\",\"userId\":\"$1\",\"n\":1,\"userId\":\"$2\"}",
        "{\"type\":\"$x\",\"userId\":\"$2\",\"anonymousId\":\"\\u003$1\"}",
        "{\"type\":\"$x\",\"userId\":$2,\"anonymousId\":\"$1\"}",
        "{\"type\":\"$x\",\"userId\":\"$1\",\"userId\":null,\"anonymousId\":\"$2\"}",
        "{\"type\":\"$x\",\"userId\":\"$1\",\"userId\":\"\\u003$2\"}", /* of which the first digit is escaped */
        "{\"type\":\"$x\",\"anonymousId\":\"$2\"}",
        "{\"userId\":\"$2\",\"type\":\"$x\",\"anonymousId\":\"$1\"}",
        "{\"userId\":{\"userId\":\"$1\"},\"type\":\"$x\",\"userId\":\"$2\"}",
    };
    fixture f = make("[\"userId\",\"anonymousId\"]", "", "{\"name\":\"c\",\"from\":\"n\",\"type\":\"int8\"}");
    model_seed("keys");
    for (int i = 0; i < 20000; i++) {
        char event[600], one[16], two[16];
        uint32_t kind = model_below(3) ? 0 : model_below(sizeof forms / sizeof forms[0]);
        snprintf(one, sizeof one, "%u", 1 + model_below(100000));
        snprintf(two, sizeof two, "%u", 1 + model_below(100000));
        fill_in(event, forms[kind], one, two, model_below(2) * 200 + model_below(100));
        lists_turn(f.decoder->guesses);
        assert_int_equal(decode(&f, event), MR_REASON_NONE);
        if (f.hash != fnv(two))
            fail_msg("%s: not the hash of %s", event, two);
    }
    drop(&f);
}

static void test_missing_keys(void **state)
{
    (void)state;
    fixture by_key = make("\"k\"", "\"key_missing\":\"message_key\",",
                          "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}");
    assert_int_equal(decode(&by_key, "{}"), MR_REASON_NONE);
    assert_true(by_key.hash == fnv("message key"));
    drop(&by_key);
    fixture spread =
        make("\"k\"", "\"key_missing\":\"spread\",", "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}");
    assert_int_equal(decode(&spread, "{}"), MR_REASON_NONE);
    assert_true(spread.hash == mr_fnv1a64("\0\0\0\3\0\0\0\0\0\0\0\115", 12));
    drop(&spread);
    fixture own = make("\"@key\"", "", "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}");
    assert_int_equal(decode(&own, "{}"), MR_REASON_NONE);
    assert_true(own.hash == fnv("message key"));
    drop(&own);
}

static void test_no_event(void **state)
{
    (void)state;
    fixture f = make("\"@key\"", "", "{\"name\":\"c\",\"from\":\"c\",\"type\":\"int8\"}");
    assert_int_equal(decode_bytes(&f, NULL, 0), MR_REASON_TOMBSTONE);
    assert_int_equal(decode_bytes(&f, "", 0), MR_REASON_EMPTY);
    expect_refused(&f, "{\"c\":", MR_REASON_JSON_SYNTAX, "", 5);
    expect_refused(&f, "3", MR_REASON_JSON_ROOT, "", 0);
    drop(&f);
}

static void test_constant_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
        "\"topic\":\"t\","
        "\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":\"c\","
        "\"value\":300,\"type\":\"int8\"}]}],"
        "\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";
    mr_config *config;
    mr_findings findings = {0};
    mr_decoder *decoder;
    mr_error error;
    mr_arena *arena = mr_arena_new();
    assert_int_equal(mr_config_parse("test", text, strlen(text), NULL, &config, &findings), MR_OK);
    assert_int_equal(mr_decoder_new(&config->streams[0], arena, &decoder, &error), MR_CONFIG);
    assert_non_null(strstr(error.text, "column c: its constant or default 300 does not fit: the value is"));
    static char longer[1100];
    snprintf(longer, sizeof longer, "\"%01040d\"", 7);
    config->streams[0].columns[0].value_json = longer;
    assert_int_equal(mr_decoder_new(&config->streams[0], arena, &decoder, &error), MR_CONFIG);
    assert_non_null(strstr(error.text, "column c: its constant is longer than 1016 bytes: shorten it"));
    mr_arena_free(arena);
    mr_config_free(config);
    mr_findings_free(&findings);
}

static void test_reasons(void **state)
{
    (void)state;
    for (mr_reason a = 0; a < MR_REASON_COUNT; a++) {
        assert_true(*mr_reason_text(a));
        for (mr_reason b = 0; b < a; b++)
            assert_string_not_equal(mr_reason_name(a), mr_reason_name(b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),      cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_times_and_bytes),
        cmocka_unit_test(test_sources),      cmocka_unit_test(test_required),
        cmocka_unit_test(test_keys),         cmocka_unit_test(test_keys_of_like_events),
        cmocka_unit_test(test_missing_keys), cmocka_unit_test(test_no_event),
        cmocka_unit_test(test_reasons),      cmocka_unit_test(test_constant_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
