#include "edges/kafka_client.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "stages/plan.h"

#define SECRET_MAX 16384 /* its terminating zero included */

/* Reads a secret without its one trailing newline; the length, or negative with the reason. */
static ssize_t read_secret(const char *file, char *text, size_t cap, mr_error *error)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, cap - 1);
    int failed = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0) {
        mr_fail(error, MR_CONFIG, "%s: %s: check that the secret is mounted and readable", file,
                strerror(failed));
        return -1;
    }
    if (got == (ssize_t)cap - 1) {
        mr_fail(error, MR_CONFIG, "%s is longer than %zu bytes: name the file that holds the secret alone",
                file, cap - 2);
        return -1;
    }
    if (got > 0 && text[got - 1] == '\n')
        got--;
    text[got] = 0;
    return got;
}

bool mr_kafka_conf_try(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    return rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, mr_error *error)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    mr_fail(error, MR_CONFIG, "librdkafka %s refuses %s, %s: see its CONFIGURATION.md",
            rd_kafka_version_str(), name, why);
    return false;
}

static bool set_number(rd_kafka_conf_t *conf, const char *name, uint64_t value, mr_error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return set(conf, name, text, error);
}

static uint64_t number_of(const rd_kafka_conf_t *conf, const char *name)
{
    char text[24] = "";
    size_t size = sizeof text;
    rd_kafka_conf_get(conf, name, text, &size);
    return strtoull(text, NULL, 10);
}

static bool set_all(rd_kafka_conf_t *conf, const mr_properties *properties, mr_error *error)
{
    for (size_t i = 0; i < properties->count; i++)
        if (!set(conf, properties->at[i].name, properties->at[i].value, error))
            return false;
    return true;
}

static bool set_secrets(rd_kafka_conf_t *conf, const mr_properties *files, mr_error *error)
{
    char secret[SECRET_MAX];
    bool well = true;
    for (size_t i = 0; well && i < files->count; i++) {
        well = read_secret(files->at[i].value, secret, sizeof secret, error) >= 0 &&
               set(conf, files->at[i].name, secret, error);
        if (!well)
            mr_error_context(error, "kafka.properties_file.%s", files->at[i].name);
    }
    explicit_bzero(secret, sizeof secret); /* memset would be dropped: nobody reads it afterwards */
    return well;
}

static bool has_pattern(const mr_config *config)
{
    for (size_t s = 0; s < config->stream_count; s++)
        for (size_t t = 0; t < config->streams[s].topic_count; t++)
            if (config->streams[s].topics[t][0] == '^')
                return true;
    return false;
}

bool mr_kafka_denies(int err)
{
    return err == RD_KAFKA_RESP_ERR__AUTHENTICATION || err == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

const rd_kafka_metadata_topic_t *mr_kafka_find_topic(const rd_kafka_metadata_t *metadata, const char *name)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (!strcmp(metadata->topics[i].topic, name))
            return &metadata->topics[i];
    return NULL;
}

void mr_kafka_dlq_topic(const mr_config *config, const char *topic, char *out, size_t cap)
{
    mr_buf buf = mr_buf_over(out, cap);
    for (const char *at = config->dlq.topic; *at;) {
        bool here = !strncmp(at, "{topic}", 7);
        mr_buf_put(&buf, here ? topic : at, here ? strlen(topic) : 1);
        at += here ? 7 : 1;
    }
}

/* A pattern such as ^events must not subscribe to the dead letters of its own topics. */
static bool hide_dead_letter_topics(rd_kafka_conf_t *conf, const mr_config *config, mr_error *error)
{
    char pattern[1024];
    mr_buf buf = mr_buf_over(pattern, sizeof pattern);
    mr_buf_text(&buf, "^");
    for (const char *at = config->dlq.topic; *at;) {
        if (!strncmp(at, "{topic}", 7)) {
            mr_buf_text(&buf, ".*");
            at += 7;
        } else {
            mr_buf_printf(&buf, strchr(".[]()*+?{}|^$\\", *at) ? "\\%c" : "%c", *at);
            at++;
        }
    }
    mr_buf_text(&buf, "$");
    return set(conf, "topic.blacklist", pattern, error);
}

/* How much is fetched ahead.  Partitions forwarded to one thread's queue share its count, so the budget is a thread's; it counts value bytes
 * only, so the number of messages is bounded as well.  Then the user's properties, which may say otherwise. */
