/* Marks, lists of them, escapes and UTF-8: every version that this processor has gives what the plain definition says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/text.h"
#include "base/utf8.h"
#include "stages/json.h"
#include "stages/marks.h"
#include "tests/model/model.h"

enum { TEXT = 320, ROUNDS = 20000 };

static mr_marks_fn *marks_versions[5];
static mr_escapes_fn *escapes_versions[5];
static mr_utf8_fn *utf8_versions[4];
static mr_list_fn *list_versions[3];
static mr_marks_listed_fn *listed_versions[3];

static int set_up(void **state)
{
    (void)state;
    marks_versions[0] = mr_marks_scalar;
    marks_versions[1] = mr_marks_base;
    escapes_versions[0] = mr_escapes_scalar;
    escapes_versions[1] = mr_escapes_base;
    utf8_versions[0] = mr_utf8_reach_scalar;
    list_versions[0] = mr_list_base;
    listed_versions[0] = mr_marks_listed_base;
#if defined(__x86_64__)
    if (mr_cpu_avx2()) {
        marks_versions[2] = mr_marks_avx2;
        escapes_versions[2] = mr_escapes_avx2;
        utf8_versions[1] = mr_utf8_reach_avx2;
    } else {
        print_message("no AVX2 here: its versions are not looked at\n");
    }
    if (mr_cpu_vbmi()) {
        marks_versions[3] = mr_marks_avx512;
        escapes_versions[3] = mr_escapes_vbmi;
        utf8_versions[2] = mr_utf8_reach_vbmi;
        list_versions[1] = mr_list_vbmi2;
        listed_versions[1] = mr_marks_listed_vbmi2;
    } else {
        print_message("no AVX-512 with VBMI2 here: its versions are not looked at\n");
    }
#endif
    return 0;
}

/* The same marks, and where they are. */
static void expect_listed(const char *text, size_t len)
{
    static uint16_t list[MR_MARKS_WINDOW + MR_MARKS_SPARE];
    uint64_t expected[MR_MARKS_WORDS], marks[MR_MARKS_WORDS];
    mr_marks_scalar(text, len, expected);
    for (int v = 0; listed_versions[v]; v++) {
        uint32_t count, at = 0;
        memset(list, 0xff, sizeof list);
        uint64_t wide = listed_versions[v](text, len, marks, list, &count);
        assert_memory_equal(marks, expected, (len + 63) / 64 * sizeof *marks);
        for (size_t i = 0; i < len; i++) {
            if (expected[i / 64] >> i % 64 & 1 && (at == count || list[at++] != i))
                fail_msg("version %d, of %zu bytes: place %u is not %zu", v, len, at, i);
            assert_true((unsigned char)text[i] < 0x80 || wide >> i / 64 & 1);
        }
        assert_int_equal(at, count);
    }
}

/* In a copy without a byte before or after, so that a sanitizer sees an overrun. */
static void expect_marks(const char *text, size_t len)
{
    char *copy = malloc(len);
    memcpy(copy, text, len);
    for (int v = 0; marks_versions[v]; v++) {
        uint64_t marks[MR_MARKS_WORDS] = {0};
        uint64_t wide = marks_versions[v](copy, len, marks);
        for (size_t i = 0; i < (len + 63) / 64 * 64; i++) {
            unsigned char c = i < len ? (unsigned char)text[i] : 'x';
            bool marked = marks[i / 64] >> i % 64 & 1;
            if (marked != (c < 0x20 || c == '"' || c == '\\'))
                fail_msg("version %d: byte %zu of %zu, 0x%02x: %d", v, i, len, c, marked);
            if (c >= 0x80)
                assert_true(wide >> i / 64 & 1);
        }
        /* A block that is said to be wide is, or the one before the last is. */
        for (size_t b = 0; b < (len + 63) / 64; b++) {
            bool any = false;
            for (size_t i = 64 * (b + 1 == (len + 63) / 64 && b > 0 ? b - 1 : b); i < 64 * (b + 1) && i < len;
                 i++)
                any |= (unsigned char)text[i] >= 0x80;
            assert_true(any || !(wide >> b & 1));
        }
    }
    expect_listed(copy, len);
    free(copy);
}

/* Every byte at every place of texts of every length around the block's. */
static void test_every_byte(void **state)
{
    (void)state;
    char text[TEXT];
    memset(text, 'x', sizeof text);
    for (size_t len = 1; len <= 200; len++)
        for (size_t at = 0; at < len; at++) {
            static const unsigned char bytes[] = {0,   0x1f, 0x20, '!',  '"',  '#',
                                                  '[', '\\', ']',  0x7f, 0x80, 0xff};
            for (size_t i = 0; i < sizeof bytes; i++) {
                text[at] = (char)bytes[i];
                expect_marks(text, len);
            }
            text[at] = 'x';
        }
    for (int c = 0; c < 256; c++)
        for (size_t at = 0; at < 64; at++) {
            text[at] = (char)c;
            expect_marks(text, 64);
            text[at] = 'x';
        }
}

