#include "edges/kafka_offsets.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/heap.h"
#include "base/must.h"
#include "edges/kafka_client.h"
#include "stages/topics.h"

#define ASK_MS 15000

struct mr_kafka_offsets {
    mr_kafka_owner owner; /* first: librdkafka's opaque */
    const mr_config *config;
    rd_kafka_t *client;
    rd_kafka_topic_partition_list_t *list; /* as committed */
    mr_kafka_offset *at;
};

/* ---- errors ---- */

static mr_status status_of(rd_kafka_resp_err_t err)
{
    if (mr_kafka_denies(err))
        return MR_DENIED;
    switch (err) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return MR_AGAIN;
    default:
        return MR_UNAVAILABLE;
    }
}

static const char *remedy_of(rd_kafka_resp_err_t err)
{
    switch (status_of(err)) {
    case MR_DENIED:
        return "check the login and its rights (Read on the group, Describe on the topics)";
    case MR_AGAIN:
        return "stop the workers first";
    default:
        return "check kafka.bootstrap_servers and the network, and try again";
    }
}

static mr_status failed(mr_error *error, rd_kafka_resp_err_t err, const char *what)
{
    return mr_fail(error, status_of(err), "%s: %s: %s", what, rd_kafka_err2str(err), remedy_of(err));
}

/* The first partition of a list that was refused. */
static mr_status first_failed(mr_error *error, const rd_kafka_topic_partition_list_t *list, const char *what)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].err) {
            mr_status status = failed(error, list->elems[i].err, what);
            mr_error_context(error, "%s/%d", list->elems[i].topic, (int)list->elems[i].partition);
            return status;
        }
    return MR_OK;
}

/* ---- which partitions ---- */

static void add_topics(mr_kafka_offsets *offsets, const rd_kafka_metadata_t *metadata)
{
    mr_arena *arena = mr_arena_new();
    mr_topics *topics = mr_topics_new(offsets->config, arena);
    for (int t = 0; t < metadata->topic_cnt; t++) {
        const rd_kafka_metadata_topic_t *topic = &metadata->topics[t];
        if (topic->err || !mr_topics_is_source(topics, topic->topic))
            continue;
        for (int p = 0; p < topic->partition_cnt; p++)
            rd_kafka_topic_partition_list_add(offsets->list, topic->topic, p);
    }
    mr_topics_free(topics);
    mr_arena_free(arena);
    rd_kafka_topic_partition_list_sort(offsets->list, NULL, NULL);
}

/* A topic that is written out must be there; what a pattern takes may be nothing. */
static mr_status missing_topic(const mr_kafka_offsets *offsets, mr_error *error)
{
    for (size_t s = 0; s < offsets->config->stream_count; s++)
        for (size_t t = 0; t < offsets->config->streams[s].topic_count; t++) {
            const char *name = offsets->config->streams[s].topics[t];
            bool there = name[0] == '^';
            for (int i = 0; !there && i < offsets->list->cnt; i++)
                there = !strcmp(offsets->list->elems[i].topic, name);
            if (!there)
                return mr_fail(error, MR_UNAVAILABLE,
                               "the brokers do not know the topic %s: create it, give this login Describe "
                               "on it, or correct streams[].topic",
                               name);
        }
    return MR_OK;
}

static mr_status find_partitions(mr_kafka_offsets *offsets, mr_error *error)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(offsets->client, 1, NULL, &metadata, ASK_MS);
    if (err)
        return failed(error, err, offsets->config->kafka.bootstrap_servers);
    add_topics(offsets, metadata);
    rd_kafka_metadata_destroy(metadata);
    return missing_topic(offsets, error);
}

/* ---- asking ---- */

/* One question for all partitions; `when` is a time, or RD_KAFKA_OFFSET_BEGINNING or _END. The list is the caller's to destroy. */
static rd_kafka_topic_partition_list_t *offsets_for(mr_kafka_offsets *offsets, int64_t when,
                                                    mr_status *status, mr_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(offsets->list->cnt);
    for (int i = 0; i < offsets->list->cnt; i++)
        rd_kafka_topic_partition_list_add(list, offsets->list->elems[i].topic,
                                          offsets->list->elems[i].partition)
            ->offset = when;
    rd_kafka_resp_err_t err =
        list->cnt ? rd_kafka_offsets_for_times(offsets->client, list, ASK_MS) : RD_KAFKA_RESP_ERR_NO_ERROR;
    *status = err ? failed(error, err, "the log's offsets") : first_failed(error, list, "the log's offsets");
    return list;
}

static mr_status ask_log(mr_kafka_offsets *offsets, mr_error *error)
{
    mr_status status;
    rd_kafka_topic_partition_list_t *low = offsets_for(offsets, RD_KAFKA_OFFSET_BEGINNING, &status, error);
    if (!status) {
        rd_kafka_topic_partition_list_t *end = offsets_for(offsets, RD_KAFKA_OFFSET_END, &status, error);
        for (int i = 0; !status && i < offsets->list->cnt; i++) {
            offsets->at[i].low = low->elems[i].offset;
            offsets->at[i].end = end->elems[i].offset;
        }
        rd_kafka_topic_partition_list_destroy(end);
    }
    rd_kafka_topic_partition_list_destroy(low);
    return status;
}

