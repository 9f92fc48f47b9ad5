/* explore.h: runs real code of up to three threads in every order of its atomic operations, with every value that its loads may see.
 *
 * The source under test is included behind this header; its atomics become the functions below.  Model (a view machine, as of release and
 * acquire in C11): a location keeps all values that it had, in order; a thread's view says, for each location, before which of them it reads
 * no more.  A load takes any value from there on, each of them in some execution; with acquire it takes over the view that a release store
 * left with the value.  An exchange takes the last one.  seq_cst counts as acquire and release only: more is tried than can happen, and what
 * passes does not need more.  So a missing release or acquire is seen as a stale value; an acquire or release too many is not seen at all.
 *
 * Plain memory is not watched.  What is handed over is therefore named by the test: explore_wrote before, explore_reads after; the read
 * fails when the write need not be visible.  Plain accesses of the source itself happen at once, between two points where threads may change:
 * before every atomic operation, and behind every store.
 *
 * Not covered: stores that come to lie before older ones of another thread (none do where a location has one writer), loads that see what
 * is stored only afterwards (load buffering), fences, the compiler.
 *
 * Depth first, each execution anew; a state (what each thread has read and written so far) that was there before is not gone into again.
 * The threads are contexts of one real thread, so that millions of points take seconds; with `in_turn` one runs behind the other, which is
 * the same, and less, where the later one only reads.  ThreadSanitizer does not know such threads: explore_possible.  One test at a time. */
#ifndef MR_TESTS_EXPLORE_H
#define MR_TESTS_EXPLORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum {
    EXPLORE_THREADS = 3,
    EXPLORE_LOCATIONS = 32,
    EXPLORE_VALUES = 32,
    EXPLORE_CHOICES = 512,
    EXPLORE_SEEN = 1 << 22
};

typedef struct explore_test {
    int threads;
    bool in_turn;
    void (*begin)(void); /* sets the shared memory up */
    void (*thread[EXPLORE_THREADS])(void);
    void (*end)(void); /* looks at an execution that has come to its end; atomics are plain there */
} explore_test;

typedef struct explore_value {
    uint64_t value;
    uint8_t view[EXPLORE_LOCATIONS]; /* that a release store left */
} explore_value;

typedef struct explore_location {
    const volatile void *at;
    int count;
    uint64_t order; /* hash of who stored what, in order */
    explore_value values[EXPLORE_VALUES];
} explore_location;

static struct explorer {
    const explore_test *test;
    int locations;
    explore_location location[EXPLORE_LOCATIONS];
    uint8_t view[EXPLORE_THREADS][EXPLORE_LOCATIONS];
    uint64_t history[EXPLORE_THREADS];
    const volatile void *waits_for[EXPLORE_THREADS];
    bool finished[EXPLORE_THREADS];
    int current; /* who has the token; -1: main, whose atomics are plain */
    bool over;   /* this execution is given up */
    const char *failure;
    int depth, length;
    struct {
        int taken, of;
    } choice[EXPLORE_CHOICES];
    ucontext_t main, context[EXPLORE_THREADS];
    uint64_t executions, states, points;
    uint64_t *seen; /* open addressing; 0: free */
} explorer;

static inline uint64_t explore_mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 29;
}

/* ---- the order of choices ---- */

static inline int explore_pick(int of)
{
    if (of == 1)
        return 0;
    if (explorer.depth == explorer.length) {
        if (explorer.length == EXPLORE_CHOICES)
            abort(); /* an endless loop in what is explored */
        explorer.choice[explorer.length].taken = 0;
        explorer.choice[explorer.length++].of = of;
    }
    return explorer.choice[explorer.depth++].taken;
}

/* The next execution; false: there is none. */
static inline bool explore_next(void)
{
    while (explorer.length > 0 &&
           explorer.choice[explorer.length - 1].taken + 1 == explorer.choice[explorer.length - 1].of)
        explorer.length--;
    if (explorer.length == 0)
        return false;
    explorer.choice[explorer.length - 1].taken++;
    return true;
}

/* Whether this state is new; replayed ones are not asked. */
static inline bool explore_is_new(void)
{
    uint64_t key = 1;
    for (int t = 0; t < explorer.test->threads; t++)
        key = explore_mix(key, explorer.history[t]);
    uint64_t orders = 0;
    for (int i = 0; i < explorer.locations; i++)
        orders += explore_mix((uint64_t)(uintptr_t)explorer.location[i].at, explorer.location[i].order);
    key = explore_mix(key, orders) | 1;
    for (uint64_t i = key >> 3;; i++) {
        uint64_t *at = &explorer.seen[i & (EXPLORE_SEEN - 1)];
        if (*at == key)
            return false;
        if (*at == 0) {
            if (++explorer.states > EXPLORE_SEEN / 2)
                abort(); /* too much for one test */
            *at = key;
            return true;
        }
    }
}

