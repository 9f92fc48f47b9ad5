/* A shard: a table in memory, its transactions, and everything that a server can answer. */
#include <stdio.h>
#include <string.h>

#include "checker.h"
#include "edges/sql.h"
#include "world.h"

#define TRANSACTION_MAX 2048
#define AT_ONCE         3 /* rows of a statement, where there is no array binding */
#define AHEAD           3 /* writes sent before the first is answered, where there is */

typedef struct written {
    uint32_t event;
    unsigned char id[40];
    size_t id_len;
} written;

typedef struct unanswered {
    uint32_t stream, rows;
    unsigned char *records;
} unanswered;

struct mr_sql {
    instance *owner;
    const mr_config *config;
    uint32_t index, shard; /* as the worker counts; by name */
    const mr_layout *layouts;
    bool connected, broken; /* broken: the server has closed it, the client does not know yet */
    bool must_end;          /* its transaction has failed: only a rollback or a close may follow */
    bool doubtful;          /* a commit has failed: only a close may follow */
    mr_db_class said;       /* of the last connect, statement or commit */
    uint64_t commits;       /* that were answered well */
    written *rows;          /* of the open transaction */
    uint32_t row_count;
    unanswered sent[AHEAD];
    uint32_t sent_count, answered;
    mr_db_class failed; /* the first of them that did, in a way that its batch fails by */
};

mr_sql *mr_sql_new(const mr_config *config, uint32_t shard, const mr_layout *layouts, mr_arena *arena)
{
    (void)arena;
    mr_sql *sql = sim_take(sizeof *sql);
    *sql = (mr_sql){.owner = sim_owner(),
                    .config = config,
                    .index = shard,
                    .shard = world_shard(sim_owner()->variant, shard),
                    .layouts = layouts,
                    .rows = sim_take(TRANSACTION_MAX * sizeof(written))};
    *(sql->owner->sql[shard] ? &sql->owner->second_sql[shard] : &sql->owner->sql[shard]) = sql;
    return sql;
}

void mr_sql_free(mr_sql *sql)
{
    mr_sql_close(sql);
}

/* ---- what the server answers ---- */

static sim_shard *server(const mr_sql *sql)
{
    return &world.shards[sql->shard];
}

static mr_sql_result answer(mr_sql *sql, unsigned code, mr_db_phase phase)
{
    mr_sql_result result = {.code = code, .field = MR_FIELDS_MAX};
    result.db_class = mr_db_classify(code, phase, code == 1290 ? "running with the --read-only option" : "");
    sql->said = result.db_class;
    snprintf(result.sqlstate, sizeof result.sqlstate, "HY000");
    if (phase == MR_DB_AT_CONNECT)
        snprintf(result.text, sizeof result.text, "error %u", code);
    if (result.db_class != MR_DB_ROW_POISON)
        server(sql)->well_since_us = sim_now_us();
    sim_say("shard s%u answers %u (%s)", sql->shard, code, mr_db_class_name(result.db_class));
    sim_note(code, sql->shard, 6);
    return result;
}

static mr_sql_result well(mr_sql *sql)
{
    sql->said = MR_DB_OK;
    return (mr_sql_result){.db_class = MR_DB_OK, .field = MR_FIELDS_MAX};
}

static void undo(mr_sql *sql)
{
    sql->row_count = 0;
}

/* The server is gone, or has closed the session; its transaction is undone. */
static mr_sql_result cut(mr_sql *sql, unsigned code, mr_db_phase phase)
{
    sql->broken = true;
    undo(sql);
    return answer(sql, code, phase);
}

