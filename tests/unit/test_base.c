/* status, must, owner, thread, arena, buf, FNV-1a, KSUID: golden vectors of the published formats. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/ksuid.h"
#include "base/must.h"
#include "base/owner.h"
#include "base/status.h"
#include "base/text.h"
#include "base/thread.h"

static void test_status_order(void **state)
{
    (void)state;
    assert_int_equal(mr_status_worse(MR_OK, MR_DATA), MR_DATA);
    assert_int_equal(mr_status_worse(MR_UNAVAILABLE, MR_DENIED), MR_DENIED);
    assert_int_equal(mr_status_worse(MR_CONFIG, MR_DENIED), MR_CONFIG);
    assert_int_equal(mr_status_worse(MR_DATA, MR_OK), MR_DATA);
}

static void test_error_context(void **state)
{
    (void)state;
    mr_error error;
    assert_int_equal(mr_fail(&error, MR_DATA, "no %s", "luck"), MR_DATA);
    mr_error_context(&error, "line %d", 7);
    assert_string_equal(error.text, "line 7: no luck");
}

/* What a broken must() in the child says; it must die by it. */
static void assert_defect(void (*body)(void), const char *says)
{
    int ends[2], status;
    char text[600] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    text[got > 0 ? got : 0] = 0;
    if (!strstr(text, says))
        fail_msg("\"%s\" does not say \"%s\"", text, says);
}

static void break_must(void)
{
    must(1 + 1 == 3);
}

static void test_must(void **state)
{
    (void)state;
    must(1 + 1 == 2);
    assert_defect(break_must, "must(1 + 1 == 3): please report this\n");
    assert_defect(break_must, " in thread ");
}

static mr_owner owner;

static void *use(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "intruder");
    mr_owner_check(&owner);
    return NULL;
}

static void use_elsewhere(void)
{
    pthread_t thread;
    if (!pthread_create(&thread, NULL, use, NULL))
        pthread_join(thread, NULL);
}

static void test_owner(void **state)
{
    (void)state;
    mr_owner_check(&owner);
    mr_owner_check(&owner); /* as often as it likes */
    assert_defect(use_elsewhere, " in thread intruder ");
}

static bool blocked(int number)
{
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, number);
}

static pthread_mutex_t named = PTHREAD_MUTEX_INITIALIZER;

static void *look_around(void *context)
{
    pthread_mutex_lock(&named);
    pthread_mutex_unlock(&named);
    return blocked(SIGTERM) && blocked(SIGALRM) && blocked(SIGPIPE) ? context : NULL;
}

/* Named, and no signal is a thread's but main's. */
static void test_thread(void **state)
{
    (void)state;
    pthread_t thread;
    char name[16] = "";
    void *all_blocked;
    pthread_mutex_lock(&named);
    assert_int_equal(mr_thread_start(&thread, "a name that is too long", look_around, name), 0);
    pthread_getname_np(thread, name, sizeof name);
    pthread_mutex_unlock(&named);
    pthread_join(thread, &all_blocked);
    assert_string_equal(name, "a name that is ");
    assert_non_null(all_blocked);
    assert_false(blocked(SIGTERM));
}

static void test_arena(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    unsigned char *small = mr_arena_take(arena, "a", 3, 10), *large = mr_arena_take(arena, "b", 1, 3 << 20);
    assert_int_equal((uintptr_t)small % 64, 0);
    assert_int_equal((uintptr_t)large % 64, 0);
    for (size_t i = 0; i < 3 << 20; i++)
        assert_int_equal(large[i], 0);
    mr_arena_take(arena, "a", 1, 64);
    memset(small, 0xff, 30); /* what is taken is nobody else's, the arena's neither */
    memset(large, 0xff, 3 << 20);
    size_t bytes, sum = 0, parts = 0;
    for (; mr_arena_part(arena, parts, &bytes); parts++)
        sum += bytes;
    assert_int_equal(parts, 2);
    assert_int_equal(sum, mr_arena_total(arena));
    assert_string_equal(mr_arena_part(arena, 0, &bytes), "a");
    assert_int_equal(bytes, 128);
    mr_arena_free(arena);
}

static void test_buf(void **state)
{
    (void)state;
    char room[16];
    mr_buf buf = mr_buf_over(room, sizeof room);
    mr_buf_text(&buf, "12345");
    mr_buf_printf(&buf, "%d", 678);
    assert_string_equal(room, "12345678");
    assert_false(buf.full);
    mr_buf_text(&buf, "too long for it");
    assert_true(buf.full);
    assert_string_equal(room, "12345678");
    mr_buf_text(&buf, "9");
    assert_string_equal(room, "12345678"); /* nothing after what was dropped */
}

