/* Each daemon is turned by a thread of ours, so that its connections can be watched without a lock: libmicrohttpd's own
 * timeout sees inactivity only, and a client that drips a byte at a time is never inactive. */
#include "edges/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/thread.h"
#include "edges/http_listen.h"
#include "edges/process.h"
#include "stages/page.h"

#define CONNECTIONS_MAX 64u
#define SCRAPES_MAX     16u /* each may hold a copy of the page */
#define AGE_MAX_MS      10000u
#define AGE_CROWDED_MS  1000u
#define IDLE_MAX_S      5u
#define TURN_MS         500
#define REQUEST_BYTES   16384u /* of a connection: request line and headers must fit */
#define PAGE_MAX_BYTES  (256u << 20)

typedef struct server server;

typedef struct route {
    const char *path;
    /* Fills `out` (again, with a larger one, when it was too small) and *type; returns the HTTP status. */
    unsigned (*answer)(server *from, struct MHD_Connection *connection, mr_buf *out, const char **type);
    const char *policy; /* Content-Security-Policy; NULL: none, it is no page */
} route;

typedef struct open_connection {
    int fd; /* -1: free */
    uint64_t since_ms;
} open_connection;

struct server {
    mr_http *http;
    const route *routes;
    size_t route_count;
    const char *elsewhere; /* what the other port has, for those who ask at the wrong one */
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool turning;
    int wake;       /* eventfd: ends a turn's wait */
    uint32_t limit; /* of connections */
    uint16_t port;
    /* the thread's */
    open_connection open[CONNECTIONS_MAX];
    uint32_t open_count;
    char *page; /* the arena's at first, `grown` afterwards */
    size_t page_bytes;
    char *grown;
};

struct mr_http {
    mr_metrics *metrics;
    mr_board *board;
    mr_probes probes;
    mr_process_gauges process;
    _Atomic bool stop;
    server main, probe;
};

static const char text_plain[] = "text/plain; charset=utf-8";

/* ---- /metrics ---- */

/* The weight, 0 to 1000, that an Accept header gives to one of its types; -1: not named. */
static int weight_of(const char *accept, const char *type)
{
    int best = -1;
    for (const char *at = accept; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t len = strcspn(at, ","), start = strspn(at, " \t");
        char one[256];
        if (len >= sizeof one)
            continue;
        memcpy(one, at, len);
        one[len] = 0;
        if (strncasecmp(one + start, type, strlen(type)) != 0 || !strchr(" \t;", one[start + strlen(type)]))
            continue;
        const char *version = strcasestr(one, "version="), *q = strcasestr(one, ";q=");
        if (strcasecmp(type, "application/openmetrics-text") == 0 && version &&
            strncmp(version + 8, "1.0.0", 5) != 0 && strncmp(version + 8, "0.0.1", 5) != 0)
            continue;
        double weight =
            q ? strtod(q + 3, NULL) : 1; /* anything that strtod reads: also infinite, or none at all */
        int thousandths = weight >= 1 ? 1000 : weight > 0 ? (int)(weight * 1000) : 0;
        best = thousandths > best ? thousandths : best;
    }
    return best;
}

static bool wants_openmetrics(struct MHD_Connection *connection)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
    int open = accept ? weight_of(accept, "application/openmetrics-text") : -1;
    return open > 0 && open >= weight_of(accept, "text/plain");
}

static unsigned answer_metrics(server *from, struct MHD_Connection *connection, mr_buf *out,
                               const char **type)
{
    bool openmetrics = wants_openmetrics(connection);
    *type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                        : "text/plain; version=0.0.4; charset=utf-8";
    mr_process_read(&from->http->process);
    mr_metrics_process(from->http->metrics, &from->http->process);
    mr_metrics_render(from->http->metrics, openmetrics, out);
    return MHD_HTTP_OK;
}

/* ---- /status ---- */

