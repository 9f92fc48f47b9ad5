#include "base/bell.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLEEP_MAX_MS 3600000

bool mr_bell_init(mr_bell *bell)
{
    atomic_init(&bell->asleep, false);
    atomic_init(&bell->sleeper.thread, 0);
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell->fd >= 0;
}

void mr_bell_close(mr_bell *bell)
{
    if (bell->fd >= 0)
        close(bell->fd);
    bell->fd = -1;
}

void mr_bell_ring(mr_bell *bell)
{
    /* Either the sleeper's exchange comes later and sees the work, or we see the sleeper. */
    if (atomic_exchange(&bell->asleep, false)) {
        uint64_t one = 1;
        ssize_t written = write(bell->fd, &one, sizeof one);
        (void)written; /* a full counter wakes as well */
    }
}

/* An exchange, no store: it reads what a ringer left who came before it, and so the looks for work that follow see that ringer's. */
static void say(mr_bell *bell, bool asleep)
{
    mr_owner_here(&bell->sleeper);
    (void)atomic_exchange(&bell->asleep, asleep);
}

void mr_bell_announce(mr_bell *bell)
{
    say(bell, true);
}

void mr_bell_stay(mr_bell *bell)
{
    say(bell, false);
}

void mr_bell_sleep(mr_bell *bell, uint64_t timeout_ms)
{
    struct pollfd wait = {.fd = bell->fd, .events = POLLIN, .revents = 0};
    int timeout = timeout_ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : (int)timeout_ms;
    if (poll(&wait, 1, timeout) > 0) {
        uint64_t count;
        ssize_t got = read(bell->fd, &count, sizeof count);
        (void)got;
    }
    say(bell, false);
}