static mr_status ask_group(mr_kafka_offsets *offsets, mr_error *error)
{
    static const char what[] = "the group's offsets";
    rd_kafka_resp_err_t err = offsets->list->cnt ? rd_kafka_committed(offsets->client, offsets->list, ASK_MS)
                                                 : RD_KAFKA_RESP_ERR_NO_ERROR;
    mr_status status = err ? failed(error, err, what) : first_failed(error, offsets->list, what);
    if (status)
        return status;
    offsets->at = mr_heap_take((size_t)offsets->list->cnt, sizeof *offsets->at);
    for (int i = 0; i < offsets->list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &offsets->list->elems[i];
        offsets->at[i] = (mr_kafka_offset){
            .topic = one->topic,
            .partition = one->partition,
            .committed = one->offset < 0 ? -1 : one->offset,
            .metadata = one->metadata_size ? one->metadata : "",
            .metadata_len = one->metadata_size,
        };
    }
    return MR_OK;
}

static mr_status open_client(mr_kafka_offsets *offsets, mr_error *error)
{
    const mr_kafka_config *kafka = &offsets->config->kafka;
    rd_kafka_conf_t *conf = mr_kafka_conf(&offsets->owner, MR_KAFKA_ASKER, error);
    if (!conf)
        return MR_CONFIG;
    bool well = mr_kafka_conf_try(conf, "group.id", kafka->group_id) &&
                mr_kafka_conf_try(conf, "enable.auto.commit", "false") &&
                mr_kafka_conf_try(conf, "isolation.level",
                                  kafka->read_uncommitted ? "read_uncommitted" : "read_committed");
    must(well);
    return mr_kafka_new(conf, MR_KAFKA_ASKER, &offsets->client, error);
}

mr_status mr_kafka_offsets_open(const mr_config *config, mr_kafka_offsets **offsets, mr_error *error)
{
    mr_kafka_offsets *one = mr_heap_take(1, sizeof *one);
    one->owner.config = one->config = config;
    one->list = rd_kafka_topic_partition_list_new(16);
    mr_status status = open_client(one, error);
    if (status) {
        mr_kafka_offsets_close(one);
        one = NULL;
    }
    *offsets = one;
    return status;
}

mr_status mr_kafka_offsets_read(mr_kafka_offsets *offsets, mr_error *error)
{
    mr_status status = find_partitions(offsets, error);
    if (!status)
        status = ask_group(offsets, error);
    return status ? status : ask_log(offsets, error);
}

size_t mr_kafka_offsets_count(const mr_kafka_offsets *offsets)
{
    return (size_t)offsets->list->cnt;
}

const mr_kafka_offset *mr_kafka_offsets_at(const mr_kafka_offsets *offsets, size_t i)
{
    return &offsets->at[i];
}

mr_status mr_kafka_offsets_for_time(mr_kafka_offsets *offsets, int64_t ms, int64_t *found, mr_error *error)
{
    mr_status status;
    rd_kafka_topic_partition_list_t *list = offsets_for(offsets, ms, &status, error);
    for (int i = 0; !status && i < list->cnt; i++)
        found[i] = list->elems[i].offset < 0 ? offsets->at[i].end : list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

/* ---- writing ---- */

mr_status mr_kafka_offsets_idle(mr_kafka_offsets *offsets, mr_error *error)
{
    const struct rd_kafka_group_list *groups = NULL;
    const char *name = offsets->config->kafka.group_id;
    rd_kafka_resp_err_t err = rd_kafka_list_groups(offsets->client, name, &groups, ASK_MS);
    mr_status status = err ? failed(error, err, "the group's members") : MR_OK;
    for (int i = 0; !status && groups && i < groups->group_cnt; i++) {
        const struct rd_kafka_group_info *group = &groups->groups[i];
        if (group->err)
            status = failed(error, group->err, "the group's members");
        else if (group->member_cnt > 0 || (strcmp(group->state, "Empty") && strcmp(group->state, "Dead")))
            status = mr_fail(error, MR_AGAIN,
                             "the group %s has %d members (%s): stop the workers first, and wait until the "
                             "session of one that did not leave has timed out",
                             name, group->member_cnt, group->state);
    }
    if (groups)
        rd_kafka_group_list_destroy(groups);
    return status;
}

mr_status mr_kafka_offsets_commit(mr_kafka_offsets *offsets, const mr_kafka_offset *commits, size_t count,
                                  mr_error *error)
{
    static const char what[] = "commit";
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_add(list, commits[i].topic, commits[i].partition);
        one->offset = commits[i].committed;
        one->metadata = mr_heap_grow(NULL, commits[i].metadata_len); /* the list frees it */
        memcpy(one->metadata, commits[i].metadata, commits[i].metadata_len);
        one->metadata_size = commits[i].metadata_len;
    }
    rd_kafka_resp_err_t err = rd_kafka_commit(offsets->client, list, 0);
    /* A partition's own error says more than the whole's. */
    mr_status status = first_failed(error, list, what);
    if (!status && err)
        status = failed(error, err, what);
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

void mr_kafka_offsets_close(mr_kafka_offsets *offsets)
{
    if (!offsets)
        return;
    rd_kafka_topic_partition_list_destroy(offsets->list);
    if (offsets->client)
        rd_kafka_destroy(offsets->client);
    free(offsets->at);
    free(offsets);
}