static void test_random_windows(void **state)
{
    (void)state;
    static char text[MR_MARKS_WINDOW];
    model_seed("marks");
    for (int i = 0; i < 300; i++) {
        size_t len = i < 3 ? sizeof text - (size_t)i : 1 + model_below(sizeof text);
        uint32_t kind = model_below(3);
        for (size_t at = 0; at < len; at++)
            text[at] = (char)(kind == 0   ? model_below(256)
                              : kind == 1 ? 0x20 + model_below(96)
                                          : 'a' + (model_below(64) == 0));
        expect_marks(text, len);
    }
}

/* With as much room as the contract wants. */
static void expect_list(const uint64_t *marks, uint32_t from, uint32_t until)
{
    static uint16_t expected[MR_MARKS_WINDOW];
    uint32_t count = 0;
    for (uint32_t at = from; at < until; at++)
        if (marks[at / 64] >> at % 64 & 1)
            expected[count++] = (uint16_t)at;
    uint16_t *list = malloc((count + MR_MARKS_SPARE) * sizeof *list);
    for (int v = 0; list_versions[v]; v++) {
        memset(list, 0xff, (count + MR_MARKS_SPARE) * sizeof *list);
        uint32_t found = list_versions[v](marks, from, until, list);
        if (found != count || memcmp(list, expected, count * sizeof *list) != 0)
            fail_msg("version %d: from %u until %u: %u marks, not %u, or elsewhere", v, from, until, found,
                     count);
    }
    free(list);
}

/* Blocks with few marks, with many and with nothing else, from and to everywhere in them. */
static void test_list(void **state)
{
    (void)state;
    uint64_t marks[MR_MARKS_WORDS];
    model_seed("list");
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < MR_MARKS_WORDS; k++) {
            marks[k] = UINT64_MAX;
            for (uint32_t fewer = i % 8 == 7 ? model_below(8) : (uint32_t)i % 8; fewer > 0; fewer--)
                marks[k] &= (uint64_t)model_below(UINT32_MAX) << 32 | model_below(UINT32_MAX);
        }
        uint32_t from = model_below(MR_MARKS_WINDOW), most = MR_MARKS_WINDOW - from;
        expect_list(marks, from, from + model_below(i % 2 && most > 200 ? 200 : most + 1));
    }
}

/* The marks at which the pass stops, without escapes that are well-formed, and the first that is none; returns how many. */
static size_t stops(const char *text, size_t len, size_t from, const uint64_t *marks, uint16_t *stop)
{
    size_t count = 0;
    for (size_t at = from; at < len;) {
        size_t bytes = 1;
        if (marks[at / 64] >> at % 64 & 1) {
            bytes = text[at] == '\\' ? mr_json_escape_len(text + at, len - at) : 0;
            if (!bytes)
                stop[count++] = (uint16_t)at;
            if (!bytes && text[at] == '\\')
                break;
        }
        at += bytes ? bytes : 1;
    }
    return count;
}

/* From the first backslash on: the pass stops where it did, all versions leave the same marks, and where nothing is wrong none of a backslash is left. */
static void expect_escapes(const char *text, size_t len)
{
    static uint16_t expected[MR_MARKS_WINDOW], stop[MR_MARKS_WINDOW];
    const char *first = memchr(text, '\\', len);
    if (!first)
        return;
    size_t from = (size_t)(first - text), left = 0;
    uint64_t all[MR_MARKS_WORDS] = {0}, scalar[MR_MARKS_WORDS];
    char *copy = malloc(len);
    memcpy(copy, text, len);
    mr_marks_scalar(copy, len, all);
    size_t count = stops(text, len, from, all, expected);
    for (int v = 0; escapes_versions[v]; v++) {
        uint64_t marks[MR_MARKS_WORDS];
        memcpy(marks, all, sizeof marks);
        escapes_versions[v](copy, len, from, marks);
        if (v == 0)
            memcpy(scalar, marks, sizeof marks);
        if (memcmp(marks, scalar, sizeof marks) != 0)
            fail_msg("version %d: %.*s: other marks than those of the scalar one", v, (int)len, text);
        if (stops(text, len, from, marks, stop) != count || memcmp(stop, expected, count * sizeof *stop) != 0)
            fail_msg("version %d: %.*s: the pass stops elsewhere", v, (int)len, text);
    }
    for (size_t at = from; at < len; at++)
        left += text[at] == '\\' && (scalar[at / 64] >> at % 64 & 1);
    if (left > 0 && (count == 0 || text[expected[count - 1]] != '\\'))
        fail_msg("%.*s: marks of well-formed escapes are left", (int)len, text);
    free(copy);
}

