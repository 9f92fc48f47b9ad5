/* From spans to columns, the general way.  Compiling a stream is in decode_plan.c, the loop over the columns in decode_quick.c. */
#include "stages/decode.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "decode_plan.h"
#include "stages/values.h"

#define SHORT_MAX 1200 /* longest text that is unescaped to be read as a number, date, ... */

/* ---- where a value comes from ---- */

static mr_value raw_bytes(const char *bytes, size_t len)
{
    return (mr_value){.kind = bytes ? MR_JSON_STRING : MR_JSON_NULL, .at = bytes, .len = len, .raw = true};
}

static inline void from_span(const mr_event *event, const mr_span *span, mr_value *value)
{
    value->kind = (mr_json_kind)span->kind;
    value->at = event->value + span->at;
    value->len = span->len;
    value->escaped = span->escaped;
    value->raw = false;
    value->position = span->at;
}

/* Decimal digits; a column or key that is not made for them reads them as it reads any number. */
static mr_value number_text(mr_decoder *decoder, int64_t number)
{
    char *end = decoder->number + sizeof decoder->number, *at = end;
    uint64_t rest = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        *--at = '-';
    return (mr_value){.kind = MR_JSON_NUMBER, .at = at, .len = (size_t)(end - at)};
}

__attribute__((noinline)) static mr_value from_kafka(mr_decoder *decoder, const mr_event *event,
                                                     const mr_from *from)
{
    const char *bytes;
    size_t len;
    switch (from->kind) {
    case MR_FROM_KEY:
        return raw_bytes(event->key, event->key_len);
    case MR_FROM_TOPIC:
        return raw_bytes(event->topic, strlen(event->topic));
    case MR_FROM_VALUE:
        return raw_bytes(event->value, event->value_len);
    case MR_FROM_PARTITION:
        return number_text(decoder, event->partition);
    case MR_FROM_OFFSET:
        return number_text(decoder, event->offset);
    case MR_FROM_TIMESTAMP:
        if (event->timestamp_ms < 0)
            return (mr_value){.kind = MR_JSON_NULL};
        return number_text(decoder, event->timestamp_ms);
    case MR_FROM_HEADER:
        if (!event->header || !event->header(event->header_context, from->header, &bytes, &len))
            return (mr_value){.kind = MR_JSON_MISSING};
        return raw_bytes(bytes, len);
    default:
        return (mr_value){.kind = MR_JSON_MISSING};
    }
}

static inline void from_source(mr_decoder *decoder, const mr_event *event, const mr_from *from,
                               mr_value *value)
{
    if (from->kind == MR_FROM_PATH)
        from_span(event, from->span, value);
    else
        *value = from_kafka(decoder, event, from);
}

/* The first source that is present. */
static inline void find_value(mr_decoder *decoder, const mr_event *event, const mr_column_plan *plan,
                              mr_value *value)
{
    value->kind = MR_JSON_MISSING;
    for (size_t i = 0; i < plan->from_count && value->kind == MR_JSON_MISSING; i++)
        from_source(decoder, event, &plan->from[i], value);
}

/* ---- the key ---- */

static uint64_t hash_text(const mr_value *value)
{
    if (!value->escaped)
        return mr_fnv1a64(value->at, value->len);
    uint64_t hash = MR_FNV64_BASIS;
    for (size_t i = 0; i < value->len;) {
        char bytes[4] = {value->at[i]};
        size_t count = 1;
        i += value->at[i] == '\\' ? mr_json_unescape_one(value->at + i, bytes, &count) : 1;
        hash = mr_fnv1a64_more(hash, bytes, count);
    }
    return hash;
}

/* Integers by their decimal digits, also when they are written 1.0 or 1e3. */
static bool hash_number(const mr_value *value, uint64_t *hash)
{
    int64_t number;
    uint64_t large;
    char text[24];
    if (mr_to_int64(value->at, value->len, INT64_MIN, INT64_MAX, &number) == MR_REASON_NONE)
        snprintf(text, sizeof text, "%lld", (long long)number);
    else if (mr_to_uint64(value->at, value->len, UINT64_MAX, &large) == MR_REASON_NONE)
        snprintf(text, sizeof text, "%llu", (unsigned long long)large);
    else
        return false;
    *hash = mr_fnv1a64(text, strlen(text));
    return true;
}

static uint64_t hash_coordinates(const mr_event *event)
{
    unsigned char bytes[12];
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)((uint32_t)event->partition >> (24 - 8 * i));
    for (int i = 0; i < 8; i++)
        bytes[4 + i] = (unsigned char)((uint64_t)event->offset >> (56 - 8 * i));
    return mr_fnv1a64(bytes, sizeof bytes);
}

