/* membership_private.h: the inside of main's book of partitions, shared by membership*.c only. */
#ifndef MR_APP_MEMBERSHIP_PRIVATE_H
#define MR_APP_MEMBERSHIP_PRIVATE_H

#include "app/membership.h"
#include "base/owner.h"
#include "base/status.h"
#include "stages/retention.h"
#include "stages/topics.h"

typedef struct mr_owned {
    bool used, held;
    const char *why;   /* of a hold */
    uint64_t begin_ms; /* of one whose first commit was refused: when it is tried again; 0: any other */
    mr_slot *slot;
    uint32_t number; /* slot within its consumer */
    int64_t dirty_until;
    /* what stands in the group: */
    int64_t committed; /* negative: none yet */
    bool committed_clean;
    uint32_t committed_ranges; /* version; see mr_slot_snapshot */
    /* the commit on its way: */
    int64_t sent;
    bool sent_clean;
    uint32_t sent_ranges;
    uint32_t life, sent_life; /* lives of the place; 0: not in the commit */
    int64_t frontier_seen;
    uint64_t frontier_moved_ms;
    int64_t last_commit_wall_ms;
    mr_retention retention; /* of its log, while something of it is parked */
    int64_t retention_ms;   /* its topic's; negative: unknown or for ever */
    uint64_t retention_asked_ms, low_asked_ms;
} mr_owned;

/* Of a shard, from look to look. */
typedef struct mr_shard_seen {
    uint64_t rows, rows_at_ms; /* written so far, when looked at */
    uint64_t rows_per_s;
    uint64_t replayed, replayed_per_s; /* the rate is smoothed: pages come back by the thousand */
    mr_shard_state state;              /* as shown */
    int64_t gate_wall_ms, since_wall_ms;
    int64_t parked_since_wall_ms; /* 0: nothing is parked */
} mr_shard_seen;

struct mr_membership {
    mr_owner owner;
    mr_flow *flow;
    mr_consumer **consumers;
    mr_group *group;
    mr_inbox **inboxes;
    mr_board *board;
    mr_main_duties duties;
    mr_owned *all; /* [consumers * MR_PARTITIONS_EACH] */
    uint32_t room;
    mr_partition *due; /* scratch of a commit */
    char *texts;       /* their metadata */
    size_t texts_used;
    uint32_t commit_from;  /* where the next commit begins */
    mr_slot_range *ranges; /* [shards]: scratch */
    const mr_topics *topics;
    uint64_t fingerprint;
    mr_shard_seen *shards; /* [shards] */
    uint64_t commit_by_ms; /* shutdown: no commit is waited for any longer; 0: not stopping */
    bool drained;          /* shutdown: nothing else is waited for any more */
    uint32_t ask_from;     /* of a look's questions about logs: which partition is the first */
    uint64_t ask_until_ms; /* ... and until when there may be any */
};

static inline uint32_t mr_owned_index(const mr_membership *m, const mr_owned *one)
{
    return (uint32_t)(one - m->all);
}

mr_owned *mr_membership_find(const mr_membership *m, const char *topic, int32_t partition);

/* membership_commit.c */
size_t mr_membership_texts_bytes(uint32_t partitions);
/* Adds `offset` with the slot's first ranges, as not clean; false: no room in this commit. */
bool mr_commit_add_beginning(mr_membership *m, mr_owned *one, size_t *count) MR_CHECKED;
/* Adds what is due of one partition; false: no room in this commit. */
bool mr_commit_add_due(mr_membership *m, mr_owned *one, size_t *count) MR_CHECKED;
void mr_commit_send(mr_membership *m, size_t count, uint32_t wait_ms);
void mr_commit_answered(void *membership, const mr_partition *partitions, size_t count, const char *why);

/* membership_show.c */
void mr_membership_show(mr_membership *m, uint64_t now_ms);

#endif
