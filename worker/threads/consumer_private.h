/* consumer_private.h: the inside of a consumer thread, shared by consumer*.c only. */
#ifndef MR_THREADS_CONSUMER_PRIVATE_H
#define MR_THREADS_CONSUMER_PRIVATE_H

#include "base/owner.h"
#include "data/frontier.h"
#include "stages/decode.h"
#include "stages/drift.h"
#include "stages/origin.h"
#include "stages/parking.h"
#include "threads/consumer.h"
#include "threads/fill.h"
#include "threads/outbox.h"

#define MR_MESSAGES_A_TURN 512

/* Counted during a turn, published at its end. */
typedef struct mr_tally {
    uint64_t messages, bytes, filtered, read_again;
} mr_tally;

/* A stream's dead letters: when too many of its events turn out to be some, it is held (live flow only). */
typedef struct mr_suspicion {
    mr_drift drift;
    uint32_t good; /* verdicts of this turn that are not counted in `drift` yet */
    bool held;
    uint64_t again_ms; /* while held: when one more may go */
    uint32_t wait_ms;
} mr_suspicion;

/* A row that the database refused: waits until its bytes are read again from the log, for its dead letter. */
typedef struct mr_refused {
    bool missed; /* the pass was beyond it already when it came */
    mr_path path;
    uint32_t slot, shard, stream;
    uint32_t hold; /* of the live frontier or of the lane, by path */
    uint32_t attempts;
    int64_t offset, timestamp_ms; /* as in its page */
    uint64_t since_ms;
    uint32_t next;         /* of the slot, by offset; or of the free ones */
    unsigned char *record; /* a copy: its columns stand in when the log has dropped the event */
} mr_refused;

#define MR_REFUSED_NONE UINT32_MAX

/* A partition that is being read again. */
typedef struct mr_pass {
    bool running;
    bool
        from_beginning; /* of the log, because its range begins before it: the first arrival tells how much is lost */
    int64_t begin, next; /* it has read [begin, next) */
    uint64_t again_ms;   /* not before: it failed */
    uint32_t refused;    /* first of the slot's */
} mr_pass;

typedef struct mr_lane {
    /* at its position: for the first batch's result while the shard is only probed, or for room for refused rows */
    bool waiting;
    int64_t timestamp_ms; /* of an event near the range's beginning */
} mr_lane;

struct mr_consumer {
    /* fixed */
    mr_flow *flow;
    const mr_config *config;
    const mr_topics *topics;
    uint32_t number, shards;
    /* the thread's: all that follows, but for what a slot says of itself (slot.h) */
    mr_owner owner;
    /* partitions */
    mr_slot *slots;        /* [MR_PARTITIONS_EACH] */
    uint32_t slots_used;   /* slots below are looked at */
    mr_frontier *frontier; /* of the live flow, by slot */
    mr_parking *parking;
    mr_decoder **decoder;              /* [streams] */
    mr_gate_state gate[MR_SHARDS_MAX]; /* as this turn sees them */
    uint32_t live_shards;              /* of them LIVE and not stalled */
    /* the live flow */
    mr_inbox *inbox;
    mr_fill *live;
    uint32_t last_slot; /* of the last message: runs of one partition are long */
    bool taking;        /* messages are polled */
    bool in_hand;
    mr_message message;
    mr_origin origin;        /* of a message that was sent back */
    mr_suspicion *suspicion; /* [streams] */
    uint64_t stuck_since_ns[MR_CAUSE_COUNT];
    /* what is read again */
    mr_inbox *again_inbox;
    mr_fill *again;
    mr_frontier *lanes;                 /* by slot * shards + shard; a life is one replay of it */
    mr_lane *lane;                      /* [slots * shards] */
    mr_pass *passes;                    /* [slots] */
    uint32_t trial_slot[MR_SHARDS_MAX]; /* where a probed shard is tried; MR_PARTITIONS_EACH: nowhere yet */
    uint32_t lanes_open;
    uint64_t beginning_ms; /* not before: the brokers are asked where a log begins, and that waits for them */
    mr_refused *refused;   /* as many as take_refused has room for */
    uint32_t refused_free;
    uint32_t *pinned; /* handles of pages whose refused rows have found no room yet */
    uint32_t pinned_count;
    uint32_t *pinned_row;
    bool again_in_hand;
    mr_message again_message;
    mr_arrival again_arrival;
    uint32_t again_last; /* slot of the last one */
    /* both */
    mr_outbox *outbox;
    uint64_t in_flight; /* records in pages, refused rows, letters on their way */
    uint32_t *pages_of; /* [shards]: pages of the pool that each has */
    uint64_t pages_used;
    uint64_t look_ms;      /* when waiting events are looked at again */
    mr_tally *tally;       /* [streams] */
    uint64_t *skipped;     /* [shards] */
    mr_slot_range *ranges; /* [shards]: scratch */
    char *text;            /* scratch for a record as JSON */
    size_t text_cap;
};

