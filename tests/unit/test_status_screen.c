/* The screen of `status --watch`: whatever the document, it fits the terminal, and what is in trouble is on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/status_screen.h"

/* So many shards, of which the last `parked` are, and so many partitions that wait. */
static json_t *document_of(int shards, int parked, int waiting)
{
    json_t *document = json_pack("{s:s, s:s, s:s, s:{s:i, s:i}, s:{}, s:[], s:[]}", "version", "9.9", "group",
                                 "g", "time", "2026-01-02T03:04:05.678Z", "memory", "total_bytes", 75000000,
                                 "limit_bytes", 400000000, "dead_letters", "shards", "partitions");
    char name[64];
    for (int i = 0; i < shards; i++) {
        bool down = i >= shards - parked;
        snprintf(name, sizeof name, i == 1 ? "a-shard-with-a-rather-long-name-%d" : "s%d", i);
        json_t *one =
            json_pack("{s:s, s:s, s:s, s:i, s:[], s:n}", "name", name, "state", down ? "parked" : "live",
                      "since", "2026-01-02T03:00:05.000Z", "rows_per_s", 1234, "parked", "replay");
        if (down)
            json_object_set_new(one, "why", json_string("Can't connect to server on 'db-1' \x1b[2J (115)"));
        json_array_append_new(json_object_get(document, "shards"), one);
    }
    for (int i = 0; i < waiting; i++)
        json_array_append_new(json_object_get(document, "partitions"),
                              json_pack("{s:s, s:i, s:s, s:i, s:n, s:{s:i, s:s, s:s, s:i, s:s}}", "topic",
                                        "clicks\xc2\x9b-of-a-topic-with-a-long-name", "partition", i, "state",
                                        "running", "lag", 1234567, "why", "waiting", "offset", 120, "shard",
                                        "s1", "state", "retrying", "due_ms", 3210, "why",
                                        "refuses \xe2\x82\xac connections"));
    return document;
}

/* What the screen shows without what commands the terminal; each row's text, checked against the size. */
static char shown[64][512];
static unsigned rows_shown;
static bool coloured;

static void render(const json_t *document, unsigned rows, unsigned columns, bool colour, const char *trouble)
{
    char *text = NULL;
    size_t len;
    mr_screen screen = {.rows = rows, .columns = columns, .colour = colour, .trouble = trouble};
    FILE *out = open_memstream(&text, &len);
    mr_status_screen(document, &screen, out);
    fclose(out);
    assert_int_equal(strncmp(text, "\033[H", 3), 0);
    unsigned row = 0, column = 0;
    size_t at = 0;
    coloured = false;
    for (const char *c = text + 3; *c; c++) {
        if (*c == '\033') {
            assert_int_equal(c[1], '[');
            c += 2 + strspn(c + 2, "0123456789;");
            coloured = coloured || *c == 'm';
            assert_true(*c == 'm' ||
                        (*c == 'K' && column < columns)); /* K takes the last column's character */
        } else if (*c == '\n') {
            shown[row++][at] = 0;
            column = 0;
            at = 0;
        } else {
            assert_true((unsigned char)*c >= ' ');
            assert_false(c[0] == '\xc2' && (unsigned char)c[1] < 0xa0);
            column += ((unsigned char)*c & 0xc0) != 0x80;
            assert_true(column <= columns && row < rows);
            shown[row][at++] = *c;
        }
    }
    shown[row][at] = 0;
    rows_shown = row + 1;
    free(text);
}

static int row_with(const char *part)
{
    for (unsigned i = 0; i < rows_shown; i++)
        if (strstr(shown[i], part))
            return (int)i;
    return -1;
}

