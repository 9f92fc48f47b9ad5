/* What a sample makes of columns and key; starter_print.c writes it down. */
#include "stages/starter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"

#define NAME_MAX_LEN   56  /* of a column, so that a number fits behind it into MySQL's 64 */
#define PATH_MAX_LEN   400 /* configuration paths are bounded */
#define FLAT_MEMBERS   16  /* an object with more is json */
#define ENOUGH         20  /* texts, to believe that all have one length */
#define SURE           100 /* events, to call a column required: the next one without it becomes a dead letter */
#define VARIABLE_MOST  16777215
#define DECIMAL_DIGITS 38 /* of integers that no integer type holds */
#define COUNT_OF(a)    (sizeof(a) / sizeof((a)[0]))

/* ---- names ---- */

static char *keep(const mr_sample *sample, const char *text)
{
    size_t len = strlen(text);
    char *mine = mr_arena_take(sample->arena, "sample", len + 1, 1);
    memcpy(mine, text, len);
    return mine;
}

/* userId, HTTPStatus, order-no: user_id, http_status, order_no. */
static void put_snake(mr_buf *out, const char *name)
{
    for (const char *c = name; *c; c++) {
        bool upper = isupper((unsigned char)*c);
        bool starts = upper && c > name &&
                      (islower((unsigned char)c[-1]) || isdigit((unsigned char)c[-1]) ||
                       (isupper((unsigned char)c[-1]) && islower((unsigned char)c[1])));
        bool word = (unsigned char)*c < 0x80 && isalnum((unsigned char)*c);
        if ((starts || !word) && out->len > 0 && out->at[out->len - 1] != '_')
            mr_buf_text(out, "_");
        if (word)
            mr_buf_printf(out, "%c", tolower((unsigned char)*c));
    }
}

static void put_column(mr_buf *out, const mr_sample_field *field)
{
    if (field->parent->parent) {
        put_column(out, field->parent);
        if (out->len > 0 && out->at[out->len - 1] != '_')
            mr_buf_text(out, "_");
    }
    put_snake(out, field->name);
}

static bool is_taken(const mr_starter *starter, const char *name)
{
    for (size_t i = 0; i < starter->count; i++)
        if (!strcmp(starter->columns[i].name, name))
            return true;
    return false;
}

static const char *column_name(const mr_sample *sample, const mr_starter *starter,
                               const mr_sample_field *field)
{
    char name[64], numbered[80];
    mr_buf buf = mr_buf_over(name, NAME_MAX_LEN);
    put_column(&buf, field);
    while (buf.len > 0 && name[buf.len - 1] == '_')
        name[--buf.len] = 0;
    if (buf.len == 0)
        memcpy(name, "field", sizeof "field");
    snprintf(numbered, sizeof numbered, "%s", name);
    for (unsigned i = 2; is_taken(starter, numbered); i++)
        snprintf(numbered, sizeof numbered, "%s_%u", name, i);
    return keep(sample, numbered);
}

/* False: the configuration cannot name it. */
static bool put_path(mr_buf *out, const mr_sample_field *field)
{
    if (field->parent->parent) {
        if (!put_path(out, field->parent))
            return false;
        mr_buf_text(out, ".");
    }
    for (const char *c = field->name; *c; c++)
        mr_buf_printf(out, *c == '.' ? "\\%c" : "%c", *c);
    bool special = !field->parent->parent && field->name[0] == '@';
    return *field->name && !special && !strchr(field->name, '\\') && !out->full;
}

/* ---- types ---- */

static uint32_t room(size_t longest)
{
    uint32_t most = 32;
    while (most < longest && most < VARIABLE_MOST / 2)
        most *= 2;
    return most < longest ? VARIABLE_MOST : most;
}

static const char *keep_count(const mr_sample *sample, uint32_t times, uint32_t texts)
{
    char text[96];
    snprintf(text, sizeof text, "%u of %u are times; as a datetime the others become dead letters", times,
             texts);
    return keep(sample, text);
}

/* Twice the longest; a quarter more where all have one length, as identifiers do. */
static uint32_t text_room(const mr_sample_field *field)
{
    bool fixed = field->text_least == field->text_most && field->text_most >= 16 && field->texts >= ENOUGH;
    return room(fixed ? field->text_most + field->text_most / 4 : 2 * field->text_most);
}

