/* The group's client: creating it, serving it, committing, asking, closing.  Rebalances are in kafka_rebalance.c. */
#include "edges/kafka.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "kafka_private.h"
#include "stages/plan.h"

#define ASK_MS 2000 /* main waits: for no longer than for other answers within a rebalance */

const char *mr_kafka_library_version(void)
{
    return rd_kafka_version_str();
}

int mr_kafka_library_number(void)
{
    return rd_kafka_version();
}

bool mr_kafka_has_feature(const char *name)
{
    char features[512];
    size_t size = sizeof features;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool known = rd_kafka_conf_get(conf, "builtin.features", features, &size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    size_t len = strlen(name);
    for (const char *at = known ? features : ""; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == len && !strncmp(at, name, len))
            return true;
    return false;
}

mr_status mr_kafka_version_check(mr_error *error)
{
    /* The third byte is the fix level; the lowest is 0xff in releases. */
    int version = rd_kafka_version() >> 8;
    const char *why = NULL;
    if (version < 0x020002)
        why = "older than 2.0.2, the oldest that Millrace is tested with";
    else if (version >= 0x020100 && version < 0x020300)
        why = "one of 2.1.0 to 2.2.x, which lose commits (librdkafka issue 4442)";
    else if (version == 0x020500)
        why = "2.5.0, which is known to be broken";
    else if (version == 0x020a00)
        why = "2.10.0, which is known to be broken (librdkafka issue 5088)";
    if (!why)
        return MR_OK;
    return mr_fail(error, MR_CONFIG,
                   "this librdkafka is %s: install another one, for example 2.0.2 or 2.10.1 and later", why);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    mr_group *group = opaque;
    (void)client;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !group->deaf_since_ms)
        group->deaf_since_ms = mr_clock_ms();
    /* Fatal ones are looked at in mr_group_poll; the others librdkafka mends by itself. */
    mr_log(MR_LOG_WARN, "kafka_error", MR_FIELDS(.code = (unsigned)-code), "%s", reason);
}

mr_group *mr_group_new(const mr_config *config, const mr_group_listener *listener, mr_arena *arena)
{
    mr_group *group = mr_arena_take(arena, "group", 1, sizeof *group);
    group->owner.config = group->config = config;
    group->listener = *listener;
    group->partitions_max = (size_t)config->kafka.consumer_threads * MR_PARTITIONS_EACH;
    group->partitions = mr_arena_take(arena, "group", group->partitions_max, sizeof *group->partitions);
    group->answers = mr_arena_take(arena, "group", group->partitions_max, sizeof *group->answers);
    return group;
}

