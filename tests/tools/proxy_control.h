/* proxy_control.h: how tools_proxy is told what to do: a unix socket on which each line is a command and is answered by one line, `ok` or what is
 * wrong.  Both ends of it; what the commands are is not known here.
 *
 * One thread.  The proxy's end never waits: who does not take his answer, or sends a line that is too long, is hung up on.  The teller's end waits for
 * TELL_S.  Memory: a line.
 */
#ifndef MR_TESTS_PROXY_CONTROL_H
#define MR_TESTS_PROXY_CONTROL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tool.h"

enum { CONTROL_LINE_BYTES = 128, CONTROL_ANSWER_BYTES = 256, TELL_S = 10 };

/* What has come of a line. */
typedef struct control_line {
    size_t have;
    char text[CONTROL_LINE_BYTES];
} control_line;

/* Does what a line says and answers it, with a newline. */
typedef void control_obey(const char *line, char *answer, size_t size);

static inline struct sockaddr_un control_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die("%s is too long for a unix socket: %zu bytes at most", path, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    return address;
}

/* ---- the proxy's end ---- */

static inline int control_listen(const char *path, int waiting_max)
{
    struct sockaddr_un address = control_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, waiting_max))
        die("%s: %s", path, strerror(errno));
    return fd;
}

/* Something may have come.  False: it is to be closed. */
static inline bool control_take(int fd, control_line *line, control_obey *obey)
{
    char answer[CONTROL_ANSWER_BYTES], *end;
    ssize_t got = recv(fd, line->text + line->have, sizeof line->text - line->have, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return false;
    line->have += (size_t)got;
    while ((end = memchr(line->text, '\n', line->have))) {
        *end++ = 0;
        obey(line->text, answer, sizeof answer);
        line->have -= (size_t)(end - line->text);
        memmove(line->text, end, line->have);
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return false;
    }
    return line->have < sizeof line->text; /* no command is that long */
}

/* ---- the teller's end ---- */

/* Says the words as one command and prints the answer; 0: it is ok. */
static inline int control_tell(const char *path, char **words, int count)
{
    struct sockaddr_un address = control_address(path);
    struct timeval patience = {.tv_sec = TELL_S};
    char line[CONTROL_LINE_BYTES] = "", answer[CONTROL_ANSWER_BYTES];
    size_t have = 0;
    for (int i = 0; i < count; i++) {
        int more = snprintf(line + have, sizeof line - have, "%s%c", words[i], i + 1 < count ? ' ' : '\n');
        have += (size_t)more;
        if (have >= sizeof line)
            die("no command is that long");
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
        send(fd, line, have, MSG_NOSIGNAL) < 0)
        die("%s: %s", path, strerror(errno));
    for (have = 0; have + 1 < sizeof answer && !memchr(answer, '\n', have);) {
        ssize_t got = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        if (got <= 0)
            die("%s: no answer", path);
        have += (size_t)got;
    }
    answer[have] = 0;
    fputs(answer, stdout);
    close(fd);
    return strncmp(answer, "ok", 2) ? 1 : 0;
}

#endif
