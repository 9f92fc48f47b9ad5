/* The log: what a line looks like, repeats, and a stderr that blocks or is gone. */
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static int real_stderr, from_log;
static char text[1 << 20];

/* From here on stderr is a pipe that the test reads. */
static void capture(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    from_log = ends[0];
}

static void restore(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
}

/* Everything that is in the pipe, after its last writer has gone. */
static size_t read_all(void)
{
    size_t len = 0;
    ssize_t got;
    while ((got = read(from_log, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = 0;
    close(from_log);
    return len;
}

static void start(bool json)
{
    mr_error error;
    capture();
    assert_int_equal(mr_log_start(json, MR_LOG_INFO, &error), MR_OK);
}

static void finish(void)
{
    mr_log_stop();
    restore();
    read_all();
}

static json_t *line_at(size_t number)
{
    char *at = text;
    for (size_t i = 0; i < number && at; i++)
        if ((at = strchr(at, '\n')))
            at++;
    assert_non_null(at);
    json_t *line = json_loads(at, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
    if (!line)
        fail_msg("line %zu is no JSON: %s", number, at);
    return line;
}

static size_t lines(void)
{
    size_t count = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

static size_t lines_with(const char *mark)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, mark)); at++)
        count++;
    return count;
}

static const char *string_of(json_t *line, const char *name)
{
    const char *value = json_string_value(json_object_get(line, name));
    return value ? value : "(absent)";
}

static void test_json_line(void **unused)
{
    (void)unused;
    start(true);
    mr_log(MR_LOG_WARN, "shard_trouble",
           MR_FIELDS(.stream = "events", .topic = "e", .shard = "s\"0", .sqlstate = "40001", .code = 1213,
                     .has_position = true, .partition = 3, .offset = 9000000000),
           "it says \"no\"\n%d times", 2);
    mr_log(MR_LOG_DEBUG, "hidden", NULL, "below the level");
    mr_log(MR_LOG_ERROR, "plain", NULL, "nothing else");
    mr_log(MR_LOG_INFO, "no_offset", MR_FIELDS(.has_position = true, .partition = 0, .offset = -1), "x");
    finish();
    assert_int_equal(lines(), 3);
    json_t *one = line_at(0);
    assert_string_equal(string_of(one, "level"), "warn");
    assert_string_equal(string_of(one, "event"), "shard_trouble");
    assert_string_equal(string_of(one, "msg"), "it says \"no\"\n2 times");
    assert_string_equal(string_of(one, "stream"), "events");
    assert_string_equal(string_of(one, "topic"), "e");
    assert_string_equal(string_of(one, "shard"), "s\"0");
    assert_string_equal(string_of(one, "sqlstate"), "40001");
    assert_int_equal(json_integer_value(json_object_get(one, "code")), 1213);
    assert_int_equal(json_integer_value(json_object_get(one, "partition")), 3);
    assert_int_equal(json_integer_value(json_object_get(one, "offset")), 9000000000);
    assert_null(json_object_get(one, "count"));
    const char *time = string_of(one, "time");
    assert_int_equal(strlen(time), strlen("2026-11-24T13:03:21.123Z"));
    assert_true(time[10] == 'T' && time[19] == '.' && time[23] == 'Z');
    json_decref(one);
    one = line_at(1);
    assert_int_equal(json_object_size(one), 4);
    json_decref(one);
    one = line_at(2);
    assert_non_null(json_object_get(one, "partition"));
    assert_null(json_object_get(one, "offset"));
    json_decref(one);
}

static void test_text_line(void **unused)
{
    (void)unused;
    start(false);
    mr_log(MR_LOG_INFO, "assigned", MR_FIELDS(.shard = "s0", .code = 5), "two\nlines\x1b[31m");
    finish();
    assert_int_equal(lines(), 1);
    assert_non_null(strstr(text, "Z INFO  two lines [31m event=assigned shard=\"s0\" code=5\n"));
}

static void test_repeats(void **unused)
{
    (void)unused;
    start(true);
    for (unsigned i = 0; i < 100; i++) {
        mr_log(MR_LOG_WARN, "again", MR_FIELDS(.shard = "s0"), "number %u", i);
        mr_log(MR_LOG_WARN, "again", MR_FIELDS(.shard = "s1"), "number %u", i);
    }
    mr_log(MR_LOG_WARN, "again", MR_FIELDS(.shard = "s0", .code = 1), "another code");
    finish();
    uint64_t sum = 0;
    for (size_t i = 0; i < lines(); i++) {
        json_t *one = line_at(i), *count = json_object_get(one, "count");
        sum += count ? (uint64_t)json_integer_value(count) : 1;
        if (count)
            assert_string_equal(string_of(one, "msg"), "number 99");
        json_decref(one);
    }
    assert_int_equal(sum, 201);
    assert_true(lines() < 20); /* 5, unless this machine stood still for seconds */
}

/* Without fields, different sentences are different happenings: a block of lines stays one. */
static void test_no_fields(void **unused)
{
    (void)unused;
    start(true);
    mr_log(MR_LOG_INFO, "start", NULL, "versions");
    mr_log(MR_LOG_INFO, "start", NULL, "memory");
    mr_log(MR_LOG_INFO, "start", NULL, "memory");
    mr_log(MR_LOG_INFO, "start", NULL, "memory");
    finish();
    assert_int_equal(lines(), 3);
    json_t *one = line_at(1), *rest = line_at(2);
    assert_string_equal(string_of(one, "msg"), "memory");
    assert_null(json_object_get(one, "count"));
    assert_int_equal(json_integer_value(json_object_get(rest, "count")), 2);
    json_decref(one);
    json_decref(rest);
}

static void test_long_and_hostile(void **unused)
{
    (void)unused;
    static char hostile[3000];
    memset(hostile, 1, sizeof hostile - 1);
    start(true);
    mr_log(MR_LOG_INFO, "a", NULL, "%s", hostile);
    for (size_t i = 0; i + 1 < sizeof hostile; i += 2)
        memcpy(hostile + i, "\xc3\xa9", 2);
    hostile[sizeof hostile - 2] = 0;
    mr_log(MR_LOG_INFO, "b", NULL, "x%s", hostile);
    mr_log(MR_LOG_INFO, "b", MR_FIELDS(.code = 1), "%s", hostile);
    mr_log(MR_LOG_INFO, "c", NULL, "\xff\xfe bytes");
    finish();
    assert_int_equal(lines(), 4);
    for (size_t i = 0; i < 4; i++) {
        json_t *one = line_at(i);
        if (i == 1 || i == 2) /* cut at a character */
            assert_null(strstr(string_of(one, "msg"), "\xef\xbf\xbd"));
        json_decref(one);
    }
}

/* A pipe that nobody reads: callers go on, lines are counted, and stop does not wait for it. */
static void test_blocked(void **unused)
{
    (void)unused;
    uint64_t before = mr_log_dropped(), logged = 20000;
    start(true);
    for (unsigned i = 0; i < logged; i++)
        mr_log(MR_LOG_INFO, "flood", MR_FIELDS(.code = i + 1), "line %u", i);
    mr_log_stop();
    restore();
    read_all();
    uint64_t dropped = mr_log_dropped() - before;
    assert_true(dropped > 0);
    assert_in_range(lines_with("\"flood\"") + dropped, logged,
                    logged + 10); /* it counts its own lines on the matter */
}

/* Stderr is read late: what was dropped is said. */
static void test_dropped_is_said(void **unused)
{
    (void)unused;
    start(true);
    for (unsigned i = 0; i < 20000; i++)
        mr_log(MR_LOG_INFO, "flood", MR_FIELDS(.code = i + 1), "line %u", i);
    size_t len = 0;
    while (len + 4096 < sizeof text && !strstr(text, "log_dropped")) {
        ssize_t got = read(from_log, text + len, 4096);
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = 0;
    }
    assert_non_null(strstr(text, "log_dropped"));
    finish();
}

static volatile sig_atomic_t pipe_signals;
static void on_pipe(int signal)
{
    (void)signal;
    pipe_signals++;
}

static void test_reader_gone(void **unused)
{
    (void)unused;
    signal(SIGPIPE, on_pipe);
    uint64_t before = mr_log_dropped();
    start(true);
    close(from_log);
    mr_log(MR_LOG_INFO, "a", NULL, "into nothing");
    mr_log(MR_LOG_INFO, "b", NULL, "into nothing");
    mr_log_stop();
    mr_log(MR_LOG_INFO, "c", NULL, "straight into nothing");
    restore();
    assert_int_equal(mr_log_dropped() - before, 3);
    assert_int_equal(pipe_signals, 0);
    signal(SIGPIPE, SIG_DFL);
}

static void test_closed(void **unused)
{
    (void)unused;
    uint64_t before = mr_log_dropped();
    start(true);
    close(STDERR_FILENO);
    mr_log(MR_LOG_INFO, "a", NULL, "nowhere");
    mr_log_stop();
    restore();
    close(from_log);
    assert_int_equal(mr_log_dropped() - before, 1);
}

static void test_straight(void **unused)
{
    (void)unused;
    capture();
    mr_log(MR_LOG_INFO, "early", NULL, "before the start");
    restore();
    read_all();
    assert_int_equal(lines(), 1);
    assert_non_null(strstr(text, "before the start"));
}

static void *talk(void *name)
{
    for (unsigned i = 0; i < 500; i++)
        mr_log(MR_LOG_INFO, name, MR_FIELDS(.code = i + 1), "%u", i);
    return NULL;
}

static void *drain(void *unused)
{
    read_all();
    return unused;
}

static void test_threads(void **unused)
{
    (void)unused;
    static char name[4][2] = {"a", "b", "c", "d"};
    pthread_t talker[4], reader;
    uint64_t before = mr_log_dropped();
    start(true);
    pthread_create(&reader, NULL, drain, NULL);
    for (size_t i = 0; i < 4; i++)
        pthread_create(&talker[i], NULL, talk, name[i]);
    for (size_t i = 0; i < 4; i++)
        pthread_join(talker[i], NULL);
    mr_log_stop();
    restore();
    pthread_join(reader, NULL);
    assert_in_range(lines() - lines_with("log_dropped") + (mr_log_dropped() - before), 2000, 2010);
    json_decref(line_at(lines() - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_straight),    cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_text_line),   cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_no_fields),   cmocka_unit_test(test_long_and_hostile),
        cmocka_unit_test(test_blocked),     cmocka_unit_test(test_dropped_is_said),
        cmocka_unit_test(test_reader_gone), cmocka_unit_test(test_closed),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
