/* verify_log.h: what is on the log, in memory: read from Kafka, or from the journal of tools_produce.
 *
 * Per topic and partition the events by offset; their bytes stay where they were copied to until the process ends.  One thread.
 */
#ifndef MR_TESTS_VERIFY_LOG_H
#define MR_TESTS_VERIFY_LOG_H

#include <stdbool.h>

#include "tool.h"

enum { TOPICS_MAX = 64, CHUNK = 1 << 22 };

/* An event that a database refuses, as the scenario says (--refused). */
typedef struct refused_event {
    char reason[32], code[16], sqlstate[16], column[64], attempts[16]; /* "" = no such header */
} refused_event;

typedef struct item {
    int64_t offset, timestamp_ms;
    const char *key, *value; /* NULL: null */
    uint32_t key_len, value_len;
    uint64_t hash;
    const char *reason; /* why it must be a dead letter; NULL: a row */
    const refused_event *refused;
    uint64_t headers_hash;
    int32_t headers; /* -1: not known */
    uint32_t rows, letters;
} item;

typedef struct partition_log {
    item *at;
    size_t count, room;
} partition_log;

typedef struct topic_log {
    const char *name;
    int32_t partitions;
    partition_log *partition;
} topic_log;

static inline const char *keep_bytes(const void *bytes, size_t len)
{
    static char *chunk;
    static size_t used = CHUNK;
    if (!bytes)
        return NULL;
    if (used + len > CHUNK) {
        chunk = tool_alloc(1, len > CHUNK ? len : CHUNK);
        used = 0;
    }
    memcpy(chunk + used, bytes, len);
    used += len;
    return chunk + used - len;
}

static inline item *log_add(partition_log *log)
{
    if (log->count == log->room) {
        log->room = log->room ? log->room * 2 : 1024;
        log->at = realloc(log->at, log->room * sizeof *log->at);
        if (!log->at)
            die("out of memory");
    }
    memset(&log->at[log->count], 0, sizeof *log->at);
    return &log->at[log->count++];
}

static inline int by_offset(const void *a, const void *b)
{
    int64_t left = ((const item *)a)->offset, right = ((const item *)b)->offset;
    return (left > right) - (left < right);
}

static inline item *log_find(topic_log *topic, int32_t partition, int64_t offset)
{
    item wanted = {.offset = offset};
    if (partition < 0 || partition >= topic->partitions || !topic->partition[partition].count)
        return NULL;
    partition_log *log = &topic->partition[partition];
    return bsearch(&wanted, log->at, log->count, sizeof wanted, by_offset);
}

/* Calls `each` for every message of the topic that is there now; returns the number of partitions. */
static inline int32_t read_topic(const char *bootstrap, const tool_properties *properties, const char *topic,
                                 bool uncommitted,
                                 void (*each)(void *context, const rd_kafka_message_t *message),
                                 void *context)
{
    rd_kafka_conf_t *conf = tool_conf(bootstrap, properties);
    tool_set(conf, "group.id", "tools-verify");
    tool_set(conf, "enable.auto.commit", "false");
    tool_set(conf, "enable.partition.eof", "true");
    tool_set(conf, "auto.offset.reset", "error");
    tool_set(conf, "isolation.level", uncommitted ? "read_uncommitted" : "read_committed");
    rd_kafka_t *client = tool_client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(client);
    int32_t partitions = tool_partitions(client, topic), left = partitions;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(client, list))
        die("topic %s cannot be assigned", topic);
    uint64_t last_us = tool_now_us();
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 200);
        if (!message) {
            if (tool_now_us() - last_us > 30000000)
                die("nothing came from topic %s for 30 s", topic);
            continue;
        }
        last_us = tool_now_us();
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            left--;
        else if (!message->err)
            each(context, message);
        else
            fprintf(stderr, "tools_verify: %s: %s\n", topic, rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return partitions;
}

