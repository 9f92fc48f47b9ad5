/* progress.h: how far a command has come, on stderr: counts, rate, and how long it will take.
 *
 * On a terminal one line, painted over and gone at the end; elsewhere (a log) a line now and then, and none of what is done within two seconds.
 * Main's thread; no heap.  It reads the clock; mr_progress_line alone is pure.
 */
#ifndef MR_APP_PROGRESS_H
#define MR_APP_PROGRESS_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_progress {
    const char *what; /* "messages read" */
    bool terminal;
    uint64_t began_ms, told_ms;
} mr_progress;

mr_progress mr_progress_begin(const char *what);
/* So many, of about so many (0: unknown), and what else there is to say (""); as often as one likes. */
void mr_progress_tell(mr_progress *progress, uint64_t done, uint64_t all, const char *more);
void mr_progress_end(mr_progress *progress);

/* "1,200 of 4,000 messages read, 300/s, 10 s left, more" */
void mr_progress_line(mr_buf *out, const char *what, uint64_t done, uint64_t all, uint64_t elapsed_ms,
                      const char *more);

#endif
