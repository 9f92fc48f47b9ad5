#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#define NAME_BYTES 16 /* the kernel's, with the zero */

int mr_thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *context)
{
    sigset_t all, before;
    char cut[NAME_BYTES];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return failed;
    snprintf(cut, sizeof cut, "%.*s", NAME_BYTES - 1, name);
    pthread_setname_np(*thread, cut);
    return 0;
}

void mr_thread_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}