static bool set_fetching(rd_kafka_conf_t *conf, const mr_config *config, mr_error *error)
{
    const mr_kafka_config *kafka = &config->kafka;
    uint64_t fetch_mib = mr_plan_fetch_mib(config, rd_kafka_version());
    uint64_t fetch_kib = fetch_mib * 1024 / kafka->consumer_threads;
    /* An answer comes on top of a queue that was not quite full: it is small beside it. */
    uint64_t answer_mib = fetch_mib / 4 < 1 ? 1 : fetch_mib / 4 > 16 ? 16 : fetch_mib / 4;
    uint64_t answer = answer_mib << 20;
    bool well = set_number(conf, "queued.max.messages.kbytes", fetch_kib, error) &&
                set_number(conf, "queued.min.messages", fetch_kib * 1024 / MR_KAFKA_SMALL + 1, error) &&
                set_number(conf, "fetch.message.max.bytes", 1 << 20, error) &&
                set_number(conf, "fetch.max.bytes", answer, error) &&
                set(conf, "topic.metadata.refresh.interval.ms", "20000", error) &&
                set(conf, "allow.auto.create.topics", "false", error);
    if (!well)
        return false;
    mr_kafka_conf_try(conf, "fetch.queue.backoff.ms", "5"); /* from 2.2 on: the fetch stall */
    if (!set_all(conf, &kafka->consumer_properties, error)) {
        mr_error_context(error, "kafka.consumer_properties");
        return false;
    }
    /* Whoever allows larger messages means that they come. */
    uint64_t message = number_of(conf, "message.max.bytes");
    if (message > answer && number_of(conf, "fetch.max.bytes") == answer)
        return set_number(conf, "fetch.max.bytes", message, error);
    return true;
}

/* What the guarantees rest on: after everything else. */
static bool set_guarantees(rd_kafka_conf_t *conf, const mr_kafka_config *kafka, mr_error *error)
{
    return set(conf, "enable.auto.commit", "false", error) &&
           set(conf, "enable.auto.offset.store", "false", error) &&
           set(conf, "auto.offset.reset", "error", error) &&
           set(conf, "enable.partition.eof", "true", error) &&
           set(conf, "isolation.level", kafka->read_uncommitted ? "read_uncommitted" : "read_committed",
               error);
}

static bool set_consumer(rd_kafka_conf_t *conf, const mr_config *config, mr_error *error)
{
    const mr_kafka_config *kafka = &config->kafka;
    /* Eager assignors where cooperative rebalancing is known to crash or hang (librdkafka below 2.10). */
    const char *assignor = rd_kafka_version() >= 0x020a01ff ? "cooperative-sticky" : "range,roundrobin";
    return set(conf, "partition.assignment.strategy", assignor, error) && set_fetching(conf, config, error) &&
           (!has_pattern(config) || hide_dead_letter_topics(conf, config, error)) &&
           set(conf, "group.id", kafka->group_id, error) &&
           (!kafka->group_instance_id[0] ||
            set(conf, "group.instance.id", kafka->group_instance_id, error)) &&
           set_guarantees(conf, kafka, error);
}

static bool set_reader(rd_kafka_conf_t *conf, const mr_config *config, mr_error *error)
{
    /* A broker answers one fetch after the other: a partition that waits at its end holds up one that starts, for this long. */
    return set(conf, "fetch.wait.max.ms", "100", error) && set_fetching(conf, config, error) &&
           set_guarantees(conf, &config->kafka, error);
}

static bool set_producer(rd_kafka_conf_t *conf, const mr_config *config, mr_error *error)
{
    bool well = set(conf, "queue.buffering.max.kbytes", "32768", error) &&
                set(conf, "message.max.bytes", "67108864", error) && set(conf, "linger.ms", "5", error) &&
                set(conf, "compression.type", "lz4", error);
    if (!well)
        return false;
    if (!set_all(conf, &config->kafka.producer_properties, error)) {
        mr_error_context(error, "kafka.producer_properties");
        return false;
    }
    return set(conf, "enable.idempotence", "true", error) && set(conf, "message.timeout.ms", "0", error);
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    mr_log(level <= 3   ? MR_LOG_ERROR
           : level == 4 ? MR_LOG_WARN
           : level <= 6 ? MR_LOG_INFO
                        : MR_LOG_DEBUG,
           "librdkafka", NULL, "%s: %s", facility, text);
}

/* ---- OAUTHBEARER ---- */

static size_t base64url_decode(const char *text, size_t len, char *out, size_t cap)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    size_t held = 0, n = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!digit || n == cap)
            break;
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (char)(bits >> held);
        }
    }
    return n;
}

/* Takes the end of life and the subject from a JWT's claims; a token that is none lives five minutes. */
static void token_claims(const char *token, int64_t *ends_ms, char *subject, size_t cap)
{
    *ends_ms = mr_clock_wall_ms() + 300000;
    snprintf(subject, cap, "millrace");
    const char *from = strchr(token, '.');
    const char *to = from ? strchr(from + 1, '.') : NULL;
    if (!to)
        return;
    char claims[4096];
    size_t len = base64url_decode(from + 1, (size_t)(to - from - 1), claims, sizeof claims);
    json_t *root = json_loadb(claims, len, 0, NULL);
    if (json_is_integer(json_object_get(root, "exp")))
        *ends_ms = json_integer_value(json_object_get(root, "exp")) * 1000;
    if (json_is_string(json_object_get(root, "sub")))
        snprintf(subject, cap, "%s", json_string_value(json_object_get(root, "sub")));
    json_decref(root);
}

