/* What is checked of shards' gates, and of writers that sleep. */
#include <string.h>

#include "checker.h"
#include "fake_kafka.h"

/* How long a consumer's turn can take here, when nobody takes its CPU away: it may ask brokers where a log begins. */
#define TURN_MOST_US 3000000u
/* Between handing over and ringing other threads may run, for a while. */
#define WAKES_US 300000u

static struct {
    uint64_t closed_us[SHARDS_MAX]; /* since when the gate is closed; 0: it is open */
    uint64_t waits_us[SHARDS_MAX];  /* since when a page waits for a writer that sleeps; 0: none does */
    uint64_t commits[SHARDS_MAX];   /* of the database, when the gate was last set to be tried */
    uint64_t nobody_us;             /* since when no shard takes rows; 0: one does */
} seen[INSTANCES_MAX];

void check_gates_gone(const instance *one)
{
    memset(&seen[one->number], 0, sizeof seen[0]);
}

static bool is_undisturbed(const instance *one)
{
    return !sim_is_on(F_STARVE) && !sim_is_on(F_SLOW_CONSUMER) && !sim_is_on(F_UNSEEN) &&
           one->frozen_until_us + TURN_MOST_US < sim_now_us();
}

/* Opens only for a first batch that is durable, or where nothing is to be tried; which of both, a consumer knows best. */
void check_turned(instance *one, uint32_t shard, mr_gate_state from, mr_gate_state to)
{
    const mr_flow *flow = &one->worker->flow;
    bool by_writer = one->threads[flow->consumers + shard] == sim_running();
    if (to == MR_GATE_PROBED)
        seen[one->number].commits[shard] = sql_commits(one->sql[shard]);
    if (from != MR_GATE_PROBED || to != MR_GATE_LIVE || !by_writer)
        return;
    sim_counts[C_TRIED]++;
    sim_check(sql_commits(one->sql[shard]) > seen[one->number].commits[shard] ||
                  atomic_load(&flow->gates.at[shard].entries) == 0,
              "a shard is live again when a first batch is durable",
              "shard %u is live, and nothing was written", shard);
}

static void look_at_writer(instance *one, uint32_t shard, mr_gate_state gate)
{
    mr_flow *flow = &one->worker->flow;
    uint64_t until_us, *since = &seen[one->number].waits_us[shard];
    uint32_t waiting = 0;
    for (uint32_t consumer = 0; consumer < flow->consumers; consumer++)
        waiting += mr_ring_used(mr_flow_pages(flow, consumer, shard));
    if (waiting == 0 || gate != MR_GATE_LIVE || !is_undisturbed(one) ||
        !sim_at_bell(one->threads[flow->consumers + shard], &until_us)) {
        *since = 0;
        return;
    }
    *since = *since ? *since : sim_now_us();
    sim_check(sim_now_us() < *since + WAKES_US, "5: what is handed over wakes its writer",
              "shard %u: a page waits since %.3f s, and its writer sleeps until %.3f s", shard,
              (double)*since / 1e6, (double)until_us / 1e6);
}

void check_gates(instance *one)
{
    mr_flow *flow = &one->worker->flow;
    bool any = false;
    if (one->thread_count < flow->consumers + flow->shards)
        return;
    for (uint32_t shard = 0; shard < flow->shards; shard++) {
        uint64_t *since = &seen[one->number].closed_us[shard];
        mr_gate_state gate = mr_gate_now(&flow->gates, shard);
        *since = mr_gate_is_open(gate) ? 0 : *since ? *since : sim_now_us();
        any = any || mr_gate_is_live(&flow->gates, shard, sim_now_ms());
        look_at_writer(one, shard, gate);
    }
    uint64_t *nobody = &seen[one->number].nobody_us;
    *nobody = any ? 0 : *nobody ? *nobody : sim_now_us();
}

/* While no shard takes rows an event of a closed one stays in hand. */
void check_dealt_with(const instance *one, const sim_event *event, uint64_t given_us)
{
    const mr_group *group = one->group;
    if (!event || event->kind == EVENT_SHARDLESS || event->kind == EVENT_TOMBSTONE || !is_undisturbed(one) ||
        the_coordinator.rebalancing || group->revoking || one->asked_to_stop ||
        world.logs[event->topic][event->partition].jumped)
        return;
    uint32_t shard = world_shard(one->variant, event->shard[one->variant]); /* as the worker counts */
    uint64_t closed_us = seen[one->number].closed_us[shard], nobody_us = seen[one->number].nobody_us;
    if (closed_us == 0 || nobody_us == 0 || given_us < closed_us + TURN_MOST_US ||
        given_us < nobody_us + TURN_MOST_US)
        return;
    sim_fail("nothing is skipped while no shard takes rows",
             "%s/%d@%lld of s%u was passed over, and no shard is live since %.1f s",
             topic_names[event->topic], event->partition, (long long)event->offset,
             event->shard[one->variant], (double)nobody_us / 1e6);
}
