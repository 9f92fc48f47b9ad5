/* Partitions by hand, with librdkafka's simple consumer.
 *
 * Why nothing of an earlier start comes out of an inbox after a stop (read in the sources of librdkafka 2.0.2 and 2.15): each fetched
 * message and each end-of-partition carries the version that its partition had when the fetch was sent.  rd_kafka_consume_stop and
 * _start raise the version in the caller's thread before they return, and rd_kafka_consume_queue throws away, as it takes from the queue, what
 * carries a lower one (rd_kafka_op_version_outdated).  A fetcher that has not heard of the new version yet cannot err: what it asked for
 * carries the old one, and it takes version and offset together under the partition's lock.
 *
 * Three things are not covered by versions, and are dealt with here:
 *  - Errors carry no version.  One of an earlier start is recognised by not being true of this one (`stale`).  That is so
 *    for "out of range" in particular, which also ends fetching: the order to end can reach librdkafka's thread after a new start did.
 *  - The answer to a question for the log's beginning, if its partition was stopped or started elsewhere meanwhile, is asked for again and then
 *    obeyed: the new start jumps to the beginning (rd_kafka_toppar_handle_Offset, OUTDATED).  So librdkafka is never given a logical
 *    offset; the beginning is asked for first.
 *  - A fetch under way when its partition is stopped is put into the partition's own queue afterwards and stays there, with the
 *    whole answer that it came in: fetch.max.bytes and a little more (18.7 MiB were seen).  So that queue is forwarded to `waste` then, which polling empties.
 *    Not to the inbox: when librdkafka gives up a partition that the brokers do not know, it purges the queue that
 *    its own is forwarded to, and 2,215 messages of another partition were gone.
 */
#include "edges/kafka_reader.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "kafka_private.h"
#include "stages/plan.h"

typedef struct topic_use {
    rd_kafka_topic_t *handle; /* NULL: free */
    uint32_t started;         /* partitions, of all threads */
} topic_use;

typedef struct started_partition {
    topic_use *topic;
    rd_kafka_queue_t *queue; /* the partition's own */
    int32_t partition;
    int64_t asked;
} started_partition;

/* One consumer thread's. */
typedef struct reader_side {
    mr_inbox inbox; /* first: `stale` and `idle` find the side by it */
    mr_reader *reader;
    started_partition *started; /* [MR_PARTITIONS_EACH], the first `count` hold */
    uint32_t count;
} reader_side;

struct mr_reader {
    mr_kafka_owner owner; /* first: librdkafka's opaque */
    rd_kafka_t *client;
    rd_kafka_queue_t *main_queue; /* forwarded to inbox 0: errors of the client, tokens that expire */
    rd_kafka_queue_t *waste;      /* what comes for stopped partitions */
    mr_kafka_secrets secrets_seen;
    uint32_t consumers;
    reader_side *sides;
    pthread_mutex_t mutex; /* of the topics */
    topic_use *topics;     /* [MR_READER_TOPICS] */
    _Atomic uint64_t heard_ms;
};

static const char *name_of(const topic_use *topic)
{
    return rd_kafka_topic_name(topic->handle);
}

/* ---- topics, under the mutex ---- */

static topic_use *find_topic(mr_reader *reader, const char *name)
{
    for (topic_use *at = reader->topics; at < reader->topics + MR_READER_TOPICS; at++)
        if (at->handle && !strcmp(name_of(at), name))
            return at;
    return NULL;
}

/* A free place; when there is none, that of a topic that nobody uses. */
static topic_use *free_place(mr_reader *reader)
{
    topic_use *end = reader->topics + MR_READER_TOPICS;
    for (topic_use *at = reader->topics; at < end; at++)
        if (!at->handle)
            return at;
    for (topic_use *at = reader->topics; at < end; at++)
        if (at->started == 0) {
            rd_kafka_topic_destroy(at->handle);
            at->handle = NULL;
            return at;
        }
    return NULL;
}

static topic_use *take_topic(mr_reader *reader, const char *name)
{
    pthread_mutex_lock(&reader->mutex);
    topic_use *topic = find_topic(reader, name);
    if (!topic && (topic = free_place(reader)) != NULL) {
        topic->handle = rd_kafka_topic_new(reader->client, name, NULL);
        topic = topic->handle ? topic : NULL;
    }
    if (topic)
        topic->started++;
    pthread_mutex_unlock(&reader->mutex);
    return topic;
}

