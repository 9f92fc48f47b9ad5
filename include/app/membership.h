/* membership.h: main's book of the partitions that this worker owns: where each begins, what is committed, what is held.
 *
 *     membership.c          partitions come and go
 *     membership_commit.c   what is committed of them
 *     membership_show.c     what metrics and status say of partitions and shards
 *
 * Main's thread only.  It answers rebalances (the listener of the group), sends orders to the consumers, and commits what they publish.  It never looks into
 * a consumer: a commit is made of one published snapshot (slot.h), so offset and state are of one moment.
 *
 * Time: a rebalance waits for consumers (a turn), for what is outstanding (kafka.rebalance_drain_s) and for brokers (bounded each, and `busy` meanwhile).
 * Memory: the arena's part "membership".  Errors: a partition of which something is wrong is held, and says why.
 */
#ifndef MR_APP_MEMBERSHIP_H
#define MR_APP_MEMBERSHIP_H

#include "base/arena.h"
#include "edges/kafka.h"
#include "stages/board.h"
#include "threads/consumer.h"
#include "threads/flow.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_membership mr_membership;

/* `busy` is called while main waits in here, so that its other duties go on; `stopping` as in mr_group_listener. */
typedef struct mr_main_duties {
    void *context;
    void (*busy)(void *context);
    bool (*stopping)(void *context);
} mr_main_duties;

/* board: what it shows of partitions and shards. */
mr_membership *mr_membership_new(mr_flow *flow, mr_consumer **consumers, const mr_topics *topics,
                                 mr_board *board, mr_arena *arena);
mr_group_listener mr_membership_listener(mr_membership *membership);
void mr_membership_connect(mr_membership *membership, mr_group *group, mr_inbox **inboxes,
                           mr_main_duties duties);

/* Commits what is due, unless an answer is still outstanding. */
void mr_membership_commit(mr_membership *membership);
/* Once a second: gauges, the board, and partitions whose log has gone from under them. */
void mr_membership_look(mr_membership *membership, uint64_t now_ms);
/* Shutdown: no more intake, waits for what is outstanding until deadline_ms, and for its commits, here and when the partitions go, until commit_by_ms at
 * most.  True when nothing is left. */
bool mr_membership_drain(mr_membership *membership, uint64_t deadline_ms, uint64_t commit_by_ms);
uint32_t mr_membership_owned(const mr_membership *membership);
uint32_t mr_membership_held(const mr_membership *membership);

#endif
