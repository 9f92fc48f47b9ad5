/* kafka_letters.h: the dead-letter topics as the commands see them: read to the end that was there at the start, and send letters back.
 *
 * No group is joined and nothing is committed: partitions are assigned by hand.  A message is a letter of ours when its header millrace.origin says where
 * it came from; what else lies in these topics is counted and left out.
 * Commands only, main's thread; may use the heap.  Errors: MR_CONFIG for the configuration, MR_DENIED for a login, MR_UNAVAILABLE when brokers do not answer.
 */
#ifndef MR_EDGES_KAFKA_LETTERS_H
#define MR_EDGES_KAFKA_LETTERS_H

#include "base/status.h"
#include "stages/config.h"
#include "stages/origin.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_letters mr_letters;

/* One letter; everything is borrowed for the call. */
typedef struct mr_dead_letter {
    const char *topic; /* where the letter lies */
    int32_t partition;
    int64_t offset;
    int64_t time_ms;         /* when it was sent there; -1: absent */
    mr_origin origin;        /* what it was */
    const char *key, *value; /* NULL: null */
    size_t key_len, value_len;
    bool value_dropped; /* too large for the topic: only the source has the value */
    bool original_gone; /* the value is what was decoded of the event, which the log had dropped */
    const void *message;
} mr_dead_letter;

typedef struct mr_letters_reading {
    int64_t since_ms; /* begin at the first that is not older; negative: at the beginning */
    /* False: enough, stop. */
    bool (*each)(void *context, const mr_dead_letter *letter);
    /* About every second: so many messages of about so many.  NULL: nobody wants to know. */
    void (*progress)(void *context, uint64_t seen, uint64_t all);
    void *context;
} mr_letters_reading;

/* Connects and finds the dead-letter topics of the configuration's sources. */
mr_status mr_letters_open(const mr_config *config, mr_letters **letters, mr_error *error) MR_CHECKED;
size_t mr_letters_topics(const mr_letters *letters);    /* how many there are */
uint64_t mr_letters_strange(const mr_letters *letters); /* messages so far that are no letters of ours */
mr_status mr_letters_read(mr_letters *letters, const mr_letters_reading *reading, mr_error *error) MR_CHECKED;

/* Header number i of a letter, its value NULL for null; false past the last. */
bool mr_letter_header_at(const mr_dead_letter *letter, size_t i, const char **name, const char **value,
                         size_t *len);
/* The last header of that name as a text in `out`, cut when too long; false when there is none. */
bool mr_letter_header(const mr_dead_letter *letter, const char *name, char *out, size_t cap);

/* Whether the brokers know the topic: MR_OK, or MR_CONFIG when they do not. */
mr_status mr_letters_topic_known(mr_letters *letters, const char *topic, mr_error *error) MR_CHECKED;
/* Sends the letter's original message with its own headers and millrace.origin: to a topic, or with NULL to where it came from.  Waits while the
 * queue is full.  Acknowledged only when mr_letters_flush says so. */
mr_status mr_letters_send(mr_letters *letters, const mr_dead_letter *letter, const char *topic,
                          mr_error *error) MR_CHECKED;
/* Waits for the acknowledgements; *acknowledged: of all that were sent so far. */
mr_status mr_letters_flush(mr_letters *letters, uint64_t *acknowledged, mr_error *error) MR_CHECKED;
void mr_letters_free(mr_letters *letters); /* accepts NULL */

#endif
