/* Where a message that was sent back came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/origin.h"

#define PARSE(text, origin) mr_origin_parse(text, sizeof text - 1, origin)

static void test_round_trip(void **state)
{
    (void)state;
    static const mr_origin some[] = {
        {.topic = "events", .partition = 3, .offset = 120, .timestamp_ms = INT64_C(1700000000123)},
        {.topic = "a", .partition = 0, .offset = 0, .timestamp_ms = 0},
        {.topic = "A.b_c-9", .partition = INT32_MAX, .offset = INT64_MAX, .timestamp_ms = INT64_MAX},
        {.topic = "..a", .partition = 1, .offset = 1, .timestamp_ms = -1},
    };
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        char text[400];
        mr_origin back;
        mr_buf buf = mr_buf_over(text, sizeof text);
        mr_origin_format(&some[i], &buf);
        assert_true(mr_origin_parse(buf.at, buf.len, &back));
        assert_string_equal(back.topic, some[i].topic);
        assert_int_equal(back.partition, some[i].partition);
        assert_true(back.offset == some[i].offset && back.timestamp_ms == some[i].timestamp_ms);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "///",
        "events",
        "events/1/2",
        "events/1/2/3/4",
        "/1/2/3",
        "events//2/3",
        "events/1//3",
        "events/1/2/",
        "events/-1/2/3",
        "events/1/-2/3",
        "events/1/2/-2",
        "events/1/2/-",
        "events/+1/2/3",
        "events/01/2/3",
        "events/1/02/3",
        "events/1/2/00",
        "events/1/2/3 ",
        " events/1/2/3",
        "events/1x/2/3",
        "events/2147483648/2/3",
        "events/1/9223372036854775808/3",
        "events/1/2/9223372036854775808",
        "events/1/99999999999999999999999999/3",
        "ev ents/1/2/3",
        "ev\xc3\xa9/1/2/3",
        "./1/2/3",
        "../1/2/3",
    };
    mr_origin origin;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (mr_origin_parse(bad[i], strlen(bad[i]), &origin))
            fail_msg("taken: %s", bad[i]);
    assert_false(mr_origin_parse(NULL, 0, &origin));
    /* A zero byte must not cut what comes after it. */
    assert_false(PARSE("ev\0nts/1/2/3", &origin));
    assert_false(PARSE("events/1/2/3\0", &origin));
    assert_false(PARSE("events/1\0/2/3", &origin));
    char text[300];
    memset(text, 'a', sizeof text);
    memcpy(text + 249, "/1/2/3", 6);
    assert_true(mr_origin_parse(text, 255, &origin));
    assert_int_equal(strlen(origin.topic), 249);
    text[249] = 'a';
    memcpy(text + 250, "/1/2/3", 6);
    assert_false(mr_origin_parse(text, 256, &origin));
}

typedef struct one_header {
    const char *name, *value;
} one_header;

static bool find_header(const void *context, const char *name, const char **value, size_t *len)
{
    const one_header *header = context;
    if (!header->name || strcmp(header->name, name) != 0)
        return false;
    *value = header->value;
    *len = header->value ? strlen(header->value) : 0;
    return true;
}

static void test_event(void **state)
{
    (void)state;
    one_header header = {"millrace.origin", "events/3/120/1700000000123"};
    mr_event event = {.topic = "replay",
                      .partition = 0,
                      .offset = 7,
                      .timestamp_ms = 5,
                      .value = "{}",
                      .value_len = 2,
                      .header = find_header,
                      .header_context = &header};
    mr_origin origin;
    assert_true(mr_origin_of(&event, &origin));
    mr_origin_apply(&origin, 99, &event);
    assert_string_equal(event.topic, "events");
    assert_int_equal(event.partition, 3);
    assert_true(event.offset == 120 && event.timestamp_ms == INT64_C(1700000000123));
    assert_int_equal(event.source_hash, 99);
    assert_string_equal(event.value, "{}");
    header.value = NULL;
    assert_false(mr_origin_of(&event, &origin));
    header.name = NULL;
    assert_false(mr_origin_of(&event, &origin));
    event.header = NULL;
    assert_false(mr_origin_of(&event, &origin));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_event)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
