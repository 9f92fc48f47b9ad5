/* status_screen.h: the document of /status as one screen of a terminal, for `status --watch`; and as one line, for where there is none.
 *
 * A screen has exactly so many rows and columns, whatever the document holds: nothing wraps, nothing scrolls.  What is in trouble comes first,
 * what does not fit is counted.  Pure but for `out`; the document is as untrusted as in status_text.h.  Commands only.
 */
#ifndef MR_APP_STATUS_SCREEN_H
#define MR_APP_STATUS_SCREEN_H

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct mr_screen {
    unsigned rows, columns;
    bool colour;
    const char *trouble; /* why there is no newer document; "" when there is none to tell */
} mr_screen;

/* From the terminal's upper left corner on; document NULL: there was none yet. */
void mr_status_screen(const json_t *document, const mr_screen *screen, FILE *out);
/* Time, totals, and each shard that is not live. */
void mr_status_line(const json_t *document, mr_buf *out);
/* The shards of it: ", s1 parked, s3 retrying"; nothing when all are live. */
void mr_status_troubles(const json_t *document, mr_buf *out);

#endif
