/* A topic's configuration, by the admin interface of any client. */
#include <stdlib.h>
#include <string.h>

#include "kafka_private.h"

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

int64_t mr_kafka_retention_ms(struct rd_kafka_s *client, const char *topic, uint32_t timeout_ms)
{
    int64_t found = MR_RETENTION_UNKNOWN;
    rd_kafka_queue_t *answers = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    char why[128];
    rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, why, sizeof why);
    rd_kafka_DescribeConfigs(client, &resource, 1, options, answers);
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

int64_t mr_group_retention_ms(mr_group *group, const char *topic, uint32_t timeout_ms)
{
    return mr_kafka_retention_ms(group->client, topic, timeout_ms);
}
