/* world.h: what the simulated workers live in: a log of events, brokers, a coordinator, databases, and the instances themselves.
 *
 *     events.c            the events of a seed and what must become of each
 *     sent_back.c         dead letters that an operator sends back
 *     configure.c         habits and configurations of a seed
 *     world.c             time passing, instances that come and go
 *     episodes.c          faults that last: shards, brokers, kills, resets, ...
 *     coordinator.c       the group, eager or cooperative, with static members or not
 *     fake_group.c        edges/kafka.h: membership
 *     fake_commit.c       edges/kafka.h: commits and questions
 *     fake_inbox.c        edges/kafka.h, edges/kafka_reader.h: reading
 *     fake_dlq.c          edges/kafka_dlq.h
 *     fake_sql.c          edges/sql.h
 *     fake_threads.c      threads, log and clock; hooks at the wheel and the rings
 *     checker.c           what must hold (checker.h)
 *
 * The fakes keep to the contracts of the headers that they stand in for.
 */
#ifndef MR_SIM_WORLD_H
#define MR_SIM_WORLD_H

#include "app/turn.h"
#include "edges/kafka.h"
#include "edges/sql.h"
#include "sim.h"
#include "stages/config.h"
#include "stages/snapshot.h"

#define INSTANCES_MAX  3
#define STREAMS_MAX    2
#define TOPICS_MAX     3
#define SENT_BACK      2 /* dlq.replay_topic: its events are others', sent back */
#define PARTITIONS_MAX 6
#define SHARDS_MAX     4
/* Dead letters of a shard before its drift guard trips: half of the verdicts that it remembers; where it remembers none, half of the 20 that it takes a
 * share of.  A probe costs none. */
#define NARROW_MOST     50
#define NARROW_ANEW     10
#define SENT_BACK_MOST  3 /* times that a letter is sent back, at most */
#define EVENTS_BEGIN_MS INT64_C(1760000000000)
#define VARIANTS        2 /* slot maps: of the right configuration, and of a wrong deployment */

/* ---- events ---- */

typedef enum event_kind {
    EVENT_GOOD,
    EVENT_POISON,    /* its shard refuses the row */
    EVENT_INVALID,   /* has a shard, does not fit the columns */
    EVENT_SHARDLESS, /* broken, or without a key */
    EVENT_TOMBSTONE, /* skipped, or a dead letter: by its stream */
    EVENT_KINDS
} event_kind;

typedef struct sim_event {
    uint32_t number;
    event_kind kind;
    uint32_t topic;
    int32_t partition;
    int64_t offset, timestamp_ms;
    char *value; /* NULL: tombstone */
    const char *key, *header;
    size_t value_len;
    const char *user, *type; /* what the columns must hold */
    uint32_t shard[VARIANTS];
    uint64_t born_us;
    /* what has become of it */
    int row_shard; /* -1: no row */
    unsigned char id[40];
    size_t id_len;
    uint64_t row_us;
    uint32_t letters; /* in the dead-letter topic */
    bool
        narrowed; /* refused by a column that was too narrow: the drift guard lets a few become dead letters */
    bool lost;    /* the log dropped it, and the worker said so */
    struct sim_event *twin; /* has the same value in a unique key: one of both is a row */
    bool collided;          /* refused because its twin is one */
    struct sim_event *of;   /* sent back: the original */
    bool has_origin;        /* ... and says so */
    bool last_time;         /* ... when everything was mended: it has to become what it can */
    uint32_t times;         /* that it was sent back */
    uint32_t letter_of;     /* the assignment that the last letter was sent by */
} sim_event;

typedef struct sim_range {
    int64_t from, to; /* from == to: none */
} sim_range;

/* What kafka.start may decide for a partition, when it came to a member. */
typedef struct sim_begins {
    bool nothing_committed;
    bool known;   /* the group has an offset of another partition of its topic */
    int64_t high; /* of the log */
} sim_begins;

/* What is committed, as a person would read it. */
typedef struct sim_commit {
    int64_t offset; /* negative: none */
    bool ours, clean;
    uint32_t variant;
    sim_range parked[SHARDS_MAX];
    const char *text;
    size_t len;
} sim_commit;

typedef struct sim_log {
    uint32_t topic;
    int32_t partition;
    sim_event **at;         /* by offset; NULL: a hole */
    uint64_t *seen_us;      /* when the offset is there */
    int64_t end, low, high; /* of all, of what is there now */
    int64_t first; /* what is below was there before the group began, and kafka.start leaves it out */
    sim_commit committed;
    bool foreign;      /* its offset was set by another tool: nobody may go on from it */
    sim_commit before; /* foreign: what stood there */
    bool jumped;       /* the worker said that it goes on at the log's beginning */
    bool cut_above;    /* the log was cut above what was committed */
} sim_log;

/* ---- shards ---- */

typedef enum shard_trouble {
    SHARD_WELL,
    SHARD_DOWN,
    SHARD_FROZEN,
    SHARD_SLOW,
    SHARD_READ_ONLY,
    SHARD_MISCONFIGURED,
    SHARD_FULL,
    SHARD_SMALL_PACKETS,
    SHARD_DEADLOCKS,
    SHARD_NARROW, /* a column has become too narrow for every row */
    SHARD_TROUBLES
} shard_trouble;

