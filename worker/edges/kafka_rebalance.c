/* Membership changes: what is committed for new partitions is read first, in the same answer offset and metadata; then the owner decides
 * where each begins or that it is held; then its queue is forwarded to its inbox; only then it is assigned. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "kafka_private.h"

static bool cooperative(rd_kafka_t *client)
{
    const char *protocol = rd_kafka_rebalance_protocol(client);
    return protocol && !strcmp(protocol, "COOPERATIVE");
}

/* Fills the list with committed offsets; asks until it is answered, for "no answer" is not "no offset".  False: told to stop. */
static bool read_committed(mr_group *group, rd_kafka_topic_partition_list_t *list)
{
    while (list->cnt > 0) {
        rd_kafka_resp_err_t err = rd_kafka_committed(group->client, list, 2000);
        for (int i = 0; !err && i < list->cnt; i++)
            err = list->elems[i].err;
        if (!err)
            break;
        mr_log(MR_LOG_WARN, "committed_unknown", NULL, "cannot read the group's offsets, asking again: %s",
               rd_kafka_err2str(err));
        if (group->listener.stopping(group->listener.context) || rd_kafka_assignment_lost(group->client))
            return false;
        group->listener.waiting(group->listener.context);
    }
    return true;
}

/* Those from `from` on, as many as there is room for; how many.  The group may give a worker more than it has places for, so whoever describes a list
 * goes on from there. */
static size_t describe(mr_group *group, const rd_kafka_topic_partition_list_t *list, size_t from)
{
    size_t left = (size_t)list->cnt - from,
           count = left < group->partitions_max ? left : group->partitions_max;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *part = &list->elems[from + i];
        group->partitions[i] = (mr_partition){.topic = part->topic,
                                              .partition = part->partition,
                                              .committed = part->offset >= 0 ? part->offset : -1,
                                              .metadata = part->metadata ? part->metadata : "",
                                              .metadata_len = part->metadata ? part->metadata_size : 0,
                                              .hold = true,
                                              .start = -1};
    }
    return count;
}

static void report(rd_kafka_resp_err_t err, const char *what)
{
    if (err)
        mr_log(MR_LOG_ERROR, "rebalance_failed", NULL, "%s: %s", what, rd_kafka_err2str(err));
}

static rd_kafka_resp_err_t code_of(rd_kafka_error_t *error)
{
    rd_kafka_resp_err_t err = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(error);
    return err;
}

/* Adds to `begin` what the owner does not hold of these. */
static void forward(mr_group *group, const mr_partition *partitions, size_t count,
                    rd_kafka_topic_partition_list_t *begin)
{
    for (size_t i = 0; i < count; i++) {
        const mr_partition *part = &partitions[i];
        if (part->hold)
            continue;
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(group->client, part->topic, part->partition);
        must(queue);
        rd_kafka_queue_forward(queue, part->inbox->queue);
        rd_kafka_queue_destroy(queue);
        rd_kafka_topic_partition_list_add(begin, part->topic, part->partition)->offset = part->start;
    }
}

static void assign(mr_group *group, const rd_kafka_topic_partition_list_t *given)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(given);
    rd_kafka_topic_partition_list_t *begin = rd_kafka_topic_partition_list_new(list->cnt);
    if (read_committed(group, list)) {
        size_t from = 0;
        do {
            size_t count = describe(group, list, from);
            group->listener.assigned(group->listener.context, group->partitions, count);
            forward(group, group->partitions, count, begin);
            from += count;
        } while (from < (size_t)list->cnt);
    }
    if (cooperative(group->client))
        report(code_of(rd_kafka_incremental_assign(group->client, begin)), "assigning partitions");
    else
        report(rd_kafka_assign(group->client, begin), "assigning partitions");
    group->joined = true;
    rd_kafka_topic_partition_list_destroy(begin);
    rd_kafka_topic_partition_list_destroy(list);
}

bool mr_group_cooperative(const mr_group *group)
{
    return cooperative(group->client);
}

void mr_group_begin(mr_group *group, const mr_partition *partition)
{
    rd_kafka_topic_partition_list_t *begin = rd_kafka_topic_partition_list_new(1);
    forward(group, partition, 1, begin);
    report(code_of(rd_kafka_incremental_assign(group->client, begin)), "assigning a partition");
    rd_kafka_topic_partition_list_destroy(begin);
}

/* Those of `given` that are assigned: a held partition never was. */
static rd_kafka_topic_partition_list_t *assigned_of(rd_kafka_t *client,
                                                    const rd_kafka_topic_partition_list_t *given)
{
    rd_kafka_topic_partition_list_t *all = NULL, *some = rd_kafka_topic_partition_list_new(given->cnt);
    if (!rd_kafka_assignment(client, &all)) {
        for (int i = 0; i < given->cnt; i++)
            if (rd_kafka_topic_partition_list_find(all, given->elems[i].topic, given->elems[i].partition))
                rd_kafka_topic_partition_list_add(some, given->elems[i].topic, given->elems[i].partition);
        rd_kafka_topic_partition_list_destroy(all);
    }
    return some;
}

static void revoke(mr_group *group, const rd_kafka_topic_partition_list_t *given)
{
    bool lost = rd_kafka_assignment_lost(group->client);
    size_t from = 0;
    do {
        size_t count = describe(group, given, from);
        group->listener.revoked(group->listener.context, group->partitions, count, lost);
        from += count;
    } while (from < (size_t)given->cnt);
    if (cooperative(group->client)) {
        rd_kafka_topic_partition_list_t *some = assigned_of(group->client, given);
        report(code_of(rd_kafka_incremental_unassign(group->client, some)), "giving partitions back");
        rd_kafka_topic_partition_list_destroy(some);
    } else {
        report(rd_kafka_assign(group->client, NULL), "giving partitions back");
    }
}

void mr_group_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                           void *opaque)
{
    mr_group *group = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(group, list);
    } else if (err == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        revoke(group, list);
    } else {
        mr_log(MR_LOG_ERROR, "rebalance_failed", NULL, "%s", rd_kafka_err2str(err));
        rd_kafka_assign(client, NULL);
    }
}
