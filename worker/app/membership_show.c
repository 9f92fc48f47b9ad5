/* What metrics and status say of partitions and shards: once a second, from what consumers publish and gates say. */
#include <string.h>

#include "base/clock.h"
#include "membership_private.h"

#define RETENTION_ASK_MS 60000
#define LOW_WAIT_MS      200
#define LOW_ASK_MS       10000
#define ASK_MS           400 /* of a look, for all such questions: silent brokers must not keep main from its duties */

/* ---- partitions ---- */

/* The event that holds the offset: where it waits, since how many attempts, until when. */
static mr_board_waiting waiting_of(const mr_membership *m, const mr_slot_snapshot *now)
{
    mr_board_waiting waiting = {.present = now->epoch && now->waiting != MR_WAITS_NOT && !now->quiet,
                                .offset = now->lowest,
                                .shard = -1,
                                .has_key_hash = now->waiting_hash != 0,
                                .key_hash = now->waiting_hash};
    switch (now->waiting) {
    case MR_WAITS_FOR_SHARD: {
        const mr_page *page = mr_pool_page(m->flow->pool, now->waiting_page);
        waiting.shard = (int32_t)now->waiting_shard;
        waiting.attempts = atomic_load_explicit(&page->tries, memory_order_relaxed);
        waiting.due_ms = atomic_load_explicit(&page->due_ms, memory_order_relaxed);
        /* Of the shard: it may be later than the page's, or all that is known. */
        uint64_t again_ms = mr_gate_again_ms(&m->flow->gates, now->waiting_shard);
        if (waiting.due_ms < again_ms)
            waiting.due_ms = again_ms;
        waiting.state = waiting.due_ms ? "retrying" : "writing";
        break;
    }
    case MR_WAITS_TO_BE_READ:
        waiting.shard = (int32_t)now->waiting_shard;
        waiting.state = "refused";
        waiting.why =
            "the database refuses the row: its message is read again from the log, to become a dead letter";
        break;
    case MR_WAITS_FOR_LETTER:
    case MR_WAITS_NOT:
        waiting.state = "dead_letter";
        waiting.why = "its dead letter is on its way to the brokers";
        break;
    }
    return waiting;
}

/* A stream that is held for its dead letters; NULL: it is not. */
static const char *stream_held(const mr_membership *m, uint32_t stream)
{
    const mr_budget *budget = &m->flow->budget[stream];
    if (atomic_load(&budget->drifting))
        return "held: too many of its events cannot become rows (dlq.drift_percent); one is tried now and "
               "then; look at `millrace dlq list`";
    if (atomic_load(&budget->exceeded) && atomic_load(&budget->minute) == mr_clock_ms() / 60000 + 1)
        return "held until the next minute: the budget of dead letters is used up (dlq.per_minute_max)";
    return NULL;
}

static void show_partition(mr_membership *m, mr_owned *one, const mr_slot_snapshot *now, uint64_t now_ms)
{
    int64_t low, high;
    const char *held = one->held ? one->why : now->epoch ? stream_held(m, one->slot->stream) : NULL;
    mr_partition_gauges gauges = {.committed = one->committed,
                                  .frontier = now->epoch ? now->lowest : one->committed,
                                  .end = -1,
                                  .last_commit_wall_ms = one->last_commit_wall_ms,
                                  .held = held != NULL};
    if (mr_group_watermarks_seen(m->group, one->slot->topic, one->slot->partition, &low, &high))
        gauges.end = high > now->position || !now->epoch ? high : now->position;
    if (gauges.frontier != one->frontier_seen) {
        one->frontier_seen = gauges.frontier;
        one->frontier_moved_ms = now_ms;
    }
    bool waiting = held || (now->epoch && !now->quiet);
    gauges.frontier_moved_ms = waiting ? one->frontier_moved_ms : 0;
    mr_metrics_partition_set(m->flow->metrics, mr_owned_index(m, one), &gauges);
    mr_board_partition_set(m->board, mr_owned_index(m, one),
                           &(mr_board_partition){.topic = one->slot->topic,
                                                 .partition = one->slot->partition,
                                                 .committed = gauges.committed,
                                                 .frontier = gauges.frontier,
                                                 .end = gauges.end,
                                                 .state = held                           ? "held"
                                                          : now->epoch && now->accepting ? "running"
                                                                                         : "draining",
                                                 .why = held,
                                                 .waiting = waiting_of(m, now)});
}

