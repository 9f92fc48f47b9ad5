/* A record of an event: the loop over the columns, with their usual forms: one path, one check, one conversion. */
#include <string.h>

#include "base/ksuid.h"
#include "decode_plan.h"
#include "values_usual.h"

#define SHORT_PIECE 16
#define PIECE       32
#define PIECES_MAX  128 /* bytes; longer texts are worth a call */

/* Where Kafka's numbers are: always there. */
static const mr_span always = {.kind = MR_JSON_NUMBER};

/* ---- plans ---- */

static mr_usual usual_of(const mr_column *column, mr_source_kind from)
{
    if (column->type == MR_TYPE_INT64 && (from == MR_FROM_OFFSET || from == MR_FROM_PARTITION))
        return from == MR_FROM_OFFSET ? MR_USUAL_OFFSET : MR_USUAL_PARTITION;
    if (from != MR_FROM_PATH)
        return MR_USUAL_NONE;
    switch (column->type) {
    case MR_TYPE_STRING:
    case MR_TYPE_JSON:
        return MR_USUAL_TEXT;
    case MR_TYPE_DOUBLE:
        return MR_USUAL_DOUBLE;
    case MR_TYPE_DECIMAL:
        return MR_USUAL_DECIMAL;
    case MR_TYPE_BOOL:
        return MR_USUAL_BOOL;
    case MR_TYPE_DATETIME:
        return column->unit == MR_UNIT_NONE ? MR_USUAL_DATETIME : MR_USUAL_NONE;
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
        return MR_USUAL_INTEGER;
    default:
        return MR_USUAL_NONE;
    }
}

static uint16_t kinds_of(const mr_column *column, mr_usual usual)
{
    if (column->type == MR_TYPE_JSON)
        return 1u << MR_JSON_OBJECT | 1u << MR_JSON_ARRAY;
    if (usual == MR_USUAL_TEXT || usual == MR_USUAL_DATETIME)
        return 1u << MR_JSON_STRING;
    return usual == MR_USUAL_BOOL ? 1u << MR_JSON_TRUE | 1u << MR_JSON_FALSE : 1u << MR_JSON_NUMBER;
}

void mr_quick_plan(mr_quick *quick, const mr_column_plan *plan, const mr_field *field)
{
    const mr_column *column = plan->column;
    *quick = (mr_quick){.span = &always}; /* which no kinds take */
    if (plan->from_count != 1 || plan->constant)
        return;
    mr_usual usual = usual_of(column, plan->from->kind);
    if (usual == MR_USUAL_NONE)
        return;
    *quick = (mr_quick){.span = plan->from->kind == MR_FROM_PATH ? plan->from->span : &always,
                        .value_at = field->value_at,
                        .length_at = field->form <= MR_FORM_BYTES ? field->length_at : field->value_at,
                        .indicator_at = field->indicator_at,
                        .longest = column->max_bytes,
                        .kinds = kinds_of(column, usual),
                        .usual = (uint8_t)usual,
                        .wide = field->capacity >= SHORT_PIECE,
                        .truncate = column->truncate_fraction};
    if (!column->required)
        quick->nulls = 1u << MR_JSON_NULL | (plan->has_default ? 0 : 1u << MR_JSON_MISSING);
    if (column->type == MR_TYPE_STRING && column->max_chars && column->max_chars < column->max_bytes)
        quick->longest = column->max_chars; /* of so many bytes it cannot have more */
    if (usual == MR_USUAL_INTEGER) {
        quick->of.most = (int64_t)(UINT64_MAX >> (65 - (8 << (column->type - MR_TYPE_INT8))));
    } else if (usual == MR_USUAL_DECIMAL) {
        quick->of.decimal.precision = column->precision;
        quick->of.decimal.scale = column->scale;
    } else if (usual == MR_USUAL_DATETIME) {
        quick->of.assume_min = column->has_assume_offset ? &column->assume_offset_min : NULL;
    }
}

/* ---- records ---- */

/* In pieces of one size, which takes no call; the last one overlaps.  left: bytes of the event from the text on. */
static inline void copy_text(unsigned char *to, const char *from, size_t len, size_t left, bool wide)
{
    if (len >= PIECE && len <= PIECES_MAX) {
        for (size_t at = 0; at < len - PIECE; at += PIECE)
            memcpy(to + at, from + at, PIECE);
        memcpy(to + len - PIECE, from + len - PIECE, PIECE);
    } else if (len >= SHORT_PIECE && len < PIECE) {
        memcpy(to, from, SHORT_PIECE);
        memcpy(to + len - SHORT_PIECE, from + len - SHORT_PIECE, SHORT_PIECE);
    } else if (len < SHORT_PIECE && wide && left >= SHORT_PIECE) {
        memcpy(to, from, SHORT_PIECE);
    } else {
        memcpy(to, from, len);
    }
}

