/* A process that may have no more descriptors or threads: whatever wants one says what to do. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "small_config.h"

#include "app/worker.h"
#include "base/log.h"
#include "edges/http.h"
#include "edges/kafka_sample.h"
#include "worker/app/cmd_status_private.h"

static mr_config *config;
static mr_arena *arena;
static mr_error error;
static struct rlimit files_before;
static bool no_threads;

/* In the place of our own calls of pthread_create (-Wl,--wrap); the libraries' are not meant. */
int __real_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*what)(void *), void *context);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*what)(void *), void *context);

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*what)(void *), void *context)
{
    return no_threads ? EAGAIN : __real_pthread_create(id, how, what, context);
}

/* The clients of Kafka have threads of their own, which they get: under ThreadSanitizer by our function as well. */
void __real_mr_membership_connect(mr_membership *membership, mr_group *group, mr_inbox **inboxes,
                                  mr_main_duties duties);
void __wrap_mr_membership_connect(mr_membership *membership, mr_group *group, mr_inbox **inboxes,
                                  mr_main_duties duties);

void __wrap_mr_membership_connect(mr_membership *membership, mr_group *group, mr_inbox **inboxes,
                                  mr_main_duties duties)
{
    __real_mr_membership_connect(membership, group, inboxes, duties);
    no_threads = true; /* from when they are open */
}

static int set_up(void **state)
{
    (void)state;
    config = small_config("127.0.0.1:1", "", ",\"http\":{\"listen\":\"127.0.0.1:0\",\"probe_listen\":\"\"}");
    arena = mr_arena_new();
    error.text[0] = 0;
    getrlimit(RLIMIT_NOFILE, &files_before);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_free(arena);
    mr_config_free(config);
    return 0;
}

/* So many more descriptors can be had: those that are free from the lowest on, whatever is open above. */
static void leave_files(unsigned more)
{
    int lowest = dup(STDIN_FILENO);
    assert_true(lowest >= 0);
    close(lowest);
    struct rlimit limit = {.rlim_cur = (rlim_t)lowest + more, .rlim_max = files_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void give_files(void)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files_before), 0);
}

static void assert_says(const char *text)
{
    if (!strstr(error.text, text))
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

static void busy(void *context)
{
    (void)context;
}

static bool stopping(void *context)
{
    return context != NULL;
}

static void test_worker(void **state)
{
    (void)state;
    mr_worker *worker = NULL;
    leave_files(1);
    assert_int_equal(mr_worker_new(config, &worker, &error), MR_UNAVAILABLE);
    give_files();
    assert_says("cannot make an eventfd, Too many open files: raise the limit of open files");
    mr_worker_free(worker);
    mr_main_duties duties = {.busy = busy, .stopping = stopping};
    assert_int_equal(mr_worker_new(config, &worker, &error), MR_OK);
    assert_int_equal(mr_worker_start(worker, duties, &error), MR_UNAVAILABLE);
    no_threads = false;
    assert_says("cannot start a thread, Resource temporarily unavailable: allow the process more threads");
    mr_worker_free(worker);
}

static void test_log(void **state)
{
    (void)state;
    no_threads = true;
    assert_int_equal(mr_log_start(true, MR_LOG_INFO, &error), MR_UNAVAILABLE);
    no_threads = false;
    assert_says(
        "cannot start the log's thread, Resource temporarily unavailable: allow the process more threads");
    mr_log_stop(); /* it was not started */
}

static void test_watchdog(void **state)
{
    (void)state;
    mr_watchdog *watchdog = mr_watchdog_new(arena, 1, MR_WATCHDOG_LIMITS);
    no_threads = true;
    assert_int_equal(mr_watchdog_start(watchdog, &error), MR_UNAVAILABLE);
    no_threads = false;
    assert_says("cannot start the watchdog's thread, Resource temporarily unavailable: allow the process "
                "more threads");
    mr_watchdog_stop(watchdog); /* it was not started */
}

static mr_status serve(void)
{
    mr_probes none = {.live = NULL};
    mr_http *http = NULL;
    mr_arena *own = mr_arena_new();
    mr_status status = mr_http_start(config, mr_metrics_new(config, own, 8), mr_board_new(config, own, 8),
                                     &none, own, &http, &error);
    assert_null(http);
    mr_arena_free(own);
    return status;
}

static void test_http(void **state)
{
    (void)state;
    for (unsigned files = 1; files <= 2;
         files++) { /* for the socket; what wakes its thread, but not the library's own */
        leave_files(files);
        assert_int_equal(serve(), MR_UNAVAILABLE);
        give_files();
        assert_says("http.listen: cannot serve 127.0.0.1:0, Too many open files: allow the process more "
                    "files and memory");
    }
    no_threads = true;
    assert_int_equal(serve(), MR_UNAVAILABLE);
    no_threads = false;
    assert_says(
        "cannot start the thread for http.listen, Resource temporarily unavailable: allow the process more");
}

static void each(void *context, const mr_event *event)
{
    (void)context;
    (void)event;
}

static void test_sample(void **state)
{
    (void)state;
    mr_kafka_sampling sampling = {.topic = "t", .wanted = 1, .each = each};
    leave_files(0);
    assert_int_equal(mr_kafka_sample(config, &sampling, &error), MR_UNAVAILABLE);
    give_files();
    assert_says("cannot make an event counter, Too many open files: raise the limit of open files");
}

/* A command says it on stderr. */
static void test_watch(void **state)
{
    (void)state;
    static char said[4096];
    sigset_t before;
    int real = dup(STDERR_FILENO), file = memfd_create("said", MFD_CLOEXEC);
    assert_true(real >= 0 && file >= 0);
    sigprocmask(SIG_BLOCK, NULL, &before);
    dup2(file, STDERR_FILENO);
    leave_files(0);
    mr_status status = mr_status_watch("127.0.0.1:1");
    give_files();
    dup2(real, STDERR_FILENO);
    close(real);
    sigprocmask(SIG_SETMASK, &before, NULL);
    ssize_t len = pread(file, said, sizeof said - 1, 0);
    close(file);
    assert_int_equal(status, MR_UNAVAILABLE);
    assert_true(len > 0);
    assert_non_null(strstr(said, "millrace: no descriptor for signals: raise the limit of open files\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_worker), TEST(test_log),    TEST(test_watchdog),
                                       TEST(test_http),   TEST(test_sample), TEST(test_watch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