static unsigned answer_status(server *from, struct MHD_Connection *connection, mr_buf *out, const char **type)
{
    (void)connection;
    *type = "application/json";
    mr_board_render(from->http->board, from->http->metrics, out);
    return MHD_HTTP_OK;
}

/* ---- / ---- */

static unsigned answer_page(server *from, struct MHD_Connection *connection, mr_buf *out, const char **type)
{
    (void)connection;
    *type = "text/html; charset=utf-8";
    mr_process_read(&from->http->process);
    mr_page_moment moment = {mr_clock_ms(), mr_clock_wall_ms(), from->http->process.resident_bytes};
    mr_page_render(from->http->board, from->http->metrics, &moment, out);
    return MHD_HTTP_OK;
}

/* ---- probes ---- */

/* "ok", or the list of checks: when asked for it, and whenever one is not well. */
static unsigned answer_probe(struct MHD_Connection *connection, const char *name,
                             const mr_probe_check *checks, size_t count, mr_buf *out)
{
    bool well = true;
    for (size_t i = 0; i < count; i++) {
        char text[512];
        mr_buf why = mr_buf_over(text, sizeof text);
        bool fine = checks[i].well(checks[i].context, &why);
        well = well && fine;
        mr_buf_printf(out, "[%c]%s %s%s%s\n", fine ? '+' : '-', checks[i].name, fine ? "ok" : "failed",
                      why.len > 0 ? ": " : "", text);
    }
    const char *value;
    bool verbose =
        MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "verbose", strlen("verbose"), &value,
                                      NULL) == MHD_YES; /* with or without a value */
    if (well && !verbose) {
        *out = mr_buf_over(out->at, out->cap);
        mr_buf_text(out, "ok\n");
    } else {
        mr_buf_printf(out, "%s check %s\n", name, well ? "passed" : "failed");
    }
    return well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned answer_livez(server *from, struct MHD_Connection *connection, mr_buf *out, const char **type)
{
    *type = text_plain;
    return answer_probe(connection, "livez", from->http->probes.live, from->http->probes.live_count, out);
}

static unsigned answer_readyz(server *from, struct MHD_Connection *connection, mr_buf *out, const char **type)
{
    *type = text_plain;
    return answer_probe(connection, "readyz", from->http->probes.ready, from->http->probes.ready_count, out);
}

static unsigned answer_startupz(server *from, struct MHD_Connection *connection, mr_buf *out,
                                const char **type)
{
    *type = text_plain;
    return answer_probe(connection, "startupz", from->http->probes.started, from->http->probes.started_count,
                        out);
}

/* The page is the last one, so that it can be left out. */
static const route main_routes[] = {
    {"/metrics", answer_metrics, NULL}, {"/status", answer_status, NULL}, {"/", answer_page, mr_page_policy}};
static const route probe_routes[] = {
    {"/livez", answer_livez, NULL}, {"/readyz", answer_readyz, NULL}, {"/startupz", answer_startupz, NULL}};

/* ---- a request ---- */

static enum MHD_Result send_page(struct MHD_Connection *connection, unsigned status, const char *type,
                                 const char *policy, const mr_buf *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->len, body->at, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (policy) {
        MHD_add_response_header(response, "Content-Security-Policy", policy);
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    }
    /* One request a connection: so a connection's age is its request's, and an idle one cannot be cut in mid-answer. */
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, const mr_buf *body)
{
    return send_page(connection, status, text_plain, NULL, body);
}

static enum MHD_Result send_not_found(server *from, struct MHD_Connection *connection)
{
    char text[512];
    mr_buf body = mr_buf_over(text, sizeof text);
    mr_buf_text(&body, "nothing is at this path: this port has");
    for (size_t i = 0; i < from->route_count; i++)
        mr_buf_printf(&body, "%s %s", i > 0 ? "," : "", from->routes[i].path);
    mr_buf_printf(&body, "; %s\n", from->elsewhere);
    return send_text(connection, MHD_HTTP_NOT_FOUND, &body);
}

