#include "app/membership.h"

#include <string.h>

#include "app/start.h"
#include "base/clock.h"
#include "base/ksuid.h"
#include "base/log.h"
#include "base/must.h"
#include "membership_private.h"
#include "stages/snapshot.h"
#include "stages/topics.h"

#define SYNC_COMMIT_MS 5000
#define BEGIN_MS       60000 /* a coordinator that is still loading needs a while */
#define BEGIN_AGAIN_MS 10000

mr_membership *mr_membership_new(mr_flow *flow, mr_consumer **consumers, const mr_topics *topics,
                                 mr_board *board, mr_arena *arena)
{
    const mr_config *config = flow->config;
    mr_membership *m = mr_arena_take(arena, "membership", 1, sizeof *m);
    m->flow = flow;
    m->consumers = consumers;
    m->room = flow->consumers * MR_PARTITIONS_EACH;
    m->all = mr_arena_take(arena, "membership", m->room, sizeof *m->all);
    m->due = mr_arena_take(arena, "membership", m->room, sizeof *m->due);
    m->fingerprint = mr_fingerprint(config);
    m->topics = topics;
    m->board = board;
    m->texts = mr_arena_take(arena, "membership", mr_membership_texts_bytes(m->room), 1);
    m->ranges = mr_arena_take(arena, "membership", config->shard_count, sizeof *m->ranges);
    m->shards = mr_arena_take(arena, "membership", config->shard_count, sizeof *m->shards);
    for (uint32_t i = 0; i < m->room; i++) {
        m->all[i].number = i % MR_PARTITIONS_EACH;
        m->all[i].slot = mr_consumer_slot(consumers[i / MR_PARTITIONS_EACH], m->all[i].number);
    }
    return m;
}

void mr_membership_connect(mr_membership *m, mr_group *group, mr_inbox **inboxes, mr_main_duties duties)
{
    m->group = group;
    m->inboxes = inboxes;
    m->duties = duties;
}

static void order(mr_membership *m, const mr_owned *one, mr_order what)
{
    mr_consumer_order(m->consumers[mr_owned_index(m, one) / MR_PARTITIONS_EACH], what, one->number);
}

mr_owned *mr_membership_find(const mr_membership *m, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < m->room; i++)
        if (m->all[i].used && m->all[i].slot->partition == partition && !strcmp(m->all[i].slot->topic, topic))
            return &m->all[i];
    return NULL;
}

/* A free place at the consumer with the fewest partitions. */
static mr_owned *free_place(mr_membership *m)
{
    mr_owned *best = NULL;
    uint32_t fewest = UINT32_MAX;
    for (uint32_t c = 0; c < m->flow->consumers; c++) {
        mr_owned *place = NULL;
        uint32_t count = 0;
        for (uint32_t i = MR_PARTITIONS_EACH; i-- > 0;) {
            mr_owned *one = &m->all[c * MR_PARTITIONS_EACH + i];
            count += one->used;
            place = one->used ? place : one;
        }
        if (place && count < fewest) {
            best = place;
            fewest = count;
        }
    }
    return best;
}

/* ---- partitions come ---- */

static void say_held(const mr_owned *one)
{
    mr_log(MR_LOG_ERROR, "partition_held",
           MR_FIELDS(.topic = one->slot->topic, .has_position = true, .partition = one->slot->partition,
                     .offset = one->committed),
           "held, nothing is read from it: %s", one->why);
}

static bool stopping(void *context)
{
    mr_membership *m = context;
    return m->duties.stopping(m->duties.context);
}

/* The topic's coordinates must not make the identities of another topic of the same table. */
static bool source_is_free(const mr_membership *m, uint32_t stream, const char *topic, uint32_t hash)
{
    const mr_config *config = m->flow->config;
    for (uint32_t i = 0; i < m->room; i++) {
        const mr_owned *one = &m->all[i];
        if (one->used && !one->slot->sent_back && one->slot->source_hash == hash &&
            strcmp(one->slot->topic, topic) != 0 &&
            !strcmp(config->streams[one->slot->stream].table, config->streams[stream].table))
            return false;
    }
    return true;
}

