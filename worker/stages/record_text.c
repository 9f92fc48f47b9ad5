#include "stages/record_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

#define ESCAPED_MAX 6u  /* what a byte of a string can become: \u001f */
#define FIXED_MAX   48u /* more than a number, a time or a uuid takes, quotes included */

size_t mr_record_text_max(const mr_stream *stream, const mr_layout *layout)
{
    size_t bytes = sizeof "{}";
    for (uint32_t i = 0; i < stream->column_count; i++) {
        const mr_field *field = &layout->field[i + stream->id_ksuid];
        bytes += ESCAPED_MAX * strlen(stream->columns[i].name) + strlen("\"\":,");
        if (field->form == MR_FORM_TEXT)
            bytes += (size_t)ESCAPED_MAX * field->capacity + strlen("\"\"");
        else if (field->form == MR_FORM_BYTES && stream->columns[i].type != MR_TYPE_UUID)
            bytes += ((size_t)field->capacity + 2) / 3 * 4 + strlen("\"\"");
        else
            bytes += FIXED_MAX;
    }
    return bytes;
}

static void put_base64(mr_buf *out, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    mr_buf_text(out, "\"");
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? bytes[i + 2] : 0;
        const char four[] = {digits[bits >> 18], digits[bits >> 12 & 63],
                             left > 1 ? digits[bits >> 6 & 63] : '=', left > 2 ? digits[bits & 63] : '='};
        mr_buf_put(out, four, sizeof four);
    }
    mr_buf_text(out, "\"");
}

static void put_uuid(mr_buf *out, const unsigned char bytes[16])
{
    mr_buf_text(out, "\"");
    for (int i = 0; i < 16; i++)
        mr_buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", bytes[i]);
    mr_buf_text(out, "\"");
}

static void put_time(mr_buf *out, const mr_time *t, mr_form form)
{
    mr_buf_text(out, "\"");
    if (form != MR_FORM_TIME)
        mr_buf_printf(out, "%04u-%02u-%02u", t->year, t->month, t->day);
    if (form == MR_FORM_DATETIME)
        mr_buf_text(out, "T");
    if (form != MR_FORM_DATE)
        mr_buf_printf(out, "%02u:%02u:%02u.%06lu", t->hour, t->minute, t->second, t->second_part);
    mr_buf_text(out, form == MR_FORM_DATETIME ? "Z\"" : "\"");
}

/* 17 digits bring back the same double; a point or an exponent keeps readers from taking it for an integer. */
static void put_double(mr_buf *out, double number)
{
    char text[FIXED_MAX];
    must(isfinite(number));
    snprintf(text, sizeof text, "%.17g", number);
    mr_buf_text(out, text);
    if (!strpbrk(text, ".e"))
        mr_buf_text(out, ".0");
}

static void put_integer(mr_buf *out, mr_type type, const unsigned char *value)
{
    int64_t number = *(const int64_t *)(const void *)value;
    if (type == MR_TYPE_BOOL)
        mr_buf_text(out, number ? "true" : "false");
    else if (type == MR_TYPE_UINT64)
        mr_buf_printf(out, "\"%" PRIu64 "\"", *(const uint64_t *)(const void *)value);
    else if (type == MR_TYPE_INT64)
        mr_buf_printf(out, "\"%" PRId64 "\"", number);
    else
        mr_buf_printf(out, "%" PRId64, number); /* the shorter unsigned ones fit as well */
}

static void put_value(mr_buf *out, mr_type type, mr_form form, const unsigned char *value, size_t len)
{
    switch (form) {
    case MR_FORM_TEXT:
        mr_buf_json(out, (const char *)value, len);
        break;
    case MR_FORM_BYTES:
        if (type == MR_TYPE_UUID)
            put_uuid(out, value);
        else
            put_base64(out, value, len);
        break;
    case MR_FORM_INT64:
    case MR_FORM_UINT64:
        put_integer(out, type, value);
        break;
    case MR_FORM_DOUBLE:
        put_double(out, *(const double *)(const void *)value);
        break;
    case MR_FORM_DATETIME:
    case MR_FORM_DATE:
    case MR_FORM_TIME:
        put_time(out, (const mr_time *)(const void *)value, form);
        break;
    }
}

void mr_record_text(const mr_stream *stream, const mr_layout *layout, unsigned char *record, mr_buf *out)
{
    mr_buf_text(out, "{");
    for (uint32_t i = 0; i < stream->column_count; i++) {
        const mr_column *column = &stream->columns[i];
        uint32_t field = i + stream->id_ksuid;
        mr_form form = layout->field[field].form;
        if (i > 0)
            mr_buf_text(out, ",");
        mr_buf_json(out, column->name, strlen(column->name));
        mr_buf_text(out, ":");
        if (*mr_record_indicator(layout, record, field) == MR_VALUE_NULL)
            mr_buf_text(out, "null");
        else
            put_value(out, column->type, form, mr_record_value(layout, record, field),
                      form <= MR_FORM_BYTES ? *mr_record_length(layout, record, field) : 0);
    }
    mr_buf_text(out, "}");
}