/* A call takes its time; a frozen server lets it run into its timeout.  False: *result says how it failed. */
static bool reach(mr_sql *sql, mr_db_phase phase, mr_sql_result *result)
{
    sim_shard *to = server(sql);
    uint64_t takes = world.is.latency_us / 2 + sim_random(world.is.latency_us);
    if (to->trouble == SHARD_SLOW)
        takes = takes * 30 + 50000;
    if (sim_fault_now(F_DB_SLOW))
        takes += 1000 * sim_random(2500);
    uint64_t timeout = sql->config->shards[sql->index].read_timeout_s * UINT64_C(1000000);
    sim_sleep_us(takes < timeout ? takes : timeout);
    if (to->trouble == SHARD_FROZEN) {
        uint64_t end = sim_now_us() + timeout;
        sim_counts[C_HUNG]++;
        while (to->trouble == SHARD_FROZEN && sim_now_us() < end)
            sim_sleep_us(100000);
        if (to->trouble == SHARD_FROZEN) {
            *result = cut(sql, phase == MR_DB_AT_CONNECT ? 2002 : 2013, phase);
            return false;
        }
    }
    if (to->trouble == SHARD_DOWN || sql->broken) {
        *result = cut(sql, phase == MR_DB_AT_CONNECT ? 2003 : 2006, phase);
        return false;
    }
    return true;
}

/* ---- the connection ---- */

mr_sql_result mr_sql_connect(mr_sql *sql)
{
    static const unsigned wrong[] = {1045, 1049, 1146, 1142, 2026};
    static const unsigned trouble[] = {2002, 2005, 1040, 1226, 1053, 2013};
    mr_sql_result result;
    mr_sql_close(sql);
    sql->broken = sql->must_end = sql->doubtful = false;
    if (!reach(sql, MR_DB_AT_CONNECT, &result)) {
        sql->broken = false;
        return result;
    }
    if (server(sql)->trouble == SHARD_MISCONFIGURED)
        return answer(sql, wrong[server(sql)->code % 5], MR_DB_AT_CONNECT);
    if (server(sql)->trouble == SHARD_NARROW && server(sql)->code % 2) /* the tables are compared */
        return answer(sql, 1406, MR_DB_AT_CONNECT);
    if (sim_fault_now(F_DB_CONNECT))
        return answer(sql, trouble[sim_random(6)], MR_DB_AT_CONNECT);
    sql->connected = true;
    sim_say("connected to s%u", sql->shard);
    return well(sql);
}

bool mr_sql_connected(const mr_sql *sql)
{
    return sql->connected;
}

void mr_sql_close(mr_sql *sql)
{
    sql->connected = sql->must_end = sql->doubtful = false;
    sql->sent_count = sql->answered = 0;
    undo(sql);
}

uint64_t mr_sql_packet_bytes(const mr_sql *sql)
{
    return sql->connected ? UINT64_C(1) << 24 : 0;
}

/* ---- statements ---- */

static const char closed[] = "a connection whose commit has failed is closed";

static int64_t number_at(const mr_layout *layout, unsigned char *record, uint32_t field)
{
    int64_t value;
    memcpy(&value, mr_record_value(layout, record, field), sizeof value);
    return value;
}

static bool text_is(const mr_layout *layout, unsigned char *record, uint32_t field, const char *expected)
{
    size_t len = *mr_record_length(layout, record, field);
    return *mr_record_indicator(layout, record, field) == MR_VALUE_SET && len == strlen(expected) &&
           !memcmp(mr_record_value(layout, record, field), expected, len);
}

/* The row as it stands in the record, compared with the event that it says it is. */
static sim_event *read_row(const mr_sql *sql, uint32_t stream, unsigned char *record, written *row)
{
    const mr_layout *layout = &sql->layouts[stream];
    uint32_t at = stream == 0; /* behind the KSUID */
    int64_t n = number_at(layout, record, at);
    sim_check(n >= 0 && n < world.event_count, "2: a row's content is the event's",
              "a row says that it is event %lld", (long long)n);
    sim_event *event = &world.events[n];
    char message_id[32];
    snprintf(message_id, sizeof message_id, "m-%u", event->number);
    sim_check(event->topic == stream && text_is(layout, record, at + 1, event->type) &&
                  text_is(layout, record, at + 2, event->user) &&
                  text_is(layout, record, at + 3, message_id) &&
                  number_at(layout, record, at + 4) == event->offset,
              "2: a row's content is the event's", "the row of %s/%d@%lld has other columns than the event",
              topic_names[event->topic], event->partition, (long long)event->offset);
    row->event = (uint32_t)n;
    row->id_len = *mr_record_length(layout, record, stream == 0 ? 0 : 3);
    memcpy(row->id, mr_record_value(layout, record, stream == 0 ? 0 : 3), row->id_len);
    return event;
}

