#include "app/start.h"

#include <string.h>

#include "base/log.h"
#include "stages/snapshot.h"

#define ASK_MS 2000

/* Repeats a question until brokers answer; false: asked to stop. */
static bool go_on_asking(const mr_main_duties *duties, const mr_partition *partition)
{
    mr_log(MR_LOG_WARN, "start_unknown",
           MR_FIELDS(.topic = partition->topic, .has_position = true, .partition = partition->partition,
                     .offset = -1),
           "brokers do not say where the partition begins, asking again");
    duties->busy(duties->context);
    return !duties->stopping(duties->context);
}

static bool watermarks(mr_group *group, const mr_main_duties *duties, const mr_partition *partition,
                       int64_t *low, int64_t *high)
{
    while (!mr_group_watermarks_ask(group, partition->topic, partition->partition, low, high, ASK_MS))
        if (!go_on_asking(duties, partition))
            return false;
    return true;
}

/* The group has no offset: a new partition of a known topic begins at its beginning, else kafka.start decides. */
static bool first_time(mr_group *group, const mr_config *config, const mr_main_duties *duties,
                       const mr_partition *partition, mr_beginning *begin)
{
    int64_t low, high, at;
    int known = config->kafka.start == MR_START_EARLIEST;
    while (!known && (known = mr_group_topic_known(group, partition->topic, partition->partition)) < 0) {
        known = 0;
        if (!go_on_asking(duties, partition))
            return false;
    }
    if (!watermarks(group, duties, partition, &low, &high))
        return false;
    begin->offset = low;
    if (!known && config->kafka.start == MR_START_LATEST) {
        begin->offset = high;
    } else if (!known && config->kafka.start == MR_START_TIME) {
        while (!mr_group_offset_at(group, partition->topic, partition->partition, config->kafka.start_ms, &at,
                                   ASK_MS))
            if (!go_on_asking(duties, partition))
                return false;
        begin->offset = at >= 0 ? at : high;
    } else if (!known && config->kafka.start == MR_START_ERROR) {
        begin->hold = true;
        begin->why =
            "the group has no offset for it and kafka.start is \"error\": commit one, or set kafka.start";
    }
    begin->dirty_until = begin->offset;
    return true;
}

bool mr_start_decide(mr_group *group, const mr_config *config, uint64_t fingerprint,
                     const mr_main_duties *duties, const mr_partition *partition, mr_beginning *begin)
{
    *begin = (mr_beginning){
        .why = "", .committed = partition->committed, .committed_clean = true, .ranges = begin->ranges};
    memset(begin->ranges, 0, config->shard_count * sizeof *begin->ranges);
    if (partition->committed < 0)
        return first_time(group, config, duties, partition, begin);
    mr_snapshot snapshot = {.clean = false};
    int64_t low, high;
    mr_mark mark =
        mr_snapshot_parse(partition->metadata, partition->metadata_len, partition->committed, &snapshot);
    begin->offset = partition->committed;
    begin->committed_clean = mark == MR_MARK_OURS && snapshot.clean;
    if (mr_takeover_decide(mark, &snapshot, config, fingerprint, &begin->why) == MR_TAKEOVER_HOLD) {
        begin->hold = true;
        return true;
    }
    for (uint32_t i = 0; mark == MR_MARK_OURS && i < snapshot.entry_count; i++) {
        const mr_snapshot_entry *entry = &snapshot.entry[i];
        begin->ranges[mr_snapshot_shard(config, entry->shard)] =
            (mr_slot_range){.from = entry->from, .to = entry->to, .timestamp_ms = -1};
    }
    if (!watermarks(group, duties, partition, &low, &high))
        return false;
    /* Whoever committed an unclean offset cannot have read past the end that is there now. */
    begin->dirty_until = begin->committed_clean ? begin->offset : high;
    if (begin->offset >= low && begin->offset <= high)
        return true;
    if (config->kafka.out_of_range_earliest) {
        mr_log(MR_LOG_ERROR, "offset_out_of_range",
               MR_FIELDS(.topic = partition->topic, .has_position = true, .partition = partition->partition,
                         .offset = begin->offset),
               "the committed offset is not in the log (%lld to %lld): going on at its beginning, as "
               "kafka.out_of_range says",
               (long long)low, (long long)high);
        begin->offset = low;
        begin->dirty_until = begin->committed_clean ? low : high;
        begin->committed = -1;
        return true;
    }
    begin->hold = true;
    begin->why = "the committed offset is not in the log any more: `millrace offsets reset`, or set "
                 "kafka.out_of_range to \"earliest\"";
    return true;
}
