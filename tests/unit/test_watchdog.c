/* The watchdog: verdicts on passed-in time; and real threads in child processes that end with 75, or do not. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "threads/watchdog.h"
#include "worker/base/log.c" /* for its lock */

static mr_arena *arena;
static mr_watchdog *dog;
static mr_pulse *one, *two;
static uint32_t count;
static const mr_verdict *said;

static void begin(const mr_watchdog_limits *limits)
{
    dog = mr_watchdog_new(arena, 3, limits);
    one = mr_watchdog_pulse(dog, "consumer %u", 0u);
    two = mr_watchdog_pulse(dog, "writer of shard %s", "s0");
}

static int set_up(void **unused)
{
    (void)unused;
    arena = mr_arena_new();
    begin(MR_WATCHDOG_LIMITS);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    mr_arena_free(arena);
    return 0;
}

static void look(uint64_t now_ms)
{
    said = mr_watchdog_look(dog, now_ms, &count);
}

/* Looks every second until just before then; nothing may be news. */
static void quiet_until(uint64_t from_ms, uint64_t end_ms)
{
    for (uint64_t now = from_ms; now < end_ms; now += 1000) {
        look(now);
        if (count > 0)
            fail_msg("verdict %d at %llu", (int)said[0].kind, (unsigned long long)now);
    }
}

static void assert_said(mr_verdict_kind kind, const mr_pulse *pulse)
{
    assert_int_equal(count, 1);
    assert_int_equal(said[0].kind, kind);
    assert_ptr_equal(said[0].pulse, pulse);
}

static void test_stuck(void **unused)
{
    (void)unused;
    mr_pulse_turn(one, 1000);
    mr_pulse_enter(one, "polling", 0, 1000);
    quiet_until(1000, 61000);
    look(61000);
    assert_said(MR_VERDICT_STUCK, one);
    assert_string_equal(said[0].doing, "polling");
    assert_string_equal(said[0].pulse->name, "consumer 0");
    assert_int_equal(said[0].still_ms, 60000);
    assert_int_equal(mr_watchdog_stalls(dog), 1);
    quiet_until(62000, 71000);
    look(71000);
    assert_said(MR_VERDICT_GIVE_UP, one);
    assert_int_equal(said[0].still_ms, 70000);
    assert_int_equal(mr_watchdog_stalls(dog), 1);
}

static void test_turns_again(void **unused)
{
    (void)unused;
    mr_pulse_turn(one, 1000);
    quiet_until(1000, 61000);
    look(61000);
    assert_said(MR_VERDICT_STUCK, one);
    quiet_until(62000, 71000);
    mr_pulse_turn(one, 70500); /* just in time */
    look(71000);
    assert_said(MR_VERDICT_TURNS_AGAIN, one);
    quiet_until(72000, 130500);
    look(130500);
    assert_said(MR_VERDICT_STUCK, one);
    assert_int_equal(mr_watchdog_stalls(dog), 2);
    look(131000);
    assert_int_equal(count, 0); /* its grace is new as well */
    quiet_until(132000, 140500);
    look(140500);
    assert_said(MR_VERDICT_GIVE_UP, one);
}

/* A writer may execute for three times its timeout; one whose timeout is short still has everybody's minute. */
static void test_bounded_call(void **unused)
{
    (void)unused;
    mr_pulse_turn(one, 500);
    mr_pulse_enter(one, "executing", 30000, 1000);
    mr_pulse_turn(two, 500);
    mr_pulse_enter(two, "connecting", 5000, 31000);
    quiet_until(1000, 91000);
    look(91000);
    assert_int_equal(count, 2);
    assert_int_equal(said[0].kind, MR_VERDICT_STUCK);
    assert_string_equal(said[0].doing, "executing");
    assert_ptr_equal(said[1].pulse, two);
    assert_string_equal(said[1].doing, "connecting");
    assert_string_equal(said[1].pulse->name, "writer of shard s0");
}

static void test_call_returns(void **unused)
{
    (void)unused;
    mr_pulse_enter(one, "executing", 30000, 1000);
    quiet_until(1000, 80000);
    mr_pulse_leave(one, 80000);
    quiet_until(80000, 140000);
    look(140000);
    assert_said(MR_VERDICT_STUCK, one);
    assert_string_equal(said[0].doing, "turning");
}

/* A next step has a time of its own. */
static void test_enter_again(void **unused)
{
    (void)unused;
    mr_pulse_enter(one, "executing", 30000, 1000);
    quiet_until(1000, 85000);
    mr_pulse_enter(one, "committing", 30000, 85000);
    quiet_until(85000, 175000);
    look(175000);
    assert_said(MR_VERDICT_STUCK, one);
    assert_string_equal(said[0].doing, "committing");
}

