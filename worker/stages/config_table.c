#include "stages/config_table.h"

#include "stages/plan.h"

/* A table reads better as one. */
/* clang-format off */
/* Macros for the usual kinds: scope, struct, member, name, ... */
#define TEXT(s, t, m, n, d, f, x)          {.scope = s, .name = n, .kind = MR_KIND_TEXT, .flags = f, MEMBER_OF(t, m), .fallback = d, .text = x}
#define NUMBER(s, t, m, n, d, lo, hi, u, f, x) {.scope = s, .name = n, .kind = MR_KIND_NUMBER, .flags = f, MEMBER_OF(t, m), .fallback = d, .least = lo, .most = hi, .unit = u, .text = x}
#define BOOL(s, t, m, n, d, f, x)          {.scope = s, .name = n, .kind = MR_KIND_BOOL, .flags = f, MEMBER_OF(t, m), .fallback = d, .text = x}
#define CHOICE(s, t, m, n, d, c, f, x)     {.scope = s, .name = n, .kind = MR_KIND_CHOICE, .flags = f, MEMBER_OF(t, m), .fallback = d, .choices = c, .text = x}
#define OBJECT(s, n, i, x)                 {.scope = s, .name = n, .kind = MR_KIND_OBJECT, .inner = i, .text = x}
#define LIST(s, n, i, f, x)                {.scope = s, .name = n, .kind = MR_KIND_LIST, .flags = f, .inner = i, .text = x}
#define PROPERTIES(t, m, n, x)             {.scope = MR_SCOPE_KAFKA, .name = n, .kind = MR_KIND_PROPERTIES, MEMBER_OF(t, m), .text = x}
#define SPECIAL(s, n, h, f, d, x)          {.scope = s, .name = n, .kind = MR_KIND_SPECIAL, .flags = f, .fallback = d, .shape = h, .text = x}
#define RESERVED(s, n, x)                  {.scope = s, .name = n, .kind = MR_KIND_RESERVED, .text = x}
#define MEMBER_OF(t, m)                    .at = offsetof(t, m), .size = sizeof(((t *)0)->m)

/* "string|int8|...": each type brings a bar. */
#define BAR(symbol, name) "|" name
#define TYPES (&(MR_TYPES(BAR))[1])

#define NUMERAL(number)  NUMERAL_(number)
#define NUMERAL_(number) #number

#define E MR_KEY_ENV
#define R MR_KEY_REQUIRED

