#include "threads/writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "edges/sql.h"
#include "stages/batch.h"
#include "stages/retry.h"

#define KEEP_WARM_MS 20000 /* the session asks the server for a wait_timeout of 60 s */

struct mr_writer {
    mr_flow *flow;
    const mr_config *config;
    const mr_shard *about; /* the shard's configuration */
    uint32_t shard;
    mr_sql *sql;
    mr_batch batch;
    mr_retry retry;
    uint32_t next_consumer; /* rings are served in turn */
    uint32_t failures;      /* of the shard, in a row */
    uint64_t paused_until_ms;
    uint32_t rows_per_write; /* lowered when the server finds a statement too big */
    mr_shard_state state;
    uint64_t touched_ms; /* when the connection was last used or tried; 0: never */
};

mr_writer *mr_writer_new(mr_flow *flow, uint32_t shard, mr_arena *arena, uint64_t now_ms)
{
    mr_writer *writer = mr_arena_take(arena, "writers", 1, sizeof *writer);
    uint32_t pages = mr_pool_pages(flow->pool);
    writer->flow = flow;
    writer->config = flow->config;
    writer->about = &flow->config->shards[shard];
    writer->shard = shard;
    writer->rows_per_write = UINT32_MAX;
    writer->sql = mr_sql_new(flow->config, shard, flow->plan->layouts, arena);
    mr_batch_init(&writer->batch, flow->config, arena, pages);
    mr_retry_init(&writer->retry, flow->config, arena, pages, mr_clock_ns() + shard, now_ms);
    mr_metric_set(flow->metrics, MR_M_SHARD_STATE, shard, MR_SHARD_LIVE, 1);
    return writer;
}

static mr_page *page_at(const mr_writer *writer, uint32_t i)
{
    return mr_pool_page(writer->flow->pool, writer->batch.pages[i]);
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

/* ---- writing ---- */

static mr_sql_result write_rows(mr_writer *writer, const mr_page *page, uint32_t from, uint32_t to,
                                uint32_t *existing)
{
    uint32_t at_once = mr_batch_rows_per_write(page, mr_sql_packet_bytes(writer->sql));
    mr_sql_result result = {.db_class = MR_DB_OK};
    at_once = at_once < writer->rows_per_write ? at_once : writer->rows_per_write;
    for (uint32_t row = from; row < to && result.db_class == MR_DB_OK; row += at_once) {
        uint32_t rows = to - row < at_once ? to - row : at_once;
        result = mr_sql_write(writer->sql, page->stream, mr_page_record(page, row), rows);
        *existing += result.rows_existing;
    }
    return result;
}

static mr_sql_result write_batch(mr_writer *writer)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    for (uint32_t i = 0; i < writer->batch.count; i++) {
        mr_page *page = page_at(writer, i);
        page->rows_existing = 0;
        result = write_rows(writer, page, 0, page->rows, &page->rows_existing);
        if (result.db_class != MR_DB_OK)
            return result;
    }
    return mr_sql_commit(writer->sql);
}

/* ---- what became of it ---- */

static void set_state(mr_writer *writer, mr_shard_state state)
{
    if (state == writer->state)
        return;
    mr_metric_set(writer->flow->metrics, MR_M_SHARD_STATE, writer->shard, writer->state, 0);
    mr_metric_set(writer->flow->metrics, MR_M_SHARD_STATE, writer->shard, state, 1);
    writer->state = state;
    if (state == MR_SHARD_LIVE)
        mr_log(MR_LOG_INFO, "shard_live", MR_FIELDS(.shard = writer->about->name),
               "the shard takes rows again");
}

/* Ages in runs: neighbours in a page mostly come from the same millisecond. */
static void observe_ages(mr_writer *writer, const mr_page *page, int64_t wall_ms)
{
    uint64_t times = 0;
    int64_t of = -1;
    for (uint32_t row = 0; row < page->rows; row++) {
        int64_t at = ((const mr_record *)(const void *)mr_page_record(page, row))->timestamp_ms;
        if (at != of && times > 0) {
            mr_metric_observe(writer->flow->metrics, MR_M_EVENT_AGE, page->stream, 0,
                              wall_ms > of ? (uint64_t)(wall_ms - of) : 0, times);
            times = 0;
        }
        of = at;
        times += at >= 0;
    }
    if (times > 0)
        mr_metric_observe(writer->flow->metrics, MR_M_EVENT_AGE, page->stream, 0,
                          wall_ms > of ? (uint64_t)(wall_ms - of) : 0, times);
}

