/* finding.h: what a check found, one line each: where, what, and what to do about it.
 *
 * Used while checking and connecting, not on the data path: it grows on the heap.  Memory that ends is said and ends the program (base/heap.h), but
 * not where a worker runs (`survives`): there it makes the list useless, and its owner says so.
 * One thread at a time.
 */
#ifndef MR_STAGES_FINDING_H
#define MR_STAGES_FINDING_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>

typedef enum mr_level { MR_LEVEL_OK, MR_LEVEL_WARNING, MR_LEVEL_ERROR } mr_level;

const char *mr_level_name(mr_level level); /* "ok", "warning", "error" */

typedef struct mr_finding {
    mr_level level;
    mr_status status; /* what an error of this kind exits with */
    int line, column; /* in the configuration file, from 1; 0 = does not apply */
    char *where;      /* "streams[0].columns[2].type", "shard s0", "topic events" */
    char *what;
    char *remedy; /* "" when there is nothing to do */
} mr_finding;

typedef struct mr_findings {
    mr_finding *at;
    size_t count, cap;
    bool survives; /* set by who must not end the program */
    size_t lost;   /* bytes that were not to be had then: what the list has is not all, nor whole; 0: it is */
} mr_findings;

void mr_findings_add(mr_findings *findings, mr_finding finding_with_borrowed_texts);
/* The usual call: texts are copied; `what` is formatted. */
void mr_find(mr_findings *findings, mr_level level, mr_status status, const char *where, const char *remedy,
             const char *what, ...) MR_PRINTF(6, 7);
mr_status mr_findings_status(const mr_findings *findings, bool strict); /* MR_OK, or the worst error's */
size_t mr_findings_errors(const mr_findings *findings);
void mr_findings_free(mr_findings *findings);

#endif
