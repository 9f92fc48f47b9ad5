/* CREATE TABLE that fits a stream. */
#include <string.h>

#include "stages/schema.h"

void mr_sql_put_name(mr_buf *out, const char *name)
{
    mr_buf_text(out, "`");
    for (const char *c = name; *c; c++)
        mr_buf_text(out, *c == '`' ? "``" : (const char[]){*c, 0});
    mr_buf_text(out, "`");
}

static bool is_identity(const mr_stream *stream, size_t column)
{
    for (size_t i = 0; i < stream->id_column_count; i++)
        if (stream->id_columns[i] == column)
            return true;
    return false;
}

/* As MySQL counts a row with utf8mb4. */
static uint32_t text_bytes(const mr_column *column)
{
    bool fewer = column->max_chars && column->max_chars < column->max_bytes;
    return 4 * (fewer ? column->max_chars : column->max_bytes);
}

static bool is_text(const mr_column *column)
{
    return column->type == MR_TYPE_STRING || column->type == MR_TYPE_JSON;
}

/* A row holds 65,535 bytes beside what is TEXT or BLOB: the more columns, the shorter those that may be VARCHAR or VARBINARY. */
static uint32_t inline_bytes(const mr_stream *stream)
{
    for (uint32_t limit = 16384; limit > 64; limit /= 2) {
        uint64_t row = 1024;
        for (size_t i = 0; i < stream->column_count; i++) {
            const mr_column *column = &stream->columns[i];
            uint32_t bytes = is_text(column) ? text_bytes(column) : column->max_bytes;
            if (is_identity(stream, i))
                row += column->max_bytes;
            row += 32 + (bytes <= limit && !is_identity(stream, i) ? bytes : 0);
        }
        if (row <= 65535)
            return limit;
    }
    return 64;
}

static void put_type(mr_buf *out, const mr_column *column, uint32_t limit)
{
    static const char *const plain[] = {[MR_TYPE_INT8] = "TINYINT",
                                        [MR_TYPE_INT16] = "SMALLINT",
                                        [MR_TYPE_INT32] = "INT",
                                        [MR_TYPE_INT64] = "BIGINT",
                                        [MR_TYPE_UINT8] = "TINYINT UNSIGNED",
                                        [MR_TYPE_UINT16] = "SMALLINT UNSIGNED",
                                        [MR_TYPE_UINT32] = "INT UNSIGNED",
                                        [MR_TYPE_UINT64] = "BIGINT UNSIGNED",
                                        [MR_TYPE_DOUBLE] = "DOUBLE",
                                        [MR_TYPE_BOOL] = "TINYINT",
                                        [MR_TYPE_DATETIME] = "DATETIME(6)",
                                        [MR_TYPE_DATE] = "DATE",
                                        [MR_TYPE_TIME] = "TIME(6)",
                                        [MR_TYPE_UUID] = "BINARY(16)"};
    switch (column->type) {
    case MR_TYPE_STRING:
    case MR_TYPE_JSON:
        if (text_bytes(column) <= limit)
            mr_buf_printf(out, "VARCHAR(%u)", text_bytes(column) / 4);
        else
            mr_buf_text(out, column->max_bytes <= 65535 ? "TEXT" : "MEDIUMTEXT");
        break;
    case MR_TYPE_DECIMAL:
        mr_buf_printf(out, "DECIMAL(%u,%u)", column->precision, column->scale);
        break;
    case MR_TYPE_BINARY:
        if (column->max_bytes <= limit)
            mr_buf_printf(out, "VARBINARY(%u)", column->max_bytes);
        else
            mr_buf_text(out, column->max_bytes <= 65535 ? "BLOB" : "MEDIUMBLOB");
        break;
    default:
        mr_buf_text(out, plain[column->type]);
    }
}

void mr_sql_put_table(mr_buf *out, const char *table)
{
    const char *dot = strchr(table, '.');
    char database[256];
    if (dot && (size_t)(dot - table) < sizeof database) {
        memcpy(database, table, (size_t)(dot - table));
        database[dot - table] = 0;
        mr_sql_put_name(out, database);
        mr_buf_text(out, ".");
    }
    mr_sql_put_name(out, dot ? dot + 1 : table);
}

void mr_schema_ddl(const mr_stream *stream, mr_buf *out)
{
    uint32_t limit = inline_bytes(stream);
    mr_buf_text(out, "CREATE TABLE ");
    mr_sql_put_table(out, stream->table);
    mr_buf_text(out, " (\n");
    if (stream->id_ksuid) {
        mr_buf_text(out, "  ");
        mr_sql_put_name(out, stream->id_column);
        mr_buf_text(out, " BINARY(20) NOT NULL,\n");
    }
    for (size_t i = 0; i < stream->column_count; i++) {
        const mr_column *column = &stream->columns[i];
        bool text_identity = is_identity(stream, i) && is_text(column);
        mr_buf_text(out, "  ");
        mr_sql_put_name(out, column->name);
        mr_buf_text(out, " ");
        /* As binary a text identity is compared byte by byte, on MariaDB and MySQL alike. */
        if (text_identity)
            mr_buf_printf(out, "VARBINARY(%u)", column->max_bytes);
        else
            put_type(out, column, limit);
        mr_buf_text(out, column->required || column->value_json ? " NOT NULL,\n" : " NULL,\n");
    }
    mr_buf_text(out, "  PRIMARY KEY (");
    if (stream->id_ksuid)
        mr_sql_put_name(out, stream->id_column);
    for (size_t i = 0; i < stream->id_column_count; i++) {
        mr_buf_text(out, i ? ", " : "");
        mr_sql_put_name(out, stream->columns[stream->id_columns[i]].name);
    }
    mr_buf_text(out, ")\n) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;\n");
}
