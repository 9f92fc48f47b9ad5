/* Lanes: a shard's parked range in one partition while it is read again; and what a gate that opens or closes means for them. */
#include "base/log.h"
#include "base/must.h"
#include "consumer_private.h"

/* ---- lanes ---- */

bool mr_lane_is_open(const mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    return mr_frontier_is_open(consumer->lanes, mr_lane_of(consumer, slot, shard));
}

int64_t mr_lane_end(const mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    mr_range range = mr_parking_range(consumer->parking, slot, shard);
    return range.state == MR_RANGE_REPLAY ? range.to : mr_frontier_position(consumer->frontier, slot);
}

bool mr_lane_reads(const mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    uint32_t lane = mr_lane_of(consumer, slot, shard);
    return mr_lane_is_open(consumer, slot, shard) && consumer->slots[slot].accepting &&
           !consumer->lane[lane].waiting &&
           mr_frontier_position(consumer->lanes, lane) < mr_lane_end(consumer, slot, shard);
}

static void open_lane(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    uint32_t lane = mr_lane_of(consumer, slot, shard);
    mr_frontier_open(consumer->lanes, lane, mr_parking_range(consumer->parking, slot, shard).from);
    consumer->lane[lane].waiting = false;
    mr_fill_begin(consumer->again, slot, shard);
    consumer->lanes_open++;
}

void mr_lane_close(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    mr_settle_drop_refused(consumer, slot, &shard, MR_RELEASED_PARKED);
    mr_frontier_close(consumer->lanes, mr_lane_of(consumer, slot, shard));
    consumer->lanes_open--;
    if (consumer->trial_slot[shard] == slot)
        consumer->trial_slot[shard] = MR_PARTITIONS_EACH;
}

/* The pass has read [begin, next): every lane that stood within is at least at its end.  Right after the reading and at no other time: where a
 * lane ends, and whether it waits, is then what it was when each event was passed over.  A lane that is let on later (its first batch is durable, or
 * its end has moved) and is behind by then makes the pass go back. */
void mr_lanes_advance(mr_consumer *consumer, uint32_t slot)
{
    const mr_pass *pass = &consumer->passes[slot];
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        uint32_t lane = mr_lane_of(consumer, slot, shard);
        int64_t at = mr_frontier_position(consumer->lanes, lane);
        if (mr_lane_reads(consumer, slot, shard) && at >= pass->begin)
            mr_frontier_advance(consumer->lanes, lane,
                                mr_most(at, mr_least(pass->next, mr_lane_end(consumer, slot, shard))));
    }
}

/* ---- gates ---- */

/* The shard does not take rows any more: open pages are given up, replays stay where they stand. */
static void close_shard(mr_consumer *consumer, uint32_t shard, uint64_t now_ms)
{
    uint32_t handle;
    while ((handle = mr_fill_withdraw(consumer->live, shard)) != MR_PAGE_NONE ||
           (handle = mr_fill_withdraw(consumer->again, shard)) != MR_PAGE_NONE) {
        mr_pool_page(consumer->flow->pool, handle)->outcome = MR_OUTCOME_PARKED;
        mr_settle_page(consumer, handle, now_ms);
    }
    for (uint32_t slot = 0; slot < consumer->slots_used; slot++) {
        if (mr_lane_is_open(consumer, slot, shard))
            mr_settle_abandon(consumer, slot, shard);
    }
    mr_bell_ring(&consumer->flow->writer_bell[shard]);
}

static void open_shard(mr_consumer *consumer, uint32_t shard)
{
    for (uint32_t slot = 0; slot < consumer->slots_used; slot++)
        consumer->lane[mr_lane_of(consumer, slot, shard)].waiting = false;
}

void mr_lanes_gates(mr_consumer *consumer, uint64_t now_ms)
{
    mr_gates *gates = &consumer->flow->gates;
    if (now_ms >= consumer->look_ms)
        mr_gates_look(gates, now_ms);
    consumer->live_shards = 0;
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        mr_gate_state was = consumer->gate[shard], now = mr_gate_now(gates, shard);
        consumer->gate[shard] = now;
        bool closed = mr_gate_is_open(was) ? !mr_gate_is_open(now) : now == MR_GATE_PARKED && was != now;
        if (closed)
            close_shard(consumer, shard, now_ms);
        else if (mr_gate_is_open(now) && !mr_gate_is_open(was))
            open_shard(consumer, shard);
    }
    for (uint32_t shard = 0; shard < consumer->shards; shard++)
        consumer->live_shards += mr_gate_is_live(gates, shard, now_ms);
}

