/* sample.h: what the events of a topic look like: which fields they have, how often, and of what kinds.
 *
 * Made from a sample of events, for `config --starter` (stages/starter).  Pure: bytes go in, counts come out; no value of an event is kept
 * in the counts, only names, lengths and limits.
 * Memory: the fields are the arena's, at most MR_SAMPLE_ROOT_FIELDS at the top and MR_SAMPLE_FIELDS in an object below; the parsed events
 * are jansson's, kept until mr_sample_free, so that combinations of fields can be counted afterwards.  Commands only, one thread.
 */
#ifndef MR_STAGES_SAMPLE_H
#define MR_STAGES_SAMPLE_H

#include "base/arena.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_SAMPLE_MAX         10000 /* events */
#define MR_SAMPLE_ROOT_FIELDS 256
#define MR_SAMPLE_FIELDS      32
#define MR_SAMPLE_DEPTH       4 /* steps of a path that are looked at */

typedef struct mr_sample_field {
    const char *name; /* as it stands in the event; "" for the event itself */
    struct mr_sample_field *parent, *children, *next;
    uint32_t child_count, depth;
    bool crowded; /* it has more members than are counted */
    /* in how many events it is each of these */
    uint32_t nulls, bools, integers, reals, texts, objects, arrays;
    /* integers */
    int64_t least, most;
    uint32_t above_int64, beyond; /* of these: only uint64 holds them; no integer type does */
    /* reals */
    unsigned decimals; /* most digits after the point */
    /* texts: how many of them are each of these */
    uint32_t datetimes, datetimes_without_offset, precise_datetimes, dates, uuids, numbers;
    size_t text_least, text_most; /* bytes */
    size_t json_most;             /* the longest value as JSON text */
} mr_sample_field;

typedef struct mr_sample {
    mr_arena *arena;
    json_t **events; /* [objects]: those that are JSON objects */
    uint32_t seen, tombstones, objects, with_key;
    uint32_t registry; /* begin as a schema registry's serializers write */
    mr_sample_field root;
    char first_broken[160]; /* why the first one is no JSON object; "" when all are */
} mr_sample;

/* The memory of at most `events` events. */
mr_sample *mr_sample_new(mr_arena *arena, size_t events);
/* One more; value NULL: a tombstone. */
void mr_sample_add(mr_sample *sample, const char *value, size_t len, bool with_key);
/* In how many events it is there and not null. */
uint32_t mr_sample_present(const mr_sample_field *field);
/* Its value in one of the events; NULL when it is missing. */
const json_t *mr_sample_value(const mr_sample_field *field, const json_t *event);
void mr_sample_free(mr_sample *sample); /* the parsed events; the rest is the arena's */

#endif
