/* Usual forms beside the general converters: a usual form is taken, its value is the same, and nothing else is taken.  Texts lie in memory of their
 * own length, so that the sanitizers see what is read beyond them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/model/model.h"
#include "worker/stages/values_usual.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

enum { TEXT_MAX = 40 };

/* The text in memory that ends with it; the caller's until the next call. */
static const char *exact(const char *text, size_t len)
{
    static char *place[TEXT_MAX];
    if (!place[len])
        place[len] = malloc(len ? len : 1);
    return memcpy(place[len], text, len);
}

/* ---- numbers ---- */

static void compare_integers(const char *text, size_t len, bool plain)
{
    static const int64_t most[] = {INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
    for (size_t i = 0; i < COUNT(most); i++) {
        int64_t usual = 0, general = 0;
        bool fits = mr_to_int64(text, len, -most[i] - 1, most[i], &general) == MR_REASON_NONE;
        bool taken = mr_usual_int64(text, len, most[i], &usual);
        if (taken != (fits && plain && !memchr(text, '.', len)) || (taken && usual != general))
            fail_msg("%.*s up to %lld: %d, %lld", (int)len, text, (long long)most[i], taken,
                     (long long)usual);
    }
}

static void compare_doubles(const char *text, size_t len, bool plain)
{
    char copy[TEXT_MAX] = "";
    memcpy(copy, text, len);
    double usual = 0, expected = strtod(copy, NULL);
    bool taken = mr_usual_double(text, len, &usual);
    if (taken != plain || (taken && memcmp(&usual, &expected, sizeof usual) != 0))
        fail_msg("%s: %d, %.17g", copy, taken, usual);
}

static void compare_decimals(const char *text, size_t len, bool plain)
{
    static const struct {
        uint32_t precision, scale;
    } of[] = {{1, 0}, {2, 1}, {2, 2}, {3, 1}, {12, 2}, {8, 8}, {65, 30}};
    bool stands = !(memchr(text, '.', len) && text[len - 1] == '0') && !(text[0] == '-' && text[1] == '0') &&
                  text[0] != '0';
    for (size_t i = 0; i < COUNT(of); i++) {
        char usual[MR_DECIMAL_TEXT], general[MR_DECIMAL_TEXT];
        size_t usual_len = 0, general_len = 0;
        bool fits =
            mr_to_decimal(text, len, of[i].precision, of[i].scale, general, &general_len) == MR_REASON_NONE;
        bool taken = mr_usual_decimal(text, len, of[i].precision, of[i].scale, usual, &usual_len);
        bool same = taken && fits && usual_len == general_len && !memcmp(usual, general, usual_len);
        /* What begins with a zero may be left to the general way. */
        if ((taken && !same) || (fits && plain && stands && !taken) || (taken && !plain))
            fail_msg("%.*s as decimal(%u,%u): %d, %.*s", (int)len, text, of[i].precision, of[i].scale, taken,
                     (int)usual_len, usual);
    }
}

static void compare_numbers(const char *text, size_t len)
{
    if (!mr_is_number(text, len))
        return;
    bool plain = len <= 8 && !memchr(text, 'e', len) && !memchr(text, 'E', len);
    text = exact(text, len);
    compare_integers(text, len, plain);
    compare_doubles(text, len, plain);
    compare_decimals(text, len, plain);
}

/* Every text of these characters. */
static void every(char *text, size_t len, size_t most)
{
    static const char characters[] = "-.0159eE+";
    compare_numbers(text, len);
    for (const char *c = characters; *c && len < most; c++) {
        text[len] = *c;
        every(text, len + 1, most);
    }
}

static void test_every_short_number(void **state)
{
    (void)state;
    char text[TEXT_MAX] = "";
    every(text, 0, 6);
}

static void test_numbers(void **state)
{
    (void)state;
    model_seed("numbers");
    for (int i = 0; i < model_rounds(200000); i++) {
        char text[TEXT_MAX];
        size_t len = 5 + model_below(6), point = model_below(2) ? model_below(10) : TEXT_MAX;
        for (size_t at = 0; at < len; at++)
            text[at] = at == point ? '.' : (char)('0' + model_below(10));
        if (model_below(3) == 0)
            text[0] = '-';
        compare_numbers(text, len);
    }
}

static void test_bounds(void **state)
{
    (void)state;
    static const char *const texts[] = {"127",   "-127",   "128",      "-128",    "129",
                                        "-129",  "32767",  "-32767",   "32768",   "-32768",
                                        "32769", "-32769", "99999999", "-9999999"};
    for (size_t i = 0; i < COUNT(texts); i++)
        compare_numbers(texts[i], strlen(texts[i]));
    int64_t number;
    assert_false(mr_usual_int64(exact("", 0), 0, INT64_MAX, &number));
}

static void test_decimals_as_they_stand(void **state)
{
    (void)state;
    static const char *const texts[] = {"0", "7", "129.95", "-129.95", "0.5", "-0.5", "12345678", "1.234567"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char out[MR_DECIMAL_TEXT];
        size_t len = 0;
        assert_true(mr_usual_decimal(exact(texts[i], strlen(texts[i])), strlen(texts[i]), 16, 8, out, &len));
        assert_int_equal(len, strlen(texts[i]));
        assert_memory_equal(out, texts[i], len);
    }
}

static void test_load_few(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 8; len++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < len; i++)
            expected |= (uint64_t)(unsigned char)"\x91\xa2\xb3\xc4\xd5\xe6\xf7\x88"[i] << 8 * i;
        assert_int_equal(mr_load_few(exact("\x91\xa2\xb3\xc4\xd5\xe6\xf7\x88", len), len), expected);
    }
}

