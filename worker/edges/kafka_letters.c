/* The reader of dead-letter topics; the sender is in kafka_letters_send.c. */
#include "edges/kafka_letters.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/must.h"
#include "kafka_letters_private.h"
#include "stages/topics.h"

#define ASK_MS     10000
#define SILENCE_MS 30000 /* without any message, while some are still expected */
#define TELL_MS    1000
#define TOPIC_MAX  256

/* ---- the topics ---- */

static bool has(const rd_kafka_topic_partition_list_t *list, const char *topic)
{
    for (int i = 0; i < list->cnt; i++)
        if (!strcmp(list->elems[i].topic, topic))
            return true;
    return false;
}

static void add_topic(mr_letters *letters, const rd_kafka_metadata_t *metadata, const char *source)
{
    char name[TOPIC_MAX];
    mr_kafka_dlq_topic(letters->owner.config, source, name, sizeof name);
    if (has(letters->parts, name))
        return;
    const rd_kafka_metadata_topic_t *topic = mr_kafka_find_topic(metadata, name);
    if (!topic || topic->err)
        return;
    letters->topics++;
    for (int p = 0; p < topic->partition_cnt; p++)
        rd_kafka_topic_partition_list_add(letters->parts, name, topic->partitions[p].id);
}

static mr_status no_answer(mr_error *error, const mr_letters *letters, rd_kafka_resp_err_t err)
{
    return mr_fail(error, mr_kafka_denies(err) ? MR_DENIED : MR_UNAVAILABLE,
                   "%s: %s: check the addresses, the network, TLS and SASL settings (`millrace check` does)",
                   letters->owner.config->kafka.bootstrap_servers, rd_kafka_err2str(err));
}

/* Of every topic that a stream names, of every topic that a pattern takes, and of the replay topic. */
static mr_status find_topics(mr_letters *letters, mr_error *error)
{
    const mr_config *config = letters->owner.config;
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(letters->reader, 1, NULL, &metadata, ASK_MS);
    if (err)
        return no_answer(error, letters, err);
    mr_arena *arena = mr_arena_new();
    mr_topics *topics = mr_topics_new(config, arena);
    uint32_t stream;
    for (size_t s = 0; s < config->stream_count; s++)
        for (size_t t = 0; t < config->streams[s].topic_count; t++)
            if (config->streams[s].topics[t][0] != '^')
                add_topic(letters, metadata, config->streams[s].topics[t]);
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (mr_topics_stream(topics, metadata->topics[i].topic, &stream))
            add_topic(letters, metadata, metadata->topics[i].topic);
    if (config->dlq.replay_topic[0])
        add_topic(letters, metadata, config->dlq.replay_topic);
    mr_topics_free(topics);
    mr_arena_free(arena);
    rd_kafka_metadata_destroy(metadata);
    return MR_OK;
}

mr_status mr_letters_open(const mr_config *config, mr_letters **out, mr_error *error)
{
    static mr_letters only; /* a command needs one */
    mr_letters *letters = *out = &only;
    only = (mr_letters){.owner = {.config = config}};
    letters->parts = rd_kafka_topic_partition_list_new(8);
    /* Not as the group's own consumer: that one does not see dead-letter topics when streams take topics by pattern. */
    rd_kafka_conf_t *conf = mr_kafka_conf(&letters->owner, MR_KAFKA_ASKER, error);
    if (!conf)
        return MR_CONFIG;
    must(mr_kafka_conf_try(conf, "group.id", config->kafka.group_id) &&
         mr_kafka_conf_try(conf, "enable.auto.commit", "false") &&
         mr_kafka_conf_try(conf, "auto.offset.reset", "error") &&
         mr_kafka_conf_try(conf, "enable.partition.eof", "true") &&
         mr_kafka_conf_try(conf, "isolation.level", "read_committed"));
    mr_status status = mr_kafka_new(conf, MR_KAFKA_ASKER, &letters->reader, error);
    if (status)
        return status;
    rd_kafka_poll_set_consumer(letters->reader);
    return find_topics(letters, error);
}

size_t mr_letters_topics(const mr_letters *letters)
{
    return letters->topics;
}

uint64_t mr_letters_strange(const mr_letters *letters)
{
    return letters->strange;
}

/* ---- reading ---- */

/* How far a partition is to be read; where to begin is in the list. */
typedef struct part {
    int64_t end;
    bool done;
} part;

enum { PARTS_MAX = 4096 };

typedef struct reading {
    mr_letters *letters;
    const mr_letters_reading *wanted;
    part part[PARTS_MAX];
    int left;
    uint64_t seen, all, told_ms;
} reading;

/* Where to begin and where to stop. */
static mr_status find_bounds(reading *r, mr_error *error)
{
    mr_letters *letters = r->letters;
    rd_kafka_topic_partition_list_t *parts = letters->parts;
    if (parts->cnt > PARTS_MAX)
        return mr_fail(error, MR_CONFIG,
                       "%d partitions of dead-letter topics, more than %d: name fewer topics", parts->cnt,
                       PARTS_MAX);
    for (int i = 0; i < parts->cnt; i++)
        parts->elems[i].offset = r->wanted->since_ms;
    if (r->wanted->since_ms >= 0 && parts->cnt > 0) {
        rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(letters->reader, parts, ASK_MS);
        if (err)
            return no_answer(error, letters, err);
    }
    for (int i = 0; i < parts->cnt; i++) {
        rd_kafka_topic_partition_t *one = &parts->elems[i];
        int64_t low, high;
        rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(letters->reader, one->topic,
                                                                   one->partition, &low, &high, ASK_MS);
        if (err)
            return no_answer(error, letters, err);
        if (r->wanted->since_ms < 0)
            one->offset = low;
        else if (one->offset < 0)
            one->offset = high; /* nothing is that young */
        r->part[i] = (part){.end = high, .done = one->offset >= high};
        r->left += !r->part[i].done;
        r->all += r->part[i].done ? 0 : (uint64_t)(high - one->offset);
    }
    return MR_OK;
}

