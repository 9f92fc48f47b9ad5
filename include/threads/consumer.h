/* consumer.h: the thread that owns partitions: message -> record in a page -> shard's ring, and the frontier on the way back.
 *
 * Never blocks: without a free page (or with too many dead letters on their way) it keeps the one message in hand and goes on turning.
 * Orders come from main by a ring; what main needs to know is published per slot (slot.h).
 */
#ifndef MR_THREADS_CONSUMER_H
#define MR_THREADS_CONSUMER_H

#include "base/arena.h"
#include "base/status.h"
#include "edges/kafka.h"
#include "threads/flow.h"
#include "threads/slot.h"
#include <stdint.h>

typedef struct mr_consumer mr_consumer;

/* Orders: kind << 24 | slot. */
typedef enum mr_order {
    MR_ORDER_ASSIGN = 1, /* begin at slot.start */
    MR_ORDER_DRAIN,      /* take no more of it, send what is in pages */
    MR_ORDER_CLOSE,      /* end its life: what is outstanding no longer counts */
    MR_ORDER_DRAIN_ALL,  /* stop intake of everything */
} mr_order;

mr_status mr_consumer_new(mr_flow *flow, uint32_t number, mr_arena *arena, mr_consumer **consumer,
                          mr_error *error) MR_CHECKED;
void mr_consumer_connect(mr_consumer *consumer, mr_inbox *inbox); /* before the thread starts */

/* Main's side. */
mr_slot *mr_consumer_slot(mr_consumer *consumer, uint32_t slot);
void mr_consumer_order(mr_consumer *consumer, mr_order order, uint32_t slot);

/* The thread's side: one turn returns how much it did; mr_consumer_wait sleeps until there is something to do. */
uint32_t mr_consumer_do_work(mr_consumer *consumer, uint64_t now_ms);
void mr_consumer_wait(mr_consumer *consumer, uint64_t now_ms);
void mr_consumer_let_go(mr_consumer *consumer); /* at the end: gives back the message in hand */
/* When it turned last (monotonic): what /livez looks at. Any thread. */
uint64_t mr_consumer_turned_ms(const mr_consumer *consumer);

#endif
