/* ksuid.h: K-sortable identifiers (segmentio/ksuid's format) made from an event's Kafka coordinates.
 *
 *   bytes  0..3   seconds since 1,400,000,000 (big-endian): the Kafka timestamp, clamped to 32 bits, absent = 0
 *          4..7   hash(namespace, topic)  (mr_ksuid_source)
 *          8..11  partition
 *         12..19  offset
 *
 * So rows sort by time, a replay makes the same identity, and a row says which event it came from.
 * Text form: 27 characters of 0-9A-Za-z (base 62, zero-padded).  Pure functions.
 */
#ifndef MR_BASE_KSUID_H
#define MR_BASE_KSUID_H

#include <stdbool.h>
#include <stdint.h>

#define MR_KSUID_BYTES 20
#define MR_KSUID_TEXT  27
#define MR_KSUID_EPOCH INT64_C(1400000000)

/* FNV-1a 32 over the namespace, a zero byte, and the topic (an empty namespace: the zero byte all the same). */
uint32_t mr_ksuid_source(const char *name_space, const char *topic);

/* timestamp_ms: since 1970, negative = absent. */
void mr_ksuid_make(unsigned char id[MR_KSUID_BYTES], int64_t timestamp_ms, uint32_t source, int32_t partition,
                   int64_t offset);

typedef struct mr_ksuid_parts {
    int64_t seconds; /* since 1970; 0 when the id carries 0 (absent) */
    uint32_t source;
    int32_t partition;
    int64_t offset;
} mr_ksuid_parts;

mr_ksuid_parts mr_ksuid_take_apart(const unsigned char id[MR_KSUID_BYTES]);

void mr_ksuid_format(const unsigned char id[MR_KSUID_BYTES], char text[MR_KSUID_TEXT + 1]);
/* False for a wrong length, a character outside the alphabet, or a value above 2^160 - 1. */
bool mr_ksuid_parse(const char *text, unsigned char id[MR_KSUID_BYTES]);

#endif
