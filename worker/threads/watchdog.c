#include "threads/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/thread.h"

#define LATE_LOOKS 5u /* a look that comes this many periods late: the process stood still */
#define LOG_S      5u /* the most that logging may take: only a thread that stands inside the log makes it so */

/* What the watchdog remembers of a pulse. */
typedef struct watched {
    bool reported;
    uint64_t reported_ms;
} watched;

struct mr_watchdog {
    mr_watchdog_limits limits;
    mr_pulse *pulses;
    uint32_t count, max;
    /* the watchdog's thread's */
    watched *watched;     /* [max] */
    mr_verdict *verdicts; /* [max + 1] */
    /* published */
    _Atomic uint64_t looked_ms; /* 0: never */
    _Atomic uint64_t since_ms;  /* nobody is judged by what was before */
    _Atomic uint64_t stalls;
    /* the thread */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
};

/* ---- a pulse ---- */

void mr_pulse_turn(mr_pulse *pulse, uint64_t now_ms)
{
    atomic_store_explicit(&pulse->turned_ms, now_ms, memory_order_relaxed);
}

/* Release, with the acquire in `judge`: who sees the call's patience gone (or shortened) also sees the turn. */
void mr_pulse_enter(mr_pulse *pulse, const char *doing, uint64_t timeout_ms, uint64_t now_ms)
{
    atomic_store_explicit(&pulse->turned_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&pulse->doing, doing, memory_order_relaxed);
    atomic_store_explicit(&pulse->patience_ms, timeout_ms * MR_WATCHDOG_PATIENCE, memory_order_release);
}

void mr_pulse_leave(mr_pulse *pulse, uint64_t now_ms)
{
    mr_pulse_enter(pulse, "turning", 0, now_ms);
}

void mr_pulse_end(mr_pulse *pulse)
{
    atomic_store_explicit(&pulse->turned_ms, 0, memory_order_relaxed);
}

/* ---- looking ---- */

typedef struct judgement {
    bool runs, stuck;
    uint64_t still_ms;
    const char *doing;
} judgement;

static judgement judge(const mr_watchdog *watchdog, const mr_pulse *pulse, uint64_t since_ms, uint64_t now_ms)
{
    uint64_t patience_ms = atomic_load_explicit(&pulse->patience_ms, memory_order_acquire);
    uint64_t turned_ms = atomic_load_explicit(&pulse->turned_ms, memory_order_relaxed);
    uint64_t from_ms = turned_ms > since_ms ? turned_ms : since_ms;
    if (patience_ms < watchdog->limits.stuck_ms)
        patience_ms = watchdog->limits.stuck_ms;
    return (judgement){.runs = turned_ms != 0,
                       .stuck = turned_ms != 0 && now_ms >= from_ms + patience_ms,
                       .still_ms = now_ms > turned_ms ? now_ms - turned_ms : 0,
                       .doing = atomic_load_explicit(&pulse->doing, memory_order_relaxed)};
}

/* Everybody begins a new period, those that were reported as well. */
static void begin_anew(mr_watchdog *watchdog, uint64_t now_ms)
{
    atomic_store(&watchdog->since_ms, now_ms);
    for (uint32_t i = 0; i < watchdog->count; i++)
        watchdog->watched[i].reported = false;
}

static bool is_news(mr_watchdog *watchdog, uint32_t i, const judgement *found, uint64_t now_ms,
                    mr_verdict_kind *kind)
{
    watched *known = &watchdog->watched[i];
    if (!found->stuck) {
        bool was = known->reported;
        known->reported = false;
        *kind = MR_VERDICT_TURNS_AGAIN;
        return was;
    }
    if (!known->reported) {
        *known = (watched){.reported = true, .reported_ms = now_ms};
        atomic_fetch_add(&watchdog->stalls, 1);
        *kind = MR_VERDICT_STUCK;
        return true;
    }
    *kind = MR_VERDICT_GIVE_UP;
    return now_ms >= known->reported_ms + watchdog->limits.grace_ms;
}

static bool is_late(const mr_watchdog *watchdog, uint64_t looked_ms, uint64_t now_ms)
{
    return looked_ms != 0 && now_ms >= looked_ms + (LATE_LOOKS + 1) * watchdog->limits.look_ms;
}

const mr_verdict *mr_watchdog_look(mr_watchdog *watchdog, uint64_t now_ms, uint32_t *count)
{
    uint64_t looked_ms = atomic_load(&watchdog->looked_ms);
    uint32_t said = 0;
    if (is_late(watchdog, looked_ms, now_ms)) {
        begin_anew(watchdog, now_ms);
        watchdog->verdicts[said++] =
            (mr_verdict){.kind = MR_VERDICT_STOOD_STILL, .still_ms = now_ms - looked_ms};
    }
    atomic_store(&watchdog->looked_ms, now_ms);
    for (uint32_t i = 0; i < watchdog->count; i++) {
        judgement found = judge(watchdog, &watchdog->pulses[i], atomic_load(&watchdog->since_ms), now_ms);
        mr_verdict_kind kind;
        if (is_news(watchdog, i, &found, now_ms, &kind))
            watchdog->verdicts[said++] = (mr_verdict){.kind = kind,
                                                      .pulse = &watchdog->pulses[i],
                                                      .doing = found.doing,
                                                      .still_ms = found.still_ms};
    }
    *count = said;
    return watchdog->verdicts;
}

