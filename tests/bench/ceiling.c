/* The worker's own ceiling: real consumer threads and a real writer thread between a log and a database that are memory, so that decode, route,
 * page, ring, batch, completion and frontier are all that is measured.
 *
 *   build/release/tests/bench_ceiling [ROUNDS [EVENTS]]      (7, 1000000)
 *
 * 443 byte events of 8 partitions in runs of 100; from the first message to the last durable row, in memory that has been in use before.  Two
 * consumers take their runs from one log, so neither is done before the other; at its end they are told to drain, as at a shutdown, so that the
 * last rows wait for no company.  Rounds in turns of four kinds: a consumer and the writer on one processor; each on one of two; two consumers,
 * one on each of two, and the writer on both; and what this machine has at best for two of anything: two processes of the first kind at once,
 * each on a processor of its own, which share nothing.  Prints, minimum and median, the time and the processor time of all threads per event, and
 * the throughput on two: as the times say, and what the processor time leaves room for, which alone says much on a shared machine.  The database
 * takes a page by looking at a byte of each row; a message costs no more than the copy of its coordinates.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app/progress.h"
#include "app/worker.h"
#include "base/clock.h"
#include "decode_events.h"
#include "edges/sql.h"
#include "tests/tools/segment.h"

enum { PARTITIONS = 8, RUN = 100, TEXTS = 1024, EXACT = 443, ROUNDS_MAX = 1000, CONSUMERS = 2, KINDS = 4 };

/* Properties of at most a KiB, so a record is about 1.5 KiB. */
static const char columns[] =
    "{\"name\":\"type\",\"from\":\"type\",\"type\":\"string\",\"max_bytes\":16,\"required\":true},"
    "{\"name\":\"message\",\"from\":\"messageId\",\"type\":\"string\",\"max_bytes\":64},"
    "{\"name\":\"user\",\"from\":\"userId\",\"type\":\"string\",\"max_bytes\":64},"
    "{\"name\":\"total\",\"from\":\"properties.total\",\"type\":\"decimal\",\"precision\":12,\"scale\":2},"
    "{\"name\":\"sent\",\"from\":\"timestamp\",\"type\":\"datetime\"},"
    "{\"name\":\"properties\",\"from\":\"properties\",\"type\":\"json\",\"max_bytes\":1024},"
    "{\"name\":\"offset\",\"from\":\"@offset\",\"type\":\"int64\"}";

static char texts[TEXTS][EXACT];
static size_t text_len[TEXTS];
static uint64_t events;
static _Atomic uint64_t
    unread; /* consumers take runs of these: a log that goes on for whoever has time for it */
static _Atomic uint64_t durable;
static _Atomic uint64_t ended_ns;

/* ---- the log ---- */

struct mr_inbox {
    _Alignas(64) uint32_t number; /* of its consumer, which has the partitions of number + consumers * n */
    uint32_t consumers;
    mr_consumer *consumer;
    bool ended;
    uint64_t given, run_ends;
    int64_t next[PARTITIONS];
};

static mr_inbox inboxes[CONSUMERS], nothing;
static uint32_t inboxes_made;

static bool next_run(mr_inbox *inbox)
{
    uint64_t left = atomic_load(&unread), run;
    do
        run = left < RUN ? left : RUN;
    while (run > 0 && !atomic_compare_exchange_weak(&unread, &left, left - run));
    inbox->run_ends += run;
    if (run == 0 && inbox->given > 0 && !inbox->ended) {
        inbox->ended = true;
        mr_consumer_order(inbox->consumer, MR_ORDER_DRAIN_ALL, 0); /* main orders nothing any more */
    }
    return run > 0;
}

mr_arrival mr_inbox_poll(mr_inbox *inbox, mr_message *out)
{
    if (inbox == &nothing || (inbox->given == inbox->run_ends && !next_run(inbox)))
        return MR_ARRIVAL_NONE;
    uint32_t mine = PARTITIONS / inbox->consumers;
    uint32_t partition = inbox->number + (uint32_t)(inbox->given / RUN % mine) * inbox->consumers;
    uint32_t text = (uint32_t)(inbox->given % TEXTS);
    out->event = (mr_event){.value = texts[text],
                            .value_len = text_len[text],
                            .topic = "t",
                            .partition = (int32_t)partition,
                            .offset = inbox->next[partition]++,
                            .timestamp_ms = INT64_C(1760000000000) + (int64_t)inbox->given};
    inbox->given++;
    return MR_ARRIVAL_MESSAGE;
}

