#include "app/membership.h"

#include <string.h>

#include "app/start.h"
#include "base/clock.h"
#include "base/ksuid.h"
#include "base/log.h"
#include "base/must.h"
#include "stages/snapshot.h"
#include "stages/topics.h"

#define SYNC_COMMIT_MS 5000
#define CLOSE_LOOKS    20000 /* of a millisecond each, at most */
#define BEGIN_MS       60000 /* a coordinator that is still loading needs a while */

typedef struct owned {
    bool used, held;
    const char *why; /* of a hold */
    mr_slot *slot;
    uint32_t number; /* slot within its consumer */
    int64_t dirty_until;
    int64_t committed; /* negative: none yet */
    bool committed_clean;
    int64_t sent; /* of the commit on its way */
    bool sent_clean;
    uint32_t life, sent_life; /* lives of the place; 0: not in the commit */
    int64_t frontier_seen;
    uint64_t frontier_moved_ms;
    int64_t last_commit_wall_ms;
    char metadata[128]; /* of the commit on its way */
} owned;

struct mr_membership {
    mr_flow *flow;
    mr_consumer **consumers;
    mr_group *group;
    mr_inbox **inboxes;
    mr_main_duties duties;
    owned *all; /* [consumers * MR_PARTITIONS_EACH] */
    uint32_t room;
    mr_partition *due; /* scratch of a commit */
    mr_topics *topics;
    uint64_t fingerprint;
    bool drained; /* shutdown: nothing is waited for any more */
};

mr_membership *mr_membership_new(mr_flow *flow, mr_consumer **consumers, mr_arena *arena)
{
    const mr_config *config = flow->config;
    mr_membership *m = mr_arena_take(arena, "membership", 1, sizeof *m);
    m->flow = flow;
    m->consumers = consumers;
    m->room = flow->consumers * MR_PARTITIONS_EACH;
    m->all = mr_arena_take(arena, "membership", m->room, sizeof *m->all);
    m->due = mr_arena_take(arena, "membership", m->room, sizeof *m->due);
    m->fingerprint = mr_fingerprint(config);
    m->topics = mr_topics_new(config, arena);
    for (uint32_t i = 0; i < m->room; i++) {
        m->all[i].number = i % MR_PARTITIONS_EACH;
        m->all[i].slot = mr_consumer_slot(consumers[i / MR_PARTITIONS_EACH], m->all[i].number);
    }
    return m;
}

void mr_membership_free(mr_membership *m)
{
    mr_topics_free(m->topics);
}

void mr_membership_connect(mr_membership *m, mr_group *group, mr_inbox **inboxes, mr_main_duties duties)
{
    m->group = group;
    m->inboxes = inboxes;
    m->duties = duties;
}

static uint32_t index_of(const mr_membership *m, const owned *one)
{
    return (uint32_t)(one - m->all);
}

static void order(mr_membership *m, const owned *one, mr_order what)
{
    mr_consumer_order(m->consumers[index_of(m, one) / MR_PARTITIONS_EACH], what, one->number);
}

static owned *find(const mr_membership *m, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < m->room; i++)
        if (m->all[i].used && m->all[i].slot->partition == partition && !strcmp(m->all[i].slot->topic, topic))
            return &m->all[i];
    return NULL;
}

