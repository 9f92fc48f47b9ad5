/* sim_private.h: the inside of the machine, shared by sim*.c only. */
#ifndef MR_SIM_PRIVATE_H
#define MR_SIM_PRIVATE_H

#include <stdarg.h>
#include <ucontext.h>

#include "sim.h"

#define SIM_FIBERS_MAX  48
#define SIM_STACK_BYTES (256u * 1024)

typedef enum fiber_state { FIBER_FREE, FIBER_READY, FIBER_RUNS, FIBER_SLEEPS, FIBER_ENDED } fiber_state;

struct sim_fiber {
    fiber_state state;
    uint64_t wake_us;       /* SLEEPS */
    uint64_t not_before_us; /* frozen or starved until then */
    bool is_slow;           /* F_SLOW_CONSUMER is about it */
    mr_bell *bell;          /* SLEEPS at it */
    struct instance *owner;
    void *(*body)(void *);
    void *argument;
    void *stack;
    ucontext_t context;
    char name[24];
};

struct sim_machine {
    const sim_plan *plan;
    sim_result *result;
    sim_fiber fibers[SIM_FIBERS_MAX];
    sim_fiber *running;
    ucontext_t host;
    jmp_buf out;
    bool stopped, healed;
    uint64_t now_us;
    int64_t wall_off_ms;
    uint64_t random;                  /* state */
    uint32_t number[SIM_FAULT_COUNT]; /* decisions so far */
    uint32_t rate[SIM_FAULT_COUNT];   /* per 10,000; 0: this seed has none of it */
    uint32_t yield_permille, step_us; /* the seed's habits */
};
extern struct sim_machine sim;

/* Notes the first failure. */
void sim_failed(const char *invariant, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#endif
