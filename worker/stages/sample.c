#include "stages/sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "stages/values.h"

#define TWO_63 9223372036854775808.0
#define EXACT  9007199254740992.0 /* up to here a real that is whole is an integer */

mr_sample *mr_sample_new(mr_arena *arena, size_t events)
{
    must(events <= MR_SAMPLE_MAX);
    mr_sample *sample = mr_arena_take(arena, "sample", 1, sizeof *sample);
    sample->arena = arena;
    sample->events = mr_arena_take(arena, "sample", events, sizeof(json_t *));
    sample->root.name = "";
    return sample;
}

/* ---- values ---- */

static void add_integer(mr_sample_field *field, int64_t value)
{
    bool first = field->integers - field->above_int64 - field->beyond == 0;
    field->least = first || value < field->least ? value : field->least;
    field->most = first || value > field->most ? value : field->most;
    field->integers++;
}

static void add_real(mr_sample_field *field, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.15g", value);
    const char *point = strchr(text, '.');
    /* One in scientific notation has more digits than a decimal would be chosen for. */
    unsigned decimals = strchr(text, 'e') ? 30 : point ? (unsigned)strlen(point + 1) : 0;
    field->decimals = decimals > field->decimals ? decimals : field->decimals;
    field->reals++;
}

/* An integer of an event in which some integer is larger than int64, so that jansson gave reals for all of them. */
static void add_whole(mr_sample_field *field, double value)
{
    if (fabs(value) <= EXACT) {
        add_integer(field, (int64_t)value);
        return;
    }
    field->integers++;
    /* The largest uint64 is 2^64 as a double. */
    field->above_int64 += value >= TWO_63 && value <= 2 * TWO_63;
    field->beyond += value < -TWO_63 || value > 2 * TWO_63;
}

static void add_text(mr_sample_field *field, const char *text, size_t len)
{
    static const int32_t utc = 0;
    unsigned char uuid[16];
    mr_time time;
    mr_reason reason = mr_to_datetime(text, len, NULL, false, &time);
    field->datetimes += !reason || reason == MR_REASON_TOO_PRECISE;
    if (reason && reason != MR_REASON_TOO_PRECISE) {
        reason = mr_to_datetime(text, len, &utc, false, &time);
        field->datetimes_without_offset += !reason || reason == MR_REASON_TOO_PRECISE;
    }
    field->precise_datetimes += reason == MR_REASON_TOO_PRECISE;
    field->dates += mr_to_date(text, len, &time) == MR_REASON_NONE;
    field->uuids += mr_to_uuid(text, len, uuid) == MR_REASON_NONE;
    field->numbers += mr_is_number(text, len);
    field->text_least = field->texts == 0 || len < field->text_least ? len : field->text_least;
    field->text_most = len > field->text_most ? len : field->text_most;
    field->texts++;
}

/* ---- the tree ---- */

/* NULL: there are too many of them. */
static mr_sample_field *member(mr_sample *sample, mr_sample_field *parent, const char *name)
{
    mr_sample_field **end = &parent->children;
    for (; *end; end = &(*end)->next)
        if (!strcmp((*end)->name, name))
            return *end;
    if (parent->child_count == (parent->parent ? MR_SAMPLE_FIELDS : MR_SAMPLE_ROOT_FIELDS)) {
        parent->crowded = true;
        return NULL;
    }
    size_t len = strlen(name);
    char *mine = mr_arena_take(sample->arena, "sample", len + 1, 1);
    memcpy(mine, name, len);
    mr_sample_field *made = mr_arena_take(sample->arena, "sample", 1, sizeof *made);
    *made = (mr_sample_field){.name = mine, .parent = parent, .depth = parent->depth + 1};
    parent->child_count++;
    *end = made;
    return made;
}

/* One event on its way into the counts. */
typedef struct adding {
    mr_sample *sample;
    bool as_reals; /* integers came as reals */
    double wide;   /* the event's text is so much longer than jansson's compact form of it */
} adding;

static void add_value(const adding *a, mr_sample_field *field, const json_t *value)
{
    size_t len = (size_t)((double)json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) * a->wide) + 1;
    field->json_most = len > field->json_most ? len : field->json_most;
    switch (json_typeof(value)) {
    case JSON_NULL:
        field->nulls++;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        field->bools++;
        break;
    case JSON_INTEGER:
        add_integer(field, json_integer_value(value));
        break;
    case JSON_REAL:
        if (a->as_reals && json_real_value(value) == floor(json_real_value(value)))
            add_whole(field, json_real_value(value));
        else
            add_real(field, json_real_value(value));
        break;
    case JSON_STRING:
        add_text(field, json_string_value(value), json_string_length(value));
        break;
    case JSON_ARRAY:
        field->arrays++;
        break;
    case JSON_OBJECT:
        field->objects++;
        if (field->depth < MR_SAMPLE_DEPTH) {
            const char *name;
            json_t *inner;
            json_object_foreach((json_t *)(uintptr_t)value, name, inner)
            {
                mr_sample_field *child = member(a->sample, field, name);
                if (child)
                    add_value(a, child, inner);
            }
        }
    }
}

/* ---- an event ---- */

static json_t *parse(const char *text, size_t len, bool *as_reals, json_error_t *error)
{
    json_t *event = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, error);
    *as_reals = !event && json_error_code(error) == json_error_numeric_overflow;
    if (*as_reals)
        event = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, error);
    return event;
}

void mr_sample_add(mr_sample *sample, const char *value, size_t len, bool with_key)
{
    json_error_t error;
    adding a = {.sample = sample};
    sample->seen++;
    sample->with_key += with_key;
    sample->tombstones += !value;
    if (!value)
        return;
    sample->registry += len > 5 && value[0] == 0;
    json_t *event = parse(value, len, &a.as_reals, &error);
    if (!json_is_object(event)) {
        /* jansson's own text may quote the event. */
        if (!*sample->first_broken && event)
            snprintf(sample->first_broken, sizeof sample->first_broken, "it is JSON, but no object");
        else if (!*sample->first_broken)
            snprintf(sample->first_broken, sizeof sample->first_broken, "no JSON from line %d, column %d on",
                     error.line > 0 ? error.line : 1, error.column > 0 ? error.column : 1);
        json_decref(event);
        return;
    }
    size_t compact = json_dumpb(event, NULL, 0, JSON_COMPACT);
    a.wide = compact > 0 && len > compact ? (double)len / (double)compact : 1;
    add_value(&a, &sample->root, event);
    sample->events[sample->objects++] = event;
}

uint32_t mr_sample_present(const mr_sample_field *field)
{
    return field->bools + field->integers + field->reals + field->texts + field->objects + field->arrays;
}

const json_t *mr_sample_value(const mr_sample_field *field, const json_t *event)
{
    if (!field->parent)
        return event;
    const json_t *parent = mr_sample_value(field->parent, event);
    return parent ? json_object_get(parent, field->name) : NULL;
}

void mr_sample_free(mr_sample *sample)
{
    for (uint32_t i = 0; sample && i < sample->objects; i++)
        json_decref(sample->events[i]);
}
