#include "threads/writing.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "stages/reason.h"

#define PACKET_TOO_LARGE 1153
#define SINGLY                                                                                               \
    1000 /* batches, after a connection was lost with statements ahead: whoever is on the other side may not bear them */

_Static_assert(MR_REASON_COUNT <= UINT8_MAX, "mr_record.reason holds every reason");
_Static_assert(sizeof(((mr_record *)0)->sqlstate) == sizeof(((mr_sql_result *)0)->sqlstate),
               "one is copied into the other");

void mr_writing_init(mr_writing *writing, mr_flow *flow, uint32_t shard, mr_sql *sql, mr_pulse *pulse)
{
    *writing =
        (mr_writing){.flow = flow, .shard = shard, .sql = sql, .pulse = pulse, .rows_at_once = UINT32_MAX};
    mr_drift_init(&writing->drift, flow->config->dlq.drift_percent);
}

static const mr_layout *layout_of(const mr_writing *writing, const mr_page *page)
{
    return &writing->flow->plan->layouts[page->stream];
}

static mr_page *page_at(const mr_writing *writing, const mr_batch *batch, uint32_t i)
{
    return mr_pool_page(writing->flow->pool, batch->pages[i]);
}

/* A call to the database, for the watchdog. */
static void enter(const mr_writing *writing, const char *doing)
{
    const mr_shard *about = &writing->flow->config->shards[writing->shard];
    mr_pulse_enter(writing->pulse, doing, (about->read_timeout_s + about->write_timeout_s) * 1000u,
                   mr_clock_ms());
}

static void leave(const mr_writing *writing)
{
    mr_pulse_leave(writing->pulse, mr_clock_ms());
}

mr_sql_result mr_writing_connect(mr_writing *writing)
{
    const mr_config *config = writing->flow->config;
    const mr_shard *about = &config->shards[writing->shard];
    /* The name server, the connection, and the questions of a session and about each table, each with its own time-out: a server that is slow at
     * all of them is not a thread that is stuck. */
    uint64_t questions = MR_SQL_QUESTIONS + MR_SQL_QUESTIONS_A_STREAM * config->stream_count;
    uint64_t share = questions / MR_WATCHDOG_PATIENCE + 1;
    mr_pulse_enter(writing->pulse, "connecting",
                   (about->connect_timeout_s + share * about->read_timeout_s) * 1000u, mr_clock_ms());
    mr_sql_result result = mr_sql_connect(writing->sql);
    leave(writing);
    return result;
}

/* Ends a failed transaction so that nothing of it can be committed by what follows. */
static void clear_up(mr_writing *writing, mr_db_class db_class)
{
    enter(writing, "rolling back");
    if (mr_sql_connected(writing->sql) &&
        (!mr_db_class_keeps_connection(db_class) || mr_sql_rollback(writing->sql).db_class != MR_DB_OK))
        mr_sql_close(writing->sql);
    leave(writing);
}

/* ---- rows that are refused ---- */

static bool is_about_rows(mr_db_class db_class)
{
    return db_class == MR_DB_ROW_POISON || db_class == MR_DB_UNKNOWN;
}

static void refuse(const mr_writing *writing, mr_page *page, uint32_t row, const mr_sql_result *why)
{
    mr_record *record = mr_page_header(page, row);
    if (record->reason)
        return; /* by an earlier try of its batch */
    record->reason = (uint8_t)(why->db_class == MR_DB_TOO_BIG ? MR_REASON_TOO_LARGE
                               : why->unique_conflict         ? MR_REASON_UNIQUE
                                                              : MR_REASON_DB);
    record->code = (uint16_t)why->code;
    record->field = why->field;
    memcpy(record->sqlstate, why->sqlstate, sizeof record->sqlstate);
    mr_record_skip(layout_of(writing, page), mr_page_record(page, row));
    page->rows_refused++;
    mr_metric_db_error(writing->flow->metrics, writing->shard, why->db_class, why->code);
    mr_log(MR_LOG_WARN, "row_refused",
           MR_FIELDS(.stream = writing->flow->config->streams[page->stream].name,
                     .shard = writing->flow->config->shards[writing->shard].name, .code = why->code,
                     .sqlstate = why->sqlstate, .has_position = true, .partition = record->partition,
                     .offset = record->offset),
           "the database refuses the row (%s): a dead letter, unless too many are refused",
           mr_db_class_name(why->db_class));
}

