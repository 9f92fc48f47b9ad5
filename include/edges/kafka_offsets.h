/* kafka_offsets.h: the group's committed offsets, read and written from outside the group.
 *
 * For `millrace offsets`: one client, main's thread, heap.  It never joins, so the broker takes a commit of it only while the group
 * has no members; that is what makes writing safe, and mr_kafka_offsets_idle only says it earlier and better.
 * Errors: MR_UNAVAILABLE, MR_DENIED, MR_CONFIG, MR_AGAIN while the group has members.
 */
#ifndef MR_EDGES_KAFKA_OFFSETS_H
#define MR_EDGES_KAFKA_OFFSETS_H

#include "base/status.h"
#include "stages/config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_kafka_offsets mr_kafka_offsets;

typedef struct mr_kafka_offset {
    const char *topic; /* until mr_kafka_offsets_close */
    int32_t partition;
    int64_t committed;    /* negative: none */
    const char *metadata; /* "" when none; until close */
    size_t metadata_len;
    int64_t low, end; /* what a reader with the worker's isolation level can see */
} mr_kafka_offset;

/* The client; does not ask yet. */
mr_status mr_kafka_offsets_open(const mr_config *config, mr_kafka_offsets **offsets,
                                mr_error *error) MR_CHECKED;
/* MR_OK when the group has no members.  Asked before reading, so that what is read is nobody's to change. */
mr_status mr_kafka_offsets_idle(mr_kafka_offsets *offsets, mr_error *error) MR_CHECKED;
/* Asks for everything, once: all partitions of all topics of the streams, those of patterns too, sorted by topic and partition. */
mr_status mr_kafka_offsets_read(mr_kafka_offsets *offsets, mr_error *error) MR_CHECKED;
size_t mr_kafka_offsets_count(const mr_kafka_offsets *offsets);
const mr_kafka_offset *mr_kafka_offsets_at(const mr_kafka_offsets *offsets, size_t i);
/* For each partition the first offset at or after a time; the end where there is none. */
mr_status mr_kafka_offsets_for_time(mr_kafka_offsets *offsets, int64_t ms, int64_t *found,
                                    mr_error *error) MR_CHECKED;
/* Commits `committed` with its metadata for each; waits for the answer.  All or, named in the error, some. */
mr_status mr_kafka_offsets_commit(mr_kafka_offsets *offsets, const mr_kafka_offset *commits, size_t count,
                                  mr_error *error) MR_CHECKED;
void mr_kafka_offsets_close(mr_kafka_offsets *offsets); /* accepts NULL */

#endif
