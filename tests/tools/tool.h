/* tool.h: what the test tools share: ending with a message, numbers from the command line, librdkafka clients.
 *
 * One thread.  A failure prints "NAME: what" to stderr and ends the process with 1 (2 for a wrong command line).
 */
#ifndef MR_TESTS_TOOL_H
#define MR_TESTS_TOOL_H

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOOL_PROPERTIES_MAX 32

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static inline int64_t tool_number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < 0) {
        fprintf(stderr, "%s: %s wants a number, not '%s'\n", program_invocation_short_name, name, text);
        exit(2);
    }
    return value;
}

static inline void *tool_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        die("out of memory");
    return memory;
}

static inline uint64_t tool_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void tool_sleep_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static inline void tool_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why))
        die("%s=%s: %s", name, value, why);
}

/* "name=value" from the command line. */
static inline void tool_set_pair(rd_kafka_conf_t *conf, const char *pair)
{
    char name[256];
    const char *equals = strchr(pair, '=');
    if (!equals || (size_t)(equals - pair) >= sizeof name)
        die("a property is written name=value, not '%s'", pair);
    memcpy(name, pair, (size_t)(equals - pair));
    name[equals - pair] = 0;
    tool_set(conf, name, equals + 1);
}

typedef struct tool_properties {
    const char *pair[TOOL_PROPERTIES_MAX];
    size_t count;
} tool_properties;

static inline void tool_property(tool_properties *properties, const char *pair)
{
    if (properties->count == TOOL_PROPERTIES_MAX)
        die("at most %d properties", TOOL_PROPERTIES_MAX);
    properties->pair[properties->count++] = pair;
}

static inline rd_kafka_conf_t *tool_conf(const char *bootstrap, const tool_properties *properties)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    tool_set(conf, "bootstrap.servers", bootstrap);
    for (size_t i = 0; i < properties->count; i++)
        tool_set_pair(conf, properties->pair[i]);
    return conf;
}

static inline rd_kafka_t *tool_client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[512];
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (!client)
        die("%s", why);
    return client;
}

/* How many partitions a topic has; waits up to 30 s for it to be there. */
static inline int32_t tool_partitions(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    int32_t count = 0;
    for (int i = 0; i < 60 && !count; i++) {
        const struct rd_kafka_metadata *metadata;
        err = rd_kafka_metadata(client, 0, handle, &metadata, 5000);
        if (!err) {
            if (metadata->topic_cnt == 1 && !metadata->topics[0].err)
                count = metadata->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(metadata);
        }
        if (!count)
            tool_sleep_ms(500);
    }
    rd_kafka_topic_destroy(handle);
    if (!count)
        die("topic %s cannot be reached: %s", topic, err ? rd_kafka_err2str(err) : "there is none");
    return count;
}

#endif
