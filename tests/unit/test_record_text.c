/* Records as JSON text: every column type, NULL, what needs escapes, and room for the longest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "stages/decode.h"
#include "stages/record_text.h"

/* Here and below ' stands for the quotes of JSON. */
static const char all_types[] =
    "{'name':'string','from':'string','type':'string','max_bytes':40},"
    "{'name':'int8','from':'int8','type':'int8'},"
    "{'name':'int16','from':'int16','type':'int16'},"
    "{'name':'int32','from':'int32','type':'int32'},"
    "{'name':'int64','from':'int64','type':'int64'},"
    "{'name':'uint8','from':'uint8','type':'uint8'},"
    "{'name':'uint16','from':'uint16','type':'uint16'},"
    "{'name':'uint32','from':'uint32','type':'uint32'},"
    "{'name':'uint64','from':'uint64','type':'uint64'},"
    "{'name':'double','from':'double','type':'double'},"
    "{'name':'bool','from':'bool','type':'bool'},"
    "{'name':'decimal','from':'decimal','type':'decimal','precision':38,'scale':4},"
    "{'name':'datetime','from':'datetime','type':'datetime'},"
    "{'name':'date','from':'date','type':'date'},"
    "{'name':'time','from':'time','type':'time'},"
    "{'name':'uuid','from':'uuid','type':'uuid'},"
    "{'name':'binary','from':'binary','type':'binary','max_bytes':8},"
    "{'name':'json','from':'json','type':'json','max_bytes':40}";

typedef struct fixture {
    mr_config *config;
    const mr_stream *stream;
    mr_arena *arena;
    mr_decoder *decoder;
    const mr_layout *layout;
    unsigned char *record;
} fixture;

