/* config_table.h: every key of the configuration, in one table; the inside of config*.c.
 *
 * A key has a scope (which object it stands in), a kind, the member that it fills, default, bounds, unit, choices and a text.  From the table come
 * the parser, the environment overrides, --reference, --schema and docs/configuration.md.  Read-only data.
 */
#ifndef MR_STAGES_CONFIG_TABLE_H
#define MR_STAGES_CONFIG_TABLE_H

#include "base/arena.h"
#include "stages/config.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_CONFIG_PATH 512

typedef enum mr_scope {
    MR_SCOPE_ROOT,
    MR_SCOPE_KAFKA,
    MR_SCOPE_STREAM,
    MR_SCOPE_ID,
    MR_SCOPE_COLUMN,
    MR_SCOPE_SHARD,
    MR_SCOPE_TLS,
    MR_SCOPE_BATCH,
    MR_SCOPE_RETRY,
    MR_SCOPE_PARK,
    MR_SCOPE_DLQ,
    MR_SCOPE_MEMORY,
    MR_SCOPE_HTTP,
    MR_SCOPE_SHUTDOWN,
    MR_SCOPE_LOG,
} mr_scope;

typedef enum mr_kind {
    MR_KIND_TEXT,
    MR_KIND_NUMBER,
    MR_KIND_BOOL,
    MR_KIND_CHOICE,     /* `choices`, in the order of the member's enum, the first one being `least` */
    MR_KIND_OBJECT,     /* `inner` scope, in the same struct */
    MR_KIND_LIST,       /* an array of objects of `inner` */
    MR_KIND_PROPERTIES, /* an object of names and scalars */
    MR_KIND_SPECIAL,    /* read by hand, see config_stream.c; `shape` says what it looks like */
    MR_KIND_RESERVED,   /* known, for a later release */
} mr_kind;

enum { MR_KEY_REQUIRED = 1, MR_KEY_ENV = 2, MR_KEY_SECRET = 4 };

typedef struct mr_key {
    mr_scope scope;
    const char *name;
    mr_kind kind;
    unsigned flags;
    size_t at, size;      /* the member */
    const char *fallback; /* default as JSON text; NULL = none */
    uint64_t least, most;
    const char *unit;
    const char *choices;  /* "a|b" */
    const char *reserved; /* choices of a later release */
    mr_scope inner;
    const char *shape; /* special ones: the JSON types it may have, "string|array"; or any */
    const char *text;
} mr_key;

extern const mr_key mr_keys[];
extern const size_t mr_key_count;

/* Where values and keys stand in the file. */
typedef struct mr_place {
    const char *path; /* "streams[0].table" */
    int line, column; /* of the value, from 1 */
    int key_line, key_column;
} mr_place;

typedef struct mr_reader {
    mr_config *config;
    mr_findings *findings;
    char *const *environment;
    mr_shard shard_defaults;
    mr_place *places;
    size_t place_count, place_cap;
} mr_reader;

/* ---- config_text.c ---- */

/* Blanks out // comments, in place; strings are left alone. */
void mr_config_blank_comments(char *text, size_t len);
/* Indexes the places of all values of well-formed JSON; reports repeated keys. */
void mr_config_index(mr_reader *reader, const char *text, size_t len);

/* ---- config_read.c ---- */

/* Reports an error at the value (or the key) of `path`. */
void mr_config_error(mr_reader *reader, const char *path, bool at_key, const char *remedy, const char *what,
                     ...) MR_PRINTF(5, 6);
/* The same for what may be meant so: at the value. */
void mr_config_warning(mr_reader *reader, const char *path, const char *remedy, const char *what, ...)
    MR_PRINTF(4, 5);
/* What has to be there is not; nothing when an error at `path` said already why it could not be read. */
void mr_config_missing(mr_reader *reader, const char *path, const char *remedy);
/* Reads an object into the struct at `into`; keys that it lacks keep what is there. */
void mr_config_read_scope(mr_reader *reader, mr_scope scope, const json_t *object, const char *path,
                          void *into);
/* Reads one value into the member of its key. */
void mr_config_read_value(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                          void *into);
void mr_config_defaults(mr_reader *reader, mr_scope scope, void *into);
/* "path.key" and "path[i]" in `at`. */
const char *mr_config_below(char at[MR_CONFIG_PATH], const char *path, const char *key);
const char *mr_config_item(char at[MR_CONFIG_PATH], const char *path, size_t i);
/* A string with ${NAME} replaced, owned by the configuration; NULL after an error. */
const char *mr_config_text(mr_reader *reader, const json_t *value, const char *path);
const char *mr_config_keep(mr_reader *reader, const char *text, size_t len);
/* Where a scope's struct lies within mr_config, for those that exist once. */
void *mr_config_scope_at(mr_config *config, mr_scope scope);
const char *mr_config_scope_path(mr_scope scope);

/* ---- config_environment.c ---- */

/* What MILLRACE_* say over the file; what is none of the keys' is warned about. */
void mr_config_environment(mr_reader *reader);

/* ---- config_stream.c, config_check.c ---- */

void mr_config_read_special(mr_reader *reader, const mr_key *key, const json_t *value, const char *path,
                            void *into);
/* The list of shards, each beginning as shard_defaults; read after everything else. */
void mr_config_read_shards(mr_reader *reader, const json_t *list);
void mr_config_check_streams(mr_reader *reader, const json_t *root);

/* ---- config_slots.c ---- */

void mr_config_assign_slots(mr_reader *reader);

#endif
