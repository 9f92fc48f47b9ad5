/* buf.h: text built into memory that the caller owns, without a heap and without overrun.
 *
 * What does not fit is dropped whole from there on and `full` says so.  Always zero-terminated (cap > 0).
 * Plain value, one thread at a time.
 */
#ifndef MR_BASE_BUF_H
#define MR_BASE_BUF_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_buf {
    char *at;
    size_t len; /* without the terminating zero */
    size_t cap;
    bool full; /* something did not fit */
} mr_buf;

mr_buf mr_buf_over(char *memory, size_t cap);
void mr_buf_put(mr_buf *buf, const char *bytes, size_t len);
void mr_buf_text(mr_buf *buf, const char *text);
void mr_buf_printf(mr_buf *buf, const char *format, ...) MR_PRINTF(2, 3);
/* A JSON string with its quotes; control characters and, when invalid, UTF-8 are escaped. */
void mr_buf_json(mr_buf *buf, const char *bytes, size_t len);
/* As the text of an HTML element or of a quoted attribute; control characters and, when invalid, UTF-8 are replaced. */
void mr_buf_html(mr_buf *buf, const char *text);
void mr_buf_time(mr_buf *buf, int64_t wall_ms); /* RFC 3339 in UTC: 2026-01-31T23:59:59.123Z */
/* For people: 1,234,567; and "3 h 2 min". */
void mr_buf_count(mr_buf *buf, int64_t count);
void mr_buf_duration(mr_buf *buf, int64_t seconds);

#endif
