/* Commits: on their way to the coordinator, accepted or not, answered in time or late; and the group's questions. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "checker.h"
#include "fake_kafka.h"

#define REQUESTS_MAX 64
#define ASK_MS       2000

typedef struct request {
    bool used, applied, answered;
    mr_group *group; /* NULL: the member is gone */
    instance *owner;
    uint32_t generation;
    uint64_t apply_us, answer_us; /* UINT64_MAX: never */
    size_t count;
    sim_log **log;
    sim_commit *commit;
    sim_begins *begins;
    bool *failed;
    bool all_failed, superseded;
} request;

static request requests[REQUESTS_MAX];

void commits_begin(void)
{
    memset(requests, 0, sizeof requests);
}

/* ---- sending ---- */

static void check_sending(mr_group *group, const sim_commit *commit, sim_log *log)
{
    owned *one = group_owns(group, log);
    sim_check(one, "4: nothing is committed from a dead epoch",
              "%s/%d@%lld is committed, but the partition is not assigned", topic_names[log->topic],
              log->partition, (long long)commit->offset);
    sim_check(!one->held, "foreign offsets are held", "%s/%d@%lld is committed of a partition that is held",
              topic_names[log->topic], log->partition, (long long)commit->offset);
    sim_check(commit->offset >= one->sent, "4: commits are monotonic within an epoch",
              "%s/%d goes back from %lld to %lld", topic_names[log->topic], log->partition,
              (long long)one->sent, (long long)commit->offset);
    sim_check(commit->ours, "3: metadata says under which rules it was written",
              "%s/%d@%lld: \"%s\" does not parse", topic_names[log->topic], log->partition,
              (long long)commit->offset, commit->text);
    one->sent = commit->offset;
}

static request *free_request(void)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++)
        if (!requests[i].used)
            return &requests[i];
    sim_fail("simulator", "too many commits on their way");
}

void mr_group_commit(mr_group *group, const mr_partition *partitions, size_t count, uint32_t wait_ms)
{
    sim_check(!group->committing, "must", "a second commit before the answer to the first");
    if (count == 0)
        return;
    request *made = free_request();
    uint64_t now = sim_now_us();
    *made = (request){.used = true,
                      .group = group,
                      .owner = group->owner,
                      .generation = group->generation,
                      .apply_us = now + 500 + sim_random(5000),
                      .count = count};
    made->log = sim_take(count * sizeof *made->log);
    made->commit = sim_take(count * sizeof *made->commit);
    made->begins = sim_take(count * sizeof *made->begins);
    made->failed = sim_take(count * sizeof *made->failed);
    for (size_t i = 0; i < count; i++) {
        made->log[i] = world_log(partitions[i].topic, partitions[i].partition);
        sim_commit *commit = &made->commit[i];
        *commit = (sim_commit){.offset = partitions[i].start, .len = partitions[i].metadata_len};
        char *text = sim_take(commit->len + 1);
        memcpy(text, partitions[i].metadata, commit->len);
        commit_read(text, commit->len, commit);
        check_sending(group, commit, made->log[i]);
        made->begins[i] = group_owns(group, made->log[i])->begins;
        sim_say("commits %s/%d@%lld %s", partitions[i].topic, partitions[i].partition,
                (long long)commit->offset, commit->text);
    }
    made->answer_us = made->apply_us + 500 + sim_random(5000);
    if (sim_fault_now(F_COMMIT_LATE)) {
        made->apply_us += 1000 * sim_random(3000);
        made->answer_us = made->apply_us + 1000 * sim_random(9000);
    }
    group->committing = true;
    mr_group_await_commit(group, wait_ms);
}

void mr_group_await_commit(mr_group *group, uint32_t wait_ms)
{
    for (uint64_t end = mr_clock_ms() + wait_ms, now; group->committing && (now = mr_clock_ms()) < end;) {
        group->listener.waiting(group->listener.context);
        sim_sleep_us(500 + sim_random(5000));
        commits_serve(group);
    }
}

