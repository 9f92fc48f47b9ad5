/* The status as text: what a person sees of a document, and of documents that are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/status_text.h"

static char text[65536];

static const char *shown(const char *document)
{
    json_error_t error;
    json_t *read = json_loads(document, 0, &error);
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    if (!read)
        fail_msg("%s at %d", error.text, error.position);
    mr_status_text(read, out);
    fputc(0, out);
    fclose(out);
    json_decref(read);
    return text;
}

static void has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("there is no\n%s\nin\n%s", part, text);
}

#define DOCUMENT(members)                                                                                    \
    "{\"version\":\"1\",\"time\":\"2026-01-02T00:00:00.000Z\",\"group\":\"g\"," members "}"

static void test_whole(void **unused)
{
    (void)unused;
    shown(
        "{\"version\":\"0.1.0\",\"time\":\"2026-01-02T03:04:05.678Z\",\"group\":\"g\",\"partitions\":["
        "{\"topic\":\"clicks\",\"partition\":3,\"committed\":100,\"frontier\":120,\"end\":1234667,\"lag\":"
        "1234567,"
        "\"state\":\"running\",\"why\":null,\"waiting\":{\"offset\":120,\"key_hash\":\"85944171f73967e8\","
        "\"shard\":\"s1\",\"state\":\"retrying\",\"attempts\":4,\"due_ms\":3210,\"why\":\"refuses "
        "connections\"}},"
        "{\"topic\":\"clicks\",\"partition\":4,\"committed\":7,\"frontier\":7,\"end\":7,\"lag\":0,"
        "\"state\":\"running\",\"why\":null,\"waiting\":null},"
        "{\"topic\":\"other\",\"partition\":0,\"committed\":null,\"frontier\":null,\"end\":null,\"lag\":null,"
        "\"state\":\"held\",\"why\":\"an offset of another tool\",\"waiting\":null}],"
        "\"shards\":[{\"name\":\"s0\",\"state\":\"live\",\"since\":\"2026-01-02T00:02:00.000Z\",\"why\":null,"
        "\"code\":null,\"parked\":[],\"rows_per_s\":81234,\"replay\":null},"
        "{\"name\":\"s1\",\"state\":\"replay\",\"since\":\"2026-01-02T03:04:00.000Z\",\"why\":\"was down\","
        "\"code\":2013,\"parked\":[{\"topic\":\"clicks\",\"partition\":3,\"from\":667,\"to\":null},"
        "{\"topic\":\"other\",\"partition\":0,\"from\":5,\"to\":1005}],\"rows_per_s\":0,"
        "\"replay\":{\"offsets_left\":4000,\"seconds_left\":125}}],"
        "\"memory\":{\"total_bytes\":10485760,\"limit_bytes\":20971520,\"parts\":{}},"
        "\"dead_letters\":{\"tombstone\":2000,\"database\":1}}");
    has("millrace 0.1.0, group g, 2026-01-02T03:04:05.678Z\n");
    has("\ns0     live       3 h 2 min         81,234  -           -\n");
    has("\ns1     replay     5 s                    0  2 ranges    4,000 offsets, 2 min 5 s\n"
        "    why: was down\n"
        "    parked: clicks/3 from offset 667 on, still growing: 1,234,000 offsets\n"
        "    parked: other/0 from offset 5 to 1005: 1,000 offsets\n");
    has("\nclicks/3          1,234,567  retrying                120  s1            85944171f73967e8         "
        "4  in "
        "3.2 s\n    why: refuses connections\n");
    has("\nother/0                   -  held                      -  -             -                        "
        "-  -\n"
        "    why: an offset of another tool\n");
    assert_null(strstr(text, "clicks/4"));
    has("\n3 partitions, lag 1,234,567 (unknown of 1); dead letters: tombstone 2,000, database 1; memory "
        "10.0 "
        "MiB of our own, limit 20.0 MiB\n");
}

static void test_times(void **unused)
{
    (void)unused;
    shown(DOCUMENT("\"partitions\":[],\"shards\":["
                   "{\"name\":\"a\",\"state\":\"live\",\"since\":\"2025-12-29T23:00:00.000Z\"},"
                   "{\"name\":\"b\",\"state\":\"live\",\"since\":\"2026-01-01T23:58:01.000Z\"},"
                   "{\"name\":\"c\",\"state\":\"live\",\"since\":\"2026-01-03T00:00:00.000Z\"},"
                   "{\"name\":\"d\",\"state\":\"live\",\"since\":\"yesterday\"}]"));
    has("a      live       3 d 1 h ");
    has("b      live       119 s ");
    has("c      live       0 s "); /* a clock that was set back */
    has("d      live       - ");
}

