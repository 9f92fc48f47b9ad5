/* A seed's configuration, the passing of time, and the worker instances. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checker.h"

#define TURN_US     20000u
#define PROVE_US    (UINT64_C(400) * 1000000) /* after everything is mended: until all is done */
#define REDEPLOY_US (UINT64_C(60) * 1000000)

struct sim_world world;

/* ---- what a seed is like ---- */

static uint32_t draw(uint64_t about, uint32_t from, uint32_t to)
{
    return from + (uint32_t)(sim_hash(20, about, 0) % (to - from + 1));
}

static uint32_t one_of(uint64_t about, const uint32_t *some, uint32_t count)
{
    return some[sim_hash(21, about, 0) % count];
}
#define ONE_OF(about, ...)                                                                                   \
    one_of(about, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void draw_habits(void)
{
    const sim_plan *plan = sim_plan_now();
    sim_habits *is = &world.is;
    is->topics = ONE_OF(1, 1, 1, 2);
    for (uint32_t i = 0; i < TOPICS_MAX; i++)
        is->partitions[i] = least(ONE_OF(2 + i, 1, 2, 3, 4, 6), plan->partitions_most);
    is->shards = ONE_OF(4, 1, 2, 2, 3, 3, 4);
    is->consumers = ONE_OF(5, 1, 1, 2);
    is->instances = least(ONE_OF(6, 1, 1, 2, 3), plan->instances_most);
    is->events = ONE_OF(7, 30, 80, 200, 200, 400) * plan->events_percent / 100;
    is->events = is->events > 0 ? is->events : 1;
    is->active_us = UINT64_C(1000000) * ONE_OF(8, 10, 20, 40, 90);
    is->session_ms = ONE_OF(9, 3000, 6000, 10000);
    is->rebalance_ms = ONE_OF(10, 5000, 20000, 60000);
    is->latency_us = ONE_OF(11, 200, 1000, 5000, 40000);
    is->fetch_us = ONE_OF(12, 500, 5000, 60000);
    is->letter_us = ONE_OF(13, 1000, 20000, 300000);
    is->tombstone_skip = draw(14, 0, 1);
    is->multi_row = draw(15, 0, 1);
}

/* ---- configuration ---- */

static void put(char **at, const char *end, const char *format, ...) MR_PRINTF(3, 4);

static void put(char **at, const char *end, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *at += vsnprintf(*at, (size_t)(end - *at), format, arguments);
    va_end(arguments);
}

static const char columns[] =
    "\"columns\":[{\"name\":\"n\",\"from\":\"n\",\"type\":\"int64\",\"required\":true},"
    "{\"name\":\"type\",\"from\":\"type\",\"type\":\"string\",\"max_bytes\":16,\"required\":true},"
    "{\"name\":\"user_id\",\"from\":\"userId\",\"type\":\"string\",\"max_bytes\":32},"
    "{\"name\":\"message_id\",\"from\":\"messageId\",\"type\":\"string\",\"max_bytes\":32,\"required\":true},"
    "{\"name\":\"kafka_offset\",\"from\":\"@offset\",\"type\":\"int64\"},"
    "{\"name\":\"pad\",\"from\":\"pad\",\"type\":\"string\",\"max_bytes\":1000}]";

static mr_config *make_config(uint32_t variant)
{
    char text[8192], *at = text;
    const char *end = text + sizeof text;
    put(&at, end,
        "{\"kafka\":{\"bootstrap_servers\":\"none:1\",\"group_id\":\"sim\"},\"slots\":64,\"streams\":[");
    for (uint32_t i = 0; i < world.is.topics; i++)
        put(&at, end,
            "%s{\"name\":\"%s\",\"topic\":\"%s\",\"table\":\"t%u\",\"key\":\"userId\",\"tombstone\":\"%s\","
            "\"id\":%s,%s}",
            i ? "," : "", topic_names[i], topic_names[i], i, world.is.tombstone_skip ? "skip" : "dlq",
            i ? "{\"columns\":[\"message_id\"]}" : "{\"column\":\"id\",\"from\":\"ksuid\"}", columns);
    put(&at, end, "],\"shards\":[");
    for (uint32_t i = 0; i < world.is.shards; i++) /* the other variant has the slots in another order */
        put(&at, end, "%s{\"name\":\"s%u\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}", i ? "," : "",
            variant ? world.is.shards - 1 - i : i);
    put(&at, end, "]}");
    static char *no_environment[] = {NULL};
    mr_findings findings = {0};
    mr_config *config;
    if (mr_config_parse("sim", text, strlen(text), no_environment, &config, &findings))
        sim_fail("simulator", "configuration: %s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static void set_numbers(mr_config *config)
{
    config->kafka.consumer_threads = world.is.consumers;
    config->kafka.commit_interval_ms = ONE_OF(30, 20, 100, 1000, 3000);
    config->kafka.rebalance_drain_s = ONE_OF(31, 0, 1, 2);
    config->kafka.out_of_range_earliest = draw(32, 0, 1);
    config->batch.max_rows = ONE_OF(33, 1, 5, 50, 5000);
    config->batch.max_bytes = ONE_OF(34, 150, 500, 2000, 8000000);
    config->batch.linger_ms = ONE_OF(35, 0, 20, 200);
    config->retry.tick_ms = ONE_OF(36, 1, 10, 100);
    config->retry.backoff_min_ms = ONE_OF(37, 1, 100, 500);
    config->retry.backoff_max_ms = ONE_OF(38, 500, 2000, 10000);
    config->retry.attempts_max = ONE_OF(39, 1, 3, 10);
    config->park.pool_share_percent = ONE_OF(40, 10, 25, 50);
    config->park.after_s = ONE_OF(41, 1, 3, 10);
    config->park.probe_min_ms = ONE_OF(42, 100, 500);
    config->park.probe_max_ms = ONE_OF(43, 1000, 5000);
    config->dlq.per_minute_max = ONE_OF(44, 0, 0, 0, 20);
    config->dlq.drift_percent = ONE_OF(45, 50, 100);
    config->shutdown.grace_s = ONE_OF(46, 10, 25);
    for (uint32_t i = 0; i < world.is.shards; i++)
        config->shards[i].connect_timeout_s = config->shards[i].read_timeout_s =
            config->shards[i].write_timeout_s = ONE_OF(47, 1, 3, 10);
    /* As little memory as is accepted: pages are what runs out. */
    mr_layout layout;
    uint32_t largest = 0, triples = world.is.consumers * world.is.topics * world.is.shards;
    for (size_t i = 0; i < config->stream_count; i++) {
        mr_stream_layout(&config->streams[i], &layout);
        largest = layout.size > largest ? layout.size : largest;
    }
    config->memory.pool_mib = (4 * triples * 64 * largest + (1 << 20) - 1) >> 20;
}

void world_begin(void)
{
    memset(&world, 0, sizeof world);
    draw_habits();
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        world.config[variant] = make_config(variant);
        set_numbers(world.config[variant]);
        world.fingerprint[variant] = mr_fingerprint(world.config[variant]);
    }
    for (uint32_t i = 0; i < world.is.topics; i++)
        world.partitions[i] = world.is.partitions[i];
    events_make();
    check_begin();
    coordinator_begin();
    letters_begin();
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        world.instances[i].number = i;
    episodes_begin();
    for (uint32_t i = 0; i < world.is.instances; i++)
        instance_start(&world.instances[i], 0);
    sim_say("seed %llu: %u events, %u topics, %u shards, %u consumer threads, %u instances",
            (unsigned long long)sim_plan_now()->seed, world.event_count, world.is.topics, world.is.shards,
            world.is.consumers, world.is.instances);
}

/* ---- instances ---- */

static void busy(void *context)
{
    mr_turn_busy(&((instance *)context)->turn);
    sim_maybe_yield();
}

static bool stopping(void *context)
{
    return ((instance *)context)->asked_to_stop;
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
    while (!one->asked_to_stop) {
        uint64_t rest_ms;
        sim_check(!mr_turn_once(&one->turn, &rest_ms, &error), "simulator", "%s", error.text);
        mr_bell_announce(&one->worker->main_bell);
        mr_bell_sleep(&one->worker->main_bell, rest_ms);
        mr_bell_stay(&one->worker->main_bell);
    }
    one->end = mr_turn_finish(&one->turn, mr_clock_ms(), false);
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
                      .config = world.config[variant],
                      .begun_us = sim_now_us()};
    world.narrow_most += NARROW_MOST;
    char name[24];
    snprintf(name, sizeof name, "w%u main", number);
    one->main = sim_spawn(one, name, main_thread, one);
    sim_say("worker %u starts%s", number, variant ? ", with another slot map" : "");
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
    for (uint32_t topic = 0; topic < world.is.topics; topic++)
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
}
