#include "app/run.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/worker.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "edges/http.h"
#include "edges/sql.h"
#include "stages/board.h"
#include "stages/ledger.h"
#include "stages/snapshot.h"

#define LOOK_MS   1000  /* gauges */
#define TOPICS_MS 10000 /* partition counts, and whether brokers answer */
#define STOP_MS   2000  /* for threads to end */
#define LEAVE_MS  4000  /* of the grace period: to commit and leave the group */
#define FREE_S    3     /* for what is left to free */

typedef struct run {
    const mr_config *config;
    const char *config_file;
    time_t config_changed;
    mr_worker *worker;
    mr_http *http;
    int signals;
    mr_ledger_watch ledger;
    int asked_by; /* the signal that asked to stop; 0: none */
    /* for the probes, which run on HTTP's thread */
    _Atomic bool joined, draining, reachable;
} run;

/* ---- probes ---- */

static bool threads_turn(const void *context, mr_buf *why)
{
    return mr_watchdog_turning(((const run *)context)->worker->watchdog, mr_clock_ms(), why);
}

static bool is_joined(const void *context, mr_buf *why)
{
    bool well = atomic_load(&((const run *)context)->joined);
    mr_buf_text(why, well ? "member of the group" : "has not joined the group yet");
    return well;
}

static bool is_not_draining(const void *context, mr_buf *why)
{
    bool well = !atomic_load(&((const run *)context)->draining);
    mr_buf_text(why, well ? "running" : "draining");
    return well;
}

static bool hears_brokers(const void *context, mr_buf *why)
{
    bool well = atomic_load(&((const run *)context)->reachable);
    mr_buf_text(why, well ? "brokers answer" : "no broker has answered lately");
    return well;
}

static bool is_started(const void *context, mr_buf *why)
{
    (void)context;
    mr_buf_text(why, "the configuration is accepted and threads run");
    return true;
}

/* ---- signals ---- */

static int block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static time_t changed_at(const char *file)
{
    struct stat about;
    return file && !stat(file, &about) ? about.st_mtime : 0;
}

/* A rotated secret is taken up without a restart: librdkafka logs in again by itself with what it was given last. */
static bool reload_secrets(run *r)
{
    bool group = mr_group_reload_secrets(r->worker->group),
         letters = mr_dlq_reload_secrets(r->worker->flow.dlq),
         reader = mr_reader_reload_secrets(r->worker->flow.reader);
    if (!group && !letters && !reader)
        return false;
    mr_metric_add(r->worker->flow.metrics, MR_M_CREDENTIALS_RELOADED, 0, 0, 1);
    mr_log(MR_LOG_INFO, "secrets_read", NULL, "Kafka's secrets have changed and were read again");
    return true;
}

static void reload(run *r)
{
    if (!reload_secrets(r))
        mr_log(MR_LOG_INFO, "secrets_read", NULL,
               "Kafka's secrets were read again and are the same; shards read theirs at every connect");
    if (changed_at(r->config_file) != r->config_changed)
        mr_log(MR_LOG_WARN, "configuration_changed", NULL, "%s has changed: restart to apply it",
               r->config_file);
}

