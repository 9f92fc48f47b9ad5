/* The producer of dead letters.  A failed letter keeps its delivery-report event, in which librdkafka still holds the message's bytes, until a
 * later attempt has taken them over: no copy of ours.
 *
 * What a topic refuses for its size is a batch of letters: each of them may be small.  So each is tried again alone, with its value, while nothing else
 * is on its way; only one that is refused then goes without its value. */
#include "edges/kafka_dlq.h"

#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "edges/kafka_client.h"

#define RESEND_MS 1000
#define TOPIC_MAX 256

/* A report with failed letters in it: gone when none of them waits any more. */
typedef struct report {
    rd_kafka_event_t *event;
    uint32_t waiting;
} report;

typedef struct failed {
    const rd_kafka_message_t *message;
    uint32_t report;
    uint64_t due_ms;
    bool large; /* refused for its size: goes alone */
    bool cut;   /* refused alone: goes without its value */
} failed;

struct mr_dlq {
    mr_kafka_owner owner; /* first: librdkafka's opaque */
    rd_kafka_t *client;
    rd_kafka_queue_t *reports_queue;
    uint32_t letters_max;
    report *reports; /* [letters_max] */
    failed *failed;  /* [letters_max] */
    uint32_t failed_count;
    mr_kafka_secrets secrets_seen;
    bool alone_sent;         /* the one letter on its way goes alone */
    _Atomic bool alone;      /* consumers wait: one goes alone, or is to */
    _Atomic uint32_t on_way; /* letters sent, or about to be, without a report */
    _Atomic uint64_t errors;
};

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)opaque;
    mr_log(MR_LOG_WARN, "kafka_error", MR_FIELDS(.code = (unsigned)-code), "dead letters: %s", reason);
}

mr_dlq *mr_dlq_new(const mr_config *config, mr_arena *arena, uint32_t letters_max)
{
    mr_dlq *dlq = mr_arena_take(arena, "dead letters", 1, sizeof *dlq);
    dlq->owner.config = config;
    dlq->letters_max = letters_max;
    dlq->reports = mr_arena_take(arena, "dead letters", letters_max, sizeof *dlq->reports);
    dlq->failed = mr_arena_take(arena, "dead letters", letters_max, sizeof *dlq->failed);
    return dlq;
}

mr_status mr_dlq_open(mr_dlq *dlq, mr_bell *bell, mr_error *error)
{
    static const uint64_t one = 1;
    rd_kafka_conf_t *conf = mr_kafka_conf(&dlq->owner, MR_KAFKA_PRODUCER, error);
    if (!conf)
        return MR_CONFIG;
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    mr_status status = mr_kafka_new(conf, MR_KAFKA_PRODUCER, &dlq->client, error);
    if (status) {
        mr_error_context(error, "dead letters");
        return status;
    }
    mr_dlq_reload_secrets(dlq);
    dlq->reports_queue = rd_kafka_queue_get_main(dlq->client);
    rd_kafka_queue_io_event_enable(dlq->reports_queue, bell->fd, &one, sizeof one);
    return MR_OK;
}

/* A letter's name on its way: consumer and number in the message's opaque. */
static void *pack(uint32_t consumer, uint32_t number)
{
    return (void *)(uintptr_t)((uint64_t)consumer << 32 | number);
}

static void add(rd_kafka_headers_t *headers, const char *name, const char *format, ...) MR_PRINTF(3, 4);

static void add(rd_kafka_headers_t *headers, const char *name, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len >= (int)sizeof text)
        len = (int)sizeof text - 1;
    rd_kafka_header_add(headers, name, -1, text, len);
}

