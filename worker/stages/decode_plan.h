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

/* Columns whose value, when it is of the usual form, goes into its place without further ado.  Whatever is unusual about it, it goes the general
 * way, which says what is wrong with it, or stores the same. */
typedef enum mr_quick {
    MR_QUICK_NONE,
    MR_QUICK_TEXT, /* a string without escapes, for JSON an object or array, that is short enough */
    MR_QUICK_INTEGER,
    MR_QUICK_DOUBLE,
    MR_QUICK_DECIMAL,
    MR_QUICK_DATETIME, /* a text */
    MR_QUICK_OFFSET,   /* Kafka's, as it is */
    MR_QUICK_PARTITION,
} mr_quick;

#define MR_QUICK_COPY 32

typedef struct mr_column_plan {
    const mr_column *column;
    mr_from *from;
    size_t from_count;
    bool constant, has_default; /* its value lies in `defaults` */
    bool from_timestamp;        /* @timestamp: milliseconds */
    mr_quick quick;
    uint32_t quick_kinds; /* bits of mr_json_kind */
    uint32_t quick_max;   /* bytes */
    uint32_t quick_copy;  /* so many bytes may be written at once */
    int64_t least, most;  /* of an integer */
} mr_column_plan;

struct mr_decoder {
    const mr_stream *stream;
    mr_layout layout;
    mr_paths *paths;
    mr_guesses *guesses;
    mr_span *spans;
    mr_from *key;
    size_t key_count;
    mr_column_plan *columns;
    unsigned char *defaults; /* a record with the constants and defaults */
    uint32_t fixed_bytes;    /* of a row on the wire, without its texts */
    char number[24];         /* digits of the source that was asked last */
};

/* decode_quick.c: what a column is, when it is quick; then the usual form of its value, false when it is not that. */
void mr_quick_plan(mr_column_plan *plan, const mr_field *field);
bool mr_quick_store(const mr_column_plan *plan, const mr_field *field, const mr_event *event,
                    unsigned char *record);

/* Converts one value into its field. */
mr_reason mr_decode_value(const mr_column_plan *plan, const mr_layout *layout, unsigned char *record,
                          uint32_t field, const mr_value *value);

#endif
