/* starter.h: a first configuration: an example, or proposed for a topic from a sample of its events.
 *
 * Columns have the type that took every value of the sample, texts room for about twice the longest one, and what was missing or null
 * somewhere may be NULL.  Objects with few and regular members become columns by paths, others json.  What routes an event is the first known
 * kind of identity that the events carry; else the message's key.
 * What is printed is accepted by mr_config_parse once the one placeholder, ${DB_HOST}, has a value.  It holds names of fields and no value of
 * any event.  Pure but for `out`; memory: the sample's arena.  Commands only.
 */
#ifndef MR_STAGES_STARTER_H
#define MR_STAGES_STARTER_H

#include "base/status.h"
#include "stages/config.h"
#include "stages/sample.h"
#include <stdio.h>

#define MR_STARTER_COLUMNS 128

typedef struct mr_proposal {
    const mr_sample_field *field;
    const char *name; /* the column's */
    const char *from; /* the path, dots in names escaped */
    mr_type type;
    uint32_t max_bytes;  /* string and json; else 0 */
    bool required;       /* it was there in every event, and there were enough */
    bool assume_utc;     /* texts without an offset */
    bool truncate;       /* more than six digits of a second */
    const char *comment; /* "": nothing to say */
} mr_proposal;

typedef struct mr_starter {
    mr_proposal *columns; /* [count] */
    size_t count;
    const char *id;      /* the column of the KSUID */
    const char *left[8]; /* fields without a column, for a comment, and how many there are */
    size_t left_count;
    const mr_proposal *key[3]; /* what routes an event; none: the message's key */
    size_t key_count;
    uint32_t keyless; /* events that have none of these */
} mr_starter;

/* Whether the sample can be made a configuration of: MR_DATA when nothing in it is a JSON object. */
mr_status mr_starter_check(const mr_sample *sample, const char *topic, mr_error *error) MR_CHECKED;
void mr_starter_propose(const mr_sample *sample, mr_starter *starter);

/* The one that is an example, of no topic that anybody has. */
void mr_starter_example(FILE *out);
/* kafka: whose brokers and properties are printed; secrets are only in files. */
void mr_starter_print(const mr_sample *sample, const mr_starter *starter, const mr_config *kafka,
                      const char *topic, FILE *out);

#endif
