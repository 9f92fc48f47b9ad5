/* decode.h: from a message's bytes to a record, in one pass and without an allocation.
 *
 * Two steps, because the page that a record goes to is known only when its key is:
 *
 *   mr_decode_scan    one strict pass over the JSON text (json.h).  Fields that the stream maps are remembered as spans of the
 *                     text (the last of a repeated name counts); the key is hashed.  It goes on to the end whatever a column holds.
 *   mr_decode_store   converts each span straight into the record, in the page that will be bound.
 *
 * A decoder belongs to one thread and one stream.  Memory is taken in mr_decoder_new only.
 * Time: linear in the value.
 */
#ifndef MR_STAGES_DECODE_H
#define MR_STAGES_DECODE_H

#include "base/arena.h"
#include "base/status.h"
#include "data/record.h"
#include "stages/config.h"
#include "stages/reason.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message as the stages see it; everything is borrowed until the message is given back. */
typedef struct mr_event {
    const char *value; /* NULL: a tombstone */
    size_t value_len;
    const char *key; /* NULL: no key */
    size_t key_len;
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* negative: absent */
    uint32_t source_hash; /* mr_ksuid_source(namespace, topic) of this stream and topic */
    /* The last header of that name; false when there is none.  A null header value gives *value = NULL. */
    bool (*header)(const void *context, const char *name, const char **value, size_t *len);
    const void *header_context;
} mr_event;

typedef struct mr_decoder mr_decoder;

/* Field 0.. of the layout are the table's columns in statement order: first the KSUID (when the stream's identity is one),
 * then the stream's columns in order. */
void mr_stream_layout(const mr_stream *stream, mr_layout *layout);

/* Compiles the stream; constants and defaults are converted here, and refused (MR_CONFIG) when they do not fit. */
mr_status mr_decoder_new(const mr_stream *stream, mr_arena *arena, mr_decoder **decoder,
                         mr_error *error) MR_CHECKED;
const mr_layout *mr_decoder_layout(const mr_decoder *decoder);

/* MR_REASON_NONE: *hash is the routing hash, go on with mr_decode_store.  Otherwise the event is shardless (no or broken key,
 * broken JSON) and *refusal says why. The tombstone rule is the caller's: a NULL value is refused as TOMBSTONE. */
mr_reason mr_decode_scan(mr_decoder *decoder, const mr_event *event, uint64_t *hash, mr_refusal *refusal);

/* Fills the columns of the record at `record` (layout.size bytes) for the event of the last mr_decode_scan; the header of the record
 * (mr_record) is the caller's, except that nothing is assumed of it. *wire_bytes: about what the row takes on the wire. */
mr_reason mr_decode_store(mr_decoder *decoder, const mr_event *event, unsigned char *record,
                          uint32_t *wire_bytes, mr_refusal *refusal);

#endif
