#include "threads/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

void mr_gates_init(mr_gates *gates, const mr_config *config, mr_arena *arena)
{
    *gates = (mr_gates){.config = config,
                        .count = (uint32_t)config->shard_count,
                        .share_percent = config->park.pool_share_percent,
                        .after_ms = config->park.after_s * 1000u};
    gates->at = mr_arena_take(arena, "threads", gates->count, sizeof *gates->at);
    for (uint32_t i = 0; i < gates->count; i++) {
        mr_gate *gate = &gates->at[i];
        must(!pthread_mutex_init(&gate->lock, NULL));
        atomic_store(&gate->state, config->shards[i].hold ? MR_GATE_HELD : MR_GATE_STARTING);
        atomic_store(&gate->since_wall_ms, mr_clock_wall_ms());
        if (config->shards[i].hold)
            snprintf(gate->why, sizeof gate->why, "on hold by the configuration (shards[].hold)");
    }
}

static mr_gate *gate_of(const mr_gates *gates, uint32_t shard)
{
    must(shard < gates->count);
    return &gates->at[shard];
}

/* Acquire pairs with the exchange in mr_gate_turn: who sees a state sees what was done and counted before the turn. */
mr_gate_state mr_gate_now(const mr_gates *gates, uint32_t shard)
{
    return (mr_gate_state)atomic_load_explicit(&gate_of(gates, shard)->state, memory_order_acquire);
}

/* Has work, and no success for so long. */
static bool no_success_for(const mr_gates *gates, uint32_t shard, uint64_t now_ms, uint64_t for_ms)
{
    uint64_t good_ms = atomic_load_explicit(&gate_of(gates, shard)->good_ms, memory_order_relaxed);
    uint32_t work = atomic_load_explicit(&gate_of(gates, shard)->work, memory_order_relaxed);
    return work > 0 && now_ms > good_ms && now_ms - good_ms >= for_ms;
}

static bool is_stalled(const mr_gates *gates, uint32_t shard, uint64_t now_ms)
{
    uint64_t for_ms =
        4 * (uint64_t)atomic_load_explicit(&gate_of(gates, shard)->batch_ms, memory_order_relaxed);
    for_ms = for_ms > MR_GATE_STALLED_MOST_MS ? MR_GATE_STALLED_MOST_MS : for_ms;
    return no_success_for(gates, shard, now_ms, for_ms < MR_GATE_STALLED_MS ? MR_GATE_STALLED_MS : for_ms);
}

bool mr_gate_is_live(const mr_gates *gates, uint32_t shard, uint64_t now_ms)
{
    return mr_gate_now(gates, shard) == MR_GATE_LIVE &&
           !no_success_for(gates, shard, now_ms, gates->after_ms);
}

bool mr_gates_another_live(const mr_gates *gates, uint32_t but, uint64_t now_ms)
{
    for (uint32_t i = 0; i < gates->count; i++)
        if (i != but && mr_gate_now(gates, i) == MR_GATE_LIVE && !is_stalled(gates, i, now_ms))
            return true;
    return false;
}

bool mr_gate_turn(mr_gates *gates, uint32_t shard, mr_gate_state from, mr_gate_state to)
{
    mr_gate *gate = gate_of(gates, shard);
    uint32_t expected = from;
    if (!atomic_compare_exchange_strong(&gate->state, &expected, to))
        return false;
    if (mr_gate_is_open(from) != mr_gate_is_open(to) || to == MR_GATE_RETRYING || from == MR_GATE_RETRYING)
        atomic_store_explicit(&gate->since_wall_ms, mr_clock_wall_ms(), memory_order_relaxed);
    return true;
}

static void say_parked(mr_gates *gates, uint32_t shard, const char *why)
{
    char said[MR_GATE_WHY_BYTES];
    unsigned code;
    mr_gate_explained(gates, shard, said, &code);
    if (!said[0])
        mr_gate_explain(gates, shard, 0, why);
    mr_log(MR_LOG_WARN, "shard_parked", MR_FIELDS(.shard = gates->config->shards[shard].name, .code = code),
           "parked: its events stay in Kafka until it takes rows again, and the other shards go on: %s",
           said[0] ? said : why);
}

bool mr_gate_park(mr_gates *gates, uint32_t shard, uint64_t now_ms, const char *why)
{
    mr_gate_state now = mr_gate_now(gates, shard);
    if (!mr_gate_is_open(now) || !mr_gates_another_live(gates, shard, now_ms) ||
        !mr_gate_turn(gates, shard, now, MR_GATE_PARKED))
        return false;
    say_parked(gates, shard, why);
    return true;
}

void mr_gate_good(mr_gates *gates, uint32_t shard, uint64_t now_ms)
{
    atomic_store_explicit(&gate_of(gates, shard)->good_ms, now_ms, memory_order_relaxed);
}

void mr_gate_wrote(mr_gates *gates, uint32_t shard, uint64_t took_ms, uint64_t now_ms)
{
    _Atomic uint32_t *average = &gate_of(gates, shard)->batch_ms;
    uint64_t was = atomic_load_explicit(average, memory_order_relaxed);
    uint64_t took = took_ms < MR_GATE_STALLED_MOST_MS ? took_ms : MR_GATE_STALLED_MOST_MS;
    atomic_store_explicit(average, (uint32_t)((was * 7 + took + 4) / 8), memory_order_relaxed);
    mr_gate_good(gates, shard, now_ms);
}