bool mr_group_committing(const mr_group *group)
{
    return group->committing;
}

bool mr_group_superseded(const mr_group *group)
{
    return group->superseded;
}

/* ---- at the coordinator ---- */

static void accept(sim_log *log, const sim_commit *commit, const sim_begins *begins)
{
    if (log->committed.offset < 0)
        check_begins(log, commit->offset, begins);
    check_commit(log, commit);
    bool late = commit->offset < log->committed.offset && !log->jumped;
    world.reordered = world.reordered || late;
    /* The log was cut when a later one stood: what that one's ranges named is gone with it. */
    log->cut_above = log->cut_above || (late && commit->offset < log->low);
    log->committed = *commit;
    sim_note((uint64_t)commit->offset, log->topic << 8 | (uint32_t)log->partition, 4);
    sim_counts[C_COMMITS]++;
    sim_counts[C_COMMITS_CLEAN] += commit->clean;
}

static void fail_all(request *about, bool superseded)
{
    about->all_failed = true;
    about->superseded = superseded;
    sim_counts[C_COMMITS_REFUSED]++;
}

static void apply(request *about)
{
    mr_group *group = about->group;
    about->applied = true;
    if (!group || !group->member || about->generation != the_coordinator.generation ||
        (the_coordinator.rebalancing && group->rejoined)) {
        fail_all(about, true); /* ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS */
        return;
    }
    if (sim_fault_now(
            F_COMMIT_ZOMBIE)) { /* the answer says that it failed; it is accepted later all the same, or not */
        about->applied = false;
        about->apply_us = sim_now_us() + 1000 * sim_random(4000);
        about->answer_us = sim_now_us();
        fail_all(about, false);
        sim_counts[C_COMMITS_ZOMBIE]++;
        return;
    }
    bool trouble = !about->all_failed && sim_fault_now(F_COMMIT_ERROR);
    world.disturbed = world.disturbed || trouble; /* a partition's next owner reads again what was done */
    if (trouble && sim_random(2)) {
        fail_all(about, false);
        return;
    }
    for (size_t i = 0; i < about->count; i++) {
        about->failed[i] = trouble && sim_random(2);
        if (!about->failed[i])
            accept(about->log[i], &about->commit[i], &about->begins[i]);
    }
}

void commits_turn(void)
{
    uint64_t now = sim_now_us();
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        request *about = &requests[i];
        if (!about->used)
            continue;
        bool reached = about->group ? world_reaches(about->owner) : now >= world.brokers_back_us;
        if (!about->applied && about->answered && sim_healed())
            about->applied = true; /* what was said to have failed does not come any more */
        if (!about->applied && now >= about->apply_us && reached)
            apply(about);
        if (!about->applied && now >= about->apply_us + 20000000) { /* given up: it timed out */
            about->applied = true;
            if (!about->answered)
                fail_all(about, false);
        }
        if (about->applied && (about->answered || !about->group))
            about->used = false;
        if (about->used && !about->answered && now >= about->answer_us &&
            (about->applied || about->all_failed))
            sim_bell_io(about->group->bell);
    }
}

uint32_t commits_serve(mr_group *group)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        request *about = &requests[i];
        if (!about->used || about->group != group || about->answered || sim_now_us() < about->answer_us ||
            (!about->applied && !about->all_failed))
            continue;
        mr_partition answers[FEEDS_MAX];
        for (size_t p = 0; p < about->count; p++)
            answers[p] = (mr_partition){.topic = topic_names[about->log[p]->topic],
                                        .partition = about->log[p]->partition,
                                        .start = about->commit[p].offset,
                                        .failed = about->all_failed || about->failed[p]};
        about->answered = true;
        group->committing = false;
        group->superseded = about->superseded;
        group->listener.committed(group->listener.context, answers, about->count,
                                  about->all_failed ? "the commit failed" : "");
        done++;
    }
    return done;
}

