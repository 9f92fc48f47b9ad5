/* How long a log keeps its events, and where it begins: by the admin interface of any client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_private.h"

#define RETENTION_WAIT_MS 10000 /* for the answer to one question */

static int64_t retention_in(rd_kafka_event_t *event)
{
    size_t topics, entries;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &topics);
    int64_t found = MR_RETENTION_UNKNOWN;
    if (topics != 1 || rd_kafka_ConfigResource_error(resources[0]))
        return found;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resources[0], &entries);
    bool deletes = true;
    for (size_t i = 0; i < entries; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entry[i]), *value = rd_kafka_ConfigEntry_value(entry[i]);
        if (value && !strcmp(name, "cleanup.policy"))
            deletes = strstr(value, "delete") != NULL;
        else if (value && !strcmp(name, "retention.ms"))
            found = strtoll(value, NULL, 10);
    }
    return deletes ? found : MR_RETENTION_FOR_EVER;
}

static void ask(rd_kafka_t *client, const char *topic, uint32_t timeout_ms, rd_kafka_queue_t *answers)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    char why[128];
    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, why, sizeof why);
    rd_kafka_DescribeConfigs(client, &resource, 1, options, answers);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
}

/* Of an answer, or of none: NULL. */
static int64_t take(rd_kafka_event_t *event)
{
    int64_t found = event && !rd_kafka_event_error(event) ? retention_in(event) : MR_RETENTION_UNKNOWN;
    if (event)
        rd_kafka_event_destroy(event);
    return found;
}

int64_t mr_kafka_retention_ms(struct rd_kafka_s *client, const char *topic, uint32_t timeout_ms)
{
    rd_kafka_queue_t *answers = rd_kafka_queue_new(client);
    ask(client, topic, timeout_ms, answers);
    int64_t found = take(rd_kafka_queue_poll(answers, (int)timeout_ms));
    rd_kafka_queue_destroy(answers);
    return found;
}

bool mr_group_retention_ms(mr_group *group, const char *topic, uint64_t now_ms, int64_t *retention_ms)
{
    bool asked = group->retention_topic[0] != '\0';
    if (asked && strcmp(group->retention_topic, topic) != 0 && now_ms < group->retention_until_ms)
        return false; /* another topic's question is on its way */
    rd_kafka_event_t *event = asked ? rd_kafka_queue_poll(group->retention, 0) : NULL;
    if (asked && !event && now_ms < group->retention_until_ms)
        return false;
    bool answered = asked && !strcmp(group->retention_topic, topic);
    *retention_ms = take(event);
    group->retention_topic[0] = '\0';
    if (answered)
        return true;
    snprintf(group->retention_topic, sizeof group->retention_topic, "%s", topic);
    group->retention_until_ms = now_ms + 2 * (uint64_t)RETENTION_WAIT_MS;
    ask(group->client, topic, RETENTION_WAIT_MS, group->retention);
    return false;
}

/* ---- where a log begins ---- */

#if RD_KAFKA_VERSION >= 0x020300ff

void mr_group_log_low_ask(mr_group *group, const char *topic, int32_t partition, uint32_t timeout_ms)
{
    (void)timeout_ms;
    char why[128];
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(group->client, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_AdminOptions_set_request_timeout(options, RETENTION_WAIT_MS, why, sizeof why);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_SPEC_EARLIEST;
    rd_kafka_ListOffsets(group->client, list, options, group->log_lows);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_AdminOptions_destroy(options);
}

static bool log_low_in(rd_kafka_event_t *event, mr_log_low *answer)
{
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    const rd_kafka_topic_partition_t *part =
        count == 1 ? rd_kafka_ListOffsetsResultInfo_topic_partition(infos[0]) : NULL;
    if (!part || part->err || part->offset < 0)
        return false;
    snprintf(answer->topic, sizeof answer->topic, "%s", part->topic);
    answer->partition = part->partition;
    answer->low = part->offset;
    return true;
}

bool mr_group_log_low(mr_group *group, mr_log_low *answer)
{
    bool found = false;
    rd_kafka_event_t *event;
    while (!found && (event = rd_kafka_queue_poll(group->log_lows, 0)) != NULL) {
        found = !rd_kafka_event_error(event) && log_low_in(event, answer);
        rd_kafka_event_destroy(event);
    }
    return found;
}

#else /* no such question: a time-out of this one, which waits, does not cut the connection yet */

void mr_group_log_low_ask(mr_group *group, const char *topic, int32_t partition, uint32_t timeout_ms)
{
    int64_t low, high;
    if (!mr_group_watermarks_ask(group, topic, partition, &low, &high, timeout_ms))
        return;
    group->log_low = (mr_log_low){.partition = partition, .low = low};
    snprintf(group->log_low.topic, sizeof group->log_low.topic, "%s", topic);
}

bool mr_group_log_low(mr_group *group, mr_log_low *answer)
{
    bool found = group->log_low.topic[0] != '\0';
    *answer = group->log_low;
    group->log_low.topic[0] = '\0';
    return found;
}

#endif