static void every_size(void **state)
{
    (void)state;
    static const int amounts[] = {0, 1, 2, 7, 64};
    for (size_t s = 0; s < 5; s++)
        for (size_t w = 0; w < 5; w++) {
            json_t *document = document_of(amounts[s], amounts[s] / 3 + (amounts[s] == 1), amounts[w]);
            for (unsigned rows = 1; rows <= 60; rows++)
                for (unsigned columns = 1; columns <= 200; columns += rows % 7 + 1) {
                    render(document, rows, columns, rows % 2, columns % 2 ? "" : "no answer");
                    assert_int_equal(rows_shown, rows);
                    assert_true(rows % 2 || !coloured);
                }
            json_decref(document);
        }
}

static void eighty_by_twenty_four(void **state)
{
    (void)state;
    json_t *document = document_of(64, 2, 30);
    render(document, 24, 80, true, "");
    assert_true(coloured);
    assert_string_equal(shown[0],
                        "millrace 9.9   group g                                      2026-01-02T03:04:05Z");
    assert_string_equal(shown[1], "78,976 rows/s, 30 partitions, lag 37,037,010, no dead letters");
    assert_int_equal(row_with("SHARD  "), 4);
    /* The last two of 64 are the ones in trouble, so they come first, with the reason. */
    assert_string_equal(shown[5], "s62             parked    4 min 0 s          1,234       -  -");
    assert_string_equal(shown[6], "  Can't connect to server on 'db-1' ?[2J (115)");
    assert_int_equal(row_with("s63 "), 7);
    assert_int_equal(row_with("s0 "), 9);
    assert_true(row_with("a-shard-with-~") > 0);
    assert_true(row_with("more shards") > row_with("s0 "));
    assert_true(row_with("PARTITION  ") > row_with("more shards"));
    assert_true(row_with("s1          ") > 0 && row_with("120  3.2 s") > 0);
    assert_true(row_with("more that wait") == 22);
    assert_string_equal(shown[23], "asked every second; q or Ctrl-C ends");
    json_decref(document);
}

/* All counted: what is shown and what is said to be left out are all there are. */
static void nothing_is_forgotten(void **state)
{
    (void)state;
    for (int shards = 1; shards <= 40; shards++) {
        json_t *document = document_of(shards, 0, 0);
        int listed = 0, more = 0;
        render(document, 24, 80, false, "");
        for (unsigned i = 0; i < rows_shown; i++) {
            listed += strstr(shown[i], "  live  ") != NULL;
            if (!strncmp(shown[i], "and ", 4))
                more = atoi(shown[i] + 4);
        }
        assert_int_equal(listed + more, shards);
        assert_string_equal(shown[23], "asked every second; q or Ctrl-C ends");
        json_decref(document);
    }
}

static void no_answer(void **state)
{
    (void)state;
    render(NULL, 24, 80, false, "127.0.0.1:1: Connection refused: see that the worker runs");
    assert_string_equal(shown[23], "127.0.0.1:1: Connection refused: see that the worker runs");
    /* What was known stays. */
    json_t *document = document_of(2, 1, 0);
    render(document, 24, 80, false, "gone");
    assert_string_equal(shown[23], "gone");
    assert_true(row_with("parked") > 0);
    json_decref(document);
}

static void one_line(void **state)
{
    (void)state;
    char text[512];
    mr_buf buf = mr_buf_over(text, sizeof text);
    json_t *document = document_of(3, 1, 1);
    json_object_set_new(json_object_get(document, "dead_letters"), "bad\x1b\xc2\x9bname", json_integer(1200));
    mr_status_line(document, &buf);
    assert_string_equal(
        text, "2026-01-02T03:04:05Z  3,702 rows/s, 1 partition, lag 1,234,567, dead letters: bad???name "
              "1,200, s2 parked");
    json_decref(document);
    buf = mr_buf_over(text, sizeof text);
    document = json_object();
    mr_status_line(document, &buf);
    assert_string_equal(text, "-Z  0 rows/s, 0 partitions, lag 0, no dead letters");
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),
        cmocka_unit_test(eighty_by_twenty_four),
        cmocka_unit_test(nothing_is_forgotten),
        cmocka_unit_test(no_answer),
        cmocka_unit_test(one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
