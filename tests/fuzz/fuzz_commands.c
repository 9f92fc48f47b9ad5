/* Texts that people write: arguments of commands, addresses, and in the configuration slots, paths and the time to start at. */
#include "../../worker/app/cmd_dlqfilter.c"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/must.h"
#include "edges/http_listen.h"
#include "stages/offsets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { SLOTS = 16 };

static bool digits_only(const char *text, size_t len)
{
    return len > 0 && strspn(text, "0123456789") >= len;
}

/* ---- --to, --since, --at ---- */

static void look_at_to(const char *text)
{
    mr_offsets_to to;
    int64_t ms;
    bool taken = mr_offsets_to_parse(text, &to), time = read_time(text, &ms);
    must(!taken || to.value >= 0);
    if (taken && to.kind == MR_OFFSETS_TO_OFFSET) {
        char again[24];
        snprintf(again, sizeof again, "%lld", (long long)to.value);
        must(!strcmp(again, text));
    } else if (taken && to.kind == MR_OFFSETS_TO_TIME) {
        must(time && ms == to.value);
    } else if (taken) {
        must(!strcmp(text, to.kind == MR_OFFSETS_TO_EARLIEST ? "earliest" : "latest"));
    }
}

static void look_at_event(const char *text)
{
    static const char *topics[] = {"t"};
    static mr_stream stream = {.name = "s", .topics = topics, .topic_count = 1};
    static const mr_config config = {.streams = &stream, .stream_count = 1};
    mr_dlq_filter filter = {.config = &config};
    static FILE *nowhere;
    FILE *was = stderr;
    stderr = nowhere = nowhere ? nowhere : fopen("/dev/null", "w"); /* for its complaints */
    mr_status status = mr_dlq_filter_at(&filter, text);
    stderr = was;
    if (status != MR_OK)
        return;
    const char *rest = text;
    if (filter.topic) {
        must(filter.topic == text && text[filter.topic_len] == ':');
        rest += filter.topic_len + 1;
    }
    size_t partition_len = strcspn(rest, ":");
    must(digits_only(rest, partition_len) && rest[partition_len] == ':');
    must(strtoll(rest, NULL, 10) == filter.partition);
    must(digits_only(rest + partition_len + 1, strlen(rest + partition_len + 1)));
    must(strtoll(rest + partition_len + 1, NULL, 10) == filter.offset);
}

/* ---- addresses ---- */

static void look_at_address(const char *text)
{
    mr_http_place to;
    char again[300];
    if (!mr_http_split(text, &to))
        return;
    bool brackets = text[0] == '[' && strchr(to.host, ':');
    snprintf(again, sizeof again, "%s%s%s:%s", brackets ? "[" : "", to.host, brackets ? "]" : "", to.port);
    must(!strcmp(again, text) && strtoul(to.port, NULL, 10) <= 65535);
    must(digits_only(to.port, strlen(to.port)) && strlen(to.port) <= 5);
}

/* ---- the configuration ---- */

static mr_config *configured(const char *slots, const char *path, const char *start)
{
    mr_config *config;
    mr_findings findings = {0};
    json_t *root = json_pack(
        "{s:{s:s,s:s,s:s},s:i,s:[{s:s,s:s,s:s,s:s,s:{s:s,s:s},s:[{s:s,s:s,s:s}]}],s:[{s:s,s:s,s:s,s:s,s:s}]}",
        "kafka", "bootstrap_servers", "b:1", "group_id", "g", "start", start, "slots", SLOTS, "streams",
        "name", "s", "topic", "t", "table", "t", "key", path, "id", "column", "id", "from", "ksuid",
        "columns", "name", "c", "from", "c", "type", "int8", "shards", "name", "a", "host", "h", "user", "u",
        "database", "d", "slots", slots);
    if (!root) /* no UTF-8 */
        return NULL;
    char *text = json_dumps(root, 0);
    json_decref(root);
    mr_status status = mr_config_parse("fuzz", text, strlen(text), NULL, &config, &findings);
    must((status == MR_OK) == (mr_findings_errors(&findings) == 0));
    mr_findings_free(&findings);
    free(text);
    return config;
}

/* The only shard has to have them all, each once. */
static bool naive_slots(const char *text)
{
    bool seen[SLOTS] = {false};
    int count = 0;
    for (const char *at = text;; at++) {
        unsigned long from, to;
        char *end;
        if (!digits_only(at, 1))
            return false;
        from = to = strtoul(at, &end, 10);
        if (*end == '-') {
            if (!digits_only(end + 1, 1))
                return false;
            to = strtoul(end + 1, &end, 10);
        }
        for (unsigned long slot = from; slot <= to; slot++) {
            if (slot >= SLOTS || seen[slot])
                return false;
            seen[slot] = true;
            count++;
        }
        at = end;
        if (from > to || (*at && *at != ','))
            return false;
        if (!*at)
            return count == SLOTS;
    }
}

static void look_at_slots(const char *text)
{
    mr_config *config = configured(text, "k", "earliest");
    must((config != NULL) == naive_slots(text));
    mr_config_free(config);
}

/* The steps, with their dots marked again, are the path. */
static void look_at_path(const char *text)
{
    mr_config *config = configured("0-15", text, "earliest");
    if (!config)
        return;
    const mr_source *source = &config->streams[0].key.at[0];
    char *again = calloc(2, 2 * strlen(text) + 2), *at = again;
    for (size_t i = 0; i < source->steps; i++) {
        *at = '.';
        at += i > 0;
        for (const char *c = source->step[i]; *c; c++) {
            if (*c == '.')
                *at++ = '\\';
            *at++ = *c;
        }
        must(*source->step[i]);
    }
    *at = 0;
    must(source->kind != MR_FROM_PATH || !strcmp(again, text));
    free(again);
    mr_config_free(config);
}

static void look_at_start(const char *text)
{
    mr_config *config = configured("0-15", "k", text);
    mr_offsets_to to;
    bool time = mr_offsets_to_parse(text, &to) && to.kind == MR_OFFSETS_TO_TIME;
    if (config && config->kafka.start == MR_START_TIME)
        must(time && config->kafka.start_ms == to.value);
    else
        must(!time);
    mr_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    memcpy(text, bytes, len);
    text[len] = 0;
    look_at_to(text);
    look_at_event(text);
    look_at_address(text);
    /* A dollar sign would be replaced; and a configuration costs a hundred times what the others do. */
    bool digit = digits_only(text, 1);
    if (digit && strlen(text) < 19 && !strchr(text, '$'))
        look_at_slots(text);
    else if (digit && !strchr(text, '$'))
        look_at_start(text);
    else if (!strchr(text, '$'))
        look_at_path(text);
    free(text);
    return 0;
}
