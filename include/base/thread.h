/* thread.h: how every thread of the program begins: named, with all signals blocked, so that main alone takes them.
 *
 * Any thread may start one.  Memory: the system's stack.  The caller joins it.
 */
#ifndef MR_BASE_THREAD_H
#define MR_BASE_THREAD_H

#include "base/status.h"
#include <pthread.h>

/* 0, or the errno of what was lacking (then nothing was started).  `name` is cut at 15 bytes. */
int mr_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *context) MR_CHECKED;
/* A condition whose timed waits go by the monotonic clock. */
void mr_thread_condition(pthread_cond_t *condition);

#endif
