/* Loading: text -> places and jansson's tree -> the table -> rules -> slot map. */
#include "stages/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "stages/config_table.h"

#define FILE_MAX (16u << 20)

const char *mr_type_name(mr_type type)
{
    static const char *const names[] = {
#define X(symbol, name) name,
        MR_TYPES(X)
#undef X
    };
    return names[type];
}

const char *mr_start_name(mr_start start)
{
    static const char *const names[] = {"earliest", "latest", "error", NULL};
    return names[start];
}

static json_t *parse_text(mr_reader *reader, const char *name, char *text, size_t len)
{
    json_error_t error;
    mr_config_blank_comments(text, len);
    json_t *root = json_loadb(text, len, 0, &error);
    if (!root || !json_is_object(root)) {
        mr_findings_add(reader->findings,
                        (mr_finding){.level = MR_LEVEL_ERROR,
                                     .status = MR_CONFIG,
                                     .line = root ? 1 : error.line,
                                     .column = root ? 1 : error.column,
                                     .where = (char *)(uintptr_t)name,
                                     .what = root ? (char *)(uintptr_t) "expected an object" : error.text,
                                     .remedy =
                                         (char *)(uintptr_t) "the configuration is one JSON object; only // "
                                                             "comments are allowed beside it"});
        json_decref(root);
        return NULL;
    }
    mr_config_index(reader, text, len);
    return root;
}

static void read_root(mr_reader *reader, const json_t *root)
{
    mr_config *config = reader->config;
    static const mr_scope once[] = {MR_SCOPE_ROOT,     MR_SCOPE_KAFKA, MR_SCOPE_BATCH,  MR_SCOPE_RETRY,
                                    MR_SCOPE_PARK,     MR_SCOPE_DLQ,   MR_SCOPE_MEMORY, MR_SCOPE_HTTP,
                                    MR_SCOPE_SHUTDOWN, MR_SCOPE_LOG};
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
        mr_config_defaults(reader, once[i], mr_config_scope_at(config, once[i]));
    mr_config_defaults(reader, MR_SCOPE_SHARD, &reader->shard_defaults);
    reader->shard_defaults.tls_mode = (mr_tls_mode)(MR_TLS_VERIFY_IDENTITY + 1); /* not said */
    mr_config_read_scope(reader, MR_SCOPE_ROOT, root, "", config);
    if (json_object_get(root, "shards"))
        mr_config_read_shards(reader, json_object_get(root, "shards"));
    mr_config_environment(reader);
    mr_config_check_streams(reader, root);
    if (config->shard_count > 0)
        mr_config_assign_slots(reader);
}

mr_status mr_config_parse(const char *name, const char *text, size_t len, char *const *environment,
                          mr_config **out, mr_findings *findings)
{
    size_t errors_before = mr_findings_errors(findings);
    mr_arena *texts = mr_arena_new();
    mr_config *config = mr_arena_take(texts, "configuration", 1, sizeof *config);
    config->texts = texts;
    mr_reader reader = {.config = config, .findings = findings, .environment = environment};
    char *mine = mr_heap_grow(NULL, len + 1);
    memcpy(mine, text, len);
    mine[len] = 0;
    json_t *root = parse_text(&reader, name, mine, len);
    if (root)
        read_root(&reader, root);
    json_decref(root);
    free(mine);
    free(reader.places);
    if (mr_findings_errors(findings) > errors_before) {
        mr_config_free(config);
        *out = NULL;
        return MR_CONFIG;
    }
    *out = config;
    return MR_OK;
}

mr_status mr_config_load(const char *file, char *const *environment, mr_config **config,
                         mr_findings *findings)
{
    FILE *in = fopen(file, "rb");
    char *text = in ? mr_heap_grow(NULL, FILE_MAX) : NULL;
    size_t len = text ? fread(text, 1, FILE_MAX, in) : 0;
    int failed = in && ferror(in) ? EIO : errno;
    bool unread = !in || ferror(in);
    if (in)
        fclose(in);
    *config = NULL;
    mr_status status = MR_CONFIG;
    if (unread) {
        status = failed == EACCES ? MR_DENIED : MR_CONFIG;
        mr_find(findings, MR_LEVEL_ERROR, status, file,
                "name the configuration with -c FILE or $MILLRACE_CONFIG; `millrace config --starter` writes "
                "a first one",
                "cannot be read: %s", strerror(failed));
    } else if (len == FILE_MAX) {
        mr_find(findings, MR_LEVEL_ERROR, status, file, "this is no configuration", "larger than 16 MiB");
    } else {
        status = mr_config_parse(file, text, len, environment, config, findings);
    }
    free(text);
    return status;
}

void mr_config_free(mr_config *config)
{
    if (config)
        mr_arena_free(config->texts);
}