static void give_topic(mr_reader *reader, topic_use *topic)
{
    pthread_mutex_lock(&reader->mutex);
    topic->started--;
    pthread_mutex_unlock(&reader->mutex);
}

/* ---- starting and stopping ---- */

static started_partition *find_started(reader_side *side, const char *topic, int32_t partition)
{
    for (started_partition *at = side->started; at < side->started + side->count; at++)
        if (at->partition == partition && !strcmp(name_of(at->topic), topic))
            return at;
    return NULL;
}

static void refused(const char *topic, int32_t partition, int64_t offset, const char *why)
{
    mr_log(MR_LOG_WARN, "reader_refused",
           MR_FIELDS(.topic = topic, .has_position = true, .partition = partition, .offset = offset),
           "cannot read the partition again now: %s", why);
}

/* Any thread. */
static void empty_waste(mr_reader *reader)
{
    rd_kafka_message_t *message;
    while ((message = rd_kafka_consume_queue(reader->waste, 0)) != NULL)
        rd_kafka_message_destroy(message);
}

static void idle(mr_inbox *inbox)
{
    empty_waste(((reader_side *)inbox)->reader);
}

/* Nothing of it arrives when this returns. */
static void halt(const reader_side *side, const started_partition *one)
{
    rd_kafka_consume_stop(one->topic->handle, one->partition);
    rd_kafka_queue_forward(one->queue, side->reader->waste);
    empty_waste(side->reader);
}

/* A start leaves the forwarding as it is once the application has set it: so it is set for each. */
static bool begin(reader_side *side, const started_partition *one)
{
    rd_kafka_queue_forward(one->queue, side->inbox.queue);
    return !rd_kafka_consume_start_queue(one->topic->handle, one->partition, one->asked, side->inbox.queue);
}

bool mr_reader_start(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition,
                     int64_t offset)
{
    reader_side *side = &reader->sides[consumer];
    mr_owner_here(&side->inbox.owner);
    must(offset >= 0 || offset == MR_READ_FROM_BEGINNING);
    must(!find_started(side, topic, partition));
    must(side->count < MR_PARTITIONS_EACH);
    started_partition *one = &side->started[side->count];
    *one = (started_partition){.partition = partition, .asked = offset};
    if (offset == MR_READ_FROM_BEGINNING) {
        int64_t high;
        rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(reader->client, topic, partition,
                                                                   &one->asked, &high, MR_READER_ASK_MS);
        if (err) {
            refused(topic, partition, -1, rd_kafka_err2str(err));
            return false;
        }
    }
    one->topic = take_topic(reader, topic);
    if (!one->topic) {
        refused(topic, partition, offset, "too many topics at once, or no topic's name");
        return false;
    }
    one->queue = rd_kafka_queue_get_partition(reader->client, topic, partition);
    if (!one->queue || !begin(side, one)) {
        refused(topic, partition, offset, rd_kafka_err2str(rd_kafka_last_error()));
        if (one->queue)
            rd_kafka_queue_destroy(one->queue);
        give_topic(reader, one->topic);
        return false;
    }
    side->count++;
    return true;
}

static void stop(reader_side *side, started_partition *one)
{
    halt(side, one);
    rd_kafka_queue_destroy(one->queue);
    give_topic(side->reader, one->topic);
    *one = side->started[--side->count];
}

void mr_reader_stop(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition)
{
    reader_side *side = &reader->sides[consumer];
    mr_owner_here(&side->inbox.owner);
    started_partition *one = find_started(side, topic, partition);
    if (one)
        stop(side, one);
}

/* ---- what arrives ---- */

/* The next offset of a started partition. */
static int64_t position_of(const mr_reader *reader, const started_partition *one)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name_of(one->topic), one->partition);
    rd_kafka_resp_err_t err = rd_kafka_position(reader->client, list);
    int64_t offset = err || list->elems[0].err ? -1 : list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset >= 0 ? offset : one->asked;
}

/* Is this error one of an earlier start?  "Out of range" is true of this start when it is about the offset that is due.  If not, it may be an
 * old one, which has ended fetching all the same, or there were control records in between: read on from where we are, and it comes again
 * about the right offset if it is so. */