static void of_text(const mr_sample *sample, const mr_sample_field *field, mr_proposal *column)
{
    uint32_t times = field->datetimes + field->datetimes_without_offset;
    if (field->dates == field->texts) {
        column->type = MR_TYPE_DATE;
    } else if (times == field->texts) {
        column->type = MR_TYPE_DATETIME;
        column->assume_utc = field->datetimes_without_offset > 0;
        column->truncate = field->precise_datetimes > 0;
        if (column->assume_utc)
            column->comment = "texts without an offset: is it UTC?";
        else if (column->truncate)
            column->comment = "more than six digits of a second, which are cut";
    } else {
        column->type = MR_TYPE_STRING;
        column->max_bytes = text_room(field);
        if (field->uuids == field->texts)
            column->comment = "all are UUIDs: as \"type\": \"uuid\" they take 16 bytes";
        else if (times * 2 > field->texts)
            column->comment = keep_count(sample, times, field->texts);
        else if (field->numbers == field->texts)
            column->comment =
                "all are numbers: a number's type, with \"accept\": [\"string\"], takes them as such";
    }
}

static void of_number(const mr_sample *sample, const mr_sample_field *field, mr_proposal *column)
{
    /* Milliseconds and seconds from 2001 to 2096. */
    bool ms = field->least >= INT64_C(1000000000000) && field->most < INT64_C(4000000000000);
    bool s = field->least >= INT64_C(1000000000) && field->most < INT64_C(4000000000);
    if (field->reals > 0) {
        column->type = MR_TYPE_DOUBLE;
        char hint[96];
        snprintf(hint, sizeof hint, "if it is money: \"type\": \"decimal\", \"precision\": 18, \"scale\": %u",
                 field->decimals < 2 ? 2 : field->decimals);
        if (field->decimals <= 4)
            column->comment = keep(sample, hint);
    } else if (field->beyond > 0 || (field->above_int64 > 0 && field->least < 0)) {
        column->type = MR_TYPE_DECIMAL;
    } else if (field->above_int64 > 0) {
        column->type = MR_TYPE_UINT64;
    } else {
        column->type = MR_TYPE_INT64;
        if (ms || s)
            column->comment = ms ? "if it is a time: \"type\": \"datetime\", \"unit\": \"ms\""
                                 : "if it is a time: \"type\": \"datetime\", \"unit\": \"s\"";
    }
}

static void choose_type(const mr_sample *sample, const mr_sample_field *field, mr_proposal *column)
{
    uint32_t present = mr_sample_present(field);
    if (field->texts == present) {
        of_text(sample, field, column);
    } else if (field->bools == present) {
        column->type = MR_TYPE_BOOL;
    } else if (field->integers + field->reals == present) {
        of_number(sample, field, column);
    } else {
        column->type = MR_TYPE_JSON;
        column->max_bytes = room(2 * field->json_most);
        if (field->objects < present && field->arrays < present)
            column->comment = "values of several types: kept as they stand in the event";
    }
}

/* ---- which fields become columns ---- */

/* A few members, each of them in at least half of the objects. */
static bool is_regular(const mr_sample_field *field)
{
    if (field->objects == 0 || field->objects != mr_sample_present(field) || field->crowded ||
        field->child_count == 0 || field->child_count > FLAT_MEMBERS || field->depth >= MR_SAMPLE_DEPTH)
        return false;
    for (const mr_sample_field *child = field->children; child; child = child->next)
        if ((mr_sample_present(child) + child->nulls) * 2 < field->objects)
            return false;
    return true;
}

static void leave(const mr_sample *sample, mr_starter *starter, const mr_sample_field *field, const char *why)
{
    char text[256], path[PATH_MAX_LEN];
    mr_buf buf = mr_buf_over(path, sizeof path);
    put_path(&buf, field);
    snprintf(text, sizeof text, "%.160s: %s", path, why);
    if (starter->left_count < COUNT_OF(starter->left))
        starter->left[starter->left_count] = keep(sample, text);
    starter->left_count++;
}

static void add_column(const mr_sample *sample, mr_starter *starter, const mr_sample_field *field)
{
    char path[PATH_MAX_LEN];
    mr_buf buf = mr_buf_over(path, sizeof path);
    if (mr_sample_present(field) == 0) {
        leave(sample, starter, field, "always null");
    } else if (!put_path(&buf, field)) {
        leave(sample, starter, field, "a name that no path can hold");
    } else if (starter->count == MR_STARTER_COLUMNS) {
        leave(sample, starter, field, "more columns than a first table needs");
    } else {
        mr_proposal *column = &starter->columns[starter->count];
        *column = (mr_proposal){.field = field, .from = keep(sample, path), .comment = ""};
        column->name = column_name(sample, starter, field);
        column->required = sample->objects >= SURE && mr_sample_present(field) == sample->objects;
        choose_type(sample, field, column);
        starter->count++;
    }
}

