/* The bell in every order of its steps and with every stale value that C11 allows (explore.h has the model and its limits): a sleeper that
 * has been given work does not sleep on.  Its time is endless here, so a lost wake-up is an execution in which all threads wait. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "explore.h"

/* ---- an eventfd, played: what is read happens behind what was written before ---- */

static _Atomic uint64_t counter;

static int play_eventfd(unsigned count, int flags)
{
    (void)flags;
    atomic_init(&counter, count);
    return 0;
}

static ssize_t play_write(int fd, const void *value, size_t size)
{
    (void)fd;
    (void)value;
    atomic_exchange(&counter, 1);
    return (ssize_t)size;
}

static ssize_t play_read(int fd, void *value, size_t size)
{
    uint64_t count = atomic_exchange(&counter, 0);
    (void)fd;
    memcpy(value, &count, size);
    return (ssize_t)size;
}

static int play_poll(struct pollfd *wait, nfds_t count, int timeout)
{
    (void)wait;
    (void)count;
    (void)timeout;
    explore_wait((volatile uint64_t *)(void *)&counter);
    return 1;
}

static int play_close(int fd)
{
    return fd;
}

#define eventfd play_eventfd
#define write   play_write
#define read    play_read
#define poll    play_poll
#define close   play_close
#include "../../worker/base/bell.c"

enum { RINGERS = 2 };

static mr_bell bell;
static _Atomic uint32_t work[RINGERS]; /* as a ring's tail: stored with release, looked at with acquire */
static uint32_t rings, ringers;

static void begin(void)
{
    must(mr_bell_init(&bell));
    for (int i = 0; i < RINGERS; i++)
        atomic_init(&work[i], 0);
}

static void ring_for(int i)
{
    for (uint32_t n = 1; n <= rings; n++) {
        atomic_store_explicit(&work[i], n, memory_order_release);
        mr_bell_ring(&bell);
    }
}

static void ring_first(void)
{
    ring_for(0);
}

static void ring_second(void)
{
    ring_for(1);
}

static uint32_t look(void)
{
    uint32_t there = 0;
    for (uint32_t i = 0; i < ringers; i++)
        there += atomic_load_explicit(&work[i], memory_order_acquire);
    return there;
}

/* As the threads do: look, and before sleeping once more. */
static void sleeper(void)
{
    uint32_t done = 0;
    while (done < ringers * rings) {
        uint32_t there = look();
        if (there == done) {
            mr_bell_announce(&bell);
            there = look();
            if (there == done)
                mr_bell_sleep(&bell, UINT64_MAX);
            else
                mr_bell_stay(&bell);
        }
        done = there;
    }
}

static void end(void) {}

static void run(const char *name, uint32_t threads, uint32_t count)
{
    explore_test test = {.threads = (int)threads + 1,
                         .begin = begin,
                         .thread = {sleeper, ring_first, ring_second},
                         .end = end};
    ringers = threads;
    rings = count;
    const char *failure = explore(name, &test);
    if (failure)
        fail_msg("%s: %s", name, failure);
}

static void test_no_lost_ring(void **state)
{
    (void)state;
    run("one ringer, three times", 1, 3);
    run("two ringers", 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_lost_ring)};
    return explore_possible() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
