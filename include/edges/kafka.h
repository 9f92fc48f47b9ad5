/* kafka.h: the consumer group, as main and the consumer threads see it; kafka*.c alone see rdkafka.h.
 *
 * One client.  Main joins the group, answers rebalances and commits (mr_group_*); each consumer thread polls its own inbox, to
 * which the queues of its partitions are forwarded (mr_inbox_*).  auto.offset.reset is `error`: a position is never guessed.
 * librdkafka allocates (messages, fetch buffers: bounded by memory.fetch_mib); Millrace does not.
 */
#ifndef MR_EDGES_KAFKA_H
#define MR_EDGES_KAFKA_H

#include "base/arena.h"
#include "base/bell.h"
#include "base/status.h"
#include "stages/config.h"
#include "stages/decode.h"
#include "stages/finding.h"
#include "stages/topics.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_group mr_group;
typedef struct mr_inbox mr_inbox;

/* ---- start ---- */

const char *mr_kafka_library_version(void);
int mr_kafka_library_number(void); /* such as 0x020800ff for 2.8.0: what mr_plan_fetch_mib wants */
/* Whether this librdkafka has a feature by its own name: "ssl", "sasl_scram", "oidc", "zstd". */
bool mr_kafka_has_feature(const char *name);
/* Refuses versions of librdkafka that are known to lose data (MR_CONFIG). */
mr_status mr_kafka_version_check(mr_error *error) MR_CHECKED;
/* Everything that `millrace check` says about Kafka: library, properties, brokers, topics, dead-letter topics, group.
 * `offline`: only what needs no broker. */
void mr_kafka_check(const mr_config *config, bool offline, mr_findings *findings);

/* ---- the group: main's thread ---- */

typedef struct mr_partition {
    const char *topic; /* borrowed for the call */
    int32_t partition;
    int64_t committed;    /* negative: the group has no offset */
    const char *metadata; /* what was committed with it; "" when none */
    size_t metadata_len;
    /* The answer of `assigned`: */
    bool hold;       /* do not fetch it */
    int64_t start;   /* where to begin */
    mr_inbox *inbox; /* who gets it */
    bool failed;     /* in an answer to a commit: this one does not stand */
} mr_partition;

/* What the owner of the group does when membership changes; called from mr_group_poll.  Each call has as many partitions as the worker has places for
 * at most (MR_PARTITIONS_EACH a consumer thread): one rebalance may be several calls. */
typedef struct mr_group_listener {
    void *context;
    /* New partitions with what is committed for them: fill in hold, start and inbox. */
    void (*assigned)(void *context, mr_partition *partitions, size_t count);
    /* They go: when this returns nothing of them may be committed any more.  lost: they are another member's already. */
    void (*revoked)(void *context, const mr_partition *partitions, size_t count, bool lost);
    /* The answer to a commit; each says in `failed` whether it stands, and `why` in words when some do not. */
    void (*committed)(void *context, const mr_partition *partitions, size_t count, const char *why);
    /* True when the program is asked to stop: long waits give up. */
    bool (*stopping)(void *context);
    /* Called at least every two seconds while a rebalance, a commit or the leave waits for brokers, so that main's other duties go on. */
    void (*waiting)(void *context);
} mr_group_listener;

/* Takes the memory. */
mr_group *mr_group_new(const mr_config *config, const mr_group_listener *listener, mr_arena *arena);
/* Creates the client; bell is rung when the group has something for main. Does not wait for brokers. */
mr_status mr_group_open(mr_group *group, mr_bell *bell, mr_error *error) MR_CHECKED;
mr_status mr_group_join(mr_group *group, mr_error *error) MR_CHECKED;
/* Serves what has come; never blocks for long, except in the listener's calls. Returns how much it did. */
int mr_group_poll(mr_group *group);
bool mr_group_joined(const mr_group *group);    /* an assignment was received, even an empty one */
bool mr_group_reachable(const mr_group *group); /* brokers were heard from lately */
/* The client cannot go on, for example because another instance uses this group.instance.id: stop with MR_AGAIN. */
bool mr_group_fatal(const mr_group *group, mr_error *error) MR_CHECKED;

/* Commits offset and metadata of each (offset in `start`, text in `metadata`).  wait_ms 0: the answer comes to `committed`; else waits that
 * long and reports there as well. One commit at a time: a second one before the answer is a must. */
