/* What a client may say to the two ports, over a real connection (a socketpair that the daemon is given): never a crash, one answer at
 * most, a status that we send, the length that is said, and no connection left behind.
 *
 *     first byte: which port, and whether the client closes its side;   rest: the client's bytes
 *
 * White box: the daemon's thread is not started, its turns are taken here. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/thread.h"

static int never_start(pthread_t *thread, const char *name, void *(*turns)(void *), void *context)
{
    (void)thread;
    (void)name;
    (void)turns;
    (void)context;
    return 0;
}

#define mr_thread_start never_start
#include "../../worker/edges/http.c"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { TURNS_MAX = 200, ANSWER_MAX = 1 << 20 };

static mr_http *http;
static mr_arena *arena;
static struct MHD_Daemon *daemons[2]; /* where leaks are looked for */
static char heard[ANSWER_MAX];
static size_t heard_len;

static bool well(const void *context, mr_buf *why)
{
    mr_buf_text(why, context ? "no answer for 60 s" : "");
    return context == NULL;
}

static void start(void)
{
    static mr_stream stream = {.name = "events"};
    static mr_shard shard = {.name = "s0"};
    static uint16_t slot_shard[1];
    static mr_config config = {
        .kafka = {.group_id = "g"},
        .streams = &stream,
        .stream_count = 1,
        .shards = &shard,
        .shard_count = 1,
        .slots = 1,
        .slot_shard = slot_shard,
        .http = {.listen = "127.0.0.1:0", .probe_listen = "127.0.0.1:0", .status_page = true}};
    static const mr_probe_check fine[] = {{"threads", well, NULL}}, broken[] = {{"brokers", well, &config}};
    mr_error error;
    mr_probes probes = {.live = fine,
                        .live_count = 1,
                        .ready = broken,
                        .ready_count = 1,
                        .started = fine,
                        .started_count = 1};
    arena = mr_arena_new();
    mr_metrics *metrics = mr_metrics_new(&config, arena, 20000);
    mr_board *board = mr_board_new(&config, arena, 20000);
    must(mr_http_start(&config, metrics, board, &probes, arena, &http, &error) == MR_OK);
    daemons[0] = http->main.daemon;
    daemons[1] = http->probe.daemon;
}

/* Whether the daemon has ended the connection. */
static bool hear(int fd)
{
    ssize_t got;
    while ((got = recv(fd, heard + heard_len, ANSWER_MAX - 1 - heard_len, MSG_DONTWAIT)) > 0)
        heard_len += (size_t)got;
    return got == 0 || errno == ECONNRESET;
}

static void look_at_answer(bool head_only)
{
    static const char *const all[] = {"200 ", "400 ", "404 ", "405 ", "411 ", "413 ", "414 ",
                                      "417 ", "431 ", "494 ", "501 ", "503 ", "505 "};
    size_t i = 0;
    heard[heard_len] = 0;
    if (heard_len == 0)
        return;
    if (!strncmp(heard, "HTTP/1.1 100 ", 13)) /* to those who wait for it */
        return;
    must(!strncmp(heard, "HTTP/1.0 ", 9) || !strncmp(heard, "HTTP/1.1 ", 9));
    while (i < sizeof all / sizeof all[0] && strncmp(heard + 9, all[i], 4) != 0)
        i++;
    must(i < sizeof all / sizeof all[0]);
    /* Ours alone: libmicrohttpd 0.9.75 sends the head of some refusals twice. */
    const char *ours = strstr(heard, "\r\nCache-Control: no-store\r\n"), *end = strstr(heard, "\r\n\r\n");
    const char *length = strcasestr(heard, "\r\nContent-Length: ");
    if (!ours)
        return;
    must(end && length && length < end && ours < end && !strstr(end, "\r\nCache-Control: no-store\r\n"));
    size_t said = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
    size_t is = heard_len - (size_t)(end + 4 - heard);
    must(is == said || (head_only && is == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int pair[2];
    bool ended = false;
    if (!http)
        start();
    if (len == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    server *at = bytes[0] & 1 ? &http->probe : &http->main;
    struct sockaddr_un from = {.sun_family = AF_UNIX};
    heard_len = 0;
    must(MHD_add_connection(at->daemon, pair[0], (struct sockaddr *)&from, sizeof from) == MHD_YES);
    ssize_t sent = send(pair[1], bytes + 1, len - 1, MSG_NOSIGNAL);
    must(sent == (ssize_t)len - 1);
    if (bytes[0] & 2)
        shutdown(pair[1], SHUT_WR);
    for (int turns = 0, idle = 0; turns < TURNS_MAX && idle < 3 && !ended; turns++) {
        size_t before = heard_len;
        end_old_connections(at, mr_clock_ms());
        MHD_run(at->daemon);
        ended = hear(pair[1]);
        idle = heard_len == before ? idle + 1 : 0;
    }
    close(pair[1]); /* what is waited for does not come any more */
    for (int turns = 0; turns < TURNS_MAX && at->open_count > 0; turns++)
        MHD_run(at->daemon);
    must(at->open_count == 0);
    look_at_answer(memmem(bytes, len, "HEAD ", 5) != NULL); /* empty lines may stand before it */
    return 0;
}
