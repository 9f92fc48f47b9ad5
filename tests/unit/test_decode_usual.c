/* The usual way of a column beside the general one: whatever an event holds, both store the same or refuse it for the same reason, and write to no
 * other place.  A second source, which is never there, makes the same column one of the general way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode_fixture.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum { EVENT_MAX = 1000, COLUMN = 1, BEHIND = 2 /* fields */ };

typedef struct outcome {
    mr_reason reason;
    size_t position;
    uint32_t wire_bytes;
} outcome;

/* The event lies in memory of its own length, so that the sanitizers see what is read beyond it. */
static outcome decode(fixture *f, const char *text, size_t len)
{
    outcome out = {.reason = MR_REASON_NONE};
    char *value = malloc(len);
    memcpy(value, text, len);
    mr_event event = {.value = value, .value_len = len, .topic = "t", .key = "k", .key_len = 1};
    memset(f->record, 0xee, f->layout->size);
    assert_int_equal(mr_decode_scan(f->decoder, &event, &f->hash, &f->refusal), MR_REASON_NONE);
    out.reason = mr_decode_store(f->decoder, &event, f->record, &out.wire_bytes, &f->refusal);
    out.position = f->refusal.position;
    free(value);
    return out;
}

static bool untouched(const unsigned char *from, const unsigned char *to)
{
    while (from < to)
        if (*from++ != 0xee)
            return false;
    return true;
}

/* The value of the column, when both have one, is the same. */
static bool same_value(fixture *a, fixture *b)
{
    const mr_field *field = &a->layout->field[COLUMN];
    const unsigned char *x = a->record + field->value_at, *y = b->record + field->value_at;
    size_t bytes = field->capacity;
    if (field->form <= MR_FORM_BYTES) {
        bytes = *mr_record_length(a->layout, a->record, COLUMN);
        if (bytes != *mr_record_length(b->layout, b->record, COLUMN))
            return false;
    }
    if (*mr_record_indicator(a->layout, a->record, COLUMN) == MR_VALUE_NULL)
        return true;
    if (field->form < MR_FORM_DATETIME)
        return !memcmp(x, y, bytes);
    const mr_time *s = (const mr_time *)(const void *)x, *t = (const mr_time *)(const void *)y;
    return s->year == t->year && s->month == t->month && s->day == t->day && s->hour == t->hour &&
           s->minute == t->minute && s->second == t->second && s->second_part == t->second_part &&
           s->negative == t->negative && s->kind == t->kind;
}

static void compare(fixture *usual, fixture *general, const char *text, size_t len)
{
    outcome a = decode(usual, text, len), b = decode(general, text, len);
    const mr_layout *layout = usual->layout;
    const unsigned char *value = mr_record_value(layout, usual->record, COLUMN),
                        *behind = mr_record_value(layout, usual->record, BEHIND);
    bool same =
        a.reason == b.reason && (a.reason ? a.position == b.position
                                          : a.wire_bytes == b.wire_bytes && same_value(usual, general) &&
                                                *mr_record_indicator(layout, usual->record, COLUMN) ==
                                                    *mr_record_indicator(layout, general->record, COLUMN));
    if (!same)
        fail_msg("%.*s: %s at %zu, instead of %s at %zu", (int)len, text, mr_reason_name(a.reason),
                 a.position, mr_reason_name(b.reason), b.position);
    if (!untouched(usual->record, usual->record + sizeof(mr_record)) ||
        !untouched(value + layout->field[COLUMN].capacity, behind) ||
        !untouched(behind, usual->record + layout->size))
        fail_msg("%.*s is written elsewhere, too", (int)len, text);
}

/* `column` is what follows its source; it lies before one that has no value, and is long (record.h). */
static fixture make_one(const char *source, const char *column)
{
    char columns[512];
    snprintf(columns, sizeof columns,
             "{\"name\":\"c\",\"from\":%s,%s},"
             "{\"name\":\"z\",\"from\":\"z\",\"type\":\"string\",\"max_bytes\":200}",
             source, column);
    return make("\"@key\"", "", columns);
}

static void make_both(const char *column, fixture *usual, fixture *general)
{
    *usual = make_one("\"o.c\"", column);
    *general = make_one("[\"o.c\",\"never\"]", column);
}

