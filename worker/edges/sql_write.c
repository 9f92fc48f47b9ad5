/* Writing records: array binding straight out of the page, or multi-row INSERTs bound to it. */
#include <mysqld_error.h>
#include <string.h>

#include "base/must.h"
#include "sql_private.h"

_Static_assert(sizeof(mr_time) == sizeof(MYSQL_TIME) &&
                   offsetof(mr_time, year) == offsetof(MYSQL_TIME, year) &&
                   offsetof(mr_time, second) == offsetof(MYSQL_TIME, second) &&
                   offsetof(mr_time, second_part) == offsetof(MYSQL_TIME, second_part) &&
                   offsetof(mr_time, negative) == offsetof(MYSQL_TIME, neg) &&
                   offsetof(mr_time, kind) == offsetof(MYSQL_TIME, time_type),
               "a time in a record is bound as it lies");
_Static_assert((int)MR_VALUE_SET == (int)STMT_INDICATOR_NONE &&
                   (int)MR_VALUE_NULL == (int)STMT_INDICATOR_NULL &&
                   (int)MR_VALUE_SKIP == (int)STMT_INDICATOR_IGNORE_ROW,
               "an indicator in a record is bound as it lies");
_Static_assert(MYSQL_TIMESTAMP_DATE == 0 && MYSQL_TIMESTAMP_DATETIME == 1 && MYSQL_TIMESTAMP_TIME == 2,
               "kinds of times as values.h writes them");
_Static_assert(MR_SQL_ROWS_MAX == 1 << (MR_SQL_SIZES - 1), "one statement for each power of two");

/* ---- texts ---- */

/* ON DUPLICATE KEY UPDATE pk = IF(same identity, pk, NULL): the same row again changes nothing, and a row that collides on another unique key
 * fails instead of vanishing. */
static void put_guard(mr_buf *out, const mr_stream *stream, bool mariadb)
{
    size_t columns = stream->id_ksuid ? 1 : stream->id_column_count;
    const char *first = stream->id_ksuid ? stream->id_column : stream->columns[stream->id_columns[0]].name;
    const char *table = strchr(stream->table, '.') ? strchr(stream->table, '.') + 1 : stream->table;
    mr_buf_text(out, mariadb ? " ON DUPLICATE KEY UPDATE " : " AS new ON DUPLICATE KEY UPDATE ");
    mr_sql_put_name(out, first);
    mr_buf_text(out, " = IF(");
    for (size_t i = 0; i < columns; i++) {
        const char *name = stream->id_ksuid ? stream->id_column : stream->columns[stream->id_columns[i]].name;
        mr_buf_text(out, i ? " AND " : "");
        mr_sql_put_name(out, table);
        mr_buf_text(out, ".");
        mr_sql_put_name(out, name);
        mr_buf_text(out, mariadb ? " = VALUES(" : " = new.");
        mr_sql_put_name(out, name);
        mr_buf_text(out, mariadb ? ")" : "");
    }
    mr_buf_text(out, ", ");
    mr_sql_put_name(out, table);
    mr_buf_text(out, ".");
    mr_sql_put_name(out, first);
    mr_buf_text(out, ", NULL)");
}

void mr_sql_statement(const mr_stream *stream, mr_dialect dialect, uint32_t rows, mr_buf *out)
{
    size_t fields = stream->column_count + stream->id_ksuid;
    mr_buf_text(out, "INSERT INTO ");
    mr_sql_put_table(out, stream->table);
    mr_buf_text(out, " (");
    if (stream->id_ksuid)
        mr_sql_put_name(out, stream->id_column);
    for (size_t i = 0; i < stream->column_count; i++) {
        mr_buf_text(out, i || stream->id_ksuid ? ", " : "");
        mr_sql_put_name(out, stream->columns[i].name);
    }
    mr_buf_text(out, ") VALUES ");
    for (uint32_t row = 0; row < rows; row++) {
        mr_buf_text(out, row ? ", (" : "(");
        for (size_t i = 0; i < fields; i++)
            mr_buf_text(out, i ? ", ?" : "?");
        mr_buf_text(out, ")");
    }
    put_guard(out, stream, dialect != MR_DIALECT_MYSQL);
}

