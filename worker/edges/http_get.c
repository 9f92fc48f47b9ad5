#include "edges/http_get.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "edges/http_listen.h"

#define ANSWER_MAX_BYTES (256u << 20)
#define ANSWER_BYTES     65536u /* room at first */

typedef struct call {
    mr_http_place to;
    char path[1024];
    uint64_t timeout_ms, end_ms;
    int fd;
    mr_http_answer *answer;
    size_t got, room; /* of answer->memory */
    size_t head;      /* bytes of the status line and headers, the empty line included; 0: not there yet */
    bool has_length, chunked;
    size_t length;
} call;

/* ---- the URL ---- */

static mr_status no_url(const char *url, const char *why, mr_error *error)
{
    return mr_fail(error, MR_USAGE, "\"%s\" %s: write it as http://127.0.0.1:7780 or worker-0:7780", url,
                   why);
}

static mr_status take_apart(const mr_http_question *question, call *of, mr_error *error)
{
    const char *at = question->url;
    bool scheme = strncasecmp(at, "http://", 7) == 0;
    for (const char *c = at; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return no_url(question->url, "is no URL", error);
    at += scheme ? 7 : 0;
    if (strstr(at, "://"))
        return no_url(question->url, "is not for http, and nothing else is spoken here", error);
    size_t len = strcspn(at, "/");
    const char *path = at[len] && at[len + 1] ? at + len : question->path;
    char address[300];
    mr_buf buf = mr_buf_over(address, sizeof address);
    mr_buf_put(&buf, at, len);
    const char *bracket = strrchr(address, ']');
    if (!strchr(bracket ? bracket : address, ':'))
        mr_buf_printf(&buf, ":%u", scheme ? 80u : question->default_port);
    if (buf.full || strlen(path) >= sizeof of->path || !mr_http_split(address, &of->to))
        return no_url(question->url, "is no URL", error);
    if (strtoul(of->to.port, NULL, 10) == 0)
        return no_url(question->url, "names port 0, which means any free one, not which", error);
    memcpy(of->path, path, strlen(path) + 1);
    if (of->to.any || !strcmp(of->to.host, "0.0.0.0"))
        memcpy(of->to.host, "127.0.0.1", sizeof "127.0.0.1"); /* listening on [::] takes IPv4 as well */
    return MR_OK;
}

/* ---- the connection ---- */

static mr_status unreachable(const call *of, const char *why, mr_error *error)
{
    bool brackets = strchr(of->to.host, ':') != NULL;
    return mr_fail(error, MR_UNAVAILABLE,
                   "%s%s%s:%s: %s: see that the worker runs, and what its http.listen and http.probe_listen "
                   "are",
                   brackets ? "[" : "", of->to.host, brackets ? "]" : "", of->to.port, why);
}

/* Until the descriptor is ready; false with errno. */
static bool await(int fd, short events, uint64_t end_ms)
{
    struct pollfd one = {.fd = fd, .events = events};
    uint64_t now_ms;
    while ((now_ms = mr_clock_ms()) < end_ms) {
        int ready = poll(&one, 1, (int)(end_ms - now_ms));
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
    errno = ETIMEDOUT;
    return false;
}

/* -1 with errno. */
static int connect_to(const struct addrinfo *at, uint64_t end_ms)
{
    int failed = 0;
    socklen_t len = sizeof failed;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
        if (errno != EINPROGRESS || !await(fd, POLLOUT, end_ms))
            failed = errno;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
            failed = errno;
    }
    if (failed == 0)
        return fd;
    close(fd);
    errno = failed;
    return -1;
}

static mr_status dial(call *of, mr_error *error)
{
    struct addrinfo wish = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
    uint64_t left = 0;
    int resolver = getaddrinfo(of->to.host, of->to.port, &wish, &found);
    if (resolver != 0)
        return unreachable(of, gai_strerror(resolver), error);
    uint64_t now_ms = mr_clock_ms();
    of->end_ms = now_ms + of->timeout_ms;
    for (const struct addrinfo *at = found; at; at = at->ai_next)
        left++;
    for (const struct addrinfo *at = found; at && of->fd < 0; at = at->ai_next, left--) {
        now_ms = mr_clock_ms(); /* an address that swallows everything leaves time for the next ones */
        of->fd = connect_to(at, now_ms + (of->end_ms > now_ms ? of->end_ms - now_ms : 0) / left);
    }
    int was = errno;
    freeaddrinfo(found);
    return of->fd < 0 ? unreachable(of, strerror(was), error) : MR_OK;
}

static mr_status ask(call *of, mr_error *error)
{
    char text[2048];
    bool brackets = strchr(of->to.host, ':') != NULL;
    mr_buf buf = mr_buf_over(text, sizeof text);
    mr_buf_printf(&buf, "GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\n", of->path, brackets ? "[" : "", of->to.host,
                  brackets ? "]" : "", of->to.port);
    mr_buf_text(&buf,
                "User-Agent: millrace/" MILLRACE_VERSION "\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    for (size_t sent = 0; sent < buf.len;) {
        ssize_t went = send(of->fd, text + sent, buf.len - sent, MSG_NOSIGNAL);
        if (went > 0)
            sent += (size_t)went;
        else if (errno != EINTR && (errno != EAGAIN || !await(of->fd, POLLOUT, of->end_ms)))
            return unreachable(of, strerror(errno), error);
    }
    return MR_OK;
}

/* ---- the answer ---- */

/* The value of a header, up to its line's end; NULL: there is none. */
static const char *header(const call *of, const char *name)
{
    const char *end = of->answer->memory + of->head, *at = of->answer->memory;
    size_t len = strlen(name);
    while ((at = memchr(at, '\n', (size_t)(end - at))) && ++at < end)
        if (strncasecmp(at, name, len) == 0 && at[len] == ':')
            return at + len + 1 + strspn(at + len + 1, " \t");
    return NULL;
}

/* Digits alone, up to the line's end; false: anything else, as lengths that nothing can hold. */
static bool read_length(const char *text, size_t *length)
{
    size_t digits = strspn(text, "0123456789"), blanks = strspn(text + digits, " \t");
    *length = strtoul(text, NULL, 10);
    return digits > 0 && digits < 19 && text[digits + blanks] == '\r';
}

/* False: this is not HTTP. */
static bool read_head(call *of)
{
    char *memory = of->answer->memory, *end = strstr(memory, "\r\n\r\n");
    if (!end)
        return of->got < 5 || strncmp(memory, "HTTP/", 5) == 0;
    if (strncmp(memory, "HTTP/1.", 7) != 0 || strspn(memory + 7, "0123456789") != 1 || memory[8] != ' ' ||
        strspn(memory + 9, "0123456789") != 3)
        return false;
    of->head = (size_t)(end - memory) + 4;
    of->answer->status = (unsigned)strtoul(memory + 9, NULL, 10);
    const char *length = header(of, "Content-Length"), *coding = header(of, "Transfer-Encoding");
    of->chunked = coding && strncasecmp(coding, "chunked", 7) == 0;
    of->has_length = length && !of->chunked;
    return (!coding || of->chunked) && (!of->has_length || read_length(length, &of->length));
}

static bool make_room(call *of)
{
    if (of->got + 1 < of->room)
        return true;
    size_t room = of->room ? of->room * 2 : ANSWER_BYTES;
    char *memory = room <= ANSWER_MAX_BYTES ? realloc(of->answer->memory, room) : NULL;
    if (!memory)
        return false;
    of->answer->memory = memory;
    of->room = room;
    return true;
}

/* Until all of it is there, or the other side ends. */
static mr_status hear(call *of, mr_error *error)
{
    while (!of->head || !of->has_length || of->got - of->head < of->length) {
        if (!make_room(of))
            return unreachable(of, "its answer is too large", error);
        ssize_t got = recv(of->fd, of->answer->memory + of->got, of->room - of->got - 1, 0);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR && (errno != EAGAIN || !await(of->fd, POLLIN, of->end_ms)))
            return unreachable(of, errno == ETIMEDOUT ? "no whole answer in time" : strerror(errno), error);
        if (got < 0)
            continue;
        of->got += (size_t)got;
        of->answer->memory[of->got] = 0;
        if (!of->head && !read_head(of))
            return unreachable(of, "what answers there is no HTTP server", error);
    }
    if (!of->head || (of->has_length && of->got - of->head < of->length))
        return unreachable(of, "the answer ended too early", error);
    return MR_OK;
}

