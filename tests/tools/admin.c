/* tools_admin: what scenarios ask Kafka for.
 *
 *   tools_admin ADDRESSES [--property name=value]... COMMAND
 *     create TOPIC PARTITIONS [key=value]...
 *     configure TOPIC key=value...    these settings and no others
 *     delete TOPIC
 *     delete-records TOPIC PARTITION OFFSET   those before OFFSET: it is the log's first then
 *     partitions TOPIC COUNT          adds partitions
 *     ends TOPIC                      PARTITION LOW HIGH, a line each
 *     leaders TOPIC                   PARTITION BROKER REPLICAS-IN-STEP, a line each (-1 where there is no leader)
 *     coordinator GROUP               the broker that coordinates it
 *     committed GROUP TOPIC           PARTITION OFFSET END METADATA, a line each (-1 and - where there is none)
 *     lag GROUP TOPIC                 the sum of end minus committed, of what a read_committed reader can see
 *     commit GROUP TOPIC PARTITION OFFSET [METADATA]   (the group must be empty)
 */
#include <stdbool.h>

#include "tool.h"

enum { WAIT_MS = 15000 };

static const char *bootstrap;
static tool_properties properties;

static rd_kafka_t *reader(const char *group)
{
    rd_kafka_conf_t *conf = tool_conf(bootstrap, &properties);
    tool_set(conf, "group.id", group);
    tool_set(conf, "enable.auto.commit", "false");
    return tool_client(RD_KAFKA_CONSUMER, conf);
}

/* One admin operation on topics, and its outcome. */
static void admin_wait(rd_kafka_t *client, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    const rd_kafka_topic_result_t **results = NULL;
    size_t count = 0;
    if (!event)
        die("no answer within %d s", WAIT_MS / 1000);
    if (rd_kafka_event_error(event))
        die("%s", rd_kafka_event_error_string(event));
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
        results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        break;
    case RD_KAFKA_EVENT_DELETETOPICS_RESULT:
        results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
        break;
    case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT:
        results =
            rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
        break;
    case RD_KAFKA_EVENT_ALTERCONFIGS_RESULT: {
        size_t changed;
        const rd_kafka_ConfigResource_t **resources =
            rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &changed);
        for (size_t i = 0; i < changed; i++)
            if (rd_kafka_ConfigResource_error(resources[i]))
                die("%s: %s", rd_kafka_ConfigResource_name(resources[i]),
                    rd_kafka_ConfigResource_error_string(resources[i]));
        break;
    }
    case RD_KAFKA_EVENT_DELETERECORDS_RESULT: {
        const rd_kafka_topic_partition_list_t *list =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        for (int i = 0; i < list->cnt; i++)
            if (list->elems[i].err)
                die("%s %d: %s", list->elems[i].topic, list->elems[i].partition,
                    rd_kafka_err2str(list->elems[i].err));
        break;
    }
    default:
        die("an answer to another question");
    }
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_topic_result_error(results[i]))
            die("%s: %s", rd_kafka_topic_result_name(results[i]),
                rd_kafka_topic_result_error_string(results[i]));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

/* Splits "key=value": the value, after the key has got its end. */
static char *split_setting(char *text)
{
    char *equals = strchr(text, '=');
    if (!equals)
        die("a topic's setting is written key=value, not '%s'", text);
    *equals = 0;
    return equals + 1;
}

static void create(int argc, char **argv)
{
    char why[512];
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(argv[0], (int)tool_number("PARTITIONS", argv[1]), -1, why, sizeof why);
    if (!topic)
        die("%s", why);
    for (int i = 2; i < argc; i++) {
        const char *value = split_setting(argv[i]);
        rd_kafka_NewTopic_set_config(topic, argv[i], value);
    }
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    admin_wait(client, queue);
    rd_kafka_NewTopic_destroy(topic);
    /* Back only when the brokers know it: callers produce at once. */
    client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    tool_partitions(client, argv[0]);
    rd_kafka_destroy(client);
}

static void configure(int argc, char **argv)
{
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, argv[0]);
    for (int i = 1; i < argc; i++) {
        const char *value = split_setting(argv[i]);
        rd_kafka_ConfigResource_set_config(topic, argv[i], value);
    }
    rd_kafka_AlterConfigs(client, &topic, 1, NULL, queue);
    admin_wait(client, queue);
    rd_kafka_ConfigResource_destroy(topic);
}

static void delete (int argc, char **argv)
{
    (void)argc;
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(argv[0]);
    rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
    admin_wait(client, queue);
    rd_kafka_DeleteTopic_destroy(topic);
}

static void delete_records(int argc, char **argv)
{
    (void)argc;
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, argv[0], (int32_t)tool_number("PARTITION", argv[1]))->offset =
        tool_number("OFFSET", argv[2]);
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &records, 1, NULL, queue);
    admin_wait(client, queue);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
}

static void partitions(int argc, char **argv)
{
    char why[512];
    (void)argc;
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(argv[0], (size_t)tool_number("COUNT", argv[1]), why, sizeof why);
    if (!more)
        die("%s", why);
    rd_kafka_CreatePartitions(client, &more, 1, NULL, queue);
    admin_wait(client, queue);
    rd_kafka_NewPartitions_destroy(more);
}

