/* What a server may say to a command, and the URLs that people give: never a crash; however an answer is cut into pieces, it is the
 * same answer; one whose length is said has that length.
 *
 *     first line: the URL;   rest: the server's bytes
 *
 * White box: the connection is played by the functions below. */
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *says;
static size_t says_len, said, piece;

static int play_getaddrinfo(const char *host, const char *port, const struct addrinfo *wish,
                            struct addrinfo **found)
{
    static struct addrinfo one = {.ai_family = AF_INET};
    (void)host;
    (void)port;
    (void)wish;
    *found = &one;
    return 0;
}

static void play_freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

static int play_socket(int family, int type, int protocol)
{
    (void)family;
    (void)type;
    (void)protocol;
    return 1 << 20;
}

static int play_connect(int fd, const struct sockaddr *at, socklen_t len)
{
    (void)fd;
    (void)at;
    (void)len;
    return 0;
}

static ssize_t play_send(int fd, const void *bytes, size_t len, int flags)
{
    (void)fd;
    (void)bytes;
    (void)flags;
    return (ssize_t)len;
}

static ssize_t play_recv(int fd, void *into, size_t room, int flags)
{
    size_t part = says_len - said < piece ? says_len - said : piece;
    (void)fd;
    (void)flags;
    part = part < room ? part : room;
    memcpy(into, says + said, part);
    said += part;
    return (ssize_t)part;
}

static int play_close(int fd)
{
    (void)fd;
    return 0;
}

#define getaddrinfo  play_getaddrinfo
#define freeaddrinfo play_freeaddrinfo
#define socket       play_socket
#define connect      play_connect
#define send         play_send
#define recv         play_recv
#define close        play_close
#include "../../worker/edges/http_get.c"

#include "base/must.h"

static mr_status get(const char *url, size_t bytes_at_once, mr_http_answer *answer)
{
    mr_error error = {""};
    mr_http_question question = {url, "/status", 7780, 1000};
    said = 0;
    piece = bytes_at_once;
    mr_status status = mr_http_get(&question, answer, &error);
    must((status == MR_OK) == !*error.text);
    if (status == MR_OK) {
        must(answer->len <= says_len && answer->body >= answer->memory && !answer->body[answer->len]);
        must(answer->status <= 999);
    }
    return status;
}

/* A length that is said once, in digits, without an encoding. */
static void look_at_length(const mr_http_answer *answer)
{
    const char *end = strstr(says, "\r\n\r\n"), *length = strcasestr(says, "\r\nContent-Length: ");
    if (!end || !length || length >= end || strcasestr(says, "Transfer-Encoding") ||
        strcasestr(says, "Content-Length") != length + 2)
        return;
    length += strlen("\r\nContent-Length: ");
    size_t digits = strspn(length, "0123456789");
    if (digits > 0 && digits < 10 && !strncmp(length + digits, "\r\n", 2)) {
        must(answer->len == strtoul(length, NULL, 10));
        must(!memcmp(answer->body, end + 4, answer->len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const size_t pieces[] = {1, 7, 4096};
    const uint8_t *line = len > 0 ? memchr(bytes, '\n', len) : NULL;
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = 0;
    if (line)
        text[line - bytes] = 0;
    says = line ? text + (line - bytes) + 1 : text + len;
    says_len = (size_t)(text + len - says);
    mr_http_answer whole, part;
    mr_status status = get(text, SIZE_MAX, &whole);
    if (status == MR_OK)
        look_at_length(&whole);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        must(get(text, pieces[i], &part) == status);
        must(status || (part.status == whole.status && part.len == whole.len &&
                        !memcmp(part.body, whole.body, whole.len)));
        mr_http_answer_free(&part);
    }
    mr_http_answer_free(&whole);
    free(text);
    return 0;
}
