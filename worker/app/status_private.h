/* status_private.h: reading the document of /status; shared by status_text.c and status_screen.c.
 *
 * It comes over the network: what is missing or of another type is unknown.  What goes into a buffer may hold control characters still: whoever
 * prints it takes them out.  Pure; commands only, main's thread.
 */
#ifndef MR_APP_STATUS_PRIVATE_H
#define MR_APP_STATUS_PRIVATE_H

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>

long long mr_status_number(const json_t *object, const char *name, long long otherwise);
const char *mr_status_word(const json_t *object, const char *name); /* "-": unknown */
/* Does some event hold this partition, or is it not running? */
bool mr_status_waits(const json_t *partition);
/* "12 offsets, 3 s": what is left of a shard's replay, "-" when it has none. */
void mr_status_put_left(const json_t *shard, mr_buf *out);
/* "since" of a shard, up to the document's time, "-" when unknown. */
void mr_status_put_since(const json_t *document, const json_t *shard, mr_buf *out);
/* "3 partitions, lag 1,200 (unknown of 1)", "memory 10.0 MiB of our own, limit 20.0 MiB". */
void mr_status_put_lag(const json_t *document, mr_buf *out);
void mr_status_put_memory(const json_t *document, mr_buf *out);
/* `between`, and then "no dead letters", or how many of which reason. */
void mr_status_put_letters(const json_t *document, const char *between, mr_buf *out);

#endif
