/* Threads, log, assertions and clocks of a simulated worker; and hooks where the product hands pages over.
 *
 * The hooks are linked in with ld's --wrap: the product's own functions do the work, the simulator looks on, and lets another thread run in between. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "checker.h"
#include "data/ring.h"
#include "data/wheel.h"
#include "threads/slot.h"
#include "threads/watchdog.h"
#include "world.h"

/* ---- base/clock.h, base/must.h, base/log.h ---- */

uint64_t mr_clock_ns(void)
{
    return sim_now_us() * 1000;
}

uint64_t mr_clock_ms(void)
{
    return sim_now_ms();
}

int64_t mr_clock_wall_ms(void)
{
    return sim_wall_ms();
}

void mr_must_failed(const char *condition, const char *file, int line)
{
    const char *name = strrchr(file, '/');
    sim_fail("must", "%s (%s:%d)", condition, name ? name + 1 : file, line);
}

mr_status mr_log_start(bool json, mr_log_level least, mr_error *error)
{
    (void)json, (void)least, (void)error;
    return MR_OK;
}

void mr_log_stop(void) {}

uint64_t mr_log_dropped(void)
{
    return 0;
}

void mr_log(mr_log_level level, const char *event, const mr_log_fields *fields, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mr_log_fields none = {0};
    fields = fields ? fields : &none;
    if (sim_verbose() && fields->has_position)
        sim_say("says %s: %s/%d@%lld %s: %s", event, fields->topic ? fields->topic : "", fields->partition,
                (long long)fields->offset, fields->shard ? fields->shard : "", text);
    else
        sim_say("says %s: %s %s", event, fields->shard ? fields->shard : "", text);
    check_said(level, event, fields, text);
}

/* ---- threads ---- */

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *argument);
int __wrap_pthread_tryjoin_np(pthread_t id, void **result);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *left);
int __wrap_pthread_setname_np(pthread_t id, const char *name);
mr_status __wrap_mr_watchdog_start(mr_watchdog *watchdog, mr_error *error);

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *argument)
{
    (void)attributes;
    instance *one = sim_owner();
    sim_fiber *made = sim_spawn(one, "thread", body, argument);
    one->threads[one->thread_count++] = made;
    *id = (pthread_t)sim_number(made);
    return 0;
}

int __wrap_pthread_tryjoin_np(pthread_t id, void **result)
{
    (void)result;
    return sim_ended(sim_fiber_at((uint32_t)id)) ? 0 : EBUSY;
}

int __wrap_nanosleep(const struct timespec *pause, struct timespec *left)
{
    (void)left;
    sim_sleep_us((uint64_t)pause->tv_sec * 1000000 + (uint64_t)pause->tv_nsec / 1000);
    return 0;
}

int __wrap_pthread_setname_np(pthread_t id, const char *name)
{
    char full[24];
    snprintf(full, sizeof full, "w%u %s", sim_owner()->number, name);
    sim_rename(sim_fiber_at((uint32_t)id), full);
    return 0;
}

/* Its thread would look once a second; the checker does. */
mr_status __wrap_mr_watchdog_start(mr_watchdog *watchdog, mr_error *error)
{
    (void)watchdog, (void)error;
    return MR_OK;
}

/* ---- hand-over ---- */

void __real_mr_ring_push(mr_ring *ring, uint32_t handle);
void __wrap_mr_ring_push(mr_ring *ring, uint32_t handle);
bool __real_mr_ring_pop(mr_ring *ring, uint32_t *handle);
bool __wrap_mr_ring_pop(mr_ring *ring, uint32_t *handle);
mr_slot_snapshot __real_mr_slot_read(const mr_slot *slot, mr_slot_range *ranges);
mr_slot_snapshot __wrap_mr_slot_read(const mr_slot *slot, mr_slot_range *ranges);

static bool is_done_ring(const instance *one, const mr_ring *ring)
{
    const mr_flow *flow = &one->worker->flow;
    for (uint32_t i = 0; i < flow->consumers * flow->shards; i++)
        if (flow->done[i] == ring)
            return true;
    return false;
}