/* ---- which lanes there are ---- */

/* A range of a shard that takes rows, or is being tried. */
static void tend_range(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    mr_gate_state gate = consumer->gate[shard];
    mr_range range = mr_parking_range(consumer->parking, slot, shard);
    if (range.state == MR_RANGE_PARKED && mr_gate_is_open(gate)) {
        mr_parking_reopen(consumer->parking, slot, shard, mr_frontier_position(consumer->frontier, slot));
        range = mr_parking_range(consumer->parking, slot, shard);
        if (range.state == MR_RANGE_LIVE) {
            mr_gate_entry(&consumer->flow->gates, shard, -1);
            if (mr_lane_is_open(consumer, slot, shard))
                mr_lane_close(consumer, slot, shard);
            return;
        }
    }
    if (mr_lane_is_open(consumer, slot, shard))
        return;
    if (mr_gate_is_open(gate)) {
        open_lane(consumer, slot, shard);
    } else if (gate == MR_GATE_PROBED && consumer->trial_slot[shard] == MR_PARTITIONS_EACH) {
        consumer->trial_slot[shard] = slot;
        open_lane(consumer, slot, shard);
    }
}

/* Counts what has become durable; a range that is done is gone. */
static void follow(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    uint32_t lane = mr_lane_of(consumer, slot, shard);
    int64_t moved =
        mr_parking_progress(consumer->parking, slot, shard, mr_frontier_lowest(consumer->lanes, lane));
    if (moved == 0)
        return;
    mr_metric_add(consumer->flow->metrics, MR_M_REPLAY_OFFSETS, shard, 0, (uint64_t)moved);
    if (mr_parking_range(consumer->parking, slot, shard).state != MR_RANGE_LIVE)
        return;
    mr_lane_close(consumer, slot, shard);
    mr_gate_entry(&consumer->flow->gates, shard, -1);
    mr_log(MR_LOG_INFO, "replay_done",
           MR_FIELDS(.topic = consumer->slots[slot].topic, .has_position = true,
                     .partition = consumer->slots[slot].partition, .offset = -1,
                     .shard = consumer->config->shards[shard].name),
           "everything that was parked of the partition is written");
}

/* A probed shard for which nothing is to be tried after all. */
static void end_empty_trial(mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    uint32_t lane = mr_lane_of(consumer, slot, shard);
    if (consumer->gate[shard] != MR_GATE_PROBED || mr_lane_reads(consumer, slot, shard) ||
        consumer->lane[lane].waiting || !mr_frontier_quiet(consumer->lanes, lane) ||
        mr_fill_of_shard(consumer->again, shard) > 0)
        return;
    if (mr_gate_turn(&consumer->flow->gates, shard, MR_GATE_PROBED, MR_GATE_LIVE))
        mr_bell_ring(&consumer->flow->writer_bell[shard]);
}

void mr_lanes_tend(mr_consumer *consumer, uint32_t slot)
{
    for (uint32_t shard = 0; shard < consumer->shards; shard++) {
        if (mr_parking_range(consumer->parking, slot, shard).state == MR_RANGE_LIVE)
            continue;
        tend_range(consumer, slot, shard);
        /* Nothing of it is at the writer: there is no result to wait for, also when the gate went round unseen.  Where it is open, it was room for refused rows
         * that was waited for; before there is some, the pass must not go back. */
        if (consumer->refused_free != MR_REFUSED_NONE &&
            (mr_gate_is_open(consumer->gate[shard]) || mr_fill_of_shard(consumer->again, shard) == 0))
            consumer->lane[mr_lane_of(consumer, slot, shard)].waiting = false;
        if (!mr_lane_is_open(consumer, slot, shard))
            continue;
        if (mr_parking_range(consumer->parking, slot, shard).state == MR_RANGE_REPLAY)
            follow(consumer, slot, shard);
        else
            end_empty_trial(consumer, slot, shard);
    }
}