static void test_buf_html(void **state)
{
    (void)state;
    static const struct {
        const char *text, *html;
    } cases[] = {
        {"", ""},
        {"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"<script>\"a\" & 'b'</script>", "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;"},
        {"&lt;", "&amp;lt;"},
        {"a\n\x1b\x7f", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc2\x85\xc2\xa0", "\xef\xbf\xbd\xc2\xa0"}, /* a C1 control, a space that does not break */
        {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
    };
    char room[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_buf buf = mr_buf_over(room, sizeof room);
        mr_buf_html(&buf, cases[i].text);
        assert_string_equal(room, cases[i].html);
    }
    mr_buf small = mr_buf_over(room, 6); /* an entity is there whole or not at all */
    mr_buf_html(&small, "ab&cd");
    assert_string_equal(room, "ab");
    assert_true(small.full);
}

static void test_buf_people(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *count, *duration;
    } cases[] = {
        {0, "0", "0 s"},
        {119, "119", "119 s"},
        {999, "999", "16 min 39 s"},
        {7199, "7,199", "119 min 59 s"},
        {86400, "86,400", "24 h 0 min"},
        {1000007, "1,000,007", "11 d 13 h"},
        {INT64_MAX, "9,223,372,036,854,775,807", "106751991167300 d 15 h"},
    };
    char room[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_buf buf = mr_buf_over(room, sizeof room);
        mr_buf_count(&buf, cases[i].number);
        assert_string_equal(room, cases[i].count);
        buf = mr_buf_over(room, sizeof room);
        mr_buf_duration(&buf, cases[i].number);
        assert_string_equal(room, cases[i].duration);
    }
}

static void test_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t most, number; /* negative: none */
    } cases[] = {
        {"0", 9, 0},
        {"7", 7, 7},
        {"8", 7, -1},
        {"5", 1, -1},
        {"007", 7, 7},
        {"10", 10, 10},
        {"11", 10, -1},
        {"", 9, -1},
        {"-1", 9, -1},
        {"+1", 9, -1},
        {" 1", 9, -1},
        {"1 ", 9, -1},
        {"1x", 99, -1},
        {"0x1", 9, -1},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
        {"9223372036854775808", INT64_MAX, -1},
        {"99999999999999999999", INT64_MAX, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t number;
        bool is = mr_read_digits(cases[i].text, strlen(cases[i].text), cases[i].most, &number);
        if (is != (cases[i].number >= 0) || (is && number != cases[i].number))
            fail_msg("\"%s\" up to %lld: %d, %lld", cases[i].text, (long long)cases[i].most, is,
                     (long long)number);
    }
}

/* Nothing that a terminal obeys, and nothing else is changed: the same in place and printed. */
static void test_tame(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tame, *printed;
    } cases[] = {
        {"plain \xc3\xa4 \xe2\x82\xac", "plain \xc3\xa4 \xe2\x82\xac", "plain \xc3\xa4 \xe2\x82\xac"},
        {"\x1b[2J\x7f\r", "?[2J??", "?[2J??"},
        {"a\xc2\x9b"
         "b\xc2\xa0",
         "a??b\xc2\xa0", "a?b\xc2\xa0"},
        {"\xc2", "\xc2", "\xc2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64], *printed = NULL;
        size_t len;
        FILE *out = open_memstream(&printed, &len);
        mr_text_put_tame(cases[i].text, out);
        fclose(out);
        assert_string_equal(printed, cases[i].printed);
        free(printed);
        snprintf(text, sizeof text, "%s", cases[i].text);
        mr_text_tame(text, strlen(text), 0);
        assert_string_equal(text, cases[i].tame);
    }
    char lines[] = "a\n\tb";
    mr_text_tame(lines, strlen(lines), '\n');
    assert_string_equal(lines, "a\n?b");
    assert_int_equal(mr_utf8_count("\xc3\xa4 \xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
}

static void test_buf_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {{"plain", "\"plain\""},
                 {"q\"b\\n\n", "\"q\\\"b\\\\n\\u000a\""},
                 {"\xc3\xa9", "\"\xc3\xa9\""},
                 {"\xc3", "\"\\ufffd\""},
                 {"\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\""},
                 {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char room[64];
        mr_buf buf = mr_buf_over(room, sizeof room);
        mr_buf_json(&buf, cases[i].text, strlen(cases[i].text));
        assert_string_equal(room, cases[i].json);
    }
}

static void test_fnv(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t fnv32;
        uint64_t fnv64;
    } golden[] = {{"", 0x811c9dc5, 0xcbf29ce484222325},
                  {"A", 0xc40bf6cc, 0xaf63fc4c860222ec},
                  {"foobar", 0xbf9cf968, 0x85944171f73967e8},
                  {"Hello World!", 0xb1ea4872, 0x8c0ec8d1fb9e6e32},
                  {"DAB45194-42CC-4106-AB9F-2447FA4D35C2", 0x517b5f1d, 0x27d72ea0df39431d}};
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        size_t len = strlen(golden[i].text);
        assert_int_equal(mr_fnv1a32(golden[i].text, len), golden[i].fnv32);
        assert_true(mr_fnv1a64(golden[i].text, len) == golden[i].fnv64);
        uint64_t pieces = mr_fnv1a64_more(MR_FNV64_BASIS, golden[i].text, len / 2);
        assert_true(mr_fnv1a64_more(pieces, golden[i].text + len / 2, len - len / 2) == golden[i].fnv64);
    }
}

