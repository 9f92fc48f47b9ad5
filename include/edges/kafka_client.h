/* kafka_client.h: what every librdkafka client of ours has in common: its configuration and its secrets.
 *
 * Used by kafka*.c only; declares librdkafka's types without its header.  Any thread, as no two share a client's `seen`; the control path: files of
 * secrets are read, no broker is asked but by mr_kafka_retention_ms.  Memory: librdkafka's, and 16 KiB of stack for a secret, which is wiped.
 */
#ifndef MR_EDGES_KAFKA_CLIENT_H
#define MR_EDGES_KAFKA_CLIENT_H

#include "base/status.h"
#include "stages/config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd_kafka_conf_s;
struct rd_kafka_metadata;
struct rd_kafka_metadata_topic;
struct rd_kafka_s;

#define MR_KAFKA_SMALL 512 /* bytes; a smaller message counts as much in what may be fetched ahead */

typedef enum mr_kafka_role {
    MR_KAFKA_CONSUMER, /* of the group */
    MR_KAFKA_READER,   /* of partitions by hand, outside the group */
    MR_KAFKA_PRODUCER,
    MR_KAFKA_ASKER /* only asks (commands) */
} mr_kafka_role;

/* What librdkafka hands to every callback of a client: the first member of whatever owns it. */
typedef struct mr_kafka_owner {
    const mr_config *config;
} mr_kafka_owner;

/* The configuration of a client, the user's properties and secrets included; NULL with the reason in error, which is MR_CONFIG. */
struct rd_kafka_conf_s *mr_kafka_conf(mr_kafka_owner *owner, mr_kafka_role role, mr_error *error);
/* Makes the client of a configuration, which is its own then, or is gone with a failure (*client is NULL then). */
mr_status mr_kafka_new(struct rd_kafka_conf_s *conf, mr_kafka_role role, struct rd_kafka_s **client,
                       mr_error *error) MR_CHECKED;

/* The dead-letter topic of a topic: dlq.topic with {topic} replaced; `out` takes what fits. */
void mr_kafka_dlq_topic(const mr_config *config, const char *topic, char *out, size_t cap);

/* Whether this error (an rd_kafka_resp_err_t) says that a login or its rights do not suffice. */
bool mr_kafka_denies(int err);

/* NULL: the brokers did not name it. */
const struct rd_kafka_metadata_topic *mr_kafka_find_topic(const struct rd_kafka_metadata *metadata,
                                                          const char *name);

/* Sets one property; true when this librdkafka took it. */
bool mr_kafka_conf_try(struct rd_kafka_conf_s *conf, const char *name, const char *value);

/* For how long the topic keeps its events: its retention.ms where it deletes by age; MR_RETENTION_FOR_EVER, or MR_RETENTION_UNKNOWN
 * (refused, or no answer within timeout_ms). */
#define MR_RETENTION_FOR_EVER (-1)
#define MR_RETENTION_UNKNOWN  (-2)
int64_t mr_kafka_retention_ms(struct rd_kafka_s *client, const char *topic, uint32_t timeout_ms);

/* Hashes of what a client was given last; 0: nothing yet. */
typedef struct mr_kafka_secrets {
    uint64_t password, token;
} mr_kafka_secrets;

/* Hands a running client its secrets again, password and token; returns whether one was other than last time.  What cannot be
 * read or is not taken is logged, and the client goes on with what it has. */
bool mr_kafka_reload_secrets(struct rd_kafka_s *client, const mr_config *config, mr_kafka_secrets *seen);

#endif
