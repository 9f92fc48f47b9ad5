/* fill.h: the open pages of one path of a consumer thread: records go in, sealed pages go to the shards' rings.
 *
 * A consumer has two: of the live flow, and of what is read again.  They share its part of the pool; how much each may take is said each turn
 * (mr_fill_limit).  A page is sealed when it is full, when it has lingered and its writer has nothing queued from before it, or when a
 * page is wanted and none is to be had (the fullest one).  It lingers for batch.linger_ms, or five times that while there is always more to take than was
 * taken.  A record's hold on its frontier is taken here, one for each (page, frontier slot).
 *
 *     the slot of the path's frontier:  live    the partition's slot; the hold waits for the page's shard
 *                                       replay  slot * shards + shard (a lane); the hold's own lane is MR_LANE_NONE
 *
 * The consumer thread's.  Time is passed in; a page is taken or sealed in time that goes by the number of (stream, shard) pairs, a record placed in
 * O(1).  Memory is taken in mr_fill_new.  No page to be had is an ordinary answer; the ring to a writer has room for all pages.
 */
#ifndef MR_THREADS_FILL_H
#define MR_THREADS_FILL_H

#include "base/arena.h"
#include "data/frontier.h"
#include "data/pool.h"
#include "threads/flow.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_fill mr_fill;

/* pages_of[shards]: pages of each shard in the consumer's part of the pool; both of its paths count them there. */
mr_fill *mr_fill_new(mr_flow *flow, uint32_t consumer, mr_path path, mr_frontier *frontier,
                     uint32_t *pages_of, mr_arena *arena);

/* It may take a page while it holds fewer than `most` and more than `reserve` are free, and the shard does not crowd the others (gate.h). */
void mr_fill_limit(mr_fill *fill, uint32_t most, uint32_t reserve);
/* The open page of a stream and shard, or a new one; NULL when none may be taken (when none is free, the fullest was sealed). */
mr_page *mr_fill_page(mr_fill *fill, uint32_t stream, uint32_t shard, uint64_t now_ms);
/* The event that it was wanted for does not become a record: without rows it goes back, for an open page is work that its shard is waited for. */
void mr_fill_unused(mr_fill *fill, const mr_page *page);

bool mr_fill_is_open(const mr_fill *fill, uint32_t stream, uint32_t shard); /* there is an open page */

/* Record number page->rows has been written, `bytes` on the wire: it counts from now on.  Its header is filled in from these.  By its address: a copy
 * would be read in other pieces than it was written in, and so wait until the whole record is out of the processor's store buffer. */
typedef struct mr_placed {
    uint32_t slot;  /* of the consumer */
    int64_t offset; /* there (an event that was sent back has other coordinates of its own) */
    int32_t partition;
    uint32_t frontier_slot; /* see above */
    uint64_t key_hash;
    uint32_t bytes;
} mr_placed;
void mr_fill_placed(mr_fill *fill, mr_page *page, const mr_event *event, const mr_placed *placed,
                    uint64_t now_ms);

void mr_fill_caught_up(mr_fill *fill, uint64_t now_ms);     /* everything that has arrived was taken */
uint32_t mr_fill_lingering(mr_fill *fill, uint64_t now_ms); /* seals what has lingered; how many */
void mr_fill_seal_all(mr_fill *fill, uint64_t now_ms);
uint64_t mr_fill_wait_ms(const mr_fill *fill,
                         uint64_t now_ms); /* until something has lingered, at most 100 */
/* An open page of the shard, not open any more (its owner deals with it); MR_PAGE_NONE: there is none left. */
uint32_t mr_fill_withdraw(mr_fill *fill, uint32_t shard);
/* Pages that this path holds of the shard: open, queued, at the writer. */
uint32_t mr_fill_of_shard(const mr_fill *fill, uint32_t shard);
uint32_t mr_fill_held(const mr_fill *fill);
/* A page has come back from its writer. */
void mr_fill_came_back(mr_fill *fill, mr_page *page, uint64_t now_ms);
/* Gives a page back to the pool. */
void mr_fill_give(mr_fill *fill, uint32_t handle);
/* A slot of the consumer begins anew, as far as this shard goes: no page has a hold of it. */
void mr_fill_begin(mr_fill *fill, uint32_t slot, uint32_t shard);

#endif
