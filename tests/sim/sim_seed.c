/* What belongs to a seed: its plan, its chances, its memory, its history. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_private.h"
#include "world.h"

/* ---- memory ---- */

typedef struct chunk {
    struct chunk *next;
    size_t used, size;
} chunk;

static chunk *chunks;

#define CHUNK_BYTES (256u * 1024)

void *sim_take(size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if (!chunks || chunks->size - chunks->used < bytes) {
        size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        chunk *made = calloc(1, sizeof *made + 16 + size);
        if (!made)
            abort();
        *made = (chunk){.next = chunks, .size = size};
        chunks = made;
    }
    void *taken = (char *)(chunks + 1) + chunks->used;
    chunks->used += bytes;
    return taken;
}

static void free_all(void)
{
    for (chunk *next; chunks; chunks = next) {
        next = chunks->next;
        free(chunks);
    }
}

/* ---- history: the last lines of it ---- */

#define LINES      600u
#define LINE_BYTES 200u

static char (*lines)[LINE_BYTES];
static uint32_t line_count;

void sim_note(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t z = sim.result->hash ^ a;
    z = (z ^ b << 21 ^ c << 42) * UINT64_C(0xBF58476D1CE4E5B9);
    sim.result->hash = z ^ z >> 29;
}

bool sim_verbose(void)
{
    return sim.plan->verbose;
}

static void keep(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static void keep(const char *format, va_list arguments)
{
    if (!lines && !(lines = calloc(LINES, LINE_BYTES)))
        abort();
    char *line = lines[line_count++ % LINES];
    int len = snprintf(line, LINE_BYTES, "%9.3f s  %-14s ", (double)sim.now_us / 1e6,
                       sim.running ? sim.running->name : "world");
    vsnprintf(line + len, LINE_BYTES - (size_t)len, format, arguments);
}

void sim_say(const char *format, ...)
{
    if (!sim.plan->verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    keep(format, arguments);
    va_end(arguments);
}

void sim_print_history(void)
{
    uint32_t first = line_count > LINES ? line_count - LINES : 0;
    if (first > 0)
        printf("(%u earlier lines are left out)\n", first);
    for (uint32_t i = first; i < line_count; i++)
        printf("%s\n", lines[i % LINES]);
}

void sim_failed(const char *invariant, const char *format, va_list arguments)
{
    sim_result *result = sim.result;
    if (result->failed)
        return;
    result->failed = true;
    snprintf(result->invariant, sizeof result->invariant, "%s", invariant);
    vsnprintf(result->text, sizeof result->text, format, arguments);
    sim_say("VIOLATED: %s: %s", invariant, result->text);
}

/* ---- chance ---- */

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t z = mix(sim.plan->seed + UINT64_C(0x9E3779B97F4A7C15));
    z = mix(z + a * UINT64_C(0xD1342543DE82EF95) + 1);
    z = mix(z + b * UINT64_C(0x2545F4914F6CDD1D) + 2);
    return mix(z + c + 3);
}

uint64_t sim_random(uint64_t below)
{
    sim.random += UINT64_C(0x9E3779B97F4A7C15);
    return below ? mix(sim.random) % below : 0;
}

static const struct {
    const char *name;
    uint32_t rate;
} faults[SIM_FAULT_COUNT] = {
#define X(symbol, name, rate) [symbol] = {name, rate},
    SIM_FAULTS(X)
#undef X
};

const char *sim_fault_name(sim_fault fault)
{
    return faults[fault].name;
}

static bool is_cut(uint32_t decision)
{
    for (uint32_t i = 0; i < sim.plan->cut_count; i++)
        if (sim.plan->cuts[i] == decision)
            return true;
    return false;
}

bool sim_fault_now(sim_fault fault)
{
    if (sim.healed || sim.rate[fault] == 0)
        return false;
    uint32_t number = sim.number[fault]++;
    uint32_t decision = (uint32_t)fault << 24 | (number & 0xffffff);
    if (sim_hash(100 + fault, number, 0) % 10000 >= sim.rate[fault] || is_cut(decision))
        return false;
    if (sim.result->taken_count < SIM_CUTS_MAX)
        sim.result->taken[sim.result->taken_count++] = decision;
    return true;
}

void sim_heal(void)
{
    sim.healed = true;
}

bool sim_is_on(sim_fault fault)
{
    return sim.rate[fault] > 0;
}

bool sim_healed(void)
{
    return sim.healed;
}

/* ---- time ---- */

uint64_t sim_now_us(void)
{
    return sim.now_us;
}

int64_t sim_wall_ms(void)
{
    return INT64_C(1760000000000) + (int64_t)(sim.now_us / 1000) + sim.wall_off_ms;
}

void sim_wall_jump(int64_t ms)
{
    sim.wall_off_ms += ms;
}

/* ---- beginning and end ---- */

const sim_plan *sim_plan_now(void)
{
    return sim.plan;
}

void sim_begin(const sim_plan *plan, sim_result *result)
{
    memset(&sim, 0, sizeof sim);
    memset(result, 0, sizeof *result);
    line_count = 0;
    sim.plan = plan;
    sim.result = result;
    sim.now_us = 1000000;
    sim.random = sim_hash(1, 0, 0);
    sim.yield_permille = (uint32_t[]){0, 5, 30, 100, 300}[sim_hash(2, 0, 0) % 5];
    sim.step_us = (uint32_t[]){20, 100, 100, 1000, 5000}[sim_hash(2, 1, 0) % 5];
    for (uint32_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        uint32_t luck = (uint32_t)(sim_hash(3, fault, 0) % 8);
        bool on = fault == F_EPISODE || luck < (fault == F_SLOW_CONSUMER || fault == F_UNSEEN ? 2 : 4);
        sim.rate[fault] = plan->off[fault] || !on ? 0
                          : luck == 0             ? faults[fault].rate * 3
                                                  : faults[fault].rate;
        sim.rate[fault] = sim.rate[fault] > 10000 ? 10000 : sim.rate[fault];
    }
    if (sim.rate[F_UNSEEN] > 0 && !plan->off[F_DB_OTHER]) /* nothing closes gates so often */
        sim.rate[F_DB_OTHER] = 3 * faults[F_DB_OTHER].rate;
    if (sim_hash(3, 100, 0) % 16 == 0) /* nothing wrong at all: the simplest histories are histories, too */
        memset(sim.rate, 0, sizeof sim.rate);
}

void sim_end(void)
{
    sim.result->end_us = sim.now_us;
    sim_kill_all_of(NULL);
    free_all();
}
