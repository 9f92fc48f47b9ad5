#include "threads/writer.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/owner.h"
#include "edges/sql.h"
#include "stages/batch.h"
#include "stages/retry.h"
#include "threads/writing.h"

#define KEEP_WARM_MS 20000 /* the session asks the server for a wait_timeout of 60 s */
#define SETTLED_MS   10000 /* live for so long, and its next probe waits no longer than the first */

/* Of mr_sql_connect, at least as many as there are. */
#define QUESTIONS          12
#define QUESTIONS_A_STREAM 6

#define NOT_SCHEDULED UINT64_MAX

struct mr_writer {
    /* fixed */
    mr_flow *flow;
    const mr_config *config;
    const mr_shard *about; /* the shard's configuration */
    mr_gates *gates;
    mr_pulse *pulse;
    uint32_t shard;
    /* the thread's */
    mr_owner owner;
    mr_sql *sql;
    mr_writing writing;
    mr_batch batch;
    mr_retry retry;
    uint32_t next_consumer; /* rings are served in turn */
    uint32_t failures;      /* of the shard, in a row */
    uint64_t paused_until_ms;
    uint32_t probes;        /* since it was live and settled */
    mr_retry probing;       /* delays of probes: no wheel */
    uint64_t probe_ms;      /* when the next one is due; NOT_SCHEDULED: the gate was opened since the last */
    uint64_t live_since_ms; /* 0: not live */
    bool ever_live;
    bool drifted;        /* too many rows were refused since it was live */
    uint64_t touched_ms; /* when the connection was last used or tried; 0: never */
};

mr_writer *mr_writer_new(mr_flow *flow, uint32_t shard, mr_arena *arena, uint64_t now_ms)
{
    mr_writer *writer = mr_arena_take(arena, "writers", 1, sizeof *writer);
    uint32_t pages = mr_pool_pages(flow->pool);
    writer->flow = flow;
    writer->config = flow->config;
    writer->about = &flow->config->shards[shard];
    writer->gates = &flow->gates;
    writer->pulse = flow->writer_pulse[shard];
    writer->shard = shard;
    writer->sql = mr_sql_new(flow->config, shard, flow->plan->layouts, arena);
    mr_writing_init(&writer->writing, flow, shard, writer->sql);
    mr_batch_init(&writer->batch, flow->config, arena, pages);
    mr_retry_init(&writer->retry, flow->config, arena, pages, mr_clock_ns() + shard, now_ms);
    writer->probing = (mr_retry){.backoff_min_ms = flow->config->park.probe_min_ms,
                                 .backoff_max_ms = flow->config->park.probe_max_ms,
                                 .random = mr_clock_ns() - shard};
    writer->probe_ms = NOT_SCHEDULED;
    return writer;
}

static mr_page *page_at(const mr_writer *writer, uint32_t i)
{
    return mr_pool_page(writer->flow->pool, writer->batch.pages[i]);
}

static mr_gate_state gate(const mr_writer *writer)
{
    return mr_gate_now(writer->gates, writer->shard);
}

/* ---- taking ---- */

static void take_due(mr_writer *writer, uint64_t now_ms)
{
    uint32_t handle;
    while (!mr_batch_full(&writer->batch) && mr_wheel_expire(writer->retry.wheel, now_ms, &handle, 1) == 1)
        mr_batch_add(&writer->batch, handle, mr_pool_page(writer->flow->pool, handle));
}

static void take_sealed(mr_writer *writer)
{
    uint32_t idle = 0;
    while (!mr_batch_full(&writer->batch) && idle < writer->flow->consumers) {
        uint32_t handle;
        mr_ring *ring = mr_flow_pages(writer->flow, writer->next_consumer, writer->shard);
        writer->next_consumer = (writer->next_consumer + 1) % writer->flow->consumers;
        if (!mr_ring_pop(ring, &handle)) {
            idle++;
            continue;
        }
        idle = 0;
        mr_batch_add(&writer->batch, handle, mr_pool_page(writer->flow->pool, handle));
    }
}

/* ---- returning ---- */

/* After this the page is the consumer's. */
static void give_back(mr_writer *writer, uint32_t handle, mr_outcome outcome)
{
    mr_page *page = mr_pool_page(writer->flow->pool, handle);
    uint32_t consumer = page->consumer;
    page->outcome = outcome;
    mr_ring_push(mr_flow_done(writer->flow, consumer, writer->shard), handle);
    mr_bell_ring(&writer->flow->consumer_bell[consumer]);
}

