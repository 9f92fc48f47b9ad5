#include "base/bell.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool mr_bell_init(mr_bell *bell)
{
    atomic_init(&bell->asleep, false);
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
    /* As the announcement, an exchange: it reads the other's, when that came first, and with it all that was written before.  So either
     * the sleeper sees the work or we see the sleeper. */
    if (atomic_exchange(&bell->asleep, false)) {
        uint64_t one = 1;
        ssize_t written = write(bell->fd, &one, sizeof one);
        (void)written; /* a full counter wakes as well */
    }
}

void mr_bell_announce(mr_bell *bell)
{
    /* No store: the look for work that follows could then see less than a ringer has written who came before it. */
    (void)atomic_exchange(&bell->asleep, true);
}

void mr_bell_stay(mr_bell *bell)
{
    atomic_store(&bell->asleep, false);
}

void mr_bell_sleep(mr_bell *bell, uint64_t timeout_ms)
{
    struct pollfd wait = {.fd = bell->fd, .events = POLLIN, .revents = 0};
    int timeout = timeout_ms > 3600000 ? 3600000 : (int)timeout_ms;
    if (poll(&wait, 1, timeout) > 0) {
        uint64_t count;
        ssize_t got = read(bell->fd, &count, sizeof count);
        (void)got;
    }
    atomic_store(&bell->asleep, false);
}
