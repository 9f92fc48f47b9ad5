/* Decoding: nanoseconds per event for all columns, validated and stored in a record, beside jansson parsing the same text into a tree and,
 * where the library is there (tests/tools/packages bench), simdjson's on-demand parser merely finding the same fields.
 *
 *   build/release/tests/bench_decode [ROUNDS [EVENT]]      (101, all)
 *
 * One line per kind of event: minimum and median of the rounds, which are taken in turns, and the ratios of the minima: a machine that is
 * shared makes everything slower now and then, but nothing faster.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/progress.h"
#include "base/clock.h"
#include "decode_events.h"
#include "stages/decode.h"

enum { ROUNDS_MAX = 10000, BYTES_A_ROUND = 400000 };

typedef struct bench {
    const bench_event *event;
    mr_decoder *decoder;
    unsigned char *record;
    mr_event in; /* cleared once: to do it for each event would take as long as a tenth of decoding it */
    uint64_t sum;
} bench;

typedef struct figures {
    double least, median;
} figures;

static void fail(const char *what)
{
    fprintf(stderr, "bench_decode: %s\n", what);
    exit(70);
}

static void decode_one(bench *b, uint32_t i)
{
    mr_event *event = &b->in;
    event->offset = i;
    event->value = event_text(b->event, i, &event->value_len);
    mr_refusal refusal;
    uint64_t hash = 0;
    uint32_t bytes = 0;
    if (mr_decode_scan(b->decoder, event, &hash, &refusal) ||
        mr_decode_store(b->decoder, event, b->record, &bytes, &refusal))
        fail(mr_reason_text(refusal.reason));
    b->sum += hash + bytes;
}

static void jansson_one(bench *b, uint32_t i)
{
    size_t len;
    const char *text = event_text(b->event, i, &len);
    json_t *root = json_loadb(text, len, 0, NULL);
    b->sum += i + json_object_size(root);
    json_decref(root);
}

#ifdef BENCH_SIMDJSON
static void simdjson_one(bench *b, uint32_t i)
{
    size_t len;
    const char *text = event_text(b->event, i, &len);
    size_t found = bench_simdjson_find(text, len, b->event->find, b->event->finds);
    if (!found)
        fail("simdjson finds something not");
    b->sum += i + found;
}
#endif

static double round_ns(bench *b, void (*one)(bench *, uint32_t), uint32_t times)
{
    uint64_t from = mr_clock_ns();
    for (uint32_t i = 0; i < times; i++)
        one(b, i);
    return (double)(mr_clock_ns() - from) / times;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static figures figures_of(double *rounds, int count)
{
    qsort(rounds, (size_t)count, sizeof *rounds, ascending);
    return (figures){.least = rounds[0], .median = rounds[count / 2]};
}

static void compare(bench *b, int rounds, mr_progress *progress)
{
    static double ours[ROUNDS_MAX], tree[ROUNDS_MAX];
    uint32_t times = (uint32_t)(BYTES_A_ROUND / (b->event->len + 100));
#ifdef BENCH_SIMDJSON
    static double find[ROUNDS_MAX];
#endif
    for (int i = 0; i < rounds; i++) {
        mr_progress_tell(progress, (uint64_t)i, (uint64_t)rounds, b->event->name);
        ours[i] = round_ns(b, decode_one, times);
#ifdef BENCH_SIMDJSON
        find[i] = round_ns(b, simdjson_one, times);
#endif
        tree[i] = round_ns(b, jansson_one, times / 20 + 1);
    }
    mr_progress_end(progress);
    figures we = figures_of(ours, rounds), jansson = figures_of(tree, rounds);
    printf("%-17s %5zu B %7.0f %7.0f ns", b->event->name, b->event->len, we.least, we.median);
#ifdef BENCH_SIMDJSON
    figures simd = figures_of(find, rounds);
    printf("   simdjson finds %7.0f %7.0f ns, %5.2f", simd.least, simd.median, we.least / simd.least);
#endif
    printf("   jansson's tree %7.0f %7.0f ns, %5.1f\n", jansson.least, jansson.median,
           jansson.least / we.least);
}

int main(int count, char **argument)
{
    static char settings[8192];
    bench_event *events = bench_events();
    int rounds = count > 1 ? atoi(argument[1]) : 101;
    uint64_t sum = 0;
    if (rounds < 1 || rounds > ROUNDS_MAX)
        fail("rounds: 1 to 10000");
#ifdef BENCH_SIMDJSON
    printf("simdjson on-demand, %s\n", bench_simdjson_name());
#endif
    for (int i = 0; i < EVENTS; i++) {
        if (count > 2 && strcmp(events[i].name, argument[2]) != 0)
            continue;
        mr_config *config;
        mr_findings findings = {0};
        mr_error error;
        mr_arena *arena = mr_arena_new();
        bench b = {.event = &events[i], .in = {.topic = "t", .timestamp_ms = 1700000000000}};
        int len = snprintf(settings, sizeof settings, EVENT_SETTINGS, events[i].columns);
        if (mr_config_parse("bench", settings, (size_t)len, NULL, &config, &findings) ||
            mr_decoder_new(&config->streams[0], arena, &b.decoder, &error))
            fail("its settings are refused");
        b.record = mr_arena_take(arena, "record", 1, mr_decoder_layout(b.decoder)->size);
        mr_progress progress = mr_progress_begin("rounds");
        compare(&b, rounds, &progress);
        sum += b.sum;
        mr_arena_free(arena);
        mr_config_free(config);
    }
    return sum == 0;
}
