#include "base/must.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 1000 /* for a stderr that takes nothing */

/* Not by stdio: another thread may be inside it. */
void mr_must_failed(const char *condition, const char *file, int line)
{
    char text[512], name[16] = "?";
    int was = errno;
    pthread_getname_np(pthread_self(), name, sizeof name);
    snprintf(text, sizeof text - 1,
             "millrace: defect at %s:%d in thread %s (errno %d): must(%s): please report this", file, line,
             name, was, condition);
    size_t len = strlen(text);
    text[len++] = '\n';
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, WAIT_MS) > 0) {
        ssize_t written = write(STDERR_FILENO, text, len);
        (void)written;
    }
    abort();
}
