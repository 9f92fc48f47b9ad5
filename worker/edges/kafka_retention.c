/* A topic's configuration, by the admin interface of the group's client. */
#include <stdlib.h>
#include <string.h>

#include "kafka_private.h"

static int64_t retention_in(rd_kafka_event_t *event)
{
    size_t topics, entries;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &topics);
    if (topics != 1 || rd_kafka_ConfigResource_error(resources[0]))
        return -1;
    const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resources[0], &entries);
    for (size_t i = 0; i < entries; i++)
        if (!strcmp(rd_kafka_ConfigEntry_name(entry[i]), "retention.ms") &&
            rd_kafka_ConfigEntry_value(entry[i]))
            return strtoll(rd_kafka_ConfigEntry_value(entry[i]), NULL, 10);
    return -1;
}

int64_t mr_group_retention_ms(mr_group *group, const char *topic, uint32_t timeout_ms)
{
    int64_t found = -1;
    rd_kafka_queue_t *answers = rd_kafka_queue_new(group->client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(group->client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    char why[128];
    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, why, sizeof why);
    rd_kafka_DescribeConfigs(group->client, &resource, 1, options, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, (int)timeout_ms);
    if (event && !rd_kafka_event_error(event))
        found = retention_in(event);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(answers);
    return found;
}
