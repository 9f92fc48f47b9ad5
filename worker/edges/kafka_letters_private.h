/* kafka_letters_private.h: the inside of mr_letters, shared by kafka_letters*.c only. */
#ifndef MR_EDGES_KAFKA_LETTERS_PRIVATE_H
#define MR_EDGES_KAFKA_LETTERS_PRIVATE_H

#include <librdkafka/rdkafka.h>

#include "edges/kafka_client.h"
#include "edges/kafka_letters.h"

struct mr_letters {
    mr_kafka_owner owner; /* first: librdkafka's opaque */
    rd_kafka_t *reader;
    rd_kafka_topic_partition_list_t *parts; /* of the dead-letter topics */
    size_t topics;
    uint64_t strange;
    rd_kafka_t *sender; /* NULL before the first is sent */
    uint64_t acknowledged;
    rd_kafka_resp_err_t failure; /* of the first that was not delivered */
};

#endif
