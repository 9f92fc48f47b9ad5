/* Reading by the table: types, bounds, defaults, ${NAME}, unknown keys. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"
#include "stages/config_table.h"

#define TEXT_MAX 16384

const char *mr_config_keep(mr_reader *reader, const char *text, size_t len)
{
    char *kept = mr_arena_take(reader->config->texts, "configuration", len + 1, 1);
    memcpy(kept, text, len);
    return kept;
}

const char *mr_config_below(char at[MR_CONFIG_PATH], const char *path, const char *key)
{
    mr_buf buf = mr_buf_over(at, MR_CONFIG_PATH);
    mr_buf_printf(&buf, "%s%s%s", path, *path ? "." : "", key);
    return at;
}

const char *mr_config_item(char at[MR_CONFIG_PATH], const char *path, size_t i)
{
    mr_buf buf = mr_buf_over(at, MR_CONFIG_PATH);
    mr_buf_printf(&buf, "%s[%zu]", path, i);
    return at;
}

/* With the place in the file. */
static void report(mr_reader *reader, mr_finding finding, const char *path, bool at_key)
{
    finding.where = (char *)(uintptr_t)path;
    /* A value that was never written has the place of what holds it. */
    char at[MR_CONFIG_PATH];
    snprintf(at, sizeof at, "%s", path);
    for (bool found = false; !found;) {
        for (size_t i = 0; !found && i < reader->place_count; i++) {
            const mr_place *place = &reader->places[i];
            if ((found = !strcmp(place->path, at))) {
                finding.line = at_key ? place->key_line : place->line;
                finding.column = at_key ? place->key_column : place->column;
            }
        }
        char *cut = strrchr(at, '.');
        if (!found && !*at)
            break;
        if (!found)
            *(cut ? cut : at) = 0;
    }
    mr_findings_add(reader->findings, finding);
}

static void find(mr_reader *reader, mr_finding finding, const char *path, bool at_key, const char *what,
                 va_list arguments) MR_PRINTF(5, 0);

static void find(mr_reader *reader, mr_finding finding, const char *path, bool at_key, const char *what,
                 va_list arguments)
{
    char text[1024];
    vsnprintf(text, sizeof text, what, arguments);
    finding.what = text;
    report(reader, finding, path, at_key);
}

void mr_config_error(mr_reader *reader, const char *path, bool at_key, const char *remedy, const char *what,
                     ...)
{
    mr_finding finding = {.level = MR_LEVEL_ERROR, .status = MR_CONFIG, .remedy = (char *)(uintptr_t)remedy};
    va_list arguments;
    va_start(arguments, what);
    find(reader, finding, path, at_key, what, arguments);
    va_end(arguments);
}

void mr_config_warning(mr_reader *reader, const char *path, const char *remedy, const char *what, ...)
{
    mr_finding finding = {
        .level = MR_LEVEL_WARNING, .status = MR_CONFIG, .remedy = (char *)(uintptr_t)remedy};
    va_list arguments;
    va_start(arguments, what);
    find(reader, finding, path, false, what, arguments);
    va_end(arguments);
}

static bool is_reported(const mr_reader *reader, const char *path)
{
    for (size_t i = 0; i < reader->findings->count; i++)
        if (reader->findings->at[i].level == MR_LEVEL_ERROR && !strcmp(reader->findings->at[i].where, path))
            return true;
    return false;
}

void mr_config_missing(mr_reader *reader, const char *path, const char *remedy)
{
    if (!is_reported(reader, path))
        mr_config_error(reader, path, false, remedy, "is missing");
}

/* ---- ${NAME} ---- */

static const char *environment_value(const mr_reader *reader, const char *name, size_t len)
{
    for (char *const *at = reader->environment; at && *at; at++)
        if (!strncmp(*at, name, len) && (*at)[len] == '=')
            return *at + len + 1;
    return NULL;
}

/* Puts the value of the ${...} at `at` into out; returns what follows it, NULL after an error. */
static const char *substitute(mr_reader *reader, const char *at, const char *path, mr_buf *out)
{
    const char *end = strchr(at, '}');
    if (!end) {
        mr_config_error(reader, path, false, "close it with }, or write $$ for a dollar", "${ without }");
        return NULL;
    }
    const char *name = at + 2, *fallback = NULL;
    size_t len = (size_t)(end - name);
    for (const char *c = name; c + 1 < end && !fallback; c++)
        if (c[0] == ':' && c[1] == '-') {
            fallback = c + 2;
            len = (size_t)(c - name);
        }
    const char *value = environment_value(reader, name, len);
    if (value) {
        mr_buf_text(out, value);
    } else if (fallback) {
        mr_buf_put(out, fallback, (size_t)(end - fallback));
    } else {
        mr_config_error(reader, path, false, "set it, or give a default: ${NAME:-default}",
                        "the environment variable %.*s is not set", (int)len, name);
        return NULL;
    }
    return end + 1;
}

