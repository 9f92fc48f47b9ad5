/* snapshot.h: what a commit says: the offset and, in its metadata, under which rules it was written.
 *
 *     mr1.<fingerprint, 16 hex digits>.<clean|dirty>.<its own offset>.<entries>
 *
 * ASCII, at most 4,096 bytes (the broker's limit).  `clean`: nothing is durable at or above the offset.  Entries name the
 * parked ranges of shards, one after the other, separated by commas; in one, the parts are separated by colons and the first
 * says what it is, so that kinds can be added.  There are none yet: the part is empty, and a text that has something there
 * is MR_MARK_NEWER, as is any other number after "mr".  A text that does not begin with "mr<number>." has another author.
 * Pure functions.
 */
#ifndef MR_STAGES_SNAPSHOT_H
#define MR_STAGES_SNAPSHOT_H

#include "stages/config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_METADATA_MAX 4096

/* Parts of the fingerprint: how a key becomes a slot, and the decoder's reading of keys and identities. Change the number when an
 * event could come out with another key or identity than before. */
#define MR_RULES_HASH    "fnv1a64"
#define MR_RULES_DECODER 1

typedef struct mr_snapshot {
    int64_t offset;
    uint64_t fingerprint;
    bool clean;
} mr_snapshot;

typedef enum mr_mark {
    MR_MARK_OURS,    /* understood */
    MR_MARK_FOREIGN, /* no mark: another tool wrote it */
    MR_MARK_NEWER,   /* a format that this release does not know */
    MR_MARK_BROKEN,  /* our mark, but it does not parse or belongs to another offset */
} mr_mark;

/* Covers the slot map (shard names with their ranges, sorted by name), each stream's key source and identity (and, with more than
 * one stream, its topics), hash and decoder version; the same for the same rules whatever the order of shards or streams in the
 * file, and whether slots are spelled out or split evenly. */
uint64_t mr_fingerprint(const mr_config *config);

size_t mr_snapshot_format(const mr_snapshot *snapshot, char *text,
                          size_t cap); /* length; text is terminated */
/* `committed` is the offset that came with the metadata; another one inside is MR_MARK_BROKEN. */
mr_mark mr_snapshot_parse(const char *metadata, size_t len, int64_t committed, mr_snapshot *snapshot);

/* What a worker with `fingerprint` does with a partition whose commit came back like this. */
typedef enum mr_takeover { MR_TAKEOVER_GO_ON, MR_TAKEOVER_HOLD } mr_takeover;
/* *why: a sentence for status and log, with what to do; a string constant. */
mr_takeover mr_takeover_decide(mr_mark mark, const mr_snapshot *snapshot, uint64_t fingerprint,
                               bool foreign_accept, const char **why);

#endif
