/* Converters: values at and beyond every bound; each refusal by its reason. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stages/values.h"
#include "tests/model/model.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void test_int64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t least, most;
        mr_reason reason;
        int64_t value;
    } cases[] = {
        {"0", INT64_MIN, INT64_MAX, MR_REASON_NONE, 0},
        {"-0", INT64_MIN, INT64_MAX, MR_REASON_NONE, 0},
        {"9223372036854775807", INT64_MIN, INT64_MAX, MR_REASON_NONE, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, INT64_MAX, MR_REASON_NONE, INT64_MIN},
        {"9223372036854775808", INT64_MIN, INT64_MAX, MR_REASON_OUT_OF_RANGE, 0},
        {"-9223372036854775809", INT64_MIN, INT64_MAX, MR_REASON_OUT_OF_RANGE, 0},
        {"9007199254740993", INT64_MIN, INT64_MAX, MR_REASON_NONE, 9007199254740993}, /* no double holds it */
        {"127", INT8_MIN, INT8_MAX, MR_REASON_NONE, 127},
        {"128", INT8_MIN, INT8_MAX, MR_REASON_OUT_OF_RANGE, 0},
        {"-128", INT8_MIN, INT8_MAX, MR_REASON_NONE, -128},
        {"-129", INT8_MIN, INT8_MAX, MR_REASON_OUT_OF_RANGE, 0},
        {"1.0", INT64_MIN, INT64_MAX, MR_REASON_NONE, 1},
        {"1e3", INT64_MIN, INT64_MAX, MR_REASON_NONE, 1000},
        {"1.5e1", INT64_MIN, INT64_MAX, MR_REASON_NONE, 15},
        {"120e-1", INT64_MIN, INT64_MAX, MR_REASON_NONE, 12},
        {"0.000", INT64_MIN, INT64_MAX, MR_REASON_NONE, 0},
        {"0e999999999999999999", INT64_MIN, INT64_MAX, MR_REASON_NONE, 0},
        {"1.5", INT64_MIN, INT64_MAX, MR_REASON_TOO_PRECISE, 0},
        {"1e-1", INT64_MIN, INT64_MAX, MR_REASON_TOO_PRECISE, 0},
        {"1e19", INT64_MIN, INT64_MAX, MR_REASON_OUT_OF_RANGE, 0},
        {"1e99999999999", INT64_MIN, INT64_MAX, MR_REASON_OUT_OF_RANGE, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 0;
        mr_reason reason =
            mr_to_int64(cases[i].text, strlen(cases[i].text), cases[i].least, cases[i].most, &value);
        if (reason != cases[i].reason || (!reason && value != cases[i].value))
            fail_msg("%s: %s, %lld", cases[i].text, mr_reason_name(reason), (long long)value);
    }
}

static void test_uint64(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(mr_to_uint64("18446744073709551615", 20, UINT64_MAX, &value), MR_REASON_NONE);
    assert_true(value == UINT64_MAX);
    assert_int_equal(mr_to_uint64("18446744073709551616", 20, UINT64_MAX, &value), MR_REASON_OUT_OF_RANGE);
    assert_int_equal(mr_to_uint64("-1", 2, UINT64_MAX, &value), MR_REASON_OUT_OF_RANGE);
    assert_int_equal(mr_to_uint64("-0", 2, UINT64_MAX, &value), MR_REASON_NONE);
    assert_int_equal(mr_to_uint64("256", 3, 255, &value), MR_REASON_OUT_OF_RANGE);
    assert_int_equal(mr_to_uint64("1.8446744073709551615e19", 24, UINT64_MAX, &value), MR_REASON_NONE);
    assert_true(value == UINT64_MAX);
}

static void test_double(void **state)
{
    (void)state;
    static const char *const exact[] = {"0",
                                        "-0.0",
                                        "1",
                                        "0.1",
                                        "1e22",
                                        "1e23",
                                        "123456789012345678",
                                        "2.2250738585072011e-308",
                                        "5e-324",
                                        "1.7976931348623157e308",
                                        "9007199254740993",
                                        "1e-400",
                                        "0.30000000000000004",
                                        "3.14159265358979323846264338327950288"};
    for (size_t i = 0; i < COUNT(exact); i++) {
        double value;
        assert_int_equal(mr_to_double(exact[i], strlen(exact[i]), &value), MR_REASON_NONE);
        double expected = strtod(exact[i], NULL);
        assert_memory_equal(&value, &expected, sizeof value);
    }
    double value;
    assert_int_equal(mr_to_double("1e400", 5, &value), MR_REASON_OUT_OF_RANGE);
    assert_int_equal(mr_to_double("-1e400", 6, &value), MR_REASON_OUT_OF_RANGE);
}