/* Ages in runs: neighbours in a page mostly come from the same millisecond. */
static void observe_ages(mr_writer *writer, const mr_page *page, int64_t wall_ms)
{
    uint64_t times = 0;
    int64_t of = -1;
    for (uint32_t row = 0; row <= page->rows; row++) {
        const mr_record *record =
            row < page->rows ? (const mr_record *)(const void *)mr_page_record(page, row) : NULL;
        if (record && record->reason)
            continue;
        int64_t at = record ? record->timestamp_ms : -1;
        if (at != of && times > 0) {
            mr_metric_observe(writer->flow->metrics, MR_M_EVENT_AGE, page->stream, page->path,
                              wall_ms > of ? (uint64_t)(wall_ms - of) : 0, times);
            times = 0;
        }
        of = at;
        times += at >= 0;
    }
}

static void return_durable(mr_writer *writer)
{
    mr_metrics *metrics = writer->flow->metrics;
    int64_t wall_ms = mr_clock_wall_ms();
    for (uint32_t i = 0; i < writer->batch.count; i++) {
        mr_page *page = page_at(writer, i);
        mr_metric_add(metrics, MR_M_ROWS_WRITTEN, page->stream, writer->shard,
                      page->rows - page->rows_refused);
        if (page->rows_existing > 0)
            mr_metric_add(metrics, MR_M_ROWS_EXISTING, page->stream, writer->shard, page->rows_existing);
        observe_ages(writer, page, wall_ms);
        give_back(writer, writer->batch.pages[i], MR_OUTCOME_DURABLE);
    }
    mr_metric_observe(metrics, MR_M_BATCH_ROWS, writer->shard, 0, writer->batch.rows, 1);
}

/* Everything that waits, in the wheel and in the rings. */
static uint32_t return_all_parked(mr_writer *writer)
{
    uint32_t handle, done = 0;
    while (mr_wheel_take(writer->retry.wheel, &handle)) {
        give_back(writer, handle, MR_OUTCOME_PARKED);
        done++;
    }
    for (uint32_t c = 0; c < writer->flow->consumers; c++)
        while (mr_ring_pop(mr_flow_pages(writer->flow, c, writer->shard), &handle)) {
            give_back(writer, handle, MR_OUTCOME_PARKED);
            done++;
        }
    return done;
}

/* ---- what became of a batch ---- */

static void explain(mr_writer *writer, const mr_sql_result *result, const char *what)
{
    char why[MR_GATE_WHY_BYTES];
    if (result->text[0])
        snprintf(why, sizeof why, "%s", result->text);
    else
        snprintf(why, sizeof why, "%s: error %u (%s), %s", what, result->code, result->sqlstate,
                 mr_db_class_name(result->db_class));
    mr_gate_explain(writer->gates, writer->shard, result->code, why);
}

/* A call went well.  Behind a gate that is only probed, nothing but a durable batch opens it. */
static void succeeded(mr_writer *writer, bool wrote, uint64_t now_ms)
{
    writer->failures = 0;
    writer->paused_until_ms = 0;
    mr_gate_good(writer->gates, writer->shard, now_ms);
    if (!mr_gate_turn(writer->gates, writer->shard, MR_GATE_STARTING, MR_GATE_LIVE) &&
        !mr_gate_turn(writer->gates, writer->shard, MR_GATE_RETRYING, MR_GATE_LIVE) && wrote)
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_PROBED, MR_GATE_LIVE);
}

/* Once for each time that it is live, whoever has opened the gate. */
static void note_live(mr_writer *writer, uint64_t now_ms)
{
    if (writer->live_since_ms != 0)
        return;
    writer->live_since_ms = now_ms;
    writer->probe_ms = NOT_SCHEDULED;
    writer->drifted = false;
    mr_gate_explain(writer->gates, writer->shard, 0, "");
    mr_log(MR_LOG_INFO, "shard_live", MR_FIELDS(.shard = writer->about->name), "the shard takes rows%s",
           writer->ever_live ? " again" : "");
    writer->ever_live = true;
}

/* Whether it was live for long enough to be trusted again: then the count of probes begins anew. */
static bool is_settled(mr_writer *writer, uint64_t now_ms)
{
    if (writer->live_since_ms != 0 && now_ms >= writer->live_since_ms + SETTLED_MS)
        writer->probes = 0;
    writer->live_since_ms = 0;
    return writer->probes == 0;
}

