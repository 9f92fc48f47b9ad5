#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#include "world.h"

#define RUNS_MOST 400u

void seed_run(const sim_plan *plan, sim_result *result)
{
    sim_begin(plan, result);
    sim_run(world_begin);
    world_end();
    sim_end();
}

typedef struct shrinking {
    sim_plan *plan;     /* the smallest so far */
    sim_result *result; /* of it */
    sim_plan try;
    sim_result of_try;
    uint32_t runs;
} shrinking;

/* Whether the trial fails in the same way; then it is the smallest. */
static bool still_fails(shrinking *s)
{
    if (s->runs >= RUNS_MOST)
        return false;
    s->runs++;
    seed_run(&s->try, &s->of_try);
    if (!s->of_try.failed || strcmp(s->of_try.invariant, s->result->invariant) != 0)
        return false;
    *s->plan = s->try;
    *s->result = s->of_try;
    return true;
}

static bool fewer(shrinking *s, uint32_t *number, uint32_t to)
{
    if (*number <= to)
        return false;
    *number = to;
    return still_fails(s);
}

static void shrink_numbers(shrinking *s)
{
    static const uint32_t percents[] = {3, 10, 25, 50, 75};
    for (uint32_t most = 1; most < 3; most++) {
        s->try = *s->plan;
        if (fewer(s, &s->try.instances_most, most))
            break;
    }
    for (uint32_t most = 1; most < 4; most++) {
        s->try = *s->plan;
        if (fewer(s, &s->try.partitions_most, most))
            break;
    }
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        s->try = *s->plan;
        if (fewer(s, &s->try.events_percent, percents[i]))
            break;
    }
}

static void shrink_kinds(shrinking *s)
{
    for (uint32_t fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        s->try = *s->plan;
        if (s->try.off[fault])
            continue;
        s->try.off[fault] = true;
        still_fails(s);
    }
}

/* Leaves out a part of the decisions that were taken, then smaller parts. */
static void shrink_decisions(shrinking *s)
{
    uint32_t part = s->result->taken_count;
    while (part > 0 && s->runs < RUNS_MOST) {
        bool any = false;
        for (uint32_t from = 0; from < s->result->taken_count && s->runs < RUNS_MOST;) {
            uint32_t to = from + part < s->result->taken_count ? from + part : s->result->taken_count;
            s->try = *s->plan;
            for (uint32_t i = from; i < to && s->try.cut_count < SIM_CUTS_MAX; i++)
                s->try.cuts[s->try.cut_count++] = s->result->taken[i];
            if (still_fails(s))
                any = true; /* what follows has moved up */
            else
                from = to;
        }
        part = part > 1 ? (part + 1) / 2 : any ? 1 : 0;
    }
}

uint32_t seed_shrink(sim_plan *plan, sim_result *result)
{
    shrinking *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->plan = plan;
    s->result = result;
    shrink_kinds(s);
    shrink_numbers(s);
    shrink_decisions(s);
    shrink_numbers(s);
    uint32_t runs = s->runs;
    free(s);
    return runs;
}
