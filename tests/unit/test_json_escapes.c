/* Strings with many escapes: the pass, which then looks at those of all that is marked together, against one character after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "json_fixture.h"
#include "tests/model/model.h"

enum { FIRST, SECOND };

static int set_up(void **state)
{
    (void)state;
    begin_paths();
    assert_int_equal(add_path((const char *const[]){"a"}, 1), FIRST);
    assert_int_equal(add_path((const char *const[]){"b"}, 1), SECOND);
    end_paths();
    return 0;
}

/* A string's inside, one character after the other: the reason and place of what is wrong with it, or *end at its closing quote. */
static mr_reason walk(const char *text, size_t len, size_t at, size_t *end)
{
    while (at < len && text[at] != '"') {
        bool escape = text[at] == '\\';
        size_t bytes = escape ? mr_json_escape_len(text + at, len - at) : mr_utf8_char(text + at, len - at);
        *end = at;
        if (bytes == 0 && escape && len - at > 1)
            return MR_REASON_JSON_ESCAPE;
        if (bytes == 0 || (unsigned char)text[at] < 0x20)
            return escape || (unsigned char)text[at] < 0x80 ? MR_REASON_JSON_SYNTAX : MR_REASON_JSON_UTF8;
        at += bytes;
    }
    *end = at;
    return at < len ? MR_REASON_NONE : MR_REASON_JSON_SYNTAX;
}

/* `inside` as the value of a, behind more escapes than are looked at one by one and `pad` bytes; then a string without escapes. */
static void expect_inside(const char *inside, size_t inside_len, size_t pad, size_t cut)
{
    static char text[9000];
    size_t len = (size_t)snprintf(text, sizeof text, "{\"z\":\"\\n\\n\\n\\n\\n"), from, end, position;
    memset(text + len, 'x', pad);
    len += pad;
    len += (size_t)snprintf(text + len, sizeof text - len, "\",\"a\":\"");
    from = len;
    memcpy(text + len, inside, inside_len);
    len += inside_len;
    len += (size_t)snprintf(text + len, sizeof text - len, "\",\"b\":\"plain\"}");
    len = cut ? from + cut - 1 : len;
    mr_reason reason = walk(text, len, from, &end), got = scan(text, len, &position);
    if (reason && (got != reason || position != end))
        fail_msg("%.*s: %s at %zu, not %s at %zu", (int)len, text, mr_reason_name(got), position,
                 mr_reason_name(reason), end);
    if (reason)
        return;
    if (end != from + inside_len) /* the string ends before, and what comes then may be anything */
        return;
    assert_int_equal(got, MR_REASON_NONE);
    assert_int_equal(found(FIRST)->at, from);
    assert_int_equal(found(FIRST)->len, end - from);
    assert_int_equal(found(FIRST)->escaped, memchr(text + from, '\\', end - from) != NULL);
    assert_false(found(SECOND)->escaped);
}

/* Where the escapes of all that is marked are looked at together: at every place of blocks, at the ends of windows and of the text. */
static void test_many_escapes(void **state)
{
    (void)state;
    static const char *const insides[] = {
        "\\\"", "\\\\", "\\/\\b\\f\\n\\r\\t", "\\u00e9", "\\ud83d\\ude80", "\\\\\\\"", "\\\\\\\\u12", "plain",
        /* wrong */
        "\\", "\\\\\\", "\\y", "\\u12g4", "\\ud83d", "\\ude80", "ud83d\\ude80", "\\\\ud83d\\ude80",
        "\\ud83d\\ud83d", "\\ud83d\\\\ude80", "\\\n", "\\\xff", "\\n\xff", "\\t\n", "\\\xc3\xa9"};
    for (size_t i = 0; i < sizeof insides / sizeof *insides; i++)
        for (size_t pad = 0; pad < 4110; pad += pad < 200 || pad > 4030 ? 1 : 97) {
            size_t len = strlen(insides[i]);
            expect_inside(insides[i], len, pad, 0);
            for (size_t cut = 1; cut <= len + 1 && (pad < 70 || pad > 4030); cut++)
                expect_inside(insides[i], len, pad, cut);
        }
}

/* Runs of backslashes of every length: whether the quote behind ends the string. */
static void test_backslashes(void **state)
{
    (void)state;
    char inside[200];
    for (size_t run = 1; run < 150; run++)
        for (size_t pad = 0; pad < 64; pad++) {
            memset(inside, '\\', run);
            memcpy(inside + run, "\",\"z\":\"", 8);
            expect_inside(inside, run + (run % 2 ? 1 : 8), pad, 0);
        }
}

/* A name with an escape behind so many that none has a mark any more: it is the name that it means. */
static void test_name_behind_escapes(void **state)
{
    (void)state;
    char text[200];
    for (int escapes = 0; escapes < 10; escapes++) {
        int len = sprintf(text, "{\"x\":\"%.*s\",\"\\u0062\":1,\"a\":2,\"\\u0061\":3}", 2 * escapes,
                          "\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n");
        for (int again = 0; again < 3; again++) { /* by guesses as well */
            size_t position;
            assert_int_equal(scan(text, (size_t)len, &position), MR_REASON_NONE);
            assert_int_equal(text[found(FIRST)->at], '3');
            assert_int_equal(text[found(SECOND)->at], '1');
        }
    }
}

static void test_escapes_random(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\\\\",
                                         "\\\"",
                                         "\\n",
                                         "\\u00e9",
                                         "\\uD83D\\uDE80",
                                         "u",
                                         "d83d",
                                         "\\uda",
                                         "\xe2\x82\xac",
                                         "x",
                                         "plain text, as most of it is",
                                         "\\",
                                         "\\u"};
    enum { PIECES = sizeof pieces / sizeof *pieces };
    char inside[2000];
    model_seed("escapes");
    for (int i = 0; i < 20000; i++) {
        size_t len = 0, right = model_below(2) ? PIECES - 2 : PIECES;
        for (uint32_t n = model_below(40); n > 0; n--) {
            const char *piece = pieces[model_below((uint32_t)right)];
            memcpy(inside + len, piece, strlen(piece));
            len += strlen(piece);
        }
        expect_inside(inside, len, model_below(20) ? model_below(70) : 3500 + model_below(700), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_escapes),
        cmocka_unit_test(test_backslashes),
        cmocka_unit_test(test_name_behind_escapes),
        cmocka_unit_test(test_escapes_random),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