static const char *const types[] = {
    "\"type\":\"bool\"",
    "\"type\":\"int8\"",
    "\"type\":\"int16\"",
    "\"type\":\"int32\"",
    "\"type\":\"int64\"",
    "\"type\":\"uint8\"",
    "\"type\":\"double\"",
    "\"type\":\"decimal\",\"precision\":5,\"scale\":2",
    "\"type\":\"decimal\",\"precision\":2,\"scale\":2",
    "\"type\":\"decimal\",\"precision\":30,\"scale\":10,\"accept\":[\"number\",\"string\"]",
    "\"type\":\"int16\",\"accept\":[\"number\",\"string\"]",
    "\"type\":\"datetime\"",
    "\"type\":\"datetime\",\"assume_offset\":\"+01:30\"",
    "\"type\":\"datetime\",\"fraction\":\"truncate\"",
    "\"type\":\"datetime\",\"unit\":\"ms\"",
    "\"type\":\"date\"",
    "\"type\":\"time\"",
    "\"type\":\"string\",\"max_bytes\":30",
    "\"type\":\"string\",\"max_bytes\":30,\"max_chars\":3",
    "\"type\":\"string\",\"max_bytes\":3,\"on_too_long\":\"truncate\"",
    "\"type\":\"string\",\"max_bytes\":3,\"on_too_long\":\"null\"",
    "\"type\":\"json\",\"max_bytes\":9",
    "\"type\":\"uuid\"",
    "\"type\":\"binary\",\"max_bytes\":3",
};

static const char *const events[] = {
    "{}",
    "{\"o\":null}",
    "{\"o\":7}",
    "{\"o\":{\"c\":null}}",
    "{\"o\":{\"c\":true}}",
    "{\"o\":{\"c\":false}}",
    "{\"o\":{\"c\":0}}",
    "{\"o\":{\"c\":-0}}",
    "{\"o\":{\"c\":-0.0}}",
    "{\"o\":{\"c\":12.5}}",
    "{\"o\":{\"c\":-0.25}}",
    "{\"o\":{\"c\":120.50}}",
    "{\"o\":{\"c\":1000}}",
    "{\"o\":{\"c\":1.234}}",
    "{\"o\":{\"c\":127}}",
    "{\"o\":{\"c\":128}}",
    "{\"o\":{\"c\":-128}}",
    "{\"o\":{\"c\":-129}}",
    "{\"o\":{\"c\":32767}}",
    "{\"o\":{\"c\":-32769}}",
    "{\"o\":{\"c\":2147483648}}",
    "{\"o\":{\"c\":12345678}}",
    "{\"o\":{\"c\":123456789}}",
    "{\"o\":{\"c\":9223372036854775808}}",
    "{\"o\":{\"c\":1e2}}",
    "{\"o\":{\"c\":1.5E-1}}",
    "{\"o\":{\"c\":1e999}}",
    "{\"o\":{\"c\":\"\"}}",
    "{\"o\":{\"c\":\"12\"}}",
    "{\"o\":{\"c\":\"abcd\"}}",
    "{\"o\":{\"c\":\"a\\nb\"}}",
    "{\"o\":{\"c\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}}",
    "{\"o\":{\"c\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}}",
    "{\"o\":{\"c\":\"2026-01-31T12:00:00Z\"}}",
    "{\"o\":{\"c\":\"2024-02-29T12:00:00.5Z\"}}",
    "{\"o\":{\"c\":\"2026-02-29T12:00:00Z\"}}",
    "{\"o\":{\"c\":\"2026-01-31T12:00:00\"}}",
    "{\"o\":{\"c\":\"2026-01-31T12:00:00.123+01:00\"}}",
    "{\"o\":{\"c\":\"2026-01-31T12:00:00.1234567Z\"}}",
    "{\"o\":{\"c\":\"2026-01-31T12:00:00.123\\u005a\"}}",
    "{\"o\":{\"c\":\"2026-01-31\"}}",
    "{\"o\":{\"c\":\"12:00:00.5\"}}",
    "{\"o\":{\"c\":\"00000000-0000-0000-0000-0000000000ff\"}}",
    "{\"o\":{\"c\":\"Zm9v\"}}",
    "{\"o\":{\"c\":[]}}",
    "{\"o\":{\"c\":{\"d\":1}}}",
    "{\"o\":{\"c\":{\"d\":\"0123456789\"}}}",
    "{\"o\":{\"c\":[\"a\\n\"]}}",
    "{\"o\":{\"c\":1},\"o\":2}",
};

static void test_every_type_of_everything(void **state)
{
    (void)state;
    static const char *const more[] = {"", ",\"required\":true", ",\"default\":null"};
    for (size_t t = 0; t < COUNT(types); t++)
        for (size_t m = 0; m < COUNT(more); m++) {
            char column[256];
            fixture usual, general;
            snprintf(column, sizeof column, "%s%s", types[t], more[m]);
            make_both(column, &usual, &general);
            for (size_t i = 0; i < COUNT(events); i++)
                compare(&usual, &general, events[i], strlen(events[i]));
            drop(&usual);
            drop(&general);
        }
}