static void add_members(const mr_sample *sample, mr_starter *starter, const mr_sample_field *parent)
{
    for (const mr_sample_field *field = parent->children; field; field = field->next)
        if (is_regular(field))
            add_members(sample, starter, field);
        else
            add_column(sample, starter, field);
}

/* ---- what routes an event ---- */

static bool can_route(const mr_proposal *column)
{
    return column->type == MR_TYPE_STRING || column->type == MR_TYPE_INT64 || column->type == MR_TYPE_UINT64;
}

static bool is_in(const mr_proposal *column, const json_t *event)
{
    const json_t *value = mr_sample_value(column->field, event);
    return value && !json_is_null(value);
}

static uint32_t count_keyless(const mr_sample *sample, const mr_starter *starter)
{
    uint32_t keyless = 0;
    for (uint32_t e = 0; e < sample->objects; e++) {
        bool has = false;
        for (size_t k = 0; k < starter->key_count && !has; k++)
            has = is_in(starter->key[k], sample->events[e]);
        keyless += !has;
    }
    return keyless;
}

/* Takes the column when it gives more events a key. */
static void try_key(const mr_sample *sample, mr_starter *starter, const mr_proposal *column)
{
    if (starter->key_count == COUNT_OF(starter->key) || !can_route(column))
        return;
    starter->key[starter->key_count++] = column;
    uint32_t keyless = count_keyless(sample, starter);
    if (keyless < starter->keyless)
        starter->keyless = keyless;
    else
        starter->key_count--;
}

static bool is_identifier(const mr_proposal *column)
{
    size_t len = strlen(column->name);
    return column->required &&
           (!strcmp(column->name, "id") || (len > 3 && !strcmp(column->name + len - 3, "_id")));
}

static void choose_key(const mr_sample *sample, mr_starter *starter)
{
    /* The wider the group of events that belongs together, the further up. */
    static const char *const known[] = {"user_id",      "customer_id", "account_id", "tenant_id", "member_id",
                                        "anonymous_id", "visitor_id",  "device_id",  "session_id"};
    starter->keyless = sample->objects;
    for (size_t k = 0; k < COUNT_OF(known); k++)
        for (size_t i = 0; i < starter->count; i++)
            if (!strcmp(starter->columns[i].name, known[k]))
                try_key(sample, starter, &starter->columns[i]);
    /* Who gave the messages keys has thought about it. */
    for (size_t i = 0; i < starter->count && starter->key_count == 0 && sample->with_key < sample->seen; i++)
        if (is_identifier(&starter->columns[i]))
            try_key(sample, starter, &starter->columns[i]);
}

mr_status mr_starter_check(const mr_sample *sample, const char *topic, mr_error *error)
{
    if (sample->objects > 0)
        return MR_OK;
    if (sample->seen == sample->tombstones)
        return mr_fail(
            error, MR_DATA,
            "all %u events that were read of topic %s are tombstones: take more of them with --sample",
            sample->seen, topic);
    if (sample->registry == sample->seen - sample->tombstones)
        return mr_fail(
            error, MR_DATA,
            "the events of topic %s begin with a zero byte, as those of a schema registry do (Avro, "
            "Protobuf): Millrace reads plain JSON, so let the producer write that",
            topic);
    return mr_fail(error, MR_DATA,
                   "none of %u events of topic %s is a JSON object (the first: %s): Millrace reads JSON, see "
                   "that it is the right topic",
                   sample->seen, topic, sample->first_broken);
}

void mr_starter_propose(const mr_sample *sample, mr_starter *starter)
{
    *starter = (mr_starter){0};
    starter->columns = mr_arena_take(sample->arena, "sample", MR_STARTER_COLUMNS, sizeof *starter->columns);
    add_members(sample, starter, &sample->root);
    if (sample->root.crowded)
        leave(sample, starter, sample->root.children, "and more fields than are counted");
    choose_key(sample, starter);
    starter->id = is_taken(starter, "id") ? "ksuid" : "id";
    for (unsigned i = 2; is_taken(starter, starter->id); i++) {
        char name[32];
        snprintf(name, sizeof name, "ksuid_%u", i);
        starter->id = keep(sample, name);
    }
}
