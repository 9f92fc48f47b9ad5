/* kafka_private.h: the inside of a group and an inbox (of the group, or of the reader), shared by kafka*.c only. */
#ifndef MR_EDGES_KAFKA_PRIVATE_H
#define MR_EDGES_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "base/owner.h"
#include "edges/kafka.h"
#include "edges/kafka_client.h"
#include "edges/kafka_reader.h"

struct mr_group {
    mr_kafka_owner owner; /* first: librdkafka's opaque */
    const mr_config *config;
    mr_group_listener listener;
    rd_kafka_t *client;
    rd_kafka_queue_t *events;  /* rebalances and errors, for main */
    rd_kafka_queue_t *commits; /* answers to commits, for main */
    /* main's */
    bool joined, committing, superseded, fatal;
    mr_kafka_secrets secrets_seen;
    uint64_t deaf_since_ms;   /* all brokers down since; 0: not */
    mr_partition *partitions; /* of the rebalance that is being dealt with */
    mr_partition *answers;    /* of a commit: it may come within a rebalance */
    size_t partitions_max;
    char fatal_text[256];
    rd_kafka_queue_t *retention;        /* the answer to the question about retention_topic */
    char retention_topic[MR_TOPIC_MAX]; /* empty: none is on its way */
    uint64_t retention_until_ms;        /* then its answer is not waited for any more */
    rd_kafka_queue_t *log_lows;         /* answers where logs begin */
    mr_log_low log_low; /* ... or, with librdkafka before 2.3, the one answer; no topic: there is none */
    /* consumer threads': the last time a broker was heard of */
    _Atomic uint64_t heard_ms;
};

/* A consumer thread's queue of the group's client or of the reader's. */
struct mr_inbox {
    mr_owner owner; /* who polls it */
    const mr_config *config;
    rd_kafka_t *const *client;  /* its owner's: set when that is opened */
    _Atomic uint64_t *heard_ms; /* its owner's */
    rd_kafka_queue_t *queue;
    uint64_t wake_bytes, taken_bytes; /* kafka_inbox.c: when fetching has to be woken; 0: never */
    /* True of an error that is none any more: it is passed over.  NULL: every error counts. */
    bool (*stale)(mr_inbox *inbox, const rd_kafka_message_t *error);
    void (*idle)(mr_inbox *inbox); /* when there is nothing; NULL: nothing to do then */
};

/* The reader's client, for questions (kafka_reader.c); it is open. */
rd_kafka_t *mr_reader_client(mr_reader *reader);

/* Installs main's callbacks for rebalances (kafka_rebalance.c). */
void mr_group_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
                           void *opaque);

#endif