static bool give_token(rd_kafka_t *client, const char *file, uint64_t *hash, mr_error *error)
{
    char token[SECRET_MAX], subject[256], why[256];
    int64_t ends_ms;
    ssize_t len = read_secret(file, token, sizeof token, error);
    if (len < 0)
        return false;
    *hash = mr_fnv1a64(token, (size_t)len);
    token_claims(token, &ends_ms, subject, sizeof subject);
    rd_kafka_resp_err_t err =
        rd_kafka_oauthbearer_set_token(client, token, ends_ms, subject, NULL, 0, why, sizeof why);
    explicit_bzero(token, sizeof token);
    if (err)
        mr_fail(error, MR_CONFIG,
                "kafka.token_file %s, %s: let it hold one OAUTHBEARER token that is still good", file, why);
    return !err;
}

/* librdkafka asks before the token expires. */
static void on_token_needed(rd_kafka_t *client, const char *ignored, void *opaque)
{
    (void)ignored;
    const mr_kafka_owner *owner = opaque;
    mr_error error;
    uint64_t hash;
    if (!give_token(client, owner->config->kafka.token_file, &hash, &error)) {
        mr_log(MR_LOG_ERROR, "token_failed", NULL, "%s", error.text);
        rd_kafka_oauthbearer_set_token_failure(client, error.text);
    }
}

/* ---- one client ---- */

rd_kafka_conf_t *mr_kafka_conf(mr_kafka_owner *owner, mr_kafka_role role, mr_error *error)
{
    const mr_kafka_config *kafka = &owner->config->kafka;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, owner);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (kafka->token_file[0])
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token_needed);
    bool well =
        set(conf, "client.id", "millrace", error) && set(conf, "socket.keepalive.enable", "true", error);
    if (well && !set_all(conf, &kafka->properties, error)) {
        mr_error_context(error, "kafka.properties");
        well = false;
    }
    well = well && set_secrets(conf, &kafka->properties_file, error) &&
           (role != MR_KAFKA_CONSUMER || set_consumer(conf, owner->config, error)) &&
           (role != MR_KAFKA_READER || set_reader(conf, owner->config, error)) &&
           (role != MR_KAFKA_PRODUCER || set_producer(conf, owner->config, error)) &&
           set(conf, "bootstrap.servers", kafka->bootstrap_servers, error);
    if (well)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

mr_status mr_kafka_new(rd_kafka_conf_t *conf, mr_kafka_role role, rd_kafka_t **client, mr_error *error)
{
    char why[512];
    *client = rd_kafka_new(role == MR_KAFKA_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why,
                           sizeof why);
    if (*client)
        return MR_OK;
    bool no_threads = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
    rd_kafka_conf_destroy(conf);
    if (no_threads)
        return mr_fail(error, MR_UNAVAILABLE,
                       "librdkafka makes no client, %s: allow the process more threads and files", why);
    return mr_fail(error, MR_CONFIG,
                   "librdkafka makes no client, %s: correct kafka.properties and what goes with it, see its "
                   "CONFIGURATION.md",
                   why);
}

static const char *property(const mr_properties *properties, const char *name)
{
    for (size_t i = 0; i < properties->count; i++)
        if (!strcmp(properties->at[i].name, name))
            return properties->at[i].value;
    return NULL;
}

/* Whether it is another than the one that is known, if one is. */
static bool take_up(uint64_t *known, uint64_t now)
{
    bool changed = *known != 0 && *known != now;
    *known = now;
    return changed;
}

static bool reload_password(rd_kafka_t *client, const mr_kafka_config *kafka, const char *file,
                            uint64_t *known)
{
    char secret[SECRET_MAX];
    mr_error error;
    rd_kafka_error_t *refused = NULL;
    ssize_t len = read_secret(file, secret, sizeof secret, &error);
    if (len < 0) {
        mr_log(MR_LOG_ERROR, "secret_failed", NULL, "%s", error.text);
        return false;
    }
    uint64_t hash = mr_fnv1a64(secret, (size_t)len);
    if (hash != *known) {
        const char *user = property(&kafka->properties, "sasl.username");
        refused = rd_kafka_sasl_set_credentials(client, user ? user : "", secret);
    }
    explicit_bzero(secret, sizeof secret);
    if (refused) {
        mr_log(MR_LOG_ERROR, "secret_failed", NULL, "librdkafka does not take the password: %s",
               rd_kafka_error_string(refused));
        rd_kafka_error_destroy(refused);
    }
    return take_up(known, hash);
}

static bool reload_token(rd_kafka_t *client, const char *file, uint64_t *known)
{
    mr_error error;
    uint64_t hash;
    if (give_token(client, file, &hash, &error))
        return take_up(known, hash);
    mr_log(MR_LOG_ERROR, "token_failed", NULL, "%s", error.text);
    return false;
}

bool mr_kafka_reload_secrets(rd_kafka_t *client, const mr_config *config, mr_kafka_secrets *seen)
{
    const mr_kafka_config *kafka = &config->kafka;
    const char *password_file = property(&kafka->properties_file, "sasl.password");
    bool password = password_file && reload_password(client, kafka, password_file, &seen->password);
    bool token = kafka->token_file[0] && reload_token(client, kafka->token_file, &seen->token);
    return password || token;
}