static void test_decimal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t precision, scale;
        mr_reason reason;
        const char *value;
    } cases[] = {
        {"12.34", 12, 2, MR_REASON_NONE, "12.34"},
        {"12.340", 12, 2, MR_REASON_NONE, "12.34"},
        {"12", 12, 2, MR_REASON_NONE, "12"},
        {"-0.5", 12, 2, MR_REASON_NONE, "-0.5"},
        {"0.05", 12, 2, MR_REASON_NONE, "0.05"},
        {"-0", 12, 2, MR_REASON_NONE, "0"},
        {"0e5", 12, 2, MR_REASON_NONE, "0"},
        {"1e3", 12, 2, MR_REASON_NONE, "1000"},
        {"1.5e2", 12, 2, MR_REASON_NONE, "150"},
        {"15e-2", 12, 2, MR_REASON_NONE, "0.15"},
        {"1000000000", 12, 2, MR_REASON_NONE, "1000000000"},
        {"9999999999.99", 12, 2, MR_REASON_NONE, "9999999999.99"},
        {"10000000000", 12, 2, MR_REASON_OUT_OF_RANGE, ""},
        {"1.234", 12, 2, MR_REASON_TOO_PRECISE, ""},
        {"1e-3", 12, 2, MR_REASON_TOO_PRECISE, ""},
        {"0.5", 5, 5, MR_REASON_NONE, "0.5"},
        {"1", 5, 5, MR_REASON_OUT_OF_RANGE, ""},
        {"1e999999999999", 12, 2, MR_REASON_OUT_OF_RANGE, ""},
        {"1e-999999999999", 12, 2, MR_REASON_TOO_PRECISE, ""},
        {"99999999999999999999999999999999999.999999999999999999999999999999", 65, 30, MR_REASON_NONE,
         "99999999999999999999999999999999999.999999999999999999999999999999"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[MR_DECIMAL_TEXT];
        size_t len = 0;
        mr_reason reason = mr_to_decimal(cases[i].text, strlen(cases[i].text), cases[i].precision,
                                         cases[i].scale, out, &len);
        if (reason != cases[i].reason ||
            (!reason && (len != strlen(cases[i].value) || memcmp(out, cases[i].value, len) != 0)))
            fail_msg("%s: %s, %.*s", cases[i].text, mr_reason_name(reason), (int)len, out);
    }
}

/* A number by JSON's grammar, without an exponent. */
static size_t random_number(char text[64])
{
    size_t len = 0;
    uint32_t before = model_below(4) ? 1 + model_below(12) : 1 + model_below(20),
             after = model_below(3) ? model_below(20) : 0;
    if (model_below(2))
        text[len++] = '-';
    if (model_below(4) == 0) {
        text[len++] = '0';
    } else {
        text[len++] = (char)('1' + model_below(9));
        for (uint32_t i = 1; i < before; i++)
            text[len++] = (char)('0' + model_below(10));
    }
    if (after > 0)
        text[len++] = '.';
    for (uint32_t i = 0; i < after; i++)
        text[len++] = (char)(model_below(3) ? '0' + model_below(10) : '0');
    return len;
}

/* The usual forms are read in ways of their own; with e0 behind it the same number is read in the general one. */
static void test_usual_forms(void **state)
{
    (void)state;
    model_seed("numbers");
    for (int i = 0; i < 200000; i++) {
        char text[64], one[MR_DECIMAL_TEXT], other[MR_DECIMAL_TEXT];
        size_t len = random_number(text), one_len = 0, other_len = 0;
        uint32_t scale = model_below(20), precision = scale + 1 + model_below(20);
        double value, general;
        memcpy(text + len, "e0", 3);
        assert_int_equal(mr_to_double(text, len, &value), mr_to_double(text, len + 2, &general));
        double expected = strtod(text, NULL);
        if (memcmp(&value, &general, sizeof value) != 0 || memcmp(&value, &expected, sizeof value) != 0)
            fail_msg("%s: %.17g, %.17g, %.17g", text, value, general, expected);
        mr_reason reason = mr_to_decimal(text, len, precision, scale, one, &one_len);
        if (reason != mr_to_decimal(text, len + 2, precision, scale, other, &other_len) ||
            (!reason && (one_len != other_len || memcmp(one, other, one_len) != 0)))
            fail_msg("%s as decimal(%u,%u): %s %.*s, %.*s", text, precision, scale, mr_reason_name(reason),
                     (int)one_len, one, (int)other_len, other);
    }
}

