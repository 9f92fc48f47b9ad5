/* What `millrace check` says about Kafka. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka.h"
#include "edges/kafka_client.h"
#include "stages/topics.h"

#define ASK_MS 5000
#define DAY_MS INT64_C(86400000)

typedef struct asking {
    mr_kafka_owner owner;
    const mr_config *config;
    mr_findings *findings;
    rd_kafka_t *client;
} asking;

static const char *property(const mr_config *config, const char *name)
{
    const mr_properties *all[] = {&config->kafka.consumer_properties, &config->kafka.properties};
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < all[p]->count; i++)
            if (!strcmp(all[p]->at[i].name, name))
                return all[p]->at[i].value;
    return NULL;
}

/* Features that the configuration asks for and this librdkafka lacks. */
static void check_features(const mr_config *config, mr_findings *findings)
{
    const char *protocol = property(config, "security.protocol"),
               *mechanism = property(config, "sasl.mechanisms");
    if (!mechanism)
        mechanism = property(config, "sasl.mechanism");
    if (protocol && (strcasestr(protocol, "ssl")) && !mr_kafka_has_feature("ssl"))
        mr_find(findings, MR_LEVEL_ERROR, MR_CONFIG, "kafka.properties.security.protocol",
                "install a librdkafka with TLS", "this librdkafka has no TLS");
    if (mechanism && strcasestr(mechanism, "SCRAM") && !mr_kafka_has_feature("sasl_scram"))
        mr_find(findings, MR_LEVEL_ERROR, MR_CONFIG, "kafka.properties.sasl.mechanisms",
                "install a librdkafka with it", "this librdkafka has no SCRAM");
    const char *method = property(config, "sasl.oauthbearer.method");
    if (method && !strcasecmp(method, "oidc") && !mr_kafka_has_feature("oidc"))
        mr_find(findings, MR_LEVEL_ERROR, MR_CONFIG, "kafka.properties.sasl.oauthbearer.method",
                "let a sidecar write the token to kafka.token_file", "this librdkafka has no OIDC");
    const char *timeout = property(config, "session.timeout.ms");
    long session_ms = timeout ? strtol(timeout, NULL, 10) : 45000;
    if (config->kafka.group_instance_id[0] && session_ms < ((long)config->shutdown.grace_s + 30) * 1000)
        mr_find(findings, MR_LEVEL_ERROR, MR_CONFIG, "kafka.consumer_properties.session.timeout.ms",
                "set it to at least shutdown.grace_s + 30 seconds, in milliseconds",
                "the session timeout of a static member (%ld ms) is shorter than its restart", session_ms);
}

static bool open_client(asking *ask, mr_kafka_role role)
{
    mr_error error;
    rd_kafka_conf_t *conf = mr_kafka_conf(&ask->owner, role, &error);
    mr_status status = conf ? mr_kafka_new(conf, role, &ask->client, &error) : MR_CONFIG;
    if (status)
        mr_find(ask->findings, MR_LEVEL_ERROR, status, "kafka", "", "%s", error.text);
    return !status;
}

static bool same_client_works(asking *ask)
{
    /* The producer's properties are looked at by making one. */
    bool well = open_client(ask, MR_KAFKA_PRODUCER);
    if (well)
        rd_kafka_destroy(ask->client);
    return open_client(ask, MR_KAFKA_CONSUMER) && well;
}

static void check_letters(asking *ask, const rd_kafka_metadata_t *metadata, const char *where,
                          const char *topic)
{
    char letters[300];
    mr_kafka_dlq_topic(ask->config, topic, letters, sizeof letters);
    if (!mr_kafka_find_topic(metadata, letters))
        mr_find(ask->findings, MR_LEVEL_WARNING, MR_CONFIG, where,
                "create it: without it, and without automatic creation, dead letters wait and hold "
                "their partition",
                "its dead-letter topic %s does not exist", letters);
}

static void check_topics(asking *ask, const rd_kafka_metadata_t *metadata)
{
    for (size_t s = 0; s < ask->config->stream_count; s++)
        for (size_t t = 0; t < ask->config->streams[s].topic_count; t++) {
            const char *name = ask->config->streams[s].topics[t];
            char where[300];
            snprintf(where, sizeof where, "topic %s", name);
            if (name[0] == '^')
                continue;
            const rd_kafka_metadata_topic_t *topic = mr_kafka_find_topic(metadata, name);
            if (!topic || topic->err)
                mr_find(ask->findings, MR_LEVEL_ERROR, MR_CONFIG, where,
                        "create it, or correct streams[].topic", "the brokers do not know it%s%s",
                        topic ? ": " : "", topic ? rd_kafka_err2str(topic->err) : "");
            else
                mr_find(ask->findings, MR_LEVEL_OK, MR_OK, where, "", "%d partitions", topic->partition_cnt);
            check_letters(ask, metadata, where, name);
        }
}

