/* Columns of the usual form: one path, one check, one conversion. */
#include <string.h>

#include "decode_plan.h"
#include "stages/values.h"

static mr_quick quick_of(const mr_column *column, mr_source_kind from)
{
    if (column->type == MR_TYPE_INT64 && (from == MR_FROM_OFFSET || from == MR_FROM_PARTITION))
        return from == MR_FROM_OFFSET ? MR_QUICK_OFFSET : MR_QUICK_PARTITION;
    if (from != MR_FROM_PATH)
        return MR_QUICK_NONE;
    switch (column->type) {
    case MR_TYPE_STRING:
    case MR_TYPE_JSON:
        return MR_QUICK_TEXT;
    case MR_TYPE_DOUBLE:
        return MR_QUICK_DOUBLE;
    case MR_TYPE_DECIMAL:
        return MR_QUICK_DECIMAL;
    case MR_TYPE_DATETIME:
        return column->unit == MR_UNIT_NONE ? MR_QUICK_DATETIME : MR_QUICK_NONE;
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
        return MR_QUICK_INTEGER;
    default:
        return MR_QUICK_NONE;
    }
}

void mr_quick_plan(mr_column_plan *plan, const mr_field *field)
{
    const mr_column *column = plan->column;
    if (plan->from_count != 1 || plan->constant)
        return;
    plan->quick = quick_of(column, plan->from[0].kind);
    plan->quick_max = column->max_bytes;
    plan->quick_kinds = 1u << MR_JSON_NUMBER;
    if (plan->quick == MR_QUICK_DATETIME || column->type == MR_TYPE_STRING)
        plan->quick_kinds = 1u << MR_JSON_STRING;
    if (plan->quick == MR_QUICK_DATETIME || plan->quick_kinds == 1u << MR_JSON_NUMBER)
        plan->quick_max = UINT32_MAX; /* its converter knows how long it may be */
    if (column->type == MR_TYPE_JSON) {
        plan->quick_kinds = 1u << MR_JSON_OBJECT | 1u << MR_JSON_ARRAY;
        plan->quick_max = column->max_bytes;
    }
    if (column->type == MR_TYPE_STRING && column->max_chars && column->max_chars < column->max_bytes)
        plan->quick_max = column->max_chars; /* of so many bytes it cannot have more */
    plan->quick_copy = field->capacity < MR_QUICK_COPY ? 0 : MR_QUICK_COPY;
    if (plan->quick == MR_QUICK_INTEGER) {
        int bits = 8 << (column->type - MR_TYPE_INT8);
        plan->most = (int64_t)(UINT64_MAX >> (65 - bits));
        plan->least = -plan->most - 1;
    }
}

static inline void store_copy(const mr_column_plan *plan, const mr_field *field, const mr_event *event,
                              const mr_span *span, unsigned char *record)
{
    unsigned char *to = record + field->value_at;
    if (span->len <= plan->quick_copy && event->value_len - span->at >= MR_QUICK_COPY)
        memcpy(to, event->value + span->at,
               MR_QUICK_COPY); /* of one size, so it takes two moves and no call */
    else
        memcpy(to, event->value + span->at, span->len);
    *(unsigned long *)(void *)(record + field->length_at) = span->len;
}

bool mr_quick_store(const mr_column_plan *plan, const mr_field *field, const mr_event *event,
                    unsigned char *record)
{
    unsigned char *to = record + field->value_at;
    if (plan->quick == MR_QUICK_NONE)
        return false;
    record[field->indicator_at] = MR_VALUE_SET;
    if (plan->quick >= MR_QUICK_OFFSET) {
        *(int64_t *)(void *)to = plan->quick == MR_QUICK_OFFSET ? event->offset : event->partition;
        return true;
    }
    const mr_span *span = plan->from->span;
    const mr_column *column = plan->column;
    if (!(plan->quick_kinds >> span->kind & 1) || span->escaped || span->len > plan->quick_max)
        return false;
    const char *text = event->value + span->at;
    size_t len = 0;
    switch (plan->quick) {
    case MR_QUICK_TEXT:
        store_copy(plan, field, event, span, record);
        return true;
    case MR_QUICK_INTEGER:
        return mr_to_int64(text, span->len, plan->least, plan->most, (int64_t *)(void *)to) == MR_REASON_NONE;
    case MR_QUICK_DOUBLE:
        return mr_to_double(text, span->len, (double *)(void *)to) == MR_REASON_NONE;
    case MR_QUICK_DECIMAL:
        if (mr_to_decimal(text, span->len, column->precision, column->scale, (char *)to, &len))
            return false;
        *(unsigned long *)(void *)(record + field->length_at) = len;
        return true;
    default:
        return mr_to_datetime(text, span->len, column->has_assume_offset ? &column->assume_offset_min : NULL,
                              column->truncate_fraction, (mr_time *)(void *)to) == MR_REASON_NONE;
    }
}
