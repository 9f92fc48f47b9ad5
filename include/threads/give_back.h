/* give_back.h: pages go back from a shard's writer to the consumers that they belong to, with what became of them.
 *
 * The writer's thread.  After the call a page is its consumer's.  No memory, no errors: a ring holds all pages that there are.
 */
#ifndef MR_THREADS_GIVE_BACK_H
#define MR_THREADS_GIVE_BACK_H

#include "stages/batch.h"
#include "threads/flow.h"
#include <stdint.h>

void mr_give_back(mr_flow *flow, uint32_t shard, uint32_t handle, mr_outcome outcome);
/* A batch that is committed: counts its rows and their ages. */
void mr_give_back_durable(mr_flow *flow, uint32_t shard, const mr_batch *batch);

#endif