void mr_message_free(mr_message *message)
{
    message->handle = NULL;
}

mr_inbox *mr_inbox_new(mr_group *group, mr_arena *arena)
{
    (void)group, (void)arena;
    return &inboxes[inboxes_made++];
}

void mr_inbox_open(mr_inbox *inbox, mr_bell *bell)
{
    (void)inbox, (void)bell;
}

void mr_inbox_close(mr_inbox *inbox)
{
    (void)inbox;
}

/* ---- the database ---- */

struct mr_sql {
    const mr_layout *layouts;
    bool connected;
    uint64_t rows, seen;
};

static mr_sql database;

mr_sql *mr_sql_new(const mr_config *config, uint32_t shard, const mr_layout *layouts, mr_arena *arena)
{
    (void)config, (void)shard, (void)arena;
    database = (mr_sql){.layouts = layouts};
    return &database;
}

mr_sql_result mr_sql_connect(mr_sql *sql)
{
    sql->connected = true;
    return (mr_sql_result){.db_class = MR_DB_OK};
}

bool mr_sql_connected(const mr_sql *sql)
{
    return sql->connected;
}

void mr_sql_close(mr_sql *sql)
{
    sql->connected = false;
}

void mr_sql_free(mr_sql *sql)
{
    sql->connected = false;
}

uint64_t mr_sql_packet_bytes(const mr_sql *sql)
{
    return sql->connected ? UINT64_C(1) << 24 : 0;
}

mr_sql_result mr_sql_write(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    for (uint32_t row = 0; row < rows; row++)
        sql->seen +=
            *mr_record_value(&sql->layouts[stream], records + (size_t)row * sql->layouts[stream].size, 0);
    sql->rows += rows;
    return (mr_sql_result){.db_class = MR_DB_OK, .field = MR_FIELDS_MAX};
}

uint32_t mr_sql_ahead(const mr_sql *sql)
{
    return sql->connected ? 16 : 0;
}

mr_sql_result mr_sql_send(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    return mr_sql_write(sql, stream, records, rows);
}

mr_sql_result mr_sql_answer(mr_sql *sql)
{
    (void)sql;
    return (mr_sql_result){.db_class = MR_DB_OK, .field = MR_FIELDS_MAX};
}

mr_sql_result mr_sql_commit(mr_sql *sql)
{
    uint64_t all = atomic_fetch_add(&durable, sql->rows) + sql->rows;
    sql->rows = 0;
    if (all == events)
        atomic_store(&ended_ns, mr_clock_ns());
    return (mr_sql_result){.db_class = MR_DB_OK, .field = MR_FIELDS_MAX};
}

mr_sql_result mr_sql_rollback(mr_sql *sql)
{
    sql->rows = 0;
    return (mr_sql_result){.db_class = MR_DB_OK};
}

/* ---- a round ---- */

static void fail(const char *what)
{
    fprintf(stderr, "bench_ceiling: %s\n", what);
    exit(70);
}

/* processors: bits. */
static void stay_on(unsigned processors)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < 2; i++)
        if (processors >> i & 1)
            CPU_SET(i, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof set, &set))
        fail("cannot choose a processor");
}

typedef struct runner {
    pthread_t id;
    mr_worker *worker;
    unsigned processors;
    uint32_t number;
    double cpu_ns;
} runner;

static double thread_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

static void *run_consumer(void *context)
{
    runner *self = context;
    mr_consumer *consumer = self->worker->consumers[self->number];
    stay_on(self->processors);
    while (!atomic_load_explicit(&self->worker->flow.stop, memory_order_relaxed))
        if (mr_consumer_do_work(consumer, mr_clock_ms()) == 0)
            mr_consumer_wait(consumer, mr_clock_ms());
    mr_consumer_let_go(consumer);
    self->cpu_ns = thread_ns();
    return NULL;
}

