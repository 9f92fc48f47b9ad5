/* outbox.h: a consumer thread's dead letters on their way: each holds a frontier until the broker has acknowledged it.
 *
 * What may be sent is bounded three ways, and in each case the caller keeps its event and tries again: letters on their way
 * (MR_DEAD_LETTERS_EACH), the producer's queue, and the stream's budget of letters in a minute (dlq.per_minute_max; all consumers share it).
 *
 * It remembers what has become a dead letter while a parked range may still come to hold the event (MR_LETTERS_KEPT of them): the range is read again,
 * and would make a second one.  What does not fit is forgotten, and so is everything when the partition goes to another owner.
 *
 * The consumer thread's; memory is taken in mr_outbox_new.
 */
#ifndef MR_THREADS_OUTBOX_H
#define MR_THREADS_OUTBOX_H

#include "base/arena.h"
#include "base/status.h"
#include "data/frontier.h"
#include "threads/flow.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_outbox mr_outbox;

#define MR_LETTERS_KEPT 2048

/* Whether a range holds the event, or may come to hold it (the partition's frontier is not beyond it). */
typedef bool (*mr_outbox_keeps)(const void *context, uint32_t partition_slot, uint32_t shard, int64_t offset);

mr_outbox *mr_outbox_new(mr_flow *flow, uint32_t consumer, mr_outbox_keeps keeps, const void *context,
                         mr_arena *arena);

typedef struct mr_outgoing {
    const mr_event *event; /* with the coordinates that it counts as */
    void *message;         /* that it came with; NULL: it has gone from the log */
    uint32_t stream;
    mr_letter letter; /* consumer and number are the outbox's */
    /* whose it is: the partition's slot and the shard; MR_LANE_NONE: no shard's, so no range is ever read again for it */
    uint32_t partition_slot, shard;
    int64_t offset;
    /* where it holds the frontier: released when it is acknowledged */
    mr_frontier *frontier;
    uint32_t slot;
} mr_outgoing;

/* False: not now.  The letter counts as in flight of the caller until mr_outbox_serve has returned it. */
bool mr_outbox_send(mr_outbox *outbox, const mr_outgoing *out, uint64_t now_ms) MR_CHECKED;
/* The same for an event whose hold is there already: the outbox takes it over. */
bool mr_outbox_send_held(mr_outbox *outbox, const mr_outgoing *out, uint32_t hold,
                         uint64_t now_ms) MR_CHECKED;
/* Takes acknowledgements; how many. */
uint32_t mr_outbox_serve(mr_outbox *outbox);

typedef enum mr_letter_known { MR_LETTER_NEW, MR_LETTER_UNDER_WAY, MR_LETTER_SENT } mr_letter_known;
/* Of an event that is read again; looks at all that it remembers. */
mr_letter_known mr_outbox_known(const mr_outbox *outbox, uint32_t partition_slot, int64_t offset);
/* The partition goes. */
void mr_outbox_forget(mr_outbox *outbox, uint32_t partition_slot);
/* The owner of a hold (data/frontier.h) that is a dead letter's and not a page's: no page has this handle. */
#define MR_OUTBOX_OWNER 0x80000000u
_Static_assert(MR_OUTBOX_OWNER >= MR_PAGES_MAX, "a hold's owner is a page's handle or this");

#endif
