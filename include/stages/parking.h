/* parking.h: for each partition and shard, which offsets are not promised: the entries of a commit.
 *
 *     LIVE                  nothing is parked
 *     PARKED from c         nothing at or after c is promised durable for that shard; the live flow skips what is at or after c
 *     REPLAY of [c, j)      being read again; the live flow skips c <= offset < j (also after a rewind) and takes what is at or after j
 *
 *     LIVE --park(c)--> PARKED --reopen(j)--> REPLAY --progress(c') ... c' = j--> LIVE
 *                          ^---------------park-------'   (the replay failed: from where it stood)
 *
 * Invariant: for every event below the committed offset: it is durable, or dead-lettered, or its shard has an entry here whose range holds its
 * offset.  Why an outage costs no memory and no second queue: an entry is 16 bytes, and the queue is Kafka's log.
 *
 * One consumer thread owns it.  Pure; memory is taken in mr_parking_new.  O(1), but for what says otherwise.
 */
#ifndef MR_STAGES_PARKING_H
#define MR_STAGES_PARKING_H

#include "base/arena.h"
#include "stages/snapshot.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum mr_range_state { MR_RANGE_LIVE, MR_RANGE_PARKED, MR_RANGE_REPLAY } mr_range_state;

typedef struct mr_range {
    mr_range_state state;
    int64_t from;
    int64_t to; /* MR_RANGE_OPEN while parked */
} mr_range;

typedef struct mr_parking mr_parking;

mr_parking *mr_parking_new(mr_arena *arena, uint32_t slots, uint32_t shards);
/* A partition comes: no entries; then those of its commit, one by one. */
void mr_parking_begin(mr_parking *parking, uint32_t slot);
void mr_parking_load(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t from, int64_t to);
/* A partition goes: its entries are forgotten here; its last commit has them. */
void mr_parking_end(mr_parking *parking, uint32_t slot);

/* An event of the shard is parked or skipped: PARKED from `lowest` on, the lowest incomplete offset of the shard, or from where its range
 * begins already (a replay stands there) if that is lower. */
void mr_parking_park(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t lowest);
/* PARKED becomes REPLAY of [from, to): what comes at or after `to` flows live.  Nothing to replay (to <= from): LIVE. */
void mr_parking_reopen(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t to);
/* Everything below `done` is durable or dead-lettered; returns by how many offsets the range became shorter.  At its end: LIVE. */
int64_t mr_parking_progress(mr_parking *parking, uint32_t slot, uint32_t shard, int64_t done);

mr_range mr_parking_range(const mr_parking *parking, uint32_t slot, uint32_t shard);
/* Whether the live flow must not take this event: a range answers for it. */
bool mr_parking_skips(const mr_parking *parking, uint32_t slot, uint32_t shard, int64_t offset);
uint32_t mr_parking_in_slot(const mr_parking *parking, uint32_t slot);   /* entries of the slot */
uint32_t mr_parking_of_shard(const mr_parking *parking, uint32_t shard); /* entries of the shard, all slots */
/* Counts every change; so a copy can be told to be old. */
uint32_t mr_parking_version(const mr_parking *parking, uint32_t slot);
void mr_parking_check(const mr_parking *parking);

#endif