static void return_durable(mr_writer *writer)
{
    mr_metrics *metrics = writer->flow->metrics;
    int64_t wall_ms = mr_clock_wall_ms();
    for (uint32_t i = 0; i < writer->batch.count; i++) {
        mr_page *page = page_at(writer, i);
        mr_metric_add(metrics, MR_M_ROWS_WRITTEN, page->stream, writer->shard, page->rows);
        if (page->rows_existing > 0)
            mr_metric_add(metrics, MR_M_ROWS_EXISTING, page->stream, writer->shard, page->rows_existing);
        observe_ages(writer, page, wall_ms);
        uint32_t consumer = page->consumer; /* after the push the page is the consumer's */
        mr_ring_push(mr_flow_done(writer->flow, consumer, writer->shard), writer->batch.pages[i]);
        mr_bell_ring(&writer->flow->consumer_bell[consumer]);
    }
    mr_metric_observe(metrics, MR_M_BATCH_ROWS, writer->shard, 0, writer->batch.rows, 1);
    writer->failures = 0;
    set_state(writer, MR_SHARD_LIVE);
}

/* To the wheel, each page with its attempts. */
static void retry_later(mr_writer *writer, uint64_t now_ms)
{
    for (uint32_t i = 0; i < writer->batch.count; i++) {
        mr_page *page = page_at(writer, i);
        mr_retry_schedule(&writer->retry, writer->batch.pages[i], ++page->attempts, now_ms);
    }
}

/* Ends a failed transaction so that nothing of it can be committed by what follows. */
static void clear_up(mr_writer *writer, mr_db_class db_class)
{
    if (!mr_sql_connected(writer->sql))
        return;
    if (!mr_db_class_keeps_connection(db_class) || mr_sql_rollback(writer->sql).db_class != MR_DB_OK)
        mr_sql_close(writer->sql);
}

static mr_sql_result try_rows(mr_writer *writer, const mr_page *page, uint32_t from, uint32_t to)
{
    uint32_t existing = 0;
    mr_sql_result result = write_rows(writer, page, from, to, &existing);
    clear_up(writer, result.db_class);
    return result;
}

/* Finds the one row that the database refuses, by halves; false when the refusal is not one row's (or not to be had again). */
static bool find_refused(mr_writer *writer, const mr_record **refused, mr_sql_result *why)
{
    for (uint32_t i = 0; i < writer->batch.count; i++) {
        const mr_page *page = page_at(writer, i);
        uint32_t from = 0, to = page->rows;
        mr_sql_result result = try_rows(writer, page, from, to);
        if (result.db_class == MR_DB_OK)
            continue;
        while (to - from > 1 && mr_sql_connected(writer->sql)) {
            uint32_t middle = from + (to - from) / 2;
            mr_sql_result half = try_rows(writer, page, from, middle);
            if (half.db_class == MR_DB_OK) {
                from = middle;
            } else {
                to = middle;
                result = half;
            }
        }
        *refused = (const mr_record *)(const void *)mr_page_record(page, from);
        *why = result;
        return mr_sql_connected(writer->sql);
    }
    return false;
}

/* A row that cannot be stored stops the worker: nothing past it is committed, and it is never dropped. */
static bool stop_for_refused(mr_writer *writer, mr_sql_result result)
{
    const mr_record *row;
    uint32_t stream = page_at(writer, 0)->stream;
    if (!find_refused(writer, &row, &result))
        return false;
    const char *name = writer->config->streams[stream].name;
    mr_log(MR_LOG_ERROR, "row_refused",
           MR_FIELDS(.stream = name, .shard = writer->about->name, .code = result.code,
                     .sqlstate = result.sqlstate, .has_position = true, .partition = row->partition,
                     .offset = row->offset),
           "the database refuses this row");
    mr_flow_fail(
        writer->flow, MR_DATA,
        "shard %s refuses the row of stream %s, partition %d, offset %lld with error %u (%s): mend the table "
        "or the event; nothing past it was committed",
        writer->about->name, name, row->partition, (long long)row->offset, result.code, result.sqlstate);
    return true;
}

/* The shard as a whole is in trouble: take nothing new until it is tried again. */
static void pause_shard(mr_writer *writer, const mr_sql_result *result, uint64_t now_ms)
{
    writer->failures++;
    writer->paused_until_ms = now_ms + mr_retry_delay_ms(&writer->retry, writer->failures);
    set_state(writer, MR_SHARD_RETRYING);
    mr_log(MR_LOG_WARN, "shard_trouble",
           MR_FIELDS(.shard = writer->about->name, .code = result->code, .sqlstate = result->sqlstate),
           "the shard does not take rows (%s), attempt %u, trying again%s%s",
           mr_db_class_name(result->db_class), writer->failures, result->text[0] ? ": " : "", result->text);
}

