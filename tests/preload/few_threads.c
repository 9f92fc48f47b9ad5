/* Lets a program start $THREADS_MAX threads and refuses the next ones, as a limit of processes would.  For LD_PRELOAD.
 *
 * Counted are pthread_create's: librdkafka's threads come from thrd_create, which does not pass here. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *), void *context)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static _Atomic long made;
    const char *most = getenv("THREADS_MAX");
    if (!real)
        real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    if (most && atomic_fetch_add(&made, 1) >= atol(most))
        return EAGAIN;
    return real(id, attributes, body, context);
}
