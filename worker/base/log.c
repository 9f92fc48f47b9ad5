#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/thread.h"

#define LINE_MAX_BYTES 4096u
#define TAIL_BYTES     40u /* room for `,"count":18446744073709551615}` and the newline */
#define MESSAGE_BYTES  1024u
#define QUEUE_BYTES    (256u * 1024) /* a power of two: free-running positions are masked */
#define REPEATS        63u
#define REPEAT_MS      1000u
#define POLL_MS        50
#define STOP_MS        200u

_Static_assert(LINE_MAX_BYTES <= PIPE_BUF, "a pipe that polls writable takes a line whole");
_Static_assert((QUEUE_BYTES & (QUEUE_BYTES - 1)) == 0, "positions are masked");

/* A line without its end, so that a count can still be added. */
typedef struct line {
    size_t len;
    char text[LINE_MAX_BYTES - TAIL_BYTES];
} line;

/* A happening that may repeat: `count` further ones since the last line about it, `last` is the newest of them. */
typedef struct repeat {
    uint64_t key; /* 0: free */
    uint64_t since_ms;
    uint64_t count;
    line last;
} repeat;

static struct {
    _Atomic bool json, running;
    _Atomic int least;
    _Atomic uint64_t dropped;
    pthread_t thread;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    bool stopping, finished;
    uint64_t stop_by_ms;
    size_t head, tail; /* free-running; head - tail bytes are queued */
    char queue[QUEUE_BYTES];
    repeat repeats[REPEATS];
} state = {.least = MR_LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER};

_Static_assert(sizeof state <= 512u << 10, "it takes no more than log.h says");

/* ---- a line's text ---- */

static void put_text(mr_buf *buf, bool json, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    mr_buf_printf(buf, json ? ",\"%s\":" : " %s=", name);
    mr_buf_json(buf, value, strlen(value));
}

static void put_number(mr_buf *buf, bool json, const char *name, long long value)
{
    mr_buf_printf(buf, json ? ",\"%s\":%lld" : " %s=%lld", name, value);
}

static void put_fields(mr_buf *buf, bool json, const mr_log_fields *fields)
{
    put_text(buf, json, "stream", fields->stream);
    put_text(buf, json, "topic", fields->topic);
    if (fields->has_position) {
        put_number(buf, json, "partition", fields->partition);
        if (fields->offset >= 0)
            put_number(buf, json, "offset", fields->offset);
    }
    put_text(buf, json, "shard", fields->shard);
    if (fields->code)
        put_number(buf, json, "code", fields->code);
    put_text(buf, json, "sqlstate", fields->sqlstate);
}

/* For people: the sentence as it is, but on one line whatever is in it. */
static void put_sentence(mr_buf *buf, const char *message, size_t len)
{
    char clean[MESSAGE_BYTES];
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)message[i];
        clean[i] = c < 0x20 || c == 0x7f ? ' ' : message[i];
    }
    mr_buf_put(buf, clean, len);
}

