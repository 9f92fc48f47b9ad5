/* The group's coordinator: who is a member, when all have to come back, and who gets which partition.
 *
 *     eager          everybody gives everything back, then gets an equal part of all
 *     cooperative    whoever may keep a partition keeps it; what moves is given back first, and is handed out by a second rebalance
 *     static         a member whose process is gone keeps its seat, and its partitions, until its session is over; a process of that name takes the seat
 *                    without a rebalance
 */
#include <string.h>

#include "checker.h"
#include "fake_kafka.h"

coordinator the_coordinator;

void coordinator_begin(void)
{
    memset(&the_coordinator, 0, sizeof the_coordinator);
    commits_begin();
}

static mr_group *group_at(uint32_t i)
{
    instance *one = &world.instances[i];
    return one->state == INSTANCE_RUNS ? one->group : NULL;
}

static bool is_member(uint32_t i)
{
    return group_at(i) && group_at(i)->member;
}

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
        if (!is_member(i))
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

/* ---- who gets what ---- */

/* Who is there to be given something: members, and seats that are kept. */
typedef struct taker {
    mr_group *group; /* NULL: a seat */
    sim_log **given;
    uint32_t *count;
} taker;

static bool has(const taker *one, const sim_log *log)
{
    if (one->group)
        return group_owns(one->group, log);
    for (uint32_t i = 0; i < *one->count; i++)
        if (one->given[i] == log)
            return true;
    return false;
}

static void give(taker *one, sim_log *log)
{
    one->given[(*one->count)++] = log;
}

/* All of it anew, beginning with another one each time. */
static void hand_out_all(taker *takers, uint32_t count)
{
    uint32_t at = (uint32_t)sim_random(INSTANCES_MAX);
    for (uint32_t i = 0; i < count; i++)
        *takers[i].count = 0;
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (uint32_t p = 0; p < world.partitions[topic]; p++)
            give(&takers[at++ % count], &world.logs[topic][p]);
}

/* Everybody keeps up to an equal part; what nobody has goes to whoever has least; what somebody has too much of, to nobody yet. */
static void hand_out_rest(taker *takers, uint32_t count)
{
    uint32_t all = 0;
    sim_log *kept[INSTANCES_MAX][FEEDS_MAX], *free_ones[FEEDS_MAX];
    uint32_t kept_count[INSTANCES_MAX] = {0}, free_count = 0;
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        all += world.partitions[topic];
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (uint32_t p = 0; p < world.partitions[topic]; p++) {
            sim_log *log = &world.logs[topic][p];
            uint32_t i = 0;
            while (i < count && !has(&takers[i], log))
                i++;
            if (i == count)
                free_ones[free_count++] = log;
            else if (kept_count[i] < (all + count - 1) / count)
                kept[i][kept_count[i]++] = log;
            else
                the_coordinator.withheld = true;
        }
    for (uint32_t i = 0; i < count; i++) {
        *takers[i].count = 0;
        for (uint32_t k = 0; k < kept_count[i]; k++)
            give(&takers[i], kept[i][k]);
    }
    for (uint32_t f = 0; f < free_count; f++) {
        uint32_t least = 0;
        for (uint32_t i = 1; i < count; i++)
            if (*takers[i].count < *takers[least].count)
                least = i;
        give(&takers[least], free_ones[f]);
    }
}

static void hand_out(void)
{
    taker takers[INSTANCES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        mr_group *group = group_at(i);
        seat *kept = &the_coordinator.seats[i];
        if (is_member(i) && !group->rejoined) {
            expel(group, "it did not come back in time");
        } else if (is_member(i)) {
            takers[count++] = (taker){.group = group, .given = group->given, .count = &group->given_count};
        } else if (kept->taken) {
            takers[count++] = (taker){.given = kept->given, .count = &kept->count};
        }
    }
    if (count == 0)
        return;
    the_coordinator.withheld = false;
    (world.is.cooperative ? hand_out_rest : hand_out_all)(takers, count);
    for (uint32_t i = 0; i < count; i++) {
        mr_group *group = takers[i].group;
        if (!group)
            continue;
        group->generation = the_coordinator.generation;
        group->given_us = sim_now_us() + 1000 + sim_random(300000);
    }
}

/* ---- time ---- */

static void tend_member(mr_group *group, bool *all)
{
    uint64_t now = sim_now_us();
    if (world_reaches(group->owner)) {
        group->seen_us = now;
    } else if (now - group->seen_us > world.is.session_ms * 1000u) {
        expel(group, "nothing was heard of it");
        rebalance("a member is gone");
        return;
    }
    *all = *all && group->rejoined;
    if (group->notice_us <= now || group->given_us <= now)
        sim_bell_io(group->bell);
}

void group_turn(void)
{
    uint64_t now = sim_now_us();
    bool all = true;
    if (now < world.brokers_back_us)
        return;
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        seat *kept = &the_coordinator.seats[i];
        if (is_member(i))
            tend_member(group_at(i), &all);
        if (!kept->taken)
            continue;
        if (now - kept->since_us > world.is.session_ms * 1000u) {
            kept->taken = false;
            rebalance("a seat was kept for long enough");
        }
        all = all && !kept->taken;
    }
    if (!the_coordinator.rebalancing || (!all && now < the_coordinator.deadline_us))
        return;
    the_coordinator.rebalancing = false;
    the_coordinator.generation++;
    hand_out();
}

/* ---- coming and going ---- */

void coordinator_join(mr_group *group)
{
    seat *kept = &the_coordinator.seats[group->owner->number];
    group->member = group->rejoined = true;
    group->lost = false;
    group->seen_us = sim_now_us();
    group->notice_us = UINT64_MAX;
    if (kept->taken && !the_coordinator.rebalancing && !the_coordinator.withheld) {
        sim_say("takes its seat again, with %u partitions", kept->count);
        sim_counts[C_SEATS]++;
        memcpy(group->given, kept->given, sizeof group->given);
        group->given_count = kept->count;
        group->given_us = sim_now_us() + 1000 + sim_random(300000);
        group->generation = the_coordinator.generation;
    } else {
        rebalance("a member joins");
        group->rejoined = true;
        group->notice_us = UINT64_MAX;
    }
    kept->taken = false;
}

/* It says that it goes.  Static members do not. */
void coordinator_leave(mr_group *group)
{
    if (world.is.static_members || !group->member)
        return;
    rebalance("a member leaves");
    group->member = false;
}

/* Its process is no more: the coordinator notices by the connection's end, if at all. */
void group_gone(instance *one)
{
    mr_group *group = one->group;
    if (!group)
        return;
    commits_forget(group);
    if (group->member && world.is.static_members) {
        seat *kept = &the_coordinator.seats[one->number];
        *kept = (seat){.taken = true, .since_us = sim_now_us(), .count = group->given_count};
        memcpy(kept->given, group->given, sizeof kept->given);
    } else if (group->member) {
        rebalance("a member is gone");
    }
    group->member = false;
    one->group = NULL;
}

void group_partitions_added(void)
{
    rebalance("partitions were added");
}
