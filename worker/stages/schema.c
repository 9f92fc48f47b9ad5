#include "stages/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/ksuid.h"

#define FRACTION_DIGITS 6 /* what a datetime of a stream can carry */

typedef struct comparison {
    const mr_stream *stream;
    const mr_table *table;
    const char *where;
    mr_findings *findings;
} comparison;

static const mr_table_column *find_column(const mr_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (!strcasecmp(table->columns[i].name, name))
            return &table->columns[i];
    return NULL;
}

static bool one_of(const char *text, const char *list)
{
    size_t len = strlen(text);
    for (const char *at = strstr(list, text); at && len; at = strstr(at + 1, text))
        if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

#define REPORT(c, level, remedy, ...)                                                                        \
    mr_find((c)->findings, level, MR_CONFIG, (c)->where, remedy, __VA_ARGS__)

static void wrong_type(const comparison *c, const mr_column *column, const mr_table_column *has,
                       const char *wanted)
{
    REPORT(c, MR_LEVEL_ERROR,
           "change the column with ALTER TABLE, or the stream's type; `millrace ddl` shows what fits",
           "column %s is %s, but the stream writes %s: it takes %s", column->name, has->column_type,
           mr_type_name(column->type), wanted);
}

/* Integers: the range of the table's type must hold the stream's. */
static void compare_integer(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {{"tinyint", 8}, {"smallint", 16}, {"mediumint", 24}, {"int", 32}, {"bigint", 64}};
    bool is_unsigned = column->type >= MR_TYPE_UINT8 && column->type <= MR_TYPE_UINT64;
    unsigned wanted = column->type == MR_TYPE_BOOL ? 2
                      : is_unsigned                ? 8u << (column->type - MR_TYPE_UINT8)
                                                   : 8u << (column->type - MR_TYPE_INT8);
    if (!strcmp(has->data_type, "decimal")) {
        static const uint32_t digits_of[] = {3, 5, 10, 20};
        uint32_t digits = column->type == MR_TYPE_BOOL ? 1
                                                       : digits_of[wanted == 8    ? 0
                                                                   : wanted == 16 ? 1
                                                                   : wanted == 32 ? 2
                                                                                  : 3];
        if (has->precision - has->scale < digits || has->is_unsigned != is_unsigned)
            wrong_type(c, column, has, "an integer as wide");
        return;
    }
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(has->data_type, types[i].name))
            bits = types[i].bits;
    bool well = has->is_unsigned == is_unsigned ? bits >= wanted : !has->is_unsigned && bits > wanted;
    if (column->type == MR_TYPE_BOOL)
        well = bits > 0;
    if (!well)
        wrong_type(c, column, has, is_unsigned ? "an unsigned integer as wide" : "a signed integer as wide");
}

/* A character set that cannot hold all of UTF-8 turns characters into question marks. */
static void compare_charset(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    if (has->charset[0] && strcmp(has->charset, "utf8mb4") != 0)
        REPORT(c, MR_LEVEL_ERROR, "ALTER TABLE ... CHARACTER SET utf8mb4",
               "column %s has the character set %s, which cannot hold all of UTF-8", column->name,
               has->charset);
}

static void compare_binary(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    uint32_t wanted = column->type == MR_TYPE_UUID ? 16 : column->max_bytes;
    bool fixed = !strcmp(has->data_type, "binary");
    if (!one_of(has->data_type, "binary varbinary tinyblob blob mediumblob longblob"))
        wrong_type(c, column, has, "a binary column");
    else if (has->max_bytes < wanted)
        REPORT(c, MR_LEVEL_ERROR, "widen the column",
               "column %s takes %llu bytes, the stream writes up to %u", column->name,
               (unsigned long long)has->max_bytes, wanted);
    else if (fixed && (column->type != MR_TYPE_UUID || has->max_bytes != 16))
        REPORT(c, MR_LEVEL_ERROR, "use VARBINARY", "column %s is %s, which pads values with zeros",
               column->name, has->column_type);
}

