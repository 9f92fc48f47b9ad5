/* A table as the server describes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_private.h"

static void copy(char *to, size_t cap, const char *from)
{
    snprintf(to, cap, "%s", from ? from : "");
}

static uint64_t number(const char *text)
{
    return text ? strtoull(text, NULL, 10) : 0;
}

/* Database and table as string literals, escaped by the server's rules. */
static void table_condition(mr_sql *sql, const mr_stream *stream, char *out, size_t cap)
{
    char database[600] = "DATABASE()", name[600], quoted[512];
    const char *dot = strchr(stream->table, '.');
    if (dot) {
        mysql_real_escape_string(sql->client, quoted, stream->table,
                                 (unsigned long)(dot - stream->table) % 250);
        snprintf(database, sizeof database, "'%s'", quoted);
    }
    const char *table = dot ? dot + 1 : stream->table;
    mysql_real_escape_string(sql->client, quoted, table, (unsigned long)strnlen(table, 250));
    snprintf(name, sizeof name, "'%s'", quoted);
    snprintf(out, cap, "TABLE_SCHEMA = %s AND TABLE_NAME = %s", database, name);
}

static mr_sql_result ask(mr_sql *sql, const char *text, MYSQL_RES **rows)
{
    mr_sql_result result = mr_sql_run(sql, text, MR_DB_AT_CONNECT);
    if (result.db_class != MR_DB_OK)
        return result;
    *rows = mysql_store_result(sql->client);
    return *rows ? result : mr_sql_result_of(sql->client, NULL, MR_DB_AT_CONNECT);
}

static void read_column(MYSQL_ROW row, mr_table_column *column)
{
    copy(column->name, sizeof column->name, row[0]);
    copy(column->data_type, sizeof column->data_type, row[1]);
    copy(column->column_type, sizeof column->column_type, row[2]);
    column->max_chars = number(row[3]);
    column->max_bytes = number(row[4]);
    column->precision = (uint32_t)number(row[5]);
    column->scale = (uint32_t)number(row[6]);
    column->fraction = (uint32_t)number(row[7]);
    column->nullable = row[8] && !strcmp(row[8], "YES");
    column->is_unsigned = strstr(column->column_type, "unsigned") != NULL;
    column->has_default = row[9] != NULL;
    copy(column->charset, sizeof column->charset, row[10]);
    copy(column->collation, sizeof column->collation, row[11]);
    column->auto_increment = row[12] && strstr(row[12], "auto_increment");
    column->is_generated = row[12] && strstr(row[12], "GENERATED");
    /* MariaDB names the property in the collation, MySQL's modern ones are all without padding. */
    column->pad_space = column->collation[0] && strcmp(column->collation, "binary") != 0 &&
                        !strstr(column->collation, "nopad") && !strstr(column->collation, "_0900_");
}

static mr_sql_result read_columns(mr_sql *sql, const char *condition, mr_table *table)
{
    char text[2048];
    MYSQL_RES *rows;
    MYSQL_ROW row;
    snprintf(text, sizeof text,
             "SELECT COLUMN_NAME, LOWER(DATA_TYPE), LOWER(COLUMN_TYPE), CHARACTER_MAXIMUM_LENGTH, "
             "CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, IS_NULLABLE, "
             "COLUMN_DEFAULT, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA FROM information_schema.COLUMNS "
             "WHERE %s ORDER BY ORDINAL_POSITION",
             condition);
    mr_sql_result result = ask(sql, text, &rows);
    if (result.db_class != MR_DB_OK)
        return result;
    size_t count = mysql_num_rows(rows) + 1;
    table->columns = calloc(count, sizeof *table->columns);
    if (!table->columns)
        result = mr_sql_memory_ended(count * sizeof *table->columns);
    while (table->columns && (row = mysql_fetch_row(rows)) != NULL)
        read_column(row, &table->columns[table->column_count++]);
    mysql_free_result(rows);
    table->exists = table->column_count > 0;
    return result;
}

static mr_sql_result read_indexes(mr_sql *sql, const char *condition, mr_table *table)
{
    char text[1536];
    MYSQL_RES *rows;
    MYSQL_ROW row;
    snprintf(
        text, sizeof text,
        "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS WHERE %s "
        "ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        condition);
    mr_sql_result result = ask(sql, text, &rows);
    if (result.db_class != MR_DB_OK)
        return result;
    size_t count = mysql_num_rows(rows) + 1;
    table->indexes = calloc(count, sizeof *table->indexes);
    if (!table->indexes)
        result = mr_sql_memory_ended(count * sizeof *table->indexes);
    while (table->indexes && (row = mysql_fetch_row(rows)) != NULL) {
        mr_table_index *index = table->index_count ? &table->indexes[table->index_count - 1] : NULL;
        if (!index || strcmp(index->name, row[0] ? row[0] : "") != 0) {
            index = &table->indexes[table->index_count++];
            copy(index->name, sizeof index->name, row[0]);
            index->unique = number(row[1]) == 0;
            index->primary = !strcmp(index->name, "PRIMARY");
        }
        if (index->columns < sizeof index->column / sizeof index->column[0])
            copy(index->column[index->columns++], sizeof index->column[0], row[2]);
        index->prefix = index->prefix || row[3];
    }
    mysql_free_result(rows);
    return result;
}

mr_sql_result mr_sql_describe(mr_sql *sql, const mr_stream *stream, mr_table *table)
{
    char condition[1280], text[1536];
    MYSQL_RES *rows;
    *table = (mr_table){0};
    table_condition(sql, stream, condition, sizeof condition);
    mr_sql_result result = read_columns(sql, condition, table);
    if (result.db_class == MR_DB_OK)
        result = read_indexes(sql, condition, table);
    if (result.db_class == MR_DB_OK) {
        snprintf(text, sizeof text, "SELECT ENGINE FROM information_schema.TABLES WHERE %s", condition);
        result = ask(sql, text, &rows);
    }
    if (result.db_class == MR_DB_OK) {
        MYSQL_ROW row = mysql_fetch_row(rows);
        copy(table->engine, sizeof table->engine, row ? row[0] : "");
        mysql_free_result(rows);
    } else {
        mr_table_free(table);
    }
    return result;
}

void mr_table_free(mr_table *table)
{
    free(table->columns);
    free(table->indexes);
    *table = (mr_table){0};
}
