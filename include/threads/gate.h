/* gate.h: whether a shard takes rows: the breaker, shared by its writer and all consumer threads.
 *
 *     STARTING --connected--> LIVE <--success-- RETRYING        open: events go into pages
 *         |                    | ^---trouble-------^
 *         v                    v
 *     PARKED  <----------------+   closed: events are skipped, a parked range answers for them (parking.h)
 *       ^  \--probe: connected, tables fit--> PROBED --first replay batch is durable--> LIVE
 *       \---------- it failed -----------------/
 *     HELD    closed by the configuration (shards[].hold)
 *
 * Closing needs another shard that is LIVE: when none is, nothing is skipped and intake waits, so lag stays honest.  The writer and any
 * consumer may close a gate; a writer inside a blocked call learns of it when the call returns, and only then returns its pages.
 *
 * Any thread; lock-free (a word of state by compare and exchange) but for `why`, a text for people that a mutex guards; nobody touches it while
 * all is well.  Times are monotonic and passed in, but for since_wall_ms.  Memory: the arena's part "threads".  The fields are gate.c's: others
 * go through the functions.
 */
#ifndef MR_THREADS_GATE_H
#define MR_THREADS_GATE_H

#include "base/arena.h"
#include "stages/config.h"
#include "stages/metrics.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum mr_gate_state {
    MR_GATE_STARTING,
    MR_GATE_LIVE,
    MR_GATE_RETRYING,
    MR_GATE_PARKED,
    MR_GATE_PROBED,
    MR_GATE_HELD
} mr_gate_state;

#define MR_GATE_WHY_BYTES 400

typedef struct mr_gate {
    /* whoever turns it */
    _Alignas(64) _Atomic uint32_t state;
    _Atomic int64_t since_wall_ms; /* in this state */
    /* the consumers' */
    _Atomic uint32_t entries; /* parked ranges of the shard, of all partitions here */
    _Atomic uint32_t work;    /* pages that its writer has */
    /* the writer's; good_ms also its second connection's, and whoever gives it work when it had none */
    _Atomic uint64_t good_ms;  /* last success, or when its work began */
    _Atomic uint64_t again_ms; /* RETRYING: its writer leaves it alone until then */
    _Atomic uint32_t batch_ms; /* what a batch takes, averaged */
    /* under the lock */
    pthread_mutex_t lock;
    char why[MR_GATE_WHY_BYTES];
    unsigned code;
} mr_gate;

typedef struct mr_gates {
    const mr_config *config;
    mr_gate *at; /* [count] */
    uint32_t count;
    uint32_t share_percent, after_ms;
} mr_gates;

void mr_gates_init(mr_gates *gates, const mr_config *config, mr_arena *arena);

mr_gate_state mr_gate_now(const mr_gates *gates, uint32_t shard);
static inline bool mr_gate_is_open(mr_gate_state state)
{
    return state <= MR_GATE_RETRYING;
}
/* LIVE, and not without success for as long as a shard may be before it is parked (park.after_s). */
bool mr_gate_is_live(const mr_gates *gates, uint32_t shard, uint64_t now_ms);
/* Whether some other shard is LIVE and not stalled. */
bool mr_gates_another_live(const mr_gates *gates, uint32_t but, uint64_t now_ms);

/* From one state to another; false when it is not in `from` any more. */
bool mr_gate_turn(mr_gates *gates, uint32_t shard, mr_gate_state from, mr_gate_state to);
/* Closes an open gate and says so (event shard_parked), with what mr_gate_explain said last, or else `why`; false when no other shard is live, as
 * above (or it is closed already).  Two that close at the same moment may close the last two: then intake waits for a probe. */
bool mr_gate_park(mr_gates *gates, uint32_t shard, uint64_t now_ms, const char *why);

/* Its work began, or a call went well. */
void mr_gate_good(mr_gates *gates, uint32_t shard, uint64_t now_ms);
/* A batch is durable, and took so long. */
void mr_gate_wrote(mr_gates *gates, uint32_t shard, uint64_t took_ms, uint64_t now_ms);
/* Pages of the shard were handed to its writer, or have come back. */
void mr_gate_work(mr_gates *gates, uint32_t shard, int change, uint64_t now_ms);
/* A parked range of the shard has begun (1) or is gone (-1), in whichever partition: the consumers say so.  Whether there is one. */
void mr_gate_entry(mr_gates *gates, uint32_t shard, int change);
bool mr_gate_has_entries(const mr_gates *gates, uint32_t shard);
/* Its writer leaves it alone until then; read again while RETRYING, else 0. */
void mr_gate_rests(mr_gates *gates, uint32_t shard, uint64_t until_ms);
uint64_t mr_gate_again_ms(const mr_gates *gates, uint32_t shard);
/* Since when it is in this state (LIVE and STARTING are one), by the wall clock. */
int64_t mr_gate_since_wall_ms(const mr_gates *gates, uint32_t shard);

/* What a consumer's part of the pool is used for: of_shard[count] of `all` pages. */
typedef struct mr_gate_pages {
    const uint32_t *of_shard;
    uint32_t all, free;
} mr_gate_pages;

/* Stalled: has work and no success for four times what a batch takes, MR_GATE_STALLED_MS at least and MR_GATE_STALLED_MOST_MS at most. */
#define MR_GATE_STALLED_MS      600u
#define MR_GATE_STALLED_MOST_MS 1000u
/* Of so many pages of a consumer, the part that is one shard's own. */
uint32_t mr_gate_part(uint32_t shards, uint32_t pages);
/* Three quarters of the pool are the shards' own, in equal parts (at least a page each); the rest is for whoever comes first.  Whether the shard
 * must not take another page: it has its part, and what is free is owed to the others' parts, or it is stalled; or it has half of all. */
bool mr_gates_crowd(const mr_gates *gates, uint32_t shard, mr_gate_pages pages, uint64_t now_ms);
/* No page could be had: closes the gates of the stalled shards that have their part, or more than park.pool_share_percent.  How many it closed. */
uint32_t mr_gates_no_page(mr_gates *gates, mr_gate_pages pages, uint64_t now_ms);
/* Now and then: closes the gates of shards with work and without success for park.after_s. */
uint32_t mr_gates_look(mr_gates *gates, uint64_t now_ms);

/* Why it is, or will be, as it is: a text for people, and the database's error (0: none). */
void mr_gate_explain(mr_gates *gates, uint32_t shard, unsigned code, const char *why);
void mr_gate_explained(mr_gates *gates, uint32_t shard, char why[static MR_GATE_WHY_BYTES], unsigned *code);
/* The state as metrics and status name it: a live shard with ranges left is in replay. */
mr_shard_state mr_gate_shown(const mr_gates *gates, uint32_t shard);

#endif