/* Joins the chunks in place; false when the last one is missing. */
static bool join_chunks(mr_http_answer *answer)
{
    const char *at = answer->body, *end = answer->body + answer->len;
    size_t len = 0;
    for (;;) {
        size_t digits = strspn(at, "0123456789abcdefABCDEF"), chunk = strtoul(at, NULL, 16);
        const char *line = strstr(at + digits, "\r\n");
        if (digits == 0 || digits > 15 || !line || chunk > (size_t)(end - line) - 2)
            return false;
        memmove(answer->body + len, line + 2, chunk);
        len += chunk;
        at = line + 2 + chunk;
        if (chunk == 0) {
            answer->len = len;
            answer->body[len] = 0;
            return true;
        }
        if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
            return false;
        at += 2;
    }
}

mr_status mr_http_get(const mr_http_question *question, mr_http_answer *answer, mr_error *error)
{
    call of = {.fd = -1, .answer = answer, .timeout_ms = question->timeout_ms};
    *answer = (mr_http_answer){.memory = NULL};
    mr_status status = take_apart(question, &of, error);
    if (status == MR_OK)
        status = dial(&of, error);
    if (status == MR_OK)
        status = ask(&of, error);
    if (status == MR_OK)
        status = hear(&of, error);
    if (of.fd >= 0)
        close(of.fd);
    if (status != MR_OK)
        return status;
    answer->body = answer->memory + of.head;
    answer->len = of.has_length ? of.length : of.got - of.head;
    answer->body[answer->len] = 0;
    if (of.chunked && !join_chunks(answer))
        return unreachable(&of, "the answer ended too early", error);
    return MR_OK;
}

void mr_http_answer_free(mr_http_answer *answer)
{
    free(answer->memory);
    *answer = (mr_http_answer){.memory = NULL};
}