void mr_group_commit(mr_group *group, const mr_partition *partitions, size_t count, uint32_t wait_ms);
bool mr_group_committing(const mr_group *group);
/* The last commit was refused because another rebalance has begun: what is assigned now goes again. */
bool mr_group_superseded(const mr_group *group);
void mr_group_await_commit(mr_group *group, uint32_t wait_ms); /* until the answer is there, or that long */

/* Low and high watermarks as last seen, without asking (false: unknown); asking the broker within timeout_ms. */
bool mr_group_watermarks_seen(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                              int64_t *high) MR_CHECKED;
bool mr_group_watermarks_ask(mr_group *group, const char *topic, int32_t partition, int64_t *low,
                             int64_t *high, uint32_t timeout_ms) MR_CHECKED;
/* The first offset at or after a time; -1: after the end; false: no answer. */
bool mr_group_offset_at(mr_group *group, const char *topic, int32_t partition, int64_t ms, int64_t *offset,
                        uint32_t timeout_ms) MR_CHECKED;
/* Begins again at `start` for a partition that is assigned and stopped by an out-of-range error. */
bool mr_group_seek(mr_group *group, const char *topic, int32_t partition, int64_t start);
/* Whether a rebalance leaves alone what it does not move: then what was held when it came is not assigned again by itself. */
bool mr_group_cooperative(const mr_group *group);
/* Fetches from `start` on, into `inbox`, what was held when it came; cooperative only. */
void mr_group_begin(mr_group *group, const mr_partition *partition);
/* Has the group an offset for some other partition of this topic? -1: no answer. */
int mr_group_topic_known(mr_group *group, const char *topic, int32_t but_partition) MR_CHECKED;
/* For each topic of the subscription: its number of partitions (asks brokers, waits at most timeout_ms). False: no answer. */
bool mr_group_topics(mr_group *group, void (*each)(void *context, const char *topic, uint32_t partitions),
                     void *context, uint32_t timeout_ms);

/* For how long the topic keeps its events (as mr_kafka_retention_ms).  Never waits: the first call asks the brokers, one of the next ones has
 * the answer, until then it is false.  One question is on its way at a time: false also while that is another topic's. */
bool mr_group_retention_ms(mr_group *group, const char *topic, uint64_t now_ms,
                           int64_t *retention_ms) MR_CHECKED;

typedef struct mr_log_low {
    char topic[MR_TOPIC_MAX];
    int32_t partition;
    int64_t low;
} mr_log_low;

/* Asks where a partition's log begins, as often as one likes and without harm: with librdkafka 2.3 and later it does not wait, for there a
 * question that is given up in time cuts the broker's connection, which all partitions are fetched by; before, it waits at most timeout_ms. */
void mr_group_log_low_ask(mr_group *group, const char *topic, int32_t partition, uint32_t timeout_ms);
/* The next answer, of those that come at all; false: there is none now.  With librdkafka before 2.3: call it after each question. */
bool mr_group_log_low(mr_group *group, mr_log_low *answer) MR_CHECKED;

/* Reads secrets again (SASL password, OAUTHBEARER token); whether they were others than before. */
bool mr_group_reload_secrets(mr_group *group);

/* Leaves the group (a static member does not) and closes within timeout_ms; revoked() is called for what is left. False: not closed in time. */
bool mr_group_close(mr_group *group, uint32_t timeout_ms);
void mr_group_free(mr_group *group); /* the client; the memory is the arena's */

/* ---- an inbox: its consumer thread ---- */

typedef enum mr_arrival { MR_ARRIVAL_NONE, MR_ARRIVAL_MESSAGE, MR_ARRIVAL_END, MR_ARRIVAL_ERROR } mr_arrival;

/* What came: for END and ERROR only topic, partition and offset of `event` hold. */
typedef struct mr_message {
    mr_event event;
    void *handle;
    bool out_of_range; /* ERROR: the position has vanished */
    char error[128];   /* ERROR: its text */
} mr_message;

mr_inbox *mr_inbox_new(mr_group *group, mr_arena *arena);
void mr_inbox_open(mr_inbox *inbox,
                   mr_bell *bell); /* after mr_group_open; bell is rung at the first message */
mr_arrival mr_inbox_poll(mr_inbox *inbox, mr_message *message) MR_CHECKED;
void mr_message_free(mr_message *message);
void mr_inbox_close(mr_inbox *inbox); /* before mr_group_free */

#endif
