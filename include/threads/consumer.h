/* consumer.h: the thread that owns partitions: message -> record in a page -> shard's ring, and what comes back.
 *
 *     consumer.c          a turn; orders from main; what is published
 *     consumer_live.c     messages of the live flow: a page, a dead letter, or skipped because the shard is parked
 *     consumer_settle.c   pages and acknowledgements that come back: the frontier, parked ranges, refused rows
 *     consumer_lanes.c    which parked ranges are read again, by what the shards' gates say
 *     consumer_again.c    reading them again from the log, and the bytes of refused rows
 *
 * It owns its partitions' frontiers and parked ranges: writers speak to it by pages that come back, main by orders.  Reading again is done here
 * and not in a thread of its own, so that a partition has one owner and no answer can be of an earlier moment.
 *
 * Never blocks (but for librdkafka's answer when reading again begins and ends, milliseconds, and for a broker's that is asked where a log begins,
 * MR_READER_ASK_MS at most): without a free page, or with too many dead letters on their way, it keeps the one message in hand and goes on turning.
 * Time is passed in, once a turn.  Memory: the arena's, taken in mr_consumer_new.  Errors: what is wrong with an event becomes its dead letter, what is
 * wrong with a shard is the gate's; nothing is returned.
 */
#ifndef MR_THREADS_CONSUMER_H
#define MR_THREADS_CONSUMER_H

#include "base/arena.h"
#include "base/status.h"
#include "edges/kafka.h"
#include "stages/topics.h"
#include "threads/flow.h"
#include "threads/slot.h"
#include <stdint.h>

typedef struct mr_consumer mr_consumer;

/* Orders: kind << MR_ORDER_SHIFT | slot. */
#define MR_ORDER_SHIFT 24
_Static_assert(MR_PARTITIONS_EACH <= 1 << MR_ORDER_SHIFT, "an order names every slot");

typedef enum mr_order {
    MR_ORDER_ASSIGN = 1, /* begin at slot.start */
    MR_ORDER_DRAIN,      /* take no more of it, send what is in pages */
    MR_ORDER_CLOSE,      /* end its life: what is outstanding no longer counts */
    MR_ORDER_DRAIN_ALL,  /* stop intake of everything */
} mr_order;

mr_status mr_consumer_new(mr_flow *flow, uint32_t number, const mr_topics *topics, mr_arena *arena,
                          mr_consumer **consumer, mr_error *error) MR_CHECKED;
void mr_consumer_connect(mr_consumer *consumer, mr_inbox *live,
                         mr_inbox *again); /* before the thread starts */

/* Main's side.  At most three orders a partition and one for all of them are on their way at once: that is what their ring has room for. */
mr_slot *mr_consumer_slot(mr_consumer *consumer, uint32_t slot);
void mr_consumer_order(mr_consumer *consumer, mr_order order, uint32_t slot);

/* The thread's side: one turn returns how much it did; mr_consumer_wait sleeps until there is something to do. */
uint32_t mr_consumer_do_work(mr_consumer *consumer, uint64_t now_ms);
void mr_consumer_wait(mr_consumer *consumer, uint64_t now_ms);
void mr_consumer_let_go(mr_consumer *consumer); /* at the end: gives back the messages in hand */

#endif
