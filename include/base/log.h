/* log.h: one structured line per happening on stderr; never row data, never a secret.
 *
 * Any thread; a line is formatted on the caller's stack and handed to a bounded buffer that the log's own thread
 * writes out, so a blocked or closed stderr never stops the data path: what does not fit, and what stderr refuses,
 * is counted (millrace_log_dropped_total).  A caller holds the log's mutex for one copy of a line.
 * Lines equal in (event, stream, topic, partition, shard, code) collapse: the first is written at once, those that
 * follow within a second become one line, the last of them, with `count` when it stands for more than one.  Lines that
 * were given no fields are equal when their sentences are.
 * Before mr_log_start and after mr_log_stop, lines go straight to stderr.  SIGPIPE never reaches the caller.
 * Memory: static, 512 KiB, of which only what is used is ever touched.  A line is at most 4,096 bytes (a pipe takes
 * that much whole); a longer sentence is cut.
 */
#ifndef MR_BASE_LOG_H
#define MR_BASE_LOG_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum mr_log_level { MR_LOG_DEBUG, MR_LOG_INFO, MR_LOG_WARN, MR_LOG_ERROR } mr_log_level;

/* The fields of a line as they apply; zero or NULL means absent (see `has_position`). */
typedef struct mr_log_fields {
    const char *stream;
    const char *topic;
    const char *shard;
    const char *sqlstate;
    unsigned code;
    bool has_position; /* partition and offset hold */
    int32_t partition;
    int64_t offset; /* negative: absent */
} mr_log_fields;

/* json: one object per line, else text.  Starts the log's thread (all signals blocked in it). */
mr_status mr_log_start(bool json, mr_log_level least, mr_error *error) MR_CHECKED;
void mr_log_stop(void);        /* writes out what it can within 200 ms and ends the thread */
uint64_t mr_log_dropped(void); /* lines dropped since start */

/* `event` is a stable name (alerts match on it), `format` the human sentence. */
void mr_log(mr_log_level level, const char *event, const mr_log_fields *fields, const char *format, ...)
    MR_PRINTF(4, 5);

#define MR_FIELDS(...) (&(const mr_log_fields){__VA_ARGS__})

#endif
