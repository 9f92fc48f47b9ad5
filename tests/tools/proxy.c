/* tools_proxy: a TCP proxy on loopback that can be a bad network.
 *
 *   tools_proxy --listen 127.0.0.1:PORT --to 127.0.0.1:PORT [--control PATH]
 *   tools_proxy --tell PATH COMMAND...        says it to the proxy whose control is PATH; 0 if the answer is ok
 *
 * Prints its port on stdout as soon as it listens (port 0 takes a free one), and stays until SIGINT or SIGTERM.  PATH becomes a unix
 * socket: each line is a command and is answered by one line, `ok` or what is wrong, when the command has taken effect.
 *
 *   pass            everything goes on as it comes (so it begins)
 *   delay MS        each direction's bytes, and their end, are held that long, but no reset; what is on its way is at most a buffer full
 *   rate N          N bytes a second in each direction of each connection, from now on
 *   drip N MS       at most N bytes at a time, and then nothing for MS: the same
 *   stall [up|down] nothing goes on, not even an end or a reset: half-open.  Both directions, or what clients send (up), or what they
 *                   are sent (down).  New connections are accepted; with up stalled the server does not hear of them until it is over.
 *   refuse          new connections are reset at once; those that are open go on
 *   cut             all connections are reset now; what holds for the next ones does not change
 *   snip before|after TEXT   the connection on which the next TEXT (without a blank, 23 bytes at most) comes from the client, as the end of what it
 *                   has to say, is reset: before TEXT is handed on, or when the answer to it has come, which is not handed on
 *   count           is answered `ok UP DOWN OPEN SNIPPED`: bytes handed on in each direction and snips done since the start, and
 *                   connections now
 *
 * A command that is a mode replaces the one before, and holds for what is already here as well.
 *
 *            side[NEAR]     flow[UP]: a ring of bytes, and when they came    side[FAR]
 *   client ==========> readv ------> [ out ........ in ] ------> sendmsg =========> server
 *          <==========                   flow[DOWN]                      <=========
 *
 * One thread.  Memory is bounded: FLOW_BYTES in each direction of at most CONNECTIONS_MAX connections (others are reset); a full ring
 * is not read into, so the sender is held back as a network would.  epoll is edge-triggered: a side that may be read but is not wanted costs nothing.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy_control.h"
#include "proxy_flow.h"
#include "tool.h"

/* The client, the server: a flow has the number of the side that it is read from. */
enum { NEAR = UP, FAR = DOWN };

enum {
    CONNECTIONS_MAX = 256,
    CONTROLS_MAX = 8,
    ROUNDS_MAX = 2, /* of one connection in a turn: the others want theirs as well */
};

typedef struct proxy_watch {
    enum { WATCH_SIGNALS, WATCH_CLIENTS, WATCH_CONTROLS, WATCH_CONTROL, WATCH_SIDE } kind;
    int fd; /* -1: closed, or not there yet */
    void *owner;
} proxy_watch;

typedef struct proxy_side {
    proxy_watch watch;
    bool readable, writable; /* as far as is known: no EAGAIN since the last edge */
} proxy_side;

typedef struct proxy_connection {
    proxy_side side[2];
    proxy_flow flow[2];
    bool answer_is_kept; /* a snip: it is reset when the server says something */
} proxy_connection;

typedef struct proxy_control {
    proxy_watch watch;
    control_line line;
} proxy_control;

static struct sockaddr_in to;
static int epoll = -1;
static proxy_turn turn;
static proxy_snip snip;
static proxy_connection *connections[CONNECTIONS_MAX];
static proxy_control controls[CONTROLS_MAX];
static uint64_t handed_on[2];

static void watch_begin(proxy_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, watch->fd, &event))
        die("epoll_ctl: %s", strerror(errno));
}

/* ---- bytes ---- */