/* The event's own headers first, ours last. */
static rd_kafka_headers_t *letter_headers(const mr_dlq *dlq, const mr_event *event,
                                          const rd_kafka_message_t *message, const mr_letter *letter)
{
    rd_kafka_headers_t *theirs = NULL, *headers;
    if (message && !rd_kafka_message_headers(message, &theirs) && theirs)
        headers = rd_kafka_headers_copy(theirs);
    else
        headers = rd_kafka_headers_new(20);
    const char *reason = mr_reason_name(letter->reason);
    add(headers, "__connect.errors.topic", "%s", event->topic);
    add(headers, "__connect.errors.partition", "%d", event->partition);
    add(headers, "__connect.errors.offset", "%lld", (long long)event->offset);
    add(headers, "__connect.errors.connector.name", "%s", dlq->owner.config->kafka.group_id);
    add(headers, "__connect.errors.task.id", "%u", letter->consumer);
    add(headers, "__connect.errors.stage", "%s", letter->code ? "TASK_PUT" : "VALUE_CONVERTER");
    add(headers, "__connect.errors.exception.class.name", "%s", reason);
    add(headers, "__connect.errors.exception.message", "%s%s%s", mr_reason_text(letter->reason),
        *letter->column ? ", column " : "", letter->column);
    add(headers, "millrace.reason", "%s", reason);
    if (letter->code)
        add(headers, "millrace.code", "%u", letter->code);
    if (letter->sqlstate && *letter->sqlstate)
        add(headers, "millrace.sqlstate", "%s", letter->sqlstate);
    if (*letter->column)
        add(headers, "millrace.column", "%s", letter->column);
    add(headers, "millrace.position", "%zu", letter->position);
    if (*letter->shard)
        add(headers, "millrace.shard", "%s", letter->shard);
    add(headers, "millrace.attempts", "%u", letter->attempts);
    if (letter->original_gone)
        add(headers, "millrace.original_gone", "true");
    add(headers, "millrace.origin", "%s/%d/%lld/%lld", event->topic, event->partition,
        (long long)event->offset, (long long)event->timestamp_ms);
    add(headers, "millrace.version", "%s", MILLRACE_VERSION);
    return headers;
}

/* librdkafka's macros check types by statement expressions, which clang takes for an extension of ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static rd_kafka_resp_err_t produce(mr_dlq *dlq, const char *topic, const void *value, size_t value_len,
                                   const void *key, size_t key_len, rd_kafka_headers_t *headers, void *name)
{
    /* On success the headers are librdkafka's. */
    rd_kafka_resp_err_t err =
        rd_kafka_producev(dlq->client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value_len),
                          RD_KAFKA_V_KEY((void *)(uintptr_t)key, key_len), RD_KAFKA_V_HEADERS(headers),
                          RD_KAFKA_V_OPAQUE(name), RD_KAFKA_V_END);
    if (err)
        rd_kafka_headers_destroy(headers);
    return err;
}
#pragma GCC diagnostic pop

bool mr_dlq_send(mr_dlq *dlq, const mr_event *event, void *handle, const mr_letter *letter)
{
    char topic[TOPIC_MAX];
    /* Counted before the look: whoever wants to go alone sees this letter, or this letter sees him. */
    atomic_fetch_add(&dlq->on_way, 1);
    if (atomic_load(&dlq->alone)) {
        atomic_fetch_sub(&dlq->on_way, 1);
        return false;
    }
    mr_kafka_dlq_topic(dlq->owner.config, event->topic, topic, sizeof topic);
    rd_kafka_resp_err_t err =
        produce(dlq, topic, event->value, event->value_len, event->key, event->key_len,
                letter_headers(dlq, event, handle, letter), pack(letter->consumer, letter->number));
    if (!err)
        return true;
    atomic_fetch_sub(&dlq->on_way, 1);
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        mr_log(MR_LOG_ERROR, "dead_letter_failed", MR_FIELDS(.topic = topic), "cannot send a dead letter: %s",
               rd_kafka_err2str(err));
    atomic_fetch_add_explicit(&dlq->errors, 1, memory_order_relaxed);
    return false;
}

/* ---- reports: main's ---- */

