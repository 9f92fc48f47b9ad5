/* What is checked of the whole, beside single rows, commits and letters: memory, counters, threads, pace, stops, and the end. */
#include <stdio.h>
#include <string.h>

#include "checker.h"
#include "fake_kafka.h"
#include "stages/ledger.h"

/* ---- after each step ---- */

static void check_rings(const mr_flow *flow)
{
    for (uint32_t consumer = 0; consumer < flow->consumers; consumer++) {
        mr_ring_check(flow->orders[consumer]);
        mr_ring_check(flow->letters[consumer]);
        for (uint32_t shard = 0; shard < flow->shards; shard++) {
            mr_ring_check(mr_flow_pages(flow, consumer, shard));
            mr_ring_check(mr_flow_done(flow, consumer, shard));
        }
    }
}

void check_step(instance *one)
{
    if (!one || one->state != INSTANCE_RUNS || !one->worker || !one->group)
        return;
    mr_flow *flow = &one->worker->flow;
    for (uint32_t consumer = 0; consumer < flow->consumers; consumer++)
        mr_pool_check(flow->pool, consumer); /* free and live pages: 9 */
    check_rings(flow);
    check_sleepers(one);
    check_gates(one);
    if (sim_now_us() < one->watchdog_us || sim_now_us() < one->frozen_until_us)
        return;
    one->watchdog_us = sim_now_us() + 1000000;
    uint32_t count;
    const mr_verdict *verdicts = mr_watchdog_look(one->worker->watchdog, sim_now_ms(), &count);
    for (uint32_t i = 0; i < count; i++)
        sim_check(verdicts[i].kind != MR_VERDICT_STUCK && verdicts[i].kind != MR_VERDICT_GIVE_UP,
                  "12: no thread is stuck", "worker %u, %s: %s for %llu ms", one->number,
                  verdicts[i].pulse->name, verdicts[i].doing, (unsigned long long)verdicts[i].still_ms);
}

/* ---- what a worker says ---- */

static void note_lost(instance *one, const mr_log_fields *fields, const char *text)
{
    long long from, to;
    sim_check(one && sscanf(text, "the log has dropped offsets %lld to %lld", &from, &to) == 2, "simulator",
              "cannot read: %s", text);
    sim_log *log = world_log(fields->topic, fields->partition);
    uint32_t shard = (uint32_t)(fields->shard[1] - '0');
    for (int64_t at = from; at < to && at < log->end; at++)
        if (at >= 0 && log->at[at] && log->at[at]->shard[one->variant] == shard)
            log->at[at]->lost = true;
    one->lost[shard] += (uint64_t)(to - from);
    uint64_t counted =
        mr_metric_get(one->worker->flow.metrics, MR_M_LOST_OFFSETS, world_shard(one->variant, shard), 0);
    sim_check(counted == one->lost[shard], "11: the counters add up",
              "s%u: %llu offsets are said to be lost, and %llu are counted", shard,
              (unsigned long long)one->lost[shard], (unsigned long long)counted);
    sim_counts[C_TRUNCATED]++;
}

/* Whether its consumers have come to the end of their turns: counters are published there. */
static bool consumers_rest(const instance *one)
{
    uint64_t until_us;
    bool rest = true;
    for (uint32_t i = 0; i < one->worker->flow.consumers; i++)
        rest = rest && sim_at_bell(one->threads[i], &until_us);
    return rest;
}

void check_said(mr_log_level level, const char *event, const mr_log_fields *fields, const char *text)
{
    static const struct {
        const char *event;
        sim_count count;
    } counted[] = {{"shard_parked", C_PARKS},
                   {"replay_done", C_REPLAYS},
                   {"drift", C_DRIFTS},
                   {"shard_probed", C_PROBES}};
    (void)level;
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        sim_counts[counted[i].count] += !strcmp(event, counted[i].event);
    sim_check(strcmp(event, "counters_disagree") != 0 || !consumers_rest(sim_owner()),
              "11: the counters add up", "%s", text);
    if (!strcmp(event, "drift"))
        check_drift(sim_owner(), (uint32_t)(fields->shard[1] - '0'));
    if (!strcmp(event, "offsets_lost"))
        note_lost(sim_owner(), fields, text);
    if (!strcmp(event, "offset_out_of_range") && strstr(text, "going on at its beginning"))
        world_log(fields->topic, fields->partition)->jumped = true;
}

/* ---- pace ---- */

/* Whether somebody reads the partition. */
static bool is_read(const sim_log *log)
{
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        const instance *one = &world.instances[i];
        for (uint32_t f = 0; one->state == INSTANCE_RUNS && one->group && f < one->group->feed_count; f++)
            if (one->group->feeds[f].log == log)
                return !one->group->feeds[f].halted && !one->asked_to_stop;
    }
    return false;
}

static uint64_t patience_us(void)
{
    const mr_config *config = world.config[0];
    return UINT64_C(1000) *
           (20000 + 1000 * config->park.after_s + config->park.probe_max_ms + config->retry.backoff_max_ms);
}

