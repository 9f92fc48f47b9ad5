/* shrink.h: runs one seed, and makes a failing one small: fewer faults, events, instances and partitions, as long as it violates the same invariant.
 *
 * Delta debugging: decisions about faults are left out by halves, quarters and so on; what is left is what the failure needs.  Bounded by a number of
 * runs, not by the clock, so that the same seed shrinks to the same history.
 */
#ifndef MR_SIM_SHRINK_H
#define MR_SIM_SHRINK_H

#include "sim.h"

#define SIM_PLAN(of)                                                                                         \
    (sim_plan)                                                                                               \
    {                                                                                                        \
        .seed = (of), .events_percent = 100, .instances_most = 3, .partitions_most = 6                       \
    }

void seed_run(const sim_plan *plan, sim_result *result);
/* *plan becomes the smallest that was found; *result is of its run.  Returns how many runs it took. */
uint32_t seed_shrink(sim_plan *plan, sim_result *result);

#endif
