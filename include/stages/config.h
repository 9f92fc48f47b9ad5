/* config.h: the configuration as the program uses it: defaults filled in, every value checked.
 *
 * Built once at start from the JSON file and the environment; read-only afterwards, so any thread may read it.
 * Texts are owned by the mr_config.  Secrets are never in here: only the names of the files that hold them
 * (`password` is the exception that the contract allows; mr_config_print masks it).
 * What each key means is in one table, worker/stages/config_table.c, which also makes the parser, the environment overrides,
 * `millrace config --reference`, `--schema` and docs/configuration.md.
 */
#ifndef MR_STAGES_CONFIG_H
#define MR_STAGES_CONFIG_H

#include "base/status.h"
#include "stages/finding.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MR_SHARDS_MAX    64
#define MR_STREAMS_MAX   64
#define MR_CONSUMERS_MAX 64
#define MR_SLOTS_MAX     65536

typedef struct mr_property {
    const char *name;
    const char *value;
} mr_property;

typedef struct mr_properties {
    mr_property *at;
    size_t count;
} mr_properties;

typedef enum mr_start { MR_START_EARLIEST, MR_START_LATEST, MR_START_ERROR, MR_START_TIME } mr_start;

const char *mr_start_name(mr_start start); /* of one that is a word; NULL: it is a time */

typedef struct mr_kafka_config {
    const char *bootstrap_servers;
    const char *group_id;
    const char *group_instance_id; /* "" = dynamic membership */
    uint32_t consumer_threads;
    mr_start start;
    int64_t start_ms; /* MR_START_TIME: milliseconds since 1970 */
    bool out_of_range_earliest;
    bool read_uncommitted;
    uint32_t commit_interval_ms;
    uint32_t rebalance_drain_s;
    bool foreign_offsets_accept;
    mr_properties properties, consumer_properties, producer_properties;
    mr_properties properties_file; /* value = file name; read by the edge */
    const char *token_file;        /* "" = none */
} mr_kafka_config;

/* The types of columns, by the names that the configuration has for them.  int8 to int64 and uint8 to uint64 stay in this order. */
#define MR_TYPES(X)                                                                                          \
    X(MR_TYPE_STRING, "string")                                                                              \
    X(MR_TYPE_INT8, "int8")                                                                                  \
    X(MR_TYPE_INT16, "int16")                                                                                \
    X(MR_TYPE_INT32, "int32")                                                                                \
    X(MR_TYPE_INT64, "int64")                                                                                \
    X(MR_TYPE_UINT8, "uint8")                                                                                \
    X(MR_TYPE_UINT16, "uint16")                                                                              \
    X(MR_TYPE_UINT32, "uint32")                                                                              \
    X(MR_TYPE_UINT64, "uint64")                                                                              \
    X(MR_TYPE_DOUBLE, "double")                                                                              \
    X(MR_TYPE_BOOL, "bool")                                                                                  \
    X(MR_TYPE_DECIMAL, "decimal")                                                                            \
    X(MR_TYPE_DATETIME, "datetime")                                                                          \
    X(MR_TYPE_DATE, "date")                                                                                  \
    X(MR_TYPE_TIME, "time")                                                                                  \
    X(MR_TYPE_UUID, "uuid")                                                                                  \
    X(MR_TYPE_BINARY, "binary")                                                                              \
    X(MR_TYPE_JSON, "json")

typedef enum mr_type {
#define X(symbol, name) symbol,
    MR_TYPES(X)
#undef X
        MR_TYPE_COUNT
} mr_type;

const char *mr_type_name(mr_type type);

/* Where a value comes from. */
typedef enum mr_source_kind {
    MR_FROM_PATH,
    MR_FROM_KEY,
    MR_FROM_TOPIC,
    MR_FROM_PARTITION,
    MR_FROM_OFFSET,
    MR_FROM_TIMESTAMP,
    MR_FROM_VALUE,
    MR_FROM_HEADER,
} mr_source_kind;

typedef struct mr_source {
    mr_source_kind kind;
    const char *text;   /* as written: "properties.total", "@header.trace" */
    const char *header; /* MR_FROM_HEADER: its name */
    const char **step;  /* MR_FROM_PATH: the steps, `\.` resolved */
    size_t steps;
} mr_source;

typedef struct mr_sources {
    mr_source *at;
    size_t count;
} mr_sources;

typedef enum mr_too_long { MR_TOO_LONG_DLQ, MR_TOO_LONG_NULL, MR_TOO_LONG_TRUNCATE } mr_too_long;
typedef enum mr_unit { MR_UNIT_NONE, MR_UNIT_S, MR_UNIT_MS, MR_UNIT_US, MR_UNIT_NS } mr_unit;