static void deal_with(mr_writer *writer, mr_sql_result result, uint64_t now_ms)
{
    mr_metric_db_error(writer->flow->metrics, writer->shard, result.db_class, result.code);
    clear_up(writer, result.db_class);
    switch (result.db_class) {
    case MR_DB_TRANSIENT:
    case MR_DB_STATEMENT:
        mr_log(MR_LOG_INFO, "batch_retried",
               MR_FIELDS(.shard = writer->about->name, .code = result.code, .sqlstate = result.sqlstate),
               "a batch of %u rows failed (%s) and will be tried again", writer->batch.rows,
               mr_db_class_name(result.db_class));
        break;
    case MR_DB_TOO_BIG: {
        uint32_t most = writer->rows_per_write < MR_PAGE_ROWS_MAX ? writer->rows_per_write : MR_PAGE_ROWS_MAX;
        if (most == 1 && stop_for_refused(writer, result))
            return;
        writer->rows_per_write = most > 1 ? most / 2 : 1;
        break;
    }
    case MR_DB_ROW_POISON:
    case MR_DB_UNKNOWN:
        if (stop_for_refused(writer, result))
            return;
        pause_shard(writer, &result, now_ms);
        break;
    default:
        pause_shard(writer, &result, now_ms);
    }
    mr_metric_add(writer->flow->metrics, MR_M_RETRIES, writer->shard, result.db_class, 1);
    retry_later(writer, now_ms);
}

static void make_durable(mr_writer *writer)
{
    mr_metrics *metrics = writer->flow->metrics;
    uint64_t began_ns = mr_clock_ns();
    mr_sql_result result = {.db_class = MR_DB_OK};
    if (!mr_sql_connected(writer->sql))
        result = mr_sql_connect(writer->sql);
    if (result.db_class == MR_DB_OK)
        result = write_batch(writer);
    uint64_t took_us = (mr_clock_ns() - began_ns) / 1000;
    mr_metric_observe(metrics, MR_M_WRITE_DURATION, writer->shard, 0, took_us, 1);
    mr_metric_add(metrics, MR_M_WRITER_BUSY, writer->shard, 0, took_us);
    if (result.db_class == MR_DB_OK)
        return_durable(writer);
    else
        deal_with(writer, result, mr_clock_ms());
    mr_metric_set(metrics, MR_M_RETRY_PENDING, writer->shard, 0, mr_wheel_pending(writer->retry.wheel));
    mr_batch_clear(&writer->batch);
}

/* ---- the thread ---- */

/* Without work: connects ahead of the first batch, and keeps the session from running into its own wait_timeout. */
static uint32_t keep_warm(mr_writer *writer, uint64_t now_ms)
{
    if (writer->touched_ms != 0 && now_ms < writer->touched_ms + KEEP_WARM_MS)
        return 0;
    mr_sql_result result =
        mr_sql_connected(writer->sql) ? mr_sql_rollback(writer->sql) : mr_sql_connect(writer->sql);
    writer->touched_ms = mr_clock_ms();
    if (result.db_class == MR_DB_OK) {
        writer->failures = 0;
        set_state(writer, MR_SHARD_LIVE);
        return 1;
    }
    mr_metric_db_error(writer->flow->metrics, writer->shard, result.db_class, result.code);
    mr_sql_close(writer->sql);
    writer->touched_ms = 0; /* again when the pause is over */
    pause_shard(writer, &result, mr_clock_ms());
    return 1;
}

uint32_t mr_writer_do_work(mr_writer *writer, uint64_t now_ms)
{
    if (now_ms < writer->paused_until_ms || atomic_load_explicit(&writer->flow->failed, memory_order_relaxed))
        return 0;
    take_due(writer, now_ms);
    take_sealed(writer);
    if (writer->batch.count == 0)
        return keep_warm(writer, now_ms);
    make_durable(writer);
    writer->touched_ms = mr_clock_ms();
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
    uint64_t next_ms = mr_wheel_next_ms(writer->retry.wheel);
    uint64_t wake_ms = writer->paused_until_ms > now_ms ? writer->paused_until_ms : next_ms;
    uint64_t wait = wake_ms > now_ms ? wake_ms - now_ms : 1;
    mr_bell_sleep(bell, wait < 1000 ? wait : 1000);
}

void mr_writer_close(mr_writer *writer)
{
    mr_sql_close(writer->sql);
    mr_sql_free(writer->sql);
}
