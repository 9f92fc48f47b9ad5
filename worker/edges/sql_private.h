/* sql_private.h: the inside of a connection, shared by sql*.c only. */
#ifndef MR_EDGES_SQL_PRIVATE_H
#define MR_EDGES_SQL_PRIVATE_H

#include <mysql.h>

#include "edges/sql.h"
#include "stages/schema.h"

#define MR_SQL_ROWS_MAX     256 /* rows of a prepared multi-row INSERT, a power of two */
#define MR_SQL_SIZES        9   /* 256, 128, ... 1 */
#define MR_PLACEHOLDERS_MAX 65535
#define MR_SQL_AHEAD        16 /* writes that are sent before the first is answered */

/* A prepared multi-row INSERT; `bound`: the server has run it with parameters of these types, and none were refused since. */
typedef struct mr_sql_multi {
    MYSQL_STMT *statement;
    bool bound;
} mr_sql_multi;

/* A stream's statements in one connection. */
typedef struct mr_sql_stream {
    const mr_stream *stream;
    const mr_layout *layout;
    MYSQL_STMT *bulk;                 /* array binding */
    mr_sql_multi multi[MR_SQL_SIZES]; /* prepared when first needed */
    uint32_t multi_first;             /* the largest that keeps below the limit of placeholders */
} mr_sql_stream;

/* A write that was sent. */
typedef struct mr_sql_sent {
    mr_sql_stream *stream;
    uint32_t rows; /* that are not skipped; 0: there was nothing to send */
} mr_sql_sent;

struct mr_sql {
    const mr_config *config;
    const mr_shard *shard;
    const mr_layout *layouts;
    MYSQL *client;          /* NULL when not connected */
    mr_sql_stream *streams; /* [stream_count] */
    MYSQL_BIND *binds;      /* scratch for one statement */
    uint32_t binds_max;
    char *text;   /* scratch for a statement's text */
    bool bulk;    /* array binding, else multi-row INSERT */
    bool mariadb; /* the server's dialect of SQL */
    uint64_t packet_bytes;
    mr_sql_sent sent[MR_SQL_AHEAD]; /* [answered, sent_count) are not answered yet */
    uint32_t sent_count, answered;
    unsigned long remembered; /* id of a connection that was left in the middle; 0: none */
};

/* A result for the library's last error on `client` or `statement` (either may be NULL). */
mr_sql_result mr_sql_result_of(MYSQL *client, MYSQL_STMT *statement, mr_db_phase phase);
mr_sql_result mr_sql_trouble(mr_db_class db_class, const char *format, ...) MR_PRINTF(2, 3);
/* So many bytes were not to be had: it is tried again, for a worker does not end for that. */
mr_sql_result mr_sql_memory_ended(size_t bytes);
/* One statement without a result. */
mr_sql_result mr_sql_run(mr_sql *sql, const char *text, mr_db_phase phase);
/* Opens the connection with all its options, without a session or checks. */
mr_sql_result mr_sql_open(mr_sql *sql);
/* Dialect, session variables, packet limit: what every connection begins with. */
mr_sql_result mr_sql_begin_session(mr_sql *sql);
void mr_sql_drop_statements(mr_sql *sql);
/* Prepares what can be prepared at connect. */
mr_sql_result mr_sql_prepare(mr_sql *sql);
/* Describes the table of a stream as the shard has it (heap: free with mr_table_free). */
mr_sql_result mr_sql_describe(mr_sql *sql, const mr_stream *stream, mr_table *table);
void mr_table_free(mr_table *table);

#endif