bool mr_watchdog_turning(const mr_watchdog *watchdog, uint64_t now_ms, mr_buf *why)
{
    /* After the whole process stood still the probe may come before the watchdog's own look. */
    bool late = is_late(watchdog, atomic_load(&watchdog->looked_ms), now_ms);
    uint64_t since_ms = late ? now_ms : atomic_load(&watchdog->since_ms);
    judgement slowest = {.runs = false};
    const mr_pulse *pulse = NULL;
    for (uint32_t i = 0; i < watchdog->count; i++) {
        judgement found = judge(watchdog, &watchdog->pulses[i], since_ms, now_ms);
        if (found.runs && (!pulse || found.stuck > slowest.stuck ||
                           (found.stuck == slowest.stuck && found.still_ms > slowest.still_ms))) {
            slowest = found;
            pulse = &watchdog->pulses[i];
        }
    }
    if (!pulse)
        mr_buf_text(why, "no thread has begun to turn");
    else
        mr_buf_printf(why, "the slowest thread, %s, turned %llu ms ago%s (%s)", pulse->name,
                      (unsigned long long)slowest.still_ms, slowest.stuck ? " and is stuck" : "",
                      slowest.doing);
    return !slowest.stuck;
}

uint64_t mr_watchdog_stalls(const mr_watchdog *watchdog)
{
    return atomic_load(&watchdog->stalls);
}

/* ---- the thread ---- */

/* The only thing that is ever done in a signal's handler here: the one way out that needs nobody's lock. */
static void exit_now(int signal)
{
    (void)signal;
    _exit(MR_AGAIN);
}

static void act(const mr_verdict *verdict, const mr_watchdog_limits *limits)
{
    unsigned long long still_s = verdict->still_ms / 1000;
    switch (verdict->kind) {
    case MR_VERDICT_STUCK:
        mr_log(MR_LOG_ERROR, "thread_stuck", NULL,
               "%s has not turned for %llu s, while %s: the process ends with status 75 in %llu s unless it "
               "turns",
               verdict->pulse->name, still_s, verdict->doing, (unsigned long long)limits->grace_ms / 1000);
        return;
    case MR_VERDICT_TURNS_AGAIN:
        mr_log(MR_LOG_WARN, "thread_turns", NULL, "%s turns again", verdict->pulse->name);
        return;
    case MR_VERDICT_STOOD_STILL:
        mr_log(MR_LOG_WARN, "process_stood_still", NULL,
               "the whole process did not run for %llu s: it was stopped, its machine was, or it gets no CPU",
               still_s);
        return;
    case MR_VERDICT_GIVE_UP:
        mr_log(
            MR_LOG_ERROR, "thread_stuck", NULL,
            "%s has not turned for %llu s, while %s: ending with status 75, to be started again; what is not "
            "committed is read again",
            verdict->pulse->name, still_s, verdict->doing);
        mr_log_stop(); /* waits for a blocked stderr, but not long */
        _exit(MR_AGAIN);
    }
}

/* False: asked to stop. */
static bool sleep_until(mr_watchdog *watchdog, uint64_t until_ms)
{
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping && mr_clock_ms() < until_ms)
        pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &until);
    bool stopping = watchdog->stopping;
    pthread_mutex_unlock(&watchdog->lock);
    return !stopping;
}

static void *watch(void *context)
{
    mr_watchdog *watchdog = context;
    sigset_t last_resort;
    sigemptyset(&last_resort);
    sigaddset(&last_resort, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &last_resort, NULL);
    do {
        uint32_t count;
        const mr_verdict *verdicts = mr_watchdog_look(watchdog, mr_clock_ms(), &count);
        if (count > 0)
            alarm(LOG_S);
        for (uint32_t i = 0; i < count; i++)
            act(&verdicts[i], &watchdog->limits);
        if (count > 0)
            alarm(0);
    } while (sleep_until(watchdog, mr_clock_ms() + watchdog->limits.look_ms));
    return NULL;
}

mr_status mr_watchdog_start(mr_watchdog *watchdog, mr_error *error)
{
    struct sigaction leave = {.sa_handler = exit_now};
    sigaction(SIGALRM, &leave, NULL);
    int failed = mr_thread_start(&watchdog->thread, "watchdog", watch, watchdog);
    if (failed)
        return mr_fail(error, MR_UNAVAILABLE,
                       "cannot start the watchdog's thread, %s: allow the process more threads",
                       strerror(failed));
    watchdog->started = true;
    return MR_OK;
}

void mr_watchdog_stop(mr_watchdog *watchdog)
{
    if (!watchdog->started)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_broadcast(&watchdog->changed);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    watchdog->started = false;
}

/* ---- made once ---- */

mr_watchdog *mr_watchdog_new(mr_arena *arena, uint32_t pulses_max, const mr_watchdog_limits *limits)
{
    static const char part[] = "threads";
    must(limits->stuck_ms >=
         (LATE_LOOKS + 1) * limits->look_ms); /* a standstill is noticed before anybody is blamed for it */
    mr_watchdog *watchdog = mr_arena_take(arena, part, 1, sizeof *watchdog);
    watchdog->limits = *limits;
    watchdog->max = pulses_max;
    watchdog->pulses = mr_arena_take(arena, part, pulses_max, sizeof *watchdog->pulses);
    watchdog->watched = mr_arena_take(arena, part, pulses_max, sizeof *watchdog->watched);
    watchdog->verdicts = mr_arena_take(arena, part, pulses_max + 1, sizeof *watchdog->verdicts);
    pthread_mutex_init(&watchdog->lock, NULL);
    mr_thread_condition(&watchdog->changed);
    return watchdog;
}

mr_pulse *mr_watchdog_pulse(mr_watchdog *watchdog, const char *name, ...)
{
    must(watchdog->count < watchdog->max && !watchdog->started);
    mr_pulse *pulse = &watchdog->pulses[watchdog->count++];
    va_list arguments;
    va_start(arguments, name);
    vsnprintf(pulse->name, sizeof pulse->name, name, arguments);
    va_end(arguments);
    atomic_store(&pulse->doing, "turning");
    return pulse;
}
