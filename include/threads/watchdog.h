/* watchdog.h: a thread that does not turn is reported with its name and what it was doing, and then ends the process.
 *
 * Each thread has a pulse and says on it when it turned and what it is about to do.  The watchdog, a thread of its own because main can block
 * too, looks at all of them every second.  A pulse older than stuck_ms is reported (event thread_stuck); when it has not moved grace_ms
 * later, the process exits with MR_AGAIN so that it is started again: commits are conservative, so that is safe.
 *
 *     turned ----------- stuck_ms ----------- reported ---- grace_ms ---- exit 75
 *     entered, timeout t ------ 3 t, at least stuck_ms ------ reported ---- ...
 *
 * A thread inside a bounded call to the outside (connect, execute, a name server) is not stuck: mr_pulse_enter says the call's own timeout
 * and the thread has three times that.  A process that stood still as a whole (SIGSTOP, a suspended machine) is not stuck either: the watchdog
 * notices that its own look came late, and everybody begins a new period.
 *
 * Threads: a pulse is written by its thread alone and read by any, without a lock; the calls cost a few stores.  mr_watchdog_look and
 * the verdicts belong to the watchdog's thread (or, without one, to a test).
 * Time: monotonic, passed in.  Memory: the arena's part "threads".  The exit waits for nothing: not for a log that blocks, nor for its lock.
 */
#ifndef MR_THREADS_WATCHDOG_H
#define MR_THREADS_WATCHDOG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MR_WATCHDOG_STUCK_MS 60000u /* every thread turns at least once a second */
#define MR_WATCHDOG_GRACE_MS 10000u
#define MR_WATCHDOG_LOOK_MS  1000u
#define MR_WATCHDOG_PATIENCE 3u /* times a bounded call's timeout */

typedef struct mr_pulse {
    /* its thread's */
    _Alignas(64) _Atomic uint64_t turned_ms; /* 0: does not run: not yet, or no more */
    _Atomic uint64_t patience_ms;            /* inside a bounded call: how long it may take; else 0 */
    _Atomic(const char *) doing;             /* a string constant */
    /* fixed before its thread starts */
    char name[40];
} mr_pulse;

_Static_assert(sizeof(mr_pulse) == 64, "no thread writes to another's line");

/* The thread has come round: at every turn, also while it waits in a loop of its own. */
void mr_pulse_turn(mr_pulse *pulse, uint64_t now_ms);
/* It is about to do this (a string constant: "polling", "executing"); timeout_ms: what bounds the call, 0 for one that must not take long.
 * Enter again without leaving for the next step of the same thing. */
void mr_pulse_enter(mr_pulse *pulse, const char *doing, uint64_t timeout_ms, uint64_t now_ms);
void mr_pulse_leave(mr_pulse *pulse, uint64_t now_ms);
/* The thread ends, or waits for something that nothing bounds: not watched until it turns again. */
void mr_pulse_end(mr_pulse *pulse);

typedef struct mr_watchdog mr_watchdog;

typedef struct mr_watchdog_limits {
    uint64_t stuck_ms, grace_ms, look_ms;
} mr_watchdog_limits;

#define MR_WATCHDOG_LIMITS                                                                                   \
    (&(const mr_watchdog_limits){MR_WATCHDOG_STUCK_MS, MR_WATCHDOG_GRACE_MS, MR_WATCHDOG_LOOK_MS})

mr_watchdog *mr_watchdog_new(mr_arena *arena, uint32_t pulses_max, const mr_watchdog_limits *limits);
/* A pulse with its thread's name, such as "writer of shard s0"; before the watchdog starts. */
mr_pulse *mr_watchdog_pulse(mr_watchdog *watchdog, const char *name, ...) MR_PRINTF(2, 3);

/* Starts the thread.  It takes SIGALRM for itself: the last resort when a report cannot be logged. */
mr_status mr_watchdog_start(mr_watchdog *watchdog, mr_error *error) MR_CHECKED;
void mr_watchdog_stop(mr_watchdog *watchdog); /* also when it was never started */

/* How often a thread was found stuck (millrace_watchdog_stalls_total).  Any thread. */
uint64_t mr_watchdog_stalls(const mr_watchdog *watchdog);
/* What /livez says: false when a thread is stuck; `why` names the slowest.  Any thread. */
bool mr_watchdog_turning(const mr_watchdog *watchdog, uint64_t now_ms, mr_buf *why);

/* ---- what the watchdog's thread is a loop around: pure ---- */

typedef enum mr_verdict_kind {
    MR_VERDICT_STUCK,       /* said once, when it becomes so */
    MR_VERDICT_TURNS_AGAIN, /* was reported, and has turned since */
    MR_VERDICT_GIVE_UP,     /* reported, and still stuck when the grace is over */
    MR_VERDICT_STOOD_STILL  /* the process as a whole did, for `still_ms`; has no pulse */
} mr_verdict_kind;

typedef struct mr_verdict {
    mr_verdict_kind kind;
    const mr_pulse *pulse;
    const char *doing;
    uint64_t still_ms; /* since it turned last */
} mr_verdict;

/* What is news since the last look; valid until the next. */
const mr_verdict *mr_watchdog_look(mr_watchdog *watchdog, uint64_t now_ms, uint32_t *count);

#endif