static bool too_large(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

/* Sends a failed letter again, or what is left of it. */
static bool send_again(mr_dlq *dlq, const failed *letter)
{
    const rd_kafka_message_t *message = letter->message;
    rd_kafka_headers_t *theirs = NULL, *headers;
    if (!rd_kafka_message_headers(message, &theirs) && theirs)
        headers = rd_kafka_headers_copy(theirs);
    else
        headers = rd_kafka_headers_new(1);
    if (letter->cut && message->payload)
        add(headers, "millrace.value_dropped", "%zu", message->len);
    atomic_fetch_add(&dlq->on_way, 1);
    rd_kafka_resp_err_t err =
        produce(dlq, rd_kafka_topic_name(message->rkt), letter->cut ? NULL : message->payload,
                letter->cut ? 0 : message->len, message->key, message->key_len, headers, message->_private);
    if (err)
        atomic_fetch_sub(&dlq->on_way, 1);
    return !err;
}

static void let_go(mr_dlq *dlq, uint32_t at)
{
    if (--dlq->reports[at].waiting == 0) {
        rd_kafka_event_destroy(dlq->reports[at].event);
        dlq->reports[at].event = NULL;
    }
}

static bool may_go(const mr_dlq *dlq, const failed *letter)
{
    bool alone = atomic_load(&dlq->alone);
    return letter->large ? alone && atomic_load(&dlq->on_way) == 0 : !alone;
}

static void resend_due(mr_dlq *dlq, uint64_t now_ms)
{
    bool large_due = false;
    for (uint32_t i = 0; i < dlq->failed_count;) {
        failed *letter = &dlq->failed[i];
        bool due = letter->due_ms <= now_ms;
        large_due = large_due || (due && letter->large);
        if (!due || !may_go(dlq, letter)) {
            i++;
        } else if (send_again(dlq, letter)) {
            dlq->alone_sent = letter->large;
            let_go(dlq, letter->report);
            *letter = dlq->failed[--dlq->failed_count];
        } else {
            letter->due_ms = now_ms + RESEND_MS;
            i++;
        }
    }
    atomic_store(&dlq->alone, large_due || dlq->alone_sent);
}

static uint32_t free_report(const mr_dlq *dlq)
{
    for (uint32_t i = 0; i < dlq->letters_max; i++)
        if (!dlq->reports[i].event)
            return i;
    must(!"more reports than letters");
    return 0;
}

static void keep_failed(mr_dlq *dlq, uint32_t at, const rd_kafka_message_t *message, uint64_t now_ms)
{
    must(dlq->failed_count < dlq->letters_max);
    atomic_fetch_add_explicit(&dlq->errors, 1, memory_order_relaxed);
    mr_log(MR_LOG_ERROR, "dead_letter_failed", MR_FIELDS(.topic = rd_kafka_topic_name(message->rkt)),
           "a dead letter was not accepted, trying again: %s: check that the topic exists and may be written",
           rd_kafka_err2str(message->err));
    bool large = too_large(message->err), cut = large && dlq->alone_sent;
    bool at_once = large && !(cut && !message->payload);
    dlq->failed[dlq->failed_count++] = (failed){.message = message,
                                                .report = at,
                                                .due_ms = at_once ? now_ms : now_ms + RESEND_MS,
                                                .large = large,
                                                .cut = cut};
    dlq->reports[at].waiting++;
}

uint32_t mr_dlq_serve(mr_dlq *dlq, uint64_t now_ms,
                      void (*done)(void *context, uint32_t consumer, uint32_t number), void *context)
{
    uint32_t acknowledged = 0;
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(dlq->reports_queue, 0)) != NULL) {
        const rd_kafka_message_t *message;
        uint32_t at = free_report(dlq);
        dlq->reports[at] = (report){.event = event, .waiting = 1};
        while (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR &&
               (message = rd_kafka_event_message_next(event)) != NULL) {
            atomic_fetch_sub(&dlq->on_way, 1);
            if (message->err) {
                keep_failed(dlq, at, message, now_ms); /* by whether it went alone */
            } else {
                uint64_t name = (uint64_t)(uintptr_t)message->_private;
                done(context, (uint32_t)(name >> 32), (uint32_t)name);
                acknowledged++;
            }
            dlq->alone_sent = false;
        }
        let_go(dlq, at);
    }
    resend_due(dlq, now_ms);
    return acknowledged;
}

bool mr_dlq_reload_secrets(mr_dlq *dlq)
{
    return mr_kafka_reload_secrets(dlq->client, dlq->owner.config, &dlq->secrets_seen);
}

uint64_t mr_dlq_errors(const mr_dlq *dlq)
{
    return atomic_load_explicit(&dlq->errors, memory_order_relaxed);
}

void mr_dlq_free(mr_dlq *dlq)
{
    if (!dlq->client)
        return;
    for (uint32_t i = 0; i < dlq->letters_max; i++)
        if (dlq->reports[i].event)
            rd_kafka_event_destroy(dlq->reports[i].event);
    rd_kafka_purge(dlq->client,
                   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_queue_destroy(dlq->reports_queue);
    rd_kafka_destroy(dlq->client);
    dlq->client = NULL;
}