/* ---- threads ---- */

/* Far from each other, so that valgrind takes a change for what it is. */
static char explore_stack[EXPLORE_THREADS][4 << 20];

/* Leaves this execution; nobody comes back to its threads. */
static inline void explore_give_up(void)
{
    explorer.over = true;
    setcontext(&explorer.main);
}

static inline void explore_fail(const char *what)
{
    if (!explorer.failure)
        explorer.failure = what;
    if (explorer.current >= 0)
        explore_give_up();
}

static inline bool explore_able(int thread)
{
    if (explorer.finished[thread])
        return false;
    const volatile void *at = explorer.waits_for[thread];
    return !at || *(const volatile uint64_t *)at != 0;
}

/* One of those that can go on, `first` before all others; -1: none can. */
static inline int explore_who(int first)
{
    int able[EXPLORE_THREADS], count = 0;
    for (int i = 0; i < explorer.test->threads; i++) {
        int thread = (first + i) % explorer.test->threads;
        if (explore_able(thread))
            able[count++] = thread;
    }
    return count ? able[explore_pick(count)] : -1;
}

/* A point where threads may change.  The history counts it, so that the place in the code is part of the state. */
static inline void explore_point(void)
{
    int me = explorer.current;
    explorer.history[me] = explore_mix(explorer.history[me], 1);
    explorer.points++;
    if (explorer.test->in_turn)
        return;
    if (explorer.depth == explorer.length && !explore_is_new())
        explore_give_up();
    int next = explore_who(me);
    if (next == me)
        return;
    if (next < 0) {
        explore_fail("all threads wait");
        return;
    }
    explorer.current = next;
    swapcontext(&explorer.context[me], &explorer.context[next]);
}

/* A thread from its beginning to its end, where the others go on, or main. */
static inline void explore_thread(int me)
{
    explorer.test->thread[me]();
    explorer.finished[me] = true;
    bool all = true;
    for (int i = 0; i < explorer.test->threads; i++)
        all = all && explorer.finished[i];
    int next = all || explorer.test->in_turn ? -1 : explore_who((me + 1) % explorer.test->threads);
    if (next < 0 && !all && !explorer.test->in_turn)
        explore_fail("all threads wait");
    explorer.current = next;
    setcontext(next < 0 ? &explorer.main : &explorer.context[next]);
}

static inline void explore_go(int thread)
{
    explorer.current = thread;
    swapcontext(&explorer.main, &explorer.context[thread]);
}

static inline void explore_execute(void)
{
    const explore_test *test = explorer.test;
    explorer.executions++;
    explorer.depth = explorer.locations = 0;
    explorer.over = false;
    memset(explorer.view, 0, sizeof explorer.view);
    memset(explorer.history, 0, sizeof explorer.history);
    memset(explorer.waits_for, 0, sizeof explorer.waits_for);
    memset(explorer.finished, 0, sizeof explorer.finished);
    explorer.current = -1;
    test->begin();
    for (int i = 0; i < test->threads; i++) {
        getcontext(&explorer.context[i]);
        explorer.context[i].uc_stack =
            (stack_t){.ss_sp = explore_stack[i], .ss_size = sizeof explore_stack[i]};
        makecontext(&explorer.context[i], (void (*)(void))(uintptr_t)explore_thread, 1, i);
    }
    for (int i = 0; test->in_turn && i < test->threads && !explorer.over; i++)
        explore_go(i);
    if (!test->in_turn)
        explore_go(explore_who(0));
    explorer.current = -1;
    if (!explorer.over)
        test->end();
}

static inline bool explore_possible(void)
{
#if defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return false;
#endif
#endif
    return true;
}

/* All executions; NULL, or what failed in the last of them. */
static inline const char *explore(const char *name, const explore_test *test)
{
    memset(&explorer, 0, sizeof explorer);
    explorer.test = test;
    explorer.seen = calloc(EXPLORE_SEEN, sizeof *explorer.seen);
    do
        explore_execute();
    while (!explorer.failure && explore_next());
    free(explorer.seen);
    printf("%s: %llu executions, %llu states, %llu points\n", name, (unsigned long long)explorer.executions,
           (unsigned long long)explorer.states, (unsigned long long)explorer.points);
    return explorer.failure;
}

/* ---- atomics ---- */

static inline uint64_t explore_peek(const volatile void *at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, (const void *)(uintptr_t)at, size); /* little-endian, as all our machines */
    return value;
}

