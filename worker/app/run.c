#include "app/run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/turn.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "edges/http.h"
#include "edges/process.h"
#include "edges/sql.h"
#include "stages/board.h"
#include "stages/snapshot.h"

#define FREE_S 3 /* for what is left to free */

/* Files of the program itself, of its HTTP connections and of three Kafka clients, each with a wakeup and a socket a broker; and of a shard, when
 * its connection is made anew while the old one is killed. */
#define FILES_BASE      192u
#define FILES_SHARD     4u
#define LIBRARY_THREADS 24u /* three Kafka clients with a few brokers */

typedef struct run {
    const mr_config *config;
    const char *config_file;
    time_t config_changed;
    mr_worker *worker;
    mr_turn turn;
    mr_http *http;
    int signals;
    int asked_by; /* the signal that asked to stop; 0: none */
    uint64_t asked_ms;
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

/* Before any thread is there; each inherits it.  The descriptor by which main takes them, -1 with errno. */
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

static void reload(run *r)
{
    if (!mr_turn_reload_secrets(&r->turn))
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
        r->asked_ms = mr_clock_ms();
        atomic_store(&r->draining, true);
        mr_log(MR_LOG_INFO, "stopping", NULL, "asked to stop by %s: draining",
               info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    }
}

/* ---- main's duties ---- */

/* What must not wait, also while a rebalance does. */
static void busy(void *context)
{
    run *r = context;
    take_signals(r);
    mr_turn_busy(&r->turn);
}

static bool stopping(void *context)
{
    run *r = context;
    return r->asked_by != 0;
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

static mr_status turn_until_stopped(run *r, mr_error *error)
{
    mr_status status = MR_OK;
    while (!status && !stopping(r)) {
        uint64_t rest_ms;
        status = mr_turn_once(&r->turn, &rest_ms, error);
        atomic_store(&r->joined, mr_group_joined(r->worker->group));
        atomic_store(&r->reachable, mr_group_reachable(r->worker->group));
        if (!status)
            rest(r, rest_ms);
    }
    return status;
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
               config->streams[i].column_count, mr_page_row_bytes(worker->plan.layouts[i].size));
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
           (double)mr_worker_libraries(worker) / (1 << 20), worker->plan.pages_each, worker->plan.rows_page);
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

static mr_status need_memory(const mr_worker *worker, mr_error *error)
{
    return mr_process_memory(mr_worker_libraries(worker), worker->thread_count + LIBRARY_THREADS, error);
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
    mr_board_memory(worker->board, worker->arena, mr_worker_libraries(worker));
    mr_metric_set(worker->flow.metrics, MR_M_MEMORY_LIMIT, 0, 0,
                  mr_arena_total(worker->arena) + mr_worker_libraries(worker));
    say_start(worker);
    r->turn = (mr_turn){.worker = worker, .duties = {.context = r, .busy = busy, .stopping = stopping}};
    return mr_worker_start(worker, r->turn.duties, error);
}

/* ---- the end ---- */

/* lost: see mr_turn_finish.  The grace period began with the signal, whatever main was at. */
static mr_status finish(run *r, bool lost)
{
    mr_turn_end end = mr_turn_finish(&r->turn, r->asked_by ? r->asked_ms : mr_clock_ms(), lost);
    mr_watchdog_stop(r->worker->watchdog);
    mr_log(MR_LOG_INFO, "stopped", NULL, "%s, %s",
           end.quiet ? "everything taken is durable and committed"
                     : "not all that was taken became durable: it stays uncommitted and is read again",
           end.left ? "left the group"
           : lost   ? "the group's client could not go on"
                    : "brokers did not answer the leave");
    if (!end.stopped) {
        mr_log_stop();
        _exit(end.quiet ? MR_OK : MR_AGAIN);
    }
    return end.quiet ? MR_OK : MR_AGAIN;
}

static volatile sig_atomic_t end_status;

static void leave_now(int signal)
{
    (void)signal;
    _exit(end_status);
}

/* librdkafka's own end can hang for ever (2.0.2 does when a topic was deleted), and after a start that failed a writer may be in a call to a
 * database.  Nothing depends on them any more. */
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
    int failed = errno;
    mr_status status = mr_process_files(FILES_BASE + FILES_SHARD * config->shard_count, &error);
    if (!status && r.signals < 0)
        status = mr_fail(&error, MR_UNAVAILABLE, "cannot make a signalfd: %s: raise the limit of open files",
                         strerror(failed));
    if (!status)
        status = mr_kafka_version_check(&error);
    if (!status)
        status = mr_log_start(!config->log.text, (mr_log_level)config->log.level, &error);
    if (!status)
        status = mr_worker_new(config, &r.worker, &error);
    if (!status)
        status = need_memory(r.worker, &error);
    if (!status)
        status = start(&r, &error);
    if (!status) {
        status = turn_until_stopped(&r, &error);
        mr_status end = finish(&r, status != MR_OK);
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