/* ---- binding ---- */

static void bind_field(MYSQL_BIND *bind, const mr_layout *layout, uint32_t field, unsigned char *record)
{
    const mr_field *about = &layout->field[field];
    *bind = (MYSQL_BIND){.buffer = record + about->value_at, .buffer_length = about->capacity};
    bind->u.indicator = (char *)record + about->indicator_at;
    switch (about->form) {
    case MR_FORM_TEXT:
        bind->buffer_type = MYSQL_TYPE_STRING;
        bind->length = (unsigned long *)(void *)(record + about->length_at);
        break;
    case MR_FORM_BYTES:
        bind->buffer_type = MYSQL_TYPE_BLOB;
        bind->length = (unsigned long *)(void *)(record + about->length_at);
        break;
    case MR_FORM_INT64:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        break;
    case MR_FORM_UINT64:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->is_unsigned = 1;
        break;
    case MR_FORM_DOUBLE:
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        break;
    case MR_FORM_DATETIME:
        bind->buffer_type = MYSQL_TYPE_DATETIME;
        break;
    case MR_FORM_DATE:
        bind->buffer_type = MYSQL_TYPE_DATE;
        break;
    case MR_FORM_TIME:
        bind->buffer_type = MYSQL_TYPE_TIME;
        break;
    }
}

/* ---- statements ---- */

static mr_sql_result prepare(mr_sql *sql, const mr_stream *stream, uint32_t rows, MYSQL_STMT **out)
{
    mr_buf text = mr_buf_over(sql->text, MR_SQL_TEXT_MAX);
    mr_sql_statement(stream, sql->mariadb ? MR_DIALECT_MARIADB : MR_DIALECT_MYSQL, rows, &text);
    if (text.full)
        return mr_sql_trouble(MR_DB_SHARD_FATAL,
                              "stream %s: its statement is longer than %d bytes: use fewer columns",
                              stream->name, MR_SQL_TEXT_MAX);
    MYSQL_STMT *statement = mysql_stmt_init(sql->client);
    must(statement);
    if (mysql_stmt_prepare(statement, text.at, text.len)) {
        mr_sql_result result = mr_sql_result_of(sql->client, statement, MR_DB_AT_CONNECT);
        mysql_stmt_close(statement);
        return result;
    }
    *out = statement;
    return (mr_sql_result){.db_class = MR_DB_OK};
}

mr_sql_result mr_sql_prepare(mr_sql *sql)
{
    mr_sql_result result = {.db_class = MR_DB_OK};
    for (size_t i = 0; i < sql->config->stream_count && result.db_class == MR_DB_OK; i++) {
        mr_sql_stream *stream = &sql->streams[i];
        if (sql->bulk) {
            unsigned long row_size = stream->layout->size;
            result = prepare(sql, stream->stream, 1, &stream->bulk);
            if (result.db_class == MR_DB_OK)
                mysql_stmt_attr_set(stream->bulk, STMT_ATTR_ROW_SIZE, &row_size);
        } else {
            result = prepare(sql, stream->stream, 1, &stream->multi[MR_SQL_SIZES - 1].statement);
        }
    }
    return result;
}

/* Whether the text names the column: column 'a', Column 'a', or `t`.`a` at row 1. */
static bool names(const char *text, const char *column)
{
    size_t len = strlen(column);
    for (const char *at = text; (at = strstr(at, column)) != NULL; at++) {
        char before = at > text ? at[-1] : 0, after = at[len];
        if ((before == '\'' && after == '\'' && at - text >= 8 && !memcmp(at - 7, "olumn '", 7)) ||
            (before == '`' && after == '`' && !strncmp(at + len, "` at row", 8)))
            return true;
    }
    return false;
}

/* Which column a refusal is about.  The guard of the statement makes a collision on another unique key an error about the identity's first
 * column, which is never null by itself. */