static bool is_there(const mr_sql *sql, const sim_event *event)
{
    bool there = event->row_shard == (int)sql->shard;
    for (uint32_t i = 0; i < sql->row_count && !there; i++)
        there = sql->rows[i].event == event->number;
    return there;
}

static bool holds(const mr_sql *sql, const sim_event *event)
{
    for (uint32_t i = 0; sql && i < sql->row_count; i++)
        if (sql->rows[i].event == event->number || (event->twin && sql->rows[i].event == event->twin->number))
            return true;
    return false;
}

/* Whether another transaction has locked the row, or its place in the unique key. */
static bool is_locked(const mr_sql *by, const sim_event *event)
{
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        for (uint32_t shard = 0; world.instances[i].state == INSTANCE_RUNS && shard < SHARDS_MAX; shard++) {
            const mr_sql *first = world.instances[i].sql[shard],
                         *second = world.instances[i].second_sql[shard];
            if ((first != by && first && first->shard == by->shard && holds(first, event)) ||
                (second != by && second && second->shard == by->shard && holds(second, event)))
                return true;
        }
    return false;
}

/* Adds a statement's rows to the transaction, or none of them: code of the error.  *existing: those that were there before. */
static unsigned add_rows(mr_sql *sql, uint32_t stream, unsigned char **records, uint32_t count,
                         uint32_t *existing, bool *collides)
{
    static const unsigned poison[] = {1406, 1366, 1048, 1264, 3819};
    uint32_t before = sql->row_count;
    bool narrow = server(sql)->trouble == SHARD_NARROW;
    *existing = 0;
    *collides = false;
    for (uint32_t i = 0; i < count; i++) {
        written *row = &sql->rows[sql->row_count];
        sim_event *event = read_row(sql, stream, records[i], row);
        if (is_locked(sql, event)) {
            sql->row_count = before;
            sim_counts[C_LOCKED]++;
            return 1205;
        }
        event->narrowed = event->narrowed || (narrow && event->kind == EVENT_GOOD);
        *collides = event->twin && !is_there(sql, event) && is_there(sql, event->twin);
        event->collided = event->collided || *collides;
        sim_counts[C_COLLIDED] += *collides;
        if (event->kind == EVENT_POISON || narrow || *collides) {
            sql->row_count = before;
            return *collides ? 1062 : poison[event->number % 5];
        }
        *existing += is_there(sql, event);
        sim_check(++sql->row_count < TRANSACTION_MAX, "simulator", "a transaction of too many rows");
    }
    return 0;
}

/* An error of the whole statement, by what is wrong with the server; 0: none. */
static unsigned trouble_of(mr_sql *sql, uint32_t rows)
{
    static const unsigned transient[] = {1213, 1205, 1020, 3024, 1317};
    static const unsigned other[] = {1615, 1021, 1114, 1290, 1792, 1243, 1146, 1158, 1927};
    static const unsigned lost[] = {2013, 2006, 2055, 1053, 4031};
    switch (server(sql)->trouble) {
    case SHARD_READ_ONLY:
        return 1290;
    case SHARD_MISCONFIGURED:
        return 1146;
    case SHARD_FULL:
        return sim_random(2) ? 1021 : 1114;
    case SHARD_SMALL_PACKETS:
        if (rows > 2)
            return 1153;
        break;
    case SHARD_DEADLOCKS:
        if (sim_random(3) == 0)
            return sim_random(2) ? 1213 : 1205;
        break;
    default:
        break;
    }
    if (sim_fault_now(F_DB_TRANSIENT))
        return transient[sim_random(5)];
    if (sim_fault_now(F_DB_CUT))
        return lost[sim_random(5)];
    if (!sim_fault_now(F_DB_OTHER))
        return 0;
    return sim_is_on(F_UNSEEN) && sim_random(2) ? 1146
                                                : other[sim_random(9)]; /* which closes the gate at once */
}

