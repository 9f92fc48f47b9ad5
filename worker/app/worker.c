#include "app/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"

#define JOIN_MS 10

typedef struct mr_thread {
    pthread_t id;
    bool running;
    mr_flow *flow;
    mr_consumer *consumer; /* one of the three */
    mr_writer *writer;
    mr_second *second;
} mr_thread;

/* ---- memory ---- */

static mr_ring **rings(mr_arena *arena, uint32_t count, uint32_t capacity)
{
    mr_ring **made = mr_arena_take(arena, "rings", count, sizeof(mr_ring *));
    for (uint32_t i = 0; i < count; i++)
        made[i] = mr_ring_new(arena, "rings", capacity);
    return made;
}

static bool init_bells(mr_bell *bells, uint32_t count)
{
    bool well = true;
    for (uint32_t i = 0; i < count; i++)
        well = mr_bell_init(&bells[i]) && well;
    return well;
}

static void ring_bells(mr_bell *bells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        mr_bell_ring(&bells[i]);
}

/* bells: NULL when the start has not come so far. */
static void close_bells(mr_bell *bells, uint32_t count)
{
    for (uint32_t i = 0; bells && i < count; i++)
        mr_bell_close(&bells[i]);
}

static void make_pulses(mr_worker *worker)
{
    mr_flow *flow = &worker->flow;
    worker->watchdog = mr_watchdog_new(worker->arena, flow->consumers + flow->shards + flow->seconds + 1,
                                       MR_WATCHDOG_LIMITS);
    worker->main_pulse = mr_watchdog_pulse(worker->watchdog, "main");
    flow->consumer_pulse =
        mr_arena_take(worker->arena, "threads", flow->consumers, sizeof *flow->consumer_pulse);
    flow->writer_pulse = mr_arena_take(worker->arena, "threads", flow->shards, sizeof *flow->writer_pulse);
    flow->second_pulse = mr_arena_take(worker->arena, "threads", flow->seconds, sizeof *flow->second_pulse);
    for (uint32_t i = 0; i < flow->consumers; i++)
        flow->consumer_pulse[i] = mr_watchdog_pulse(worker->watchdog, "consumer %u", i);
    for (uint32_t i = 0; i < flow->shards; i++)
        flow->writer_pulse[i] =
            mr_watchdog_pulse(worker->watchdog, "writer of shard %s", worker->config->shards[i].name);
    for (uint32_t i = 0; i < flow->seconds; i++)
        flow->second_pulse[i] =
            mr_watchdog_pulse(worker->watchdog, "second of shard %s", worker->config->shards[i].name);
}

static mr_status connect_flow(mr_worker *worker, mr_error *error)
{
    const mr_config *config = worker->config;
    mr_arena *arena = worker->arena;
    mr_flow *flow = &worker->flow;
    flow->config = config;
    flow->plan = &worker->plan;
    flow->consumers = config->kafka.consumer_threads;
    flow->shards = (uint32_t)config->shard_count;
    flow->seconds = config->batch.connections > 1 ? flow->shards : 0;
    flow->main_bell = &worker->main_bell;
    flow->pool = mr_pool_new(arena, flow->consumers, worker->plan.pages_each, worker->plan.page_bytes);
    flow->metrics = mr_metrics_new(config, arena, flow->consumers * MR_PARTITIONS_EACH);
    flow->dlq = mr_dlq_new(config, arena, flow->consumers * MR_DEAD_LETTERS_EACH);
    flow->reader = mr_reader_new(config, arena, flow->consumers);
    flow->budget = mr_arena_take(arena, "dead letters", config->stream_count, sizeof *flow->budget);
    mr_gates_init(&flow->gates, config, arena);
    flow->pages = rings(arena, flow->consumers * flow->shards, worker->plan.pages_each);
    flow->done = rings(arena, flow->consumers * flow->shards, worker->plan.pages_each);
    /* Three orders at most for each partition are on their way, and one for all of them. */
    flow->orders = rings(arena, flow->consumers, 4 * MR_PARTITIONS_EACH);
    flow->letters = rings(arena, flow->consumers, MR_DEAD_LETTERS_EACH);
    flow->consumer_bell = mr_arena_take(arena, "rings", flow->consumers, sizeof *flow->consumer_bell);
    flow->writer_bell = mr_arena_take(arena, "rings", flow->shards, sizeof *flow->writer_bell);
    flow->second_bell = mr_arena_take(arena, "rings", flow->seconds, sizeof *flow->second_bell);
    bool well = mr_bell_init(&worker->main_bell);
    well = init_bells(flow->consumer_bell, flow->consumers) && well;
    well = init_bells(flow->writer_bell, flow->shards) && well;
    well = init_bells(flow->second_bell, flow->seconds) && well;
    if (!well)
        return mr_fail(error, MR_UNAVAILABLE, "cannot make an eventfd, %s: raise the limit of open files",
                       strerror(errno));
    return MR_OK;
}

