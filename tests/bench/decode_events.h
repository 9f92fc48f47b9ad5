/* decode_events.h: the events of bench_decode and of the guard, each with the stream that reads it.
 *
 * Made once, in static memory; the same bytes in every run.  One thread.
 */
#ifndef MR_BENCH_DECODE_EVENTS_H
#define MR_BENCH_DECODE_EVENTS_H

#include "decode_simdjson.h"
#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 9000, EVENT_FINDS = 64, EVENT_COLUMNS = 60, EVENT_MIXED = 1000, MIXED_MAX = 900 };

typedef struct bench_event {
    const char *name;
    const char *columns; /* of the stream, JSON */
    char text[EVENT_MAX + SIMDJSON_PADDED];
    size_t len;
    bench_find find[EVENT_FINDS]; /* the same fields, for simdjson */
    size_t finds;
    /* In turn instead of `text`, when there are some; len is their mean. */
    char (*mixed)[MIXED_MAX + SIMDJSON_PADDED];
    size_t *mixed_len;
} bench_event;

static inline const char *event_text(const bench_event *event, uint32_t turn, size_t *len)
{
    *len = event->mixed ? event->mixed_len[turn % EVENT_MIXED] : event->len;
    return event->mixed ? event->mixed[turn % EVENT_MIXED] : event->text;
}

static const char event_columns[] =
    "{\"name\":\"a\",\"from\":\"type\",\"type\":\"string\",\"max_bytes\":16,\"required\":true},"
    "{\"name\":\"b\",\"from\":\"messageId\",\"type\":\"string\",\"max_bytes\":64},"
    "{\"name\":\"c\",\"from\":\"userId\",\"type\":\"string\",\"max_bytes\":64},"
    "{\"name\":\"d\",\"from\":\"properties.total\",\"type\":\"decimal\",\"precision\":12,\"scale\":2},"
    "{\"name\":\"e\",\"from\":\"timestamp\",\"type\":\"datetime\"},"
    "{\"name\":\"f\",\"from\":\"properties\",\"type\":\"json\",\"max_bytes\":9000},"
    "{\"name\":\"g\",\"from\":\"@offset\",\"type\":\"int64\"}";

/* The configuration around a stream's columns. */
#define EVENT_SETTINGS                                                                                       \
    "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\",\"topic\":"    \
    "\"t\",\"table\":\"t\",\"key\":[\"userId\",\"anonymousId\"],\"id\":{\"column\":\"id\",\"from\":"         \
    "\"ksuid\"},"                                                                                            \
    "\"columns\":[%s]}],\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}"

static inline void event_put(bench_event *event, const char *text)
{
    size_t len = strlen(text);
    if (event->len + len >= EVENT_MAX)
        return;
    memcpy(event->text + event->len, text, len);
    event->len += len;
}

static inline void event_begin(bench_event *event, const char *name)
{
    static const bench_find finds[] = {
        {"type", NULL}, {"messageId", NULL}, {"userId", NULL}, {"timestamp", NULL}, {"properties", "total"}};
    event->name = name;
    event->columns = event_columns;
    event->finds = sizeof finds / sizeof *finds;
    memcpy(event->find, finds, sizeof finds);
}

/* Head of an event whose properties follow up to `len` bytes: `piece` again and again, its % the number of the turn. */
static inline void event_fill(bench_event *event, const char *name, size_t len, const char *piece)
{
    char text[512];
    event_begin(event, name);
    event_put(event,
              "{\"type\":\"track\",\"messageId\":\"m-0123456789\",\"userId\":\"user-0004711\",\"timestamp\":"
              "\"2026-01-31T12:34:56Z\",\"properties\":{\"total\":1");
    for (int i = 0; event->len + 2 < len; i++) {
        const char *mark = strchr(piece, '%');
        if (mark)
            snprintf(text, sizeof text, "%.*s%d%s", (int)(mark - piece), piece, i, mark + 1);
        event_put(event, mark ? text : piece);
    }
    event_put(event, "}}");
}

static inline void event_reference(bench_event *event)
{
    event_begin(event, "reference event");
    event_put(
        event,
        "{\"type\":\"track\",\"messageId\":\"node-v1-0123456789abcdef0123456789abcdef\",\"userId\":"
        "\"user-0004711\",\"anonymousId\":\"507f191e-810c-1972-9de8-60ea00000000\",\"event\":"
        "\"Order Completed\",\"timestamp\":\"2026-01-31T12:34:56.789Z\","
        "\"properties\":{\"order_id\":\"o-3030158\",\"total\":129.95,\"currency\":\"EUR\",\"coupon\":null,"
        "\"products\":[{\"sku\":\"a-1\",\"price\":64.5},{\"sku\":\"b-22\",\"price\":65.45}],"
        "\"note\":\"caf\xc3\xa9 au lait\"},\"context\":{\"ip\":\"203.0.113.9\",\"library\":{\"name\":"
        "\"x\"}}}");
}

