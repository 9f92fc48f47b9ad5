/* verify_event.h: what an event of the test stream must become, worked out without any code of the worker.
 *
 * jansson reads the text; hash, slot and KSUID are written here once more from the contract.  Pure; one thread; jansson uses the heap.
 * The stream: key userId, else anonymousId; type string 16 required; user_id string 64; total decimal 12,2 from
 * properties.total; occurred_at datetime from timestamp; properties json 1024; kafka_offset; message_id string 64.
 */
#ifndef MR_TESTS_VERIFY_EVENT_H
#define MR_TESTS_VERIFY_EVENT_H

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { COLUMN_COUNT = 8, FIELD_MAX = 1100 };

static const char *const column_names[COLUMN_COUNT] = {
    "id", "type", "user_id", "total", "occurred_at", "properties", "kafka_offset", "message_id"};

typedef struct field {
    bool null;
    size_t len;
    char text[FIELD_MAX];
} field;

typedef struct expected {
    const char *reason; /* NULL = a row; a trailing * stands for any ending */
    uint64_t hash;      /* of the key, when there is one */
    field column[COLUMN_COUNT];
} expected;

typedef struct coordinates {
    const char *topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
} coordinates;

static inline uint32_t fnv32(const char *bytes, size_t len)
{
    uint32_t hash = 2166136261u;
    while (len-- > 0)
        hash = (hash ^ (unsigned char)*bytes++) * 16777619u;
    return hash;
}

static inline uint64_t fnv64(const char *bytes, size_t len)
{
    uint64_t hash = 14695981039346656037ull;
    while (len-- > 0)
        hash = (hash ^ (unsigned char)*bytes++) * 1099511628211ull;
    return hash;
}

static inline uint32_t topic_hash(const char *topic)
{
    char source[256] = {0}; /* an empty namespace, a zero, the topic */
    size_t len = strlen(topic) < 255 ? strlen(topic) : 255;
    memcpy(source + 1, topic, len);
    return fnv32(source, len + 1);
}

static inline void set_text(field *to, const char *text, size_t len)
{
    to->null = false;
    to->len = len < FIELD_MAX ? len : FIELD_MAX;
    memcpy(to->text, text, to->len);
}

static inline void expect_id(field *id, const coordinates *at)
{
    char text[41];
    int64_t seconds = at->timestamp_ms < 0 ? 0 : at->timestamp_ms / 1000 - 1400000000;
    if (seconds < 0)
        seconds = 0;
    if (seconds > UINT32_MAX)
        seconds = UINT32_MAX;
    snprintf(text, sizeof text, "%08X%08X%08X%016llX", (unsigned)seconds, topic_hash(at->topic),
             (unsigned)at->partition, (unsigned long long)at->offset);
    set_text(id, text, 40);
}

/* The last "name" of the outermost object, as it stands in a text that jansson has accepted. */
static inline bool raw_member(const char *text, size_t len, const char *name, const char **from, size_t *size)
{
    size_t depth = 0, name_len = strlen(name), start = 0;
    bool found = false, ours = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"') {
            size_t open = i + 1;
            for (i++; text[i] != '"'; i++)
                i += text[i] == '\\';
            size_t after = i + 1;
            while (after < len && strchr(" \t\r\n", text[after]))
                after++;
            if (depth == 1 && after < len && text[after] == ':') {
                ours = i - open == name_len && !memcmp(text + open, name, name_len);
                start = i = after;
                start++;
            }
        } else if (depth == 1 && ours && (c == ',' || c == '}')) {
            size_t end = i;
            while (strchr(" \t\r\n", text[start]))
                start++;
            while (strchr(" \t\r\n", text[end - 1]))
                end--;
            *from = text + start;
            *size = end - start;
            found = true;
            ours = false;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
    }
    return found;
}

static inline const char *expect_string(field *to, const json_t *value, size_t max)
{
    if (!value || json_is_null(value)) {
        to->null = true;
        return NULL;
    }
    if (!json_is_string(value))
        return "wrong_type";
    if (json_string_length(value) > max)
        return "too_long";
    set_text(to, json_string_value(value), json_string_length(value));
    return NULL;
}