static void finish(reading *r, int at)
{
    r->left -= !r->part[at].done;
    r->part[at].done = true;
}

/* What was to be read first has been deleted meanwhile: on with what is there. */
static void begin_again(reading *r, int at)
{
    mr_letters *letters = r->letters;
    rd_kafka_topic_partition_t *one = &letters->parts->elems[at];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int64_t low, high;
    if (rd_kafka_query_watermark_offsets(letters->reader, one->topic, one->partition, &low, &high, ASK_MS) ||
        low >= r->part[at].end) {
        finish(r, at);
    } else {
        rd_kafka_topic_partition_list_add(list, one->topic, one->partition)->offset = low;
        rd_kafka_error_destroy(rd_kafka_seek_partitions(letters->reader, list, ASK_MS));
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static int find_part(const mr_letters *letters, const rd_kafka_message_t *message)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    for (int i = 0; i < letters->parts->cnt; i++)
        if (letters->parts->elems[i].partition == message->partition &&
            !strcmp(letters->parts->elems[i].topic, topic))
            return i;
    return -1;
}

static bool last_header(const rd_kafka_message_t *message, const char *name, const char **value, size_t *len)
{
    rd_kafka_headers_t *headers;
    const void *bytes;
    if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, name, &bytes, len))
        return false;
    *value = bytes;
    return true;
}

/* False: the caller has enough. */
static bool hand_over(reading *r, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    const char *text;
    size_t len;
    mr_dead_letter letter = {.topic = rd_kafka_topic_name(message->rkt),
                             .partition = message->partition,
                             .offset = message->offset,
                             .time_ms = rd_kafka_message_timestamp(message, &type),
                             .key = message->key,
                             .key_len = message->key_len,
                             .value = message->payload,
                             .value_len = message->len,
                             .message = message};
    if (!last_header(message, MR_ORIGIN_HEADER, &text, &len) || !mr_origin_parse(text, len, &letter.origin)) {
        r->letters->strange++;
        return true;
    }
    letter.value_dropped = last_header(message, "millrace.value_dropped", &text, &len);
    letter.original_gone = last_header(message, "millrace.original_gone", &text, &len);
    return r->wanted->each(r->wanted->context, &letter);
}

/* One message or event; false: stop, with the status in *status. */
static bool take(reading *r, const rd_kafka_message_t *message, mr_status *status, mr_error *error)
{
    int at = find_part(r->letters, message);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (at >= 0)
            finish(r, at);
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
               message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        if (at >= 0)
            begin_again(r, at);
    } else if (message->err) {
        if (at >= 0 || message->err == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
            *status = no_answer(error, r->letters, message->err);
            return false;
        }
    } else if (at >= 0 && !r->part[at].done) {
        bool more = true;
        if (message->offset < r->part[at].end) {
            r->seen++;
            more = hand_over(r, message);
        }
        if (message->offset + 1 >= r->part[at].end)
            finish(r, at);
        return more;
    }
    return true;
}

static mr_status read_all(reading *r, mr_error *error)
{
    mr_status status = MR_OK;
    uint64_t heard_ms = mr_clock_ms();
    r->told_ms = heard_ms;
    for (bool more = true; more && r->left > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(r->letters->reader, 200);
        uint64_t now = mr_clock_ms();
        if (message) {
            if (!message->err || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                heard_ms = now;
            more = take(r, message, &status, error);
            rd_kafka_message_destroy(message);
        } else if (now > heard_ms + SILENCE_MS) {
            return mr_fail(
                error, MR_UNAVAILABLE,
                "%s: nothing for %d s, with %d partitions of dead letters not read to their end: see "
                "that the brokers run",
                r->letters->owner.config->kafka.bootstrap_servers, SILENCE_MS / 1000, r->left);
        }
        if (r->wanted->progress && now >= r->told_ms + TELL_MS) {
            r->wanted->progress(r->wanted->context, r->seen, r->all);
            r->told_ms = now;
        }
    }
    return status;
}

mr_status mr_letters_read(mr_letters *letters, const mr_letters_reading *wanted, mr_error *error)
{
    static reading r; /* large, and only one thread reads */
    r = (reading){.letters = letters, .wanted = wanted};
    mr_status status = find_bounds(&r, error);
    if (status || r.left == 0)
        return status;
    rd_kafka_resp_err_t err = rd_kafka_assign(letters->reader, letters->parts);
    if (err)
        return no_answer(error, letters, err);
    status = read_all(&r, error);
    rd_kafka_assign(letters->reader, NULL);
    return status;
}

/* ---- headers ---- */

bool mr_letter_header_at(const mr_dead_letter *letter, size_t i, const char **name, const char **value,
                         size_t *len)
{
    rd_kafka_headers_t *headers;
    const void *bytes;
    if (rd_kafka_message_headers(letter->message, &headers) ||
        rd_kafka_header_get_all(headers, i, name, &bytes, len))
        return false;
    *value = bytes;
    return true;
}

bool mr_letter_header(const mr_dead_letter *letter, const char *name, char *out, size_t cap)
{
    const char *value;
    size_t len;
    *out = 0;
    if (!last_header(letter->message, name, &value, &len) || !value)
        return false;
    len = len < cap ? len : cap - 1;
    memcpy(out, value, len);
    out[len] = 0;
    return true;
}
