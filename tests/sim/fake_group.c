/* edges/kafka.h: membership, as a member's client sees it.  What the coordinator does is in coordinator.c. */
#include <string.h>

#include "base/clock.h"
#include "checker.h"
#include "fake_kafka.h"

owned *group_owns(mr_group *group, const sim_log *log)
{
    for (uint32_t i = 0; i < group->owned_count; i++)
        if (group->owned[i].log == log)
            return &group->owned[i];
    return NULL;
}

mr_group *mr_group_new(const mr_config *config, const mr_group_listener *listener, mr_arena *arena)
{
    mr_group *group = sim_take(sizeof *group);
    (void)config, (void)arena;
    *group = (mr_group){.owner = sim_owner(),
                        .listener = *listener,
                        .notice_us = UINT64_MAX,
                        .given_us = UINT64_MAX,
                        .partitions = sim_take(FEEDS_MAX * sizeof(mr_partition))};
    return group;
}

mr_status mr_group_open(mr_group *group, mr_bell *bell, mr_error *error)
{
    (void)error;
    group->bell = bell;
    group->owner->group = group;
    return MR_OK;
}

mr_status mr_group_join(mr_group *group, mr_error *error)
{
    (void)error;
    group->subscribed = true;
    return MR_OK;
}

/* ---- partitions go ---- */

static bool is_of(const sim_log *log, sim_log *const *some, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (some[i] == log)
            return true;
    return false;
}

/* Forgets all but `kept`.  What is left of them in the client's queues is filtered out. */
static void let_go(mr_group *group, sim_log *const *kept, size_t count)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < group->owned_count; i++)
        if (is_of(group->owned[i].log, kept, count))
            group->owned[left++] = group->owned[i];
    group->owned_count = left;
    left = 0;
    for (uint32_t i = 0; i < group->feed_count; i++)
        if (is_of(group->feeds[i].log, kept, count))
            group->feeds[left++] = group->feeds[i];
    group->feed_count = left;
}

/* All but `kept`; false: there were none. */
static bool revoke(mr_group *group, sim_log *const *kept, size_t kept_count, bool lost)
{
    size_t count = 0;
    for (uint32_t i = 0; i < group->owned_count; i++)
        if (!is_of(group->owned[i].log, kept, kept_count))
            group->partitions[count++] = (mr_partition){.topic = topic_names[group->owned[i].log->topic],
                                                        .partition = group->owned[i].log->partition};
    if (count == 0)
        return false;
    sim_counts[lost ? C_LOST : C_REVOKED]++;
    sim_counts[C_REVOKED_SOME] += count < group->owned_count;
    if (lost)
        group->owned_count = 0; /* nothing may be committed any more */
    uint64_t limit_us = group->owner->config->kafka.rebalance_drain_s * UINT64_C(1000000);
    uint64_t end_us = sim_now_us() + limit_us;
    group->revoking = true;
    group->listener.revoked(group->listener.context, group->partitions, count, lost);
    group->revoking = false;
    /* What was outstanding for so long is not waited for: the next owner reads again what lies behind it, letters too. */
    world.disturbed = world.disturbed || sim_now_us() >= end_us;
    let_go(group, kept, kept_count);
    return true;
}

/* ---- partitions come ---- */

/* Where it begins is what the log's beginning, the commit and kafka.start say. */
static void begin(mr_group *group, owned *one, const mr_partition *part)
{
    one->held = part->hold;
    sim_counts[C_HELD] += part->hold;
    if (part->hold)
        return;
    sim_check(!one->log->foreign, "foreign offsets are held",
              "%s/%d goes on at %lld, which another tool has set", part->topic, part->partition,
              (long long)part->start);
    world_expect_narrow();
    sim_say("%s/%d begins at %lld", part->topic, part->partition, (long long)part->start);
    group->feeds[group->feed_count++] =
        (feed){.log = one->log, .inbox = part->inbox, .position = part->start, .fetched = part->start};
}

bool mr_group_cooperative(const mr_group *group)
{
    (void)group;
    return world.is.cooperative;
}

void mr_group_begin(mr_group *group, const mr_partition *partition)
{
    for (uint32_t i = 0; i < group->owned_count; i++) {
        owned *one = &group->owned[i];
        if (one->log->partition != partition->partition ||
            strcmp(topic_names[one->log->topic], partition->topic) != 0)
            continue;
        sim_check(one->held, "a partition begins once", "%s/%d begins, and is not held", partition->topic,
                  partition->partition);
        sim_counts[C_BEGUN_LATE]++;
        begin(group, one, partition);
    }
}