/* Every indicator, eight at once: what lies between the last one and the next multiple of eight is nobody's (record.h). */
static inline void all_set(const mr_layout *layout, unsigned char *record)
{
    _Static_assert(MR_VALUE_SET == 0, "zeros say that values are set");
    const uint32_t end = sizeof(mr_record) + layout->fields;
    for (uint32_t at = sizeof(mr_record); at < end; at += 8)
        memset(record + at, MR_VALUE_SET, 8);
}

/* What is there is not of the usual form, but perhaps nothing is; false when that is unusual, too. */
static inline bool store_null(const mr_quick *quick, unsigned char *record)
{
    if (!(quick->nulls >> quick->span->kind & 1))
        return false;
    record[quick->indicator_at] = MR_VALUE_NULL;
    *(unsigned long *)(void *)(record + quick->length_at) = 0;
    return true;
}

static inline bool store_decimal(const mr_quick *quick, const char *text, size_t len, char *to,
                                 unsigned long *length, uint32_t *bytes)
{
    uint32_t precision = quick->of.decimal.precision, scale = quick->of.decimal.scale;
    if (!mr_usual_decimal(text, len, precision, scale, to, length) &&
        mr_to_decimal(text, len, precision, scale, to, length))
        return false;
    *bytes += (uint32_t)*length;
    return true;
}

/* The usual form of a value; false when it is not that.  *bytes grows by its length. */
static inline bool store_usual(const mr_quick *quick, const mr_event *event, unsigned char *record,
                               uint32_t *bytes)
{
    const mr_span *span = quick->span;
    unsigned char *to = record + quick->value_at;
    unsigned long *length = (unsigned long *)(void *)(record + quick->length_at);
    if (!(quick->kinds >> span->kind & 1) || span->escaped)
        return store_null(quick, record);
    const char *text = event->value + span->at;
    size_t len = span->len;
    if (quick->usual == MR_USUAL_TEXT) {
        if (len > quick->longest)
            return false;
        copy_text(to, text, len, event->value_len - span->at, quick->wide);
        *length = len;
        *bytes += (uint32_t)len;
        return true;
    }
    int64_t *number = (int64_t *)(void *)to;
    switch (quick->usual) {
    case MR_USUAL_INTEGER:
        return mr_usual_int64(text, len, quick->of.most, number) ||
               !mr_to_int64(text, len, -quick->of.most - 1, quick->of.most, number);
    case MR_USUAL_DOUBLE:
        return mr_usual_double(text, len, (double *)(void *)to) ||
               !mr_to_double(text, len, (double *)(void *)to);
    case MR_USUAL_BOOL:
        *number = span->kind == MR_JSON_TRUE;
        return true;
    case MR_USUAL_DECIMAL:
        return store_decimal(quick, text, len, (char *)to, length, bytes);
    case MR_USUAL_DATETIME:
        return mr_usual_datetime(text, len, (mr_time *)(void *)to) ||
               !mr_to_datetime(text, len, quick->of.assume_min, quick->truncate, (mr_time *)(void *)to);
    case MR_USUAL_OFFSET:
        *number = event->offset;
        return true;
    default:
        *number = event->partition;
        return true;
    }
}

mr_reason mr_decode_store(mr_decoder *decoder, const mr_event *event, unsigned char *record,
                          uint32_t *wire_bytes, mr_refusal *refusal)
{
    const mr_layout *layout = &decoder->layout;
    const mr_quick *quick = decoder->quick, *end = quick + decoder->stream->column_count;
    uint32_t bytes = decoder->fixed_bytes;
    all_set(layout, record);
    if (decoder->stream->id_ksuid) {
        *mr_record_length(layout, record, 0) = MR_KSUID_BYTES;
        mr_ksuid_make(mr_record_value(layout, record, 0), event->timestamp_ms, event->source_hash,
                      event->partition, event->offset);
    }
    for (; quick < end; quick++) {
        if (store_usual(quick, event, record, &bytes))
            continue;
        size_t column = (size_t)(quick - decoder->quick);
        mr_reason reason = mr_decode_column(decoder, event, column, record, refusal);
        if (reason)
            return reason;
        uint32_t field = (uint32_t)column + decoder->stream->id_ksuid;
        if (layout->field[field].form <= MR_FORM_BYTES)
            bytes += (uint32_t)*mr_record_length(layout, record, field);
    }
    *wire_bytes = bytes;
    return MR_REASON_NONE;
}