/* Stopped as a whole, and everybody's clock ran on: nobody is to blame, and nobody's old report counts. */
static void test_stood_still(void **unused)
{
    (void)unused;
    mr_pulse_turn(one, 1000);
    quiet_until(1000, 30000);
    look(600000);
    assert_said(MR_VERDICT_STOOD_STILL, NULL);
    assert_int_equal(said[0].still_ms, 600000 - 29000);
    quiet_until(601000, 660000);
    look(660000);
    assert_said(MR_VERDICT_STUCK, one);
    look(669000);
    assert_said(MR_VERDICT_STOOD_STILL, NULL); /* nine seconds late */
    quiet_until(670000, 729000);
    look(729000);
    assert_said(MR_VERDICT_STUCK, one); /* a report anew, not the end */
}

/* Late, but not by much: a busy machine is not a standstill. */
static void test_a_little_late(void **unused)
{
    (void)unused;
    mr_pulse_turn(one, 1000);
    for (uint64_t now = 1000; now < 61000; now += 5000) {
        look(now);
        assert_int_equal(count, 0);
    }
    look(61000);
    assert_said(MR_VERDICT_STUCK, one);
}

static void test_not_running(void **unused)
{
    (void)unused;
    quiet_until(1000, 200000); /* nobody has begun */
    mr_pulse_turn(one, 200000);
    mr_pulse_turn(two, 200000);
    quiet_until(200000, 250000);
    mr_pulse_end(one);
    mr_pulse_turn(two, 250000);
    quiet_until(250000, 310000);
    look(310000);
    assert_said(MR_VERDICT_STUCK, two);
    mr_pulse_end(two); /* ends after all */
    look(311000);
    assert_said(MR_VERDICT_TURNS_AGAIN, two);
    quiet_until(312000, 500000);
}

static bool livez(uint64_t now_ms, const char *part)
{
    char text[200];
    mr_buf why = mr_buf_over(text, sizeof text);
    bool well = mr_watchdog_turning(dog, now_ms, &why);
    if (!strstr(text, part))
        fail_msg("'%s' does not say '%s'", text, part);
    return well;
}

static void test_livez(void **unused)
{
    (void)unused;
    assert_true(livez(1000, "no thread"));
    mr_pulse_turn(one, 1000);
    mr_pulse_enter(two, "executing", 30000, 500);
    look(1500);
    assert_true(livez(1500, "writer of shard s0, turned 1000 ms ago (executing)"));
    mr_pulse_enter(two, "executing", 30000, 2000);
    assert_true(livez(2500, "consumer 0, turned 1500 ms ago (turning)"));
    quiet_until(2500, 61000);
    assert_true(livez(60999, "consumer 0"));
    assert_false(livez(61000, "consumer 0, turned 60000 ms ago and is stuck (turning)"));
    mr_pulse_enter(two, "executing", 300000, 500); /* longer still, but it may */
    assert_false(livez(61000, "consumer 0"));
    /* Asked after a standstill, before the watchdog has looked. */
    mr_pulse_turn(one, 61000);
    look(61500);
    assert_true(livez(900000, "writer of shard s0, turned 899500 ms ago (executing)"));
}

/* ---- real threads ---- */

static const mr_watchdog_limits quick = {.stuck_ms = 600, .grace_ms = 300, .look_ms = 50};
static const mr_watchdog_limits *child_limits = &quick;
static int from_child;
static char text[65536];

static void *turn_always(void *pulse)
{
    for (;;) {
        mr_pulse_turn(pulse, mr_clock_ms());
        usleep(20000);
    }
    return NULL;
}

static void *stop_turning(void *pulse)
{
    mr_pulse_enter(pulse, "executing", 10, mr_clock_ms());
    for (;;)
        pause();
    return NULL;
}

static void *stop_inside_log(void *pulse)
{
    pthread_mutex_lock(&state.lock);
    return stop_turning(pulse);
}

/* The child: a thread that turns, another that does `second`; ends by itself with 0 after ms. */
static _Noreturn void live(void *(*second)(void *), unsigned ms)
{
    mr_error error;
    pthread_t thread;
    begin(child_limits);
    if (mr_log_start(true, MR_LOG_INFO, &error) || mr_watchdog_start(dog, &error))
        _exit(1);
    pthread_create(&thread, NULL, turn_always, one);
    pthread_create(&thread, NULL, second, two);
    uint64_t until_ms = mr_clock_ms() + ms;
    while (mr_clock_ms() < until_ms)
        usleep(20000);
    mr_watchdog_stop(dog);
    mr_log_stop();
    _exit(0);
}