/* The general way; it is kept apart for its buffers. */
__attribute__((noinline)) static mr_reason find_key(mr_decoder *decoder, const mr_event *event,
                                                    uint64_t *hash, mr_refusal *refusal)
{
    for (size_t i = 0; i < decoder->key_count; i++) {
        mr_value value;
        from_source(decoder, event, &decoder->key[i], &value);
        if (value.kind == MR_JSON_MISSING || value.kind == MR_JSON_NULL)
            continue;
        if (value.kind == MR_JSON_STRING) {
            *hash = hash_text(&value);
            return MR_REASON_NONE;
        }
        if (value.kind == MR_JSON_NUMBER && hash_number(&value, hash))
            return MR_REASON_NONE;
        *refusal = (mr_refusal){.reason = MR_REASON_KEY_TYPE, .position = value.position, .column = ""};
        return MR_REASON_KEY_TYPE;
    }
    if (decoder->stream->key_missing == MR_KEY_MISSING_SPREAD) {
        *hash = hash_coordinates(event);
        return MR_REASON_NONE;
    }
    if (decoder->stream->key_missing == MR_KEY_MISSING_MESSAGE_KEY && event->key) {
        *hash = mr_fnv1a64(event->key, event->key_len);
        return MR_REASON_NONE;
    }
    *refusal = (mr_refusal){.reason = MR_REASON_KEY_MISSING, .column = ""};
    return MR_REASON_KEY_MISSING;
}

mr_reason mr_decode_scan(mr_decoder *decoder, const mr_event *event, uint64_t *hash, mr_refusal *refusal)
{
    *refusal = (mr_refusal){.reason = MR_REASON_NONE, .column = ""};
    if (!event->value)
        refusal->reason = MR_REASON_TOMBSTONE;
    else if (event->value_len == 0)
        refusal->reason = MR_REASON_EMPTY;
    else
        refusal->reason = mr_json_scan(decoder->paths, decoder->guesses, event->value, event->value_len,
                                       decoder->spans, &refusal->position);
    if (refusal->reason)
        return refusal->reason;
    const mr_span *usual = decoder->key_span;
    if (usual->kind != MR_JSON_STRING || usual->escaped)
        return find_key(decoder, event, hash, refusal);
    *hash = mr_guesses_hash_of(decoder->guesses, event->value, usual);
    return MR_REASON_NONE;
}

/* ---- one column ---- */

typedef struct target {
    const mr_column_plan *plan;
    char *indicator;
    unsigned long *length;
    unsigned char *value;
} target;

/* Cuts or drops a text that is too long, as the column says; false: it is refused. */
static bool deal_with_long(const target *to, size_t *len, const char *text)
{
    const mr_column *column = to->plan->column;
    if (column->on_too_long == MR_TOO_LONG_NULL) {
        *to->indicator = MR_VALUE_NULL;
        *to->length = 0;
        *len = 0;
        return true;
    }
    if (column->on_too_long != MR_TOO_LONG_TRUNCATE)
        return false;
    size_t bytes = 0, chars = 0;
    while (bytes < *len) {
        size_t next = mr_utf8_char(text + bytes, *len - bytes);
        if (next == 0 || bytes + next > column->max_bytes ||
            (column->max_chars && chars == column->max_chars))
            break;
        bytes += next;
        chars++;
    }
    *len = bytes;
    return true;
}

static bool fits(const mr_column *column, const char *text, size_t len)
{
    return len <= column->max_bytes &&
           (!column->max_chars || len <= column->max_chars || mr_utf8_count(text, len) <= column->max_chars);
}

/* An escaped text goes straight to its place as far as there is room. */
static mr_reason store_escaped(const target *to, const mr_value *value)
{
    const mr_column *column = to->plan->column;
    size_t written = 0, chars = 0;
    bool room = true;
    for (size_t i = 0; i < value->len && room;) {
        char one[4];
        size_t bytes, taken;
        if (value->at[i] == '\\') {
            taken = mr_json_unescape_one(value->at + i, one, &bytes);
        } else {
            taken = bytes = mr_utf8_char(value->at + i, value->len - i);
            memcpy(one, value->at + i, bytes);
        }
        room = written + bytes <= column->max_bytes && (!column->max_chars || chars < column->max_chars);
        if (room) {
            memcpy(to->value + written, one, bytes);
            written += bytes;
            chars++;
            i += taken;
        }
    }
    if (!room && column->on_too_long == MR_TOO_LONG_DLQ)
        return MR_REASON_TOO_LONG;
    if (!room && column->on_too_long == MR_TOO_LONG_NULL) {
        *to->indicator = MR_VALUE_NULL;
        written = 0;
    }
    *to->length = written;
    return MR_REASON_NONE;
}

