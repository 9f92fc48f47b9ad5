#include "data/record.h"

#include "base/must.h"

#define SHORT 128 /* bytes of a value */

static uint32_t align8(uint32_t at)
{
    return (at + 7u) & ~7u;
}

static bool has_length(mr_form form)
{
    return form == MR_FORM_TEXT || form == MR_FORM_BYTES;
}

static uint32_t size_of(mr_form form)
{
    switch (form) {
    case MR_FORM_INT64:
    case MR_FORM_UINT64:
    case MR_FORM_DOUBLE:
        return 8;
    default:
        return sizeof(mr_time);
    }
}

void mr_layout_place(mr_layout *layout)
{
    must(layout->fields <= MR_FIELDS_MAX);
    uint32_t at = sizeof(mr_record);
    for (uint32_t i = 0; i < layout->fields; i++)
        layout->field[i].indicator_at = at++;
    at = align8(at);
    for (uint32_t i = 0; i < layout->fields; i++)
        if (has_length(layout->field[i].form)) {
            layout->field[i].length_at = at;
            at += sizeof(unsigned long);
        }
    for (uint32_t i = 0; i < layout->fields; i++)
        if (!has_length(layout->field[i].form))
            layout->field[i].capacity = size_of(layout->field[i].form);
    for (int longer = 0; longer < 2; longer++)
        for (uint32_t i = 0; i < layout->fields; i++) {
            mr_field *field = &layout->field[i];
            if ((field->capacity > SHORT) != longer)
                continue;
            field->value_at = at;
            at = align8(at + field->capacity);
        }
    layout->size = at;
}