static inline void event_small(bench_event *event)
{
    event_begin(event, "small event");
    event_put(event, "{\"type\":\"page\",\"userId\":\"user-1\",\"timestamp\":\"2026-01-31T12:34:56Z\","
                     "\"properties\":{\"total\":12.95}}");
    event->find[1] = event->find[2]; /* it has no messageId */
    event->find[2] = event->find[3];
    event->find[3] = event->find[4];
    event->finds = 4;
}

/* Sixty columns of four types. */
static inline void event_wide(bench_event *event)
{
    static const char *const types[] = {"\"string\",\"max_bytes\":32", "\"int64\"", "\"double\"", "\"bool\""};
    static const char *const values[] = {"\"the value\"", "4711", "64.25", "true"};
    static char columns[EVENT_COLUMNS * 100], names[EVENT_COLUMNS][24];
    size_t at = 0;
    event->name = "60 columns";
    for (int i = 0; i < EVENT_COLUMNS; i++) {
        snprintf(names[i], sizeof names[i], i ? "measure_%d" : "userId", i);
        event_put(event, i ? ",\"" : "{\"");
        event_put(event, names[i]);
        event_put(event, "\":");
        event_put(event, values[i % 4]);
        at += (size_t)snprintf(columns + at, sizeof columns - at,
                               "%s{\"name\":\"c%d\",\"from\":\"%s\",\"type\":%s}", i ? "," : "", i, names[i],
                               types[i % 4]);
        event->find[i] = (bench_find){names[i], NULL};
    }
    event_put(event, "}");
    event->columns = columns;
    event->finds = EVENT_COLUMNS;
}

/* As the reference event, of thirty kinds with properties of their own, one to four products, and members that are there or not; in no order. */
static inline void event_mixed(bench_event *event)
{
    static char texts[EVENT_MIXED][MIXED_MAX + SIMDJSON_PADDED];
    static size_t lens[EVENT_MIXED];
    uint64_t state = 1, total = 0;
    event_begin(event, "30 kinds, mixed");
    for (int i = 0; i < EVENT_MIXED; i++) {
        char *text = texts[i];
        uint32_t dice[6], kind;
        for (int d = 0; d < 6; d++) /* Knuth's generator */
            dice[d] = (uint32_t)((state = state * UINT64_C(6364136223846793005) + 1442695040888963407) >> 33);
        kind = dice[0] % 30;
        int at = sprintf(text, "{\"type\":\"track\",\"messageId\":\"node-v1-%08x\",\"userId\":\"user-%07u\",",
                         dice[1], dice[2] % 10000000);
        if (dice[3] % 2)
            at += sprintf(text + at, "\"anonymousId\":\"507f191e-810c-1972-9de8-%012u\",", dice[4]);
        at += sprintf(text + at,
                      "\"event\":\"Event "
                      "%u\",\"timestamp\":\"2026-01-31T12:%02u:56.789Z\",\"properties\":{\"total\":%u.95",
                      kind, dice[4] % 60, dice[4] % 1000);
        for (uint32_t k = 0; k < 3 + kind % 7; k++)
            at += sprintf(text + at, ",\"property_%u_%u\":\"value %u\"", kind, k, dice[1] % (k + 2));
        at += sprintf(text + at, dice[5] % 3 ? ",\"products\":[" : ",\"coupon\":null,\"products\":[");
        for (uint32_t k = 0; k <= dice[5] % 4; k++)
            at += sprintf(text + at, "%s{\"sku\":\"a-%u\",\"price\":%u.5}", k ? "," : "", dice[1] % 100,
                          dice[2] % 100);
        at += sprintf(text + at, "]},\"context\":{\"ip\":\"203.0.113.%u\",\"library\":{\"name\":\"x\"}}}",
                      dice[3] % 256);
        lens[i] = (size_t)at;
        total += lens[i];
    }
    event->mixed = texts;
    event->mixed_len = lens;
    event->len = total / EVENT_MIXED;
}

enum { EVENTS = 7 };

static inline bench_event *bench_events(void)
{
    static bench_event events[EVENTS];
    event_reference(&events[0]);
    event_small(&events[1]);
    event_fill(&events[2], "8 KB", 8000, ",\"field_%\":\"the value of a field\",\"n\":64.5,\"on\":true");
    event_fill(&events[3], "mostly not ASCII", 2000,
               ",\"name\":\"\xd0\xbc\xd0\xb5\xd0\xbb\xd1\x8c\xd0\xbd\xd0\xb8\xd1\x86\xd0\xb0 "
               "\xe6\xb0\xb4\xe8\xbb\x8a\xe3\x81\xae\xe7\xbe\xbd\xe6\xa0\xb9 \xf0\x9f\x9a\x80\xe2\x82\xac\"");
    event_fill(&events[4], "many escapes", 2000,
               ",\"note\":\"a \\\"quoted\\\" \\\\ slash\\/tab\\tend\\u00fcber\\nnext \\ud83d\\ude80\"");
    event_wide(&events[5]);
    event_mixed(&events[6]);
    return events;
}

#endif