/* ---- what is parked ---- */

typedef struct parked {
    uint64_t offsets;
    int64_t left; /* to be replayed */
    uint64_t retention_s;
    bool retention_known;
} parked;

/* The topic's retention.ms, asked once a minute for all its partitions. */
static void know_retention(mr_membership *m, mr_owned *one, uint64_t now_ms)
{
    if (one->retention_asked_ms != 0 && now_ms < one->retention_asked_ms + RETENTION_ASK_MS)
        return;
    for (uint32_t i = 0; i < m->room; i++) {
        const mr_owned *other = &m->all[i];
        if (other->used && other->retention_asked_ms != 0 &&
            now_ms < other->retention_asked_ms + RETENTION_ASK_MS &&
            !strcmp(other->slot->topic, one->slot->topic)) {
            one->retention_ms = other->retention_ms;
            one->retention_asked_ms = other->retention_asked_ms;
            return;
        }
    }
    if (mr_group_retention_ms(m->group, one->slot->topic, now_ms, &one->retention_ms))
        one->retention_asked_ms = now_ms - (one->retention_ms < 0 ? RETENTION_ASK_MS * 9 / 10 : 0);
}

static void take_log_lows(mr_membership *m, uint64_t now_ms)
{
    mr_log_low answer;
    while (mr_group_log_low(m->group, &answer)) {
        mr_owned *one = mr_membership_find(m, answer.topic, answer.partition);
        if (one)
            mr_retention_sample(&one->retention, answer.low, now_ms);
    }
}

static void look_at_log(mr_membership *m, mr_owned *one, uint64_t now_ms)
{
    if (mr_clock_ms() >= m->ask_until_ms)
        return;
    know_retention(m, one, now_ms);
    if (now_ms < one->low_asked_ms + LOW_ASK_MS)
        return;
    one->low_asked_ms = now_ms;
    m->ask_from = mr_owned_index(m, one) + 1;
    mr_group_log_low_ask(m->group, one->slot->topic, one->slot->partition, LOW_WAIT_MS);
    take_log_lows(m, now_ms);
}

static void add_range(mr_membership *m, mr_owned *one, uint32_t shard, const mr_slot_range *range,
                      int64_t position, uint64_t now_ms, parked *sum)
{
    uint32_t slot = mr_owned_index(m, one);
    if (range->to <= range->from) {
        mr_board_range_clear(m->board, slot, shard);
        return;
    }
    int64_t to = range->to == MR_RANGE_OPEN ? position : range->to;
    mr_board_range_set(m->board, slot, shard, range->from,
                       range->to == MR_RANGE_OPEN ? MR_BOARD_OPEN : range->to);
    sum->offsets += to > range->from ? (uint64_t)(to - range->from) : 0;
    sum->left += to > range->from ? to - range->from : 0;
    uint64_t seconds;
    mr_retention_range about = {
        .from = range->from, .timestamp_ms = range->timestamp_ms, .retention_ms = one->retention_ms};
    if (mr_retention_remaining(&one->retention, &about, now_ms, mr_clock_wall_ms(), &seconds) &&
        (!sum->retention_known || seconds < sum->retention_s)) {
        sum->retention_known = true;
        sum->retention_s = seconds;
    }
}

/* ---- shards ---- */

static uint64_t written(const mr_membership *m, uint32_t shard)
{
    uint64_t rows = 0;
    for (uint32_t stream = 0; stream < m->flow->config->stream_count; stream++)
        rows += mr_metric_get(m->flow->metrics, MR_M_ROWS_WRITTEN, stream, shard);
    return rows;
}

static void measure(mr_membership *m, uint32_t shard, uint64_t now_ms)
{
    mr_shard_seen *seen = &m->shards[shard];
    uint64_t rows = written(m, shard),
             replayed = mr_metric_get(m->flow->metrics, MR_M_REPLAY_OFFSETS, shard, 0);
    uint64_t passed = now_ms - seen->rows_at_ms;
    if (seen->rows_at_ms != 0 && passed > 0) {
        uint64_t replayed_per_s = (replayed - seen->replayed) * 1000 / passed;
        seen->rows_per_s = (rows - seen->rows) * 1000 / passed;
        seen->replayed_per_s =
            seen->replayed_per_s ? (7 * seen->replayed_per_s + replayed_per_s) / 8 : replayed_per_s;
    }
    seen->rows = rows;
    seen->replayed = replayed;
    seen->rows_at_ms = now_ms;
}