/* Every letter behind a backslash, and escapes with hex digits, right and wrong, at every place of blocks and of the end. */
static void test_escapes(void **state)
{
    (void)state;
    static const char *const escapes[] = {
        "\\u0000",        "\\uFFFF",        "\\ud7ff",       "\\uD83D\\uDE80", "\\udbff\\udfff",
        "\\ud800\\udbff", "\\udc00\\udc00", "\\ud800xudc00", "\\ud800\\xdc00", "\\ud800\\u1c00",
        "\\uda00\\ud7ff", "\\ue000",        "\\u12g4",       "\\u123",         "\\U1234",
        "\\u@123",        "\\u`123",        "\\\\ud83d",     "\\\"\\\\\\\""};
    char text[200];
    memset(text, 'x', sizeof text);
    text[0] = '\\';
    text[1] = 'n';
    for (int c = 0; c < 256; c++)
        for (size_t at = 2; at < 70; at++) {
            text[at] = '\\';
            text[at + 1] = (char)c;
            expect_escapes(text, sizeof text);
            text[at] = text[at + 1] = 'x';
        }
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        for (size_t at = 2; at < 140; at++) {
            size_t len = strlen(escapes[i]);
            memcpy(text + at, escapes[i], len);
            for (size_t end = at + 1; end <= at + len; end++)
                expect_escapes(text, end);
            expect_escapes(text, sizeof text);
            for (size_t k = at; k < at + len; k++) { /* each of its bytes, one off */
                text[k] ^= 1;
                expect_escapes(text, sizeof text);
                text[k] ^= 1;
            }
            memset(text + at, 'x', len);
        }
}

static void test_escapes_random(void **state)
{
    (void)state;
    static const char letters[] = "\\\\\\uuudD89abcfABCF0123\"/bfnrtgx\n";
    static const char *const pieces[] = {"\\ud83d\\ude80", "\\u00e9", "\\\\", "\\\"", "\\n", "x", "\"",
                                         "ud83d",          "abcde"};
    char text[TEXT];
    model_seed("escapes");
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 0;
        while (len < sizeof text - 12) /* mostly well-formed, as texts are; or anything */
            len += (size_t)sprintf(text + len, "%s", pieces[model_below(9)]);
        for (uint32_t wrong = model_below(3); wrong > 0; wrong--)
            text[model_below((uint32_t)len)] = letters[model_below(sizeof letters - 1)];
        for (size_t k = 0; i % 4 == 0 && k < len; k++)
            text[k] = letters[model_below(sizeof letters - 1)];
        expect_escapes(text, len - model_below(70));
    }
}

/* What the contract says, by one character after the other. */
static size_t reach(const char *text, size_t len, size_t from, size_t until)
{
    while (from < until) {
        size_t bytes = mr_utf8_char(text + from, len - from);
        if (bytes == 0)
            break;
        from += bytes;
    }
    return from;
}

static void expect_reach(const char *text, size_t len, size_t from, size_t until)
{
    char *copy = malloc(len);
    memcpy(copy, text, len);
    size_t expected = reach(text, len, from, until);
    for (int v = 0; utf8_versions[v]; v++) {
        size_t got = utf8_versions[v](copy, len, from, until);
        if (got != expected)
            fail_msg("version %d: %zu instead of %zu, length %zu, from %zu until %zu", v, got, expected, len,
                     from, until);
    }
    free(copy);
}

/* All sequences of two bytes, and of up to four around every limit, at every place of the vector. */
static void test_utf8_sequences(void **state)
{
    (void)state;
    static const unsigned char first[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
                                          0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    static const unsigned char next[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xf0, 0xff};
    char text[72];
    memset(text, 'x', sizeof text);
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            text[30] = (char)a;
            text[31] = (char)b;
            expect_reach(text, sizeof text, 0, sizeof text);
        }
    for (size_t at = 26; at <= 66; at++)
        for (size_t a = 0; a < sizeof first; a++)
            for (size_t b = 0; b < sizeof next; b++)
                for (size_t c = 0; c < sizeof next; c++) {
                    memset(text, 'x', sizeof text);
                    text[at] = (char)first[a];
                    text[at + 1] = (char)next[b];
                    text[at + 2] = (char)next[c];
                    text[at + 3] = (char)next[(a + b + c) % sizeof next];
                    expect_reach(text, sizeof text, 0, sizeof text);
                    expect_reach(text, sizeof text, 0, 64);
                    expect_reach(text, at + 2, 0, at + 1); /* the text ends in the character */
                }
}

/* Mostly well-formed texts with an error or none, read in pieces as the pass does. */
static void test_utf8_random(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",
                                         "plain text, longer than a vector is wide",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x9a\x80",
                                         "\xed\x9f\xbf",
                                         "\xee\x80\x80",
                                         "\xf4\x8f\xbf\xbf"};
    char text[TEXT];
    model_seed("utf8");
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 0;
        for (uint32_t n = model_below(40); n > 0; n--) {
            const char *piece = pieces[model_below(8)];
            if (len + strlen(piece) > sizeof text)
                break;
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        if (len > 0 && model_below(2))
            text[model_below((uint32_t)len)] = (char)model_below(256);
        if (len == 0)
            continue;
        expect_reach(text, len, 0, len);
        size_t middle = reach(text, len, 0, model_below((uint32_t)len) + 1);
        expect_reach(text, len, 0, middle);
        expect_reach(text, len, middle, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),     cmocka_unit_test(test_random_windows),
        cmocka_unit_test(test_escapes),        cmocka_unit_test(test_escapes_random),
        cmocka_unit_test(test_utf8_sequences), cmocka_unit_test(test_utf8_random),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