/* A consumer closed the gate while a batch took its time, and then the batch went well: it was a hiccup.  Only once in a while, for a shard
 * that is merely slow would open and close for ever. */
static void reopen_after_hiccup(mr_writer *writer, uint64_t now_ms)
{
    if (gate(writer) != MR_GATE_PARKED || writer->probe_ms != NOT_SCHEDULED || !is_settled(writer, now_ms))
        return;
    writer->probes = 1;
    mr_gate_turn(writer->gates, writer->shard, MR_GATE_PARKED, MR_GATE_LIVE);
}

/* Tries to close the gate; true when it is closed. */
static bool park(mr_writer *writer)
{
    return !mr_gate_is_open(gate(writer)) ||
           mr_gate_park(writer->gates, writer->shard, mr_clock_ms(), "it does not take rows");
}

/* The shard as a whole is in trouble: take nothing new until it is tried again. */
static void pause_shard(mr_writer *writer, const mr_sql_result *result, uint64_t now_ms)
{
    writer->failures++;
    writer->live_since_ms = 0;
    writer->paused_until_ms = now_ms + mr_retry_delay_ms(&writer->retry, writer->failures);
    mr_gate_rests(writer->gates, writer->shard, writer->paused_until_ms);
    if (!mr_gate_turn(writer->gates, writer->shard, MR_GATE_LIVE, MR_GATE_RETRYING))
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_STARTING, MR_GATE_RETRYING);
    mr_log(MR_LOG_WARN, "shard_trouble",
           MR_FIELDS(.shard = writer->about->name, .code = result->code, .sqlstate = result->sqlstate),
           "the shard does not take rows (%s), attempt %u, trying again%s%s",
           mr_db_class_name(result->db_class), writer->failures, result->text[0] ? ": " : "", result->text);
}

/* To the wheel, each page with its attempts; those that are not the batch's fault are not counted.  The most that one has made. */
static uint32_t retry_later(mr_writer *writer, bool count, uint64_t now_ms)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < writer->batch.count; i++) {
        mr_page *page = page_at(writer, i);
        uint32_t attempts = atomic_load_explicit(&page->attempts, memory_order_relaxed) + count;
        atomic_fetch_add_explicit(&page->tries, 1, memory_order_relaxed);
        atomic_store_explicit(&page->attempts, attempts, memory_order_relaxed);
        uint64_t due_ms =
            mr_retry_schedule(&writer->retry, writer->batch.pages[i], attempts ? attempts : 1, now_ms);
        atomic_store_explicit(&page->due_ms, due_ms, memory_order_relaxed);
        most = attempts > most ? attempts : most;
    }
    mr_batch_clear(&writer->batch);
    return most;
}

/* Nothing that waiting mends by itself: closes the gate, or waits where no other shard is live. */
static void set_aside(mr_writer *writer, const mr_sql_result *result, const char *what, uint64_t now_ms)
{
    explain(writer, result, what);
    if (!park(writer))
        pause_shard(writer, result, now_ms);
}

static void deal_with(mr_writer *writer, mr_written written, const mr_sql_result *result, uint64_t now_ms)
{
    static const char refused[] = "it refuses too many rows";
    bool transient = result->db_class == MR_DB_TRANSIENT;
    mr_metric_db_error(writer->flow->metrics, writer->shard, result->db_class, result->code);
    if (writer->batch.count > 0)
        mr_metric_add(writer->flow->metrics, MR_M_RETRIES, writer->shard, result->db_class, 1);
    writer->drifted = writer->drifted || written == MR_WRITE_DRIFT;
    if (gate(writer) == MR_GATE_PROBED) {
        explain(writer, result, written == MR_WRITE_DRIFT ? refused : "its first batch failed");
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_PROBED, MR_GATE_PARKED);
    } else if (written == MR_WRITE_DRIFT) {
        mr_log(MR_LOG_ERROR, "drift",
               MR_FIELDS(.shard = writer->about->name, .code = result->code, .sqlstate = result->sqlstate),
               "the shard refuses more than %u %% of a batch (dlq.drift_percent), so its table must be "
               "wrong: nothing becomes a "
               "dead letter; compare the table with `millrace ddl`",
               writer->config->dlq.drift_percent);
        set_aside(writer, result, refused, now_ms);
    } else if (result->db_class == MR_DB_SHARD_FATAL) {
        set_aside(writer, result, "it is set up wrong", now_ms);
    } else if (transient || result->db_class == MR_DB_STATEMENT || result->db_class == MR_DB_TOO_BIG) {
        mr_log(MR_LOG_INFO, "batch_retried",
               MR_FIELDS(.shard = writer->about->name, .code = result->code, .sqlstate = result->sqlstate),
               "a batch of %u rows failed (%s) and will be tried again", writer->batch.rows,
               mr_db_class_name(result->db_class));
    } else {
        explain(writer, result, "it does not answer");
        if (writer->ever_live || !park(writer))
            pause_shard(writer, result, now_ms);
    }
    uint32_t attempts = retry_later(writer, transient, now_ms);
    if (transient && attempts >= writer->config->retry.attempts_max)
        set_aside(writer, result, "a batch failed too often", now_ms);
}