static inline int explore_at(const volatile void *at, size_t size)
{
    int i = 0;
    while (i < explorer.locations && explorer.location[i].at != at)
        i++;
    if (i == explorer.locations) {
        if (i == EXPLORE_LOCATIONS)
            abort();
        explorer.locations++;
        explorer.location[i].at = at;
        explorer.location[i].order = 0;
        explorer.location[i].count = 1;
        memset(&explorer.location[i].values[0], 0, sizeof explorer.location[i].values[0]);
        explorer.location[i].values[0].value = explore_peek(at, size);
    }
    return i;
}

static inline void explore_note(int location, uint64_t what)
{
    uint64_t *history = &explorer.history[explorer.current];
    *history = explore_mix(*history, (uint64_t)(uintptr_t)explorer.location[location].at);
    *history = explore_mix(*history, what + 2);
}

static inline uint64_t explore_take(int location, int which, bool acquire)
{
    uint8_t *view = explorer.view[explorer.current];
    const explore_value *value = &explorer.location[location].values[which];
    view[location] = (uint8_t)which;
    for (int i = 0; acquire && i < EXPLORE_LOCATIONS; i++)
        view[i] = value->view[i] > view[i] ? value->view[i] : view[i];
    explore_note(location, (uint64_t)which);
    return value->value;
}

static inline void explore_add(int location, uint64_t value, bool release)
{
    explore_location *to = &explorer.location[location];
    uint8_t *view = explorer.view[explorer.current];
    if (to->count == EXPLORE_VALUES)
        abort();
    explore_value *made = &to->values[to->count];
    memset(made, 0, sizeof *made);
    made->value = value;
    view[location] = (uint8_t)to->count++;
    if (release)
        memcpy(made->view, view, sizeof made->view);
    to->order = explore_mix(explore_mix(to->order, (uint64_t)explorer.current + 1), value);
    explore_note(location, value ^ UINT64_C(1) << 63);
}

static inline bool explore_acquires(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static inline bool explore_releases(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static inline uint64_t explore_load(const volatile void *at, size_t size, memory_order order)
{
    if (explorer.current < 0)
        return explore_peek(at, size);
    explore_point();
    int location = explore_at(at, size), first = explorer.view[explorer.current][location];
    int which = explorer.location[location].count - 1;
    which -= explore_pick(which - first + 1); /* the newest first */
    return explore_take(location, which, explore_acquires(order));
}

static inline void explore_store(volatile void *at, size_t size, uint64_t value, memory_order order)
{
    if (explorer.current >= 0) {
        explore_point();
        explore_add(explore_at(at, size), value, explore_releases(order));
    }
    memcpy((void *)(uintptr_t)at, &value, size);
    if (explorer.current >= 0)
        explore_point();
}

static inline uint64_t explore_exchange(volatile void *at, size_t size, uint64_t value)
{
    uint64_t was = explore_peek(at, size);
    if (explorer.current >= 0) {
        explore_point();
        int location = explore_at(at, size);
        was = explore_take(location, explorer.location[location].count - 1, true);
        explore_add(location, value, true);
    }
    memcpy((void *)(uintptr_t)at, &value, size);
    if (explorer.current >= 0)
        explore_point();
    return was;
}

/* The thread goes on only when the value is not 0 (a kernel's counter: its last value counts). */
static inline void explore_wait(volatile uint64_t *at)
{
    explorer.waits_for[explorer.current] = at;
    explore_point();
    explorer.waits_for[explorer.current] = NULL;
}

/* ---- plain memory that the test names ---- */

static inline void explore_wrote(const void *what)
{
    if (explorer.current >= 0)
        explore_add(explore_at(what, 1), 0, false);
}

static inline void explore_reads(const void *what)
{
    if (explorer.current < 0)
        return;
    int location = explore_at(what, 1);
    if (explorer.view[explorer.current][location] + 1 != explorer.location[location].count)
        explore_fail("plain memory is read before its write is visible");
}

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#define atomic_load_explicit(at, order)         ((__typeof__(+*(at)))explore_load((at), sizeof *(at), (order)))
#define atomic_store_explicit(at, value, order) explore_store((at), sizeof *(at), (uint64_t)(value), (order))
#define atomic_load(at)                         atomic_load_explicit(at, memory_order_seq_cst)
#define atomic_store(at, value)                 atomic_store_explicit(at, value, memory_order_seq_cst)
#define atomic_exchange(at, value)              explore_exchange((at), sizeof *(at), (uint64_t)(value))

/* A must() of the source fails the execution. */
static inline _Noreturn void explore_must_failed(const char *condition, const char *file, int line)
{
    static char text[256];
    snprintf(text, sizeof text, "%s:%d: must(%s)", file, line, condition);
    if (explorer.current < 0) {
        fprintf(stderr, "%s\n", text);
        abort();
    }
    explore_fail(text);
    abort(); /* not reached */
}
#include "base/must.h"
#define mr_must_failed explore_must_failed

#endif
