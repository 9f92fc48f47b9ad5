#include "stages/bisect.h"

#include "base/must.h"

static void push(mr_bisect *bisect, mr_bisect_range range)
{
    must(bisect->count < MR_BISECT_DEPTH);
    bisect->waiting[bisect->count++] = range;
}

void mr_bisect_begin(mr_bisect *bisect, uint32_t from, uint32_t to)
{
    must(from < to && to - from <= MR_BISECT_ROWS_MAX);
    bisect->count = bisect->statements = 0;
    bisect->from = bisect->to = 0;
    push(bisect, (mr_bisect_range){.from = from, .to = to, .bad = true});
}

bool mr_bisect_next(mr_bisect *bisect, uint32_t *from, uint32_t *to)
{
    must(bisect->from == bisect->to);
    if (bisect->count == 0)
        return false;
    mr_bisect_range range = bisect->waiting[--bisect->count];
    if (range.bad && range.to - range.from > 1) {
        uint32_t middle = range.from + (range.to - range.from) / 2;
        push(bisect, (mr_bisect_range){.from = middle, .to = range.to, .sibling = true});
        range.to = middle;
    }
    *from = bisect->from = range.from;
    *to = bisect->to = range.to;
    bisect->statements++;
    return true;
}

/* Ends the trial; what waits on top learns from it when it is the right half to this left one. */
static void judge(mr_bisect *bisect, bool taken)
{
    must(bisect->from < bisect->to);
    if (bisect->count > 0) {
        mr_bisect_range *top = &bisect->waiting[bisect->count - 1];
        top->bad = top->sibling && taken;
        top->sibling = false;
    }
    bisect->from = bisect->to;
}

void mr_bisect_took(mr_bisect *bisect)
{
    judge(bisect, true);
}

bool mr_bisect_refused(mr_bisect *bisect, uint32_t *row)
{
    mr_bisect_range range = {.from = bisect->from, .to = bisect->to, .bad = true};
    judge(bisect, false);
    if (range.to - range.from > 1) {
        push(bisect, range);
        return false;
    }
    *row = range.from;
    return true;
}
