/* dberror.h: what an error of a database means: one table, errno to class (reliability.md of the design).
 *
 * Pure. The class decides what the writer does; unknown numbers are MR_DB_UNKNOWN.  The phase matters: an error of a commit is always ambiguous;
 * while connecting (and preparing) nothing is in doubt and no row at fault, so MR_DB_AMBIGUOUS, MR_DB_ROW_POISON and MR_DB_UNKNOWN are not given there.
 */
#ifndef MR_STAGES_DBERROR_H
#define MR_STAGES_DBERROR_H

#include <stdbool.h>

typedef enum mr_db_class {
    MR_DB_OK,
    MR_DB_TRANSIENT,  /* transaction gone or maybe open: ROLLBACK, retry with backoff */
    MR_DB_CONNECTION, /* nothing was sent: connect again with backoff */
    MR_DB_AMBIGUOUS, /* nobody knows whether it was written: close, write again (the key makes it harmless) */
    MR_DB_READ_ONLY, /* failover: close, resolve the name again, back off */
    MR_DB_RESOURCE,  /* disk full and the like: long backoff */
    MR_DB_SHARD_FATAL, /* the shard is set up wrong: wait for the mend, never dead-letter */
    MR_DB_TOO_BIG,     /* the batch is too big: split */
    MR_DB_STATEMENT,   /* prepare again, retry */
    MR_DB_ROW_POISON,  /* one row cannot be stored */
    MR_DB_UNKNOWN,     /* no number of the table: a row that fails alone is at fault, else the shard */
    MR_DB_CLASS_COUNT
} mr_db_class;

typedef enum mr_db_phase { MR_DB_AT_CONNECT, MR_DB_AT_STATEMENT, MR_DB_AT_COMMIT } mr_db_phase;

/* text: the server's message, looked at only where the number alone does not say (1290); may be NULL. */
mr_db_class mr_db_classify(unsigned code, mr_db_phase phase, const char *text);
const char *mr_db_class_name(mr_db_class db_class); /* "transient", "connection", ...: label of metrics */
bool mr_db_class_keeps_connection(mr_db_class db_class); /* else the connection is closed */

#endif
