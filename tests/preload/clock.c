/* Shifts the wall clock under a program and its libraries, as an administrator or a time server would.  For LD_PRELOAD.
 *
 * The file $CLOCK_SHIFT holds the shift in seconds as text; it is read anew every 50 ms.  Shifted is what tells the wall clock's time, and what
 * waits for a time of it: as in the kernel, a clock that is set back makes such a wait longer, and one that is set forward ends it.
 * Clocks that only run on are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_US = 50000, SLICE_NS = 50000000, SECOND_NS = 1000000000 };

static _Atomic long shift_s;

static void look(const char *file)
{
    char text[32];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (len > 0) {
        text[len] = 0;
        atomic_store(&shift_s, strtol(text, NULL, 10));
    }
    if (fd >= 0)
        close(fd);
}

static void *watch(void *file)
{
    for (;; usleep(LOOK_US))
        look(file);
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t id;
    sigset_t all, before;
    char *file = getenv("CLOCK_SHIFT");
    if (!file)
        return;
    look(file);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (!pthread_create(&id, NULL, watch, file))
        pthread_detach(id);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- what tells the time ---- */

int clock_gettime(clockid_t id, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, id, now);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += atomic_load_explicit(&shift_s, memory_order_relaxed);
    return failed;
}

int timespec_get(struct timespec *now, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec fine;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &fine))
        return -1;
    *now = (struct timeval){.tv_sec = fine.tv_sec, .tv_usec = fine.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *to)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}

/* ---- what waits for a time ---- */

static bool is_over(const struct timespec *until)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > until->tv_sec || (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* A slice from now on, by the clock that the kernel waits for. */
static struct timespec slice(void)
{
    struct timespec end;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &end);
    end.tv_nsec += SLICE_NS;
    end.tv_sec += end.tv_nsec / SECOND_NS;
    end.tv_nsec %= SECOND_NS;
    return end;
}

/* Whoever waits on a condition must bear being woken for nothing: so a slice that ends without a signal is that. */
int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict lock, const struct timespec *restrict until)
{
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec end = slice();
    if (!real)
        real = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    if (is_over(until))
        end = (struct timespec){0};
    int status = real(condition, lock, &end);
    return status == thrd_timedout && !is_over(until) ? thrd_success : status;
}

int pthread_timedjoin_np(pthread_t id, void **value, const struct timespec *until)
{
    static int (*real)(pthread_t, void **, const struct timespec *);
    int status;
    if (!real)
        real = (int (*)(pthread_t, void **, const struct timespec *))dlsym(RTLD_NEXT, "pthread_timedjoin_np");
    do {
        struct timespec end = slice();
        status = real(id, value, &end);
    } while (status == ETIMEDOUT && !is_over(until));
    return status;
}