static void ends(int argc, char **argv)
{
    (void)argc;
    rd_kafka_t *client = reader("tools-admin");
    int32_t count = tool_partitions(client, argv[0]);
    for (int32_t i = 0; i < count; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(client, argv[0], i, &low, &high, WAIT_MS);
        if (err)
            die("%s %d: %s", argv[0], i, rd_kafka_err2str(err));
        printf("%d %lld %lld\n", i, (long long)low, (long long)high);
    }
    rd_kafka_destroy(client);
}

static void leaders(int argc, char **argv)
{
    (void)argc;
    const rd_kafka_metadata_t *metadata;
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, argv[0], NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, topic, &metadata, WAIT_MS);
    if (err)
        die("%s: %s", argv[0], rd_kafka_err2str(err));
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++) {
        const rd_kafka_metadata_partition_t *at = &metadata->topics[0].partitions[i];
        printf("%d %d %d\n", at->id, at->leader, at->isr_cnt);
    }
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

static void coordinator(int argc, char **argv)
{
    (void)argc;
    size_t count;
    const char *groups[] = {argv[0]};
    rd_kafka_t *client = tool_client(RD_KAFKA_PRODUCER, tool_conf(bootstrap, &properties));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConsumerGroups(client, groups, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    if (!event || rd_kafka_event_error(event))
        die("%s", event ? rd_kafka_event_error_string(event) : "no answer");
    const rd_kafka_ConsumerGroupDescription_t **descriptions = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(descriptions[0]);
    if (error)
        die("%s: %s", argv[0], rd_kafka_error_string(error));
    printf("%d\n", rd_kafka_Node_id(rd_kafka_ConsumerGroupDescription_coordinator(descriptions[0])));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

static rd_kafka_topic_partition_list_t *committed_of(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    int32_t count = tool_partitions(client, topic);
    for (int32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    rd_kafka_resp_err_t err = rd_kafka_committed(client, list, WAIT_MS);
    if (err)
        die("offsets of the group: %s", rd_kafka_err2str(err));
    return list;
}

static void committed(int argc, char **argv)
{
    (void)argc;
    rd_kafka_t *client = reader(argv[0]);
    rd_kafka_topic_partition_list_t *list = committed_of(client, argv[1]);
    for (int i = 0; i < list->cnt; i++) {
        int64_t low, high = -1;
        rd_kafka_topic_partition_t *at = &list->elems[i];
        rd_kafka_query_watermark_offsets(client, argv[1], at->partition, &low, &high, WAIT_MS);
        printf("%d %lld %lld %.*s\n", at->partition, at->offset < 0 ? -1LL : (long long)at->offset,
               (long long)high, at->metadata_size ? (int)at->metadata_size : 1,
               at->metadata_size ? (char *)at->metadata : "-");
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

static void lag(int argc, char **argv)
{
    int64_t sum = 0;
    (void)argc;
    rd_kafka_t *client = reader(argv[0]);
    rd_kafka_topic_partition_list_t *list = committed_of(client, argv[1]);
    for (int i = 0; i < list->cnt; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(client, argv[1], list->elems[i].partition, &low, &high, WAIT_MS);
        if (err)
            die("%s %d: %s", argv[1], i, rd_kafka_err2str(err));
        sum += high - (list->elems[i].offset < low ? low : list->elems[i].offset);
    }
    printf("%lld\n", (long long)sum);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

static void commit(int argc, char **argv)
{
    rd_kafka_t *client = reader(argv[0]);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd_kafka_topic_partition_list_add(list, argv[1], (int32_t)tool_number("PARTITION", argv[2]));
    at->offset = tool_number("OFFSET", argv[3]);
    if (argc > 4) {
        at->metadata = strdup(argv[4]); /* the list frees it */
        at->metadata_size = strlen(argv[4]);
    }
    rd_kafka_resp_err_t err = rd_kafka_commit(client, list, 0);
    if (err)
        die("commit: %s", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int least, most;
        void (*run)(int argc, char **argv);
    } commands[] = {
        {"create", 2, 64, create},
        {"configure", 1, 64, configure},
        {"delete", 1, 1, delete},
        {"partitions", 2, 2, partitions},
        {"ends", 1, 1, ends},
        {"leaders", 1, 1, leaders},
        {"coordinator", 1, 1, coordinator},
        {"lag", 2, 2, lag},
        {"committed", 2, 2, committed},
        {"commit", 4, 5, commit},
        {"delete-records", 3, 3, delete_records},
    };
    int at = 2;
    while (at + 1 < argc && !strcmp(argv[at], "--property")) {
        tool_property(&properties, argv[at + 1]);
        at += 2;
    }
    if (at < argc) {
        bootstrap = argv[1];
        int left = argc - at - 1;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
            if (!strcmp(commands[i].name, argv[at]) && left >= commands[i].least &&
                left <= commands[i].most) {
                commands[i].run(left, argv + at + 1);
                return 0;
            }
    }
    fputs("usage: tools_admin ADDRESSES [--property name=value]... "
          "create|configure|delete|delete-records|partitions|ends|leaders|coordinator|committed|lag|commit "
          "ARGUMENT...\n",
          stderr);
    return 2;
}
