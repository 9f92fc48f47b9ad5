/* Faults that last, or come once: each is drawn by its number, so that leaving one out leaves the others as they are. */
#include <stdio.h>
#include <string.h>

#include "checker.h"
#include "world.h"

typedef enum episode_kind {
    EPISODE_SHARD,
    EPISODE_BROKERS,
    EPISODE_LETTERS,
    EPISODE_KILL,
    EPISODE_STOP,
    EPISODE_FREEZE,
    EPISODE_CUT,
    EPISODE_JOIN,
    EPISODE_TRUNCATE,
    EPISODE_FOREIGN,
    EPISODE_DEPLOY,
    EPISODE_ADD,
    EPISODE_CLOCK,
    EPISODE_HOLD,
    EPISODE_SEND_BACK,
    EPISODE_KINDS
} episode_kind;

static struct {
    bool on[EPISODE_KINDS];
    uint32_t number;
    uint64_t next_us, mean_us;
    uint64_t back_us[INSTANCES_MAX]; /* when one that is gone starts again */
    uint64_t deployed_until_us;      /* 0: the right configuration runs */
    uint64_t held_until_us;          /* 0: no shard is on hold */
    uint64_t begin_us; /* kafka.start is error: when an operator commits a first offset of each topic */
    uint32_t hidden;   /* partitions that are not there yet */
} plan;

static uint64_t chance(uint64_t about, uint64_t below)
{
    return sim_hash(40 + about, plan.number, 0) % below;
}

static uint64_t seconds(double from, double to, uint64_t about)
{
    return (uint64_t)(1e6 * (from + (to - from) * (double)chance(about, 1000) / 1000.0));
}

void episodes_begin(void)
{
    memset(&plan, 0, sizeof plan);
    for (uint32_t kind = 0; kind < EPISODE_KINDS; kind++)
        plan.on[kind] =
            sim_hash(30, kind, 0) % 10 <
            (kind == EPISODE_FOREIGN || kind == EPISODE_DEPLOY || kind == EPISODE_TRUNCATE ? 2 : 4);
    plan.mean_us = (uint64_t[]){1, 3, 8, 20}[sim_hash(31, 0, 0) % 4] * 1000000;
    plan.next_us = 1000000 + sim_hash(32, 0, 0) % (2 * plan.mean_us);
    if (plan.on[EPISODE_ADD] && world.partitions[0] > 1 && sim_fault_now(F_EPISODE)) {
        plan.hidden = 1;
        world.partitions[0]--;
    }
    if (world.is.start == MR_START_ERROR)
        plan.begin_us = 1000000 + sim_hash(33, 0, 0) % (world.is.active_us / 2);
    for (uint32_t i = 0; i < world.is.shards; i++)
        world.shards[i].well_since_us = sim_now_us();
}

/* A partition of those that there are, or might be. */
static sim_log *some_log(void)
{
    uint32_t topic = (uint32_t)chance(1, world.is.streams + world.is.sent_back);
    return &world.logs[topic < world.is.streams ? topic : SENT_BACK][chance(2, PARTITIONS_MAX)];
}

static void disturb(void)
{
    world.disturbed = true;
    world.calm_since_us = sim_now_us();
}

/* ---- shards ---- */

static void shard_episode(void)
{
    static const char *const names[SHARD_TROUBLES] = {"well",        "down",
                                                      "frozen",      "slow",
                                                      "read-only",   "set up wrong",
                                                      "full",        "taking small packets only",
                                                      "deadlocking", "narrower than its rows"};
    uint32_t shard = (uint32_t)chance(1, world.is.shards);
    sim_shard *about = &world.shards[shard];
    about->trouble = (shard_trouble)(1 + chance(2, SHARD_TROUBLES - 1));
    if (world.config[0]->dlq.drift_percent == 100) /* nothing guards it */
        about->trouble = about->trouble == SHARD_NARROW ? SHARD_DEADLOCKS : about->trouble;
    else if (chance(6, 3) == 0)
        about->trouble = SHARD_NARROW;
    world.narrow_most += about->trouble == SHARD_NARROW ? NARROW_MOST * world.is.instances : 0;
    about->code = (uint32_t)chance(3, 5);
    about->trouble_until_us = sim_now_us() + (chance(4, 3) ? seconds(0.2, 6, 5) : seconds(5, 40, 5));
    sim_say("shard s%u is %s for %.1f s", shard, names[about->trouble],
            (double)(about->trouble_until_us - sim_now_us()) / 1e6);
}

void world_expect_narrow(void)
{
    for (uint32_t i = 0; i < world.is.shards; i++)
        world.narrow_most += world.shards[i].trouble == SHARD_NARROW ? NARROW_ANEW : 0;
}

static void mend_shards(bool all)
{
    for (uint32_t i = 0; i < world.is.shards; i++) {
        sim_shard *about = &world.shards[i];
        if (about->trouble == SHARD_WELL || (!all && sim_now_us() < about->trouble_until_us))
            continue;
        about->trouble = SHARD_WELL;
        about->well_since_us = sim_now_us();
        sim_say("shard s%u is well again", i);
    }
}

