/* Overrides from the environment: MILLRACE_KAFKA_GROUP_ID for kafka.group_id. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "stages/config_table.h"

/* "kafka.group_id" as "MILLRACE_KAFKA_GROUP_ID". */
static void variable_of(const mr_key *key, char *name, size_t cap)
{
    snprintf(name, cap, "MILLRACE_%s_%s", mr_config_scope_path(key->scope), key->name);
    for (char *c = name; *c; c++)
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
}

static void override(mr_reader *reader, const mr_key *key, const char *variable, const char *text)
{
    json_t *value;
    if (key->kind == MR_KIND_NUMBER || key->kind == MR_KIND_BOOL)
        value = json_loads(text, JSON_DECODE_ANY, NULL);
    else
        value = json_string(text);
    if (value)
        mr_config_read_value(reader, key, value, variable, mr_config_scope_at(reader->config, key->scope));
    else
        mr_config_error(reader, variable, false, "give it a value of the key's type",
                        "\"%s\" is no value for %s.%s", text, mr_config_scope_path(key->scope), key->name);
    json_decref(value);
}

/* Kubernetes sets these for a Service named millrace; the others are the program's own. */
static bool expected(const char *name)
{
    static const char *const known[] = {"MILLRACE_CONFIG=", "MILLRACE_PORT=", "MILLRACE_PORT_",
                                        "MILLRACE_SERVICE_"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strncmp(name, known[i], strlen(known[i])))
            return true;
    return false;
}

void mr_config_environment(mr_reader *reader)
{
    for (char *const *at = reader->environment; at && *at; at++) {
        if (strncmp(*at, "MILLRACE_", 9) != 0 || expected(*at))
            continue;
        const char *text = strchr(*at, '=');
        bool used = false;
        for (size_t i = 0; text && !used && i < mr_key_count; i++) {
            char name[128];
            if (!(mr_keys[i].flags & MR_KEY_ENV))
                continue;
            variable_of(&mr_keys[i], name, sizeof name);
            size_t len = (size_t)(text - *at);
            if (strlen(name) == len && !strncmp(name, *at, len)) {
                override(reader, &mr_keys[i], name, text + 1);
                used = true;
            }
        }
        if (text && !used)
            mr_find(reader->findings, MR_LEVEL_WARNING, MR_CONFIG, "environment",
                    "see `millrace config --reference` for the keys that can be overridden",
                    "%.*s is not a setting of millrace and is ignored", (int)(text - *at), *at);
    }
}
