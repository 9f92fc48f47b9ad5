/* origin.h: where a message that was sent back came from: the header millrace.origin, topic/partition/offset/timestamp.
 *
 * A dead letter carries it, and `millrace dlq replay` keeps it.  In the replay topic, and only there, it decides the event's coordinates, so that
 * an event that is sent back twice has one identity.  The text is anybody's: whatever is not exactly what mr_origin_format writes is refused.
 * Pure functions; no memory of their own.
 */
#ifndef MR_STAGES_ORIGIN_H
#define MR_STAGES_ORIGIN_H

#include "base/buf.h"
#include "stages/decode.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_ORIGIN_HEADER    "millrace.origin"
#define MR_ORIGIN_TOPIC_MAX 250 /* Kafka's 249 and the zero */

typedef struct mr_origin {
    char topic[MR_ORIGIN_TOPIC_MAX];
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1: absent */
} mr_origin;

void mr_origin_format(const mr_origin *origin, mr_buf *out);
bool mr_origin_parse(const char *text, size_t len, mr_origin *origin);
/* From the event's last header of that name.  False when there is none or it is malformed: a dead letter, MR_REASON_NO_ORIGIN. */
bool mr_origin_of(const mr_event *event, mr_origin *origin);
/* Gives the event the original's coordinates; its topic is borrowed from `origin`.  source_hash: of that topic and its stream. */
void mr_origin_apply(const mr_origin *origin, uint32_t source_hash, mr_event *event);

#endif
