/* kafka_sample.h: a look at a topic: the youngest events of all its partitions, without a group and without committing.
 *
 * Made of the reader (edges/kafka_reader).  Commands only, main's thread; may use the heap.  Waits: for brokers a few seconds each time, and
 * MR_SAMPLE_SILENCE_MS for events that do not come, after which those that did are enough.
 * Errors: MR_CONFIG for librdkafka's properties, MR_DENIED for a login, MR_UNAVAILABLE when brokers do not answer, MR_DATA for a topic that
 * is not there or has no events.
 */
#ifndef MR_EDGES_KAFKA_SAMPLE_H
#define MR_EDGES_KAFKA_SAMPLE_H

#include "base/status.h"
#include "stages/config.h"
#include "stages/decode.h"
#include <stdint.h>

#define MR_SAMPLE_SILENCE_MS 10000

typedef struct mr_kafka_sampling {
    const char *topic;
    uint32_t wanted;                                    /* events, about evenly from all partitions */
    void (*each)(void *context, const mr_event *event); /* at most `wanted` times */
    void (*progress)(void *context, uint32_t seen, uint32_t wanted); /* about every second; NULL: none */
    void *context;
} mr_kafka_sampling;

mr_status mr_kafka_sample(const mr_config *config, const mr_kafka_sampling *sampling,
                          mr_error *error) MR_CHECKED;

#endif
