/* Decoding: nanoseconds per event for all columns, validated and stored in a record, beside jansson parsing the same text into a tree.
 *
 *   build/release/tests/bench_decode
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stages/decode.h"

enum { ROUNDS = 7 };

static const char reference[] =
    "{\"type\":\"track\",\"messageId\":\"node-0123456789abcdef0123456789abcdef\",\"userId\":\"user-0004711\","
    "\"anonymousId\":\"507f191e-810c-1972-9de8-60ea00000000\",\"event\":\"Order "
    "Completed\",\"timestamp\":\"2026-01-31T12:34:56.789Z\","
    "\"properties\":{\"order_id\":\"o-3030158\",\"total\":129.95,\"currency\":\"EUR\",\"coupon\":null,"
    "\"products\":[{\"sku\":\"a-1\",\"price\":64.5},"
    "{\"sku\":\"b-22\",\"price\":65.45}],\"note\":\"caf\xc3\xa9 au "
    "lait\"},\"context\":{\"ip\":\"203.0.113.9\",\"library\":{\"name\":\"x\"}}}";

static const char settings[] =
    "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\",\"topic\":"
    "\"t\",\"table\":\"t\",\"key\":[\"userId\",\"anonymousId\"],"
    "\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":\"a\",\"from\":\"type\",\"type\":"
    "\"string\",\"max_bytes\":16,\"required\":true},"
    "{\"name\":\"b\",\"from\":\"messageId\",\"type\":\"string\",\"max_bytes\":64},{\"name\":\"c\",\"from\":"
    "\"userId\",\"type\":\"string\",\"max_bytes\":64},"
    "{\"name\":\"d\",\"from\":\"properties.total\",\"type\":\"decimal\",\"precision\":12,\"scale\":2},{"
    "\"name\":\"e\",\"from\":\"timestamp\",\"type\":\"datetime\"},"
    "{\"name\":\"f\",\"from\":\"properties\",\"type\":\"json\",\"max_bytes\":9000},{\"name\":\"g\",\"from\":"
    "\"@offset\",\"type\":\"int64\"}]}],"
    "\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}";

typedef struct bench {
    mr_decoder *decoder;
    unsigned char *record;
    uint64_t sum;
} bench;

static double decode_ns(bench *b, const char *text, size_t len, uint32_t times)
{
    mr_event event = {.value = text, .value_len = len, .topic = "t", .timestamp_ms = 1700000000000};
    mr_refusal refusal;
    uint64_t from = mr_clock_ns();
    for (uint32_t i = 0; i < times; i++) {
        uint64_t hash;
        uint32_t bytes;
        event.offset = i;
        if (mr_decode_scan(b->decoder, &event, &hash, &refusal) ||
            mr_decode_store(b->decoder, &event, b->record, &bytes, &refusal)) {
            fprintf(stderr, "bench_decode: %s\n", mr_reason_text(refusal.reason));
            exit(70);
        }
        b->sum += hash + bytes;
    }
    return (double)(mr_clock_ns() - from) / times;
}

static double jansson_ns(const char *text, size_t len, uint32_t times)
{
    uint64_t from = mr_clock_ns();
    for (uint32_t i = 0; i < times; i++)
        json_decref(json_loadb(text, len, 0, NULL));
    return (double)(mr_clock_ns() - from) / times;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(bench *b, const char *name, const char *text)
{
    double ours[ROUNDS], theirs[ROUNDS];
    size_t len = strlen(text);
    uint32_t times = (uint32_t)(100000000 / (len + 100));
    for (int i = 0; i < ROUNDS; i++) { /* in turns, for the machine may be noisy */
        ours[i] = decode_ns(b, text, len, times);
        theirs[i] = jansson_ns(text, len, times / 20);
    }
    qsort(ours, ROUNDS, sizeof *ours, ascending);
    qsort(theirs, ROUNDS, sizeof *theirs, ascending);
    printf("%-22s %6zu bytes  %8.0f ns (%.0f to %.0f)  jansson's tree %8.0f ns, %.0f times\n", name, len,
           ours[ROUNDS / 2], ours[0], ours[ROUNDS - 1], theirs[ROUNDS / 2],
           theirs[ROUNDS / 2] / ours[ROUNDS / 2]);
}

int main(void)
{
    mr_config *config;
    mr_findings findings = {0};
    mr_error error;
    mr_arena *arena = mr_arena_new();
    bench b = {.sum = 0};
    if (mr_config_parse("bench", settings, strlen(settings), NULL, &config, &findings) ||
        mr_decoder_new(&config->streams[0], arena, &b.decoder, &error))
        return 70;
    b.record = mr_arena_take(arena, "record", 1, mr_decoder_layout(b.decoder)->size);
    static char large[9000];
    size_t at = (size_t)snprintf(large, sizeof large,
                                 "{\"type\":\"track\",\"userId\":\"u\",\"timestamp\":\"2026-01-31T12:34:"
                                 "56Z\",\"properties\":{\"total\":1");
    for (int i = 0; at < 8000; i++)
        at += (size_t)snprintf(large + at, sizeof large - at,
                               ",\"field_%d\":\"the value of field number %d\",\"n%d\":%d.5", i, i, i, i);
    snprintf(large + at, sizeof large - at, "}}");
    compare(&b, "Segment track event", reference);
    compare(&b, "small event",
            "{\"type\":\"page\",\"userId\":\"user-1\",\"timestamp\":\"2026-01-31T12:34:56Z\",\"properties\":{"
            "\"total\":1}}");
    compare(&b, "large event", large);
    mr_arena_free(arena);
    mr_config_free(config);
    return b.sum == 0;
}
