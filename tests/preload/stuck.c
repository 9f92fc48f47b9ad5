/* Makes a thread of the program stand still inside a call of a library, as a defect of the library would.  For LD_PRELOAD.
 *
 * $STUCK_IN says where, and takes effect when the file $STUCK_FROM appears (at once without one):
 *
 *     consume      the first rd_kafka_consume_queue never returns: a consumer thread
 *     execute      the first mysql_stmt_execute: one writer; the others go on
 *     poll         the first rd_kafka_consumer_poll: main
 *     commits      no commit is sent, and none is answered: brokers that have gone silent
 *     watermarks   no question after watermarks is answered within its time
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMED_OUT = -185 }; /* RD_KAFKA_RESP_ERR__TIMED_OUT */

static const char *where = "";
static _Atomic bool armed, taken;

static void *watch(void *file)
{
    while (access(file, F_OK))
        usleep(20000);
    atomic_store(&armed, true);
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t id;
    sigset_t all, before;
    const char *in = getenv("STUCK_IN");
    char *file = getenv("STUCK_FROM");
    where = in ? in : "";
    if (!file) {
        atomic_store(&armed, true);
        return;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (!pthread_create(&id, NULL, watch, file))
        pthread_detach(id);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool here(const char *call)
{
    return atomic_load_explicit(&armed, memory_order_relaxed) && !strcmp(where, call);
}

static void stand_still(const char *call)
{
    if (here(call) && !atomic_exchange(&taken, true))
        for (;;)
            pause();
}

void *rd_kafka_consume_queue(void *queue, int timeout_ms)
{
    static void *(*real)(void *, int);
    if (!real)
        real = (void *(*)(void *, int))dlsym(RTLD_NEXT, "rd_kafka_consume_queue");
    stand_still("consume");
    return real(queue, timeout_ms);
}

void *rd_kafka_consumer_poll(void *client, int timeout_ms)
{
    static void *(*real)(void *, int);
    if (!real)
        real = (void *(*)(void *, int))dlsym(RTLD_NEXT, "rd_kafka_consumer_poll");
    stand_still("poll");
    return real(client, timeout_ms);
}

int mysql_stmt_execute(void *statement)
{
    static int (*real)(void *);
    if (!real)
        real = (int (*)(void *))dlsym(RTLD_NEXT, "mysql_stmt_execute");
    stand_still("execute");
    return real(statement);
}

int rd_kafka_commit_queue(void *client, const void *offsets, void *queue, void *answer, void *opaque)
{
    static int (*real)(void *, const void *, void *, void *, void *);
    if (!real)
        real =
            (int (*)(void *, const void *, void *, void *, void *))dlsym(RTLD_NEXT, "rd_kafka_commit_queue");
    return here("commits") ? 0 : real(client, offsets, queue, answer, opaque);
}

int rd_kafka_query_watermark_offsets(void *client, const char *topic, int32_t partition, int64_t *low,
                                     int64_t *high, int timeout_ms)
{
    static int (*real)(void *, const char *, int32_t, int64_t *, int64_t *, int);
    if (!real)
        real = (int (*)(void *, const char *, int32_t, int64_t *, int64_t *, int))dlsym(
            RTLD_NEXT, "rd_kafka_query_watermark_offsets");
    if (!here("watermarks"))
        return real(client, topic, partition, low, high, timeout_ms);
    usleep((useconds_t)timeout_ms * 1000);
    return TIMED_OUT;
}