static void close_with_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static void hang_up(proxy_connection *connection, bool reset)
{
    for (int i = NEAR; i <= FAR; i++) {
        int fd = connection->side[i].watch.fd;
        if (fd >= 0 && reset)
            close_with_reset(fd);
        else if (fd >= 0)
            close(fd);
        connection->side[i].watch.fd = -1;
    }
}

/* Something came.  True: the connection was reset for it. */
static bool snipped(proxy_connection *connection, int direction)
{
    if (direction == UP && snip.armed && flow_ends_with(&connection->flow[UP], snip.text)) {
        snip.armed = false;
        connection->answer_is_kept = true;
        if (!snip.before)
            return false;
    } else if (direction == UP || !connection->answer_is_kept) {
        return false;
    }
    snip.done++;
    hang_up(connection, true);
    return true;
}

static bool take_in(proxy_connection *connection, int direction)
{
    proxy_side *from = &connection->side[direction];
    proxy_flow *flow = &connection->flow[direction];
    uint64_t space = flow_space(flow);
    struct iovec piece[2];
    if (from->watch.fd < 0 || !from->readable || flow->end != FLOW_OPEN || !space)
        return false;
    ssize_t count = readv(from->watch.fd, piece, flow_pieces(flow, flow->in, space, piece));
    if (count > 0) {
        flow_came(flow, (uint64_t)count, turn.now_us);
        return !snipped(connection, direction);
    }
    if (!count)
        flow_ended(flow, FLOW_FIN, turn.now_us);
    else if (errno == EAGAIN)
        from->readable = false;
    else
        flow_ended(flow, FLOW_RESET, turn.now_us);
    return false;
}

static bool give_out(proxy_connection *connection, int direction)
{
    proxy_side *into = &connection->side[!direction];
    proxy_flow *flow = &connection->flow[direction];
    struct iovec piece[2];
    if (into->watch.fd < 0 || !into->writable)
        return false;
    uint64_t may = flow_allowed(flow, direction, &turn);
    if (!may)
        return false;
    struct msghdr message = {.msg_iov = piece};
    message.msg_iovlen = (size_t)flow_pieces(flow, flow->out, may, piece);
    ssize_t count = sendmsg(into->watch.fd, &message, MSG_NOSIGNAL);
    if (count > 0) {
        flow_went(flow, (uint64_t)count, &turn);
        handed_on[direction] += (uint64_t)count;
        return true;
    }
    into->writable = false;
    if (errno != EAGAIN) /* who takes nothing any more has ended what he says as well */
        flow_ended(&connection->flow[!direction], FLOW_RESET, turn.now_us);
    return false;
}

/* ---- connections ---- */

static void open_side(proxy_connection *connection, int which, int fd)
{
    proxy_side *side = &connection->side[which];
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* a drip is a segment */
    *side = (proxy_side){.watch = {.kind = WATCH_SIDE, .fd = fd, .owner = connection}};
    side->readable = side->writable = true;
    watch_begin(&side->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static void connect_far(proxy_connection *connection)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
        flow_ended(&connection->flow[DOWN], FLOW_RESET, turn.now_us);
    open_side(connection, FAR, fd);
}

static void accept_clients(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int at = 0;
        while (at < CONNECTIONS_MAX && connections[at])
            at++;
        if (at == CONNECTIONS_MAX || turn.mode.refuse) {
            close_with_reset(fd);
            continue;
        }
        connections[at] = tool_alloc(1, sizeof *connections[at]);
        connections[at]->side[FAR].watch.fd = -1;
        open_side(connections[at], NEAR, fd);
        flow_begin(&connections[at]->flow[UP], turn.now_us);
        flow_begin(&connections[at]->flow[DOWN], turn.now_us);
    }
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        die("accept: %s", strerror(errno));
}