/* Takes marks back: the rows are the shard's again. */
static void unmark(const mr_writing *writing, mr_page *page)
{
    for (uint32_t row = 0; page->rows_refused > 0 && row < page->rows; row++) {
        mr_record *record = mr_page_header(page, row);
        if (!record->reason)
            continue;
        mr_record_unskip(layout_of(writing, page), mr_page_record(page, row));
        record->reason = 0;
        page->rows_refused--;
    }
}

typedef struct verdicts {
    uint32_t rows, refused;
    uint32_t unknown; /* of the refused, by an error that nobody knows */
} verdicts;

static verdicts judge(const mr_writing *writing, const mr_batch *batch)
{
    verdicts all = {.rows = batch->rows};
    for (uint32_t i = 0; i < batch->count; i++) {
        const mr_page *page = page_at(writing, batch, i);
        all.refused += page->rows_refused;
        for (uint32_t row = 0; page->rows_refused > 0 && row < page->rows; row++)
            all.unknown +=
                mr_page_header(page, row)->reason == MR_REASON_DB &&
                mr_db_classify(mr_page_header(page, row)->code, MR_DB_AT_STATEMENT, NULL) == MR_DB_UNKNOWN;
    }
    return all;
}

/* ---- statements ---- */

static mr_sql_result write_rows(mr_writing *writing, mr_page *page, uint32_t from, uint32_t to)
{
    enter(writing, "executing");
    mr_sql_result result = mr_sql_write(writing->sql, page->stream, mr_page_record(page, from), to - from);
    /* Rows that a refused range has left behind are written once more: they are not such as were there before. */
    page->rows_existing += result.rows_existing - result.rows_left;
    return result;
}

/* Rows [from, to) were refused together: finds out which.  Another error ends it. */
static mr_sql_result take_apart(mr_writing *writing, const mr_batch *batch, mr_page *page, uint32_t from,
                                uint32_t to)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    uint32_t row;
    mr_bisect_begin(&writing->bisect, from, to);
    while (mr_bisect_next(&writing->bisect, &from, &to)) {
        result = write_rows(writing, page, from, to);
        /* An answer, whichever: the shard is at work, however long this takes. */
        if (result.db_class == MR_DB_OK || is_about_rows(result.db_class))
            mr_gate_good(&writing->flow->gates, writing->shard, mr_clock_ms());
        if (result.db_class == MR_DB_OK) {
            mr_bisect_took(&writing->bisect);
        } else if (!is_about_rows(result.db_class)) {
            return result;
        } else if (mr_bisect_refused(&writing->bisect, &row)) {
            refuse(writing, page, row, &result);
            /* Too many already: the rest need not be known. */
            verdicts so_far = judge(writing, batch);
            if (mr_drift_exceeds(&writing->drift, so_far.refused, so_far.rows))
                return result;
        }
    }
    return (mr_sql_result){.db_class = MR_DB_OK};
}

static mr_sql_result write_page(mr_writing *writing, const mr_batch *batch, mr_page *page)
{
    static const mr_sql_result too_big = {
        .db_class = MR_DB_TOO_BIG, .code = PACKET_TOO_LARGE, .sqlstate = "08S01", .field = MR_FIELDS_MAX};
    uint64_t packet_bytes = mr_sql_packet_bytes(writing->sql);
    page->rows_existing = 0;
    for (uint32_t row = 0, rows; row < page->rows; row += rows) {
        rows = mr_batch_rows_that_fit(page, layout_of(writing, page), row, packet_bytes);
        rows = rows < writing->rows_at_once ? rows : writing->rows_at_once;
        if (rows == 0 && writing->whole)
            return too_big;
        if (rows == 0) {
            refuse(writing, page, row, &too_big); /* the server would cut the connection */
            rows = 1;
            continue;
        }
        mr_sql_result result = write_rows(writing, page, row, row + rows);
        if (is_about_rows(result.db_class) && !writing->whole)
            result = take_apart(writing, batch, page, row, row + rows);
        if (result.db_class == MR_DB_TOO_BIG && rows == 1 && !writing->whole)
            refuse(writing, page, row,
                   &result); /* the connection is gone; it is left out when the batch comes again */
        if (result.db_class != MR_DB_OK)
            return result;
    }
    return (mr_sql_result){.db_class = MR_DB_OK};
}

/* ---- statements sent one behind the other ---- */

