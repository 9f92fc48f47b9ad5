/* The loops whose instructions tests/bench/guard counts.  Fixed work, the same on every machine: mr_cpu_* are answered here, so that what
 * is counted is what each x86-64 processor has.
 *
 *   bench_guard compiler       what it was compiled with: the first word of the baseline's lines
 *   bench_guard loops          the loops, and how many turns each takes
 *   bench_guard LOOP           runs it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "data/frontier.h"
#include "data/wheel.h"
#include "decode_events.h"
#include "stages/decode.h"
#include "stages/route.h"

bool mr_cpu_avx2(void)
{
    return false;
}

bool mr_cpu_vbmi(void)
{
    return false;
}

#define LOOP __attribute__((noinline)) static void

static mr_arena *arena;
static mr_config *config;
static mr_decoder *decoder;
static unsigned char *record;
static const bench_event *event;
static mr_wheel *wheel;
static mr_frontier *frontier;
static uint64_t sum; /* of everything, so that nothing is left out */

static void prepare_decode(int number)
{
    static char settings[16384];
    mr_findings findings = {0};
    mr_error error;
    event = &bench_events()[number];
    int len = snprintf(settings, sizeof settings, EVENT_SETTINGS, event->columns);
    if (mr_config_parse("guard", settings, (size_t)len, NULL, &config, &findings) ||
        mr_decoder_new(&config->streams[0], arena, &decoder, &error))
        exit(70);
    record = mr_arena_take(arena, "record", 1, mr_decoder_layout(decoder)->size);
}

static void prepare_wheel(int number)
{
    (void)number;
    wheel = mr_wheel_new(arena, "wheel", 1024, 1000, 100000, 1, 0);
}

static void prepare_frontier(int number)
{
    (void)number;
    frontier = mr_frontier_new(arena, "frontier", 8, 64);
    for (uint32_t slot = 0; slot < 8; slot++)
        mr_frontier_open(frontier, slot, 0);
}

LOOP loop_decode(uint32_t turns)
{
    mr_event message = {
        .value = event->text, .value_len = event->len, .topic = "t", .timestamp_ms = 1700000000000};
    mr_refusal refusal;
    for (uint32_t i = 0; i < turns; i++) {
        uint64_t hash;
        uint32_t bytes;
        message.offset = i;
        if (mr_decode_scan(decoder, &message, &hash, &refusal) ||
            mr_decode_store(decoder, &message, record, &bytes, &refusal))
            exit(70);
        sum += hash + bytes;
    }
}

/* A key of 36 bytes to its shard. */
LOOP loop_route(uint32_t turns)
{
    char key[] = "DAB45194-42CC-4106-AB9F-2447FA4D35C2";
    for (uint32_t i = 0; i < turns; i++) {
        key[i % 36] ^= 1;
        sum += mr_route_shard(config, mr_fnv1a64(key, sizeof key - 1)) + i;
    }
}

/* Everything is scheduled, then everything expires; a turn is both for one entry. */
LOOP loop_wheel(uint32_t turns)
{
    uint32_t out[256];
    for (uint32_t i = 0; i < turns; i++)
        mr_wheel_schedule(wheel, i, UINT64_C(7919) * i % 1000000);
    for (uint64_t now = 0; mr_wheel_pending(wheel) > 0; now += 1000)
        for (uint32_t n; (n = mr_wheel_expire(wheel, now, out, 256)) > 0;)
            sum += n;
}

/* Holds of eight slots, given back eight at a time and not in their order. */
LOOP loop_frontier(uint32_t turns)
{
    static const uint32_t order[8] = {3, 0, 7, 1, 6, 2, 5, 4};
    uint32_t hold[8];
    for (uint32_t i = 0; i < turns; i += 8) {
        uint32_t slot = i / 8 % 8;
        int64_t position = mr_frontier_position(frontier, slot);
        for (uint32_t k = 0; k < 8; k++) {
            hold[k] =
                mr_frontier_hold(frontier, slot, position + k, (mr_hold_for){.lane = k % 2, .owner = k});
            mr_frontier_advance(frontier, slot, position + k + 1);
        }
        for (uint32_t k = 0; k < 8; k++) {
            mr_frontier_release(frontier, hold[order[k]]);
            sum += (uint64_t)mr_frontier_lowest(frontier, slot);
        }
    }
}

/* The function's name is loop_ and what stands before the first dash. */
static const struct {
    const char *name;
    uint32_t turns;
    void (*prepare)(int number);
    int number; /* of the event */
    void (*run)(uint32_t turns);
} loops[] = {
    {"decode-reference", 10000, prepare_decode, 0, loop_decode},
    {"decode-small", 10000, prepare_decode, 1, loop_decode},
    {"decode-8k", 1000, prepare_decode, 2, loop_decode},
    {"decode-wide-letters", 2000, prepare_decode, 3, loop_decode},
    {"decode-escapes", 2000, prepare_decode, 4, loop_decode},
    {"decode-60-columns", 2000, prepare_decode, 5, loop_decode},
    {"route", 100000, prepare_decode, 0, loop_route},
    {"wheel", 100000, prepare_wheel, 0, loop_wheel},
    {"frontier", 100000, prepare_frontier, 0, loop_frontier},
};

static int usage(void)
{
    fprintf(stderr, "usage: bench_guard compiler | loops | LOOP\n");
    return 2;
}

int main(int count, char **argument)
{
    if (count != 2)
        return usage();
    if (!strcmp(argument[1], "compiler")) {
#if defined(__clang__)
        printf("clang-%d\n", __clang_major__);
#else
        printf("gcc-%d\n", __GNUC__);
#endif
        return 0;
    }
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        if (!strcmp(argument[1], "loops"))
            printf("%s %u\n", loops[i].name, loops[i].turns);
        if (strcmp(argument[1], loops[i].name) != 0)
            continue;
        arena = mr_arena_new();
        loops[i].prepare(loops[i].number);
        loops[i].run(loops[i].turns);
        mr_arena_free(arena);
        mr_config_free(config);
        return sum == 0;
    }
    return strcmp(argument[1], "loops") ? usage() : 0;
}
