/* sql.h: one connection to one shard; the only module that sees mysql.h.
 *
 * A shard's connection belongs to its writer thread (commands use it from their own).  Calls block, bounded by the
 * shard's timeouts.  After mr_sql_new Millrace allocates nothing here; Connector/C does (its request buffers and results:
 * `millrace explain` states the allowance).
 * Array binding where the server's capability flags offer bulk execution; else prepared multi-row INSERT, many executes a transaction.
 * The statement of a stream, both dialects: idempotent for the same identity, an error (1048) for a row that collides on another unique key:
 *
 *     INSERT INTO t (pk, a, b) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE pk = IF(pk = VALUES(pk), pk, NULL)
 */
#ifndef MR_EDGES_SQL_H
#define MR_EDGES_SQL_H

#include "base/arena.h"
#include "base/buf.h"
#include "data/record.h"
#include "stages/config.h"
#include "stages/dberror.h"
#include "stages/finding.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_sql mr_sql;

typedef struct mr_sql_result {
    mr_db_class db_class; /* MR_DB_OK: it worked */
    unsigned code;        /* the server's or the client library's number; 0 = ours */
    char sqlstate[6];
    uint32_t rows_existing; /* of a write: rows that were there before */
    uint32_t rows_left;     /* of one that failed half-way (multi-row INSERTs): rows that it has added */
    /* of a write that a row's values made fail: */
    uint16_t field;       /* of the layout, that the error names; MR_FIELDS_MAX: none */
    bool unique_conflict; /* another row has the value in a unique key */
    /* Of connect: a text fit for a log (no row data, no secret).  Of statements: empty, for the server's text can hold row data. */
    char text[320];
} mr_sql_result;

/* layouts[i] is stream i's; kept.  Does not connect. */
mr_sql *mr_sql_new(const mr_config *config, uint32_t shard, const mr_layout *layouts, mr_arena *arena);
void mr_sql_free(mr_sql *sql);

/* Connects (name resolved and password file read again each time), kills the remembered earlier connection, sets the session,
 * compares every table with its stream, prepares.  MR_DB_SHARD_FATAL when a table does not fit.  Compared is at each connect, also where the shard has
 * another connection already: the name may lead to another server by now, and what would be cut there is not seen by the first one. */
mr_sql_result mr_sql_connect(mr_sql *sql);
/* Questions that mr_sql_connect waits for, each for the shard's read_timeout_s at most, beside the login: of the session, and about each stream. */
#define MR_SQL_QUESTIONS          10
#define MR_SQL_QUESTIONS_A_STREAM 4
bool mr_sql_connected(const mr_sql *sql);
void mr_sql_close(mr_sql *sql);
/* Most bytes of one statement that the server takes (its max_allowed_packet less a margin); 0 when not connected. */
uint64_t mr_sql_packet_bytes(const mr_sql *sql);

/* A transaction is: writes, then commit; it begins by itself with the first write (autocommit is off).
 * rows records lie contiguously, layout.size apart; those marked by mr_record_skip are left out and counted nowhere (all of them: OK, and
 * nothing is sent).  A warning from the server counts as a failure (MR_DB_SHARD_FATAL). */
mr_sql_result mr_sql_write(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows);
/* The same in two halves, so that a write is on its way while the server is busy with another: up to mr_sql_ahead writes are sent, and then
 * each is answered, in that order, before anything else is done with the connection but closing it.  The server goes on behind one that it refuses.
 * When sending fails the connection is closed, and nothing more is answered. */
uint32_t mr_sql_ahead(const mr_sql *sql); /* 0: one at a time, by mr_sql_write */
mr_sql_result mr_sql_send(mr_sql *sql, uint32_t stream, unsigned char *records, uint32_t rows);
mr_sql_result mr_sql_answer(mr_sql *sql);
mr_sql_result mr_sql_commit(mr_sql *sql);
/* Prepares again as well, after MR_DB_STATEMENT.  Fails: close the connection. */
mr_sql_result mr_sql_rollback(mr_sql *sql);

/* Everything that `millrace check` says of a shard: login, TLS, sql_mode, durability settings, packet limit, each table
 * against its stream.  One finding a line, also for what is well (MR_LEVEL_OK). */
void mr_sql_check(const mr_config *config, uint32_t shard, mr_findings *findings);

#define MR_SQL_TEXT_MAX 262144 /* bytes of a statement; a longer one is refused when it is prepared */

/* Texts, without a connection. */
void mr_sql_statement(const mr_stream *stream, mr_dialect dialect, uint32_t rows, mr_buf *out);
const char *mr_sql_library_version(void);

#endif