/* ---- times ---- */

static void compare_datetime(const char *text, size_t len)
{
    mr_time usual = {0}, general = {0};
    text = exact(text, len);
    bool well = mr_to_datetime(text, len, NULL, false, &general) == MR_REASON_NONE;
    bool usual_form = len >= 20 && text[10] == 'T' && text[len - 1] == 'Z' &&
                      (len == 20 || (text[19] == '.' && len <= 27)) &&
                      !(general.month == 2 && general.day == 29);
    bool taken = mr_usual_datetime(text, len, &usual);
    bool same = usual.year == general.year && usual.month == general.month && usual.day == general.day &&
                usual.hour == general.hour && usual.minute == general.minute &&
                usual.second == general.second && usual.second_part == general.second_part &&
                usual.negative == general.negative && usual.kind == general.kind;
    if (taken != (well && usual_form) || (taken && !same))
        fail_msg("%.*s: %d instead of %d, %06lu", (int)len, text, taken, well && usual_form,
                 usual.second_part);
}

static const char *const forms[] = {
    "2026-11-28T21:49:58Z",        "2026-11-28T21:49:58.7Z",       "2026-11-28T21:49:58.78Z",
    "2026-11-28T21:49:58.789Z",    "2026-11-28T21:49:58.7890Z",    "2026-11-28T21:49:58.78901Z",
    "2026-11-28T21:49:58.789012Z", "2026-11-28T21:49:58.7890120Z", "2026-11-28T21:49:58",
    "2026-11-28T21:49:58+01:00",   "2026-11-28T21:49:58.Z",        "2026-11-28 21:49:58.123+01Z"};

/* In every place every byte; two bytes that are wrong by the same, or one as the other is missing, are not enough to hide it. */
static void test_every_byte_of_a_datetime(void **state)
{
    (void)state;
    for (size_t f = 0; f < COUNT(forms); f++)
        for (size_t at = 0, len = strlen(forms[f]); at < len; at++)
            for (int c = 0; c < 256; c++) {
                char text[TEXT_MAX];
                memcpy(text, forms[f], len);
                text[at] = (char)c;
                compare_datetime(text, len);
                text[(at + 1) % len] = (char)c;
                compare_datetime(text, len);
            }
}

/* Each pair of digits from 00 to 99, in years of every kind. */
static void test_every_pair_of_a_datetime(void **state)
{
    (void)state;
    static const char *const dates[] = {"2026-02-28T00:00:00.000001Z", "2024-02-28T23:59:59.999999Z",
                                        "1900-02-28T23:00:59Z",        "2000-12-31T00:59:00.5Z",
                                        "0999-04-30T12:12:12Z",        "1000-04-30T12:12:12.25Z"};
    static const size_t pairs[] = {0, 2, 5, 8, 11, 14, 17};
    for (size_t d = 0; d < COUNT(dates); d++)
        for (size_t p = 0; p < COUNT(pairs); p++)
            for (int value = 0; value < 100; value++) {
                char text[TEXT_MAX];
                memcpy(text, dates[d], strlen(dates[d]));
                text[pairs[p]] = (char)('0' + value / 10);
                text[pairs[p] + 1] = (char)('0' + value % 10);
                for (int month = 1; month <= 12; month++) {
                    compare_datetime(text, strlen(dates[d]));
                    if (pairs[p] == 5)
                        break;
                    text[5] = (char)('0' + month / 10);
                    text[6] = (char)('0' + month % 10);
                }
            }
}

static void test_fractions(void **state)
{
    (void)state;
    model_seed("fractions");
    for (int i = 0; i < model_rounds(100000); i++) {
        char text[TEXT_MAX];
        size_t len = 20, digits = model_below(9);
        memcpy(text, "2026-11-28T21:49:58.", len);
        for (size_t d = 0; d < digits; d++)
            text[len++] = (char)('0' + model_below(10));
        text[len++] = 'Z';
        compare_datetime(text, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_short_number),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_decimals_as_they_stand),
        cmocka_unit_test(test_load_few),
        cmocka_unit_test(test_every_byte_of_a_datetime),
        cmocka_unit_test(test_every_pair_of_a_datetime),
        cmocka_unit_test(test_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