/* The gate knows when it turned; that a replay has ended is seen here. */
static int64_t since(mr_membership *m, uint32_t shard, mr_shard_state state, int64_t wall_ms)
{
    mr_shard_seen *seen = &m->shards[shard];
    int64_t gate_ms = mr_gate_since_wall_ms(&m->flow->gates, shard);
    if (gate_ms != seen->gate_wall_ms)
        seen->since_wall_ms = gate_ms;
    else if (state != seen->state)
        seen->since_wall_ms = wall_ms;
    seen->gate_wall_ms = gate_ms;
    seen->state = state;
    return seen->since_wall_ms;
}

static void show_shard(mr_membership *m, uint32_t shard, const parked *sum, uint64_t now_ms)
{
    mr_metrics *metrics = m->flow->metrics;
    mr_shard_seen *seen = &m->shards[shard];
    mr_shard_state state = mr_gate_shown(&m->flow->gates, shard);
    char why[MR_GATE_WHY_BYTES];
    unsigned code;
    int64_t wall_ms = mr_clock_wall_ms();
    measure(m, shard, now_ms);
    seen->parked_since_wall_ms = sum->offsets == 0            ? 0
                                 : seen->parked_since_wall_ms ? seen->parked_since_wall_ms
                                                              : wall_ms;
    for (uint32_t i = 0; i < MR_SHARD_STATE_COUNT; i++)
        mr_metric_set(metrics, MR_M_SHARD_STATE, shard, i, i == state);
    mr_metric_set(metrics, MR_M_PARKED_OFFSETS, shard, 0, sum->offsets);
    mr_metric_set(metrics, MR_M_PARKED_AGE, shard, 0,
                  seen->parked_since_wall_ms ? (uint64_t)(wall_ms - seen->parked_since_wall_ms) : 0);
    if (sum->retention_known)
        mr_metric_set(metrics, MR_M_RETENTION_REMAINING, shard, 0, sum->retention_s);
    else
        mr_metric_absent(metrics, MR_M_RETENTION_REMAINING, shard, 0);
    mr_gate_explained(&m->flow->gates, shard, why, &code);
    bool replay = state == MR_SHARD_REPLAY;
    mr_board_shard_set(m->board, shard,
                       &(mr_board_shard){.state = mr_shard_state_name(state),
                                         .since_wall_ms = since(m, shard, state, wall_ms),
                                         .why = why,
                                         .code = code,
                                         .rows_per_s = seen->rows_per_s,
                                         .offsets_left = replay ? sum->left : -1,
                                         .seconds_left = replay && seen->replayed_per_s > 0
                                                             ? sum->left / (int64_t)seen->replayed_per_s
                                                             : -1});
}

void mr_membership_show(mr_membership *m, uint64_t now_ms)
{
    parked sums[MR_SHARDS_MAX] = {0};
    uint32_t shards = m->flow->shards;
    uint32_t first = m->ask_from;
    m->ask_until_ms = mr_clock_ms() + ASK_MS;
    take_log_lows(m, now_ms);
    for (uint32_t i = 0; i < m->room; i++) {
        mr_owned *one = &m->all[(first + i) % m->room];
        if (!one->used)
            continue;
        mr_slot_snapshot now = mr_slot_read(one->slot, m->ranges);
        show_partition(m, one, &now, now_ms);
        bool any = false;
        for (uint32_t shard = 0; now.epoch && shard < shards; shard++)
            any = any || m->ranges[shard].to > m->ranges[shard].from;
        if (any)
            look_at_log(m, one, now_ms);
        for (uint32_t shard = 0; now.epoch && shard < shards; shard++)
            add_range(m, one, shard, &m->ranges[shard], now.position, now_ms, &sums[shard]);
    }
    for (uint32_t shard = 0; shard < shards; shard++)
        show_shard(m, shard, &sums[shard], now_ms);
    mr_board_sample(m->board, m->flow->metrics, now_ms);
}
