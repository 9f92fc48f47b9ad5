/* kafka_reader.h: reads partitions again, outside the group: a parked shard's range, or events whose rows a database refused.
 *
 * One client for the whole worker, without a group: nothing is committed, nobody rebalances.  Each consumer thread has an inbox, starts and
 * stops partitions by hand and polls, like the live one, with mr_inbox_poll and mr_message_free.  It polls even when it has nothing started,
 * say once a second: what a stop left behind, and what was under way, is given back to the heap then, and inbox 0 carries the
 * client's errors and expiring tokens as well.
 *
 * What arrives of a started partition begins at the offset asked for (or the next one that exists) and ascends.  An offset that the log does
 * not have is MR_ARRIVAL_ERROR with out_of_range, `offset` being it; nothing more comes until the partition was stopped and started
 * elsewhere.  Any other MR_ARRIVAL_ERROR is a report: librdkafka goes on by itself.  A topic or a partition that the brokers do not have is
 * not even that: it is logged, and nothing arrives.  MR_ARRIVAL_END carries the next offset, which control records and aborted transactions
 * move, too.
 *
 * Time: mr_reader_stop waits for librdkafka's own thread, which asks no broker: 0.1 ms, 5 ms at most on two busy cores.  mr_reader_start
 * does not wait, except for MR_READ_FROM_BEGINNING: that asks the broker, for at most MR_READER_ASK_MS.
 * Memory: tables in the arena; librdkafka's fetch buffers once more as the live client's (memory.fetch_mib).
 * Threads: a mutex guards the table of topics, taken by start, stop and high_seen, never per message.
 */
#ifndef MR_EDGES_KAFKA_READER_H
#define MR_EDGES_KAFKA_READER_H

#include "base/arena.h"
#include "base/bell.h"
#include "base/status.h"
#include "edges/kafka.h"
#include "stages/config.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_reader mr_reader;

#define MR_READ_FROM_BEGINNING (-2) /* the log's first offset, whatever it is */
#define MR_READER_TOPICS       256 /* topics that are kept; when all are in use a start of another is refused */
#define MR_READER_ASK_MS       1000

/* Takes the memory; consumers: consumer threads, each has an inbox. */
mr_reader *mr_reader_new(const mr_config *config, mr_arena *arena, uint32_t consumers);
/* Creates the client; does not wait for brokers.  bells[i] is rung when inbox i gets its first message. */
mr_status mr_reader_open(mr_reader *reader, mr_bell *bells, mr_error *error) MR_CHECKED;
/* The inbox of a consumer thread: polled like the live one (mr_inbox_poll, mr_message_free). */
mr_inbox *mr_reader_inbox(mr_reader *reader, uint32_t consumer);
/* That consumer thread only.  Begins a partition at `offset` (or MR_READ_FROM_BEGINNING); it must not be started already, by no thread.
 * False: librdkafka refused, or no broker told the beginning (logged); try again later. */
bool mr_reader_start(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition,
                     int64_t offset) MR_CHECKED;
/* That consumer thread only.  When it returns nothing of the partition that was read before arrives any more.  One that is not started:
 * nothing happens. */
void mr_reader_stop(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition);
/* Last known high watermark, without asking; false: unknown.  Any thread. */
bool mr_reader_high_seen(mr_reader *reader, const char *topic, int32_t partition, int64_t *high) MR_CHECKED;
/* Main.  Reads secrets again; whether they were others than before. */
bool mr_reader_reload_secrets(mr_reader *reader);
/* Main, at the end, after the consumer threads, with every message freed (librdkafka waits for the last one): stops what is started, destroys
 * queues, topics and client; accepts one that was never opened. */
void mr_reader_close(mr_reader *reader);

#endif
