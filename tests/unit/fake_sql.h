/* fake_sql.h: a database of a few lines in place of edges/sql: the linker takes these before the library's, so threads/writer.c and writing.c run
 * as they are.  A row is its offset; one may be refused, and each kind of call can be told to fail.
 *
 * It asserts what every database would be told: nothing is written without a connection, and no batch begins within another's transaction (a test
 * says where one ends: fake_sql_rest).
 */
#ifndef MR_TESTS_FAKE_SQL_H
#define MR_TESTS_FAKE_SQL_H

#include "data/record.h"
#include "edges/sql.h"
#include <string.h>

enum { FAKE_SHARDS = 2, FAKE_OFFSETS = 4096, FAKE_POISON = 1406, FAKE_AHEAD_MAX = 4 };

typedef struct fake_failure {
    mr_db_class db_class; /* MR_DB_OK: none */
    uint32_t after;       /* calls that go well before */
    bool once;            /* and those behind it */
} fake_failure;

struct mr_sql {
    const mr_layout *layouts;
    bool connected, in_transaction;
    bool durable[FAKE_OFFSETS], added[FAKE_OFFSETS], refused[FAKE_OFFSETS];
    mr_db_class refuses_all; /* every row, with this */
    fake_failure connect, write, send, commit;
    uint32_t ahead; /* writes that may be sent before they are answered; 0: none */
    uint32_t sent, answered, most_sent;
    uint32_t runs; /* statements that the server has seen */
    struct {
        uint32_t stream, rows;
        unsigned char *records;
    } unanswered[FAKE_AHEAD_MAX];
    bool commit_done; /* a COMMIT that fails was done all the same */
    uint32_t connects, commits, rollbacks, closes;
    uint64_t *clock_ms; /* NULL, or a COMMIT moves it by commit_takes_ms */
    uint64_t commit_takes_ms;
};

static mr_sql fake_sql[FAKE_SHARDS];
static mr_sql
    fake_second_sql[FAKE_SHARDS]; /* the shard's other connection: whichever is made after the writer's */

static inline bool fake_fails(fake_failure *call, mr_sql_result *result)
{
    *result = (mr_sql_result){.db_class = MR_DB_OK, .field = MR_FIELDS_MAX};
    if (call->db_class == MR_DB_OK || call->after-- > 0)
        return false;
    call->after = 0;
    result->db_class = call->db_class;
    if (call->once)
        call->db_class = MR_DB_OK;
    result->code = 1;
    return true;
}

static inline void fake_end_transaction(mr_sql *sql, bool keep)
{
    for (uint32_t i = 0; i < FAKE_OFFSETS; i++)
        sql->durable[i] = sql->durable[i] || (keep && sql->added[i]);
    memset(sql->added, 0, sizeof sql->added);
    sql->in_transaction = false;
}

/* Between batches: no transaction may be open. */
static inline void fake_sql_rest(uint32_t shard)
{
    assert_false(fake_sql[shard].in_transaction);
}

static inline uint32_t fake_sql_rows(uint32_t shard)
{
    uint32_t rows = 0;
    for (uint32_t i = 0; i < FAKE_OFFSETS; i++)
        rows += fake_sql[shard].durable[i] || fake_second_sql[shard].durable[i];
    return rows;
}

mr_sql *mr_sql_new(const mr_config *config, uint32_t shard, const mr_layout *layouts, mr_arena *arena)
{
    (void)config;
    (void)arena;
    mr_sql *made = fake_sql[shard].layouts ? &fake_second_sql[shard] : &fake_sql[shard];
    *made = (mr_sql){.layouts = layouts};
    return made;
}

mr_sql_result mr_sql_connect(mr_sql *sql)
{
    mr_sql_result result;
    assert_false(sql->connected);
    sql->connects++;
    sql->connected = !fake_fails(&sql->connect, &result);
    return result;
}

bool mr_sql_connected(const mr_sql *sql)
{
    return sql->connected;
}

void mr_sql_close(mr_sql *sql)
{
    sql->closes += sql->connected;
    sql->connected = false;
    sql->sent = sql->answered = 0;
    fake_end_transaction(sql, false); /* the server sees the connection go */
}

void mr_sql_free(mr_sql *sql)
{
    mr_sql_close(sql);
}

uint64_t mr_sql_packet_bytes(const mr_sql *sql)
{
    return sql->connected ? UINT64_C(1) << 24 : 0;
}

/* A statement is whole: when a row of it is refused, none of it is in. */
static inline mr_sql_result fake_run(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    const mr_layout *layout = &sql->layouts[stream];
    mr_sql_result result;
    int64_t offsets[FAKE_OFFSETS];
    uint32_t count = 0;
    assert_true(sql->connected);
    sql->runs++;
    if (fake_fails(&sql->write, &result))
        return result;
    for (uint32_t row = 0; row < rows; row++) {
        const unsigned char *record = records + (size_t)row * layout->size;
        int64_t offset = ((const mr_record *)(const void *)record)->offset;
        if (mr_record_skipped(layout, record))
            continue;
        if (sql->refuses_all || sql->refused[offset])
            return (mr_sql_result){.db_class = sql->refuses_all ? sql->refuses_all : MR_DB_ROW_POISON,
                                   .code = sql->refuses_all == MR_DB_UNKNOWN ? 9999 : FAKE_POISON,
                                   .sqlstate = "22001",
                                   .field = MR_FIELDS_MAX};
        offsets[count++] = offset;
    }
    for (uint32_t i = 0; i < count; i++)
        sql->added[offsets[i]] = true;
    sql->in_transaction = sql->in_transaction || count > 0;
    return result;
}

mr_sql_result mr_sql_write(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    assert_true(sql->sent == sql->answered);
    return fake_run(sql, stream, records, rows);
}

uint32_t mr_sql_ahead(const mr_sql *sql)
{
    return sql->connected ? sql->ahead : 0;
}

mr_sql_result mr_sql_send(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    mr_sql_result result;
    assert_true(sql->connected && sql->sent < sql->ahead && sql->answered == 0);
    if (fake_fails(&sql->send, &result)) {
        mr_sql_close(sql);
        return result;
    }
    sql->unanswered[sql->sent].stream = stream;
    sql->unanswered[sql->sent].records = records;
    sql->unanswered[sql->sent++].rows = rows;
    sql->most_sent = sql->sent > sql->most_sent ? sql->sent : sql->most_sent;
    return result;
}

mr_sql_result mr_sql_answer(mr_sql *sql)
{
    assert_true(sql->connected && sql->answered < sql->sent);
    uint32_t at = sql->answered++;
    if (sql->answered == sql->sent)
        sql->answered = sql->sent = 0;
    return fake_run(sql, sql->unanswered[at].stream, sql->unanswered[at].records, sql->unanswered[at].rows);
}

mr_sql_result mr_sql_commit(mr_sql *sql)
{
    mr_sql_result result;
    assert_true(sql->connected && sql->sent == sql->answered);
    sql->commits++;
    if (sql->clock_ms)
        *sql->clock_ms += sql->commit_takes_ms;
    if (fake_fails(&sql->commit, &result)) {
        if (sql->commit_done)
            fake_end_transaction(sql, true);
        return result;
    }
    fake_end_transaction(sql, true);
    return result;
}

mr_sql_result mr_sql_rollback(mr_sql *sql)
{
    assert_true(sql->connected && sql->sent == sql->answered);
    sql->rollbacks++;
    fake_end_transaction(sql, false);
    return (mr_sql_result){.db_class = MR_DB_OK};
}

#endif