static void compare_text(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    if (!strcmp(has->data_type, "json"))
        return;
    if (one_of(has->data_type, "varbinary tinyblob blob mediumblob longblob")) {
        compare_binary(c, column, has);
        return;
    }
    if (!one_of(has->data_type, "char varchar tinytext text mediumtext longtext")) {
        wrong_type(c, column, has, "a character column");
        return;
    }
    compare_charset(c, column, has);
    bool is_char = one_of(has->data_type, "char varchar");
    /* A character has at least one byte, so max_bytes bounds the characters as well. */
    uint64_t chars =
        column->max_chars && column->max_chars < column->max_bytes ? column->max_chars : column->max_bytes;
    if (is_char && has->max_chars < chars)
        REPORT(c, MR_LEVEL_ERROR, "widen the column, or lower max_bytes or max_chars of the stream",
               "column %s takes %llu characters, the stream writes up to %llu", column->name,
               (unsigned long long)has->max_chars, (unsigned long long)chars);
    else if (!is_char && has->max_bytes < column->max_bytes)
        REPORT(c, MR_LEVEL_ERROR, "use a larger TEXT, or lower max_bytes of the stream",
               "column %s takes %llu bytes, the stream writes up to %u", column->name,
               (unsigned long long)has->max_bytes, column->max_bytes);
    if (!strcmp(has->data_type, "char"))
        REPORT(c, MR_LEVEL_WARNING, "use VARCHAR", "column %s is CHAR, which drops trailing blanks",
               column->name);
}

static void compare_fraction(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    if (has->fraction < FRACTION_DIGITS)
        REPORT(c, MR_LEVEL_ERROR, "change it to (6)",
               "column %s keeps %u digits of a second and would cut the stream's 6 without a warning",
               column->name, has->fraction);
}

static void compare_time(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    if (column->type == MR_TYPE_DATE) {
        if (!one_of(has->data_type, "date datetime"))
            wrong_type(c, column, has, "DATE");
    } else if (column->type == MR_TYPE_TIME) {
        if (strcmp(has->data_type, "time") != 0)
            wrong_type(c, column, has, "TIME(6)");
        else
            compare_fraction(c, column, has);
    } else if (!one_of(has->data_type, "datetime timestamp")) {
        wrong_type(c, column, has, "DATETIME(6)");
    } else {
        compare_fraction(c, column, has);
        if (!strcmp(has->data_type, "timestamp"))
            REPORT(c, MR_LEVEL_WARNING, "use DATETIME(6)",
                   "column %s is TIMESTAMP, which ends in 2038 and begins in 1970", column->name);
    }
}

static void compare_number(const comparison *c, const mr_column *column, const mr_table_column *has)
{
    if (column->type == MR_TYPE_DOUBLE) {
        if (strcmp(has->data_type, "double") != 0)
            wrong_type(c, column, has, "DOUBLE");
        else if (strchr(has->column_type, '('))
            REPORT(c, MR_LEVEL_ERROR, "use DOUBLE without digits", "column %s is %s, which rounds",
                   column->name, has->column_type);
        return;
    }
    if (strcmp(has->data_type, "decimal") != 0)
        wrong_type(c, column, has, "DECIMAL");
    else if (has->scale < column->scale || has->precision - has->scale < column->precision - column->scale ||
             has->is_unsigned)
        REPORT(c, MR_LEVEL_ERROR, "widen the column",
               "column %s is %s, narrower than the stream's DECIMAL(%u,%u): digits would be rounded away",
               column->name, has->column_type, column->precision, column->scale);
}

static void compare_column(const comparison *c, const mr_column *column)
{
    const mr_table_column *has = find_column(c->table, column->name);
    if (!has) {
        REPORT(c, MR_LEVEL_ERROR, "add it with ALTER TABLE; `millrace ddl` shows its type",
               "there is no column %s", column->name);
        return;
    }
    if (has->is_generated) {
        REPORT(c, MR_LEVEL_ERROR, "leave it out of the stream", "column %s is generated", column->name);
        return;
    }
    bool can_be_null = !column->required && !column->value_json;
    if (can_be_null && !has->nullable)
        REPORT(c, MR_LEVEL_ERROR, "make the column NULL, or the stream's column \"required\": true",
               "column %s is NOT NULL, but the stream may write NULL", column->name);
    switch (column->type) {
    case MR_TYPE_STRING:
    case MR_TYPE_JSON:
        compare_text(c, column, has);
        break;
    case MR_TYPE_UUID:
    case MR_TYPE_BINARY:
        if (column->type != MR_TYPE_UUID || strcmp(has->data_type, "uuid") != 0)
            compare_binary(c, column, has);
        else
            wrong_type(c, column, has, "BINARY(16)");
        break;
    case MR_TYPE_DATETIME:
    case MR_TYPE_DATE:
    case MR_TYPE_TIME:
        compare_time(c, column, has);
        break;
    case MR_TYPE_DOUBLE:
    case MR_TYPE_DECIMAL:
        compare_number(c, column, has);
        break;
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_UINT8:
    case MR_TYPE_UINT16:
    case MR_TYPE_UINT32:
    case MR_TYPE_UINT64:
    case MR_TYPE_BOOL:
        compare_integer(c, column, has);
        break;
    case MR_TYPE_COUNT:
        break;
    }
}