static void check_ready(const mr_sql *sql, const char *doing)
{
    sim_check(sql->sent_count == 0, "what was sent is answered first", "s%u: %s before that", sql->shard,
              doing);
    sim_check(!sql->must_end, "a failed transaction is rolled back",
              "s%u: %s in a transaction that has failed", sql->shard, doing);
}

/* The server runs a statement, also one that came behind another that has failed. */
static mr_sql_result run(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    const mr_layout *layout = &sql->layouts[stream];
    unsigned char *sent[MR_PAGE_ROWS_MAX];
    uint32_t count = 0;
    sim_check(sql->connected && rows > 0, "must", "a write without a connection, or of no row");
    for (uint32_t i = 0; i < rows; i++)
        if (!mr_record_skipped(layout, records + (uint64_t)i * layout->size))
            sent[count++] = records + (uint64_t)i * layout->size;
    if (count == 0)
        return well(sql);
    sim_check(!sql->doubtful, closed, "s%u: a statement", sql->shard);
    check_writes(sql->owner, sql->index);
    mr_sql_result result = well(sql);
    uint32_t serial = check_page_begin(sql->owner, records);
    bool reached = reach(sql, MR_DB_AT_STATEMENT, &result);
    check_page_end(sql->owner, records, serial);
    if (!reached)
        return result;
    unsigned code = trouble_of(sql, count);
    if (code) {
        if (code == 1213 || code == 1020)
            undo(sql);
        result = answer(sql, code, MR_DB_AT_STATEMENT);
        if (!mr_db_class_keeps_connection(result.db_class) && sim_random(4)) {
            sql->broken = true;
            undo(sql);
        }
        sql->must_end = true;
        return result;
    }
    uint32_t at_once = world.is.multi_row ? AT_ONCE : count;
    for (uint32_t from = 0, rows_now, existing; from < count; from += at_once) {
        rows_now = count - from < at_once ? count - from : at_once;
        bool collides;
        code = add_rows(sql, stream, sent + from, rows_now, &existing, &collides);
        if (code) {
            uint32_t left = result.rows_left;
            result = answer(sql, code, MR_DB_AT_STATEMENT);
            sql->must_end = sql->must_end || code == 1205;
            result.unique_conflict = collides;
            result.rows_left = left;
            return result;
        }
        result.rows_existing += existing;
        result.rows_left += rows_now - existing;
    }
    result.rows_left = 0;
    return result;
}

mr_sql_result mr_sql_write(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    check_ready(sql, "a statement");
    return run(sql, stream, records, rows);
}

uint32_t mr_sql_ahead(const mr_sql *sql)
{
    return sql->connected && !world.is.multi_row ? AHEAD : 0;
}

mr_sql_result mr_sql_send(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    sim_check(sql->connected && sql->sent_count < AHEAD && sql->answered == 0, "must",
              "a write is sent without a connection, or too many are");
    sim_check(!sql->doubtful && !sql->must_end, "a failed transaction is rolled back",
              "s%u: a statement is sent in a transaction that has failed", sql->shard);
    if (sql->broken && sim_random(2)) { /* else the answer says so */
        mr_sql_result result = cut(sql, 2006, MR_DB_AT_STATEMENT);
        mr_sql_close(sql);
        return result;
    }
    if (sql->sent_count == 0)
        sql->failed = MR_DB_OK;
    sql->sent[sql->sent_count++] = (unanswered){.stream = stream, .rows = rows, .records = records};
    return well(sql);
}

