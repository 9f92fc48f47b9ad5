/* decode_plan.h: a stream, compiled for decoding; the inside of decode*.c. */
#ifndef MR_STAGES_DECODE_PLAN_H
#define MR_STAGES_DECODE_PLAN_H

#include "stages/decode.h"
#include "stages/json.h"

typedef struct mr_from {
    mr_source_kind kind;
    uint32_t path;       /* MR_FROM_PATH */
    const mr_span *span; /* where the scan leaves what is there */
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

/* Columns whose value, when it is of the usual form, goes into its place without further ado.  Whatever is unusual about it, it goes the general
 * way, which says what is wrong with it, or stores the same. */
typedef enum mr_usual {
    MR_USUAL_NONE,
    MR_USUAL_TEXT, /* a string without escapes, for JSON an object or array, that is short enough */
    MR_USUAL_INTEGER,
    MR_USUAL_DOUBLE,
    MR_USUAL_DECIMAL,
    MR_USUAL_BOOL,
    MR_USUAL_DATETIME, /* a text */
    MR_USUAL_OFFSET,   /* Kafka's, as it is */
    MR_USUAL_PARTITION,
} mr_usual;

/* All that storing a usual value takes, in less than a line of the cache. */
typedef struct mr_quick {
    const mr_span *span; /* of Kafka's numbers one that is always well */
    uint32_t value_at;   /* in the record */
    uint32_t length_at;  /* of what has no length, its value: NULL has neither */
    uint32_t indicator_at;
    uint32_t longest;      /* of a text, bytes */
    uint16_t kinds, nulls; /* bits of mr_json_kind: what the usual form is, what is stored as NULL */
    uint8_t usual;         /* mr_usual */
    bool wide;             /* a short text may be copied by more than its length */
    bool truncate;         /* of a datetime */
    union {
        int64_t most; /* of an integer */
        struct {
            uint32_t precision, scale;
        } decimal;
        const int32_t *assume_min; /* of a datetime */
    } of;
} mr_quick;

struct mr_decoder {
    const mr_stream *stream;
    mr_layout layout;
    mr_paths *paths;
    mr_guesses *guesses;
    mr_span *spans;
    mr_from *key;
    size_t key_count;
    const mr_span *key_span; /* of the key's first path when that comes first, else one that is missing */
    mr_column_plan *columns;
    mr_quick *quick;         /* for each column */
    unsigned char *defaults; /* a record with the constants and defaults */
    uint32_t fixed_bytes;    /* of a row on the wire, without its texts */
    char number[24];         /* digits of the source that was asked last */
};

/* decode_quick.c: what a column's usual form is. */
void mr_quick_plan(mr_quick *quick, const mr_column_plan *plan, const mr_field *field);

/* decode.c: the general way of a column. */
mr_reason mr_decode_column(mr_decoder *decoder, const mr_event *event, size_t column, unsigned char *record,
                           mr_refusal *refusal);
/* Converts one value into its field. */
mr_reason mr_decode_value(const mr_column_plan *plan, const mr_layout *layout, unsigned char *record,
                          uint32_t field, const mr_value *value);

#endif
