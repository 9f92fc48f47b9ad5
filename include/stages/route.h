/* route.h: from a hash to a slot to a shard.  Pure; any thread. */
#ifndef MR_STAGES_ROUTE_H
#define MR_STAGES_ROUTE_H

#include "stages/config.h"
#include <stdint.h>

static inline uint32_t mr_route_slot(const mr_config *config, uint64_t hash)
{
    return (uint32_t)(hash % config->slots);
}

static inline uint32_t mr_route_shard(const mr_config *config, uint64_t hash)
{
    return config->slot_shard[hash % config->slots];
}

#endif