/* ---- calls ---- */

static mr_sql_result connect_shard(mr_writer *writer)
{
    /* The name server, the connection, and the questions of a session and about each table, each with its own time-out: a server that is slow at
     * all of them is not a thread that is stuck. */
    uint64_t questions =
        (QUESTIONS + QUESTIONS_A_STREAM * writer->config->stream_count) / MR_WATCHDOG_PATIENCE;
    mr_pulse_enter(writer->pulse, "connecting",
                   (writer->about->connect_timeout_s + questions * writer->about->read_timeout_s) * 1000u,
                   mr_clock_ms());
    mr_sql_result result = mr_sql_connect(writer->sql);
    writer->touched_ms = mr_clock_ms();
    mr_pulse_leave(writer->pulse, writer->touched_ms);
    return result;
}

static void make_durable(mr_writer *writer)
{
    mr_metrics *metrics = writer->flow->metrics;
    mr_gate_writing(writer->gates, writer->shard, true);
    uint64_t began_ns = mr_clock_ns();
    mr_sql_result result = {.db_class = MR_DB_OK};
    mr_written written = MR_WRITE_FAILED;
    for (uint32_t i = 0; i < writer->batch.count; i++)
        atomic_store_explicit(&page_at(writer, i)->due_ms, 0, memory_order_relaxed);
    if (!mr_sql_connected(writer->sql))
        result = connect_shard(writer);
    if (result.db_class == MR_DB_OK)
        written = mr_writing_batch(&writer->writing, &writer->batch, &result);
    uint64_t took_us = (mr_clock_ns() - began_ns) / 1000;
    mr_metric_observe(metrics, MR_M_WRITE_DURATION, writer->shard, 0, took_us, 1);
    mr_metric_add(metrics, MR_M_WRITER_BUSY, writer->shard, 0, took_us);
    writer->touched_ms = mr_clock_ms();
    mr_gate_writing(writer->gates, writer->shard, false);
    if (written == MR_WRITTEN) {
        mr_gate_wrote(writer->gates, writer->shard, took_us / 1000, writer->touched_ms);
        succeeded(writer, true,
                  writer->touched_ms); /* before the pages: a consumer that sees them sees the gate */
        return_durable(writer);
        mr_batch_clear(&writer->batch);
        reopen_after_hiccup(writer, writer->touched_ms);
    } else {
        deal_with(writer, written, &result, writer->touched_ms);
    }
    mr_metric_set(metrics, MR_M_RETRY_PENDING, writer->shard, 0, mr_wheel_pending(writer->retry.wheel));
    /* Meanwhile they have kept pages open for longer than they should. */
    for (uint32_t c = 0; c < writer->flow->consumers; c++)
        mr_bell_ring(&writer->flow->consumer_bell[c]);
}

/* Without work: connects ahead of the first batch, and keeps the session from running into its own wait_timeout. */
static uint32_t keep_warm(mr_writer *writer, uint64_t now_ms)
{
    if (writer->touched_ms != 0 && now_ms < writer->touched_ms + KEEP_WARM_MS)
        return 0;
    mr_sql_result result;
    if (mr_sql_connected(writer->sql)) {
        mr_pulse_enter(writer->pulse, "keeping the session", writer->about->read_timeout_s * 1000u, now_ms);
        result = mr_sql_rollback(writer->sql);
        mr_pulse_leave(writer->pulse, mr_clock_ms());
    } else {
        result = connect_shard(writer);
    }
    writer->touched_ms = mr_clock_ms();
    if (result.db_class == MR_DB_OK) {
        succeeded(writer, false, writer->touched_ms);
        return 1;
    }
    mr_sql_close(writer->sql);
    writer->touched_ms = 0; /* again when the pause is over */
    deal_with(writer, MR_WRITE_FAILED, &result, mr_clock_ms());
    return 1;
}