static inline const char *expect_total(field *to, const json_t *properties)
{
    char text[64];
    to->null = true;
    if (!properties || json_is_null(properties))
        return NULL;
    if (!json_is_object(properties))
        return "wrong_type";
    const json_t *total = json_object_get(properties, "total");
    if (!total || json_is_null(total))
        return NULL;
    if (!json_is_number(total))
        return "wrong_type";
    double value = json_number_value(total);
    if (fabs(value) >= 1e10)
        return "out_of_range";
    /* At most 12 digits: a double holds them, and a third digit that counts is far above its error. */
    if (fabs(value * 100 - round(value * 100)) > 1e-4)
        return "too_precise";
    snprintf(text, sizeof text, "%.2f", value);
    set_text(to, text, strlen(text));
    return NULL;
}

static inline const char *expect_time(field *to, const json_t *value)
{
    int year, month, day, hour, minute, second, fraction = 0, east_hour, east_minute, used = 0;
    char text[64], sign = 0;
    to->null = !value || json_is_null(value);
    if (to->null)
        return NULL;
    if (!json_is_string(value))
        return "wrong_type";
    const char *at = json_string_value(value);
    if (sscanf(at, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6)
        return "bad_format";
    at += used;
    if (*at == '.') {
        int scale = 100000;
        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            fraction += (*at - '0') * scale;
    }
    struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = second;
    time_t seconds = timegm(&parts);
    if (parts.tm_mday != day || parts.tm_mon != month - 1) /* timegm moves a day that does not exist */
        return "bad_format";
    if (strcmp(at, "Z") != 0) {
        if (sscanf(at, "%c%2d:%2d", &sign, &east_hour, &east_minute) != 3)
            return "bad_format";
        seconds -= (sign == '-' ? -1 : 1) * (east_hour * 3600 + east_minute * 60);
    }
    gmtime_r(&seconds, &parts);
    size_t len = strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(text + len, sizeof text - len, ".%06d", fraction);
    set_text(to, text, strlen(text));
    return NULL;
}

static inline const char *expect_key(uint64_t *hash, const json_t *root)
{
    char digits[32];
    const json_t *key = json_object_get(root, "userId");
    if (!key || json_is_null(key))
        key = json_object_get(root, "anonymousId");
    if (!key || json_is_null(key))
        return "key_missing";
    if (json_is_string(key)) {
        *hash = fnv64(json_string_value(key), json_string_length(key));
    } else if (json_is_integer(key)) {
        snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(key));
        *hash = fnv64(digits, strlen(digits));
    } else {
        return "key_type";
    }
    return NULL;
}

static inline const char *expect_properties(field *to, const json_t *root, const char *value, size_t len)
{
    const char *from = NULL;
    size_t size = 0;
    const json_t *properties = json_object_get(root, "properties");
    to->null = !properties || json_is_null(properties);
    if (to->null)
        return NULL;
    if (!raw_member(value, len, "properties", &from, &size))
        return "the checker did not find properties";
    if (size > 1024)
        return "too_long";
    set_text(to, from, size);
    return NULL;
}

static inline const char *expect_columns(expected *row, const json_t *root, const coordinates *at,
                                         const char *value, size_t len)
{
    char digits[32];
    const json_t *type = json_object_get(root, "type"), *properties = json_object_get(root, "properties");
    const char *reason = expect_key(&row->hash, root);
    if (!reason && (!type || json_is_null(type)))
        reason = "required";
    if (!reason)
        reason = expect_string(&row->column[1], type, 16);
    if (!reason)
        reason = expect_string(&row->column[2], json_object_get(root, "userId"), 64);
    if (!reason)
        reason = expect_total(&row->column[3], properties);
    if (!reason)
        reason = expect_time(&row->column[4], json_object_get(root, "timestamp"));
    if (!reason)
        reason = expect_properties(&row->column[5], root, value, len);
    if (!reason)
        reason = expect_string(&row->column[7], json_object_get(root, "messageId"), 64);
    expect_id(&row->column[0], at);
    snprintf(digits, sizeof digits, "%lld", (long long)at->offset);
    set_text(&row->column[6], digits, strlen(digits));
    return reason;
}

/* value: NULL for a tombstone. */
static inline void expect_event(expected *row, const coordinates *at, const char *value, size_t len)
{
    json_error_t error;
    row->hash = 0;
    row->reason = !value ? "tombstone" : !len ? "empty" : NULL;
    if (row->reason)
        return;
    json_t *root = json_loadb(value, len, 0, &error);
    if (!root)
        row->reason = "json_*";
    else if (!json_is_object(root))
        row->reason = "json_root";
    else
        row->reason = expect_columns(row, root, at, value, len);
    json_decref(root);
}

#endif
