/* The passing of time, and the worker instances. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checker.h"

#define TURN_US     20000u
#define PROVE_US    (UINT64_C(400) * 1000000) /* after everything is mended: until all is done */
#define REDEPLOY_US (UINT64_C(60) * 1000000)

struct sim_world world;

void world_begin(void)
{
    memset(&world, 0, sizeof world);
    configure_habits();
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        world.config[variant] = configure(variant, SHARDS_MAX);
        world.fingerprint[variant] = mr_fingerprint(world.config[variant]);
    }
    for (uint32_t shard = 0; shard < world.is.shards; shard++)
        world.holding[shard] = configure(0, shard);
    world.held_shard = SHARDS_MAX;
    memcpy(world.partitions, world.is.partitions, sizeof world.partitions);
    events_make();
    check_begin();
    coordinator_begin();
    letters_begin();
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        world.instances[i].number = i;
    episodes_begin();
    for (uint32_t i = 0; i < world.is.instances; i++)
        instance_start(&world.instances[i], 0);
    sim_say("seed %llu: %u events, %u streams, %u shards, %u consumer threads, %u instances%s%s",
            (unsigned long long)sim_plan_now()->seed, world.event_count, world.is.streams, world.is.shards,
            world.is.consumers, world.is.instances, world.is.cooperative ? ", cooperative" : "",
            world.is.static_members ? ", static" : "");
}

/* ---- instances ---- */

/* The grace period begins when the signal is seen: not within a question to brokers. */
static bool stopping(void *context)
{
    instance *one = context;
    if (one->asked_to_stop && one->noticed_us == 0)
        one->noticed_us = sim_now_us();
    return one->asked_to_stop;
}

static void busy(void *context)
{
    stopping(context);
    mr_turn_busy(&((instance *)context)->turn);
    sim_maybe_yield();
}

/* What run.c does, without signals, HTTP and a log's thread. */
static void *main_thread(void *context)
{
    instance *one = context;
    mr_error error = {.text = ""};
    if (mr_worker_new(one->config, &one->worker, &error))
        sim_fail("simulator", "the worker does not start: %s", error.text);
    mr_arena_freeze(one->worker->arena);
    one->turn =
        (mr_turn){.worker = one->worker, .duties = {.context = one, .busy = busy, .stopping = stopping}};
    if (mr_worker_start(one->worker, one->turn.duties, &error))
        sim_fail("simulator", "the worker does not start: %s", error.text);
    while (!stopping(one)) {
        uint64_t rest_ms;
        sim_check(!mr_turn_once(&one->turn, &rest_ms, &error), "simulator", "%s", error.text);
        mr_bell_announce(&one->worker->main_bell);
        mr_bell_sleep(&one->worker->main_bell, rest_ms);
        mr_bell_stay(&one->worker->main_bell);
    }
    one->end = mr_turn_finish(&one->turn, one->noticed_us / 1000, false);
    one->state = INSTANCE_ENDED;
    return NULL;
}

void instance_start(instance *one, uint32_t variant)
{
    if (one->state != INSTANCE_OFF)
        return;
    uint32_t number = one->number, life = one->life + 1;
    *one = (instance){.number = number,
                      .life = life,
                      .state = INSTANCE_RUNS,
                      .variant = variant,
                      .config = variant == 0 && world.held_shard < world.is.shards
                                    ? world.holding[world.held_shard]
                                    : world.config[variant],
                      .begun_us = sim_now_us()};
    char name[24];
    snprintf(name, sizeof name, "w%u main", number);
    one->main = sim_spawn(one, name, main_thread, one);
    sim_say("worker %u starts%s", number,
            variant                                ? ", with another slot map"
            : one->config != world.config[variant] ? ", with a shard on hold"
                                                   : "");
}

void instance_stop(instance *one)
{
    if (one->state != INSTANCE_RUNS || one->asked_to_stop)
        return;
    one->asked_to_stop = true;
    one->asked_us = sim_now_us();
    if (one->worker)
        sim_bell_io(&one->worker->main_bell);
    sim_say("worker %u is asked to stop", one->number);
}

static void free_memory(instance *one)
{
    if (one->worker) {
        mr_topics_free(one->worker->topics);
        mr_arena_free(one->worker->arena);
    }
    one->worker = NULL;
    one->state = INSTANCE_OFF;
}

/* Its memory goes, whatever its threads were doing. */
static void drop(instance *one)
{
    sim_kill_all_of(one);
    letters_gone(one);
    group_gone(one);
    check_gone(one);
    free_memory(one);
}

void instance_kill(instance *one)
{
    if (one->state != INSTANCE_RUNS)
        return;
    sim_say("worker %u is killed", one->number);
    sim_note(one->number, 0, 2);
    world.disturbed = true;
    world.calm_since_us = sim_now_us();
    sim_counts[C_KILLS]++;
    drop(one);
}