/* Offset and metadata of one answer, asked for until it comes; false: it is told to stop, or thrown out. */
static bool read_committed(mr_group *group)
{
    do {
        sim_sleep_us(1000 + sim_random(20000));
        if (group->listener.stopping(group->listener.context) || group->lost)
            return false;
        group->listener.waiting(group->listener.context);
        if (!world_reaches(group->owner))
            sim_sleep_ms(2000);
    } while (!world_reaches(group->owner) || sim_fault_now(F_ASK));
    return true;
}

static void assign(mr_group *group, sim_log *const *given, size_t count)
{
    uint32_t generation = group->generation, first = group->owned_count;
    if (!read_committed(group) || group->generation != generation)
        return;
    for (size_t i = 0; i < count; i++) {
        sim_commit committed = given[i]->committed;
        group->owned[group->owned_count++] = (owned){.log = given[i],
                                                     .sent = -1,
                                                     .serial = ++the_coordinator.assignments,
                                                     .begins = check_may_begin(given[i])};
        group->partitions[i] = (mr_partition){.topic = topic_names[given[i]->topic],
                                              .partition = given[i]->partition,
                                              .committed = committed.offset,
                                              .metadata = committed.len ? committed.text : "",
                                              .metadata_len = committed.len,
                                              .hold = true,
                                              .start = -1};
    }
    sim_say("%zu partitions are assigned, generation %u", count, generation);
    sim_counts[C_ASSIGNED]++;
    sim_counts[C_ASSIGNED_MORE] += count > 0 && first > 0;
    group->listener.assigned(group->listener.context, group->partitions, count);
    group->joined = true;
    world.calm_since_us = sim_now_us() > world.calm_since_us ? sim_now_us() : world.calm_since_us;
    for (size_t i = 0; i < count; i++)
        begin(group, &group->owned[first + i], &group->partitions[i]);
}

/* The assignment: what it has and may not keep goes, then what is new comes.  Then, when something went, all have to come back for it. */
static void take_assignment(mr_group *group)
{
    sim_log *given[FEEDS_MAX], *fresh[FEEDS_MAX];
    size_t count = group->given_count, fresh_count = 0;
    uint32_t generation = group->generation;
    memcpy(given, group->given, sizeof given);
    group->given_us = UINT64_MAX;
    bool went = revoke(group, given, count, false);
    if (group->lost)
        return;
    for (size_t i = 0; i < count; i++)
        if (!group_owns(group, given[i]))
            fresh[fresh_count++] = given[i];
    if (generation == group->generation)
        assign(group, fresh, fresh_count);
    if (went && group->member)
        rebalance("partitions were given back");
}

/* Everybody has to come back: eager members without anything. */
static void come_back(mr_group *group)
{
    group->notice_us = UINT64_MAX;
    if (!world.is.cooperative)
        revoke(group, NULL, 0, false);
    if (!group->lost) /* it may have taken too long */
        group->rejoined = true;
}

int mr_group_poll(mr_group *group)
{
    int done = 0;
    uint64_t now = sim_now_us();
    done += (int)commits_serve(group);
    if (!world_reaches(group->owner))
        return done;
    if (group->lost) {
        revoke(group, NULL, 0, true);
        coordinator_join(group);
        return done + 1;
    }
    if (group->subscribed && !group->member) {
        coordinator_join(group);
        done++;
    }
    if (group->notice_us <= now) {
        come_back(group);
        done++;
    } else if (group->given_us <= now) {
        take_assignment(group);
        done++;
    }
    return done;
}

int mr_kafka_library_number(void)
{
    return 0x020002ff;
}

bool mr_group_joined(const mr_group *group)
{
    return group->joined;
}

bool mr_group_reachable(const mr_group *group)
{
    return world_reaches(group->owner);
}

bool mr_group_fatal(const mr_group *group, mr_error *error)
{
    (void)group, (void)error;
    return false;
}

bool mr_group_close(mr_group *group, uint32_t timeout_ms)
{
    uint64_t end = mr_clock_ms() + timeout_ms;
    group->subscribed = false;
    revoke(group, NULL, 0, group->lost);
    while (!world_reaches(group->owner) && mr_clock_ms() < end) {
        group->listener.waiting(group->listener.context);
        sim_sleep_ms(50);
    }
    bool left = world_reaches(group->owner);
    group->notice_us = group->given_us = UINT64_MAX;
    if (left)
        coordinator_leave(group);
    return left;
}

void mr_group_free(mr_group *group)
{
    (void)group;
}

bool mr_group_reload_secrets(mr_group *group)
{
    (void)group;
    return false;
}
