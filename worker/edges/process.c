#include "edges/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static size_t read_file(const char *name, char *text, size_t cap)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, cap - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[len > 0 ? len : 0] = 0;
    return len > 0 ? (size_t)len : 0;
}

/* Wall clock of the start from the time since then, both of now. */
static int64_t start_from(unsigned long long start_ticks, long ticks_per_s)
{
    struct timespec since_boot;
    if (clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
        return -1;
    int64_t boot_ms = (int64_t)since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1000000;
    return mr_clock_wall_ms() - (boot_ms - (int64_t)(start_ticks * 1000 / (unsigned long long)ticks_per_s));
}

static void read_stat(mr_process_gauges *gauges)
{
    char text[1024];
    unsigned long long user, system, start, virtual_bytes;
    long long resident_pages;
    long ticks_per_s = sysconf(_SC_CLK_TCK);
    /* The name in parentheses may hold anything: fields are counted from behind it. */
    const char *fields = read_file("/proc/self/stat", text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    gauges->cpu_us = gauges->virtual_bytes = gauges->resident_bytes = -1;
    if (!fields || ticks_per_s <= 0 ||
        sscanf(
            fields + 1,
            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %llu %lld",
            &user, &system, &start, &virtual_bytes, &resident_pages) != 5)
        return;
    gauges->cpu_us = (int64_t)((user + system) * (1000000ull / (unsigned long long)ticks_per_s));
    gauges->virtual_bytes = (int64_t)virtual_bytes;
    gauges->resident_bytes = resident_pages * sysconf(_SC_PAGESIZE);
    if (gauges->start_ms <= 0)
        gauges->start_ms = start_from(start, ticks_per_s);
}

static int64_t count_fds(void)
{
    _Alignas(struct dirent64) char entries[4096];
    int64_t count = -3; /* this one, "." and ".." */
    int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len;
    while ((len = getdents64(fd, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; at < len; count++) {
            unsigned short size;
            memcpy(&size, entries + at + offsetof(struct dirent64, d_reclen), sizeof size);
            at += size;
        }
    close(fd);
    return len == 0 ? count : -1;
}

void mr_process_read(mr_process_gauges *gauges)
{
    struct rlimit limit;
    read_stat(gauges);
    gauges->open_fds = count_fds();
    gauges->max_fds = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
                          ? (int64_t)limit.rlim_cur
                          : -1;
}

mr_status mr_process_files(uint64_t needed, mr_error *error)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return MR_OK;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed)
        return MR_OK;
    return mr_fail(
        error, MR_UNAVAILABLE,
        "the limit of open files is %llu, at least %llu are needed: raise it (LimitNOFILE, ulimit -Hn)",
        (unsigned long long)limit.rlim_cur, (unsigned long long)needed);
}

mr_status mr_process_memory(uint64_t bytes, uint32_t threads, mr_error *error)
{
    pthread_attr_t attributes;
    size_t stack = 0;
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &stack);
        pthread_attr_destroy(&attributes);
    }
    /* Never touched: a limit counts it, the machine's memory does not. */
    bytes += (uint64_t)stack * threads;
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return mr_fail(error, MR_UNAVAILABLE,
                       "the limit of address space leaves no %llu MiB for the libraries and threads: raise "
                       "it (LimitAS, ulimit -Hv)",
                       (unsigned long long)(bytes >> 20));
    munmap(room, bytes);
    return MR_OK;
}