static void show(const mr_time *t, char text[64])
{
    snprintf(text, 64, "%04u-%02u-%02u %02u:%02u:%02u.%06lu", t->year, t->month, t->day, t->hour, t->minute,
             t->second, t->second_part);
}

static void test_datetime(void **state)
{
    (void)state;
    static const int32_t berlin = 60;
    static const struct {
        const char *text;
        const int32_t *assume;
        bool truncate;
        mr_reason reason;
        const char *value;
    } cases[] = {
        {"2026-01-31T12:34:56Z", NULL, false, MR_REASON_NONE, "2026-01-31 12:34:56.000000"},
        {"2026-01-31t12:34:56.5z", NULL, false, MR_REASON_NONE, "2026-01-31 12:34:56.500000"},
        {"2026-01-31 12:34:56.123456+00:00", NULL, false, MR_REASON_NONE, "2026-01-31 12:34:56.123456"},
        {"2026-01-01T00:30:00+01:00", NULL, false, MR_REASON_NONE, "2025-12-31 23:30:00.000000"},
        {"2024-02-28T23:30:00.999999-0100", NULL, false, MR_REASON_NONE, "2024-02-29 00:30:00.999999"},
        {"2024-02-29T00:00:00+05", NULL, false, MR_REASON_NONE, "2024-02-28 19:00:00.000000"},
        {"2000-02-29T00:00:00Z", NULL, false, MR_REASON_NONE, "2000-02-29 00:00:00.000000"},
        {"9999-12-31T23:59:59.999999Z", NULL, false, MR_REASON_NONE, "9999-12-31 23:59:59.999999"},
        {"9999-12-31T23:59:59-01:00", NULL, false, MR_REASON_OUT_OF_RANGE, ""},
        {"1000-01-01T00:00:00Z", NULL, false, MR_REASON_NONE, "1000-01-01 00:00:00.000000"},
        {"1000-01-01T00:00:00+00:01", NULL, false, MR_REASON_OUT_OF_RANGE, ""},
        {"0999-12-31T00:00:00Z", NULL, false, MR_REASON_OUT_OF_RANGE, ""},
        {"2026-01-31T12:34:56.1234560Z", NULL, false, MR_REASON_NONE, "2026-01-31 12:34:56.123456"},
        {"2026-01-31T12:34:56.1234567Z", NULL, false, MR_REASON_TOO_PRECISE, ""},
        {"2026-01-31T12:34:56.1234567Z", NULL, true, MR_REASON_NONE, "2026-01-31 12:34:56.123456"},
        {"2026-01-31T12:34:56", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T12:34:56", &berlin, false, MR_REASON_NONE, "2026-01-31 11:34:56.000000"},
        {"2026-01-31T12:34:56Z", &berlin, false, MR_REASON_NONE, "2026-01-31 12:34:56.000000"},
        {"2023-02-29T00:00:00Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"1900-02-29T00:00:00Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-13-01T00:00:00Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-00-01T00:00:00Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-04-31T00:00:00Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T24:00:00Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T23:59:60Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T12:34Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T12:34:56.Z", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T12:34:56+1:00", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"2026-01-31T12:34:56Zx", NULL, false, MR_REASON_BAD_FORMAT, ""},
        {"tomorrow at noon, please", NULL, false, MR_REASON_BAD_FORMAT, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mr_time time = {0};
        char text[64];
        mr_reason reason =
            mr_to_datetime(cases[i].text, strlen(cases[i].text), cases[i].assume, cases[i].truncate, &time);
        show(&time, text);
        if (reason != cases[i].reason || (!reason && strcmp(text, cases[i].value) != 0))
            fail_msg("%s: %s, %s", cases[i].text, mr_reason_name(reason), text);
    }
}

static void test_epoch(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mr_unit unit;
        bool truncate;
        mr_reason reason;
        const char *value;
    } cases[] = {
        {"0", MR_UNIT_S, false, MR_REASON_NONE, "1970-01-01 00:00:00.000000"},
        {"1700000000", MR_UNIT_S, false, MR_REASON_NONE, "2023-11-14 22:13:20.000000"},
        {"1700000000.25", MR_UNIT_S, false, MR_REASON_NONE, "2023-11-14 22:13:20.250000"},
        {"1700000000123", MR_UNIT_MS, false, MR_REASON_NONE, "2023-11-14 22:13:20.123000"},
        {"1700000000123.456", MR_UNIT_MS, false, MR_REASON_NONE, "2023-11-14 22:13:20.123456"},
        {"1700000000123456", MR_UNIT_US, false, MR_REASON_NONE, "2023-11-14 22:13:20.123456"},
        {"1700000000123456000", MR_UNIT_NS, false, MR_REASON_NONE, "2023-11-14 22:13:20.123456"},
        {"1700000000123456789", MR_UNIT_NS, false, MR_REASON_TOO_PRECISE, ""},
        {"1700000000123456789", MR_UNIT_NS, true, MR_REASON_NONE, "2023-11-14 22:13:20.123456"},
        {"9223372036854775807", MR_UNIT_NS, true, MR_REASON_NONE, "2262-04-11 23:47:16.854775"},
        {"9223372036854775808", MR_UNIT_NS, true, MR_REASON_OUT_OF_RANGE, ""},
        {"1.0000001", MR_UNIT_S, false, MR_REASON_TOO_PRECISE, ""},
        {"1.0000001", MR_UNIT_S, true, MR_REASON_NONE, "1970-01-01 00:00:01.000000"},
        {"-1", MR_UNIT_S, false, MR_REASON_NONE, "1969-12-31 23:59:59.000000"},
        {"-0.5", MR_UNIT_S, false, MR_REASON_NONE, "1969-12-31 23:59:59.500000"},
        {"1.7e9", MR_UNIT_S, false, MR_REASON_NONE, "2023-11-14 22:13:20.000000"},
        {"253402300799", MR_UNIT_S, false, MR_REASON_NONE, "9999-12-31 23:59:59.000000"},
        {"253402300800", MR_UNIT_S, false, MR_REASON_OUT_OF_RANGE, ""},
        {"-30610224000", MR_UNIT_S, false, MR_REASON_NONE, "1000-01-01 00:00:00.000000"},
        {"-30610224001", MR_UNIT_S, false, MR_REASON_OUT_OF_RANGE, ""},
        {"1e30", MR_UNIT_S, false, MR_REASON_OUT_OF_RANGE, ""},
        {"1e300", MR_UNIT_MS, false, MR_REASON_OUT_OF_RANGE, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        mr_time time = {0};
        char text[64];
        mr_reason reason = mr_epoch_to_datetime(cases[i].text, strlen(cases[i].text), cases[i].unit,
                                                cases[i].truncate, &time);
        show(&time, text);
        if (reason != cases[i].reason || (!reason && strcmp(text, cases[i].value) != 0))
            fail_msg("%s: %s, %s", cases[i].text, mr_reason_name(reason), text);
    }
}

static void test_date_and_time(void **state)
{
    (void)state;
    mr_time time;
    assert_int_equal(mr_to_date("2026-01-31", 10, &time), MR_REASON_NONE);
    assert_true(time.year == 2026 && time.month == 1 && time.day == 31 && time.kind == 0);
    assert_int_equal(mr_to_date("2026-01-31T00:00:00Z", 20, &time), MR_REASON_BAD_FORMAT);
    assert_int_equal(mr_to_date("2026-02-30", 10, &time), MR_REASON_BAD_FORMAT);
    assert_int_equal(mr_to_time("23:59:59.000001", 15, false, &time), MR_REASON_NONE);
    assert_true(time.hour == 23 && time.second_part == 1 && time.kind == 2);
    assert_int_equal(mr_to_time("24:00:00", 8, false, &time), MR_REASON_BAD_FORMAT);
    assert_int_equal(mr_to_time("12:00:00Z", 9, false, &time), MR_REASON_BAD_FORMAT);
    assert_int_equal(mr_to_time("12:00", 5, false, &time), MR_REASON_BAD_FORMAT);
}

/* Every byte in every place: digits are the only ones that are taken for digits, and nothing else for what stands between. */
static void test_every_byte_of_a_time(void **state)
{
    (void)state;
    static const char well[] = "1111-11-11T11:11:11";
    for (size_t at = 0; at < sizeof well - 1; at++)
        for (int c = 0; c < 256; c++) {
            char text[sizeof well];
            mr_time time;
            int32_t utc = 0;
            memcpy(text, well, sizeof well);
            text[at] = (char)c;
            mr_reason reason = mr_to_datetime(text, sizeof well - 1, &utc, false, &time);
            bool digit = well[at] == '1' && c >= '0' && c <= '9';
            bool separator =
                well[at] != '1' && (c == well[at] || (well[at] == 'T' && (c == ' ' || c == 't')));
            if (!digit && !separator && reason == MR_REASON_NONE)
                fail_msg("byte 0x%02x at %zu is taken", c, at);
            if (separator && reason != MR_REASON_NONE)
                fail_msg("byte 0x%02x at %zu: %s", c, at, mr_reason_name(reason));
        }
}

static void test_uuid_and_binary(void **state)
{
    (void)state;
    unsigned char out[16];
    size_t len;
    static const unsigned char expected[16] = {0xda, 0xb4, 0x51, 0x94, 0x42, 0xcc, 0x41, 0x06,
                                               0xab, 0x9f, 0x24, 0x47, 0xfa, 0x4d, 0x35, 0xc2};
    assert_int_equal(mr_to_uuid("DAB45194-42CC-4106-ab9f-2447FA4D35C2", 36, out), MR_REASON_NONE);
    assert_memory_equal(out, expected, 16);
    assert_int_equal(mr_to_uuid("DAB45194-42CC-4106-ab9f-2447FA4D35C", 35, out), MR_REASON_BAD_FORMAT);
    assert_int_equal(mr_to_uuid("DAB45194142CC-4106-ab9f-2447FA4D35C2", 36, out), MR_REASON_BAD_FORMAT);
    assert_int_equal(mr_to_uuid("DAB45194-42CC-4106-ab9f-2447FA4D35G2", 36, out), MR_REASON_BAD_FORMAT);
    static const struct {
        const char *text;
        mr_reason reason;
        const char *bytes;
    } cases[] = {{"", MR_REASON_NONE, ""},
                 {"Zg==", MR_REASON_NONE, "f"},
                 {"Zm8=", MR_REASON_NONE, "fo"},
                 {"Zm9v", MR_REASON_NONE, "foo"},
                 {"Zm9vYmFy", MR_REASON_NONE, "foobar"},
                 {"Zg", MR_REASON_BAD_FORMAT, ""},
                 {"Zh==", MR_REASON_BAD_FORMAT, ""},
                 {"Z===", MR_REASON_BAD_FORMAT, ""},
                 {"Zm9-", MR_REASON_BAD_FORMAT, ""},
                 {"Zm9vYmFyYmF6", MR_REASON_TOO_LONG, ""}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned char bytes[8];
        mr_reason reason = mr_to_binary(cases[i].text, strlen(cases[i].text), bytes, sizeof bytes, &len);
        if (reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].text, mr_reason_name(reason));
        if (!reason) {
            assert_int_equal(len, strlen(cases[i].bytes));
            assert_memory_equal(bytes, cases[i].bytes, len);
        }
    }
}

static void test_is_number(void **state)
{
    (void)state;
    static const char *const yes[] = {"0", "-1", "1.5", "1e3", "1E+3", "0.0e-0"}, *const no[] = {
                                                                                      "",    "-",  "01", "1.",
                                                                                      ".5",  "1e", "+1", "1 ",
                                                                                      "0x1", "NaN"};
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(mr_is_number(yes[i], strlen(yes[i])));
    for (size_t i = 0; i < COUNT(no); i++)
        assert_false(mr_is_number(no[i], strlen(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int64),         cmocka_unit_test(test_uint64),
        cmocka_unit_test(test_usual_forms),   cmocka_unit_test(test_every_byte_of_a_time),
        cmocka_unit_test(test_double),        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_datetime),      cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_date_and_time), cmocka_unit_test(test_uuid_and_binary),
        cmocka_unit_test(test_is_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