const char *mr_config_text(mr_reader *reader, const json_t *value, const char *path)
{
    const char *text = json_string_value(value);
    if (!strchr(text, '$'))
        return mr_config_keep(reader, text, strlen(text));
    static char room[TEXT_MAX]; /* the starting thread alone reads configurations */
    mr_buf out = mr_buf_over(room, sizeof room);
    for (const char *at = text; at && *at;) {
        if (at[0] == '$' && at[1] == '$') {
            mr_buf_put(&out, "$", 1);
            at += 2;
        } else if (at[0] == '$' && at[1] == '{') {
            if (!(at = substitute(reader, at, path, &out)))
                return NULL;
        } else {
            mr_buf_put(&out, at++, 1);
        }
    }
    if (out.full) {
        mr_config_error(reader, path, false, "shorten it", "the text is longer than %d bytes", TEXT_MAX - 1);
        return NULL;
    }
    return mr_config_keep(reader, out.at, out.len);
}

/* ---- one value ---- */

static const char *kind_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "true or false";
    }
}

static void wrong_kind(mr_reader *reader, const char *path, const char *wanted, const json_t *value)
{
    mr_config_error(reader, path, false, "see `millrace config --reference`", "expected %s, found %s", wanted,
                    kind_name(value));
}

static void store_number(const mr_key *key, void *into, uint64_t value)
{
    char *at = (char *)into + key->at;
    switch (key->size) {
    case 0:
        break;
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)(void *)at = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)(void *)at = (uint32_t)value;
        break;
    default:
        must(key->size == 8);
        *(uint64_t *)(void *)at = value;
    }
}

static void read_number(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                        void *into)
{
    if (!json_is_integer(value)) {
        wrong_kind(reader, path, "a whole number", value);
        return;
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < key->least || (uint64_t)number > key->most) {
        mr_config_error(reader, path, false, "choose a value in that range",
                        "%lld is not between %llu and %llu%s%s", (long long)number,
                        (unsigned long long)key->least, (unsigned long long)key->most, key->unit ? " " : "",
                        key->unit ? key->unit : "");
        return;
    }
    store_number(key, into, (uint64_t)number);
}

/* Index of `text` among "a|b|c", negative when it is not there. */
static int choice_of(const char *choices, const char *text)
{
    size_t len = strlen(text);
    int i = 0;
    for (const char *at = choices; at; i++) {
        size_t n = strcspn(at, "|");
        if (n == len && !strncmp(at, text, n))
            return i;
        at = at[n] ? at + n + 1 : NULL;
    }
    return -1;
}

static void read_choice(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                        void *into)
{
    if (!json_is_string(value)) {
        wrong_kind(reader, path, "a string", value);
        return;
    }
    const char *text = mr_config_text(reader, value, path);
    if (!text)
        return;
    int choice = choice_of(key->choices, text);
    if (choice >= 0) {
        store_number(key, into, (uint64_t)choice + key->least);
        return;
    }
    char remedy[512], choices[400];
    snprintf(choices, sizeof choices, "%s", key->choices);
    for (char *c = choices; *c; c++)
        *c = *c == '|' ? ' ' : *c;
    snprintf(remedy, sizeof remedy, "one of: %s", choices);
    if (key->reserved && choice_of(key->reserved, text) >= 0)
        mr_config_error(reader, path, false, remedy, "\"%s\" is reserved for a later release", text);
    else
        mr_config_error(reader, path, false, remedy, "\"%s\" is not known here", text);
}

static void read_properties(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                            void *into)
{
    if (!json_is_object(value)) {
        wrong_kind(reader, path, "an object of names and values", value);
        return;
    }
    mr_properties *properties = (mr_properties *)(void *)((char *)into + key->at);
    size_t count = json_object_size(value);
    properties->at = mr_arena_take(reader->config->texts, "configuration", count, sizeof *properties->at);
    const char *name;
    json_t *one;
    json_object_foreach((json_t *)(uintptr_t)value, name, one)
    {
        char at[MR_CONFIG_PATH], number[40];
        mr_config_below(at, path, name);
        const char *text = NULL;
        if (json_is_string(one))
            text = mr_config_text(reader, one, at);
        else if (json_is_boolean(one))
            text = json_is_true(one) ? "true" : "false";
        else if (json_is_integer(one)) {
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(one));
            text = mr_config_keep(reader, number, strlen(number));
        } else {
            wrong_kind(reader, at, "a string, a whole number, true or false", one);
        }
        if (text)
            properties->at[properties->count++] =
                (mr_property){.name = mr_config_keep(reader, name, strlen(name)), .value = text};
    }
}