static fixture make(const char *id, const char *columns)
{
    char text[8192];
    mr_findings findings = {0};
    mr_error error;
    fixture f = {.arena = mr_arena_new()};
    snprintf(text, sizeof text,
             "{'kafka':{'bootstrap_servers':'b:1','group_id':'g'},'streams':[{'name':'s',"
             "'topic':'t','table':'t','key':'@key','id':%s,'columns':[%s]}],"
             "'shards':[{'name':'a','host':'h','user':'u','database':'d'}]}",
             id, columns);
    for (char *at = text; (at = strchr(at, '\'')); at++)
        *at = '"';
    if (mr_config_parse("test", text, strlen(text), NULL, &f.config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    f.stream = &f.config->streams[0];
    if (mr_decoder_new(f.stream, f.arena, &f.decoder, &error))
        fail_msg("%s", error.text);
    f.layout = mr_decoder_layout(f.decoder);
    f.record = mr_arena_take(f.arena, "record", 1, f.layout->size);
    memset(f.record, 0xee, f.layout->size); /* bytes past a value's length are undefined */
    return f;
}

static const char ksuid[] = "{'column':'id','from':'ksuid'}";

static void drop(fixture *f)
{
    mr_arena_free(f->arena);
    mr_config_free(f->config);
}

static void decode(fixture *f, const char *value, size_t len)
{
    uint32_t bytes;
    uint64_t hash;
    mr_refusal refusal = {.column = ""};
    mr_event event = {.value = value,
                      .value_len = len,
                      .key = "k",
                      .key_len = 1,
                      .topic = "t",
                      .timestamp_ms = 1700000000123};
    if (mr_decode_scan(f->decoder, &event, &hash, &refusal) ||
        mr_decode_store(f->decoder, &event, f->record, &bytes, &refusal))
        fail_msg("%s: %s, column %s", value, mr_reason_name(refusal.reason), refusal.column);
}

/* The event's text; what is returned lives until the next call. */
static const char *text_of(fixture *f, const char *value)
{
    static char memory[4096];
    size_t max = mr_record_text_max(f->stream, f->layout);
    assert_in_range(max, 1, sizeof memory);
    decode(f, value, strlen(value));
    mr_buf out = mr_buf_over(memory, max);
    mr_record_text(f->stream, f->layout, f->record, &out);
    assert_false(out.full);
    assert_int_equal(strlen(memory), out.len);
    json_t *read = json_loadb(memory, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_int_equal(json_object_size(read), f->stream->column_count);
    json_decref(read);
    return memory;
}

static void test_all_types(void **state)
{
    (void)state;
    fixture f = make(ksuid, all_types);
    assert_int_equal(f.stream->column_count, MR_TYPE_COUNT);
    assert_string_equal(
        text_of(&f,
                "{\"string\":\"caf\xc3\xa9\",\"int8\":-128,\"int16\":-32768,\"int32\":-2147483648,\"int64\":-"
                "9223372036854775808,"
                "\"uint8\":255,\"uint16\":65535,\"uint32\":4294967295,\"uint64\":18446744073709551615,"
                "\"double\":0.1,\"bool\":true,\"decimal\":-12345678901234567890.1200,"
                "\"datetime\":\"2026-01-31T23:59:59.5+01:00\",\"date\":\"2026-02-03\",\"time\":\"04:05:06."
                "000007\","
                "\"uuid\":\"00112233-4455-6677-8899-AABBCCDDEEFF\",\"binary\":\"+/8A\","
                "\"json\":{\"a\": [1.0, 12345678901234567890123]}}"),
        "{\"string\":\"caf\xc3\xa9\",\"int8\":-128,\"int16\":-32768,\"int32\":-2147483648,\"int64\":\"-"
        "9223372036854775808\","
        "\"uint8\":255,\"uint16\":65535,\"uint32\":4294967295,\"uint64\":\"18446744073709551615\","
        "\"double\":0.10000000000000001,\"bool\":true,\"decimal\":\"-12345678901234567890.12\","
        "\"datetime\":\"2026-01-31T22:59:59.500000Z\",\"date\":\"2026-02-03\",\"time\":\"04:05:06.000007\","
        "\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff\",\"binary\":\"+/8A\","
        "\"json\":\"{\\\"a\\\": [1.0, 12345678901234567890123]}\"}");
    drop(&f);
}

static void test_null(void **state)
{
    (void)state;
    fixture f = make(ksuid, all_types);
    assert_string_equal(
        text_of(&f, "{\"int8\":null,\"json\":null}"),
        "{\"string\":null,\"int8\":null,\"int16\":null,\"int32\":null,\"int64\":null,\"uint8\":null,"
        "\"uint16\":null,\"uint32\":null,\"uint64\":null,\"double\":null,\"bool\":null,"
        "\"decimal\":null,\"datetime\":null,\"date\":null,\"time\":null,\"uuid\":null,"
        "\"binary\":null,\"json\":null}");
    drop(&f);
}

static void test_strings(void **state)
{
    (void)state;
    fixture f = make(ksuid, "{'name':'s','from':'s','type':'string','max_bytes':16}");
    assert_string_equal(text_of(&f, "{\"s\":\"\"}"), "{\"s\":\"\"}");
    assert_string_equal(text_of(&f, "{\"s\":\"\\\"\\\\\\/\\n\\u0000\\u001f\x7f\"}"),
                        "{\"s\":\"\\\"\\\\/\\u000a\\u0000\\u001f\x7f\"}");
    assert_string_equal(text_of(&f, "{\"s\":\"\\ud83d\\ude00\xe2\x82\xac\"}"),
                        "{\"s\":\"\xf0\x9f\x98\x80\xe2\x82\xac\"}");
    drop(&f);
}

static void test_binary(void **state)
{
    (void)state;
    fixture f = make(ksuid, "{'name':'b','from':'b','type':'binary','max_bytes':8}");
    static const char *const forms[] = {"{\"b\":\"\"}",     "{\"b\":\"AA==\"}",        "{\"b\":\"/w==\"}",
                                        "{\"b\":\"AP8=\"}", "{\"b\":\"abcd\"}",        "{\"b\":\"AAECAw==\"}",
                                        "{\"b\":\"++//\"}", "{\"b\":\"AAECAwQFBgc=\"}"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_string_equal(text_of(&f, forms[i]), forms[i]); /* one value has one text */
    drop(&f);
}

static void test_doubles(void **state)
{
    (void)state;
    static const char *const values[] = {"0",
                                         "-0.0",
                                         "1",
                                         "-3",
                                         "0.1",
                                         "1e22",
                                         "1e23",
                                         "5e-324",
                                         "1.5e300",
                                         "123456.5",
                                         "1e-7",
                                         "1e15",
                                         "9007199254740993",
                                         "1.7976931348623157e308",
                                         "2.2250738585072014e-308"};
    fixture f = make(ksuid, "{'name':'d','from':'d','type':'double'}");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char event[64];
        snprintf(event, sizeof event, "{\"d\":%s}", values[i]);
        json_t *read = json_loads(text_of(&f, event), 0, NULL);
        json_t *number = json_object_get(read, "d");
        double is = json_real_value(number), wanted = strtod(values[i], NULL);
        assert_true(json_is_real(number)); /* not an integer, whatever its value */
        assert_memory_equal(&is, &wanted, sizeof is);
        json_decref(read);
    }
    assert_string_equal(text_of(&f, "{\"d\":3}"), "{\"d\":3.0}");
    assert_string_equal(text_of(&f, "{\"d\":-0.0}"), "{\"d\":-0.0}");
    drop(&f);
}

static void test_small_and_odd(void **state)
{
    (void)state;
    fixture f = make(ksuid, "{'name':'b','from':'b','type':'bool'},{'name':'t','from':'t','type':'time'},"
                            "{'name':'d','from':'d','type':'datetime','unit':'ms'}");
    assert_string_equal(text_of(&f, "{\"b\":false,\"t\":\"00:00:00\",\"d\":0}"),
                        "{\"b\":false,\"t\":\"00:00:00.000000\",\"d\":\"1970-01-01T00:00:00.000000Z\"}");
    drop(&f);
    /* Without a KSUID the columns begin at field 0. */
    f = make("{'columns':['n']}", "{'name':'n','from':'n','type':'int64','required':true},"
                                  "{'name':'i','from':'i','type':'int8'}");
    assert_int_equal(f.layout->fields, 2);
    assert_string_equal(text_of(&f, "{\"n\":0,\"i\":7}"), "{\"n\":\"0\",\"i\":7}");
    drop(&f);
}

/* The bound holds for the worst values, and whatever does not fit is said. */
static void test_room(void **state)
{
    (void)state;
    static char event[4096], memory[8192];
    fixture f = make(ksuid, all_types);
    char *at = event + sprintf(event, "{\"string\":\"");
    for (int i = 0; i < 40; i++)
        at += sprintf(at, "\\u0001");
    sprintf(
        at,
        "\",\"int8\":-100,\"int16\":-10000,\"int32\":-1000000000,\"int64\":-9223372036854775808,"
        "\"uint8\":255,\"uint16\":65535,\"uint32\":4294967295,\"uint64\":18446744073709551615,"
        "\"double\":-2.2250738585072014e-308,\"bool\":false,"
        "\"decimal\":-9999999999999999999999999999999999.9999,\"datetime\":\"9999-12-31T23:59:59.999999Z\","
        "\"date\":\"9999-12-31\",\"time\":\"23:59:59.999999\","
        "\"uuid\":\"00112233-4455-6677-8899-aabbccddeeff\",\"binary\":\"AAECAwQFBgc=\","
        "\"json\":\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\"}");
    size_t len = strlen(text_of(&f, event)), max = mr_record_text_max(f.stream, f.layout);
    assert_true(len < max);
    for (size_t cap = 1; cap <= len + 1; cap++) {
        memory[cap] = 'x';
        mr_buf out = mr_buf_over(memory, cap);
        mr_record_text(f.stream, f.layout, f.record, &out);
        assert_int_equal(out.full, cap <= len);
        assert_true(out.len < cap && memory[out.len] == 0 && memory[cap] == 'x');
    }
    /* It appends. */
    mr_buf out = mr_buf_over(memory, sizeof memory);
    mr_buf_text(&out, "[");
    mr_record_text(f.stream, f.layout, f.record, &out);
    assert_int_equal(out.len, len + 1);
    drop(&f);

    f = make(ksuid, "{'name':'s','from':'s','type':'string','max_bytes':100}");
    at = event + sprintf(event, "{\"s\":\"");
    for (int i = 0; i < 100; i++)
        at += sprintf(at, "\\u001f");
    sprintf(at, "\"}");
    assert_int_equal(strlen(text_of(&f, event)),
                     strlen("{\"s\":\"\"}") + 600); /* full already if the bound is less */
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_types), cmocka_unit_test(test_null),
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_binary),
        cmocka_unit_test(test_doubles),   cmocka_unit_test(test_small_and_odd),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
