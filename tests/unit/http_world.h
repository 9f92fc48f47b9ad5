/* http_world.h: the HTTP edge on ports of its own, and a client that asks it, for test_http.c and test_http_hostile.c. */
#ifndef MR_TESTS_HTTP_WORLD_H
#define MR_TESTS_HTTP_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "edges/http.h"

static mr_stream streams[] = {{.name = "events"}};
static mr_shard shards[] = {{.name = "s0"}};
static uint16_t slot_shard[1];
static mr_config config = {
    .kafka = {.group_id = "g"},
    .streams = streams,
    .stream_count = 1,
    .shards = shards,
    .shard_count = 1,
    .slots = 1,
    .slot_shard = slot_shard,
    .http = {.listen = "127.0.0.1:0", .probe_listen = "127.0.0.1:0", .status_page = true}};
static _Atomic bool broker_well;
static mr_arena *arena;
static mr_metrics *metrics;
static mr_board *board;
static mr_http *http;
static char answer[4 << 20];

static inline bool always(const void *context, mr_buf *why)
{
    (void)context;
    (void)why;
    return true;
}

static inline bool as_it_says(const void *context, mr_buf *why)
{
    const _Atomic bool *well = context;
    mr_buf_text(why, atomic_load(well) ? "heard 1 s ago" : "no answer for 60 s");
    return atomic_load(well);
}

static const mr_probe_check live[] = {{"threads", always, NULL}};
static const mr_probe_check ready[] = {{"configuration", always, NULL},
                                       {"brokers", as_it_says, &broker_well}};

static inline int set_up(void **unused)
{
    (void)unused;
    mr_error error;
    mr_probes probes = {
        .live = live, .live_count = 1, .ready = ready, .ready_count = 2, .started = live, .started_count = 1};
    atomic_store(&broker_well, true);
    arena = mr_arena_new();
    metrics = mr_metrics_new(&config, arena, 20000);
    board = mr_board_new(&config, arena, 20000);
    if (mr_http_start(&config, metrics, board, &probes, arena, &http, &error) != MR_OK) {
        print_message("%s\n", error.text);
        return 1;
    }
    mr_arena_freeze(arena);
    return 0;
}

static inline int tear_down(void **unused)
{
    (void)unused;
    mr_http_stop(http);
    mr_arena_free(arena);
    return 0;
}

static inline int dial(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline bool say(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

static inline void hear(int fd)
{
    size_t len = 0;
    ssize_t got;
    struct timeval patience = {.tv_sec = 30};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while ((got = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
        len += (size_t)got;
    answer[len] = 0;
    close(fd);
}

/* The answer's status; head and body are in `answer`. */
static inline int ask(uint16_t port, const char *method, const char *path, const char *headers)
{
    char request[512];
    int fd = dial(port), status = 0;
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, headers);
    assert_true(say(fd, request));
    hear(fd);
    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

static inline const char *body(void)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

static inline bool has(const char *text)
{
    return strcasestr(answer, text) != NULL;
}

#endif
