/* cmd_offsets_private.h: what the files of `millrace offsets` share: one run of the command, and its pieces of JSON.
 *
 * Main's thread; heap.
 */
#ifndef MR_APP_CMD_OFFSETS_PRIVATE_H
#define MR_APP_CMD_OFFSETS_PRIVATE_H

#include <jansson.h>

#include "app/command.h"
#include "edges/kafka_offsets.h"
#include "stages/offsets.h"

#define MR_OFFSETS_FORMAT 1 /* of an export */

/* One run of the command: what was asked, and the partitions that are meant. */
typedef struct mr_offsets_run {
    const mr_call *call;
    mr_config *config;
    mr_kafka_offsets *offsets;
    uint64_t fingerprint;
    const mr_kafka_offset **at;
    size_t count;
    /* of import and reset */
    mr_offsets_allowed allowed;
    mr_offsets_change *changes; /* [count] */
    bool *meant;                /* [count] import: the file has it */
} mr_offsets_run;

typedef mr_status mr_offsets_step(mr_offsets_run *of);

/* Everything around a step: configuration, client, the chosen partitions.  writes: the group must have no members. */
mr_status mr_offsets_run_all(const mr_call *call, bool writes, mr_offsets_step *step);

void mr_offsets_hex(uint64_t number, int digits, char out[17]);
json_t *mr_offsets_or_null(int64_t offset); /* null: there is none, or no end */
json_t *mr_offsets_parked_json(const mr_offsets_run *of, const mr_offsets_mark *mark);

#endif
