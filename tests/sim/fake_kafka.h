/* fake_kafka.h: the inside of the fake of edges/kafka.h and kafka_reader.h, shared by coordinator.c, fake_group.c, fake_commit.c and
 * fake_inbox.c.
 *
 * A group is a member as its client knows it, and beside it what the coordinator knows of the member. */
#ifndef MR_SIM_FAKE_KAFKA_H
#define MR_SIM_FAKE_KAFKA_H

#include "edges/kafka.h"
#include "edges/kafka_reader.h"
#include "world.h"

#define FEEDS_MAX (TOPICS_MAX * PARTITIONS_MAX)

/* A partition that is fetched. */
typedef struct feed {
    sim_log *log;
    mr_inbox *inbox;
    int64_t position, fetched; /* next to give out; what has arrived from the broker */
    uint64_t fetch_us;         /* when the next fetch is answered */
    bool end_said, halted;     /* halted: out of range, until sought */
} feed;

struct mr_inbox {
    instance *owner;
    mr_bell *bell;
    uint32_t consumer;
    feed *feeds; /* of the group, or of the reader */
    uint32_t *feed_count;
    uint32_t last;
    bool dry;               /* the last poll found nothing */
    const sim_event *given; /* the last message, and when */
    uint64_t given_us;
};

/* A partition of the assignment, from before `assigned` is called until `revoked` has returned. */
typedef struct owned {
    sim_log *log;
    int64_t sent;    /* the last offset of it that was sent to be committed */
    uint32_t serial; /* of this assignment, among all */
    bool held;
    sim_begins begins; /* when it came */
} owned;

struct mr_group {
    instance *owner;
    mr_group_listener listener;
    mr_bell *bell;
    feed feeds[FEEDS_MAX];
    uint32_t feed_count;
    owned owned[FEEDS_MAX];
    uint32_t owned_count;
    bool subscribed, joined, revoking;
    bool committing, superseded;
    mr_partition *partitions;
    bool log_low_known;
    mr_log_low log_low;
    /* the coordinator's */
    bool member, rejoined, lost;
    uint32_t generation;
    uint64_t seen_us;   /* last heartbeat */
    uint64_t notice_us; /* when the member hears that it must rejoin; UINT64_MAX: it need not */
    sim_log *given[FEEDS_MAX];
    uint32_t given_count;
    uint64_t given_us; /* when the assignment arrives; UINT64_MAX: none does */
};

struct mr_reader {
    instance *owner;
    mr_inbox *inboxes;
    feed feeds[FEEDS_MAX];
    uint32_t feed_count;
};

/* Static membership: what a process that is gone had, until its session is over. */
typedef struct seat {
    bool taken;
    uint64_t since_us;
    sim_log *given[FEEDS_MAX];
    uint32_t count;
} seat;

typedef struct coordinator {
    uint32_t generation;
    bool rebalancing;
    uint64_t deadline_us;
    bool withheld;        /* a partition is nobody's until whoever has it has given it back */
    uint32_t assignments; /* of a partition to a member, so far */
    seat seats[INSTANCES_MAX];
} coordinator;
extern coordinator the_coordinator;

mr_inbox *inbox_make(instance *owner, uint32_t consumer, feed *feeds, uint32_t *feed_count);
void rebalance(const char *why);
void coordinator_join(mr_group *group);
void coordinator_leave(mr_group *group);
/* The answers that have come are handed to the member. */
uint32_t commits_serve(mr_group *group);
void commits_forget(mr_group *group);
owned *group_owns(mr_group *group, const sim_log *log);

#endif
