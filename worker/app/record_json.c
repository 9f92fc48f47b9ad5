#include "app/record_json.h"

#include <stdlib.h>

#include "base/must.h"

static json_t *base64(const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc((len + 2) / 3 * 4 + 1);
    size_t at = 0;
    must(text);
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? bytes[i + 2] : 0;
        text[at++] = digits[bits >> 18];
        text[at++] = digits[bits >> 12 & 63];
        text[at++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        text[at++] = left > 2 ? digits[bits & 63] : '=';
    }
    json_t *made = json_stringn(text, at);
    free(text);
    return made;
}

static json_t *uuid(const unsigned char *b)
{
    return json_sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                        b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                        b[15]);
}

static json_t *time_json(const mr_time *t, mr_form form)
{
    if (form == MR_FORM_DATE)
        return json_sprintf("%04u-%02u-%02u", t->year, t->month, t->day);
    if (form == MR_FORM_TIME)
        return json_sprintf("%02u:%02u:%02u.%06lu", t->hour, t->minute, t->second, t->second_part);
    return json_sprintf("%04u-%02u-%02uT%02u:%02u:%02u.%06luZ", t->year, t->month, t->day, t->hour, t->minute,
                        t->second, t->second_part);
}

static json_t *number_json(const mr_column *column, mr_form form, const unsigned char *value)
{
    if (form == MR_FORM_DOUBLE)
        return json_real(*(const double *)(const void *)value);
    if (form == MR_FORM_UINT64) {
        uint64_t number = *(const uint64_t *)(const void *)value;
        return column->type == MR_TYPE_UINT64 ? json_sprintf("%llu", (unsigned long long)number)
                                              : json_integer((json_int_t)number);
    }
    int64_t number = *(const int64_t *)(const void *)value;
    if (column->type == MR_TYPE_BOOL)
        return json_boolean(number != 0);
    return column->type == MR_TYPE_INT64 ? json_sprintf("%lld", (long long)number) : json_integer(number);
}

json_t *mr_record_json(const mr_stream *stream, const mr_layout *layout, unsigned char *record)
{
    json_t *row = json_object();
    for (uint32_t i = 0; i < stream->column_count; i++) {
        const mr_column *column = &stream->columns[i];
        uint32_t field = i + stream->id_ksuid;
        mr_form form = layout->field[field].form;
        const unsigned char *value = mr_record_value(layout, record, field);
        size_t len = form <= MR_FORM_BYTES ? *mr_record_length(layout, record, field) : 0;
        json_t *made;
        if (*mr_record_indicator(layout, record, field) == MR_VALUE_NULL)
            made = json_null();
        else if (form == MR_FORM_TEXT)
            made = json_stringn((const char *)value, len);
        else if (column->type == MR_TYPE_UUID)
            made = uuid(value);
        else if (form == MR_FORM_BYTES)
            made = base64(value, len);
        else if (form >= MR_FORM_DATETIME)
            made = time_json((const mr_time *)(const void *)value, form);
        else
            made = number_json(column, form, value);
        json_object_set_new(row, column->name, made);
    }
    return row;
}
