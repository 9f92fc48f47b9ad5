/* mock_cluster.h: one broker of librdkafka's mock cluster, and a configuration that names it; for the tests of the edge to Kafka. */
#ifndef MR_TESTS_MOCK_CLUSTER_H
#define MR_TESTS_MOCK_CLUSTER_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "small_config.h"

static rd_kafka_t *mock_client;
static rd_kafka_mock_cluster_t *cluster;
static mr_config *config;

/* With `topic`, of so many partitions; kafka and rest: further members of the configuration's "kafka" and of its top level, each with a comma before. */
static void mock_cluster_begin(const char *topic, int partitions, const char *kafka, const char *rest)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "2", why, sizeof why);
    mock_client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(mock_client);
    cluster = rd_kafka_mock_cluster_new(mock_client, 1);
    assert_non_null(cluster);
    assert_int_equal(rd_kafka_mock_topic_create(cluster, topic, partitions, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    config = small_config(rd_kafka_mock_cluster_bootstraps(cluster), kafka, rest);
}

static void mock_cluster_end(void)
{
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(mock_client);
    mr_config_free(config);
}

#endif