/* ---- the log ---- */

void world_cut_log(sim_log *log, int64_t low)
{
    const sim_commit *committed = log->foreign ? &log->before : &log->committed;
    log->cut_above = log->cut_above || low > committed->offset;
    log->low = low;
    world.calm_since_us = sim_now_us();
    sim_say("%s/%d begins at %lld now", topic_names[log->topic], log->partition, (long long)log->low);
}

/* Old events go; sometimes such as nobody has read. */
static void truncate_log(void)
{
    sim_log *log = some_log();
    int64_t most = log->committed.offset;
    if (most <= log->low)
        return;
    if (chance(3, 4) == 0 && log->high > most)
        most += 1 + (int64_t)chance(4, (uint64_t)(log->high - most));
    world_cut_log(log, log->low + 1 + (int64_t)chance(5, (uint64_t)(most - log->low)));
}

static void kill_all(uint64_t back_us)
{
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        if (world.instances[i].state == INSTANCE_RUNS) {
            instance_kill(&world.instances[i]);
            plan.back_us[i] = sim_now_us() + back_us;
        }
}

/* Another tool sets the group's offset while nobody is there: it drops the metadata, or writes its own. */
static void set_foreign(void)
{
    sim_log *log = some_log();
    if (log->committed.offset < 0 || log->foreign)
        return;
    kill_all(500000);
    log->before = log->committed;
    log->foreign = true;
    const char *text = chance(3, 2) ? "" : "mr2.something";
    log->committed =
        (sim_commit){.offset = log->low + (int64_t)chance(4, (uint64_t)(log->high - log->low + 1)),
                     .text = text,
                     .len = strlen(text)};
    sim_counts[C_FOREIGN]++;
    sim_say("another tool sets %s/%d to %lld", topic_names[log->topic], log->partition,
            (long long)log->committed.offset);
}

/* ---- instances ---- */

static instance *somebody(uint64_t about)
{
    return &world.instances[chance(about, world.is.instances)];
}

static void deploy(void)
{
    /* With events that are sent back it is the operator's to see that none is under way: another slot map would give it a second row. */
    if (plan.deployed_until_us || plan.held_until_us || world.is.shards < 2 || world.is.sent_back)
        return;
    kill_all(UINT64_C(3600) * 1000000);
    for (uint32_t i = 0; i < world.is.instances; i++) {
        if (world.instances[i].state != INSTANCE_OFF)
            return; /* somebody is on the way out: another time */
    }
    plan.deployed_until_us = sim_now_us() + seconds(2, 15, 1);
    for (uint32_t i = 0; i < world.is.instances; i++)
        instance_start(&world.instances[i], 1);
    sim_counts[C_DEPLOYED]++;
}

static void undeploy(void)
{
    kill_all(100000);
    plan.deployed_until_us = 0;
}

static void stop_everybody(void)
{
    disturb();
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        instance_stop(&world.instances[i]);
}

/* Maintenance: one after the other comes back without the shard, and later with it again. */
static void hold(void)
{
    if (plan.deployed_until_us || plan.held_until_us)
        return;
    world.held_shard = (uint32_t)chance(1, world.is.shards);
    plan.held_until_us = sim_now_us() + seconds(2, 20, 2);
    sim_say("s%u is put on hold", world.held_shard);
    sim_counts[C_ON_HOLD]++;
    stop_everybody();
}

static void unhold(void)
{
    sim_say("s%u is not on hold any more", world.held_shard);
    plan.held_until_us = 0;
    world.held_shard = SHARDS_MAX;
    stop_everybody();
}

static bool is_holding(const instance *one)
{
    return one->state != INSTANCE_OFF && one->config != world.config[one->variant];
}

static void tend_instances(void)
{
    uint64_t now = sim_now_us();
    for (uint32_t i = 0; i < INSTANCES_MAX; i++)
        for (uint32_t shard = 0; shard < world.is.shards; shard++)
            if (is_holding(&world.instances[i]) && world.instances[i].config == world.holding[shard])
                world.shards[shard].well_since_us = now; /* nobody waits for what is put off by intent */
    for (uint32_t i = 0; i < world.is.instances; i++) {
        instance *one = &world.instances[i];
        if (one->state != INSTANCE_OFF || plan.deployed_until_us)
            continue;
        if (plan.back_us[i] == 0)
            plan.back_us[i] = now + 300000;
        if (now < plan.back_us[i])
            continue;
        plan.back_us[i] = 0;
        instance_start(one, 0);
    }
}

/* ---- drawing ---- */