mr_status mr_group_open(mr_group *group, mr_bell *bell, mr_error *error)
{
    static const uint64_t one = 1;
    rd_kafka_conf_t *conf = mr_kafka_conf(&group->owner, MR_KAFKA_CONSUMER, error);
    if (!conf)
        return MR_CONFIG;
    rd_kafka_conf_set_rebalance_cb(conf, mr_group_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    mr_status status = mr_kafka_new(conf, MR_KAFKA_CONSUMER, &group->client, error);
    if (status)
        return status;
    rd_kafka_poll_set_consumer(group->client);
    group->events = rd_kafka_queue_get_consumer(group->client);
    group->commits = rd_kafka_queue_new(group->client);
    group->retention = rd_kafka_queue_new(group->client);
    group->log_lows = rd_kafka_queue_new(group->client);
    rd_kafka_queue_io_event_enable(group->events, bell->fd, &one, sizeof one);
    rd_kafka_queue_io_event_enable(group->commits, bell->fd, &one, sizeof one);
    mr_kafka_reload_secrets(group->client, group->config, &group->secrets_seen);
    return MR_OK;
}

mr_status mr_group_join(mr_group *group, mr_error *error)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(8);
    for (size_t s = 0; s < group->config->stream_count; s++)
        for (size_t t = 0; t < group->config->streams[s].topic_count; t++)
            rd_kafka_topic_partition_list_add(topics, group->config->streams[s].topics[t],
                                              RD_KAFKA_PARTITION_UA);
    if (group->config->dlq.replay_topic[0])
        rd_kafka_topic_partition_list_add(topics, group->config->dlq.replay_topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(group->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (!err)
        return MR_OK;
    return mr_fail(error, MR_CONFIG, "cannot subscribe to the streams' topics, %s: correct streams[].topic",
                   rd_kafka_err2str(err));
}

static void look_for_fatal(mr_group *group)
{
    char text[200];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(group->client, text, sizeof text);
    if (!err)
        return;
    group->fatal = true;
    snprintf(group->fatal_text, sizeof group->fatal_text, "%s: %s", rd_kafka_err2name(err), text);
}

int mr_group_poll(mr_group *group)
{
    int done = 0;
    rd_kafka_message_t *message;
    while (done < 100 && (message = rd_kafka_consumer_poll(group->client, 0)) != NULL) {
        /* Messages go to the inboxes; what arrives here is an error of the group or of a topic. */
        must(message->err != RD_KAFKA_RESP_ERR_NO_ERROR);
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            mr_log(MR_LOG_WARN, "kafka_error",
                   MR_FIELDS(.topic = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL), "%s",
                   rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
        done++;
    }
    done += rd_kafka_queue_poll_callback(group->commits, 0);
    look_for_fatal(group);
    return done;
}

bool mr_group_joined(const mr_group *group)
{
    return group->joined;
}

bool mr_group_reachable(const mr_group *group)
{
    uint64_t heard = atomic_load_explicit(&group->heard_ms, memory_order_relaxed);
    return heard != 0 && heard >= group->deaf_since_ms;
}

bool mr_group_fatal(const mr_group *group, mr_error *error)
{
    if (group->fatal)
        mr_fail(error, MR_AGAIN,
                "the Kafka client cannot go on, %s: start this instance again; give each one a "
                "kafka.group_instance_id of its own",
                group->fatal_text);
    return group->fatal;
}

static void heard(mr_group *group)
{
    atomic_store_explicit(&group->heard_ms, mr_clock_ms(), memory_order_relaxed);
    group->deaf_since_ms = 0;
}

/* ---- commits ---- */

static void on_committed(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    mr_group *group = opaque;
    (void)client;
    group->committing = false;
    group->superseded = err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
                        err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
                        err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    const char *why = err ? rd_kafka_err2str(err) : "";
    size_t count = list ? (size_t)list->cnt : 0;
    must(count <= group->partitions_max);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *part = &list->elems[i];
        if (!*why && part->err)
            why = rd_kafka_err2str(part->err);
        group->answers[i] = (mr_partition){.topic = part->topic,
                                           .partition = part->partition,
                                           .start = part->offset,
                                           .failed = err || part->err};
    }
    if (!err)
        heard(group);
    group->listener.committed(group->listener.context, group->answers, count, why);
}

void mr_group_commit(mr_group *group, const mr_partition *partitions, size_t count, uint32_t wait_ms)
{
    must(!group->committing);
    if (count == 0)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *part =
            rd_kafka_topic_partition_list_add(list, partitions[i].topic, partitions[i].partition);
        part->offset = partitions[i].start;
        /* Lent: librdkafka copies the list, and its destructor must not free our text. */
        part->metadata = (void *)(uintptr_t)partitions[i].metadata;
        part->metadata_size = partitions[i].metadata_len;
    }
    group->committing = true;
    rd_kafka_resp_err_t err = rd_kafka_commit_queue(group->client, list, group->commits, on_committed, group);
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].metadata = NULL;
        list->elems[i].metadata_size = 0;
    }
    if (err)
        on_committed(group->client, err, list, group);
    rd_kafka_topic_partition_list_destroy(list);
    mr_group_await_commit(group, wait_ms);
}

void mr_group_await_commit(mr_group *group, uint32_t wait_ms)
{
    for (uint64_t end = mr_clock_ms() + wait_ms, now; group->committing && (now = mr_clock_ms()) < end;) {
        group->listener.waiting(group->listener.context);
        rd_kafka_queue_poll_callback(group->commits, (int)(end - now < 100 ? end - now : 100));
    }
}

bool mr_group_committing(const mr_group *group)
{
    return group->committing;
}

bool mr_group_superseded(const mr_group *group)
{
    return group->superseded;
}

/* ---- questions ---- */