static bool stale(mr_inbox *inbox, const rd_kafka_message_t *error)
{
    reader_side *side = (reader_side *)inbox;
    started_partition *one =
        error->rkt ? find_started(side, rd_kafka_topic_name(error->rkt), error->partition) : NULL;
    if (error->rkt && !one)
        return true;
    if (!one || error->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return false;
    int64_t due = position_of(side->reader, one);
    if (error->offset == due)
        return false;
    halt(side, one);
    one->asked = due;
    must(begin(side, one)); /* it was accepted before */
    return true;
}

bool mr_reader_high_seen(mr_reader *reader, const char *topic, int32_t partition, int64_t *high)
{
    int64_t low;
    pthread_mutex_lock(&reader->mutex);
    bool known = find_topic(reader, topic) != NULL;
    pthread_mutex_unlock(&reader->mutex);
    return known && !rd_kafka_get_watermark_offsets(reader->client, topic, partition, &low, high) &&
           *high >= 0;
}

/* ---- beginning and end ---- */

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    (void)opaque;
    mr_log(MR_LOG_WARN, "kafka_error", MR_FIELDS(.code = (unsigned)(code < 0 ? -code : code)),
           "reading again: %s", reason);
}

mr_reader *mr_reader_new(const mr_config *config, mr_arena *arena, uint32_t consumers)
{
    mr_reader *reader = mr_arena_take(arena, "reader", 1, sizeof *reader);
    reader->owner.config = config;
    reader->consumers = consumers;
    reader->topics = mr_arena_take(arena, "reader", MR_READER_TOPICS, sizeof *reader->topics);
    reader->sides = mr_arena_take(arena, "reader", consumers, sizeof *reader->sides);
    for (uint32_t i = 0; i < consumers; i++) {
        reader_side *side = &reader->sides[i];
        side->reader = reader;
        side->started = mr_arena_take(arena, "reader", MR_PARTITIONS_EACH, sizeof *side->started);
        side->inbox.config = config;
        side->inbox.client = &reader->client;
        side->inbox.heard_ms = &reader->heard_ms;
        side->inbox.stale = stale;
        side->inbox.idle = idle;
    }
    pthread_mutex_init(&reader->mutex, NULL);
    return reader;
}

mr_status mr_reader_open(mr_reader *reader, mr_bell *bells, mr_error *error)
{
    rd_kafka_conf_t *conf = mr_kafka_conf(&reader->owner, MR_KAFKA_READER, error);
    if (!conf)
        return MR_CONFIG;
    rd_kafka_conf_set_error_cb(conf, on_error);
    mr_status status = mr_kafka_new(conf, MR_KAFKA_READER, &reader->client, error);
    if (status) {
        mr_error_context(error, "reading again");
        return status;
    }
    mr_reader_reload_secrets(reader);
    for (uint32_t i = 0; i < reader->consumers; i++)
        mr_inbox_open(&reader->sides[i].inbox, &bells[i]);
    reader->waste = rd_kafka_queue_new(reader->client);
    reader->main_queue = rd_kafka_queue_get_main(reader->client);
    rd_kafka_queue_forward(reader->main_queue, reader->sides[0].inbox.queue);
    return MR_OK;
}

rd_kafka_t *mr_reader_client(mr_reader *reader)
{
    return reader->client;
}

mr_inbox *mr_reader_inbox(mr_reader *reader, uint32_t consumer)
{
    must(consumer < reader->consumers);
    return &reader->sides[consumer].inbox;
}

bool mr_reader_reload_secrets(mr_reader *reader)
{
    return mr_kafka_reload_secrets(reader->client, reader->owner.config, &reader->secrets_seen);
}

void mr_reader_close(mr_reader *reader)
{
    if (!reader->client)
        return;
    for (uint32_t i = 0; i < reader->consumers; i++)
        while (reader->sides[i].count > 0)
            stop(&reader->sides[i], &reader->sides[i].started[0]);
    rd_kafka_queue_forward(reader->main_queue, NULL);
    rd_kafka_queue_destroy(reader->main_queue);
    for (uint32_t i = 0; i < reader->consumers; i++)
        mr_inbox_close(&reader->sides[i].inbox);
    rd_kafka_queue_destroy(reader->waste);
    for (topic_use *at = reader->topics; at < reader->topics + MR_READER_TOPICS; at++)
        if (at->handle) {
            rd_kafka_topic_destroy(at->handle);
            at->handle = NULL;
        }
    rd_kafka_destroy_flags(reader->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    reader->client = NULL;
    pthread_mutex_destroy(&reader->mutex);
}
