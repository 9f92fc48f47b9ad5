/* slot.h: one partition in the hands of one consumer thread, and what it publishes of it.
 *
 * Main fills in the first part and then orders MR_ORDER_ASSIGN; from then on the consumer alone owns the partition's frontier.  It publishes
 * (epoch, lowest, position, quiet, stopped) as one snapshot that main reads whole: a commit is never put together from two moments.
 * Lock-free: a sequence lock of atomics.
 */
#ifndef MR_THREADS_SLOT_H
#define MR_THREADS_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MR_TOPIC_MAX 250 /* Kafka's limit is 249 */

typedef struct mr_slot_snapshot {
    uint32_t epoch;   /* assignment epoch; 0 = closed: nothing of the slot may be committed */
    int64_t lowest;   /* the frontier: what may be committed */
    int64_t position; /* next offset to read */
    bool quiet;       /* nothing outstanding: lowest == position */
    bool accepting;   /* messages are still taken: `quiet` may not last */
    bool stopped;     /* its log has been truncated under the position: to be held */
} mr_slot_snapshot;

typedef struct mr_slot {
    /* main's, fixed while assigned */
    char topic[MR_TOPIC_MAX];
    int32_t partition;
    uint32_t stream;
    uint32_t source_hash; /* mr_ksuid_source */
    int64_t start;
    /* the consumer's */
    bool open;      /* has a frontier life */
    bool accepting; /* messages are taken; false while draining */
    bool stopped;
    mr_slot_snapshot last; /* as published */
    /* published */
    _Alignas(64) _Atomic uint32_t version; /* odd while being written */
    _Atomic uint32_t epoch;
    _Atomic int64_t lowest, position;
    _Atomic uint32_t flags;
} mr_slot;

void mr_slot_publish(mr_slot *slot, mr_slot_snapshot snapshot); /* consumer; cheap when nothing changed */
mr_slot_snapshot mr_slot_read(const mr_slot *slot);             /* any thread */

#endif