static mr_sql_result blame(const mr_sql_stream *stream, MYSQL_STMT *statement, mr_sql_result result)
{
    const mr_stream *about = stream->stream;
    const char *text = mysql_stmt_error(statement);
    const char *first = about->id_ksuid ? about->id_column : about->columns[about->id_columns[0]].name;
    result.field = MR_FIELDS_MAX;
    for (uint32_t i = 0; i < stream->layout->fields && result.field == MR_FIELDS_MAX; i++) {
        bool ksuid = about->id_ksuid && i == 0;
        if (names(text, ksuid ? about->id_column : about->columns[i - about->id_ksuid].name))
            result.field = (uint16_t)i;
    }
    result.unique_conflict =
        result.code == ER_DUP_ENTRY || (result.code == ER_BAD_NULL_ERROR && names(text, first));
    return result;
}

/* What a statement has done that was run for `rows` rows. */
static mr_sql_result look_at(mr_sql *sql, const mr_sql_stream *stream, MYSQL_STMT *statement, bool failed,
                             uint32_t rows)
{
    if (failed)
        return blame(stream, statement, mr_sql_result_of(sql->client, statement, MR_DB_AT_STATEMENT));
    if (mysql_warning_count(sql->client) > 0)
        return mr_sql_trouble(MR_DB_SHARD_FATAL,
                              "the server changed values while storing them (%u warnings): run "
                              "`millrace check` and mend the table",
                              mysql_warning_count(sql->client));
    uint64_t affected = mysql_stmt_affected_rows(statement);
    return (mr_sql_result){.db_class = MR_DB_OK,
                           .rows_existing = affected < rows ? rows - (uint32_t)affected : 0};
}

/* How many of the rows are not to be skipped. */
static uint32_t count_sent(const mr_layout *layout, const unsigned char *records, uint32_t rows)
{
    uint32_t sent = 0;
    for (uint32_t row = 0; row < rows; row++)
        sent += !mr_record_skipped(layout, records + (uint64_t)row * layout->size);
    return sent;
}

/* The library leaves out the skipped ones of `rows`. */
static bool bind_bulk(mr_sql *sql, const mr_sql_stream *stream, unsigned char *records, uint32_t rows)
{
    unsigned array = rows;
    for (uint32_t i = 0; i < stream->layout->fields; i++)
        bind_field(&sql->binds[i], stream->layout, i, records);
    mysql_stmt_attr_set(stream->bulk, STMT_ATTR_ARRAY_SIZE, &array);
    return !mysql_stmt_bind_param(stream->bulk, sql->binds);
}

static mr_sql_result write_bulk(mr_sql *sql, const mr_sql_stream *stream, unsigned char *records,
                                uint32_t rows, uint32_t sent)
{
    if (!bind_bulk(sql, stream, records, rows))
        return mr_sql_result_of(sql->client, stream->bulk, MR_DB_AT_STATEMENT);
    return look_at(sql, stream, stream->bulk, mysql_stmt_execute(stream->bulk), sent);
}

/* As bind_field, where there is no array binding: NULL is told by the address of the indicator.  Types stay as they were bound. */
static void point(MYSQL_BIND *bind, const mr_field *about, unsigned char *record)
{
    bind->buffer = record + about->value_at;
    bind->is_null = (my_bool *)record + about->indicator_at;
    if (about->form <= MR_FORM_BYTES)
        bind->length = (unsigned long *)(void *)(record + about->length_at);
}

/* Binds the next `rows` records that are not skipped; *after is what follows them.
 *
 * Once bound, only where the values are changes, and that is written into the library's own copy (a part of its interface: mariadb_stmt.h).
 * mysql_stmt_bind_param would take all of it over again and have the types sent again, and MySQL takes in each parameter's anew: 5 % of its time. */
static bool bind_rows(mr_sql *sql, const mr_layout *layout, const mr_sql_multi *multi, unsigned char *record,
                      uint32_t rows, unsigned char **after)
{
    MYSQL_BIND *bind = multi->bound ? multi->statement->params : sql->binds;
    for (; rows > 0; record += layout->size) {
        if (mr_record_skipped(layout, record))
            continue;
        for (uint32_t i = 0; i < layout->fields; i++, bind++) {
            if (!multi->bound) {
                bind_field(bind, layout, i, record);
                bind->u.indicator = NULL;
            }
            point(bind, &layout->field[i], record);
        }
        rows--;
    }
    *after = record;
    return multi->bound || !mysql_stmt_bind_param(multi->statement, sql->binds);
}

