/* schema.h: a stream against the table it writes to, and the table that would fit it.
 *
 * Pure: the table's description is passed in (the sql edge reads it from information_schema).
 * Strict mode does not protect against narrowing of fractions or character sets, so this does: a column that could change a
 * value silently is an error, a wider one is fine.
 */
#ifndef MR_STAGES_SCHEMA_H
#define MR_STAGES_SCHEMA_H

#include "base/buf.h"
#include "stages/config.h"
#include "stages/finding.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_TABLE_NAME 257 /* bytes: 64 characters in UTF-8, and a zero */

/* A column as information_schema.COLUMNS describes it. */
typedef struct mr_table_column {
    char name[MR_TABLE_NAME];
    char data_type[32];            /* lower case: "varchar", "bigint" */
    char column_type[128];         /* lower case, with width and unsigned */
    uint64_t max_chars, max_bytes; /* texts and binaries */
    uint32_t precision, scale;     /* numbers */
    uint32_t fraction;             /* DATETIME_PRECISION */
    bool nullable, is_unsigned, has_default, is_generated, auto_increment;
    char charset[33], collation[65];
    bool pad_space; /* the collation ignores trailing blanks */
} mr_table_column;

typedef struct mr_table_index {
    char name[MR_TABLE_NAME];
    bool unique, primary;
    size_t columns;
    char column[16][MR_TABLE_NAME];
    bool prefix; /* some column by a prefix only */
} mr_table_index;

typedef struct mr_table {
    bool exists;
    char engine[33];
    mr_table_column *columns;
    size_t column_count;
    mr_table_index *indexes;
    size_t index_count;
} mr_table;

/* Adds what does not fit (errors, warnings) to findings; `where` is put in front ("shard s0, table events"). */
void mr_schema_compare(const mr_stream *stream, const mr_table *table, const char *where,
                       mr_findings *findings);
/* An identifier in backquotes; a table, or database and table. */
void mr_sql_put_name(mr_buf *out, const char *name);
void mr_sql_put_table(mr_buf *out, const char *table);
/* CREATE TABLE that fits the stream. */
void mr_schema_ddl(const mr_stream *stream, mr_buf *out);

#endif
