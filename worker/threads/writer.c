#include "threads/writer.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "threads/give_back.h"
#include "writer_private.h"

#define KEEP_WARM_MS 20000 /* the session asks the server for a wait_timeout of 60 s */
#define SETTLED_MS   10000 /* live for so long, and its next probe waits no longer than the first */
#define ALONE_MS     30000 /* after a batch that failed beside another, so long one at a time */

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
    mr_writing_init(&writer->writing, flow, shard, writer->sql, writer->pulse);
    mr_batch_init(&writer->batch, flow->config, arena, pages);
    mr_retry_init(&writer->retry, flow->config, arena, pages, mr_clock_ns() + shard, now_ms);
    writer->probing = (mr_retry){.backoff_min_ms = flow->config->park.probe_min_ms,
                                 .backoff_max_ms = flow->config->park.probe_max_ms,
                                 .random = mr_clock_ns() - shard};
    writer->probe_ms = MR_PROBE_NOT_SCHEDULED;
    if (flow->seconds > 0)
        writer->second = mr_second_new(flow, shard, arena);
    return writer;
}

mr_second *mr_writer_second(const mr_writer *writer)
{
    return writer->second;
}

static mr_page *page_at(const mr_writer *writer, const mr_batch *batch, uint32_t i)
{
    return mr_pool_page(writer->flow->pool, batch->pages[i]);
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
        mr_page *page = mr_pool_page(writer->flow->pool, handle);
        mr_batch_add(&writer->batch, handle, page);
        /* The last that was queued: what its consumer keeps open for longer than it should may follow. */
        if (mr_ring_used(ring) == 0)
            mr_bell_ring(&writer->flow->consumer_bell[page->consumer]);
    }
}

/* ---- what became of a batch ---- */

void mr_writer_explain(mr_writer *writer, const mr_sql_result *result, const char *what)
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
    writer->probe_ms = MR_PROBE_NOT_SCHEDULED;
    writer->drifted = false;
    mr_gate_explain(writer->gates, writer->shard, 0, "");
    mr_log(MR_LOG_INFO, "shard_live", MR_FIELDS(.shard = writer->about->name), "the shard takes rows%s",
           writer->ever_live ? " again" : "");
    writer->ever_live = true;
}

/* Whether it was live for long enough to be trusted again: then the count of probes begins anew. */
bool mr_writer_is_settled(mr_writer *writer, uint64_t now_ms)
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
    if (mr_writer_gate(writer) != MR_GATE_PARKED || writer->probe_ms != MR_PROBE_NOT_SCHEDULED ||
        !mr_writer_is_settled(writer, now_ms))
        return;
    writer->probes = 1;
    mr_gate_turn(writer->gates, writer->shard, MR_GATE_PARKED, MR_GATE_LIVE);
}

/* Tries to close the gate; true when it is closed. */
static bool park(mr_writer *writer)
{
    return !mr_gate_is_open(mr_writer_gate(writer)) ||
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
static uint32_t retry_later(mr_writer *writer, mr_batch *batch, bool count, uint64_t now_ms)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        mr_page *page = page_at(writer, batch, i);
        uint32_t attempts = atomic_load_explicit(&page->attempts, memory_order_relaxed) + count;
        atomic_fetch_add_explicit(&page->tries, 1, memory_order_relaxed);
        atomic_store_explicit(&page->attempts, attempts, memory_order_relaxed);
        uint64_t due_ms = mr_retry_schedule(&writer->retry, batch->pages[i], attempts ? attempts : 1, now_ms);
        atomic_store_explicit(&page->due_ms, due_ms, memory_order_relaxed);
        most = attempts > most ? attempts : most;
    }
    mr_batch_clear(batch);
    return most;
}

/* Nothing that waiting mends by itself: closes the gate, or waits where no other shard is live. */
static void set_aside(mr_writer *writer, const mr_sql_result *result, const char *what, uint64_t now_ms)
{
    mr_writer_explain(writer, result, what);
    if (!park(writer))
        pause_shard(writer, result, now_ms);
}

static void count_failure(mr_writer *writer, const mr_batch *batch, const mr_sql_result *result,
                          uint64_t now_ms)
{
    writer->alone_until_ms = now_ms + ALONE_MS;
    mr_metric_db_error(writer->flow->metrics, writer->shard, result->db_class, result->code);
    if (batch->count > 0)
        mr_metric_add(writer->flow->metrics, MR_M_RETRIES, writer->shard, result->db_class, 1);
}

static void say_retried(const mr_writer *writer, const mr_batch *batch, const mr_sql_result *result)
{
    mr_log(MR_LOG_INFO, "batch_retried",
           MR_FIELDS(.shard = writer->about->name, .code = result->code, .sqlstate = result->sqlstate),
           "a batch of %u rows failed (%s) and will be tried again", batch->rows,
           mr_db_class_name(result->db_class));
}

static void deal_with(mr_writer *writer, mr_written written, const mr_sql_result *result, uint64_t now_ms)
{
    static const char refused[] = "it refuses too many rows";
    bool transient = result->db_class == MR_DB_TRANSIENT;
    count_failure(writer, &writer->batch, result, now_ms);
    writer->drifted = writer->drifted || written == MR_WRITE_DRIFT;
    if (mr_writer_gate(writer) == MR_GATE_PROBED) {
        mr_writer_explain(writer, result, written == MR_WRITE_DRIFT ? refused : "its first batch failed");
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
        say_retried(writer, &writer->batch, result);
    } else {
        mr_writer_explain(writer, result, "it does not answer");
        if (writer->ever_live || !park(writer))
            pause_shard(writer, result, now_ms);
    }
    uint32_t attempts = retry_later(writer, &writer->batch, transient, now_ms);
    if (transient && attempts >= writer->config->retry.attempts_max)
        set_aside(writer, result, "a batch failed too often", now_ms);
}