/* Reads what signals have come; a second request to stop ends the program at once. */
static void take_signals(run *r)
{
    struct signalfd_siginfo info;
    while (read(r->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(r);
            continue;
        }
        if (r->asked_by)
            _exit(128 + (int)info.ssi_signo);
        r->asked_by = (int)info.ssi_signo;
        atomic_store(&r->draining, true);
        mr_log(MR_LOG_INFO, "stopping", NULL, "asked to stop by %s: draining",
               info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    }
}

/* ---- main's duties ---- */

static void letter_done(void *context, uint32_t consumer, uint32_t number)
{
    mr_flow *flow = context;
    mr_ring_push(flow->letters[consumer], number);
    mr_bell_ring(&flow->consumer_bell[consumer]);
}

/* What must not wait, also while a rebalance does. */
static void busy(void *context)
{
    run *r = context;
    mr_flow *flow = &r->worker->flow;
    uint64_t now = mr_clock_ms();
    take_signals(r);
    mr_dlq_serve(flow->dlq, now, letter_done, flow);
    mr_pulse_turn(r->worker->main_pulse, now);
}

/* For the watchdog: none of it takes long by itself, and what waits for brokers is busy meanwhile. */
static void doing(const run *r, const char *what)
{
    mr_pulse_enter(r->worker->main_pulse, what, 0, mr_clock_ms());
}

static bool stopping(void *context)
{
    run *r = context;
    return r->asked_by != 0;
}

static void count_topic(void *context, const char *topic, uint32_t partitions)
{
    mr_metrics_topic(context, topic, partitions);
}

static void look(run *r, uint64_t now_ms)
{
    mr_worker *worker = r->worker;
    mr_metrics *metrics = worker->flow.metrics;
    mr_membership_look(worker->membership, now_ms);
    mr_metric_set(metrics, MR_M_LOG_DROPPED, 0, 0, mr_log_dropped());
    mr_metric_set(metrics, MR_M_DLQ_ERRORS, 0, 0, mr_dlq_errors(worker->flow.dlq));
    mr_metric_set(metrics, MR_M_WATCHDOG_STALLS, 0, 0, mr_watchdog_stalls(worker->watchdog));
    mr_ledger_look(&r->ledger, metrics);
    atomic_store(&r->joined, mr_group_joined(worker->group));
    atomic_store(&r->reachable, mr_group_reachable(worker->group));
}

/* Sleeps until main's bell, a signal, or at most wait_ms. */
static void rest(run *r, uint64_t wait_ms)
{
    mr_bell *bell = &r->worker->main_bell;
    struct pollfd wait[2] = {{.fd = bell->fd, .events = POLLIN}, {.fd = r->signals, .events = POLLIN}};
    mr_bell_announce(bell);
    if (poll(wait, 2, (int)wait_ms) > 0 && wait[0].revents)
        mr_bell_sleep(bell, 0); /* empties it */
    mr_bell_stay(bell);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static mr_status turn_until_stopped(run *r, mr_error *error)
{
    mr_worker *worker = r->worker;
    uint64_t commit_ms = 0, look_ms = 0, topics_ms = 0;
    while (!stopping(r)) {
        uint64_t now = mr_clock_ms();
        busy(r);
        doing(r, "serving the group");
        mr_group_poll(worker->group);
        if (mr_group_fatal(worker->group, error))
            return MR_AGAIN;
        if (now >= commit_ms) {
            doing(r, "committing");
            mr_membership_commit(worker->membership);
            commit_ms = now + r->config->kafka.commit_interval_ms;
        }
        if (now >= look_ms) {
            doing(r, "looking at its partitions");
            look(r, now);
            look_ms = now + LOOK_MS;
        }
        if (now >= topics_ms) {
            doing(r, "asking about topics");
            mr_group_topics(worker->group, count_topic, worker->flow.metrics, 1000);
            reload_secrets(r);
            topics_ms = mr_clock_ms() + TOPICS_MS;
        }
        uint64_t next = earlier(commit_ms, earlier(look_ms, topics_ms));
        now = mr_clock_ms();
        doing(r, "resting");
        rest(r, next > now ? earlier(next - now, 100) : 0);
    }
    return MR_OK;
}

/* ---- start ---- */

static void say_start(const mr_worker *worker)
{
    const mr_config *config = worker->config;
    mr_log(MR_LOG_INFO, "start", NULL, "millrace %s, librdkafka %s, Connector/C %s, fingerprint %016llx",
           MILLRACE_VERSION, mr_kafka_library_version(), mr_sql_library_version(),
           (unsigned long long)mr_fingerprint(config));
    for (size_t i = 0; i < config->stream_count; i++)
        mr_log(MR_LOG_INFO, "start", MR_FIELDS(.stream = config->streams[i].name),
               "stream: topic %s%s to table %s, %zu columns, %u bytes a record", config->streams[i].topics[0],
               config->streams[i].topic_count > 1 ? " and others" : "", config->streams[i].table,
               config->streams[i].column_count, worker->plan.layouts[i].size);
    for (size_t i = 0; i < config->shard_count; i++) {
        uint32_t slots = 0;
        for (uint32_t slot = 0; slot < config->slots; slot++)
            slots += config->slot_shard[slot] == i;
        const mr_shard *shard = &config->shards[i];
        mr_log(MR_LOG_INFO, "start", MR_FIELDS(.shard = shard->name),
               "shard: %s, database %s, %u of %u slots", shard->socket[0] ? shard->socket : shard->host,
               shard->database, slots, config->slots);
    }
    char parts[512];
    mr_buf buf = mr_buf_over(parts, sizeof parts);
    size_t bytes;
    const char *part;
    for (size_t i = 0; (part = mr_arena_part(worker->arena, i, &bytes)) != NULL; i++)
        if (bytes >= 1 << 16)
            mr_buf_printf(&buf, ", %s %.1f", part, (double)bytes / (1 << 20));
    mr_log(MR_LOG_INFO, "start", NULL,
           "memory: %.1f MiB of our own%s; at most %.0f MiB more for the libraries; %u pages of %u records a "
           "consumer",
           (double)mr_arena_total(worker->arena) / (1 << 20), parts,
           (double)mr_plan_libraries(config, &worker->plan) / (1 << 20), worker->plan.pages_each,
           worker->plan.rows_page);
}

/* 0: the file cannot be read any more. */
static uint64_t hash_of_file(const char *name)
{
    char bytes[4096];
    uint64_t hash = MR_FNV64_BASIS;
    FILE *file = fopen(name, "re");
    if (!file)
        return 0;
    for (size_t len; (len = fread(bytes, 1, sizeof bytes, file)) > 0;)
        hash = mr_fnv1a64_more(hash, bytes, len);
    fclose(file);
    return hash;
}

static mr_status start(run *r, mr_error *error)
{
    static mr_probe_check live[1], ready[3], started[1];
    mr_worker *worker = r->worker;
    live[0] = (mr_probe_check){"threads", threads_turn, r};
    ready[0] = (mr_probe_check){"group", is_joined, r};
    ready[1] = (mr_probe_check){"draining", is_not_draining, r};
    ready[2] = (mr_probe_check){"brokers", hears_brokers, r};
    started[0] = (mr_probe_check){"started", is_started, r};
    mr_probes probes = {.live = live,
                        .ready = ready,
                        .started = started,
                        .live_count = 1,
                        .ready_count = 3,
                        .started_count = 1};
    mr_metrics_info(worker->flow.metrics, mr_kafka_library_version(), mr_sql_library_version(),
                    hash_of_file(r->config_file));
    mr_status status = mr_http_start(r->config, worker->flow.metrics, worker->board, &probes, worker->arena,
                                     &r->http, error);
    if (status)
        return status;
    mr_arena_freeze(worker->arena);
    mr_board_memory(worker->board, worker->arena, mr_plan_libraries(r->config, &worker->plan));
    mr_metric_set(worker->flow.metrics, MR_M_MEMORY_LIMIT, 0, 0,
                  mr_arena_total(worker->arena) + mr_plan_libraries(r->config, &worker->plan));
    say_start(worker);
    return mr_worker_start(worker, (mr_main_duties){.context = r, .busy = busy, .stopping = stopping}, error);
}

/* ---- the end ---- */

/* lost: the group's client cannot go on, another worker has its name: nothing is committed any more, nor are brokers asked. */
static mr_status finish(run *r, uint64_t began_ms, bool lost)
{
    mr_worker *worker = r->worker;
    uint64_t grace_ms = r->config->shutdown.grace_s * 1000u;
    uint64_t end_ms = began_ms + grace_ms;
    uint64_t drain_ms = grace_ms > 2 * LEAVE_MS ? grace_ms - LEAVE_MS : grace_ms / 2;
    mr_main_duties duties = {.context = r, .busy = busy, .stopping = stopping};
    doing(r, "draining");
    bool quiet = !lost && mr_membership_drain(worker->membership, began_ms + drain_ms);
    uint64_t now = mr_clock_ms();
    doing(r, "leaving the group");
    bool left =
        !lost && mr_group_close(worker->group, (uint32_t)(end_ms > now + 1000 ? end_ms - now - 1000 : 1000));
    doing(r, "ending the other threads");
    /* A thread that is in a call to a database need not be waited for: commits are conservative. */
    uint64_t wait_until_ms = earlier(end_ms, mr_clock_ms() + STOP_MS);
    bool stopped = mr_worker_stop(worker, duties, wait_until_ms);
    mr_pulse_end(worker->main_pulse);
    mr_watchdog_stop(worker->watchdog);
    mr_log(MR_LOG_INFO, "stopped", NULL, "%s, %s",
           quiet ? "everything taken is durable and committed"
                 : "not all that was taken became durable: it stays uncommitted and is read again",
           left   ? "left the group"
           : lost ? "the group's client could not go on"
                  : "brokers did not answer the leave");
    if (!stopped) {
        mr_log_stop();
        _exit(quiet ? MR_OK : MR_AGAIN);
    }
    return quiet ? MR_OK : MR_AGAIN;
}

static volatile sig_atomic_t end_status;

static void leave_now(int signal)
{
    (void)signal;
    _exit(end_status);
}

/* librdkafka's own end can hang for ever (2.0.2 does when a topic was deleted).  Nothing depends on it any more. */
static void free_in_time(mr_worker *worker, mr_status status)
{
    struct sigaction leave = {.sa_handler = leave_now};
    end_status = status;
    sigaction(SIGALRM, &leave, NULL);
    alarm(FREE_S);
    mr_worker_free(worker);
    alarm(0);
}

mr_status mr_run(const mr_config *config, const char *config_file)
{
    run r = {.config = config, .config_file = config_file, .config_changed = changed_at(config_file)};
    mr_error error = {.text = ""};
    r.signals = block_signals();
    mr_status status = mr_kafka_version_check(&error);
    if (!status)
        status = mr_log_start(!config->log.text, (mr_log_level)config->log.level, &error);
    if (!status)
        status = mr_worker_new(config, &r.worker, &error);
    if (!status)
        status = start(&r, &error);
    if (!status) {
        status = turn_until_stopped(&r, &error);
        mr_status end = finish(&r, mr_clock_ms(), status != MR_OK);
        status = status ? status : end;
    }
    if (r.http)
        mr_http_stop(r.http);
    mr_log_stop();
    if (error.text[0])
        fprintf(stderr, "millrace: %s\n", error.text);
    if (r.worker)
        free_in_time(r.worker, status);
    if (r.signals >= 0)
        close(r.signals);
    return status;
}
