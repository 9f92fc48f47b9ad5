/* sim.h: the simulator's machine: fibers, time, chance, and the history of a run.
 *
 * Everything of a simulation happens on one OS thread.  Each thread of the product is a fiber (a stack of its own); a fiber runs until it sleeps or
 * yields, then the scheduler picks the next one by the seed.  When nobody can run, time jumps to the next moment at which somebody can.  So a seed is a
 * whole run: no address, no real time and no other process enters a decision.
 *
 *     host      the scheduler, the world (faults, brokers, coordinator: world.h) and the checker; never sleeps
 *     fibers    main, consumers, writers of each worker instance: the product's own code; the fakes of its edges sleep and yield
 *
 * Time is in microseconds since the seed began; a step of a fiber costs a few of them.
 * Memory: sim_take is freed as a whole when the seed ends.  Errors: sim_fail ends the seed; it never returns.
 */
#ifndef MR_SIM_H
#define MR_SIM_H

#include "base/bell.h"
#include "base/status.h"
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sim_fiber sim_fiber;
struct instance;

/* What can go wrong in a decision of its own; world.h has the timed ones.  X(symbol, name, per 10,000 opportunities when it is on) */
#define SIM_FAULTS(X)                                                                                        \
    X(F_DB_TRANSIENT, "db-transient", 300)                                                                   \
    X(F_DB_CUT, "db-cut", 150)                                                                               \
    X(F_DB_COMMIT, "db-commit", 400)                                                                         \
    X(F_DB_CONNECT, "db-connect", 1500)                                                                      \
    X(F_DB_OTHER, "db-other", 100)                                                                           \
    X(F_DB_SLOW, "db-slow", 300)                                                                             \
    X(F_COMMIT_ERROR, "commit-error", 1500)                                                                  \
    X(F_COMMIT_LATE, "commit-late", 1000)                                                                    \
    X(F_COMMIT_ZOMBIE, "commit-zombie", 500)                                                                 \
    X(F_ASK, "ask", 1500)                                                                                    \
    X(F_FETCH, "fetch", 100)                                                                                 \
    X(F_DLQ_FULL, "dlq-full", 1500)                                                                          \
    X(F_DLQ_LATE, "dlq-late", 2500)                                                                          \
    X(F_LOG_CUT, "log-cut", 400)                                                                             \
    X(F_STARVE, "starve", 20)                                                                                \
    X(F_SLOW_CONSUMER, "slow-consumer", 300)                                                                 \
    X(F_UNSEEN, "unseen", 3000)                                                                              \
    X(F_EPISODE, "episode", 10000)

typedef enum sim_fault {
#define X(symbol, name, rate) symbol,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_COUNT
} sim_fault;

/* What a seed is run with: the seed, and what the shrinker has taken away. */
#define SIM_CUTS_MAX 4096
typedef struct sim_plan {
    uint64_t seed;
    bool verbose;             /* keeps the history's text */
    uint32_t events_percent;  /* of the events that the seed would have */
    uint32_t instances_most;  /* worker instances at once */
    uint32_t partitions_most; /* of a topic */
    bool off[SIM_FAULT_COUNT];
    uint32_t cuts[SIM_CUTS_MAX]; /* decisions that are not taken: fault << 24 | number */
    uint32_t cut_count;
} sim_plan;

typedef struct sim_result {
    bool failed;
    char invariant[64];
    char text[600];
    uint64_t hash; /* of the history */
    uint64_t steps, end_us;
    uint32_t taken[SIM_CUTS_MAX]; /* decisions for a fault, in order */
    uint32_t taken_count;
} sim_result;

/* ---- one seed ---- */

void sim_begin(const sim_plan *plan, sim_result *result);
void sim_run(void (*begin)(void)); /* until sim_stop or a failure */
void sim_stop(void);
void sim_end(void); /* frees everything */
const sim_plan *sim_plan_now(void);
void *sim_take(size_t bytes); /* zeroed */

_Noreturn void sim_fail(const char *invariant, const char *format, ...) MR_PRINTF(2, 3);
#define sim_check(condition, invariant, ...) ((condition) ? (void)0 : sim_fail(invariant, __VA_ARGS__))

/* ---- chance ---- */

uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c); /* of the seed and these: the same in every run */
/* The scheduler's and the fakes' own stream; [0, below). */
uint64_t sim_random(uint64_t below);
/* Takes the next decision about a fault; never after the faults are over (sim_heal). */
bool sim_fault_now(sim_fault fault);
void sim_heal(void);
bool sim_healed(void);
bool sim_is_on(sim_fault fault); /* this seed has it */
const char *sim_fault_name(sim_fault fault);

/* ---- time ---- */

uint64_t sim_now_us(void);
static inline uint64_t sim_now_ms(void)
{
    return sim_now_us() / 1000;
}
int64_t sim_wall_ms(void);
void sim_wall_jump(int64_t ms);

/* ---- fibers ---- */

sim_fiber *sim_spawn(struct instance *owner, const char *name, void *(*body)(void *), void *argument);
bool sim_ended(const sim_fiber *fiber);
uint32_t sim_number(const sim_fiber *fiber);
sim_fiber *sim_fiber_at(uint32_t number);
void sim_rename(sim_fiber *fiber, const char *name);
struct instance *sim_owner(void); /* of the running fiber; NULL: the host */
sim_fiber *sim_running(void);
const char *sim_fiber_name(const sim_fiber *fiber);
void sim_delay(sim_fiber *fiber, uint64_t us); /* it does not run for so long */
void sim_kill_all_of(struct instance *owner);  /* from the host */
void sim_freeze_all_of(struct instance *owner, uint64_t until_us);
/* In a fiber; in the host nothing happens. */
void sim_yield(void);
void sim_maybe_yield(void); /* as often as the seed likes to */
void sim_sleep_us(uint64_t us);
void sim_sleep_ms(uint64_t ms);
/* Whether the fiber sleeps at a bell, and until when. */
bool sim_at_bell(const sim_fiber *fiber, uint64_t *until_us);
/* What librdkafka does with a bell's file descriptor: wakes the sleeper whether or not it has announced itself. */
void sim_bell_io(mr_bell *bell);

/* ---- history ---- */

/* Goes into the hash of the run, and into its text when that is kept. */
void sim_note(uint64_t a, uint64_t b, uint64_t c);
void sim_say(const char *format, ...) MR_PRINTF(1, 2);
bool sim_verbose(void);
void sim_print_history(void); /* to stdout: the last lines */

#endif