/* ---- calls ---- */

mr_sql_result mr_writer_connect(mr_writer *writer)
{
    mr_sql_result result = mr_writing_connect(&writer->writing);
    writer->touched_ms = mr_clock_ms();
    return result;
}

/* A batch is committed, by whichever connection. */
static void return_durable(mr_writer *writer, mr_batch *batch, uint64_t took_us, uint64_t now_ms)
{
    mr_gate_wrote(writer->gates, writer->shard, took_us / 1000, now_ms);
    /* Before the pages: a consumer that sees them sees the gate.  What the other connection began before a probe does not answer it. */
    succeeded(writer, batch == &writer->batch, now_ms);
    mr_give_back_durable(writer->flow, writer->shard, batch);
    mr_batch_clear(batch);
    reopen_after_hiccup(writer, now_ms);
}

static void note_time(const mr_writer *writer, uint64_t took_us)
{
    mr_metric_observe(writer->flow->metrics, MR_M_WRITE_DURATION, writer->shard, 0, took_us, 1);
    mr_metric_add(writer->flow->metrics, MR_M_WRITER_BUSY, writer->shard, 0, took_us);
}

static void note_pending(const mr_writer *writer)
{
    mr_metric_set(writer->flow->metrics, MR_M_RETRY_PENDING, writer->shard, 0,
                  mr_wheel_pending(writer->retry.wheel));
}

static void make_durable(mr_writer *writer)
{
    uint64_t began_ns = mr_clock_ns();
    mr_sql_result result = {.db_class = MR_DB_OK};
    mr_written written = MR_WRITE_FAILED;
    for (uint32_t i = 0; i < writer->batch.count; i++)
        atomic_store_explicit(&page_at(writer, &writer->batch, i)->due_ms, 0, memory_order_relaxed);
    if (!mr_sql_connected(writer->sql))
        result = mr_writer_connect(writer);
    if (result.db_class == MR_DB_OK)
        written = mr_writing_batch(&writer->writing, &writer->batch, &result);
    uint64_t took_us = (mr_clock_ns() - began_ns) / 1000;
    note_time(writer, took_us);
    writer->touched_ms = mr_clock_ms();
    if (written == MR_WRITTEN)
        return_durable(writer, &writer->batch, took_us, writer->touched_ms);
    else
        deal_with(writer, written, &result, writer->touched_ms);
    note_pending(writer);
}

/* ---- the second connection ---- */

static uint32_t queued(const mr_writer *writer)
{
    uint32_t pages = 0;
    for (uint32_t c = 0; c < writer->flow->consumers; c++)
        pages += mr_ring_used(mr_flow_pages(writer->flow, c, writer->shard));
    return pages;
}

/* The batch goes to the second connection when it is whole and as much again is queued; only while all is well. */
static bool hand_over(mr_writer *writer, uint64_t now_ms)
{
    if (!writer->second || now_ms < writer->alone_until_ms || mr_writer_gate(writer) != MR_GATE_LIVE ||
        !mr_batch_full(&writer->batch) || queued(writer) < writer->batch.count ||
        !mr_second_is_free(writer->second))
        return false;
    mr_batch *theirs = mr_second_batch(writer->second), whole = writer->batch;
    writer->batch = *theirs;
    *theirs = whole;
    mr_second_give(writer->second);
    return true;
}

/* What the second connection has done with its batch. */
static uint32_t settle_second(mr_writer *writer)
{
    const mr_second_end *end = writer->second ? mr_second_ended(writer->second) : NULL;
    if (!end)
        return 0;
    mr_batch *batch = mr_second_batch(writer->second);
    uint64_t now_ms = mr_clock_ms();
    note_time(writer, end->took_us);
    if (end->written == MR_WRITTEN) {
        mr_drift_count(&writer->writing.drift, 0, batch->rows);
        return_durable(writer, batch, end->took_us, now_ms);
    } else {
        count_failure(writer, batch, &end->result, now_ms);
        say_retried(writer, batch, &end->result);
        retry_later(writer, batch, end->result.db_class == MR_DB_TRANSIENT, now_ms);
        note_pending(writer);
    }
    mr_second_settled(writer->second);
    return 1;
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
        result = mr_writer_connect(writer);
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

/* ---- the thread ---- */

uint32_t mr_writer_do_work(mr_writer *writer, uint64_t now_ms)
{
    mr_owner_here(&writer->owner);
    mr_pulse_turn(writer->pulse, now_ms);
    uint32_t settled = settle_second(writer);
    mr_gate_state now = mr_writer_gate(writer);
    if (now == MR_GATE_PARKED || now == MR_GATE_HELD)
        return settled + mr_writer_stay_closed(writer, now, now_ms);
    if (now == MR_GATE_PROBED && !mr_gate_has_entries(writer->gates, writer->shard))
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_PROBED, MR_GATE_LIVE); /* nothing to try */
    if (now == MR_GATE_LIVE)
        note_live(writer, now_ms);
    if (now_ms < writer->paused_until_ms)
        return settled;
    take_due(writer, now_ms);
    bool again = writer->batch.count > 0; /* what has failed once is this connection's */
    take_sealed(writer);
    if (writer->batch.count == 0)
        return settled + keep_warm(writer, now_ms);
    if (!again && hand_over(writer, now_ms))
        take_sealed(writer);
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
    if (mr_writer_gate(writer) == MR_GATE_PARKED)
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