static bool put_line(mr_buf *buf, bool json, mr_log_level level, const char *event,
                     const mr_log_fields *fields, const char *message, size_t len)
{
    static const char *const name[] = {"debug", "info", "warn", "error"};
    static const char *const sign[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    if (json) {
        mr_buf_text(buf, "{\"time\":\"");
        mr_buf_time(buf, mr_clock_wall_ms());
        mr_buf_printf(buf, "\",\"level\":\"%s\",\"msg\":", name[level]);
        mr_buf_json(buf, message, len);
        put_text(buf, json, "event", event);
    } else {
        mr_buf_time(buf, mr_clock_wall_ms());
        mr_buf_printf(buf, " %s ", sign[level]);
        put_sentence(buf, message, len);
        mr_buf_printf(buf, " event=%s", event);
    }
    put_fields(buf, json, fields);
    return !buf->full;
}

/* A length that does not end within a character. */
static size_t whole_characters(const char *text, size_t len)
{
    size_t i = len;
    while (i > 0 && ((unsigned char)text[i - 1] & 0xc0) == 0x80)
        i--;
    return i > 0 && (unsigned char)text[i - 1] >= 0xc0 ? i - 1 : len;
}

/* Escapes can make a line longer than it may be; then the sentence gives way, for the fields are what machines read. */
static bool make_line(line *made, mr_log_level level, const char *event, const mr_log_fields *fields,
                      const char *message, size_t len)
{
    bool json = atomic_load_explicit(&state.json, memory_order_relaxed);
    for (;; len = whole_characters(message, len / 2)) {
        mr_buf buf = mr_buf_over(made->text, sizeof made->text);
        if (put_line(&buf, json, level, event, fields, message, len)) {
            made->len = buf.len;
            return true;
        }
        if (len == 0)
            return false;
    }
}

/* The line as it is written; `text` has LINE_MAX_BYTES. */
static size_t end_line(const line *made, uint64_t count, char *text)
{
    bool json = atomic_load_explicit(&state.json, memory_order_relaxed);
    mr_buf buf = mr_buf_over(text, LINE_MAX_BYTES);
    mr_buf_put(&buf, made->text, made->len);
    if (count > 1)
        mr_buf_printf(&buf, json ? ",\"count\":%llu" : " count=%llu", (unsigned long long)count);
    mr_buf_text(&buf, json ? "}\n" : "\n");
    return buf.len;
}

static uint64_t more(uint64_t hash, const char *text)
{
    return mr_fnv1a64_more(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Without fields there is only the sentence to tell two happenings apart. */
static uint64_t key_of(const char *event, const mr_log_fields *fields, const char *message)
{
    if (!fields)
        return more(more(MR_FNV64_BASIS, event), message) | 1;
    int64_t partition = fields->has_position ? fields->partition : -1;
    uint64_t hash =
        more(more(more(more(MR_FNV64_BASIS, event), fields->stream), fields->topic), fields->shard);
    hash = mr_fnv1a64_more(hash, &fields->code, sizeof fields->code);
    hash = mr_fnv1a64_more(hash, &partition, sizeof partition);
    return hash ? hash : 1;
}

/* ---- the queue; called with the lock held ---- */

static void enqueue(const line *made, uint64_t count)
{
    char text[LINE_MAX_BYTES];
    size_t len = end_line(made, count, text);
    if (QUEUE_BYTES - (state.head - state.tail) < len) {
        atomic_fetch_add(&state.dropped, count);
        return;
    }
    size_t at = state.head & (QUEUE_BYTES - 1), first = QUEUE_BYTES - at < len ? QUEUE_BYTES - at : len;
    memcpy(state.queue + at, text, first);
    memcpy(state.queue, text + first, len - first);
    state.head += len;
}

/* As many whole lines as one write takes. */
static size_t dequeue(char *text)
{
    size_t len = state.head - state.tail;
    if (len > LINE_MAX_BYTES)
        len = LINE_MAX_BYTES;
    size_t at = state.tail & (QUEUE_BYTES - 1), first = QUEUE_BYTES - at < len ? QUEUE_BYTES - at : len;
    memcpy(text, state.queue + at, first);
    memcpy(text + first, state.queue, len - first);
    while (len > 0 && text[len - 1] != '\n')
        len--;
    state.tail += len;
    return len;
}

/* Lines of repeats whose second is over; returns when the next one is (UINT64_MAX: none). */
static uint64_t settle_repeats(uint64_t now_ms, bool all)
{
    uint64_t next_ms = UINT64_MAX;
    for (size_t i = 0; i < REPEATS; i++) {
        repeat *one = &state.repeats[i];
        if (!one->key)
            continue;
        if (all || now_ms >= one->since_ms + REPEAT_MS) {
            if (one->count > 0)
                enqueue(&one->last, one->count);
            else
                one->key = 0; /* quiet for a second: the next one is news again */
            one->count = 0;
            one->since_ms = now_ms;
        }
        if (one->key && one->since_ms + REPEAT_MS < next_ms)
            next_ms = one->since_ms + REPEAT_MS;
    }
    return next_ms;
}

/* True: the line has been taken as a repeat.  With all places in use a line is written as it is. */
static bool is_repeat(uint64_t key, const line *made)
{
    repeat *place = NULL;
    for (size_t i = 0; i < REPEATS; i++) {
        repeat *one = &state.repeats[i];
        if (one->key == key) {
            one->count++;
            one->last.len = made->len;
            memcpy(one->last.text, made->text, made->len);
            return true;
        }
        if (!one->key && !place)
            place = one;
    }
    if (place) {
        place->key = key;
        place->count = 0;
        place->since_ms = mr_clock_ms();
    }
    return false;
}

/* ---- writing ---- */

static uint64_t count_lines(const char *text, size_t len)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

/* 0: for ever.  Set under the lock by mr_log_stop. */
static uint64_t write_deadline(void)
{
    pthread_mutex_lock(&state.lock);
    uint64_t deadline_ms = state.stopping ? state.stop_by_ms : 0;
    pthread_mutex_unlock(&state.lock);
    return deadline_ms;
}

/* Waits for stderr, whose file description is shared and so is not made non-blocking: what is written after a poll fits.
 * False: something was dropped. */
static bool write_out(const char *text, size_t len)
{
    while (len > 0) {
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
        uint64_t deadline_ms = write_deadline();
        bool late = deadline_ms != 0 && mr_clock_ms() >= deadline_ms;
        int found = poll(&ready, 1, late ? 0 : POLL_MS);
        if (found == 0 && !late)
            continue;
        ssize_t written = found > 0 ? write(STDERR_FILENO, text, len) : -1;
        if (written > 0) {
            text += written;
            len -= (size_t)written;
        } else if (found == 0 || (errno != EAGAIN && errno != EINTR)) {
            atomic_fetch_add(&state.dropped, count_lines(text, len));
            return false;
        }
    }
    return true;
}

/* The end, and stderr takes nothing: what is queued is only counted. */
static void discard(void)
{
    char text[LINE_MAX_BYTES];
    size_t len;
    while ((len = dequeue(text)) > 0)
        atomic_fetch_add(&state.dropped, count_lines(text, len));
}

static void wait_for_lines(uint64_t until_ms)
{
    if (until_ms == UINT64_MAX) {
        pthread_cond_wait(&state.changed, &state.lock);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000};
    pthread_cond_timedwait(&state.changed, &state.lock, &until);
}

/* Once stderr takes lines again, one of them says how many it did not. */
static void say_dropped(uint64_t *said)
{
    uint64_t dropped = mr_log_dropped();
    line made;
    char message[MESSAGE_BYTES];
    if (dropped == *said)
        return;
    int len = snprintf(message, sizeof message, "%llu lines were dropped because stderr did not take them",
                       (unsigned long long)(dropped - *said));
    *said = dropped;
    if (make_line(&made, MR_LOG_WARN, "log_dropped", &(mr_log_fields){0}, message, (size_t)len))
        enqueue(&made, 1);
}

static void *write_lines(void *nothing)
{
    char text[LINE_MAX_BYTES];
    uint64_t said = mr_log_dropped();
    pthread_mutex_lock(&state.lock);
    for (;;) {
        uint64_t next_ms = settle_repeats(mr_clock_ms(), state.stopping);
        size_t len = dequeue(text);
        if (len == 0 && state.stopping)
            break;
        if (len == 0) {
            wait_for_lines(next_ms);
            continue;
        }
        pthread_mutex_unlock(&state.lock);
        bool well = write_out(text, len);
        pthread_mutex_lock(&state.lock);
        if (well)
            say_dropped(&said);
        else if (state.stopping)
            discard();
    }
    state.finished = true;
    pthread_cond_broadcast(&state.changed);
    pthread_mutex_unlock(&state.lock);
    return nothing;
}

/* By the caller itself, with a SIGPIPE that this write causes taken back before anybody sees it. */
static void write_now(const line *made)
{
    char text[LINE_MAX_BYTES];
    size_t len = end_line(made, 1, text);
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t written = write(STDERR_FILENO, text, len);
    if (written < 0) {
        atomic_fetch_add(&state.dropped, 1);
        if (errno == EPIPE && !sigismember(&pending, SIGPIPE))
            sigtimedwait(&pipe_signal, NULL, &(struct timespec){0});
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- what others call ---- */

void mr_log(mr_log_level level, const char *event, const mr_log_fields *fields, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&state.least, memory_order_relaxed))
        return;
    int was = errno;
    static const mr_log_fields none;
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    line made;
    size_t kept = len < 0                        ? 0
                  : (size_t)len < sizeof message ? (size_t)len
                                                 : whole_characters(message, sizeof message - 1);
    if (!make_line(&made, level, event, fields ? fields : &none, message, kept)) {
        atomic_fetch_add(&state.dropped, 1);
    } else if (!atomic_load(&state.running)) {
        write_now(&made);
    } else {
        uint64_t key = key_of(event, fields, message);
        pthread_mutex_lock(&state.lock);
        if (state.finished)
            atomic_fetch_add(&state.dropped, 1);
        else if (!is_repeat(key, &made))
            enqueue(&made, 1);
        pthread_cond_signal(&state.changed);
        pthread_mutex_unlock(&state.lock);
    }
    errno = was;
}

mr_status mr_log_start(bool json, mr_log_level least, mr_error *error)
{
    atomic_store(&state.json, json);
    atomic_store(&state.least, (int)least);
    state.stopping = state.finished = false;
    mr_thread_condition(&state.changed);
    int failed = mr_thread_start(&state.thread, "log", write_lines, NULL);
    if (failed)
        return mr_fail(error, MR_UNAVAILABLE,
                       "cannot start the log's thread, %s: allow the process more threads", strerror(failed));
    atomic_store(&state.running, true);
    return MR_OK;
}

void mr_log_stop(void)
{
    if (!atomic_exchange(&state.running, false))
        return;
    struct timespec until;
    pthread_mutex_lock(&state.lock);
    state.stopping = true;
    uint64_t end_ms = mr_clock_ms() + STOP_MS;
    state.stop_by_ms = end_ms - STOP_MS / 4;
    until.tv_sec = (time_t)(end_ms / 1000);
    until.tv_nsec = (long)(end_ms % 1000) * 1000000;
    pthread_cond_broadcast(&state.changed);
    while (!state.finished && pthread_cond_timedwait(&state.changed, &state.lock, &until) == 0)
        continue;
    bool finished = state.finished;
    pthread_mutex_unlock(&state.lock);
    if (finished)
        pthread_join(state.thread, NULL);
    else
        pthread_detach(state.thread); /* another writer filled the pipe between poll and write */
}

uint64_t mr_log_dropped(void)
{
    return atomic_load(&state.dropped);
}
