/* decode_plan.h: a stream, compiled for decoding; the inside of decode*.c. */
#ifndef MR_STAGES_DECODE_PLAN_H
#define MR_STAGES_DECODE_PLAN_H

#include "stages/decode.h"
#include "stages/json.h"

typedef struct mr_from {
    mr_source_kind kind;
    uint32_t path; /* MR_FROM_PATH */
    const char *header;
} mr_from;

/* A value on its way to a column. */
typedef struct mr_value {
    mr_json_kind kind;
    const char *at;
    size_t len;
    bool escaped;
    bool raw; /* bytes of Kafka's, not a JSON string: UTF-8 is not checked yet */
    size_t position;
} mr_value;

typedef struct mr_column_plan {
    const mr_column *column;
    mr_from *from;
    size_t from_count;
    bool constant, has_default; /* its value lies in `defaults` */
    bool from_timestamp;        /* @timestamp: milliseconds */
} mr_column_plan;

struct mr_decoder {
    const mr_stream *stream;
    mr_layout layout;
    mr_paths *paths;
    mr_span *spans;
    mr_from *key;
    size_t key_count;
    mr_column_plan *columns;
    unsigned char *defaults; /* a record with the constants and defaults */
    uint32_t fixed_bytes;    /* of a row on the wire, without its texts */
    char number[24];         /* digits of the source that was asked last */
};

/* Converts one value into its field. */
mr_reason mr_decode_value(const mr_column_plan *plan, const mr_layout *layout, unsigned char *record,
                          uint32_t field, const mr_value *value);

#endif