static void *run_writer(void *context)
{
    runner *self = context;
    stay_on(self->processors);
    while (!atomic_load_explicit(&self->worker->flow.stop, memory_order_relaxed))
        if (mr_writer_do_work(self->worker->writers[0], mr_clock_ms()) == 0)
            mr_writer_wait(self->worker->writers[0], mr_clock_ms());
    mr_writer_close(self->worker->writers[0]);
    self->cpu_ns = thread_ns();
    return NULL;
}

/* Everything but the threads: the shard is live, the partitions are assigned, and there is no message yet. */
static mr_worker *set_up(const mr_config *config)
{
    mr_worker *worker;
    mr_error error;
    uint32_t consumers = config->kafka.consumer_threads;
    inboxes_made = 0;
    if (mr_worker_new(config, &worker, &error))
        fail(error.text);
    for (uint32_t page = 0; page < mr_pool_pages(worker->flow.pool); page++)
        memset(mr_pool_page(worker->flow.pool, page)->records, 0, worker->plan.page_bytes);
    while (mr_writer_do_work(worker->writers[0], mr_clock_ms()) > 0)
        ;
    for (uint32_t c = 0; c < consumers; c++) {
        inboxes[c] = (mr_inbox){.number = c, .consumers = consumers, .consumer = worker->consumers[c]};
        mr_consumer_connect(worker->consumers[c], &inboxes[c], &nothing);
        for (uint32_t i = 0; i < PARTITIONS / consumers; i++) {
            mr_slot *slot = mr_consumer_slot(worker->consumers[c], i);
            memcpy(slot->topic, "t", 2);
            slot->partition = (int32_t)(c + i * consumers);
            slot->start = 0;
            mr_consumer_order(worker->consumers[c], MR_ORDER_ASSIGN, i);
        }
        while (mr_consumer_do_work(worker->consumers[c], mr_clock_ms()) > 0)
            ;
    }
    return worker;
}

static void await_all(uint64_t from)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    while (!atomic_load(&ended_ns)) {
        nanosleep(&pause, NULL);
        if (mr_clock_ns() - from > UINT64_C(120000000000))
            fail("not all events have become durable in two minutes");
    }
}

typedef struct figure {
    uint64_t from_ns, ended_ns;
    double cpu_ns;
} figure;

/* For two processes: memory of both, where they wait for each other and leave their figures. */
static struct {
    _Atomic uint32_t awaited;
    figure of[2];
} * both;

static void meet(void)
{
    atomic_fetch_sub(&both->awaited, 1);
    while (atomic_load(&both->awaited) > 0)
        ;
}

static figure round_of(const mr_config *config, unsigned consumer_at, unsigned writer_at)
{
    runner writer = {.processors = writer_at}, consumer[CONSUMERS];
    uint32_t consumers = config->kafka.consumer_threads;
    mr_worker *worker = set_up(config);
    atomic_store(&durable, 0);
    atomic_store(&ended_ns, 0);
    meet();
    uint64_t from = mr_clock_ns();
    atomic_store(&unread, events);
    writer.worker = worker;
    bool well = !pthread_create(&writer.id, NULL, run_writer, &writer);
    for (uint32_t c = 0; c < consumers; c++) {
        consumer[c] = (runner){.worker = worker, .processors = consumer_at << c, .number = c};
        well = well && !pthread_create(&consumer[c].id, NULL, run_consumer, &consumer[c]);
    }
    if (!well)
        fail("cannot start a thread");
    await_all(from);
    atomic_store(&worker->flow.stop, true);
    mr_bell_ring(&worker->flow.writer_bell[0]);
    pthread_join(writer.id, NULL);
    double cpu_ns = writer.cpu_ns;
    for (uint32_t c = 0; c < consumers; c++) {
        mr_bell_ring(&worker->flow.consumer_bell[c]);
        pthread_join(consumer[c].id, NULL);
        cpu_ns += consumer[c].cpu_ns;
    }
    mr_worker_free(worker);
    return (figure){.from_ns = from, .ended_ns = atomic_load(&ended_ns), .cpu_ns = cpu_ns};
}