/* ---- behind a closed gate ---- */

static void schedule_probe(mr_writer *writer, uint64_t now_ms)
{
    writer->probes++;
    writer->probe_ms = now_ms + mr_retry_delay_ms(&writer->probing, writer->probes);
}

static void begin_closed(mr_writer *writer, uint64_t now_ms)
{
    writer->failures = 0;
    writer->paused_until_ms = 0;
    is_settled(writer, now_ms);
    schedule_probe(writer, now_ms);
}

/* Connects anew, which resolves the name, reads the password and compares the tables. */
static void probe(mr_writer *writer)
{
    mr_sql_close(writer->sql);
    mr_sql_result result = connect_shard(writer);
    uint64_t now_ms = mr_clock_ms();
    if (result.db_class == MR_DB_OK) {
        /* The tables fit, which says little when the rows were refused for something that nobody sees in them. */
        (writer->drifted ? mr_drift_suspect : mr_drift_forget)(&writer->writing.drift);
        mr_gate_good(writer->gates, writer->shard, now_ms);
        writer->probe_ms = NOT_SCHEDULED;
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_PARKED, MR_GATE_PROBED);
        for (uint32_t c = 0; c < writer->flow->consumers; c++)
            mr_bell_ring(&writer->flow->consumer_bell[c]);
        return;
    }
    mr_metric_db_error(writer->flow->metrics, writer->shard, result.db_class, result.code);
    explain(writer, &result, "it does not answer");
    mr_log(MR_LOG_INFO, "shard_probed",
           MR_FIELDS(.shard = writer->about->name, .code = result.code, .sqlstate = result.sqlstate),
           "probe %u: the shard does not take rows yet (%s)%s%s", writer->probes,
           mr_db_class_name(result.db_class), result.text[0] ? ": " : "", result.text);
    schedule_probe(writer, now_ms);
}

static uint32_t stay_closed(mr_writer *writer, mr_gate_state now, uint64_t now_ms)
{
    uint32_t done = return_all_parked(writer);
    if (now == MR_GATE_HELD)
        return done;
    if (writer->probe_ms == NOT_SCHEDULED)
        begin_closed(writer, now_ms);
    if (now_ms < writer->probe_ms)
        return done;
    probe(writer);
    return done + 1;
}

/* ---- the thread ---- */

uint32_t mr_writer_do_work(mr_writer *writer, uint64_t now_ms)
{
    mr_owner_here(&writer->owner);
    mr_gate_state now = gate(writer);
    mr_pulse_turn(writer->pulse, now_ms);
    if (now == MR_GATE_PARKED || now == MR_GATE_HELD)
        return stay_closed(writer, now, now_ms);
    if (now == MR_GATE_PROBED && !mr_gate_has_entries(writer->gates, writer->shard))
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_PROBED, MR_GATE_LIVE); /* nothing to try */
    if (now == MR_GATE_LIVE)
        note_live(writer, now_ms);
    if (now_ms < writer->paused_until_ms)
        return 0;
    take_due(writer, now_ms);
    take_sealed(writer);
    if (writer->batch.count == 0)
        return keep_warm(writer, now_ms);
    make_durable(writer);
    return 1;
}

void mr_writer_wait(mr_writer *writer, uint64_t now_ms)
{
    mr_bell *bell = &writer->flow->writer_bell[writer->shard];
    mr_bell_announce(bell);
    if (mr_writer_do_work(writer, now_ms) > 0 || atomic_load(&writer->flow->stop)) {
        mr_bell_stay(bell);
        return;
    }
    uint64_t wake_ms = mr_wheel_next_ms(writer->retry.wheel);
    if (gate(writer) == MR_GATE_PARKED)
        wake_ms = writer->probe_ms;
    else if (writer->paused_until_ms > now_ms)
        wake_ms = writer->paused_until_ms;
    uint64_t wait = wake_ms > now_ms ? wake_ms - now_ms : 1;
    mr_bell_sleep(bell, wait < 1000 ? wait : 1000);
}

void mr_writer_close(mr_writer *writer)
{
    mr_owner_here(&writer->owner);
    mr_sql_close(writer->sql);
    mr_sql_free(writer->sql);
    mr_pulse_end(writer->pulse);
}