/* As many statements as `sent` rows take; between the records of one there may be skipped ones. */
static mr_sql_result write_multi(mr_sql *sql, mr_sql_stream *stream, unsigned char *records, uint32_t sent)
{
    mr_sql_result sum = {.db_class = MR_DB_OK};
    uint32_t size = stream->multi_first;
    while (sent > 0) {
        uint32_t at_once = MR_SQL_ROWS_MAX >> size;
        if (at_once > sent) {
            size++;
            continue;
        }
        mr_sql_multi *multi = &stream->multi[size];
        mr_sql_result result = {.db_class = MR_DB_OK};
        if (!multi->statement)
            result = prepare(sql, stream->stream, at_once, &multi->statement);
        if (result.db_class != MR_DB_OK)
            return result;
        if (!bind_rows(sql, stream->layout, multi, records, at_once, &records))
            return mr_sql_result_of(sql->client, multi->statement, MR_DB_AT_STATEMENT);
        result = look_at(sql, stream, multi->statement, mysql_stmt_execute(multi->statement), at_once);
        multi->bound = result.db_class == MR_DB_OK;
        if (!multi->bound) {
            result.rows_left = sum.rows_left; /* the server undoes just the last statement */
            return result;
        }
        sum.rows_existing += result.rows_existing;
        sum.rows_left += at_once - result.rows_existing;
        sent -= at_once;
    }
    sum.rows_left = 0;
    return sum;
}

mr_sql_result mr_sql_write(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    must(sql->client && rows > 0);
    mr_sql_stream *to = &sql->streams[stream];
    uint32_t sent = count_sent(to->layout, records, rows);
    if (sent == 0) /* the server refuses an array without a row (1210) */
        return (mr_sql_result){.db_class = MR_DB_OK};
    return sql->bulk ? write_bulk(sql, to, records, rows, sent) : write_multi(sql, to, records, sent);
}

/* ---- one behind the other ---- */

/* Only array binding: who offers that is a server, or a proxy that takes a command while another is under way. */
uint32_t mr_sql_ahead(const mr_sql *sql)
{
    return sql->client && sql->bulk ? MR_SQL_AHEAD : 0;
}

mr_sql_result mr_sql_send(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows)
{
    must(mr_sql_ahead(sql) > 0 && rows > 0 && sql->sent_count < MR_SQL_AHEAD);
    mr_sql_stream *to = &sql->streams[stream];
    mr_sql_sent *sent = &sql->sent[sql->sent_count++];
    my_bool yes = 1, no = 0;
    *sent = (mr_sql_sent){.stream = to, .rows = count_sent(to->layout, records, rows)};
    if (sent->rows == 0)
        return (mr_sql_result){.db_class = MR_DB_OK};
    bool well = bind_bulk(sql, to, records, rows);
    mysql_optionsv(sql->client, MARIADB_OPT_SKIP_READ_RESPONSE, &yes);
    well = well && !mysql_stmt_execute(to->bulk);
    mysql_optionsv(sql->client, MARIADB_OPT_SKIP_READ_RESPONSE, &no);
    if (well)
        return (mr_sql_result){.db_class = MR_DB_OK};
    mr_sql_result result = mr_sql_result_of(sql->client, to->bulk, MR_DB_AT_STATEMENT);
    mr_sql_close(sql); /* there may be answers that nobody will ask for */
    return result;
}

/* The library's way to read the answer to a statement that it was told not to wait for (its CONC-533). */
mr_sql_result mr_sql_answer(mr_sql *sql)
{
    must(sql->client && sql->answered < sql->sent_count);
    mr_sql_sent *sent = &sql->sent[sql->answered++];
    if (sql->answered == sql->sent_count)
        sql->answered = sql->sent_count = 0;
    if (sent->rows == 0)
        return (mr_sql_result){.db_class = MR_DB_OK};
    MYSQL_STMT *statement = sent->stream->bulk;
    return look_at(sql, sent->stream, statement, sql->client->methods->db_read_execute_response(statement),
                   sent->rows);
}
