/* process.h: what the kernel says of this process, and whether it lets it have what a worker needs.
 *
 * mr_process_files, mr_process_memory: at start, by main.  mr_process_read: by the HTTP thread before it renders; what cannot be read is -1.  No heap.
 */
#ifndef MR_EDGES_PROCESS_H
#define MR_EDGES_PROCESS_H

#include "base/status.h"
#include "stages/metrics.h"

/* Zeroed before the first call; the start time is found out once, so that a jump of the wall clock does not move it. */
void mr_process_read(mr_process_gauges *gauges);

/* Raises the soft limit of open files to the hard one.  MR_UNAVAILABLE: that is below `needed`; a worker that starts with too few
 * would fail later, wherever the next file happens to be opened. */
mr_status mr_process_files(uint64_t needed, mr_error *error);

/* Whether `bytes` more of address space are to be had, besides the stacks of `threads` threads.  MR_UNAVAILABLE: not under this limit
 * (ulimit -v); librdkafka that starts without never comes back from its first call. */
mr_status mr_process_memory(uint64_t bytes, uint32_t threads, mr_error *error);

#endif