static inline int64_t mr_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t mr_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline uint32_t mr_lane_of(const mr_consumer *consumer, uint32_t slot, uint32_t shard)
{
    return slot * consumer->shards + shard;
}

/* consumer_live.c */
uint32_t mr_live_take(mr_consumer *consumer, uint64_t now_ms);
/* The partition of an arrival, `*last` is tried first; MR_PARTITIONS_EACH: none that is open. */
uint32_t mr_consumer_find(const mr_consumer *consumer, const mr_event *event, uint32_t *last);
/* Gives a message that was sent back its origin's coordinates, until the next call; false: it has none.  *stream is its own. */
bool mr_consumer_origin(mr_consumer *consumer, const mr_slot *slot, mr_event *event, uint32_t *stream);

/* consumer_settle.c */
uint32_t mr_settle(mr_consumer *consumer, uint64_t now_ms);
void mr_settle_page(mr_consumer *consumer, uint32_t handle, uint64_t now_ms);
/* The shard's range in the slot begins, or goes back to being parked; event_ms: the timestamp of the event that made it so. */
void mr_settle_park(mr_consumer *consumer, uint32_t slot, uint32_t shard, int64_t offset, int64_t event_ms);
/* The same for a range that is being replayed, from where the replay stands. */
void mr_settle_abandon(mr_consumer *consumer, uint32_t slot, uint32_t shard);
void mr_settle_forget_slot(mr_consumer *consumer, uint32_t slot);
/* A refused row that is in no list any more: it needs no dead letter; or has one on its way. */
void mr_settle_give_up(mr_consumer *consumer, uint32_t at, mr_released why);
void mr_settle_refused_free(mr_consumer *consumer, uint32_t at);
void mr_settle_drop_refused(mr_consumer *consumer, uint32_t slot, const uint32_t *shard, mr_released why);

/* consumer_lanes.c */
void mr_lanes_gates(mr_consumer *consumer,
                    uint64_t now_ms); /* sees what has changed, before anything else in a turn */
bool mr_lane_is_open(const mr_consumer *consumer, uint32_t slot, uint32_t shard);
/* Where the range ends; of a shard that is only probed: where the live flow is. */
int64_t mr_lane_end(const mr_consumer *consumer, uint32_t slot, uint32_t shard);
bool mr_lane_reads(const mr_consumer *consumer, uint32_t slot, uint32_t shard); /* it has offsets to read */
void mr_lane_close(mr_consumer *consumer, uint32_t slot, uint32_t shard);
void mr_lanes_advance(mr_consumer *consumer, uint32_t slot); /* right after the pass has read */
/* Opens lanes, follows what has become durable, and lets go of ranges that are done. */
void mr_lanes_tend(mr_consumer *consumer, uint32_t slot);

/* consumer_again.c */
uint32_t mr_again_work(mr_consumer *consumer, uint64_t now_ms);
void mr_again_stop(mr_consumer *consumer, uint32_t slot);

/* consumer.c */
/* No page could be had: looks for the shard that is to blame. */
void mr_consumer_no_page(mr_consumer *consumer, uint64_t now_ms);

#endif