static bool grow(server *from)
{
    if (from->page_bytes >= PAGE_MAX_BYTES)
        return false;
    char *larger = realloc(from->grown, from->page_bytes * 2);
    if (!larger)
        return false;
    from->page = from->grown = larger;
    from->page_bytes *= 2;
    return true;
}

static enum MHD_Result send_route(server *from, struct MHD_Connection *connection, const route *to)
{
    const char *type = text_plain;
    do {
        mr_buf body = mr_buf_over(from->page, from->page_bytes);
        unsigned status = to->answer(from, connection, &body, &type);
        if (!body.full)
            return send_page(connection, status, type, to->policy, &body);
    } while (grow(from));
    char text[] = "the page is too large for this process's memory: raise the memory limit\n";
    return send_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                     &(mr_buf){.at = text, .len = sizeof text - 1, .cap = sizeof text});
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload, size_t *upload_len,
                              void **seen)
{
    server *from = context;
    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        char text[] = "only GET and HEAD: everything here only reads\n";
        *upload_len = 0;
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                         &(mr_buf){.at = text, .len = sizeof text - 1, .cap = sizeof text});
    }
    if (!*seen) { /* the first call is for the headers, the second for the answer */
        *seen = from;
        return MHD_YES;
    }
    *upload_len = 0;
    for (size_t i = 0; i < from->route_count; i++)
        if (strcmp(url, from->routes[i].path) == 0)
            return send_route(from, connection, &from->routes[i]);
    return send_not_found(from, connection);
}

/* ---- a server's thread ---- */

static void notice(void *context, struct MHD_Connection *connection, void **socket_context,
                   enum MHD_ConnectionNotificationCode what)
{
    server *at = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        for (uint32_t i = 0; info && i < CONNECTIONS_MAX; i++)
            if (at->open[i].fd < 0) {
                at->open[i] = (open_connection){.fd = info->connect_fd, .since_ms = mr_clock_ms()};
                at->open_count++;
                *socket_context = &at->open[i];
                return;
            }
    } else if (*socket_context) { /* before the descriptor is closed */
        open_connection *closed = *socket_context;
        closed->fd = -1;
        at->open_count--;
    }
}

/* The daemon finds the connection ended at its next turn, and closes it. */
static void end_old_connections(server *at, uint64_t now_ms)
{
    /* From half of the limit on patience is short, so that newcomers get their turn. */
    uint64_t age_max_ms = at->open_count >= at->limit / 2 ? AGE_CROWDED_MS : AGE_MAX_MS;
    for (uint32_t i = 0; i < CONNECTIONS_MAX && at->open_count > 0; i++)
        if (at->open[i].fd >= 0 && now_ms - at->open[i].since_ms >= age_max_ms)
            shutdown(at->open[i].fd, SHUT_RDWR);
}

static void *turn(void *context)
{
    server *at = context;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(at->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    must(info);
    struct pollfd wait[] = {{.fd = info->epoll_fd, .events = POLLIN}, {.fd = at->wake, .events = POLLIN}};
    while (!atomic_load(&at->http->stop)) {
        MHD_UNSIGNED_LONG_LONG due_ms;
        int timeout_ms = TURN_MS;
        if (MHD_get_timeout(at->daemon, &due_ms) == MHD_YES && due_ms < TURN_MS)
            timeout_ms = (int)due_ms;
        poll(wait, 2, timeout_ms);
        end_old_connections(at, mr_clock_ms());
        MHD_run(at->daemon);
    }
    return NULL;
}

/* ---- start and stop ---- */

/* Of a daemon that could not be: libmicrohttpd 1.0 has closed the socket then, and the number may be another file's already. */
static void close_listening(int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;
    if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) && listens)
        close(fd);
}