mr_status mr_worker_new(const mr_config *config, mr_worker **out, mr_error *error)
{
    mr_arena *arena = mr_arena_new();
    mr_worker *worker = mr_arena_take(arena, "threads", 1, sizeof *worker);
    *out = worker;
    worker->config = config;
    worker->arena = arena;
    mr_status status = mr_plan_make(config, arena, &worker->plan, error);
    if (!status)
        status = connect_flow(worker, error);
    if (status)
        return status;
    mr_flow *flow = &worker->flow;
    make_pulses(worker);
    worker->topics = mr_topics_new(config, arena);
    worker->board = mr_board_new(config, arena, flow->consumers * MR_PARTITIONS_EACH);
    worker->consumers = mr_arena_take(arena, "threads", flow->consumers, sizeof *worker->consumers);
    worker->writers = mr_arena_take(arena, "threads", flow->shards, sizeof *worker->writers);
    worker->inboxes = mr_arena_take(arena, "threads", flow->consumers, sizeof *worker->inboxes);
    worker->thread_count = flow->consumers + flow->shards + flow->seconds;
    worker->threads = mr_arena_take(arena, "threads", worker->thread_count, sizeof *worker->threads);
    for (uint32_t i = 0; i < flow->consumers && !status; i++)
        status = mr_consumer_new(flow, i, worker->topics, arena, &worker->consumers[i], error);
    if (status)
        return status;
    for (uint32_t i = 0; i < flow->shards; i++)
        worker->writers[i] = mr_writer_new(flow, i, arena, mr_clock_ms());
    worker->membership = mr_membership_new(flow, worker->consumers, worker->topics, worker->board, arena);
    mr_group_listener listener = mr_membership_listener(worker->membership);
    worker->group = mr_group_new(config, &listener, arena);
    for (uint32_t i = 0; i < flow->consumers; i++)
        worker->inboxes[i] = mr_inbox_new(worker->group, arena);
    mr_metric_set(flow->metrics, MR_M_POOL_CAPACITY, 0, 0,
                  (uint64_t)mr_pool_pages(flow->pool) * worker->plan.rows_page);
    return MR_OK;
}

static void tell_to_stop(mr_flow *flow)
{
    atomic_store(&flow->stop, true);
    ring_bells(flow->consumer_bell, flow->consumers);
    ring_bells(flow->writer_bell, flow->shards);
    ring_bells(flow->second_bell, flow->seconds);
}

/* After a start that failed half-way: nothing may be taken away from under a thread that runs. */
static void end_threads(mr_worker *worker)
{
    if (worker->watchdog)
        mr_watchdog_stop(worker->watchdog);
    for (uint32_t i = 0; worker->threads && i < worker->thread_count; i++)
        if (worker->threads[i].running) {
            tell_to_stop(&worker->flow);
            pthread_join(worker->threads[i].id, NULL);
            worker->threads[i].running = false;
        }
}

uint64_t mr_worker_libraries(const mr_worker *worker)
{
    return mr_plan_libraries(worker->config, &worker->plan, mr_kafka_library_number());
}

void mr_worker_free(mr_worker *worker)
{
    mr_flow *flow = &worker->flow;
    end_threads(worker);
    if (worker->group) {
        for (uint32_t i = 0; i < flow->consumers; i++)
            mr_inbox_close(worker->inboxes[i]);
        mr_reader_close(flow->reader);
        mr_group_free(worker->group);
        mr_dlq_free(flow->dlq);
    }
    close_bells(flow->consumer_bell, flow->consumers);
    close_bells(flow->writer_bell, flow->shards);
    close_bells(flow->second_bell, flow->seconds);
    if (flow->main_bell)
        mr_bell_close(&worker->main_bell);
    mr_topics_free(worker->topics);
    mr_arena_free(worker->arena);
}

/* ---- threads ---- */