static void take_one(mr_membership *m, mr_partition *partition)
{
    const mr_config *config = m->flow->config;
    mr_beginning begin;
    uint32_t stream = 0;
    mr_owned *one = free_place(m);
    partition->hold = true;
    if (stopping(m)) /* each question waits for brokers that are silent, and the grace period is running */
        return;
    bool sent_back = mr_topics_is_replay(config, partition->topic);
    if (!one || (!sent_back && !mr_topics_stream(m->topics, partition->topic, &stream)) ||
        strlen(partition->topic) >= MR_TOPIC_MAX) {
        mr_log(MR_LOG_ERROR, "partition_refused",
               MR_FIELDS(.topic = partition->topic, .has_position = true, .partition = partition->partition,
                         .offset = -1),
               one ? "no stream takes this topic"
                   : "more partitions than this worker has places for: add consumer threads");
        return;
    }
    mr_slot *slot = one->slot;
    begin.ranges = slot->start_ranges;
    if (!mr_start_decide(m->group, config, m->fingerprint, &m->duties, partition, &begin))
        return;
    memcpy(slot->topic, partition->topic, strlen(partition->topic) + 1); /* its length is checked above */
    slot->partition = partition->partition;
    slot->stream = stream;
    slot->sent_back = sent_back;
    slot->source_hash = mr_ksuid_source(config->streams[stream].id_namespace, partition->topic);
    slot->start = begin.offset;
    if (!begin.hold && !sent_back && config->streams[stream].id_ksuid &&
        !source_is_free(m, stream, partition->topic, slot->source_hash)) {
        begin.hold = true;
        begin.why = "its name has the same hash as another topic's of this table: give the stream another "
                    "id.namespace";
    }
    *one = (mr_owned){.used = true,
                      .life = one->life + 1,
                      .held = begin.hold,
                      .why = begin.why,
                      .slot = slot,
                      .number = one->number,
                      .dirty_until = begin.dirty_until,
                      .committed = begin.committed,
                      .committed_clean = begin.committed_clean,
                      .frontier_seen = begin.offset,
                      .frontier_moved_ms = mr_clock_ms(),
                      .retention_ms = -1};
    mr_metrics_partition_open(m->flow->metrics, mr_owned_index(m, one), slot->topic, slot->partition);
    partition->hold = begin.hold;
    partition->start = begin.offset;
    partition->inbox = m->inboxes[mr_owned_index(m, one) / MR_PARTITIONS_EACH];
    if (begin.hold)
        say_held(one);
}

static void wait_a_little(mr_membership *m, uint64_t ms)
{
    m->duties.busy(m->duties.context);
    mr_bell_announce(m->flow->main_bell);
    mr_bell_sleep(m->flow->main_bell, ms);
}

/* ---- partitions begin ---- */

/* Until its consumer has obeyed: what arrives of a partition without a life is thrown away, and one that goes again at once would be taken for one
 * that never began.  So the client fetches only after this.  A consumer never blocks, so it is short. */
static void await_life(mr_membership *m, const mr_owned *one)
{
    while (mr_slot_read(one->slot, NULL).epoch == 0)
        wait_a_little(m, 1);
}

/* Before anything becomes durable above it, the offset is committed as not clean: whoever comes after a crash must know. */
static size_t add_beginnings(mr_membership *m, const mr_partition *partitions, size_t count)
{
    size_t due = 0;
    for (size_t i = 0; i < count; i++) {
        mr_owned *one =
            partitions[i].hold ? NULL : mr_membership_find(m, partitions[i].topic, partitions[i].partition);
        if (one && (one->committed != one->slot->start || one->committed_clean) &&
            !mr_commit_add_beginning(m, one, &due))
            break;
    }
    return due;
}

/* Tries for for_ms, once at least. */
static void begin_all(mr_membership *m, mr_partition *partitions, size_t count, uint64_t for_ms)
{
    uint64_t end = mr_clock_ms() + for_ms;
    do {
        mr_group_await_commit(m->group, SYNC_COMMIT_MS);
        if (mr_group_committing(m->group))
            continue; /* no answer yet from brokers */
        size_t due = add_beginnings(m, partitions, count), left;
        if (due == 0)
            break;
        mr_commit_send(m, due, SYNC_COMMIT_MS);
        if ((left = add_beginnings(m, partitions, count)) == 0 || mr_group_superseded(m->group))
            break;
        if (left == due)
            wait_a_little(m, 5); /* not accepted */
    } while (mr_clock_ms() < end && !stopping(m));
    for (size_t i = 0; i < count; i++) {
        mr_owned *one =
            partitions[i].hold ? NULL : mr_membership_find(m, partitions[i].topic, partitions[i].partition);
        if (!one)
            continue;
        if (one->committed == one->slot->start && !one->committed_clean) {
            one->held = false;
            one->begin_ms = 0;
            order(m, one, MR_ORDER_ASSIGN);
            continue;
        }
        bool news = !one->held;
        one->held = partitions[i].hold = true;
        one->begin_ms = mr_clock_ms() + BEGIN_AGAIN_MS;
        one->why = "its first commit was not accepted: it begins when one is, or when it is assigned again";
        if (news)
            say_held(one);
    }
    for (size_t i = 0; i < count; i++)
        if (!partitions[i].hold)
            await_life(m, mr_membership_find(m, partitions[i].topic, partitions[i].partition));
}