static bool fits(const mr_writing *writing, const mr_page *page, uint64_t packet_bytes)
{
    return page->rows <= writing->rows_at_once &&
           mr_batch_rows_that_fit(page, layout_of(writing, page), 0, packet_bytes) == page->rows;
}

/* Sends the pages from `from` on, and then reads the answers.  *until: what is behind the last that was sent; page->refused: by the server, as a whole.
 * The first error that is not about rows. */
static mr_sql_result write_ahead(mr_writing *writing, const mr_batch *batch, uint32_t from, uint32_t *until)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    uint64_t packet_bytes = mr_sql_packet_bytes(writing->sql);
    uint32_t ahead = writing->singly > 0 ? 0 : mr_sql_ahead(writing->sql);
    for (*until = from; *until < batch->count && *until - from < ahead; ++*until) {
        mr_page *page = page_at(writing, batch, *until);
        if (!fits(writing, page, packet_bytes))
            break;
        enter(writing, "executing");
        result = mr_sql_send(writing->sql, page->stream, mr_page_record(page, 0), page->rows);
        if (result.db_class != MR_DB_OK)
            return result;
    }
    for (uint32_t i = from; i < *until; i++) {
        mr_page *page = page_at(writing, batch, i);
        enter(writing, "executing");
        mr_sql_result answer = mr_sql_answer(writing->sql);
        page->rows_existing = answer.rows_existing;
        page->refused = is_about_rows(answer.db_class);
        if (answer.db_class != MR_DB_OK && result.db_class == MR_DB_OK && (!page->refused || writing->whole))
            result = answer;
    }
    return result;
}

/* Pages whose rows were refused together, when everything else went well. */
static mr_sql_result take_refused_apart(mr_writing *writing, const mr_batch *batch, uint32_t from,
                                        uint32_t until)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    for (uint32_t i = from; i < until && result.db_class == MR_DB_OK; i++) {
        mr_page *page = page_at(writing, batch, i);
        if (page->refused)
            result = take_apart(writing, batch, page, 0, page->rows);
    }
    return result;
}

static mr_sql_result write_pages(mr_writing *writing, const mr_batch *batch)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    for (uint32_t i = 0, until; i < batch->count && result.db_class == MR_DB_OK; i = until) {
        result = write_ahead(writing, batch, i, &until);
        if (result.db_class == MR_DB_OK)
            result = take_refused_apart(writing, batch, i, until);
        if (result.db_class == MR_DB_OK && until == i)
            result = write_page(writing, batch, page_at(writing, batch, until++));
    }
    return result;
}

/* The server finds a statement too big: smaller ones from now on. */
static void split(mr_writing *writing)
{
    uint32_t most = writing->rows_at_once < MR_PAGE_ROWS_MAX ? writing->rows_at_once : MR_PAGE_ROWS_MAX;
    writing->rows_at_once = most > 1 ? most / 2 : 1;
}

mr_written mr_writing_batch(mr_writing *writing, const mr_batch *batch, mr_sql_result *result)
{
    *result = (mr_sql_result){.db_class = MR_DB_OK};
    *result = write_pages(writing, batch);
    if (result->db_class == MR_DB_TOO_BIG)
        split(writing);
    if (writing->singly > 0)
        writing->singly--;
    else if (!mr_db_class_keeps_connection(result->db_class))
        writing->singly = SINGLY;
    verdicts all = judge(writing, batch);
    bool drift = mr_drift_exceeds(&writing->drift, all.refused, all.rows);
    /* An error that nobody knows, and not a row without it: it is not the rows'. */
    bool all_unknown = all.unknown > 0 && all.unknown == all.rows;
    if (all.refused > 0 && (drift || all_unknown)) {
        for (uint32_t i = 0; i < batch->count; i++)
            unmark(writing, page_at(writing, batch, i));
        if (result->db_class == MR_DB_OK)
            result->db_class = MR_DB_ROW_POISON;
        clear_up(writing, result->db_class);
        return MR_WRITE_DRIFT;
    }
    if (result->db_class == MR_DB_OK) {
        enter(writing, "committing");
        *result = mr_sql_commit(writing->sql);
    }
    leave(writing);
    if (result->db_class != MR_DB_OK) {
        clear_up(writing, result->db_class);
        return MR_WRITE_FAILED;
    }
    mr_drift_count(&writing->drift, all.refused, all.rows);
    if (writing->rows_at_once < MR_PAGE_ROWS_MAX)
        writing->rows_at_once *= 2;
    return MR_WRITTEN;
}
