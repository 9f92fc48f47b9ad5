/* Fibers and their scheduler. */
#include "sim_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "checker.h"
#include "world.h"

#define STEPS_MOST 4000000u

struct sim_machine sim;

/* ---- stacks, kept from seed to seed ---- */

static void *stacks[SIM_FIBERS_MAX];
static uint32_t stacks_free;

static void *take_stack(void)
{
    if (stacks_free > 0)
        return stacks[--stacks_free];
    void *made = mmap(NULL, SIM_STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        abort();
    return made;
}

static void give_stack(void *stack)
{
    stacks[stacks_free++] = stack;
}

/* ---- fibers ---- */

static void enter(void)
{
    sim_fiber *self = sim.running;
    self->body(self->argument);
    self->state = FIBER_ENDED;
    swapcontext(&self->context, &sim.host);
    abort(); /* nobody goes on with one that has ended */
}

sim_fiber *sim_spawn(struct instance *owner, const char *name, void *(*body)(void *), void *argument)
{
    uint32_t at = 0;
    while (at < SIM_FIBERS_MAX && sim.fibers[at].state != FIBER_FREE)
        at++;
    if (at == SIM_FIBERS_MAX)
        sim_fail("simulator", "too many fibers");
    sim_fiber *made = &sim.fibers[at];
    *made = (sim_fiber){.state = FIBER_READY, .owner = owner, .body = body, .argument = argument};
    made->stack = take_stack();
    sim_rename(made, name);
    getcontext(&made->context);
    made->context.uc_stack.ss_sp = made->stack;
    made->context.uc_stack.ss_size = SIM_STACK_BYTES;
    made->context.uc_link = NULL;
    makecontext(&made->context, enter, 0);
    return made;
}

bool sim_ended(const sim_fiber *fiber)
{
    return fiber->state == FIBER_ENDED || fiber->state == FIBER_FREE;
}

uint32_t sim_number(const sim_fiber *fiber)
{
    return (uint32_t)(fiber - sim.fibers);
}

sim_fiber *sim_fiber_at(uint32_t number)
{
    return &sim.fibers[number];
}

void sim_rename(sim_fiber *fiber, const char *name)
{
    snprintf(fiber->name, sizeof fiber->name, "%s", name);
    fiber->is_slow = strstr(name, "consumer") != NULL;
}

struct instance *sim_owner(void)
{
    return sim.running ? sim.running->owner : NULL;
}

sim_fiber *sim_running(void)
{
    return sim.running;
}

const char *sim_fiber_name(const sim_fiber *fiber)
{
    return fiber->name;
}

void sim_kill_all_of(struct instance *owner)
{
    for (sim_fiber *at = sim.fibers; at < sim.fibers + SIM_FIBERS_MAX; at++)
        if (at->state != FIBER_FREE && at->owner == owner) {
            at->state = FIBER_FREE;
            give_stack(at->stack);
        }
}

void sim_freeze_all_of(struct instance *owner, uint64_t until_us)
{
    for (sim_fiber *at = sim.fibers; at < sim.fibers + SIM_FIBERS_MAX; at++)
        if (at->state != FIBER_FREE && at->owner == owner)
            at->not_before_us = until_us;
}

void sim_delay(sim_fiber *fiber, uint64_t us)
{
    fiber->not_before_us = sim.now_us + us;
}

static void leave(void)
{
    swapcontext(&sim.running->context, &sim.host);
}

void sim_yield(void)
{
    if (!sim.running)
        return;
    sim.running->state = FIBER_READY;
    leave();
}

void sim_maybe_yield(void)
{
    if (sim.running && sim_random(1000) < sim.yield_permille)
        sim_yield();
}

void sim_sleep_us(uint64_t us)
{
    if (!sim.running)
        return;
    sim.running->state = FIBER_SLEEPS;
    sim.running->wake_us = sim.now_us + us;
    sim.running->bell = NULL;
    leave();
}

void sim_sleep_ms(uint64_t ms)
{
    sim_sleep_us(ms * 1000);
}

/* ---- bells: the fake of base/bell.h; fd counts what was written to it ---- */

bool mr_bell_init(mr_bell *bell)
{
    atomic_init(&bell->asleep, false);
    bell->fd = 0;
    return true;
}

void mr_bell_close(mr_bell *bell)
{
    bell->fd = -1;
}

void mr_bell_ring(mr_bell *bell)
{
    sim_maybe_yield();
    if (atomic_exchange(&bell->asleep, false))
        bell->fd++;
}

void sim_bell_io(mr_bell *bell)
{
    bell->fd++;
}

void mr_bell_announce(mr_bell *bell)
{
    sim_maybe_yield();
    atomic_store(&bell->asleep, true);
    sim_maybe_yield();
}

void mr_bell_stay(mr_bell *bell)
{
    atomic_store(&bell->asleep, false);
}

void mr_bell_sleep(mr_bell *bell, uint64_t timeout_ms)
{
    sim_maybe_yield();
    if (bell->fd == 0 && sim.running) {
        sim.running->state = FIBER_SLEEPS;
        sim.running->wake_us = sim.now_us + (timeout_ms > 3600000 ? 3600000 : timeout_ms) * 1000;
        sim.running->bell = bell;
        leave();
    }
    bell->fd = 0;
    atomic_store(&bell->asleep, false);
}

bool sim_at_bell(const sim_fiber *fiber, uint64_t *until_us)
{
    *until_us = fiber->wake_us;
    return fiber->state == FIBER_SLEEPS && fiber->bell && fiber->bell->fd == 0 &&
           fiber->not_before_us <= sim.now_us;
}

/* ---- the scheduler ---- */

/* When the fiber can run: now or later; UINT64_MAX: it has ended. */
static uint64_t ready_at(const sim_fiber *fiber)
{
    uint64_t at = UINT64_MAX;
    if (fiber->state == FIBER_READY)
        at = 0;
    else if (fiber->state == FIBER_SLEEPS)
        at = fiber->bell && fiber->bell->fd > 0 ? 0 : fiber->wake_us;
    return at > fiber->not_before_us ? at : fiber->not_before_us;
}

/* One that can run; NULL: nobody, *next_us is when somebody can. */
static sim_fiber *pick(uint64_t *next_us)
{
    sim_fiber *ready[SIM_FIBERS_MAX];
    uint32_t count = 0;
    *next_us = UINT64_MAX;
    for (sim_fiber *at = sim.fibers; at < sim.fibers + SIM_FIBERS_MAX; at++) {
        if (at->state == FIBER_FREE || at->state == FIBER_ENDED)
            continue;
        uint64_t when = ready_at(at);
        if (when <= sim.now_us)
            ready[count++] = at;
        else if (when < *next_us)
            *next_us = when;
    }
    return count > 0 ? ready[sim_random(count)] : NULL;
}

static void step(sim_fiber *next)
{
    if (sim_fault_now(F_STARVE)) { /* the system gives its CPU to others */
        next->not_before_us = sim.now_us + 1000 * (1 + sim_random(sim_random(4) ? 200 : 3000));
        return;
    }
    if (next->is_slow &&
        sim_fault_now(F_SLOW_CONSUMER)) { /* what the others do meanwhile it sees all at once */
        next->not_before_us = sim.now_us + 1000 * (1 + sim_random(500));
        return;
    }
    next->state = FIBER_RUNS;
    sim.running = next;
    sim_note(sim.now_us, sim_number(next), 1);
    swapcontext(&sim.host, &next->context);
    sim.running = NULL;
    sim.now_us += sim_random(sim.step_us);
    if (sim.result->failed)
        longjmp(sim.out, 1);
    check_step(next->owner);
}

void sim_run(void (*begin)(void))
{
    if (setjmp(sim.out))
        return;
    begin();
    while (!sim.stopped) {
        uint64_t next_us, world_us = world_turn();
        if (sim.stopped)
            break;
        sim_fiber *next = pick(&next_us);
        if (next) {
            step(next);
            if (++sim.result->steps > STEPS_MOST)
                sim_fail("simulator", "it goes on and on: %u steps", STEPS_MOST);
            continue;
        }
        next_us = next_us < world_us ? next_us : world_us;
        sim.now_us = next_us > sim.now_us ? next_us : sim.now_us + 1;
    }
}

void sim_stop(void)
{
    sim.stopped = true;
}

void sim_fail(const char *invariant, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    sim_failed(invariant, format, arguments);
    va_end(arguments);
    if (!sim.running)
        longjmp(sim.out, 1);
    for (;;)
        leave();
}