static void begin_episode(episode_kind kind)
{
    instance *one = somebody(10);
    uint64_t now = sim_now_us();
    switch (kind) {
    case EPISODE_SHARD:
        shard_episode();
        break;
    case EPISODE_BROKERS:
        world.brokers_back_us = now + seconds(0.2, 15, 11);
        world.calm_since_us = world.brokers_back_us;
        sim_say("the brokers are away until %.1f s", (double)world.brokers_back_us / 1e6);
        break;
    case EPISODE_LETTERS:
        world.letters_back_us = now + seconds(0.5, 15, 11);
        world.calm_since_us = world.letters_back_us;
        sim_say("the dead-letter topic is away until %.1f s", (double)world.letters_back_us / 1e6);
        break;
    case EPISODE_KILL:
        instance_kill(one);
        plan.back_us[one->number] = now + seconds(0.1, 8, 11);
        break;
    case EPISODE_STOP:
        disturb();
        instance_stop(one);
        break;
    case EPISODE_FREEZE:
        instance_freeze(one, seconds(0.5, 15, 11));
        break;
    case EPISODE_CUT:
        one->cut_until_us = now + seconds(0.5, 15, 11);
        world.calm_since_us = one->cut_until_us;
        sim_say("worker %u does not reach the brokers until %.1f s", one->number,
                (double)one->cut_until_us / 1e6);
        break;
    case EPISODE_JOIN: /* the group rebalances for no reason of ours */
        disturb();
        group_partitions_added();
        break;
    case EPISODE_TRUNCATE:
        truncate_log();
        break;
    case EPISODE_FOREIGN:
        set_foreign();
        break;
    case EPISODE_DEPLOY:
        deploy();
        break;
    case EPISODE_ADD:
        if (plan.hidden) {
            plan.hidden = 0;
            world.partitions[0]++;
            sim_counts[C_ADDED]++;
            disturb();
            group_partitions_added();
        }
        break;
    case EPISODE_CLOCK:
        sim_wall_jump(chance(11, 2) ? 3600000 : -3600000);
        break;
    case EPISODE_HOLD:
        hold();
        break;
    case EPISODE_SEND_BACK:
        send_back(false);
        break;
    case EPISODE_KINDS:
        break;
    }
}

/* ---- what an operator does ---- */

/* `millrace offsets`: sets an offset with our mark. */
static void write_offset(sim_log *log, int64_t offset)
{
    char *text = sim_take(80);
    int len = snprintf(text, 80, "mr1.%016llx.clean.%lld.", (unsigned long long)world.fingerprint[0],
                       (long long)offset);
    log->committed = (sim_commit){.offset = offset};
    commit_read(text, (size_t)len, &log->committed);
    sim_say("the operator sets %s/%d to %lld", topic_names[log->topic], log->partition, (long long)offset);
}

/* Where kafka.start is `error`: an offset for a partition of each topic; the others are new ones of a topic that is known then. */
static bool begin_topics(void)
{
    bool any = false;
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++) {
        bool known = false;
        for (uint32_t p = 0; p < world.is.partitions[topic]; p++)
            known = known || world.logs[topic][p].committed.offset >= 0;
        if (world.is.partitions[topic] > 0 && !known)
            write_offset(&world.logs[topic][0], world.logs[topic][0].low);
        any = any || (world.is.partitions[topic] > 0 && !known);
    }
    return any;
}

uint64_t episodes_turn(void)
{
    uint64_t now = sim_now_us();
    if (sim_healed())
        return UINT64_MAX;
    mend_shards(false);
    if (plan.deployed_until_us && now >= plan.deployed_until_us)
        undeploy();
    if (plan.held_until_us && now >= plan.held_until_us)
        unhold();
    if (plan.begin_us && now >= plan.begin_us && !plan.deployed_until_us) {
        plan.begin_us = 0;
        kill_all(300000);
        begin_topics();
    }
    tend_instances();
    if (now < plan.next_us)
        return plan.next_us;
    plan.number++;
    plan.next_us = now + sim_hash(32, plan.number, 0) % (2 * plan.mean_us);
    episode_kind kind = (episode_kind)chance(0, EPISODE_KINDS);
    /* Shards are what fails most. */
    kind = chance(9, 3) == 0 ? EPISODE_SHARD : kind;
    if (plan.on[kind] && sim_fault_now(F_EPISODE))
        begin_episode(kind);
    return plan.next_us;
}

/* ---- mending ---- */

void episodes_end(void)
{
    mend_shards(true);
    world.brokers_back_us = world.letters_back_us = 0;
    world.partitions[0] += plan.hidden;
    bool restart = plan.hidden > 0 || plan.deployed_until_us > 0 || world.reordered;
    world.held_shard = SHARDS_MAX;
    restart = (world.is.start == MR_START_ERROR && begin_topics()) || restart;
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (uint32_t p = 0; p < world.is.partitions[topic]; p++) {
            const sim_log *log = &world.logs[topic][p];
            restart = restart || log->foreign || log->cut_above;
        }
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        world.instances[i].cut_until_us = 0;
        if (restart || is_holding(&world.instances[i]))
            instance_kill(&world.instances[i]);
    }
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (uint32_t p = 0; p < world.is.partitions[topic]; p++) {
            sim_log *log = &world.logs[topic][p];
            if (log->foreign)
                log->committed = log->before;
            log->foreign = false;
            if (log->committed.offset >= 0 && log->committed.offset < log->low)
                write_offset(log, log->low);
        }
    if (plan.hidden > 0)
        group_partitions_added();
    send_back(true);
}
