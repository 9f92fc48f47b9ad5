/* A consumer thread's end of the group or of the reader: messages of its partitions, one at a time. */
#include <string.h>

#include "base/clock.h"
#include "kafka_private.h"
#include "stages/plan.h"

mr_inbox *mr_inbox_new(mr_group *group, mr_arena *arena)
{
    mr_inbox *inbox = mr_arena_take(arena, "group", 1, sizeof *inbox);
    inbox->config = group->config;
    inbox->client = &group->client;
    inbox->heard_ms = &group->heard_ms;
    return inbox;
}

/* ---- the fetch stall of librdkafka before 2.2 ----
 *
 * A broker's thread that finds the queues full sleeps for up to a second (rd_kafka_max_block_ms), and what is taken from them meanwhile does not
 * wake it: no more than what they hold arrives in a second.  Setting credentials wakes the threads of all brokers, without a request, and
 * then they look at their queues again; where no login reads credentials nothing else comes of it (mr_plan_fetching).  It is done whenever a
 * quarter of what may be fetched ahead has been taken: about what one answer brings. */

static uint64_t wake_bytes(const mr_config *config)
{
    int version = rd_kafka_version();
    if (mr_plan_fetching(config, version) != MR_FETCH_WOKEN)
        return 0;
    return ((uint64_t)mr_plan_fetch_mib(config, version) << 20) / config->kafka.consumer_threads / 4;
}

static void took(mr_inbox *inbox, const rd_kafka_message_t *message)
{
    inbox->taken_bytes += message->len + MR_KAFKA_SMALL;
    if (inbox->taken_bytes < inbox->wake_bytes)
        return;
    inbox->taken_bytes = 0;
    rd_kafka_error_destroy(rd_kafka_sasl_set_credentials(*inbox->client, "", ""));
}

void mr_inbox_open(mr_inbox *inbox, mr_bell *bell)
{
    static const uint64_t one = 1;
    inbox->wake_bytes = wake_bytes(inbox->config);
    inbox->queue = rd_kafka_queue_new(*inbox->client);
    rd_kafka_queue_io_event_enable(inbox->queue, bell->fd, &one, sizeof one);
}

static bool find_header(const void *context, const char *name, const char **value, size_t *len)
{
    rd_kafka_headers_t *headers;
    const void *bytes;
    if (rd_kafka_message_headers(context, &headers) || rd_kafka_header_get_last(headers, name, &bytes, len))
        return false;
    *value = bytes;
    return true;
}

static int64_t timestamp_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? -1 : ms;
}

static bool is_error(const rd_kafka_message_t *message)
{
    return message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
}

mr_arrival mr_inbox_poll(mr_inbox *inbox, mr_message *out)
{
    mr_owner_here(&inbox->owner);
    rd_kafka_message_t *message = rd_kafka_consume_queue(inbox->queue, 0);
    while (message && inbox->stale && is_error(message) && inbox->stale(inbox, message)) {
        rd_kafka_message_destroy(message);
        message = rd_kafka_consume_queue(inbox->queue, 0);
    }
    if (!message) {
        if (inbox->idle)
            inbox->idle(inbox);
        return MR_ARRIVAL_NONE;
    }
    out->handle = message;
    out->event.topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    out->event.partition = message->partition;
    out->event.offset = message->offset;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        out->event.value = message->payload;
        out->event.value_len = message->len;
        out->event.key = message->key;
        out->event.key_len = message->key_len;
        out->event.timestamp_ms = timestamp_of(message);
        out->event.header = find_header;
        out->event.header_context = message;
        if (inbox->wake_bytes > 0)
            took(inbox, message);
        return MR_ARRIVAL_MESSAGE;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        atomic_store_explicit(inbox->heard_ms, mr_clock_ms(), memory_order_relaxed);
        return MR_ARRIVAL_END;
    }
    out->out_of_range = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    const char *text = rd_kafka_message_errstr(message);
    size_t len = strnlen(text ? text : "", sizeof out->error - 1);
    memcpy(out->error, text ? text : "", len);
    out->error[len] = 0;
    return MR_ARRIVAL_ERROR;
}

void mr_message_free(mr_message *message)
{
    rd_kafka_message_destroy(message->handle);
    message->handle = NULL;
}

void mr_inbox_close(mr_inbox *inbox)
{
    if (inbox->queue)
        rd_kafka_queue_destroy(inbox->queue);
    inbox->queue = NULL;
}