static void assigned(void *context, mr_partition *partitions, size_t count)
{
    mr_membership *m = context;
    mr_owner_here(&m->owner);
    for (size_t i = 0; i < count; i++) {
        m->duties.busy(m->duties.context); /* each asks brokers, for seconds where they are slow */
        take_one(m, &partitions[i]);
    }
    begin_all(m, partitions, count, BEGIN_MS);
    mr_metric_add(m->flow->metrics, MR_M_REBALANCES, 0, 0, 1);
    mr_log(MR_LOG_INFO, "assigned", NULL, "%zu partitions came, %u are owned, %u of them held", count,
           mr_membership_owned(m), mr_membership_held(m));
}

/* ---- partitions go ---- */

/* Nothing is outstanding and nothing more is taken. */
static bool is_quiet(const mr_owned *one)
{
    mr_slot_snapshot now = mr_slot_read(one->slot, NULL);
    return now.epoch == 0 || (now.quiet && !now.accepting);
}

static bool all_quiet(mr_owned *const *some, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_quiet(some[i]))
            return false;
    return true;
}

static void forget(mr_membership *m, mr_owned *one)
{
    mr_metrics_partition_close(m->flow->metrics, mr_owned_index(m, one));
    mr_board_partition_clear(m->board, mr_owned_index(m, one));
    one->used = one->held = false;
    one->slot->topic[0] = 0;
}

/* Lets go of a slot's life; what is outstanding no longer counts.  A consumer never blocks, so this is short; one that stands still is the
 * watchdog's to deal with, by its name. */
static void close_life(mr_membership *m, mr_owned *one)
{
    order(m, one, MR_ORDER_CLOSE);
    while (mr_slot_read(one->slot, NULL).epoch != 0)
        wait_a_little(m, 1);
}

/* How long a commit is waited for: brokers may be silent, and a stop has to end in time. */
static uint32_t commit_wait_ms(const mr_membership *m)
{
    if (m->commit_by_ms == 0)
        return SYNC_COMMIT_MS;
    uint64_t now = mr_clock_ms(), left = m->commit_by_ms > now ? m->commit_by_ms - now : 0;
    return left < SYNC_COMMIT_MS ? (uint32_t)left : SYNC_COMMIT_MS;
}

static void commit_some(mr_membership *m, mr_owned *const *some, size_t count)
{
    mr_group_await_commit(m->group, commit_wait_ms(m));
    for (size_t from = 0; from < count;) {
        size_t due = 0, at = from;
        if (mr_group_committing(m->group))
            return; /* no answer from brokers: the last commit stands */
        while (at < count && mr_commit_add_due(m, some[at], &due))
            at++;
        mr_commit_send(m, due, commit_wait_ms(m));
        from = at;
    }
}

static void revoked(void *context, const mr_partition *partitions, size_t count, bool lost)
{
    mr_membership *m = context;
    enum { AT_ONCE = 256 };
    mr_owner_here(&m->owner);
    mr_log(MR_LOG_INFO, "revoked", NULL, "%zu partitions go%s", count,
           lost ? ", they are another member's already" : "");
    for (size_t from = 0; from < count; from += AT_ONCE) {
        mr_owned *some[AT_ONCE];
        size_t n = 0;
        for (size_t i = from; i < count && i < from + AT_ONCE; i++) {
            mr_owned *one = mr_membership_find(m, partitions[i].topic, partitions[i].partition);
            if (one && mr_slot_read(one->slot, NULL).epoch == 0)
                forget(m, one); /* held from the start */
            else if (one)
                some[n++] = one;
        }
        for (size_t i = 0; i < n; i++)
            order(m, some[i], MR_ORDER_DRAIN);
        uint64_t end = mr_clock_ms() + m->flow->config->kafka.rebalance_drain_s * 1000u;
        while (!lost && !m->drained && !all_quiet(some, n) && mr_clock_ms() < end)
            wait_a_little(m, 5);
        if (!lost)
            commit_some(m, some, n);
        for (size_t i = 0; i < n; i++) {
            close_life(m, some[i]);
            forget(m, some[i]);
        }
    }
    mr_metric_add(m->flow->metrics, MR_M_REBALANCES, 0, 0, 1);
}

