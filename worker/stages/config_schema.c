/* The table as a JSON Schema. */
#include <string.h>

#include "stages/config_table.h"

static json_t *scope_schema(mr_scope scope, bool shard_defaults);

static json_t *words_json(const char *words)
{
    json_t *list = json_array();
    for (const char *at = words; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        json_array_append_new(list, json_stringn(at, strcspn(at, "|")));
    return list;
}

static json_t *special_schema(const mr_key *key)
{
    if (!strcmp(key->shape, "any"))
        return json_object();
    json_t *made = json_pack("{s:o}", "type", words_json(key->shape));
    if (strstr(key->shape, "array"))
        json_object_set_new(made, "items", json_pack("{s:s}", "type", "string"));
    return made;
}

static json_t *key_schema(const mr_key *key)
{
    switch (key->kind) {
    case MR_KIND_TEXT:
        return json_pack("{s:s}", "type", "string");
    case MR_KIND_NUMBER:
        return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)key->least, "maximum",
                         (json_int_t)key->most);
    case MR_KIND_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case MR_KIND_CHOICE:
        return json_pack("{s:o}", "enum", words_json(key->choices));
    case MR_KIND_OBJECT:
        return scope_schema(key->inner, !strcmp(key->name, "shard_defaults"));
    case MR_KIND_LIST:
        return json_pack("{s:s, s:i, s:o}", "type", "array", "minItems", 1, "items",
                         scope_schema(key->inner, false));
    case MR_KIND_PROPERTIES:
        return json_pack("{s:s, s:{s:[s,s,s]}}", "type", "object", "additionalProperties", "type", "string",
                         "integer", "boolean");
    case MR_KIND_SPECIAL:
        return special_schema(key);
    case MR_KIND_RESERVED:
        break;
    }
    return NULL;
}

static json_t *scope_schema(mr_scope scope, bool shard_defaults)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < mr_key_count; i++) {
        const mr_key *key = &mr_keys[i];
        json_t *one = key->scope == scope ? key_schema(key) : NULL;
        if (!one)
            continue;
        json_object_set_new(one, "description", json_string(key->text));
        if (key->fallback)
            json_object_set_new(one, "default", json_loads(key->fallback, JSON_DECODE_ANY, NULL));
        json_object_set_new(properties, key->name, one);
        /* A shard's keys may stand in shard_defaults. */
        bool elsewhere = scope == MR_SCOPE_SHARD && (shard_defaults || strcmp(key->name, "name") != 0);
        if (key->flags & MR_KEY_REQUIRED && !elsewhere)
            json_array_append_new(required, json_string(key->name));
    }
    json_t *made =
        json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);
    if (json_array_size(required) > 0)
        json_object_set(made, "required", required);
    json_decref(required);
    return made;
}

void mr_config_schema(FILE *out)
{
    json_t *root = scope_schema(MR_SCOPE_ROOT, false);
    json_object_set_new(root, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(root, "title", json_string("Millrace configuration"));
    json_object_set_new(json_object_get(root, "properties"), "$schema", json_pack("{s:s}", "type", "string"));
    json_t *required = json_object_get(root, "required");
    json_array_append_new(required, json_string("kafka"));
    json_dumpf(root, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(root);
}