/* The log is the queue of a shard that is parked: what it drops meanwhile is lost.  Of all topics that streams take, by name or by pattern. */
static void check_retention(asking *ask, const rd_kafka_metadata_t *metadata)
{
    mr_arena *arena = mr_arena_new();
    mr_topics *topics = mr_topics_new(ask->config, arena);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const char *name = metadata->topics[i].topic;
        char where[300];
        if (metadata->topics[i].err || !mr_topics_is_source(topics, name))
            continue;
        int64_t ms = mr_kafka_retention_ms(ask->client, name, ASK_MS);
        snprintf(where, sizeof where, "topic %s", name);
        if (ms >= 0 && ms < DAY_MS)
            mr_find(ask->findings, MR_LEVEL_WARNING, MR_CONFIG, where,
                    "raise its retention.ms to more than the longest outage",
                    "it keeps events for only %lld minutes: an outage of a shard that is longer than that "
                    "loses events",
                    (long long)(ms / 60000));
    }
    mr_topics_free(topics);
    mr_arena_free(arena);
}

static void check_replay_topic(asking *ask, const rd_kafka_metadata_t *metadata)
{
    const char *name = ask->config->dlq.replay_topic;
    const rd_kafka_metadata_topic_t *topic = *name ? mr_kafka_find_topic(metadata, name) : NULL;
    if (*name && (!topic || topic->err))
        mr_find(ask->findings, MR_LEVEL_WARNING, MR_CONFIG, "dlq.replay_topic",
                "create it: until then `millrace dlq replay` refuses", "the brokers do not know the topic %s",
                name);
    if (*name)
        check_letters(ask, metadata, "dlq.replay_topic", name);
}

static void ask_brokers(asking *ask)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(ask->client, 1, NULL, &metadata, ASK_MS);
    if (err) {
        mr_find(ask->findings, MR_LEVEL_ERROR, mr_kafka_denies(err) ? MR_DENIED : MR_UNAVAILABLE,
                "kafka.bootstrap_servers", "check the addresses, the network, TLS and SASL settings",
                "%s: %s", ask->config->kafka.bootstrap_servers, rd_kafka_err2str(err));
        return;
    }
    mr_find(ask->findings, MR_LEVEL_OK, MR_OK, "kafka", "", "%d brokers answer", metadata->broker_cnt);
    check_topics(ask, metadata);
    check_retention(ask, metadata);
    check_replay_topic(ask, metadata);
    rd_kafka_metadata_destroy(metadata);
}

/* Whether librdkafka takes the properties, without a client: a client would look for brokers at once. */
static void check_properties(asking *ask)
{
    static const mr_kafka_role roles[] = {MR_KAFKA_CONSUMER, MR_KAFKA_PRODUCER};
    mr_config without_secrets = *ask->config; /* their files need not be on this machine */
    without_secrets.kafka.properties_file.count = 0;
    mr_kafka_owner owner = {.config = &without_secrets};
    for (size_t i = 0; i < 2; i++) {
        mr_error error;
        rd_kafka_conf_t *conf = mr_kafka_conf(&owner, roles[i], &error);
        if (conf)
            rd_kafka_conf_destroy(conf);
        else
            mr_find(ask->findings, MR_LEVEL_ERROR, MR_CONFIG, "kafka", "", "%s", error.text);
    }
}

void mr_kafka_check(const mr_config *config, bool offline, mr_findings *findings)
{
    asking ask = {.owner = {.config = config}, .config = config, .findings = findings};
    mr_error error;
    if (mr_kafka_version_check(&error))
        mr_find(findings, MR_LEVEL_ERROR, MR_CONFIG, "librdkafka", "", "%s", error.text);
    else
        mr_find(findings, MR_LEVEL_OK, MR_OK, "librdkafka", "", "version %s", rd_kafka_version_str());
    check_features(config, findings);
    if (offline) {
        check_properties(&ask);
    } else if (same_client_works(&ask)) {
        ask_brokers(&ask);
        rd_kafka_destroy(ask.client);
    }
}