void check_pace(void)
{
    uint64_t now = sim_now_us(), patience = patience_us();
    if (sim_is_on(F_SLOW_CONSUMER) || world.config[0]->dlq.per_minute_max > 0 ||
        world.config[0]->dlq.drift_percent < 100 || now < world.calm_since_us + patience ||
        the_coordinator.rebalancing || sim_healed())
        return;
    for (uint32_t i = 0; i < world.event_count; i++) {
        const sim_event *event = &world.events[i];
        const sim_shard *shard = &world.shards[event->shard[0]];
        if (event->kind != EVENT_GOOD || now < event->born_us + patience || shard->trouble != SHARD_WELL ||
            now < shard->well_since_us + patience)
            continue;
        const sim_log *log = &world.logs[event->topic][event->partition];
        if (event->offset < log->low || event->offset < log->first || !is_read(log))
            continue;
        sim_counts[C_HEALTHY]++;
        sim_check(world_root(event)->row_shard >= 0 || world_root(event)->collided,
                  "10: healthy shards keep their pace",
                  "%s/%d@%lld waits since %.1f s, and its shard s%u has been well since %.1f s",
                  topic_names[event->topic], event->partition, (long long)event->offset,
                  (double)event->born_us / 1e6, event->shard[0], (double)shard->well_since_us / 1e6);
    }
}

/* ---- an orderly stop ---- */

void check_stopped(const instance *one)
{
    uint64_t took_ms = (sim_now_us() - one->asked_us) / 1000;
    uint64_t starved_ms = 4000; /* what the simulator itself takes away from a thread, at most */
    if (one->frozen_until_us > one->asked_us)
        return;
    sim_check(took_ms <= one->config->shutdown.grace_s * 1000u + starved_ms,
              "12: a stop stays within its grace", "worker %u took %llu ms", one->number,
              (unsigned long long)took_ms);
    if (sim_healed() && check_all_done())
        sim_check(one->end.quiet, "12: a stop stays within its grace",
                  "everything was done, and worker %u says that not all has become durable", one->number);
}

/* ---- the end ---- */

static bool is_settled(const sim_log *log, char *why, size_t cap)
{
    const char *topic = topic_names[log->topic];
    for (int64_t offset = log->first; offset < log->end; offset++) {
        const sim_event *event = log->at[offset];
        if (!event || world_well_done(event) ||
            (offset < log->low && (event->lost || log->jumped || log->cut_above)))
            continue;
        snprintf(why, cap, "%s/%d@%lld (s%u) has become nothing", topic, log->partition, (long long)offset,
                 event->shard[0]);
        return false;
    }
    snprintf(why, cap, "%s/%d is committed at %lld of %lld: %s", topic, log->partition,
             (long long)log->committed.offset, (long long)log->end,
             log->committed.len ? log->committed.text : "");
    if (log->committed.offset != log->end)
        return false;
    for (uint32_t shard = 0; shard < world.is.shards; shard++)
        if (log->committed.parked[shard].to > log->committed.parked[shard].from)
            return false;
    return true;
}

static bool all_settled(char *why, size_t cap)
{
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (uint32_t p = 0; p < world.partitions[topic]; p++)
            if (!is_settled(&world.logs[topic][p], why, cap))
                return false;
    return true;
}

bool check_all_done(void)
{
    char why[256];
    return all_settled(why, sizeof why);
}

void check_end(void)
{
    char why[256] = "";
    sim_check(all_settled(why, sizeof why), "12: lag returns to zero after healing", "%s", why);
    for (uint32_t i = 0; i < world.event_count; i++) {
        const sim_event *event = &world.events[i];
        sim_check((event->kind == EVENT_GOOD) == (event->row_shard >= 0) || event->lost ||
                      event->row_shard < 0,
                  "1: every event ends as its row or its dead letter", "event %u is a row", i);
        const sim_event *twin = event->twin;
        sim_check(!event->collided || event->row_shard >= 0 || twin->row_shard >= 0 || event->letters == 0 ||
                      twin->letters == 0 || event->narrowed || twin->narrowed,
                  "1: every event ends as its row or its dead letter",
                  "%s/%d@%lld and %s/%d@%lld have the same value in a unique key, and none is a row",
                  topic_names[event->topic], event->partition, (long long)event->offset,
                  topic_names[event->topic], twin ? twin->partition : 0, twin ? (long long)twin->offset : 0);
    }
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        const instance *one = &world.instances[i];
        mr_ledger ledger;
        if (one->state != INSTANCE_RUNS || !one->worker || !one->group || !one->group->joined ||
            !consumers_rest(one))
            continue;
        sim_counts[C_LEDGERS]++;
        sim_check(mr_ledger_check(one->worker->flow.metrics, &ledger), "11: the counters add up",
                  "worker %u: %llu came in, %llu are accounted for", one->number,
                  (unsigned long long)ledger.in, (unsigned long long)ledger.out);
    }
}