static inline void topic_room(topic_log *topic, int32_t partition)
{
    if (partition < topic->partitions)
        return;
    topic->partition = realloc(topic->partition, (size_t)(partition + 1) * sizeof *topic->partition);
    if (!topic->partition)
        die("out of memory");
    for (; topic->partitions <= partition; topic->partitions++)
        topic->partition[topic->partitions] = (partition_log){0};
}

/* Of the first `most` headers: names and values, in their order; *count: how many there are of these. */
static inline uint64_t hash_headers(const rd_kafka_message_t *message, int32_t most, int32_t *count)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t len;
    uint64_t hash = 14695981039346656037ull;
    *count = 0;
    if (rd_kafka_message_headers(message, &headers))
        return hash;
    while (*count < most && !rd_kafka_header_get_all(headers, (size_t)*count, &name, &value, &len)) {
        for (const char *at = name;; at++) {
            hash = (hash ^ (unsigned char)*at) * 1099511628211ull;
            if (!*at)
                break;
        }
        hash = (hash ^ (value ? len : UINT32_MAX)) * 1099511628211ull;
        for (size_t i = 0; value && i < len; i++)
            hash = (hash ^ ((const unsigned char *)value)[i]) * 1099511628211ull;
        ++*count;
    }
    return hash;
}

/* The last header of this name as a text; false: there is none, or it is longer. */
static inline bool header(const rd_kafka_message_t *message, const char *name, char *text, size_t size)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;
    if (rd_kafka_message_headers(message, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, &len) || len >= size)
        return false;
    memcpy(text, value, len);
    text[len] = 0;
    return true;
}

/* The header says what it should; "-": it is not there. */
static inline bool header_is(const rd_kafka_message_t *message, const char *name, const char *want)
{
    char text[256];
    bool there = header(message, name, text, sizeof text);
    return strcmp(want, "-") != 0 ? there && !strcmp(text, want) : !there;
}

static inline void log_message(void *context, const rd_kafka_message_t *message)
{
    topic_log *topic = context;
    rd_kafka_timestamp_type_t type;
    topic_room(topic, message->partition);
    item *event = log_add(&topic->partition[message->partition]);
    event->offset = message->offset;
    event->timestamp_ms = rd_kafka_message_timestamp(message, &type);
    event->key_len = (uint32_t)message->key_len;
    event->value_len = (uint32_t)message->len;
    event->key = keep_bytes(message->key, message->key_len);
    event->value = keep_bytes(message->payload, message->len);
    event->headers_hash = hash_headers(message, INT32_MAX, &event->headers);
}

/* tools_produce --journal: see journal_head there. */
static inline void log_journal(topic_log *topic, const char *file)
{
    struct {
        int64_t offset, timestamp_ms;
        int32_t partition, key_len, value_len, reserved;
    } head;
    static char bytes[1 << 20];
    FILE *in = fopen(file, "rb");
    if (!in)
        die("%s: %s", file, strerror(errno));
    while (fread(&head, sizeof head, 1, in) == 1) {
        topic_room(topic, head.partition);
        item *event = log_add(&topic->partition[head.partition]);
        event->offset = head.offset;
        event->headers = -1;
        event->timestamp_ms = head.timestamp_ms;
        event->key_len = head.key_len < 0 ? 0 : (uint32_t)head.key_len;
        event->value_len = head.value_len < 0 ? 0 : (uint32_t)head.value_len;
        if (event->key_len > sizeof bytes || event->value_len > sizeof bytes)
            die("%s is damaged", file);
        if (fread(bytes, 1, event->key_len, in) != event->key_len)
            die("%s ends too early", file);
        event->key = head.key_len < 0 ? NULL : keep_bytes(bytes, event->key_len);
        if (fread(bytes, 1, event->value_len, in) != event->value_len)
            die("%s ends too early", file);
        event->value = head.value_len < 0 ? NULL : keep_bytes(bytes, event->value_len);
    }
    fclose(in);
    for (int32_t i = 0; i < topic->partitions; i++)
        if (topic->partition[i].count)
            qsort(topic->partition[i].at, topic->partition[i].count, sizeof(item), by_offset);
}

#endif