void mr_gate_work(mr_gates *gates, uint32_t shard, int change, uint64_t now_ms)
{
    mr_gate *gate = gate_of(gates, shard);
    if (atomic_fetch_add_explicit(&gate->work, (uint32_t)change, memory_order_relaxed) == 0)
        mr_gate_good(gates, shard, now_ms);
}

void mr_gate_entry(mr_gates *gates, uint32_t shard, int change)
{
    atomic_fetch_add(&gate_of(gates, shard)->entries, (uint32_t)change);
}

bool mr_gate_has_entries(const mr_gates *gates, uint32_t shard)
{
    return atomic_load(&gate_of(gates, shard)->entries) > 0;
}

void mr_gate_rests(mr_gates *gates, uint32_t shard, uint64_t until_ms)
{
    atomic_store_explicit(&gate_of(gates, shard)->again_ms, until_ms, memory_order_relaxed);
}

uint64_t mr_gate_again_ms(const mr_gates *gates, uint32_t shard)
{
    return mr_gate_now(gates, shard) == MR_GATE_RETRYING
               ? atomic_load_explicit(&gate_of(gates, shard)->again_ms, memory_order_relaxed)
               : 0;
}

int64_t mr_gate_since_wall_ms(const mr_gates *gates, uint32_t shard)
{
    return atomic_load_explicit(&gate_of(gates, shard)->since_wall_ms, memory_order_relaxed);
}

uint32_t mr_gate_part(uint32_t shards, uint32_t pages)
{
    uint32_t part = (uint32_t)((uint64_t)pages * 3 / (4 * (uint64_t)shards));
    return part > 0 ? part : 1;
}

/* Pages that the others have yet to take of their parts. */
static uint32_t owed(const mr_gates *gates, uint32_t but, mr_gate_pages pages)
{
    uint32_t part = mr_gate_part(gates->count, pages.all), sum = 0;
    for (uint32_t i = 0; i < gates->count; i++)
        if (i != but && pages.of_shard[i] < part)
            sum += part - pages.of_shard[i];
    return sum;
}

bool mr_gates_crowd(const mr_gates *gates, uint32_t shard, mr_gate_pages pages, uint64_t now_ms)
{
    if (gates->count == 1 || pages.of_shard[shard] < mr_gate_part(gates->count, pages.all))
        return false;
    return pages.of_shard[shard] * 2 >= pages.all || pages.free <= owed(gates, shard, pages) ||
           is_stalled(gates, shard, now_ms);
}

static bool is_to_blame(const mr_gates *gates, uint32_t shard, mr_gate_pages pages, uint64_t now_ms)
{
    return is_stalled(gates, shard, now_ms) &&
           (pages.of_shard[shard] >= mr_gate_part(gates->count, pages.all) ||
            (uint64_t)pages.of_shard[shard] * 100 > (uint64_t)gates->share_percent * pages.all);
}

uint32_t mr_gates_no_page(mr_gates *gates, mr_gate_pages pages, uint64_t now_ms)
{
    uint32_t closed = 0;
    for (uint32_t i = 0; i < gates->count; i++)
        if (is_to_blame(gates, i, pages, now_ms))
            closed +=
                mr_gate_park(gates, i, now_ms, "it took no rows while the others wanted room in memory");
    return closed;
}

uint32_t mr_gates_look(mr_gates *gates, uint64_t now_ms)
{
    uint32_t closed = 0;
    for (uint32_t i = 0; i < gates->count; i++)
        if (no_success_for(gates, i, now_ms, gates->after_ms))
            closed += mr_gate_park(gates, i, now_ms, "it took no rows for as long as park.after_s");
    return closed;
}

void mr_gate_explain(mr_gates *gates, uint32_t shard, unsigned code, const char *why)
{
    mr_gate *gate = gate_of(gates, shard);
    pthread_mutex_lock(&gate->lock);
    snprintf(gate->why, sizeof gate->why, "%s", why);
    gate->code = code;
    pthread_mutex_unlock(&gate->lock);
}

void mr_gate_explained(mr_gates *gates, uint32_t shard, char why[static MR_GATE_WHY_BYTES], unsigned *code)
{
    mr_gate *gate = gate_of(gates, shard);
    pthread_mutex_lock(&gate->lock);
    memcpy(why, gate->why, MR_GATE_WHY_BYTES);
    *code = gate->code;
    pthread_mutex_unlock(&gate->lock);
}

mr_shard_state mr_gate_shown(const mr_gates *gates, uint32_t shard)
{
    switch (mr_gate_now(gates, shard)) {
    case MR_GATE_RETRYING:
        return MR_SHARD_RETRYING;
    case MR_GATE_PARKED:
    case MR_GATE_PROBED:
        return MR_SHARD_PARKED;
    case MR_GATE_HELD:
        return MR_SHARD_HELD;
    case MR_GATE_STARTING:
    case MR_GATE_LIVE:
        break;
    }
    return mr_gate_has_entries(gates, shard) ? MR_SHARD_REPLAY : MR_SHARD_LIVE;
}