static mr_reason store_text(const target *to, const mr_value *value)
{
    if (value->kind != MR_JSON_STRING)
        return MR_REASON_WRONG_TYPE;
    if (value->raw && !mr_utf8_valid(value->at, value->len))
        return MR_REASON_JSON_UTF8;
    if (value->escaped)
        return store_escaped(to, value);
    size_t len = value->len;
    if (!fits(to->plan->column, value->at, len) && !deal_with_long(to, &len, value->at))
        return MR_REASON_TOO_LONG;
    memcpy(to->value, value->at, len);
    *to->length = len;
    return MR_REASON_NONE;
}

/* The text as it stands in the event: a string with its quotes. */
static mr_reason store_json(const target *to, const mr_value *value)
{
    bool quoted = value->kind == MR_JSON_STRING && !value->raw;
    const char *text = value->at - quoted;
    size_t len = value->len + (quoted ? 2 : 0);
    if (len > to->plan->column->max_bytes)
        return MR_REASON_TOO_LONG;
    memcpy(to->value, text, len);
    *to->length = len;
    return MR_REASON_NONE;
}

/* A number, or a string with one where the column accepts that. */
static bool as_number(const mr_column *column, const mr_value *value)
{
    if (value->kind == MR_JSON_NUMBER)
        return true;
    return value->kind == MR_JSON_STRING && column->accept_string && mr_is_number(value->at, value->len);
}

static mr_reason no_number(const mr_column *column, const mr_value *value)
{
    return value->kind == MR_JSON_STRING && column->accept_string ? MR_REASON_BAD_FORMAT
                                                                  : MR_REASON_WRONG_TYPE;
}