/* ---- the identity ---- */

static const char *identity(const mr_stream *stream, size_t i)
{
    if (stream->id_ksuid)
        return i == 0 ? stream->id_column : NULL;
    return i < stream->id_column_count ? stream->columns[stream->id_columns[i]].name : NULL;
}

static void compare_primary(const comparison *c, const mr_table_index *primary)
{
    size_t count = c->stream->id_ksuid ? 1 : c->stream->id_column_count, found = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < primary->columns; k++)
            found += !strcasecmp(primary->column[k], identity(c->stream, i));
    if (found != count || primary->columns != count || primary->prefix)
        REPORT(c, MR_LEVEL_ERROR, "make the identity the primary key, whole and alone",
               "the primary key is not the stream's identity (%s%s)", identity(c->stream, 0),
               count > 1 ? ", ..." : "");
}

static void compare_identity(const comparison *c)
{
    const mr_table_index *primary = NULL;
    for (size_t i = 0; i < c->table->index_count; i++) {
        const mr_table_index *index = &c->table->indexes[i];
        if (index->primary)
            primary = index;
        else if (index->unique)
            REPORT(c, MR_LEVEL_WARNING, "keep it only if such events may become dead letters",
                   "the unique key %s refuses events that share its value with another row", index->name);
    }
    if (!primary)
        REPORT(c, MR_LEVEL_ERROR, "make the identity the primary key", "the table has no primary key");
    else
        compare_primary(c, primary);
    if (c->stream->id_ksuid) {
        const mr_table_column *has = find_column(c->table, c->stream->id_column);
        if (!has)
            REPORT(c, MR_LEVEL_ERROR, "add it: BINARY(20) NOT NULL PRIMARY KEY",
                   "there is no column %s for the KSUID", c->stream->id_column);
        else if (strcmp(has->data_type, "binary") != 0 || has->max_bytes != MR_KSUID_BYTES)
            REPORT(c, MR_LEVEL_ERROR, "make it BINARY(20)", "column %s is %s, but a KSUID takes BINARY(20)",
                   c->stream->id_column, has->column_type);
        return;
    }
    for (size_t i = 0; identity(c->stream, i); i++) {
        const mr_table_column *has = find_column(c->table, identity(c->stream, i));
        if (has && has->collation[0] && (!strstr(has->collation, "_bin") || has->pad_space))
            REPORT(
                c, MR_LEVEL_ERROR,
                "use a binary collation without padding: utf8mb4_nopad_bin on MariaDB, utf8mb4_0900_bin on "
                "MySQL",
                "column %s is part of the identity, but its collation %s takes different texts for the same",
                has->name, has->collation);
    }
}

static bool stream_writes(const mr_stream *stream, const char *name)
{
    if (stream->id_ksuid && !strcasecmp(stream->id_column, name))
        return true;
    for (size_t i = 0; i < stream->column_count; i++)
        if (!strcasecmp(stream->columns[i].name, name))
            return true;
    return false;
}

void mr_schema_compare(const mr_stream *stream, const mr_table *table, const char *where,
                       mr_findings *findings)
{
    comparison c = {.stream = stream, .table = table, .where = where, .findings = findings};
    if (!table->exists) {
        REPORT(&c, MR_LEVEL_ERROR, "create it: `millrace ddl` prints the statement", "there is no table %s",
               stream->table);
        return;
    }
    if (strcasecmp(table->engine, "InnoDB") != 0)
        REPORT(&c, MR_LEVEL_ERROR, "ALTER TABLE ... ENGINE = InnoDB",
               "the engine is %s, which has no transactions", table->engine[0] ? table->engine : "unknown");
    compare_identity(&c);
    for (size_t i = 0; i < stream->column_count; i++)
        compare_column(&c, &stream->columns[i]);
    for (size_t i = 0; i < table->column_count; i++) {
        const mr_table_column *has = &table->columns[i];
        if (!has->nullable && !has->has_default && !has->is_generated && !has->auto_increment &&
            !stream_writes(stream, has->name))
            REPORT(&c, MR_LEVEL_ERROR, "give it a default, or add it to the stream",
                   "column %s is NOT NULL without a default, and the stream does not write it", has->name);
    }
}