static void test_defaults(void **state)
{
    (void)state;
    static const char *const columns[] = {"\"type\":\"string\",\"max_bytes\":20,\"default\":\"none\"",
                                          "\"type\":\"int32\",\"default\":-1",
                                          "\"type\":\"bool\",\"default\":true"};
    for (size_t i = 0; i < COUNT(columns); i++) {
        fixture usual, general;
        make_both(columns[i], &usual, &general);
        for (size_t e = 0; e < COUNT(events); e++)
            compare(&usual, &general, events[e], strlen(events[e]));
        assert_int_equal(decode(&usual, "{}", 2).reason, MR_REASON_NONE);
        assert_int_equal(*mr_record_indicator(usual.layout, usual.record, COLUMN), MR_VALUE_SET);
        assert_int_equal(decode(&usual, "{\"o\":{\"c\":null}}", 16).reason, MR_REASON_NONE);
        assert_int_equal(*mr_record_indicator(usual.layout, usual.record, COLUMN), MR_VALUE_NULL);
        drop(&usual);
        drop(&general);
    }
}

/* Texts of every length in places of every size, with nothing behind them in the event and with much. */
static void test_texts(void **state)
{
    (void)state;
    static const int places[] = {1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 127, 128, 129, 400};
    for (size_t p = 0; p < COUNT(places); p++) {
        char column[64], text[EVENT_MAX];
        fixture usual, general;
        snprintf(column, sizeof column, "\"type\":\"string\",\"max_bytes\":%d", places[p]);
        make_both(column, &usual, &general);
        for (int len = 0; len <= 402; len++) {
            size_t at = (size_t)snprintf(text, sizeof text, "{\"o\":{\"c\":\"");
            for (int i = 0; i < len; i++)
                text[at++] = (char)('a' + i % 26);
            memcpy(text + at, "\"}}", 3);
            compare(&usual, &general, text, at + 3);
            at += (size_t)sprintf(text + at, "\"},\"more\":\"than one piece of the text that is copied\"}");
            compare(&usual, &general, text, at);
        }
        drop(&usual);
        drop(&general);
    }
}

/* More fields than indicators that are set at once: each is set, whatever the record held before. */
static void test_many_indicators(void **state)
{
    (void)state;
    char columns[2000] = "", event[2000] = "{";
    for (int fields = 1; fields <= 20; fields++) {
        size_t len = strlen(columns), event_len = strlen(event);
        snprintf(columns + len, sizeof columns - len,
                 "%s{\"name\":\"c%d\",\"from\":\"c%d\",\"type\":\"bool\"}", fields > 1 ? "," : "", fields,
                 fields);
        snprintf(event + event_len, sizeof event - event_len, "%s\"c%d\":true", fields > 1 ? "," : "",
                 fields);
        fixture f = make("\"@key\"", "", columns);
        char text[2000];
        int text_len = snprintf(text, sizeof text, "%s}", event);
        assert_int_equal(decode(&f, text, (size_t)text_len).reason, MR_REASON_NONE);
        for (uint32_t field = 0; field < f.layout->fields; field++)
            assert_int_equal(*mr_record_indicator(f.layout, f.record, field), MR_VALUE_SET);
        for (uint32_t field = 1; field < f.layout->fields; field++)
            assert_int_equal(*(int64_t *)(void *)mr_record_value(f.layout, f.record, field), 1);
        drop(&f);
    }
}

/* Of several columns that do not fit the first one is named, whichever way it goes. */
static void test_first_refusal(void **state)
{
    (void)state;
    fixture f =
        make("\"@key\"", "",
             "{\"name\":\"a\",\"from\":\"a\",\"type\":\"int8\"},{\"name\":\"b\",\"from\":[\"b\",\"x\"],"
             "\"type\":\"int8\"},{\"name\":\"c\",\"from\":\"c\",\"type\":\"string\",\"max_bytes\":1}");
    static const char *const broken[][2] = {{"{\"a\":true,\"b\":true,\"c\":\"long\"}", "a"},
                                            {"{\"a\":1,\"b\":true,\"c\":\"long\"}", "b"},
                                            {"{\"a\":1,\"b\":1,\"c\":\"long\"}", "c"}};
    for (size_t i = 0; i < COUNT(broken); i++) {
        assert_int_not_equal(decode(&f, broken[i][0], strlen(broken[i][0])).reason, MR_REASON_NONE);
        assert_string_equal(f.refusal.column, broken[i][1]);
    }
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_of_everything),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_many_indicators),
        cmocka_unit_test(test_first_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