void instance_freeze(instance *one, uint64_t us)
{
    if (one->state != INSTANCE_RUNS)
        return;
    one->frozen_until_us = sim_now_us() + us;
    world.disturbed = true;
    world.calm_since_us = one->frozen_until_us;
    sim_counts[C_FREEZES]++;
    sim_freeze_all_of(one, one->frozen_until_us);
    sim_say("worker %u is frozen for %.1f s", one->number, (double)us / 1e6);
}

bool world_reaches(const instance *one)
{
    uint64_t now = sim_now_us();
    return now >= world.brokers_back_us && now >= one->cut_until_us && now >= one->frozen_until_us;
}

static void tend_instance(instance *one)
{
    if (one->state != INSTANCE_ENDED)
        return;
    check_stopped(one);
    sim_counts[C_STOPS]++;
    world.disturbed = true; /* what comes after may repeat a dead letter */
    world.calm_since_us = sim_now_us();
    sim_say("worker %u has stopped: %s, %s", one->number, one->end.quiet ? "quiet" : "not quiet",
            one->end.left ? "left" : "not left");
    if (one->end.stopped) {
        mr_worker *worker = one->worker;
        sim_kill_all_of(one);
        letters_gone(one);
        group_gone(one);
        check_gone(one);
        mr_worker_free(worker);
        one->worker = NULL;
        one->state = INSTANCE_OFF;
    } else {
        drop(one);
    }
}

/* ---- the end of a seed ---- */

typedef enum ending { ENDING_NOT_YET, ENDING_PROVES, ENDING_STOPS } ending;

static struct {
    ending now;
    uint64_t since_us, variant_us;
    uint32_t variant;
    uint64_t look_us;
} last;

static bool anybody_runs(void)
{
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        if (world.instances[i].state != INSTANCE_OFF)
            return true;
    return false;
}

static void start_all(uint32_t variant)
{
    for (uint32_t i = 0; i < world.is.instances; i++)
        instance_start(&world.instances[i], variant);
}

static void stop_all(void)
{
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        instance_stop(&world.instances[i]);
}

/* Everything is mended; then all must become quiet by itself.  Where a wrong deployment has left partitions that only its rules may go on with, the
 * operator switches between the two, each time with an orderly stop. */
static void prove(uint64_t now)
{
    if (now < last.look_us)
        return;
    last.look_us = now + 500000;
    if (check_all_done()) {
        check_end();
        last.now = ENDING_STOPS;
        stop_all();
        return;
    }
    if (!anybody_runs()) {
        start_all(last.variant);
        last.variant_us = now;
    } else if (sim_counts[C_DEPLOYED] > 0 && now > last.variant_us + REDEPLOY_US &&
               world.instances[0].state == INSTANCE_RUNS && !world.instances[0].asked_to_stop) {
        last.variant = !last.variant;
        stop_all();
    }
    if (now > last.since_us + PROVE_US)
        check_end(); /* says what is missing */
}

static void tend_end(uint64_t now)
{
    switch (last.now) {
    case ENDING_NOT_YET:
        if (now < world.is.active_us)
            return;
        sim_say("everything is mended");
        sim_heal();
        episodes_end();
        last.now = ENDING_PROVES;
        last.since_us = last.variant_us = now;
        last.variant = 0;
        return;
    case ENDING_PROVES:
        prove(now);
        return;
    case ENDING_STOPS:
        if (!anybody_runs())
            sim_stop();
    }
}

uint64_t world_turn(void)
{
    uint64_t now = sim_now_us();
    if (now == 1000000)
        memset(&last, 0, sizeof last);
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        tend_instance(&world.instances[i]);
    if (now < world.next_us)
        return world.next_us;
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            sim_log *log = &world.logs[topic][p];
            while (log->high < log->end && log->seen_us[log->high] <= now)
                log->high++;
        }
    episodes_turn();
    group_turn();
    commits_turn();
    letters_turn();
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        if (world.instances[i].state == INSTANCE_RUNS)
            inbox_turn(&world.instances[i]);
    check_pace();
    tend_end(now);
    world.next_us = now + TURN_US;
    return world.next_us;
}

/* Nothing is checked any more: the seed is over, perhaps by a violation. */
void world_end(void)
{
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        sim_kill_all_of(&world.instances[i]);
        free_memory(&world.instances[i]);
    }
    for (uint32_t variant = 0; variant < VARIANTS; variant++)
        mr_config_free(world.config[variant]);
    for (uint32_t shard = 0; shard < world.is.shards; shard++)
        mr_config_free(world.holding[shard]);
}