/* An edge: what it says is tried by the next pump. */
static void side_event(proxy_connection *connection, int which, uint32_t events)
{
    proxy_side *side = &connection->side[which];
    int error = 0;
    socklen_t length = sizeof error;
    side->readable = side->writable = true;
    if (side->watch.fd >= 0 && (events & EPOLLERR) &&
        !getsockopt(side->watch.fd, SOL_SOCKET, SO_ERROR, &error, &length) && error)
        flow_ended(&connection->flow[which], FLOW_RESET, turn.now_us);
}

static void hand_on_ends(proxy_connection *connection)
{
    for (int direction = UP; direction <= DOWN; direction++) {
        proxy_flow *flow = &connection->flow[direction];
        if (!flow_end_due(flow, direction, &turn))
            continue;
        if (flow->end == FLOW_RESET) {
            hang_up(connection, true);
            return;
        }
        shutdown(connection->side[!direction].watch.fd, SHUT_WR);
        flow->end_sent = true;
    }
    if (connection->flow[UP].end_sent && connection->flow[DOWN].end_sent)
        hang_up(connection, false);
}

static void pump(proxy_connection *connection)
{
    bool moved = true;
    if (connection->side[FAR].watch.fd < 0 && !turn.mode.stalled[UP])
        connect_far(connection);
    for (int round = 0; moved; round++) {
        if (round == ROUNDS_MAX) {
            turn_wake(&turn, turn.now_us);
            break;
        }
        moved = false;
        for (int direction = UP; direction <= DOWN; direction++) {
            moved |= take_in(connection, direction);
            moved |= give_out(connection, direction);
        }
    }
    hand_on_ends(connection);
}

/* The memory of a connection that was cut is given back only here: the turn's other events may still speak of it. */
static void pump_all(void)
{
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        if (!connections[i])
            continue;
        if (connections[i]->side[NEAR].watch.fd >= 0)
            pump(connections[i]);
        if (connections[i]->side[NEAR].watch.fd < 0) {
            free(connections[i]);
            connections[i] = NULL;
        }
    }
}

/* ---- commands ---- */

static bool is_open(const proxy_connection *connection)
{
    return connection && connection->side[NEAR].watch.fd >= 0;
}

static void obey(const char *line, char *answer, size_t size)
{
    int open = 0;
    snprintf(answer, size, "ok\n");
    if (!strcmp(line, "cut")) {
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            if (is_open(connections[i]))
                hang_up(connections[i], true);
    } else if (!strcmp(line, "count")) {
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            open += is_open(connections[i]);
        snprintf(answer, size, "ok %llu %llu %d %llu\n", (unsigned long long)handed_on[UP],
                 (unsigned long long)handed_on[DOWN], open, (unsigned long long)snip.done);
    } else if (snip_parse(line, &snip)) {
        return;
    } else if (mode_parse(line, &turn.mode)) {
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            for (int direction = UP; connections[i] && direction <= DOWN; direction++)
                flow_begin(&connections[i]->flow[direction], turn.now_us);
    } else {
        snprintf(
            answer, size,
            "not a command: pass, delay MS, rate BYTES_PER_S, drip BYTES MS, stall [up|down], refuse, cut, "
            "snip before|after TEXT or count; numbers from 1 on\n");
    }
}

static void control_event(proxy_control *control)
{
    if (control_take(control->watch.fd, &control->line, obey))
        return;
    close(control->watch.fd);
    control->watch.fd = -1;
}

static void accept_control(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), at = 0;
    if (fd < 0)
        return;
    while (at < CONTROLS_MAX && controls[at].watch.fd >= 0)
        at++;
    if (at == CONTROLS_MAX) {
        close(fd);
        return;
    }
    controls[at] = (proxy_control){.watch = {.kind = WATCH_CONTROL, .fd = fd, .owner = &controls[at]}};
    watch_begin(&controls[at].watch, EPOLLIN);
}

/* ---- start and end ---- */