/* A shard that is parked on a thousand partitions does not fill the screen. */
static void test_many_ranges(void **unused)
{
    (void)unused;
    static char document[8192];
    size_t len =
        (size_t)snprintf(document, sizeof document,
                         "{\"version\":\"1\",\"partitions\":[],\"shards\":[{\"name\":\"a\",\"parked\":[");
    for (int i = 0; i < 20; i++)
        len += (size_t)snprintf(document + len, sizeof document - len,
                                "%s{\"topic\":\"t\",\"partition\":%d,\"from\":1,\"to\":2}", i ? "," : "", i);
    snprintf(document + len, sizeof document - len, "]}]}");
    shown(document);
    has("20 ranges");
    has("parked: t/7 from");
    assert_null(strstr(text, "t/8"));
    has("and 12 parked ranges more: see --json\n");
}

/* Whatever answers: no crash, and nothing that the terminal obeys. */
static void test_hostile(void **unused)
{
    (void)unused;
    static const char *const all[] = {
        "{}",
        "{\"version\":3,\"partitions\":{},\"shards\":7,\"memory\":[],\"dead_letters\":[1]}",
        "{\"partitions\":[null,1,\"x\",[],{}],\"shards\":[null,1,\"x\",[],{}]}",
        "{\"partitions\":[{\"waiting\":{}},{\"waiting\":[]},{\"lag\":\"x\",\"state\":1}],"
        "\"shards\":[{\"parked\":[null,{}],\"replay\":{},\"since\":5}]}",
        "{\"partitions\":[{\"lag\":9223372036854775807},{\"lag\":9223372036854775807},{\"lag\":1e300,"
        "\"partition\":-1e300,\"waiting\":{\"due_ms\":1e300,\"offset\":1e300}"
        "}],"
        "\"shards\":[{\"rows_per_s\":1e300,\"parked\":[{\"from\":-1e300,\"to\":1e300},{\"from\":-"
        "9223372036854775807,\"to\":9223372036854775807}]}],\"dead_letters\":{"
        "\"x\":-1}}",
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        shown(all[i]);
    shown("{\"version\":\"\\u001b[2J\",\"group\":\"\\u0007\\u009b1m\",\"partitions\":[{\"topic\":\"t\\r\","
          "\"state\":\"a\\nb\","
          "\"why\":\"\\u001b]0;x\"}],\"shards\":[{\"name\":\"\\u007f\",\"why\":\"e\\u0301 \\u20ac\"}],"
          "\"dead_letters\":{\"\\u001b\":1}}");
    for (const char *c = text; *c; c++)
        assert_false(((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f ||
                     (c[0] == (char)0xc2 && (unsigned char)c[1] < 0xa0));
    has("why: e\xcc\x81 \xe2\x82\xac\n");
    has("a?b");
}

static void test_is_one(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool is;
    } all[] = {{"{\"version\":\"1\",\"partitions\":[],\"shards\":[]}", true},
               {"{\"version\":1,\"partitions\":[],\"shards\":[]}", false},
               {"{\"version\":\"1\",\"shards\":[]}", false},
               {"{\"version\":\"1\",\"partitions\":[]}", false},
               {"[]", false}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        json_t *read = json_loads(all[i].text, 0, NULL);
        assert_int_equal(mr_status_text_is_one(read), all[i].is);
        json_decref(read);
    }
    assert_false(mr_status_text_is_one(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_times),  cmocka_unit_test(test_many_ranges),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
