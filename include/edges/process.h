/* process.h: what the kernel says of this process: CPU time, memory, file descriptors.
 *
 * By the HTTP thread before it renders; no heap.  What cannot be read is -1.
 */
#ifndef MR_EDGES_PROCESS_H
#define MR_EDGES_PROCESS_H

#include "stages/metrics.h"

/* Zeroed before the first call; the start time is found out once, so that a jump of the wall clock does not move it. */
void mr_process_read(mr_process_gauges *gauges);

#endif
