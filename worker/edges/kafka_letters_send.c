/* The producer that sends dead letters back. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/must.h"
#include "kafka_letters_private.h"

#define ASK_MS     10000
#define DELIVER_MS "60000" /* after that long without an acknowledgement a message has failed */
#define FLUSH_MS   70000

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    mr_letters *letters = opaque;
    (void)client;
    if (!message->err)
        letters->acknowledged++;
    else if (!letters->failure)
        letters->failure = message->err;
}

static mr_status open_sender(mr_letters *letters, mr_error *error)
{
    rd_kafka_conf_t *conf = mr_kafka_conf(&letters->owner, MR_KAFKA_PRODUCER, error);
    if (!conf)
        return MR_CONFIG;
    must(mr_kafka_conf_try(conf, "message.timeout.ms", DELIVER_MS));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return mr_kafka_new(conf, MR_KAFKA_PRODUCER, &letters->sender, error);
}

mr_status mr_letters_topic_known(mr_letters *letters, const char *topic, mr_error *error)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(letters->reader, 1, NULL, &metadata, ASK_MS);
    if (err)
        return mr_fail(error, MR_UNAVAILABLE, "%s: %s: see that the brokers run",
                       letters->owner.config->kafka.bootstrap_servers, rd_kafka_err2str(err));
    const rd_kafka_metadata_topic_t *found = mr_kafka_find_topic(metadata, topic);
    bool known = found && !found->err;
    rd_kafka_metadata_destroy(metadata);
    if (known)
        return MR_OK;
    return mr_fail(error, MR_CONFIG, "the brokers do not know the topic %s: create it", topic);
}

/* The event's own headers: ours come last and begin with __connect.errors.topic.  Of an earlier life only its origin may be among the others; the
 * letter's own takes its place. */
static rd_kafka_headers_t *original_headers(const mr_dead_letter *letter)
{
    const char *name, *value;
    size_t len, ours = 0, i;
    bool marked = false;
    char origin[400];
    mr_buf text = mr_buf_over(origin, sizeof origin);
    for (i = 0; mr_letter_header_at(letter, i, &name, &value, &len); i++)
        if (!strcmp(name, "__connect.errors.topic")) {
            ours = i;
            marked = true;
        }
    rd_kafka_headers_t *headers = rd_kafka_headers_new(i + 1);
    for (size_t at = 0; at < (marked ? ours : i); at++)
        if (mr_letter_header_at(letter, at, &name, &value, &len) && strcmp(name, MR_ORIGIN_HEADER) != 0)
            rd_kafka_header_add(headers, name, -1, value, (ssize_t)len);
    mr_origin_format(&letter->origin, &text);
    rd_kafka_header_add(headers, MR_ORIGIN_HEADER, -1, text.at, (ssize_t)text.len);
    return headers;
}

/* librdkafka's macros check types by statement expressions, which clang takes for an extension of ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
static rd_kafka_resp_err_t produce(mr_letters *letters, const mr_dead_letter *letter, const char *topic)
{
    /* To its source: the partition that it had, so that it comes after what the same key has sent since. */
    int32_t partition = topic ? RD_KAFKA_PARTITION_UA : letter->origin.partition;
    rd_kafka_headers_t *headers = original_headers(letter);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(letters->sender, RD_KAFKA_V_TOPIC(topic ? topic : letter->origin.topic),
                          RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)letter->value, letter->value_len),
                          RD_KAFKA_V_KEY((void *)(uintptr_t)letter->key, letter->key_len),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err)
        rd_kafka_headers_destroy(headers);
    return err;
}
#pragma GCC diagnostic pop

static mr_status not_sent(const mr_letters *letters, rd_kafka_resp_err_t err, mr_error *error)
{
    bool config = err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                  err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return mr_fail(error,
                   mr_kafka_denies(err) ? MR_DENIED
                   : config             ? MR_CONFIG
                                        : MR_UNAVAILABLE,
                   "not every letter was sent, %llu are acknowledged: %s: mend that and replay again",
                   (unsigned long long)letters->acknowledged, rd_kafka_err2str(err));
}

mr_status mr_letters_send(mr_letters *letters, const mr_dead_letter *letter, const char *topic,
                          mr_error *error)
{
    mr_status status = letters->sender ? MR_OK : open_sender(letters, error);
    if (status)
        return status;
    for (uint64_t end = mr_clock_ms() + FLUSH_MS; !letters->failure;) {
        rd_kafka_resp_err_t err = produce(letters, letter, topic);
        rd_kafka_poll(letters->sender, err ? 100 : 0);
        if (!err)
            return MR_OK;
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL || mr_clock_ms() >= end)
            letters->failure = err;
    }
    return not_sent(letters, letters->failure, error);
}

mr_status mr_letters_flush(mr_letters *letters, uint64_t *acknowledged, mr_error *error)
{
    rd_kafka_resp_err_t err =
        letters->sender ? rd_kafka_flush(letters->sender, FLUSH_MS) : RD_KAFKA_RESP_ERR_NO_ERROR;
    *acknowledged = letters->acknowledged;
    if (letters->failure || err)
        return not_sent(letters, letters->failure ? letters->failure : err, error);
    return MR_OK;
}

void mr_letters_free(mr_letters *letters)
{
    if (!letters)
        return;
    if (letters->sender) {
        rd_kafka_purge(letters->sender, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(letters->sender);
    }
    if (letters->reader)
        rd_kafka_destroy(letters->reader);
    rd_kafka_topic_partition_list_destroy(letters->parts);
    letters->reader = letters->sender = NULL;
}
