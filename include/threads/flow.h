/* flow.h: what connects the threads: the pool, the rings, the bells, the gates.
 *
 *     consumer c  --pages-->  writer of shard s       mr_flow_pages(flow, c, s)
 *     consumer c  <--done---  writer of shard s       mr_flow_done(flow, c, s)
 *     main        --orders->  consumer c              orders[c]
 *     main        --letters-> consumer c              letters[c]   (acknowledged dead letters)
 *
 * Every ring has one producer and one consumer and holds all handles that can exist: nothing is ever refused or dropped on the way.
 * Built by the worker before any thread; then its own fields are fixed but for `stop`, and what they point to is shared as its own header says.
 * Memory: the arena's, until the last thread has ended.
 */
#ifndef MR_THREADS_FLOW_H
#define MR_THREADS_FLOW_H

#include "base/bell.h"
#include "data/pool.h"
#include "data/ring.h"
#include "edges/kafka_dlq.h"
#include "edges/kafka_reader.h"
#include "stages/config.h"
#include "stages/metrics.h"
#include "stages/plan.h"
#include "threads/gate.h"
#include "threads/watchdog.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Dead letters of a stream in the running minute, of all consumers (dlq.per_minute_max). */
typedef struct mr_budget {
    _Alignas(64) _Atomic uint64_t minute;
    _Atomic uint32_t letters;
    _Atomic bool exceeded; /* for status: the stream is held for it */
    _Atomic bool drifting; /* for status: it is held because too many of its events are refused */
} mr_budget;

typedef struct mr_flow {
    /* fixed */
    const mr_config *config;
    const mr_plan *plan;
    mr_pool *pool;
    mr_metrics *metrics;
    mr_dlq *dlq;
    mr_reader *reader;
    mr_gates gates;
    mr_budget *budget; /* [streams] */
    uint32_t consumers, shards;
    uint32_t seconds;       /* second connections: one a shard, or none */
    mr_ring **pages;        /* [consumers * shards] */
    mr_ring **done;         /* [consumers * shards] */
    mr_ring **orders;       /* [consumers] */
    mr_ring **letters;      /* [consumers] */
    mr_bell *consumer_bell; /* [consumers] */
    mr_bell *writer_bell;   /* [shards] */
    mr_bell *second_bell;   /* [seconds] */
    mr_bell *main_bell;
    mr_pulse **consumer_pulse; /* [consumers] */
    mr_pulse **writer_pulse;   /* [shards] */
    mr_pulse **second_pulse;   /* [seconds] */
    /* main's */
    _Atomic bool stop; /* the threads of consumers and writers end at their next turn */
} mr_flow;

static inline mr_ring *mr_flow_pages(const mr_flow *flow, uint32_t consumer, uint32_t shard)
{
    return flow->pages[consumer * flow->shards + shard];
}

static inline mr_ring *mr_flow_done(const mr_flow *flow, uint32_t consumer, uint32_t shard)
{
    return flow->done[consumer * flow->shards + shard];
}

#endif