static mr_status start_server(server *at, const char *name, const char *key, const char *address,
                              mr_error *error)
{
    int fd;
    if (!*address) /* nothing is to be served there */
        return MR_OK;
    mr_status status = mr_http_listen(key, address, &fd, &at->port, error);
    if (status != MR_OK)
        return status;
    at->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int failed = errno;
    at->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, at, MHD_OPTION_LISTEN_SOCKET, fd,
                                  MHD_OPTION_CONNECTION_LIMIT, at->limit, MHD_OPTION_CONNECTION_TIMEOUT,
                                  IDLE_MAX_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
                                  MHD_OPTION_NOTIFY_CONNECTION, notice, at, MHD_OPTION_END);
    if (!at->daemon || at->wake < 0) {
        failed = at->wake < 0 ? failed : errno;
        if (!at->daemon)
            close_listening(fd);
        return mr_fail(error, MR_UNAVAILABLE,
                       "%s: cannot serve %s, %s: allow the process more files and memory", key, address,
                       strerror(failed));
    }
    failed = mr_thread_start(&at->thread, name, turn, at);
    if (failed)
        return mr_fail(error, MR_UNAVAILABLE,
                       "cannot start the thread for %s, %s: allow the process more threads", key,
                       strerror(failed));
    at->turning = true;
    return MR_OK;
}

static void stop_server(server *at)
{
    uint64_t one = 1;
    if (at->turning) {
        ssize_t written = write(at->wake, &one, sizeof one);
        (void)written; /* else the turn ends by itself */
        pthread_join(at->thread, NULL);
    }
    if (at->daemon)
        MHD_stop_daemon(at->daemon); /* closes the listening socket */
    if (at->wake >= 0)
        close(at->wake);
    free(at->grown);
}

static void prepare(server *at, mr_http *http, mr_arena *arena, size_t page_bytes, uint32_t limit)
{
    must(limit <= CONNECTIONS_MAX);
    at->limit = limit;
    at->http = http;
    at->wake = -1;
    at->page = mr_arena_take(arena, "http", page_bytes, 1);
    at->page_bytes = page_bytes;
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++)
        at->open[i].fd = -1;
}

mr_status mr_http_start(const mr_config *config, mr_metrics *metrics, mr_board *board,
                        const mr_probes *probes, mr_arena *arena, mr_http **http, mr_error *error)
{
    mr_http *made = mr_arena_take(arena, "http", 1, sizeof *made);
    size_t streams = config->stream_count, shards = config->shard_count;
    made->metrics = metrics;
    made->board = board;
    made->probes = *probes;
    /* Room for all series but those of partitions beyond a few hundred. */
    prepare(&made->main, made, arena, (256u << 10) + (streams + shards) * 12288 + streams * shards * 256,
            SCRAPES_MAX);
    prepare(&made->probe, made, arena, 16384, CONNECTIONS_MAX);
    made->main.routes = main_routes;
    made->main.route_count = sizeof main_routes / sizeof *main_routes - !config->http.status_page;
    made->main.elsewhere = "probes are on http.probe_listen";
    made->probe.routes = probe_routes;
    made->probe.route_count = sizeof probe_routes / sizeof *probe_routes;
    made->probe.elsewhere = "metrics and the status are on http.listen";
    mr_status status = start_server(&made->main, "http", "http.listen", config->http.listen, error);
    if (status == MR_OK)
        status = start_server(&made->probe, "probes", "http.probe_listen", config->http.probe_listen, error);
    *http = made;
    if (status != MR_OK) {
        mr_http_stop(made);
        *http = NULL;
    }
    return status;
}

uint16_t mr_http_port(const mr_http *http)
{
    return http->main.port;
}

uint16_t mr_http_probe_port(const mr_http *http)
{
    return http->probe.port;
}

void mr_http_stop(mr_http *http)
{
    if (!http)
        return;
    atomic_store(&http->stop, true);
    stop_server(&http->main);
    stop_server(&http->probe);
}