/* What a killed member had sent may arrive all the same. */
void commits_forget(mr_group *group)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        if (!requests[i].used || requests[i].group != group)
            continue;
        if (!requests[i].applied && world_reaches(requests[i].owner) && sim_random(2))
            apply(&requests[i]);
        requests[i].used = false;
    }
}

/* ---- questions ---- */

/* Whether brokers answer, after a while. */
static bool answers(mr_group *group, uint32_t timeout_ms)
{
    sim_sleep_us(300 + sim_random(3000));
    if (world_reaches(group->owner) && !sim_fault_now(F_ASK))
        return true;
    sim_sleep_ms(timeout_ms);
    return false;
}

bool mr_group_watermarks_seen(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                              int64_t *high)
{
    const sim_log *log = world_log(topic, partition);
    for (uint32_t i = 0; i < group->feed_count; i++)
        if (group->feeds[i].log == log) {
            *low = log->low;
            *high = log->high;
            return true;
        }
    return false;
}

bool mr_group_watermarks_ask(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                             int64_t *high, uint32_t timeout_ms)
{
    const sim_log *log = world_log(topic, partition);
    if (!answers(group, timeout_ms))
        return false;
    *low = log->low;
    *high = log->high;
    return true;
}

bool mr_group_offset_at(mr_group *group, const char *topic, int32_t partition, int64_t ms, int64_t *offset,
                        uint32_t timeout_ms)
{
    const sim_log *log = world_log(topic, partition);
    if (!answers(group, timeout_ms))
        return false;
    *offset = -1;
    for (int64_t at = log->low; *offset < 0 && at < log->high; at++)
        if (log->at[at] && log->at[at]->timestamp_ms >= ms)
            *offset = at;
    return true;
}

bool mr_group_seek(mr_group *group, const char *topic, int32_t partition, int64_t start)
{
    const sim_log *log = world_log(topic, partition);
    for (uint32_t i = 0; i < group->feed_count; i++)
        if (group->feeds[i].log == log) {
            group->feeds[i].position = group->feeds[i].fetched = start;
            group->feeds[i].halted = group->feeds[i].end_said = false;
            group_owns(group, log)->sent = -1;
            return true;
        }
    return false;
}

int mr_group_topic_known(mr_group *group, const char *topic, int32_t but_partition)
{
    if (!answers(group, 2 * ASK_MS)) /* it asks twice */
        return -1;
    for (int32_t p = 0; p < PARTITIONS_MAX; p++)
        if (p != but_partition && world_log(topic, p)->committed.offset >= 0)
            return 1;
    return 0;
}

bool mr_group_topics(mr_group *group, void (*each)(void *context, const char *topic, uint32_t partitions),
                     void *context, uint32_t timeout_ms)
{
    if (!answers(group, timeout_ms))
        return false;
    for (uint32_t i = 0; i < TOPICS_MAX; i++)
        if (world.partitions[i] > 0)
            each(context, topic_names[i], world.partitions[i]);
    return true;
}

bool mr_group_retention_ms(mr_group *group, const char *topic, uint64_t now_ms, int64_t *retention_ms)
{
    (void)group, (void)topic, (void)now_ms;
    *retention_ms = 60000;
    return true;
}

/* Waits and has one answer, as with a librdkafka before 2.3. */
void mr_group_log_low_ask(mr_group *group, const char *topic, int32_t partition, uint32_t timeout_ms)
{
    group->log_low_known = answers(group, timeout_ms);
    group->log_low = (mr_log_low){.partition = partition, .low = world_log(topic, partition)->low};
    snprintf(group->log_low.topic, sizeof group->log_low.topic, "%s", topic);
}

bool mr_group_log_low(mr_group *group, mr_log_low *answer)
{
    bool known = group->log_low_known;
    *answer = group->log_low;
    group->log_low_known = false;
    return known;
}