bool mr_group_watermarks_seen(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                              int64_t *high)
{
    return !rd_kafka_get_watermark_offsets(group->client, topic, partition, low, high) && *high >= 0;
}

bool mr_group_watermarks_ask(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                             int64_t *high, uint32_t timeout_ms)
{
    rd_kafka_resp_err_t err =
        rd_kafka_query_watermark_offsets(group->client, topic, partition, low, high, (int)timeout_ms);
    if (!err)
        heard(group);
    return !err;
}

bool mr_group_offset_at(mr_group *group, const char *topic, int32_t partition, int64_t ms, int64_t *offset,
                        uint32_t timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = ms;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(group->client, list, (int)timeout_ms);
    bool well = !err && !list->elems[0].err;
    if (well)
        *offset = list->elems[0].offset >= 0 ? list->elems[0].offset : -1;
    rd_kafka_topic_partition_list_destroy(list);
    return well;
}

bool mr_group_seek(mr_group *group, const char *topic, int32_t partition, int64_t start)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = start;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(group->client, list, 5000);
    bool well = !error && !list->elems[0].err;
    rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    return well;
}

/* The metadata of one topic that is known by name; NULL when nobody answers. */
static const rd_kafka_metadata_t *ask_topics(mr_group *group, const char *topic, uint32_t timeout_ms)
{
    const rd_kafka_metadata_t *metadata = NULL;
    rd_kafka_topic_t *handle = topic ? rd_kafka_topic_new(group->client, topic, NULL) : NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(group->client, 0, handle, &metadata, (int)timeout_ms);
    if (handle)
        rd_kafka_topic_destroy(handle);
    if (err)
        return NULL;
    heard(group);
    return metadata;
}

int mr_group_topic_known(mr_group *group, const char *topic, int32_t but_partition)
{
    const rd_kafka_metadata_t *metadata = ask_topics(group, topic, ASK_MS);
    if (!metadata || metadata->topic_cnt != 1) {
        if (metadata)
            rd_kafka_metadata_destroy(metadata);
        return -1;
    }
    int count = metadata->topics[0].partition_cnt, known = 0;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count + 1);
    for (int i = 0; i < count; i++)
        if (i != but_partition)
            rd_kafka_topic_partition_list_add(list, topic, i);
    if (list->cnt > 0 && rd_kafka_committed(group->client, list, ASK_MS))
        known = -1;
    for (int i = 0; known == 0 && i < list->cnt; i++)
        known = list->elems[i].err ? -1 : list->elems[i].offset >= 0;
    rd_kafka_topic_partition_list_destroy(list);
    return known;
}

bool mr_group_topics(mr_group *group, void (*each)(void *context, const char *topic, uint32_t partitions),
                     void *context, uint32_t timeout_ms)
{
    const rd_kafka_metadata_t *metadata = ask_topics(group, NULL, timeout_ms);
    if (!metadata)
        return false;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (!metadata->topics[i].err)
            each(context, metadata->topics[i].topic, (uint32_t)metadata->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(metadata);
    return true;
}

bool mr_group_reload_secrets(mr_group *group)
{
    return mr_kafka_reload_secrets(group->client, group->config, &group->secrets_seen);
}

/* ---- the end ---- */

bool mr_group_close(mr_group *group, uint32_t timeout_ms)
{
    uint64_t end = mr_clock_ms() + timeout_ms;
    rd_kafka_error_destroy(rd_kafka_consumer_close_queue(group->client, group->events));
    while (!rd_kafka_consumer_closed(group->client) && mr_clock_ms() < end) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(group->events, 50);
        group->listener.waiting(group->listener.context);
        if (!event)
            continue;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
            mr_group_on_rebalance(group->client, rd_kafka_event_error(event),
                                  rd_kafka_event_topic_partition_list(event), group);
        rd_kafka_event_destroy(event);
    }
    return rd_kafka_consumer_closed(group->client);
}

void mr_group_free(mr_group *group)
{
    if (!group->client)
        return;
    rd_kafka_queue_destroy(group->log_lows);
    rd_kafka_queue_destroy(group->retention);
    rd_kafka_queue_destroy(group->commits);
    rd_kafka_queue_destroy(group->events);
    rd_kafka_destroy_flags(group->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    group->client = NULL;
}