static mr_reason store_number(const target *to, const mr_value *value)
{
    static const int64_t least[] = {INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN};
    static const int64_t most[] = {INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
    static const uint64_t unsigned_most[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX};
    const mr_column *column = to->plan->column;
    if (!as_number(column, value))
        return no_number(column, value);
    if (column->type == MR_TYPE_DOUBLE)
        return mr_to_double(value->at, value->len, (double *)(void *)to->value);
    if (column->type == MR_TYPE_DECIMAL) {
        size_t len = 0;
        mr_reason reason =
            mr_to_decimal(value->at, value->len, column->precision, column->scale, (char *)to->value, &len);
        *to->length = len;
        return reason;
    }
    if (column->type <= MR_TYPE_INT64) {
        int width = column->type - MR_TYPE_INT8;
        return mr_to_int64(value->at, value->len, least[width], most[width], (int64_t *)(void *)to->value);
    }
    int width = column->type - MR_TYPE_UINT8;
    return mr_to_uint64(value->at, value->len, unsigned_most[width], (uint64_t *)(void *)to->value);
}

static mr_reason store_time(const target *to, const mr_value *value)
{
    const mr_column *column = to->plan->column;
    mr_time *out = (mr_time *)(void *)to->value;
    mr_unit unit = to->plan->from_timestamp ? MR_UNIT_MS : column->unit;
    if (column->type == MR_TYPE_DATETIME && unit != MR_UNIT_NONE)
        return as_number(column, value)
                   ? mr_epoch_to_datetime(value->at, value->len, unit, column->truncate_fraction, out)
                   : no_number(column, value);
    if (value->kind != MR_JSON_STRING)
        return MR_REASON_WRONG_TYPE;
    if (column->type == MR_TYPE_DATE)
        return mr_to_date(value->at, value->len, out);
    if (column->type == MR_TYPE_TIME)
        return mr_to_time(value->at, value->len, column->truncate_fraction, out);
    return mr_to_datetime(value->at, value->len,
                          column->has_assume_offset ? &column->assume_offset_min : NULL,
                          column->truncate_fraction, out);
}

static mr_reason store_bytes(const target *to, const mr_value *value)
{
    const mr_column *column = to->plan->column;
    size_t len = 0;
    mr_reason reason;
    if (value->kind != MR_JSON_STRING)
        return MR_REASON_WRONG_TYPE;
    if (column->type == MR_TYPE_UUID) {
        reason = mr_to_uuid(value->at, value->len, to->value);
        len = 16;
    } else if (value->raw) {
        len = value->len;
        reason = len > column->max_bytes ? MR_REASON_TOO_LONG : MR_REASON_NONE;
        if (!reason)
            memcpy(to->value, value->at, len);
    } else {
        reason = mr_to_binary(value->at, value->len, to->value, column->max_bytes, &len);
    }
    *to->length = len;
    return reason;
}

static mr_reason store_present(const target *to, const mr_value *value)
{
    switch (to->plan->column->type) {
    case MR_TYPE_STRING:
        return store_text(to, value);
    case MR_TYPE_JSON:
        return store_json(to, value);
    case MR_TYPE_BOOL:
        if (value->kind != MR_JSON_TRUE && value->kind != MR_JSON_FALSE)
            return MR_REASON_WRONG_TYPE;
        *(int64_t *)(void *)to->value = value->kind == MR_JSON_TRUE;
        return MR_REASON_NONE;
    case MR_TYPE_DATETIME:
    case MR_TYPE_DATE:
    case MR_TYPE_TIME:
        return store_time(to, value);
    case MR_TYPE_UUID:
    case MR_TYPE_BINARY:
        return store_bytes(to, value);
    default:
        return store_number(to, value);
    }
}

/* Texts with escapes in columns that are not texts; rare, and kept apart for its buffer. */
__attribute__((noinline)) static mr_reason store_unescaped(const target *to, mr_value value, size_t capacity)
{
    char plain[SHORT_MAX];
    if (to->plan->column->type == MR_TYPE_BINARY) {
        /* Into the place itself, which has room for the base64 text and which the decoder then overwrites from the front. */
        size_t written = 0;
        for (size_t i = 0, bytes = 1; i < value.len; written += bytes) {
            char one[4] = {value.at[i]};
            i += one[0] == '\\' ? mr_json_unescape_one(value.at + i, one, &bytes) : (bytes = 1);
            if (written + bytes > capacity)
                return MR_REASON_TOO_LONG;
            memcpy(to->value + written, one, bytes);
        }
        value.len = written;
        value.at = (const char *)to->value;
    } else {
        if (value.len > sizeof plain)
            return MR_REASON_BAD_FORMAT;
        value.len = mr_json_unescape(value.at, value.len, plain);
        value.at = plain;
    }
    return store_present(to, &value);
}

mr_reason mr_decode_value(const mr_column_plan *plan, const mr_layout *layout, unsigned char *record,
                          uint32_t field, const mr_value *value)
{
    unsigned long nowhere;
    bool has_length = layout->field[field].form <= MR_FORM_BYTES;
    target to = {.plan = plan,
                 .indicator = mr_record_indicator(layout, record, field),
                 .length = has_length ? mr_record_length(layout, record, field) : &nowhere,
                 .value = mr_record_value(layout, record, field)};
    *to.indicator = MR_VALUE_SET;
    if (value->kind == MR_JSON_NULL || value->kind == MR_JSON_MISSING) {
        *to.indicator = MR_VALUE_NULL;
        *to.length = 0;
        return plan->column->required ? MR_REASON_REQUIRED : MR_REASON_NONE;
    }
    if (value->kind == MR_JSON_WRONG_STEP)
        return MR_REASON_WRONG_TYPE;
    if (value->escaped && plan->column->type != MR_TYPE_STRING && plan->column->type != MR_TYPE_JSON)
        return store_unescaped(&to, *value, layout->field[field].capacity);
    return store_present(&to, value);
}

/* ---- the general way of a column ---- */

static void store_default(const mr_decoder *decoder, unsigned char *record, uint32_t field)
{
    const mr_field *about = &decoder->layout.field[field];
    record[about->indicator_at] = decoder->defaults[about->indicator_at];
    if (about->form <= MR_FORM_BYTES)
        memcpy(record + about->length_at, decoder->defaults + about->length_at, sizeof(unsigned long));
    memcpy(record + about->value_at, decoder->defaults + about->value_at, about->capacity);
}

mr_reason mr_decode_column(mr_decoder *decoder, const mr_event *event, size_t column, unsigned char *record,
                           mr_refusal *refusal)
{
    const mr_column_plan *plan = &decoder->columns[column];
    uint32_t field = (uint32_t)column + decoder->stream->id_ksuid;
    mr_value value = {.kind = MR_JSON_MISSING};
    if (!plan->constant)
        find_value(decoder, event, plan, &value);
    if (plan->constant || (value.kind == MR_JSON_MISSING && plan->has_default)) {
        store_default(decoder, record, field);
        return MR_REASON_NONE;
    }
    mr_reason reason = mr_decode_value(plan, &decoder->layout, record, field, &value);
    if (reason)
        *refusal = (mr_refusal){.reason = reason, .position = value.position, .column = plan->column->name};
    return reason;
}
