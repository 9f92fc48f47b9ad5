/* http_get.h: one GET over plain HTTP/1.1, for commands that ask a running worker.
 *
 * The thread that calls it waits, at most timeout_ms for connecting and the whole answer (a host's name is looked up
 * before, in the resolver's own time).  An answer above 256 MiB is refused.  Uses the heap; commands only.
 */
#ifndef MR_EDGES_HTTP_GET_H
#define MR_EDGES_HTTP_GET_H

#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

typedef struct mr_http_question {
    const char
        *url; /* http://HOST[:PORT][/PATH], or HOST[:PORT]; [::], 0.0.0.0 and no host are this machine */
    const char *path;      /* when the URL has none, or just / */
    uint16_t default_port; /* when it has neither a port nor http:// (which means 80) */
    uint32_t timeout_ms;
} mr_http_question;

typedef struct mr_http_answer {
    unsigned status;
    char *body; /* zero-terminated */
    size_t len;
    char *memory; /* what to free */
} mr_http_answer;

/* MR_OK with any HTTP status; MR_USAGE for a URL that is none; MR_UNAVAILABLE when there is no whole answer in time.
 * Free in any case. */
mr_status mr_http_get(const mr_http_question *question, mr_http_answer *answer, mr_error *error) MR_CHECKED;
void mr_http_answer_free(mr_http_answer *answer);

#endif