mr_sql_result mr_sql_answer(mr_sql *sql)
{
    sim_check(sql->connected && sql->answered < sql->sent_count, "must", "an answer to nothing");
    unanswered of = sql->sent[sql->answered++];
    if (sql->answered == sql->sent_count)
        sql->answered = sql->sent_count = 0;
    else
        sim_counts[C_AHEAD]++;
    mr_sql_result result = run(sql, of.stream, of.records, of.rows);
    bool whole = sql == sql->owner->second_sql[sql->index]; /* a row that is refused fails its batch */
    if (sql->failed == MR_DB_OK && (whole || result.db_class != MR_DB_ROW_POISON))
        sql->failed = result.db_class;
    if (sql->failed != MR_DB_OK)
        sql->said = sql->failed;
    return result;
}

/* Everything becomes durable at once. */
static void make_durable(mr_sql *sql)
{
    for (uint32_t i = 0; i < sql->row_count; i++)
        check_row(sql->owner, sql->shard, sql->rows[i].event, sql->rows[i].id, sql->rows[i].id_len);
    sim_note(sql->row_count, sql->shard, 7);
    if (sql->row_count > 0)
        sim_say("%u rows are durable in s%u, %s/%d@%lld first", sql->row_count, sql->shard,
                topic_names[world.events[sql->rows[0].event].topic],
                world.events[sql->rows[0].event].partition,
                (long long)world.events[sql->rows[0].event].offset);
    undo(sql);
}

mr_sql_result mr_sql_commit(mr_sql *sql)
{
    static const unsigned codes[] = {2013, 2006, 1053, 1180, 1205, 3032, 2055};
    mr_sql_result result;
    sim_check(sql->connected, "must", "a commit without a connection");
    check_ready(sql, "a commit");
    bool ambiguous = !sql->broken && server(sql)->trouble != SHARD_DOWN && sim_fault_now(F_DB_COMMIT);
    if (ambiguous && sim_random(2)) { /* done, and then nobody says so */
        sim_counts[C_AMBIGUOUS]++;
        sim_say("the next commit is done, but its answer is lost");
        make_durable(sql);
    }
    sql->doubtful = true;
    if (!reach(sql, MR_DB_AT_COMMIT, &result))
        return result;
    if (ambiguous) {
        sim_counts[C_AMBIGUOUS]++;
        return cut(sql, codes[sim_random(7)], MR_DB_AT_COMMIT);
    }
    make_durable(sql);
    sql->doubtful = false;
    sim_counts[C_SECOND] += sql == sql->owner->second_sql[sql->index];
    sql->commits++;
    return well(sql);
}

mr_sql_result mr_sql_rollback(mr_sql *sql)
{
    mr_sql_result result;
    mr_db_class before = sql->said;
    sim_check(sql->connected, "must", "a rollback without a connection");
    sim_check(!sql->doubtful, closed, "s%u: a rollback", sql->shard);
    sim_check(sql->sent_count == 0, "what was sent is answered first", "s%u: a rollback before that",
              sql->shard);
    bool reached = reach(sql, MR_DB_AT_STATEMENT, &result);
    if (reached && sim_fault_now(F_DB_CUT)) {
        result = cut(sql, 2013, MR_DB_AT_STATEMENT);
        reached = false;
    }
    sql->said = before; /* what the batch has failed of */
    if (!reached)
        return result;
    undo(sql);
    sql->must_end = false;
    return (mr_sql_result){.db_class = MR_DB_OK, .field = MR_FIELDS_MAX};
}

/* Whether something of it is still in a transaction. */
bool sql_is_open(const mr_sql *sql)
{
    return sql->row_count > 0;
}

mr_db_class sql_said(const mr_sql *sql)
{
    return sql->said;
}

uint64_t sql_commits(const mr_sql *sql)
{
    return sql->commits;
}