static void *run_consumer(void *context)
{
    mr_thread *thread = context;
    while (!atomic_load_explicit(&thread->flow->stop, memory_order_relaxed))
        if (mr_consumer_do_work(thread->consumer, mr_clock_ms()) == 0)
            mr_consumer_wait(thread->consumer, mr_clock_ms());
    mr_consumer_let_go(thread->consumer);
    return NULL;
}

static void *run_writer(void *context)
{
    mr_thread *thread = context;
    while (!atomic_load_explicit(&thread->flow->stop, memory_order_relaxed))
        if (mr_writer_do_work(thread->writer, mr_clock_ms()) == 0)
            mr_writer_wait(thread->writer, mr_clock_ms());
    mr_writer_close(thread->writer);
    return NULL;
}

static void *run_second(void *context)
{
    mr_thread *thread = context;
    while (!atomic_load_explicit(&thread->flow->stop, memory_order_relaxed))
        if (mr_second_do_work(thread->second) == 0)
            mr_second_wait(thread->second);
    mr_second_close(thread->second);
    return NULL;
}

/* The i-th of all, in the order of worker->threads. */
static mr_status start_thread(mr_worker *worker, uint32_t i, mr_error *error)
{
    mr_flow *flow = &worker->flow;
    mr_thread *thread = &worker->threads[i];
    char name[16];
    void *(*body)(void *);
    *thread = (mr_thread){.flow = flow};
    if (i < flow->consumers) {
        thread->consumer = worker->consumers[i];
        body = run_consumer;
        snprintf(name, sizeof name, "consumer-%u", i % 1000u);
    } else if ((i -= flow->consumers) < flow->shards) {
        thread->writer = worker->writers[i];
        body = run_writer;
        snprintf(name, sizeof name, "writer-%u", i % 1000u);
    } else {
        thread->second = mr_writer_second(worker->writers[i - flow->shards]);
        body = run_second;
        snprintf(name, sizeof name, "second-%u", (i - flow->shards) % 1000u);
    }
    int failed = mr_thread_start(&thread->id, name, body, thread);
    if (failed)
        return mr_fail(error, MR_UNAVAILABLE, "cannot start a thread, %s: allow the process more threads",
                       strerror(failed));
    thread->running = true;
    return MR_OK;
}

mr_status mr_worker_start(mr_worker *worker, mr_main_duties duties, mr_error *error)
{
    mr_flow *flow = &worker->flow;
    mr_status status = mr_group_open(worker->group, &worker->main_bell, error);
    if (!status)
        status = mr_dlq_open(flow->dlq, &worker->main_bell, error);
    if (!status)
        status = mr_reader_open(flow->reader, flow->consumer_bell, error);
    if (status)
        return status;
    for (uint32_t i = 0; i < flow->consumers; i++) {
        mr_inbox_open(worker->inboxes[i], &flow->consumer_bell[i]);
        mr_consumer_connect(worker->consumers[i], worker->inboxes[i], mr_reader_inbox(flow->reader, i));
    }
    mr_membership_connect(worker->membership, worker->group, worker->inboxes, duties);
    for (uint32_t i = 0; i < worker->thread_count && !status; i++)
        status = start_thread(worker, i, error);
    if (!status)
        status = mr_watchdog_start(worker->watchdog, error);
    return status ? status : mr_group_join(worker->group, error);
}

/* Whether it has ended by then: a thread may be inside a call to a database, for as long as that may take.  Looked at again and again, for a join
 * with a deadline goes by the wall clock, and that may be set back by an hour meanwhile. */
static bool await_end(mr_thread *thread, const mr_main_duties *duties, uint64_t deadline_ms)
{
    static const struct timespec pause = {.tv_nsec = JOIN_MS * 1000000};
    for (;;) {
        bool late = mr_clock_ms() >= deadline_ms;
        duties->busy(duties->context);
        if (!pthread_tryjoin_np(thread->id, NULL))
            return true;
        if (late)
            return false;
        nanosleep(&pause, NULL);
    }
}

bool mr_worker_stop(mr_worker *worker, mr_main_duties duties, uint64_t deadline_ms)
{
    bool all = true;
    tell_to_stop(&worker->flow);
    for (uint32_t i = 0; i < worker->thread_count; i++) {
        if (!worker->threads[i].running)
            continue;
        worker->threads[i].running = !await_end(&worker->threads[i], &duties, deadline_ms);
        all = all && !worker->threads[i].running;
    }
    return all;
}
