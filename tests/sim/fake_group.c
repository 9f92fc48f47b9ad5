/* The group and its coordinator: who owns which partition (eager rebalances, as the product asks for by default). */
#include <string.h>

#include "base/clock.h"
#include "checker.h"
#include "fake_kafka.h"

coordinator the_coordinator;

void coordinator_begin(void)
{
    the_coordinator = (coordinator){0};
    commits_begin();
}

static mr_group *group_at(uint32_t i)
{
    instance *one = &world.instances[i];
    return one->state == INSTANCE_RUNS ? one->group : NULL;
}

/* ---- the coordinator ---- */

void rebalance(const char *why)
{
    if (the_coordinator.rebalancing)
        return;
    sim_say("the group rebalances: %s", why);
    sim_note(sim_now_us(), 0, 3);
    the_coordinator.rebalancing = true;
    the_coordinator.deadline_us = sim_now_us() + world.is.rebalance_ms * 1000u;
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        mr_group *group = group_at(i);
        if (!group || !group->member)
            continue;
        group->rejoined = false;
        group->given_us = UINT64_MAX;
        group->notice_us = sim_now_us() + sim_random(500000);
    }
}

static void expel(mr_group *group, const char *why)
{
    sim_say("worker %u is thrown out of the group: %s", group->owner->number, why);
    group->member = false;
    group->lost = true;
    group->notice_us = group->given_us = UINT64_MAX;
    world.disturbed = true;
    world.calm_since_us = sim_now_us();
}

/* Everybody who is in gets an equal part; beginning with another one each time. */
static void hand_out(void)
{
    mr_group *members[INSTANCES_MAX];
    uint32_t count = 0, at = (uint32_t)sim_random(INSTANCES_MAX);
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        mr_group *group = group_at(i);
        if (!group || !group->member)
            continue;
        if (!group->rejoined) {
            expel(group, "it did not come back in time");
            continue;
        }
        group->generation = the_coordinator.generation;
        group->given_count = 0;
        group->given_us = sim_now_us() + 1000 + sim_random(300000);
        members[count++] = group;
    }
    for (uint32_t topic = 0; count > 0 && topic < world.is.topics; topic++)
        for (uint32_t p = 0; p < world.partitions[topic]; p++) {
            mr_group *group = members[at++ % count];
            group->given[group->given_count++] = &world.logs[topic][p];
        }
}

static void tend_coordinator(void)
{
    uint64_t now = sim_now_us();
    bool all = true;
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        mr_group *group = group_at(i);
        if (!group || !group->member)
            continue;
        if (world_reaches(group->owner) || now < world.brokers_back_us)
            group->seen_us = now;
        else if (now - group->seen_us > world.is.session_ms * 1000u) {
            expel(group, "nothing was heard of it");
            rebalance("a member is gone");
            continue;
        }
        all = all && group->rejoined;
        if (group->notice_us <= now || group->given_us <= now)
            sim_bell_io(group->bell);
    }
    if (!the_coordinator.rebalancing || now < world.brokers_back_us ||
        (!all && now < the_coordinator.deadline_us))
        return;
    the_coordinator.rebalancing = false;
    the_coordinator.generation++;
    hand_out();
}

void group_turn(void)
{
    if (sim_now_us() >= world.brokers_back_us)
        tend_coordinator();
}

void group_gone(instance *one)
{
    mr_group *group = one->group;
    if (!group)
        return;
    commits_forget(group);
    /* The coordinator notices by the session's end, or at once by the connection's. */
    if (group->member)
        rebalance("a member is gone");
    group->member = false;
    one->group = NULL;
}

void group_partitions_added(void)
{
    rebalance("partitions were added");
}

/* ---- the member ---- */

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

static void join(mr_group *group)
{
    group->member = true;
    group->lost = false;
    group->seen_us = sim_now_us();
    rebalance("a member joins");
    group->rejoined = true;
    group->notice_us = UINT64_MAX;
}

mr_status mr_group_join(mr_group *group, mr_error *error)
{
    (void)error;
    group->subscribed = true;
    return MR_OK;
}

static void revoke(mr_group *group, bool lost)
{
    size_t count = group->owned_count;
    for (size_t i = 0; i < count; i++)
        group->partitions[i] = (mr_partition){.topic = topic_names[group->owned[i].log->topic],
                                              .partition = group->owned[i].log->partition};
    sim_counts[lost ? C_LOST : C_REVOKED]++;
    if (lost)
        group->owned_count = 0; /* nothing may be committed any more */
    group->listener.revoked(group->listener.context, group->partitions, count, lost);
    group->owned_count = group->feed_count = 0;
    /* A client filters what is left of them out of its queues. */
}

/* The assignment: offset and metadata of one answer, asked for until it comes. */
static void assign(mr_group *group)
{
    uint32_t generation = group->generation;
    sim_log *given[FEEDS_MAX];
    size_t count = group->given_count;
    memcpy(given, group->given, sizeof given);
    group->given_us = UINT64_MAX;
    do {
        sim_sleep_us(1000 + sim_random(20000));
        if (group->listener.stopping(group->listener.context) || group->lost)
            return;
        group->listener.waiting(group->listener.context);
        if (!world_reaches(group->owner))
            sim_sleep_ms(2000);
    } while (!world_reaches(group->owner) || sim_fault_now(F_ASK));
    if (group->generation != generation)
        return;
    group->owned_count = 0;
    for (size_t i = 0; i < count; i++) {
        sim_commit committed = given[i]->committed;
        group->owned[group->owned_count++] = (owned){.log = given[i], .sent = -1};
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
    group->listener.assigned(group->listener.context, group->partitions, count);
    group->joined = true;
    world.calm_since_us = sim_now_us() > world.calm_since_us ? sim_now_us() : world.calm_since_us;
    for (size_t i = 0; i < count; i++) {
        mr_partition *part = &group->partitions[i];
        group->owned[i].held = part->hold;
        sim_counts[C_HELD] += part->hold;
        if (part->hold)
            continue;
        sim_check(!given[i]->foreign, "foreign offsets are held",
                  "%s/%d goes on at %lld, which another tool has set", part->topic, part->partition,
                  (long long)part->start);
        sim_say("%s/%d begins at %lld", part->topic, part->partition, (long long)part->start);
        group->feeds[group->feed_count++] =
            (feed){.log = given[i], .inbox = part->inbox, .position = part->start, .fetched = part->start};
    }
}

int mr_group_poll(mr_group *group)
{
    int done = 0;
    uint64_t now = sim_now_us();
    done += (int)commits_serve(group);
    if (!world_reaches(group->owner))
        return done;
    if (group->lost) {
        if (group->owned_count > 0)
            revoke(group, true);
        join(group);
        return done + 1;
    }
    if (group->subscribed && !group->member) {
        join(group);
        done++;
    }
    if (group->notice_us <= now) {
        group->notice_us = UINT64_MAX;
        if (group->owned_count > 0)
            revoke(group, false);
        if (group->lost) /* it took too long */
            return done + 1;
        group->rejoined = true;
        done++;
    } else if (group->given_us <= now) {
        assign(group);
        done++;
    }
    return done;
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
    if (group->owned_count > 0)
        revoke(group, group->lost);
    while (!world_reaches(group->owner) && mr_clock_ms() < end) {
        group->listener.waiting(group->listener.context);
        sim_sleep_ms(50);
    }
    bool left = world_reaches(group->owner);
    group->notice_us = group->given_us = UINT64_MAX;
    if (group->member && left)
        rebalance("a member leaves");
    group->member = group->member && !left;
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