void __wrap_mr_ring_push(mr_ring *ring, uint32_t handle)
{
    instance *one = sim_owner();
    if (one && is_done_ring(one, ring))
        check_returned(one, handle);
    __real_mr_ring_push(ring, handle);
    sim_maybe_yield();
}

bool __wrap_mr_ring_pop(mr_ring *ring, uint32_t *handle)
{
    sim_maybe_yield();
    return __real_mr_ring_pop(ring, handle);
}

mr_slot_snapshot __wrap_mr_slot_read(const mr_slot *slot, mr_slot_range *ranges)
{
    mr_slot_snapshot read = __real_mr_slot_read(slot, ranges);
    sim_maybe_yield();
    return read;
}

/* ---- gates ---- */

bool __real_mr_gate_turn(mr_gates *gates, uint32_t shard, mr_gate_state from, mr_gate_state to);
bool __wrap_mr_gate_turn(mr_gates *gates, uint32_t shard, mr_gate_state from, mr_gate_state to);

/* Consumers do not come to see it for a while: it may be open again by then. */
static void look_away(const instance *one)
{
    for (uint32_t i = 0; i < one->worker->flow.consumers; i++)
        if (one->threads[i] != sim_running())
            sim_delay(one->threads[i], 1000 * (1 + sim_random(2000)));
}

bool __wrap_mr_gate_turn(mr_gates *gates, uint32_t shard, mr_gate_state from, mr_gate_state to)
{
    bool turned = __real_mr_gate_turn(gates, shard, from, to);
    if (turned)
        check_turned(sim_owner(), shard, from, to);
    if (turned && to == MR_GATE_PARKED && sim_fault_now(F_UNSEEN))
        look_away(sim_owner());
    return turned;
}

/* ---- the wheel ---- */

void __real_mr_wheel_schedule(mr_wheel *wheel, uint32_t handle, uint64_t due_ms);
void __wrap_mr_wheel_schedule(mr_wheel *wheel, uint32_t handle, uint64_t due_ms);
uint32_t __real_mr_wheel_expire(mr_wheel *wheel, uint64_t now_ms, uint32_t *handles, uint32_t max);
uint32_t __wrap_mr_wheel_expire(mr_wheel *wheel, uint64_t now_ms, uint32_t *handles, uint32_t max);
bool __real_mr_wheel_take(mr_wheel *wheel, uint32_t *handle);
bool __wrap_mr_wheel_take(mr_wheel *wheel, uint32_t *handle);

/* Of the writer that runs. */
static uint32_t own_shard(const instance *one)
{
    uint32_t at = one->worker->flow.consumers;
    while (at < one->thread_count && one->threads[at] != sim_running())
        at++;
    return at - one->worker->flow.consumers;
}

void __wrap_mr_wheel_schedule(mr_wheel *wheel, uint32_t handle, uint64_t due_ms)
{
    instance *one = sim_owner();
    check_scheduled(one, own_shard(one), handle, due_ms, mr_wheel_latest_ms(wheel));
    __real_mr_wheel_schedule(wheel, handle, due_ms);
}

uint32_t __wrap_mr_wheel_expire(mr_wheel *wheel, uint64_t now_ms, uint32_t *handles, uint32_t max)
{
    instance *one = sim_owner();
    uint32_t given = __real_mr_wheel_expire(wheel, now_ms, handles, max);
    for (uint32_t i = 0; i < given; i++)
        check_given(one, own_shard(one), handles[i], now_ms);
    if (given < max)
        check_none_due(one, own_shard(one), now_ms);
    return given;
}

bool __wrap_mr_wheel_take(mr_wheel *wheel, uint32_t *handle)
{
    bool taken = __real_mr_wheel_take(wheel, handle);
    if (taken)
        check_forgot(sim_owner(), own_shard(sim_owner()), *handle);
    return taken;
}