static pid_t child(void *(*second)(void *), unsigned ms, bool blocked)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        if (blocked) { /* a pipe that nobody reads, and that is full */
            fcntl(ends[1], F_SETFL, O_NONBLOCK);
            while (write(ends[1], text, 4096) > 0)
                continue;
            fcntl(ends[1], F_SETFL, 0);
        }
        live(second, ms);
    }
    close(ends[1]);
    from_child = ends[0];
    return pid;
}

static int ended(pid_t pid)
{
    int status;
    for (unsigned i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
        if (i == 1500) /* then it is reaped as killed */
            kill(pid, SIGKILL);
        usleep(10000);
    }
    if (WIFSIGNALED(status))
        fail_msg("ended by signal %d", WTERMSIG(status));
    size_t len = 0;
    ssize_t got;
    while ((got = read(from_child, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = 0;
    close(from_child);
    return WEXITSTATUS(status);
}

static void assert_logged(const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in the log:\n%s", part, text);
}

static void test_child_stuck(void **unused)
{
    (void)unused;
    uint64_t begun_ms = mr_clock_ms();
    assert_int_equal(ended(child(stop_turning, 20000, false)), MR_AGAIN);
    assert_in_range(mr_clock_ms() - begun_ms, 900, 5000);
    assert_logged("\"level\":\"error\"");
    assert_logged("\"event\":\"thread_stuck\"");
    assert_logged(
        "writer of shard s0 has not turned for 0 s, while executing: the process ends with status 75");
    assert_logged("ending with status 75");
    assert_null(strstr(text, "consumer 0"));
}

static void test_child_turns(void **unused)
{
    (void)unused;
    assert_int_equal(ended(child(turn_always, 1500, false)), 0);
    assert_string_equal(text, "");
}

/* A stderr that takes nothing does not keep it. */
static void test_child_blocked_log(void **unused)
{
    (void)unused;
    uint64_t begun_ms = mr_clock_ms();
    assert_int_equal(ended(child(stop_turning, 20000, true)), MR_AGAIN);
    assert_in_range(mr_clock_ms() - begun_ms, 900, 5000);
}

/* Not even a thread that stands still with the log's lock in its hand. */
static void test_child_stuck_in_log(void **unused)
{
    (void)unused;
    uint64_t begun_ms = mr_clock_ms();
    assert_int_equal(ended(child(stop_inside_log, 20000, false)), MR_AGAIN);
    assert_in_range(mr_clock_ms() - begun_ms, 5000, 12000);
}

static void *turn_when_reported(void *pulse)
{
    mr_pulse_turn(pulse, mr_clock_ms());
    while (mr_watchdog_stalls(dog) == 0)
        usleep(10000);
    return turn_always(pulse);
}

/* Reported, and then in time after all. */
static void test_child_turns_again(void **unused)
{
    (void)unused;
    static const mr_watchdog_limits patient = {.stuck_ms = 600, .grace_ms = 60000, .look_ms = 50};
    size_t len = 0;
    ssize_t got;
    text[0] = 0;
    child_limits = &patient;
    pid_t pid = child(turn_when_reported, 30000, false);
    child_limits = &quick;
    while (!strstr(text, "thread_turns") && (got = read(from_child, text + len, sizeof text - 1 - len)) > 0)
        text[len += (size_t)got] = 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(from_child);
    assert_logged("\"event\":\"thread_turns\"");
    assert_logged("writer of shard s0 turns again");
}

static void test_child_frozen(void **unused)
{
    (void)unused;
    pid_t pid = child(turn_always, 3000, false);
    usleep(300000);
    kill(pid, SIGSTOP);
    usleep(1500000); /* more than stuck and grace together */
    kill(pid, SIGCONT);
    assert_int_equal(ended(pid), 0);
    assert_logged("\"event\":\"process_stood_still\"");
    assert_null(strstr(text, "thread_stuck"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stuck),
        TEST(test_turns_again),
        TEST(test_bounded_call),
        TEST(test_call_returns),
        TEST(test_enter_again),
        TEST(test_stood_still),
        TEST(test_a_little_late),
        TEST(test_not_running),
        TEST(test_livez),
        TEST(test_child_stuck),
        TEST(test_child_turns),
        TEST(test_child_blocked_log),
        TEST(test_child_stuck_in_log),
        TEST(test_child_frozen),
        TEST(test_child_turns_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
