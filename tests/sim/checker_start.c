/* Where a group begins to read: what kafka.start says, where nothing is committed.  Worked out anew, from the log itself. */
#include "checker.h"

static bool is_known(const sim_log *but)
{
    for (uint32_t p = 0; p < PARTITIONS_MAX; p++)
        if (&world.logs[but->topic][p] != but && world.logs[but->topic][p].committed.offset >= 0)
            return true;
    return false;
}

sim_begins check_may_begin(const sim_log *log)
{
    return (sim_begins){
        .nothing_committed = log->committed.offset < 0, .known = is_known(log), .high = log->high};
}

/* The first offset of a partition stands.  What is below it is the group's, unless kafka.start leaves it out; a new partition of a topic that the group
 * knows begins at its beginning in any case. */
void check_begins(sim_log *log, int64_t offset, const sim_begins *begins)
{
    static const char what[] = "3: kafka.start alone leaves events out";
    const char *topic = topic_names[log->topic];
    bool may_know = begins->known || is_known(log); /* another one's first commit may have come in between */
    sim_check(begins->nothing_committed, what, "%s/%d begins again at %lld", topic, log->partition,
              (long long)offset);
    if (begins->known || world.is.start == MR_START_EARLIEST)
        return; /* check_commit sees what is passed over */
    sim_check(may_know || world.is.start != MR_START_ERROR, what,
              "%s/%d begins at %lld, and the group has no offset of its topic", topic, log->partition,
              (long long)offset);
    if (may_know && offset <= log->low)
        return;
    sim_counts[C_STARTED_ABOVE] += offset > log->low;
    if (world.is.start == MR_START_LATEST)
        sim_check(offset >= begins->high, what, "%s/%d begins at %lld, and its end was %lld", topic,
                  log->partition, (long long)offset, (long long)begins->high);
    for (int64_t at = log->low; world.is.start == MR_START_TIME && at < begins->high; at++)
        sim_check(!log->at[at] || (log->at[at]->timestamp_ms < world.is.start_ms) == (at < offset), what,
                  "%s/%d begins at %lld, which is not the first event of kafka.start", topic, log->partition,
                  (long long)offset);
    log->first = offset;
}