typedef struct mr_column {
    const char *name;
    mr_sources from;          /* empty when `value_json` is given */
    const char *value_json;   /* a constant, as JSON text; NULL = none */
    const char *default_json; /* JSON text; NULL = none */
    mr_type type;
    bool required;
    uint32_t max_bytes;        /* string, json, binary: given; others 0 */
    uint32_t max_chars;        /* 0 = no limit of its own */
    uint32_t precision, scale; /* decimal */
    mr_unit unit;              /* epoch times; NONE = ISO 8601 text */
    bool truncate_fraction;
    bool has_assume_offset;
    int32_t assume_offset_min;         /* minutes east of UTC */
    bool accept_number, accept_string; /* "accept" as written */
    mr_too_long on_too_long;
} mr_column;

typedef enum mr_key_missing {
    MR_KEY_MISSING_DLQ,
    MR_KEY_MISSING_MESSAGE_KEY,
    MR_KEY_MISSING_SPREAD
} mr_key_missing;

typedef struct mr_stream {
    const char *name;
    const char **topics; /* as written; a leading ^ is a regular expression */
    size_t topic_count;
    const char *table; /* "table" or "db.table" */
    mr_sources key;
    mr_key_missing key_missing;
    bool tombstone_skip; /* else a dead letter */
    bool id_ksuid;
    const char *id_column; /* id_ksuid: the column's name */
    const char *id_namespace;
    size_t *id_columns; /* else: indices into columns */
    size_t id_column_count;
    mr_column *columns;
    size_t column_count;
} mr_stream;

typedef enum mr_tls_mode { MR_TLS_DISABLED, MR_TLS_VERIFY_CA, MR_TLS_VERIFY_IDENTITY } mr_tls_mode;
typedef enum mr_dialect { MR_DIALECT_AUTO, MR_DIALECT_MARIADB, MR_DIALECT_MYSQL } mr_dialect;

typedef struct mr_shard {
    const char *name;
    const char *slots;  /* as written; NULL = even split */
    const char *host;   /* "" when a socket is used */
    uint16_t port;      /* 3306 */
    const char *socket; /* "" = none */
    const char *database;
    const char *user;
    const char *password;      /* "" = none */
    const char *password_file; /* "" = none */
    bool auth_cleartext;
    mr_dialect dialect;
    mr_tls_mode tls_mode;
    const char *tls_ca_file, *tls_cert_file, *tls_key_file; /* "" = none */
    uint32_t connect_timeout_s, read_timeout_s, write_timeout_s;
    bool hold;
} mr_shard;

typedef struct mr_config {
    struct mr_arena *texts; /* holds all texts and arrays */
    mr_kafka_config kafka;
    mr_stream *streams;
    size_t stream_count;
    uint32_t slots;
    uint16_t *slot_shard; /* [slots]: the shard of each slot, complete and checked */
    mr_shard *shards;
    size_t shard_count;
    struct {
        uint32_t max_rows;
        uint64_t max_bytes;
        uint32_t linger_ms;
        uint32_t connections; /* to a shard that write at the same time: 1 or 2 */
    } batch;
    struct {
        uint32_t tick_ms, backoff_min_ms, backoff_max_ms, attempts_max;
    } retry;
    struct {
        uint32_t pool_share_percent, after_s, probe_min_ms, probe_max_ms;
    } park;
    struct {
        const char *topic, *replay_topic;
        uint32_t per_minute_max, drift_percent;
    } dlq;
    struct {
        uint32_t pool_mib, fetch_mib;
    } memory;
    struct {
        const char *listen, *probe_listen;
        bool status_page;
    } http;
    struct {
        uint32_t grace_s;
    } shutdown;
    struct {
        bool text; /* else json */
        int level; /* mr_log_level */
    } log;
} mr_config;

/* Reads and checks `file`; every problem of the file is reported at once in `findings` (errors and warnings,
 * with line, column and path).  MR_OK with *config set when there is no error; else MR_CONFIG (or MR_UNAVAILABLE /
 * MR_DENIED when the file cannot be read) and *config NULL.  `environment` is environ's form. */
mr_status mr_config_load(const char *file, char *const *environment, mr_config **config,
                         mr_findings *findings) MR_CHECKED;
/* The same from text in memory; `name` is used in messages. */
mr_status mr_config_parse(const char *name, const char *text, size_t len, char *const *environment,
                          mr_config **config, mr_findings *findings) MR_CHECKED;
void mr_config_free(mr_config *config);

/* The effective configuration as JSON, secrets masked. */
void mr_config_print(const mr_config *config, FILE *out);
/* The slots of a shard, as the configuration writes them: "0-511,600". */
void mr_config_put_slots(const mr_config *config, size_t shard, FILE *out);
/* A JSON Schema of the file, from the table. */
void mr_config_schema(FILE *out);

#endif
