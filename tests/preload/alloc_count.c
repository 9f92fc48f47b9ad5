/* Counts heap allocations by who asks: the program itself, or its libraries.  For LD_PRELOAD.
 *
 * Counting begins when the file $ALLOC_COUNT_ARM appears and ends when it is gone; at the end of the process the counts are written to
 * $ALLOC_COUNT_REPORT: a line "ours THREAD N" for each thread that allocated from the program's own code, and "ours N", "libraries N".
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

enum { THREADS = 64, NAME = 16 };

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static char early[65536]; /* for what dlsym wants before we have the real ones */
static size_t early_used;
static _Atomic int armed;
static _Atomic unsigned long ours, libraries;
static struct {
    char name[NAME];
    unsigned long count;
} threads[THREADS];
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;

static void *watch(void *file)
{
    for (;; usleep(20000))
        atomic_store(&armed, !access(file, F_OK));
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t id;
    sigset_t all, before;
    char *arm = getenv("ALLOC_COUNT_ARM");
    find_program();
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (arm && !pthread_create(&id, NULL, watch, arm))
        pthread_detach(id);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((destructor)) static void end(void)
{
    const char *file = getenv("ALLOC_COUNT_REPORT");
    FILE *out = file ? fopen(file, "w") : NULL;
    if (!out)
        return;
    for (int i = 0; i < THREADS && threads[i].count; i++)
        fprintf(out, "ours %s %lu\n", threads[i].name, threads[i].count);
    fprintf(out, "ours %lu\nlibraries %lu\n", atomic_load(&ours), atomic_load(&libraries));
    fclose(out);
}

static void count(const void *caller)
{
    if (!atomic_load_explicit(&armed, memory_order_relaxed))
        return;
    if (!is_program(caller)) {
        atomic_fetch_add_explicit(&libraries, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_add(&ours, 1);
    char name[NAME] = "?";
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_mutex_lock(&threads_lock);
    for (int i = 0; i < THREADS; i++)
        if (!threads[i].count || !strcmp(threads[i].name, name)) {
            memcpy(threads[i].name, name, NAME);
            threads[i].count++;
            break;
        }
    pthread_mutex_unlock(&threads_lock);
}

static void *take_early(size_t size)
{
    void *taken = early + early_used;
    early_used += (size + 15) & ~(size_t)15;
    return early_used <= sizeof early ? taken : NULL;
}

static void find_real(void)
{
    real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
}

void *malloc(size_t size)
{
    if (!real_malloc)
        find_real();
    count(__builtin_return_address(0));
    return real_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    static int finding;
    if (!real_calloc && finding)
        return take_early(number * size);
    if (!real_calloc) {
        finding = 1;
        find_real();
    }
    count(__builtin_return_address(0));
    return real_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    if (!real_realloc)
        find_real();
    count(__builtin_return_address(0));
    return real_realloc(old, size);
}
