/* tools_member: members that join a group and leave it again: they take partitions, read nothing and commit nothing.
 *
 *   tools_member ADDRESSES GROUP TOPIC SECONDS STAY_MS [--property name=value]...
 *
 * One after the other: joins, stays STAY_MS from its first assignment on (or three seconds without one), leaves; for SECONDS.  Prints how many
 * there were and how many of them got partitions.  One thread beside librdkafka's.
 */
#include <stdbool.h>

#include "tool.h"

static bool stay(rd_kafka_t *client, uint64_t stay_us)
{
    uint64_t until = tool_now_us() + 3000000 + stay_us;
    bool owned = false;
    while (tool_now_us() < until) {
        rd_kafka_topic_partition_list_t *owns;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 20);
        if (message)
            rd_kafka_message_destroy(message);
        if (owned || rd_kafka_assignment(client, &owns))
            continue;
        if (owns->cnt > 0) {
            owned = true;
            until = tool_now_us() + stay_us;
        }
        rd_kafka_topic_partition_list_destroy(owns);
    }
    return owned;
}

int main(int argc, char **argv)
{
    tool_properties properties = {.count = 0};
    unsigned members = 0, owners = 0;
    if (argc < 6 || argc % 2) {
        fputs("usage: tools_member ADDRESSES GROUP TOPIC SECONDS STAY_MS [--property name=value]...\n",
              stderr);
        return 2;
    }
    for (int i = 6; i + 1 < argc; i += 2)
        tool_property(&properties, argv[i + 1]);
    uint64_t stay_us = (uint64_t)tool_number("STAY_MS", argv[5]) * 1000;
    uint64_t until = tool_now_us() + (uint64_t)tool_number("SECONDS", argv[4]) * 1000000;
    while (tool_now_us() < until) {
        rd_kafka_conf_t *conf = tool_conf(argv[1], &properties);
        tool_set(conf, "group.id", argv[2]);
        tool_set(conf, "enable.auto.commit", "false");
        tool_set(conf, "auto.offset.reset", "latest");
        rd_kafka_t *client = tool_client(RD_KAFKA_CONSUMER, conf);
        rd_kafka_poll_set_consumer(client);
        rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(topics, argv[3], RD_KAFKA_PARTITION_UA);
        rd_kafka_resp_err_t err = rd_kafka_subscribe(client, topics);
        if (err)
            die("%s: %s", argv[3], rd_kafka_err2str(err));
        rd_kafka_topic_partition_list_destroy(topics);
        owners += stay(client, stay_us);
        members++;
        rd_kafka_consumer_close(client);
        rd_kafka_destroy(client);
    }
    printf("%u members came and went, %u had partitions\n", members, owners);
    return 0;
}