/* A free place at the consumer with the fewest partitions. */
static owned *free_place(mr_membership *m)
{
    owned *best = NULL;
    uint32_t fewest = UINT32_MAX;
    for (uint32_t c = 0; c < m->flow->consumers; c++) {
        owned *place = NULL;
        uint32_t count = 0;
        for (uint32_t i = MR_PARTITIONS_EACH; i-- > 0;) {
            owned *one = &m->all[c * MR_PARTITIONS_EACH + i];
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

static void say_held(const owned *one)
{
    mr_log(MR_LOG_ERROR, "partition_held",
           MR_FIELDS(.topic = one->slot->topic, .has_position = true, .partition = one->slot->partition,
                     .offset = one->committed),
           "held, nothing is read from it: %s", one->why);
}

/* The topic's coordinates must not make the identities of another topic of the same table. */
static bool source_is_free(const mr_membership *m, uint32_t stream, const char *topic, uint32_t hash)
{
    const mr_config *config = m->flow->config;
    for (uint32_t i = 0; i < m->room; i++) {
        const owned *one = &m->all[i];
        if (one->used && one->slot->source_hash == hash && strcmp(one->slot->topic, topic) != 0 &&
            !strcmp(config->streams[one->slot->stream].table, config->streams[stream].table))
            return false;
    }
    return true;
}

static void take_one(mr_membership *m, mr_partition *partition)
{
    const mr_config *config = m->flow->config;
    mr_beginning begin;
    uint32_t stream;
    owned *one = free_place(m);
    partition->hold = true;
    if (!one || !mr_topics_stream(m->topics, partition->topic, &stream) ||
        strlen(partition->topic) >= MR_TOPIC_MAX) {
        mr_log(MR_LOG_ERROR, "partition_refused",
               MR_FIELDS(.topic = partition->topic, .has_position = true, .partition = partition->partition,
                         .offset = -1),
               one ? "no stream takes this topic"
                   : "more partitions than this worker has places for: add consumer threads");
        return;
    }
    if (!mr_start_decide(m->group, config, m->fingerprint, &m->duties, partition, &begin))
        return;
    mr_slot *slot = one->slot;
    memcpy(slot->topic, partition->topic, strlen(partition->topic) + 1); /* its length is checked above */
    slot->partition = partition->partition;
    slot->stream = stream;
    slot->source_hash = mr_ksuid_source(config->streams[stream].id_namespace, partition->topic);
    slot->start = begin.offset;
    if (!begin.hold && config->streams[stream].id_ksuid &&
        !source_is_free(m, stream, partition->topic, slot->source_hash)) {
        begin.hold = true;
        begin.why = "its name has the same hash as another topic's of this table: give the stream another "
                    "id.namespace";
    }
    *one = (owned){.used = true,
                   .life = one->life + 1,
                   .held = begin.hold,
                   .why = begin.why,
                   .slot = slot,
                   .number = one->number,
                   .dirty_until = begin.dirty_until,
                   .committed = begin.committed,
                   .committed_clean = begin.committed_clean,
                   .frontier_seen = begin.offset,
                   .frontier_moved_ms = mr_clock_ms()};
    mr_metrics_partition_open(m->flow->metrics, index_of(m, one), slot->topic, slot->partition);
    partition->hold = begin.hold;
    partition->start = begin.offset;
    partition->inbox = m->inboxes[index_of(m, one) / MR_PARTITIONS_EACH];
    if (begin.hold)
        say_held(one);
}

/* ---- commits ---- */

static void add_commit(mr_membership *m, owned *one, int64_t offset, bool clean, size_t at)
{
    mr_snapshot snapshot = {.offset = offset, .fingerprint = m->fingerprint, .clean = clean};
    one->sent = offset;
    one->sent_clean = clean;
    one->sent_life = one->life;
    m->due[at] =
        (mr_partition){.topic = one->slot->topic,
                       .partition = one->slot->partition,
                       .start = offset,
                       .metadata = one->metadata,
                       .metadata_len = mr_snapshot_format(&snapshot, one->metadata, sizeof one->metadata)};
}

/* Adds what is due of one partition to the commit that is being made.  Clean is said only when nothing more is taken: otherwise rows could become
 * durable above the offset right after. */
static size_t add_due(mr_membership *m, owned *one, size_t count)
{
    if (!one->used)
        return count;
    mr_slot_snapshot now = mr_slot_read(one->slot);
    if (now.epoch == 0)
        return count;
    bool clean = !now.accepting && now.quiet && now.position >= one->dirty_until;
    if (now.lowest == one->committed && clean == one->committed_clean)
        return count;
    must(now.lowest >= one->committed);
    add_commit(m, one, now.lowest, clean, count);
    return count + 1;
}

void mr_membership_commit(mr_membership *m)
{
    size_t count = 0;
    if (mr_group_committing(m->group))
        return;
    for (uint32_t i = 0; i < m->room; i++)
        count = add_due(m, &m->all[i], count);
    mr_group_commit(m->group, m->due, count, 0);
}

static void committed(void *context, const mr_partition *partitions, size_t count, const char *why)
{
    mr_membership *m = context;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        owned *one = find(m, partitions[i].topic, partitions[i].partition);
        failed += partitions[i].failed;
        /* An answer to an earlier life of the partition says nothing of this one. */
        if (!one || partitions[i].failed || one->sent_life != one->life || one->sent != partitions[i].start)
            continue;
        one->committed = one->sent;
        one->committed_clean = one->sent_clean;
        one->last_commit_wall_ms = mr_clock_wall_ms();
        one->sent_life = 0;
    }
    if (failed > 0 || *why) {
        mr_metric_add(m->flow->metrics, MR_M_COMMIT_ERRORS, 0, 0, 1);
        mr_log(MR_LOG_WARN, "commit_failed", NULL, "%zu of %zu offsets were not committed: %s", failed, count,
               why);
    }
}

static void wait_a_little(mr_membership *m)
{
    m->duties.busy(m->duties.context);
    mr_bell_announce(m->flow->main_bell);
    mr_bell_sleep(m->flow->main_bell, 5);
}

static bool stopping(void *context)
{
    mr_membership *m = context;
    return m->duties.stopping(m->duties.context);
}

/* ---- partitions begin ---- */

/* Before anything becomes durable above it, the offset is committed as not clean: whoever comes after a crash must know. */
static size_t add_beginnings(mr_membership *m, const mr_partition *partitions, size_t count)
{
    size_t due = 0;
    for (size_t i = 0; i < count; i++) {
        owned *one = partitions[i].hold ? NULL : find(m, partitions[i].topic, partitions[i].partition);
        if (one && (one->committed != one->slot->start || one->committed_clean))
            add_commit(m, one, one->slot->start, false, due++);
    }
    return due;
}

static void begin_all(mr_membership *m, mr_partition *partitions, size_t count)
{
    uint64_t end = mr_clock_ms() + BEGIN_MS;
    do {
        mr_group_await_commit(m->group, SYNC_COMMIT_MS);
        if (mr_group_committing(m->group))
            continue; /* no answer yet from brokers */
        size_t due = add_beginnings(m, partitions, count);
        if (due == 0)
            break;
        mr_group_commit(m->group, m->due, due, SYNC_COMMIT_MS);
        if (add_beginnings(m, partitions, count) == 0 || mr_group_superseded(m->group))
            break;
        wait_a_little(m);
    } while (mr_clock_ms() < end && !stopping(m));
    for (size_t i = 0; i < count; i++) {
        owned *one = partitions[i].hold ? NULL : find(m, partitions[i].topic, partitions[i].partition);
        if (!one)
            continue;
        if (one->committed == one->slot->start && !one->committed_clean) {
            order(m, one, MR_ORDER_ASSIGN);
            continue;
        }
        one->held = partitions[i].hold = true;
        one->why = "its first commit was not accepted: it begins with the next rebalance";
        say_held(one);
    }
}

static void assigned(void *context, mr_partition *partitions, size_t count)
{
    mr_membership *m = context;
    for (size_t i = 0; i < count; i++)
        take_one(m, &partitions[i]);
    begin_all(m, partitions, count);
    mr_metric_add(m->flow->metrics, MR_M_REBALANCES, 0, 0, 1);
    mr_log(MR_LOG_INFO, "assigned", NULL, "%zu partitions came, %u are owned, %u of them held", count,
           mr_membership_owned(m), mr_membership_held(m));
}

/* ---- partitions go ---- */

/* Nothing is outstanding and nothing more is taken. */
static bool is_quiet(const owned *one)
{
    mr_slot_snapshot now = mr_slot_read(one->slot);
    return now.epoch == 0 || (now.quiet && !now.accepting);
}

static bool all_quiet(owned *const *some, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_quiet(some[i]))
            return false;
    return true;
}

static void forget(mr_membership *m, owned *one)
{
    mr_metrics_partition_close(m->flow->metrics, index_of(m, one));
    one->used = one->held = false;
    one->slot->topic[0] = 0;
}

/* Lets go of a slot's life; what is outstanding no longer counts.  A consumer never blocks, so this is short; counted in looks and not in
 * time, for the process may be frozen in between. */
static void close_life(mr_membership *m, owned *one)
{
    order(m, one, MR_ORDER_CLOSE);
    for (int looks = 0; mr_slot_read(one->slot).epoch != 0; looks++) {
        must(looks < CLOSE_LOOKS);
        mr_bell_announce(m->flow->main_bell);
        mr_bell_sleep(m->flow->main_bell, 1);
    }
}

static void commit_some(mr_membership *m, owned *const *some, size_t count)
{
    size_t due = 0;
    mr_group_await_commit(m->group, SYNC_COMMIT_MS);
    if (mr_group_committing(m->group))
        return; /* no answer from brokers: the last commit stands */
    for (size_t i = 0; i < count; i++)
        due = add_due(m, some[i], due);
    mr_group_commit(m->group, m->due, due, SYNC_COMMIT_MS);
}

static void revoked(void *context, const mr_partition *partitions, size_t count, bool lost)
{
    mr_membership *m = context;
    enum { AT_ONCE = 256 };
    mr_log(MR_LOG_INFO, "revoked", NULL, "%zu partitions go%s", count,
           lost ? ", they are another member's already" : "");
    for (size_t from = 0; from < count; from += AT_ONCE) {
        owned *some[AT_ONCE];
        size_t n = 0;
        for (size_t i = from; i < count && i < from + AT_ONCE; i++) {
            owned *one = find(m, partitions[i].topic, partitions[i].partition);
            if (one && mr_slot_read(one->slot).epoch == 0)
                forget(m, one); /* held from the start */
            else if (one)
                some[n++] = one;
        }
        for (size_t i = 0; i < n; i++)
            order(m, some[i], MR_ORDER_DRAIN);
        uint64_t end = mr_clock_ms() + m->flow->config->kafka.rebalance_drain_s * 1000u;
        while (!lost && !m->drained && !all_quiet(some, n) && mr_clock_ms() < end)
            wait_a_little(m);
        if (!lost)
            commit_some(m, some, n);
        for (size_t i = 0; i < n; i++) {
            close_life(m, some[i]);
            forget(m, some[i]);
        }
    }
    mr_metric_add(m->flow->metrics, MR_M_REBALANCES, 0, 0, 1);
}

bool mr_membership_drain(mr_membership *m, uint64_t deadline_ms)
{
    for (uint32_t c = 0; c < m->flow->consumers; c++)
        mr_consumer_order(m->consumers[c], MR_ORDER_DRAIN_ALL, 0);
    bool quiet;
    do {
        wait_a_little(m);
        quiet = true;
        for (uint32_t i = 0; i < m->room; i++)
            quiet = quiet && (!m->all[i].used || is_quiet(&m->all[i]));
    } while (!quiet && mr_clock_ms() < deadline_ms);
    mr_group_await_commit(m->group, SYNC_COMMIT_MS);
    mr_membership_commit(m);
    mr_group_await_commit(m->group, SYNC_COMMIT_MS);
    m->drained = true;
    return quiet;
}

/* ---- once a second ---- */

/* The log has been cut off from under the position. */
static void deal_with_stopped(mr_membership *m, owned *one)
{
    int64_t low, high;
    if (!m->flow->config->kafka.out_of_range_earliest ||
        !mr_group_watermarks_ask(m->group, one->slot->topic, one->slot->partition, &low, &high, 1000)) {
        if (!m->flow->config->kafka.out_of_range_earliest && !one->held) {
            one->held = true;
            one->why = "its position is not in the log any more: reset the group's offset and restart, or "
                       "set kafka.out_of_range to \"earliest\"";
            say_held(one);
        }
        return;
    }
    mr_slot_snapshot now = mr_slot_read(one->slot);
    mr_log(MR_LOG_ERROR, "offset_out_of_range",
           MR_FIELDS(.topic = one->slot->topic, .has_position = true, .partition = one->slot->partition,
                     .offset = now.position),
           "the position is not in the log (%lld to %lld): going on at its beginning, as kafka.out_of_range "
           "says",
           (long long)low, (long long)high);
    close_life(m, one);
    one->life++;
    one->committed = -1; /* the log's beginning may lie below, when the topic was made again */
    one->slot->start = one->dirty_until = low;
    order(m, one, MR_ORDER_ASSIGN);
    mr_group_seek(m->group, one->slot->topic, one->slot->partition, low);
}

static void show(mr_membership *m, owned *one, uint64_t now_ms)
{
    mr_slot_snapshot now = mr_slot_read(one->slot);
    int64_t low, high;
    mr_partition_gauges gauges = {.committed = one->committed,
                                  .frontier = now.epoch ? now.lowest : one->committed,
                                  .end = -1,
                                  .last_commit_wall_ms = one->last_commit_wall_ms,
                                  .held = one->held};
    if (mr_group_watermarks_seen(m->group, one->slot->topic, one->slot->partition, &low, &high))
        gauges.end = high > now.position || !now.epoch ? high : now.position;
    if (gauges.frontier != one->frontier_seen) {
        one->frontier_seen = gauges.frontier;
        one->frontier_moved_ms = now_ms;
    }
    bool waiting = one->held || (now.epoch && !now.quiet);
    gauges.frontier_moved_ms = waiting ? one->frontier_moved_ms : 0;
    mr_metrics_partition_set(m->flow->metrics, index_of(m, one), &gauges);
}

void mr_membership_look(mr_membership *m, uint64_t now_ms)
{
    for (uint32_t i = 0; i < m->room; i++) {
        owned *one = &m->all[i];
        if (!one->used)
            continue;
        if (mr_slot_read(one->slot).stopped)
            deal_with_stopped(m, one);
        show(m, one, now_ms);
    }
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
                               .committed = committed,
                               .stopping = stopping,
                               .waiting = waiting};
}