typedef struct sim_shard {
    shard_trouble trouble;
    uint64_t well_since_us;
    uint64_t trouble_until_us;
    uint32_t
        code; /* MISCONFIGURED: of which kind; NARROW: even: a trigger, which a comparison of tables does not show */
} sim_shard;

/* ---- instances ---- */

typedef enum instance_state { INSTANCE_OFF, INSTANCE_RUNS, INSTANCE_ENDED } instance_state;

typedef struct instance {
    uint32_t number, life;
    instance_state state;
    uint32_t variant;
    mr_config *config;
    mr_worker *worker; /* NULL: not made yet */
    mr_turn turn;
    sim_fiber *main;
    sim_fiber *threads[16]; /* consumers, writers, then second connections, as they were started */
    uint32_t thread_count;
    bool asked_to_stop, stopped;
    uint64_t asked_us, noticed_us;
    mr_turn_end end;
    uint64_t frozen_until_us, cut_until_us; /* from the brokers */
    uint64_t watchdog_us;
    uint64_t begun_us;
    uint64_t lost[SHARDS_MAX]; /* offsets that it said it has lost, by name */
    struct mr_group *group;    /* the fakes' */
    struct mr_reader *reader;
    struct mr_dlq *dlq;
    struct mr_sql *sql[SHARDS_MAX], *second_sql[SHARDS_MAX];
} instance;

typedef struct sim_habits {
    uint32_t streams, partitions[TOPICS_MAX], shards, consumers, instances;
    uint32_t events;
    uint64_t active_us; /* faults happen until then */
    uint32_t session_ms, rebalance_ms;
    uint32_t latency_us, fetch_us, letter_us; /* of a statement, a fetch, a dead letter */
    bool tombstone_skip, multi_row, twins;
    bool
        wide; /* records are so large, and refused so often, that those which wait to be read again find no room */
    bool cooperative, static_members;
    bool sent_back; /* there is a dlq.replay_topic */
    mr_start start;
    int64_t start_ms;
} sim_habits;

struct sim_world {
    sim_habits is;
    mr_config *config[VARIANTS];
    mr_config *holding[SHARDS_MAX]; /* the right one, with that shard on hold */
    uint32_t held_shard;            /* SHARDS_MAX: none is on hold */
    uint64_t fingerprint[VARIANTS];
    uint32_t shard_hash[SHARDS_MAX];
    sim_event *events;
    uint32_t event_count, events_made; /* with those that are sent back; without */
    sim_log logs[TOPICS_MAX][PARTITIONS_MAX];
    uint32_t partitions[TOPICS_MAX]; /* there now */
    sim_shard shards[SHARDS_MAX];
    instance instances[INSTANCES_MAX];
    uint64_t brokers_back_us, letters_back_us, calm_since_us;
    uint64_t next_us;
    uint32_t narrow_letters, narrow_most; /* dead letters of good events, and how many there may be */
    bool
        reordered; /* a commit was accepted after a later one: a worker cannot know that it has to send that again */
    bool disturbed; /* somebody was killed, frozen or has left: an event may get a second dead letter */
};
extern struct sim_world world;

static const char *const topic_names[TOPICS_MAX] = {"events", "orders", "again"};

void world_begin(void);
uint64_t world_turn(void); /* the host's part; returns when it wants to be called again */
void world_end(void);

void configure_habits(void);
mr_config *configure(uint32_t variant, uint32_t hold); /* hold: a shard by its name, or SHARDS_MAX */

void events_make(void);
void events_append(sim_log *log, sim_event *event); /* it is there from now on */
const char *events_kind(event_kind kind);
uint32_t events_shard(const mr_config *config, const char *key); /* by its own arithmetic */
sim_log *world_log(const char *topic, int32_t partition);
sim_event *world_event(const char *topic, int32_t partition, int64_t offset); /* NULL: there is none */
const sim_event *world_root(const sim_event *event);                          /* of one that was sent back */
bool world_well_done(const sim_event *event);                                 /* it is what it must become */
bool world_reaches(const instance *one);                                      /* brokers */

/* Shards have numbers by name here; a worker counts them as its configuration lists them. */
static inline uint32_t world_shard(uint32_t variant, uint32_t index)
{
    return variant ? world.is.shards - 1 - index : index;
}

void instance_start(instance *one, uint32_t variant);
void instance_stop(instance *one); /* SIGTERM */
void instance_kill(instance *one); /* SIGKILL */
void instance_freeze(instance *one, uint64_t us);

void send_back(bool last_time); /* some dead letters; all that may */

/* A worker, or a partition with its parked ranges, begins: what its guards know of a table that is too narrow begins anew. */
void world_expect_narrow(void);
void episodes_begin(void);
uint64_t episodes_turn(void);
void world_cut_log(sim_log *log, int64_t low); /* old events go */
void episodes_end(void);                       /* mends what is broken */

/* The fakes' parts of passing time and of an end by force. */
void group_turn(void);
void group_gone(instance *one);
void group_partitions_added(void);
void coordinator_begin(void);
void commits_begin(void);
void commits_turn(void);
void inbox_turn(instance *one);
void letters_begin(void);
void letters_turn(void);
void letters_gone(instance *one);

#endif
