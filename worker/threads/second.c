#include "threads/second.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/owner.h"

#define UNUSED_MS 20000 /* the session asks the server for a wait_timeout of 60 s */
#define IDLE_MS   3600000

enum { FREE, GIVEN, ENDED };

struct mr_second {
    /* fixed */
    mr_flow *flow;
    uint32_t shard;
    mr_pulse *pulse;
    mr_bell *bell;
    /* handed to and fro by the state */
    _Atomic uint32_t state;
    mr_batch batch;
    mr_second_end end;
    /* its thread's */
    mr_owner owner;
    mr_sql *sql;
    mr_writing writing;
    uint64_t used_ms;
};

mr_second *mr_second_new(mr_flow *flow, uint32_t shard, mr_arena *arena)
{
    mr_second *second = mr_arena_take(arena, "writers", 1, sizeof *second);
    *second = (mr_second){.flow = flow,
                          .shard = shard,
                          .pulse = flow->second_pulse[shard],
                          .bell = &flow->second_bell[shard],
                          .sql = mr_sql_new(flow->config, shard, flow->plan->layouts, arena)};
    mr_writing_init(&second->writing, flow, shard, second->sql, second->pulse);
    second->writing.whole = true;
    mr_batch_init(&second->batch, flow->config, arena, mr_pool_pages(flow->pool));
    return second;
}

/* ---- the writer's ---- */

static uint32_t state_of(const mr_second *second)
{
    return atomic_load_explicit(&second->state, memory_order_acquire);
}

bool mr_second_is_free(const mr_second *second)
{
    return state_of(second) == FREE;
}

mr_batch *mr_second_batch(mr_second *second)
{
    must(state_of(second) != GIVEN);
    return &second->batch;
}

void mr_second_give(mr_second *second)
{
    must(state_of(second) == FREE && second->batch.count > 0);
    atomic_store_explicit(&second->state, GIVEN, memory_order_release);
    mr_bell_ring(second->bell);
}

const mr_second_end *mr_second_ended(const mr_second *second)
{
    return state_of(second) == ENDED ? &second->end : NULL;
}

void mr_second_settled(mr_second *second)
{
    must(state_of(second) == ENDED);
    mr_batch_clear(&second->batch);
    atomic_store_explicit(&second->state, FREE, memory_order_release);
}

/* ---- its thread's ---- */

static void make_durable(mr_second *second)
{
    mr_second_end *end = &second->end;
    uint64_t began_ns = mr_clock_ns();
    *end = (mr_second_end){.written = MR_WRITE_FAILED, .result = {.db_class = MR_DB_OK}};
    if (!mr_sql_connected(second->sql))
        end->result = mr_writing_connect(&second->writing);
    if (end->result.db_class == MR_DB_OK) {
        end->written = mr_writing_batch(&second->writing, &second->batch, &end->result);
        if (end->written ==
            MR_WRITTEN) /* at once: its writer may be in a call of its own, and a shard that takes rows does not stand still */
            mr_gate_good(&second->flow->gates, second->shard, mr_clock_ms());
        if (!mr_sql_connected(second->sql))
            (void)mr_writing_connect(&second->writing); /* which ends what the lost one has left behind */
    }
    end->took_us = (mr_clock_ns() - began_ns) / 1000;
}

uint32_t mr_second_do_work(mr_second *second)
{
    mr_owner_here(&second->owner);
    if (state_of(second) == GIVEN) {
        make_durable(second);
        second->used_ms = mr_clock_ms();
        atomic_store_explicit(&second->state, ENDED, memory_order_release);
        mr_bell_ring(&second->flow->writer_bell[second->shard]);
        return 1;
    }
    if (!mr_sql_connected(second->sql) || mr_clock_ms() < second->used_ms + UNUSED_MS)
        return 0;
    mr_sql_close(second->sql);
    return 1;
}

void mr_second_wait(mr_second *second)
{
    mr_bell_announce(second->bell);
    if (mr_second_do_work(second) > 0 || atomic_load(&second->flow->stop)) {
        mr_bell_stay(second->bell);
        return;
    }
    mr_pulse_end(second->pulse); /* it may be hours until it is needed */
    mr_bell_sleep(second->bell, mr_sql_connected(second->sql) ? UNUSED_MS : IDLE_MS);
}

void mr_second_close(mr_second *second)
{
    mr_owner_here(&second->owner);
    mr_sql_close(second->sql);
    mr_sql_free(second->sql);
    mr_pulse_end(second->pulse);
}