/* Half of the events each; from when the first begins to when the last has ended. */
static figure round_of_two(const mr_config *config)
{
    pid_t process[2];
    for (unsigned i = 0; i < 2; i++) {
        process[i] = fork();
        if (process[i] < 0)
            fail("cannot start a process");
        if (process[i] == 0) {
            events /= 2;
            both->of[i] = round_of(config, 1u << i, 1u << i);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        int status;
        if (waitpid(process[i], &status, 0) != process[i] || status != 0)
            fail("one of two processes has failed");
    }
    const figure *a = &both->of[0], *b = &both->of[1];
    return (figure){.from_ns = a->from_ns < b->from_ns ? a->from_ns : b->from_ns,
                    .ended_ns = a->ended_ns > b->ended_ns ? a->ended_ns : b->ended_ns,
                    .cpu_ns = a->cpu_ns + b->cpu_ns};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *kind, double *wall, double *cpu, int rounds)
{
    qsort(wall, (size_t)rounds, sizeof *wall, ascending);
    qsort(cpu, (size_t)rounds, sizeof *cpu, ascending);
    printf("%-44s %6.3f %6.3f us an event   processor time %6.3f %6.3f us\n", kind, wall[0] / 1000,
           wall[rounds / 2] / 1000, cpu[0] / 1000, cpu[rounds / 2] / 1000);
}

static mr_config *configure(uint32_t consumers)
{
    static char settings[4096];
    mr_config *config;
    mr_findings findings = {0};
    int len = snprintf(settings, sizeof settings, EVENT_SETTINGS, columns);
    if (mr_config_parse("bench", settings, (size_t)len, NULL, &config, &findings))
        fail("its settings are refused");
    config->kafka.consumer_threads = consumers;
    config->batch.connections = 1; /* the writer is one thread here, as it says above */
    return config;
}

static void make_texts(void)
{
    static segment event;
    for (uint32_t i = 0; i < TEXTS; i++) {
        segment_make(&event, 1, i, 1000000, EXACT, POISON_NONE, 'm');
        if (event.len > EXACT)
            fail("an event is too long");
        text_len[i] = event.len;
        memcpy(texts[i], event.text, event.len);
    }
}

int main(int count, char **argument)
{
    static double wall[KINDS][ROUNDS_MAX], cpu[KINDS][ROUNDS_MAX];
    static const struct {
        const char *name;
        uint32_t processes, consumers;
        unsigned consumer_at, writer_at; /* processors */
    } kinds[KINDS] = {{"one processor", 1, 1, 1, 1},
                      {"two, a consumer and the writer", 1, 1, 1, 2},
                      {"two, two consumers and the writer", 1, 2, 1, 3},
                      {"two instances that share nothing", 2, 1, 0, 0}};
    int rounds = count > 1 ? atoi(argument[1]) : 7;
    events = count > 2 ? (uint64_t)atoll(argument[2]) & ~UINT64_C(1) : 1000000; /* for two */
    if (rounds < 1 || rounds > ROUNDS_MAX || events < 2)
        fail("rounds: 1 to 1000, events: 2 or more");
    make_texts();
    both = mmap(NULL, sizeof *both, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (both == MAP_FAILED)
        fail("no memory");
    mr_progress progress = mr_progress_begin("rounds");
    for (int i = 0; i < rounds; i++)
        for (int k = 0; k < KINDS; k++) {
            mr_progress_tell(&progress, (uint64_t)(i * KINDS + k), (uint64_t)rounds * KINDS, kinds[k].name);
            mr_config *config = configure(kinds[k].consumers);
            atomic_store(&both->awaited, kinds[k].processes);
            figure one = kinds[k].processes == 2 ? round_of_two(config)
                                                 : round_of(config, kinds[k].consumer_at, kinds[k].writer_at);
            wall[k][i] = (double)(one.ended_ns - one.from_ns) / (double)events;
            cpu[k][i] = one.cpu_ns / (double)events;
            mr_config_free(config);
        }
    mr_progress_end(&progress);
    for (int k = 0; k < KINDS; k++)
        report(kinds[k].name, wall[k], cpu[k], rounds);
    for (int k = 1; k < KINDS; k++)
        printf("%-44s %6.2f times the throughput of one processor, %.2f at most by processor time\n",
               kinds[k].name, wall[0][0] / wall[k][0], 2 * cpu[0][0] / cpu[k][0]);
    return 0;
}
