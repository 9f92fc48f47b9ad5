/* slot.h: one partition in the hands of one consumer thread, and what it publishes of it.
 *
 * Main fills in the first part and then orders MR_ORDER_ASSIGN; from then on the consumer alone owns the partition's frontier and parked ranges.
 * It publishes both as one snapshot that main reads whole: a commit is never put together from two moments.
 * A sequence lock of atomics: publishing never waits; a reader that comes while it happens looks again until it is over, a few stores later (a
 * publisher that the system puts to sleep just there holds it up for as long).
 * Memory: the owner's, and the arena's part "partitions" for the ranges.
 */
#ifndef MR_THREADS_SLOT_H
#define MR_THREADS_SLOT_H

#include "base/arena.h"
#include "base/owner.h"
#include "stages/parking.h"
#include "stages/topics.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum mr_waiting {
    MR_WAITS_NOT,
    MR_WAITS_FOR_SHARD,  /* in a page: open, queued, at the writer, in the wheel */
    MR_WAITS_FOR_LETTER, /* its dead letter is on its way */
    MR_WAITS_TO_BE_READ, /* refused by the database: its bytes are being read again */
} mr_waiting;

typedef struct mr_slot_snapshot {
    uint32_t epoch;          /* assignment epoch; 0 = closed: nothing of the slot may be committed */
    int64_t lowest;          /* the frontier: what may be committed, with the ranges of the same snapshot */
    int64_t position;        /* next offset to read */
    bool quiet;              /* nothing outstanding: lowest == position */
    bool accepting;          /* messages are still taken: `quiet` may not last */
    bool stopped;            /* its log has been truncated under the position: to be held */
    uint32_t ranges_version; /* counts changes of the parked ranges */
    /* the event at `lowest`; looked for once a second, MR_WAITS_NOT from when `lowest` moves until then */
    mr_waiting waiting;
    uint32_t waiting_shard, waiting_page; /* FOR_SHARD */
    uint64_t waiting_hash;                /* of its key, when it is known: FOR_SHARD, TO_BE_READ */
} mr_slot_snapshot;

typedef struct mr_slot_range {
    int64_t from, to;     /* from == to: none; to MR_RANGE_OPEN: parked */
    int64_t timestamp_ms; /* Kafka's, of an event near `from` (not older); negative: unknown */
} mr_slot_range;

typedef struct mr_slot {
    /* main's, fixed while assigned */
    char topic[MR_TOPIC_MAX];
    int32_t partition;
    uint32_t stream;
    uint32_t source_hash; /* mr_ksuid_source */
    bool sent_back;       /* of dlq.replay_topic: millrace.origin decides stream and coordinates */
    int64_t start;
    mr_slot_range *start_ranges; /* [shards]: of the commit that it begins with */
    /* the consumer's */
    mr_owner owner;
    bool open;      /* has a frontier life */
    bool accepting; /* messages are taken; false while draining */
    bool stopped;
    mr_slot_snapshot last; /* as published */
    /* published */
    _Alignas(64) _Atomic uint32_t version; /* odd while being written */
    _Atomic uint32_t epoch, ranges_version, waiting_page;
    _Atomic int64_t lowest, position;
    _Atomic uint32_t flags;
    _Atomic uint64_t waiting_hash;
    _Atomic int64_t *ranges; /* [3 * shards] */
    uint32_t shards;
} mr_slot;

void mr_slot_init(mr_slot *slot, uint32_t shards, mr_arena *arena);
/* Consumer; cheap when nothing changed.  ranges[shards] (NULL: none) are copied when ranges_version is another than before. */
void mr_slot_publish(mr_slot *slot, const mr_slot_snapshot *snapshot, const mr_slot_range *ranges);
/* Any thread.  ranges[shards], or NULL when they are not wanted. */
mr_slot_snapshot mr_slot_read(const mr_slot *slot, mr_slot_range *ranges);

#endif
