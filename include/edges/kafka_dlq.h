/* kafka_dlq.h: dead letters: the original message, with the reason in headers, to the dead-letter topic.
 *
 * Consumer threads send; main serves the delivery reports and tells the consumers by a callback.  A letter is done only when the broker
 * has acknowledged it.  What cannot be delivered is tried again for as long as it takes (a missing topic holds, it does not exit); a letter that the topic
 * refuses for its size is tried alone, for it may only have been one of many, and then goes without its value, marked so.
 * The producer copies messages (librdkafka's memory, bounded by queue.buffering.max.kbytes); nothing of ours is allocated after mr_dlq_new.
 */
#ifndef MR_EDGES_KAFKA_DLQ_H
#define MR_EDGES_KAFKA_DLQ_H

#include "base/arena.h"
#include "base/bell.h"
#include "base/status.h"
#include "stages/config.h"
#include "stages/decode.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_dlq mr_dlq;

typedef struct mr_letter {
    uint32_t consumer; /* who waits for it */
    uint32_t number;   /* the consumer's own name for it */
    mr_reason reason;
    size_t position;
    const char *column; /* "" = none */
    const char *shard;  /* "" = none */
    unsigned code;      /* of the database; 0 = none */
    const char *sqlstate;
    uint32_t attempts;
    bool
        original_gone; /* the log has dropped the message: the value is what was decoded of it, as JSON, and says so */
} mr_letter;

/* Takes the memory.  letters_max: letters on their way at once, of all consumers. */
mr_dlq *mr_dlq_new(const mr_config *config, mr_arena *arena, uint32_t letters_max);
/* Creates the client; bell is rung when reports have come. */
mr_status mr_dlq_open(mr_dlq *dlq, mr_bell *bell, mr_error *error) MR_CHECKED;
/* Any thread.  handle: of the message that event came with (its headers are kept); NULL: it has gone.  False: not now (the
 * queue is full, or another letter goes alone), try again. */
bool mr_dlq_send(mr_dlq *dlq, const mr_event *event, void *handle, const mr_letter *letter) MR_CHECKED;
/* Main: serves reports; `done` is called for each acknowledged letter.  Returns how many. */
uint32_t mr_dlq_serve(mr_dlq *dlq, uint64_t now_ms,
                      void (*done)(void *context, uint32_t consumer, uint32_t number), void *context);
/* Main: reads secrets again; whether they were others than before. */
bool mr_dlq_reload_secrets(mr_dlq *dlq);
uint64_t mr_dlq_errors(const mr_dlq *dlq); /* failed attempts so far */
/* Letters that are still on their way are dropped: their offsets are not committed. */
void mr_dlq_free(mr_dlq *dlq);

#endif