const mr_key mr_keys[] = {
    OBJECT(MR_SCOPE_ROOT, "kafka", MR_SCOPE_KAFKA, "the cluster and the consumer group"),
    LIST(MR_SCOPE_ROOT, "streams", MR_SCOPE_STREAM, R, "topics and the table that they go to"),
    LIST(MR_SCOPE_ROOT, "shards", MR_SCOPE_SHARD, R, "the target databases, 1 to 64"),
    OBJECT(MR_SCOPE_ROOT, "shard_defaults", MR_SCOPE_SHARD, "what all shards have in common; any key of a shard but name and slots"),
    NUMBER(MR_SCOPE_ROOT, mr_config, slots, "slots", "1024", 1, MR_SLOTS_MAX, "slots", 0, "hash slots: slot = FNV-1a 64 of the key, modulo this; never change it for a group with data"),
    OBJECT(MR_SCOPE_ROOT, "batch", MR_SCOPE_BATCH, "how much goes into one transaction"),
    OBJECT(MR_SCOPE_ROOT, "retry", MR_SCOPE_RETRY, "when a failed batch is tried again"),
    OBJECT(MR_SCOPE_ROOT, "park", MR_SCOPE_PARK, "when a shard in trouble is set aside"),
    OBJECT(MR_SCOPE_ROOT, "dlq", MR_SCOPE_DLQ, "dead letters"),
    OBJECT(MR_SCOPE_ROOT, "memory", MR_SCOPE_MEMORY, "memory, taken once at start"),
    OBJECT(MR_SCOPE_ROOT, "http", MR_SCOPE_HTTP, "metrics and probes"),
    OBJECT(MR_SCOPE_ROOT, "shutdown", MR_SCOPE_SHUTDOWN, "the end"),
    OBJECT(MR_SCOPE_ROOT, "log", MR_SCOPE_LOG, "the log on stderr"),

    TEXT(MR_SCOPE_KAFKA, mr_kafka_config, bootstrap_servers, "bootstrap_servers", NULL, R | E, "brokers to begin with, host:port, separated by commas"),
    TEXT(MR_SCOPE_KAFKA, mr_kafka_config, group_id, "group_id", NULL, R | E, "the consumer group"),
    TEXT(MR_SCOPE_KAFKA, mr_kafka_config, group_instance_id, "group_instance_id", "\"\"", E, "static membership: a name that stays with this instance; empty: dynamic membership"),
    NUMBER(MR_SCOPE_KAFKA, mr_kafka_config, consumer_threads, "consumer_threads", "1", 1, MR_CONSUMERS_MAX, "threads", E, "threads that decode and route; partitions are spread over them"),
    SPECIAL(MR_SCOPE_KAFKA, "start", "string", E, "\"earliest\"", "where to begin when the group has no offset: earliest, latest, error (hold the partition), or a time such as 2026-01-31T00:00:00Z"),
    CHOICE(MR_SCOPE_KAFKA, mr_kafka_config, out_of_range_earliest, "out_of_range", "\"hold\"", "hold|earliest", E, "a committed offset that has vanished from the log: hold that partition until told, or go on at its beginning"),
    CHOICE(MR_SCOPE_KAFKA, mr_kafka_config, read_uncommitted, "isolation", "\"read_committed\"", "read_committed|read_uncommitted", E, "whether events of open and aborted transactions are read"),
    NUMBER(MR_SCOPE_KAFKA, mr_kafka_config, commit_interval_ms, "commit_interval_ms", "1000", 10, 600000, "ms", E, "how often offsets are committed"),
    NUMBER(MR_SCOPE_KAFKA, mr_kafka_config, rebalance_drain_s, "rebalance_drain_s", "2", 0, 60, "s", E, "how long a rebalance waits for what is on its way"),
    CHOICE(MR_SCOPE_KAFKA, mr_kafka_config, foreign_offsets_accept, "foreign_offsets", "\"refuse\"", "refuse|accept", E, "offsets that another tool committed: hold the partition, or take them"),
    PROPERTIES(mr_kafka_config, properties, "properties", "librdkafka properties of every client, by librdkafka's names"),
    PROPERTIES(mr_kafka_config, consumer_properties, "consumer_properties", "librdkafka properties of the consumer"),
    PROPERTIES(mr_kafka_config, producer_properties, "producer_properties", "librdkafka properties of the producer of dead letters"),
    PROPERTIES(mr_kafka_config, properties_file, "properties_file", "librdkafka property to the file that holds its value, such as sasl.password; read again when it changes"),
    TEXT(MR_SCOPE_KAFKA, mr_kafka_config, token_file, "token_file", "\"\"", E, "file with an OAUTHBEARER token, read again before the token expires"),

    TEXT(MR_SCOPE_STREAM, mr_stream, name, "name", NULL, R, "the stream's name in metrics and logs"),
    SPECIAL(MR_SCOPE_STREAM, "topic", "string", 0, NULL, "the topic; a leading ^ makes it a regular expression"),
    SPECIAL(MR_SCOPE_STREAM, "topics", "array", 0, NULL, "several topics, in place of `topic`"),
    {.scope = MR_SCOPE_STREAM, .name = "format", .kind = MR_KIND_CHOICE, .fallback = "\"json\"", .choices = "json", .text = "what the values are"},
    TEXT(MR_SCOPE_STREAM, mr_stream, table, "table", NULL, R, "the table, in the shard's database or as db.table"),
    SPECIAL(MR_SCOPE_STREAM, "key", "string|array", 0, "\"@key\"", "what routes an event: a path or @ source, or a list of them (the first that is present and not null)"),
    CHOICE(MR_SCOPE_STREAM, mr_stream, key_missing, "key_missing", NULL, "dlq|message_key|spread", 0, "an event without a key: a dead letter, by the message's key, or spread by partition and offset; default spread where the key is @key, else dlq"),
    RESERVED(MR_SCOPE_STREAM, "where", "which events belong to the stream"),
    {.scope = MR_SCOPE_STREAM, .name = "write", .kind = MR_KIND_CHOICE, .fallback = "\"insert\"", .choices = "insert", .reserved = "upsert|guarded", .text = "how a row is written; the first write of an identity stays"},
    RESERVED(MR_SCOPE_STREAM, "guard", "the column that decides which version wins"),
    {.scope = MR_SCOPE_STREAM, .name = "tombstone", .kind = MR_KIND_CHOICE, MEMBER_OF(mr_stream, tombstone_skip), .fallback = "\"dlq\"", .choices = "dlq|skip", .reserved = "delete", .text = "what becomes of an event whose value is null"},
    OBJECT(MR_SCOPE_STREAM, "id", MR_SCOPE_ID, "what makes a row unique"),
    LIST(MR_SCOPE_STREAM, "columns", MR_SCOPE_COLUMN, R, "the columns that are written, in this order"),

    SPECIAL(MR_SCOPE_ID, "column", "string", 0, NULL, "the column that takes the KSUID (with from)"),
    SPECIAL(MR_SCOPE_ID, "from", "string", 0, NULL, "\"ksuid\": an identity made of timestamp, topic, partition and offset"),
    TEXT(MR_SCOPE_ID, mr_stream, id_namespace, "namespace", "\"\"", 0, "tells clusters, or a topic that was made again, apart in the KSUID"),
    SPECIAL(MR_SCOPE_ID, "columns", "array", 0, NULL, "in place of a KSUID: the columns of the event that are the primary key"),

    TEXT(MR_SCOPE_COLUMN, mr_column, name, "name", NULL, R, "the table's column"),
    SPECIAL(MR_SCOPE_COLUMN, "from", "string|array", 0, NULL, "a dotted path (\\. is a dot in a name), a list of paths (the first that is present), or @key, @topic, @partition, @offset, @timestamp, @value, @header.NAME"),
    SPECIAL(MR_SCOPE_COLUMN, "value", "any", 0, NULL, "a constant, in place of `from`"),
    CHOICE(MR_SCOPE_COLUMN, mr_column, type, "type", NULL, TYPES, R, "the column's type"),
    BOOL(MR_SCOPE_COLUMN, mr_column, required, "required", "false", 0, "neither missing nor null"),
    SPECIAL(MR_SCOPE_COLUMN, "default", "any", 0, NULL, "the value where it is missing"),
    NUMBER(MR_SCOPE_COLUMN, mr_column, max_bytes, "max_bytes", NULL, 1, 16777215, "bytes", 0, "string, json, binary (decoded): the longest value; this much room is kept in each record"),
    NUMBER(MR_SCOPE_COLUMN, mr_column, max_chars, "max_chars", NULL, 1, 16777215, "characters", 0, "string: the longest value in characters"),
    NUMBER(MR_SCOPE_COLUMN, mr_column, precision, "precision", NULL, 1, 65, "digits", 0, "decimal: digits in all"),
    NUMBER(MR_SCOPE_COLUMN, mr_column, scale, "scale", NULL, 0, 30, "digits", 0, "decimal: digits after the point"),
    {.scope = MR_SCOPE_COLUMN, .name = "unit", .kind = MR_KIND_CHOICE, MEMBER_OF(mr_column, unit), .least = MR_UNIT_S, .choices = "s|ms|us|ns", .text = "datetime: the value is a number since 1970 in this unit, not a text"},
    CHOICE(MR_SCOPE_COLUMN, mr_column, truncate_fraction, "fraction", "\"exact\"", "exact|truncate", 0, "datetime, time: more than 6 digits of a second are a dead letter, or are cut"),
    SPECIAL(MR_SCOPE_COLUMN, "assume_offset", "string", 0, NULL, "datetime: the offset from UTC of texts without one, such as Z or +02:00"),
    SPECIAL(MR_SCOPE_COLUMN, "accept", "array", 0, NULL, "[\"number\", \"string\"]: numbers may also stand in strings"),
    CHOICE(MR_SCOPE_COLUMN, mr_column, on_too_long, "on_too_long", "\"dlq\"", "dlq|null|truncate", 0, "string: a text that is too long is a dead letter, NULL, or cut at a character"),

    TEXT(MR_SCOPE_SHARD, mr_shard, name, "name", NULL, R, "the shard's name; part of the slot map's fingerprint"),
    TEXT(MR_SCOPE_SHARD, mr_shard, slots, "slots", NULL, 0, "its hash slots, such as 0-511,600; an even split in order where no shard says it"),
    TEXT(MR_SCOPE_SHARD, mr_shard, host, "host", "\"\"", 0, "host of the server; its name is resolved at every connect"),
    NUMBER(MR_SCOPE_SHARD, mr_shard, port, "port", "3306", 1, 65535, "port", 0, "TCP port"),
    TEXT(MR_SCOPE_SHARD, mr_shard, socket, "socket", "\"\"", 0, "unix socket, in place of host"),
    TEXT(MR_SCOPE_SHARD, mr_shard, database, "database", NULL, R, "the database"),
    TEXT(MR_SCOPE_SHARD, mr_shard, user, "user", NULL, R, "the user; needs SELECT, INSERT, UPDATE"),
    TEXT(MR_SCOPE_SHARD, mr_shard, password, "password", "\"\"", MR_KEY_SECRET, "the password; better a password_file or ${NAME}"),
    TEXT(MR_SCOPE_SHARD, mr_shard, password_file, "password_file", "\"\"", 0, "file with the password, read at every connect; one trailing newline is stripped"),
    CHOICE(MR_SCOPE_SHARD, mr_shard, auth_cleartext, "auth", "\"password\"", "password|cleartext", 0, "cleartext (PAM, LDAP): only with verified TLS"),
    CHOICE(MR_SCOPE_SHARD, mr_shard, dialect, "dialect", "\"auto\"", "auto|mariadb|mysql", 0, "auto: by the server's capability flags"),
    OBJECT(MR_SCOPE_SHARD, "tls", MR_SCOPE_TLS, "encryption of the connection"),
    NUMBER(MR_SCOPE_SHARD, mr_shard, connect_timeout_s, "connect_timeout_s", "5", 1, 3600, "s", 0, "time to connect"),
    NUMBER(MR_SCOPE_SHARD, mr_shard, read_timeout_s, "read_timeout_s", "30", 1, 3600, "s", 0, "time to wait for an answer"),
    NUMBER(MR_SCOPE_SHARD, mr_shard, write_timeout_s, "write_timeout_s", "30", 1, 3600, "s", 0, "time to send, where the server may still be at work on what was sent before"),
    BOOL(MR_SCOPE_SHARD, mr_shard, hold, "hold", "false", 0, "park the shard by intent, for maintenance: its events stay in Kafka until the worker is started without it"),

    CHOICE(MR_SCOPE_TLS, mr_shard, tls_mode, "mode", NULL, "disabled|verify_ca|verify_identity", 0, "default: verify_identity when a ca_file is given, else disabled; fails closed"),
    TEXT(MR_SCOPE_TLS, mr_shard, tls_ca_file, "ca_file", "\"\"", 0, "certificates of the authorities (PEM)"),
    TEXT(MR_SCOPE_TLS, mr_shard, tls_cert_file, "cert_file", "\"\"", 0, "the client's certificate (PEM)"),
    TEXT(MR_SCOPE_TLS, mr_shard, tls_key_file, "key_file", "\"\"", 0, "the client's key (PEM)"),

    NUMBER(MR_SCOPE_BATCH, mr_config, batch.max_rows, "max_rows", "5000", 1, 1000000, "rows", E, "rows of a transaction, about"),
    NUMBER(MR_SCOPE_BATCH, mr_config, batch.max_bytes, "max_bytes", "8388608", 65536, 1073741824, "bytes", E, "bytes of a transaction, about; kept below the server's max_allowed_packet per statement"),
    NUMBER(MR_SCOPE_BATCH, mr_config, batch.connections, "connections", "2", 1, 2, "connections", E, "connections to a shard that write at the same time; the second is opened when a whole batch waits while another is written, and closed when it was not needed for 20 s"),
    NUMBER(MR_SCOPE_BATCH, mr_config, batch.linger_ms, "linger_ms", "20", 0, 60000, "ms", E, "how long a row waits for company while its writer is idle; five times as long while more arrives than is taken"),

    NUMBER(MR_SCOPE_RETRY, mr_config, retry.tick_ms, "tick_ms", "100", 1, 10000, "ms", E, "the wheel's tick"),
    NUMBER(MR_SCOPE_RETRY, mr_config, retry.backoff_min_ms, "backoff_min_ms", "100", 1, 3600000, "ms", E, "the shortest wait before another attempt"),
    NUMBER(MR_SCOPE_RETRY, mr_config, retry.backoff_max_ms, "backoff_max_ms", "60000", 1, 3600000, "ms", E, "the longest"),
    NUMBER(MR_SCOPE_RETRY, mr_config, retry.attempts_max, "attempts_max", "10", 1, 1000000, "attempts", E, "transient failures of a batch (deadlocks, lock waits) before its shard is parked; never a dead letter"),

    NUMBER(MR_SCOPE_PARK, mr_config, park.pool_share_percent, "pool_share_percent", "25", 1, 50, "%", E, "share of the pool that a shard without success may hold while others wait for room; with more, or with its equal part of three quarters of the pool, it is parked"),
    NUMBER(MR_SCOPE_PARK, mr_config, park.after_s, "after_s", "10", 1, 86400, "s", E, "time with work and without success before a shard is parked: its events stay in Kafka and are read again when it is back. As long as no other shard takes rows, none is parked: reading waits"),
    NUMBER(MR_SCOPE_PARK, mr_config, park.probe_min_ms, "probe_min_ms", "500", 10, 3600000, "ms", E, "the shortest wait before a parked shard is tried again, and before one more event of a stream that is held for its dead letters"),
    NUMBER(MR_SCOPE_PARK, mr_config, park.probe_max_ms, "probe_max_ms", "30000", 10, 3600000, "ms", E, "the longest"),

    TEXT(MR_SCOPE_DLQ, mr_config, dlq.topic, "topic", "\"{topic}.dlq\"", E, "the dead-letter topic; {topic} is the event's"),
    TEXT(MR_SCOPE_DLQ, mr_config, dlq.replay_topic, "replay_topic", "\"\"", E, "the topic to which `dlq replay` sends dead letters back; only this group reads it, and millrace.origin decides which event each of them is"),
    NUMBER(MR_SCOPE_DLQ, mr_config, dlq.per_minute_max, "per_minute_max", "0", 0, 1000000000, "letters", E, "a stream's budget; when it is used up the stream is held until the next minute, and what its consumer thread reads beside it; 0: no budget"),
    NUMBER(MR_SCOPE_DLQ, mr_config, dlq.drift_percent, "drift_percent", "50", 1, 100, "%", E, "more of a batch, or of the last 20 to 100 events, than this cannot become rows: then the table or the producer must be wrong, and nothing becomes a dead letter. Refused by the database: its shard is parked; by the stream's columns: the stream is held, and one event is tried now and then. 100 turns the guard off"),

    NUMBER(MR_SCOPE_MEMORY, mr_config, memory.pool_mib, "pool_mib", "64", 1, 1048576, "MiB", E, "the records: the bound on what is in flight, and the back-pressure"),
    NUMBER(MR_SCOPE_MEMORY, mr_config, memory.fetch_mib, "fetch_mib", "0", 0, 65536, "MiB", E, "what librdkafka may fetch ahead; 0: " NUMERAL(MR_FETCH_MIB) ", but " NUMERAL(MR_FETCH_MIB_STALLS) " with SASL and librdkafka before 2.2, which is slow with less"),

    TEXT(MR_SCOPE_HTTP, mr_config, http.listen, "listen", "\"[::]:7780\"", E, "address of /metrics, /status and the status page; empty: none"),
    TEXT(MR_SCOPE_HTTP, mr_config, http.probe_listen, "probe_listen", "\"[::]:7781\"", E, "address of /livez, /readyz, /startupz; empty: none"),
    BOOL(MR_SCOPE_HTTP, mr_config, http.status_page, "status_page", "true", E, "whether / is the status page, or nothing"),

    NUMBER(MR_SCOPE_SHUTDOWN, mr_config, shutdown.grace_s, "grace_s", "25", 1, 3600, "s", E, "time to drain, commit and leave after SIGTERM"),

    CHOICE(MR_SCOPE_LOG, mr_config, log.text, "format", "\"json\"", "json|text", E, "one JSON object a line, or text"),
    CHOICE(MR_SCOPE_LOG, mr_config, log.level, "level", "\"info\"", "debug|info|warn|error", E, "the least level that is shown"),
};
/* clang-format on */

const size_t mr_key_count = sizeof mr_keys / sizeof mr_keys[0];