static struct sockaddr_in loopback(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host)
        die("an address is written 127.0.0.1:PORT, not '%s'", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    int64_t port = tool_number("PORT", colon + 1);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || ntohl(address.sin_addr.s_addr) >> 24 != 127 ||
        port > 65535)
        die("an address is written 127.0.0.1:PORT, not '%s'", text);
    address.sin_port = htons((uint16_t)port);
    return address;
}

static int listen_clients(struct sockaddr_in address, uint16_t *port)
{
    socklen_t length = sizeof address;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, CONNECTIONS_MAX) ||
        getsockname(fd, (struct sockaddr *)&address, &length))
        die("listening: %s", strerror(errno));
    *port = ntohs(address.sin_port);
    return fd;
}

static int end_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int fd = signalfd(-1, &ends, SFD_CLOEXEC);
    if (fd < 0)
        die("signalfd: %s", strerror(errno));
    return fd;
}

/* False: it is time to end. */
static bool take_turn(void)
{
    struct epoll_event events[64];
    uint64_t left_ms = turn.wake_us > turn.now_us ? (turn.wake_us - turn.now_us + 999) / 1000 : 0;
    int ready = epoll_wait(epoll, events, 64,
                           turn.wake_us == FLOW_NEVER ? -1 : (int)(left_ms < 60000 ? left_ms : 60000));
    if (ready < 0 && errno != EINTR)
        die("epoll_wait: %s", strerror(errno));
    turn.now_us = tool_now_us();
    turn.wake_us = FLOW_NEVER;
    for (int i = 0; i < ready; i++) {
        proxy_watch *about = events[i].data.ptr;
        switch (about->kind) {
        case WATCH_SIGNALS:
            return false;
        case WATCH_CLIENTS:
            accept_clients(about->fd);
            break;
        case WATCH_CONTROLS:
            accept_control(about->fd);
            break;
        case WATCH_CONTROL:
            control_event(about->owner);
            break;
        case WATCH_SIDE: {
            proxy_connection *connection = about->owner;
            side_event(connection, about == &connection->side[FAR].watch, events[i].events);
            break;
        }
        }
    }
    pump_all();
    return true;
}

int main(int argc, char **argv)
{
    const char *listen_at = NULL, *to_text = NULL, *control_path = NULL;
    uint16_t port;
    if (argc > 3 && !strcmp(argv[1], "--tell"))
        return control_tell(argv[2], argv + 3, argc - 3);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--listen"))
            listen_at = argv[i + 1];
        else if (!strcmp(argv[i], "--to"))
            to_text = argv[i + 1];
        else if (!strcmp(argv[i], "--control"))
            control_path = argv[i + 1];
    }
    if (!listen_at || !to_text || argc != 5 + 2 * !!control_path) {
        fputs("usage: tools_proxy --listen 127.0.0.1:PORT --to 127.0.0.1:PORT [--control PATH]\n"
              "       tools_proxy --tell PATH COMMAND...\n",
              stderr);
        return 2;
    }
    to = loopback(to_text);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll: %s", strerror(errno));
    for (int i = 0; i < CONTROLS_MAX; i++)
        controls[i].watch.fd = -1;
    proxy_watch signals = {.kind = WATCH_SIGNALS, .fd = end_signals()};
    proxy_watch clients = {.kind = WATCH_CLIENTS, .fd = listen_clients(loopback(listen_at), &port)};
    watch_begin(&signals, EPOLLIN);
    watch_begin(&clients, EPOLLIN);
    proxy_watch commands = {.kind = WATCH_CONTROLS, .fd = -1};
    if (control_path) {
        commands.fd = control_listen(control_path, CONTROLS_MAX);
        watch_begin(&commands, EPOLLIN);
    }
    printf("%u\n", (unsigned)port);
    fflush(stdout);
    turn.now_us = tool_now_us();
    turn.wake_us = FLOW_NEVER;
    while (take_turn())
        ;
    if (control_path)
        unlink(control_path);
    return 0;
}