static void test_ksuid_golden(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
        uint32_t timestamp;
    } golden[] = {{"0ujtsYcgvSTl8PAuAdqWYSMnLOv", "0669F7EFB5A1CD34B5F99D1154FB6853345C9735", 107608047},
                  {"0ujzPyRiIAffKhBux4PvQdDqMHY", "066A029C73FC1AA3B2446246D6E89FCD909E8FE8", 107610780},
                  {"0uk1Hbc9dQ9pxyTqJ93IUrfhdGq", "066A06349850EEEC191BF4FF26F99315CE43B0C8", 107611700},
                  {"aWgEPTl1tmebfsQzFP4bxwgy80V", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 4294967295u},
                  {"000000000000000000000000000", "0000000000000000000000000000000000000000", 0}};
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        unsigned char id[MR_KSUID_BYTES];
        char text[MR_KSUID_TEXT + 1], hex[41];
        assert_true(mr_ksuid_parse(golden[i].text, id));
        for (int b = 0; b < MR_KSUID_BYTES; b++)
            snprintf(hex + 2 * b, 3, "%02X", id[b]);
        assert_string_equal(hex, golden[i].hex);
        mr_ksuid_format(id, text);
        assert_string_equal(text, golden[i].text);
        int64_t seconds = mr_ksuid_take_apart(id).seconds;
        assert_true(seconds == (golden[i].timestamp ? golden[i].timestamp + MR_KSUID_EPOCH : 0));
    }
}

static void test_ksuid_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "0ujtsYcgvSTl8PAuAdqWYSMnLO",
                                        "0ujtsYcgvSTl8PAuAdqWYSMnLOvv",
                                        "0ujtsYcgvSTl8PAuAdqWYSMnLO-",
                                        "aWgEPTl1tmebfsQzFP4bxwgy80W",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    unsigned char id[MR_KSUID_BYTES];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(mr_ksuid_parse(wrong[i], id));
}

static void test_ksuid_coordinates(void **state)
{
    (void)state;
    static const struct {
        int64_t timestamp_ms, seconds;
    } cases[] = {{1700000000123, 1700000000},
                 {-1, 0},
                 {0, 0},
                 {1399999999999, 0},
                 {INT64_C(9000000000000), 1400000000 + INT64_C(4294967295)}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char id[MR_KSUID_BYTES];
        mr_ksuid_make(id, cases[i].timestamp_ms, 0xdeadbeef, 11, INT64_C(0x123456789abcdef));
        mr_ksuid_parts parts = mr_ksuid_take_apart(id);
        assert_true(parts.seconds == cases[i].seconds);
        assert_int_equal(parts.source, 0xdeadbeef);
        assert_int_equal(parts.partition, 11);
        assert_true(parts.offset == INT64_C(0x123456789abcdef));
    }
    assert_int_not_equal(mr_ksuid_source("", "events"), mr_ksuid_source("eu", "events"));
    assert_int_not_equal(mr_ksuid_source("a", "b"), mr_ksuid_source("", "ab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_order),  cmocka_unit_test(test_error_context),
        cmocka_unit_test(test_must),          cmocka_unit_test(test_owner),
        cmocka_unit_test(test_thread),        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_buf),           cmocka_unit_test(test_buf_json),
        cmocka_unit_test(test_digits),        cmocka_unit_test(test_tame),
        cmocka_unit_test(test_buf_html),      cmocka_unit_test(test_buf_people),
        cmocka_unit_test(test_fnv),           cmocka_unit_test(test_ksuid_golden),
        cmocka_unit_test(test_ksuid_refused), cmocka_unit_test(test_ksuid_coordinates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