bool mr_membership_drain(mr_membership *m, uint64_t deadline_ms, uint64_t commit_by_ms)
{
    mr_owner_here(&m->owner);
    m->commit_by_ms = commit_by_ms;
    for (uint32_t c = 0; c < m->flow->consumers; c++)
        mr_consumer_order(m->consumers[c], MR_ORDER_DRAIN_ALL, 0);
    bool quiet;
    do {
        wait_a_little(m, 5);
        quiet = true;
        for (uint32_t i = 0; i < m->room; i++)
            quiet = quiet && (!m->all[i].used || is_quiet(&m->all[i]));
    } while (!quiet && mr_clock_ms() < deadline_ms);
    /* Twice, for what one commit has no room for. */
    for (int i = 0; i < 2; i++) {
        mr_group_await_commit(m->group, commit_wait_ms(m));
        mr_membership_commit(m);
    }
    mr_group_await_commit(m->group, commit_wait_ms(m));
    m->drained = true;
    return quiet;
}

/* ---- once a second ---- */

/* The log has been cut off from under the position. */
static void deal_with_stopped(mr_membership *m, mr_owned *one)
{
    int64_t low, high;
    if (!m->flow->config->kafka.out_of_range_earliest ||
        !mr_group_watermarks_ask(m->group, one->slot->topic, one->slot->partition, &low, &high, 1000)) {
        if (!m->flow->config->kafka.out_of_range_earliest && !one->held) {
            one->held = true;
            one->why = "its position is not in the log any more: `millrace offsets reset` and restart, or "
                       "set kafka.out_of_range to \"earliest\"";
            say_held(one);
        }
        return;
    }
    mr_slot_snapshot now = mr_slot_read(one->slot, NULL);
    mr_log(MR_LOG_ERROR, "offset_out_of_range",
           MR_FIELDS(.topic = one->slot->topic, .has_position = true, .partition = one->slot->partition,
                     .offset = now.position),
           "the position is not in the log (%lld to %lld): going on at its beginning, as kafka.out_of_range "
           "says",
           (long long)low, (long long)high);
    mr_slot_read(one->slot, one->slot->start_ranges); /* what is parked stays so */
    close_life(m, one);
    one->life++;
    one->committed_ranges = UINT32_MAX;
    one->committed = -1; /* the log's beginning may lie below, when the topic was made again */
    one->slot->start = low;
    one->dirty_until = high; /* of what it has read before, rows may be there */
    order(m, one, MR_ORDER_ASSIGN);
    await_life(m, one);
    mr_group_seek(m->group, one->slot->topic, one->slot->partition, low);
}

/* A cooperative group does not assign again what its member keeps: the first commit is tried again instead, of one partition at a time, for it
 * waits for brokers. */
static void begin_held(mr_membership *m, uint64_t now_ms)
{
    for (uint32_t i = 0; i < m->room; i++) {
        mr_owned *one = &m->all[i];
        if (!one->used || !one->held || one->begin_ms == 0 || now_ms < one->begin_ms)
            continue;
        if (stopping(m) || !mr_group_cooperative(m->group))
            return;
        mr_partition partition = {.topic = one->slot->topic,
                                  .partition = one->slot->partition,
                                  .start = one->slot->start,
                                  .inbox = m->inboxes[i / MR_PARTITIONS_EACH]};
        begin_all(m, &partition, 1, 0);
        if (!partition.hold)
            mr_group_begin(m->group, &partition);
        return;
    }
}

void mr_membership_look(mr_membership *m, uint64_t now_ms)
{
    mr_owner_here(&m->owner);
    begin_held(m, now_ms);
    for (uint32_t i = 0; i < m->room; i++)
        if (m->all[i].used && mr_slot_read(m->all[i].slot, NULL).stopped) {
            m->duties.busy(m->duties.context); /* brokers are asked, for seconds where they are slow */
            deal_with_stopped(m, &m->all[i]);
        }
    mr_membership_show(m, now_ms);
}

uint32_t mr_membership_owned(const mr_membership *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->room; i++)
        count += m->all[i].used;
    return count;
}

uint32_t mr_membership_held(const mr_membership *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->room; i++)
        count += m->all[i].used && m->all[i].held;
    return count;
}

static void waiting(void *context)
{
    mr_membership *m = context;
    m->duties.busy(m->duties.context);
}

mr_group_listener mr_membership_listener(mr_membership *m)
{
    return (mr_group_listener){.context = m,
                               .assigned = assigned,
                               .revoked = revoked,
                               .committed = mr_commit_answered,
                               .stopping = stopping,
                               .waiting = waiting};
}