/* ---- scopes ---- */

void *mr_config_scope_at(mr_config *config, mr_scope scope)
{
    return scope == MR_SCOPE_KAFKA ? (void *)&config->kafka : (void *)config;
}

const char *mr_config_scope_path(mr_scope scope)
{
    for (size_t i = 0; i < mr_key_count; i++)
        if (mr_keys[i].scope == MR_SCOPE_ROOT && mr_keys[i].kind == MR_KIND_OBJECT &&
            mr_keys[i].inner == scope)
            return mr_keys[i].name;
    return "";
}

/* ---- a value of any kind ---- */

void mr_config_read_value(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                          void *into)
{
    switch (key->kind) {
    case MR_KIND_TEXT:
        if (json_is_string(value)) {
            const char *text = mr_config_text(reader, value, path);
            if (text && !*text && key->flags & MR_KEY_REQUIRED)
                mr_config_error(reader, path, false, "give it a value", "must not be empty");
            else if (text)
                *(const char **)(void *)((char *)into + key->at) = text;
        } else {
            wrong_kind(reader, path, "a string", value);
        }
        break;
    case MR_KIND_NUMBER:
        read_number(reader, key, value, path, into);
        break;
    case MR_KIND_BOOL:
        if (json_is_boolean(value))
            store_number(key, into, json_is_true(value));
        else
            wrong_kind(reader, path, "true or false", value);
        break;
    case MR_KIND_CHOICE:
        read_choice(reader, key, value, path, into);
        break;
    case MR_KIND_OBJECT:
        if (!json_is_object(value))
            wrong_kind(reader, path, "an object", value);
        else if (key->scope != MR_SCOPE_ROOT)
            mr_config_read_scope(reader, key->inner, value, path, into);
        else if (key->inner == MR_SCOPE_SHARD)
            mr_config_read_scope(reader, key->inner, value, path, &reader->shard_defaults);
        else
            mr_config_read_scope(reader, key->inner, value, path,
                                 mr_config_scope_at(reader->config, key->inner));
        break;
    case MR_KIND_PROPERTIES:
        read_properties(reader, key, value, path, into);
        break;
    case MR_KIND_LIST:
    case MR_KIND_SPECIAL:
        mr_config_read_special(reader, key, value, path, into);
        break;
    case MR_KIND_RESERVED:
        mr_config_error(reader, path, true, "leave it out", "reserved for a later release");
        break;
    }
}

/* ---- an object ---- */

static size_t distance(const char *a, const char *b)
{
    size_t row[65], la = strnlen(a, 64), lb = strnlen(b, 64);
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]), insert = row[j - 1] + 1, drop = row[j] + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
            row[j] = row[j] < drop ? row[j] : drop;
        }
    }
    return row[lb];
}

static void unknown_key(mr_reader *reader, mr_scope scope, const char *name, const char *path)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 + 1;
    for (size_t i = 0; i < mr_key_count; i++)
        if (mr_keys[i].scope == scope && distance(name, mr_keys[i].name) < best) {
            best = distance(name, mr_keys[i].name);
            nearest = mr_keys[i].name;
        }
    char remedy[128] = "see `millrace config --reference`";
    if (nearest)
        snprintf(remedy, sizeof remedy, "did you mean \"%s\"?", nearest);
    mr_config_error(reader, path, true, remedy, "unknown key");
}

void mr_config_read_scope(mr_reader *reader, mr_scope scope, const json_t *object, const char *path,
                          void *into)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char at[MR_CONFIG_PATH];
        mr_config_below(at, path, name);
        const mr_key *key = NULL;
        for (size_t i = 0; !key && i < mr_key_count; i++)
            if (mr_keys[i].scope == scope && !strcmp(mr_keys[i].name, name))
                key = &mr_keys[i];
        if (key)
            mr_config_read_value(reader, key, value, at, into);
        else if (scope != MR_SCOPE_ROOT || strcmp(name, "$schema") != 0)
            unknown_key(reader, scope, name, at);
    }
}

void mr_config_defaults(mr_reader *reader, mr_scope scope, void *into)
{
    for (size_t i = 0; i < mr_key_count; i++) {
        const mr_key *key = &mr_keys[i];
        if (key->scope != scope)
            continue;
        if (key->kind == MR_KIND_OBJECT && key->scope != MR_SCOPE_ROOT)
            mr_config_defaults(reader, key->inner, into);
        if (!key->fallback || key->kind == MR_KIND_SPECIAL)
            continue;
        json_t *value = json_loads(key->fallback, JSON_DECODE_ANY, NULL);
        must(value);
        mr_config_read_value(reader, key, value, key->name, into);
        json_decref(value);
    }
}
