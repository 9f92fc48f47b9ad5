/* Lets a program start $THREADS_MAX threads and refuses the next ones, as a limit of processes would.  For LD_PRELOAD.
 *
 * Counted are pthread_create's: librdkafka's threads come from thrd_create, which does not pass here.  Once one was refused, the end of a Kafka client
 * takes a while, so that a thread which still runs comes round and uses what is being taken away. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { A_WHILE_US = 400000 }; /* a consumer thread without work sleeps for 100 ms */

static _Atomic bool refused;

int pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*body)(void *), void *context)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static _Atomic long made;
    const char *most = getenv("THREADS_MAX");
    if (!real)
        real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(
            RTLD_NEXT, "pthread_create");
    if (most && atomic_fetch_add(&made, 1) >= atol(most)) {
        atomic_store(&refused, true);
        return EAGAIN;
    }
    return real(id, attributes, body, context);
}

void rd_kafka_destroy_flags(void *client, int flags)
{
    static void (*real)(void *, int);
    if (!real)
        real = (void (*)(void *, int))dlsym(RTLD_NEXT, "rd_kafka_destroy_flags");
    if (atomic_load(&refused))
        usleep(A_WHILE_US);
    real(client, flags);
}
