/* snapshot.h: what a commit says: the offset and, in its metadata, under which rules it was written and what is parked below it.
 *
 *     mr1.<fingerprint, 16 hex digits>.<clean|dirty>.<its own offset>.<entries>
 *
 * ASCII, at most 4,096 bytes (the broker's limit).  `clean`: nothing is durable at or above the offset.  Entries name the
 * parked ranges of shards, one after the other, separated by commas; in one, the parts are separated by colons and the first
 * says what it is, so that kinds can be added:
 *
 *     p:<hash of the shard's name, 8 hex digits>:<from>         parked: from `from` on nothing is promised durable
 *     r:<hash of the shard's name, 8 hex digits>:<from>:<to>    being replayed: from <= offset < to
 *
 * A text with an entry of another kind is MR_MARK_NEWER, as is any other number after "mr".  A text that does not begin with
 * "mr<number>." has another author.  One snapshot has one text, as far as the order of entries: they are read in any order and
 * written by ascending hash.
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

#define MR_RANGE_OPEN INT64_MAX /* `to` of a range that still grows */

/* The parked range of a shard: from <= offset < to. */
typedef struct mr_snapshot_entry {
    uint32_t shard; /* mr_shard_hash of its name */
    int64_t from, to;
} mr_snapshot_entry;

/* Some KiB: one at a time, on the stack of those who commit or take over. */
typedef struct mr_snapshot {
    int64_t offset;
    uint64_t fingerprint;
    bool clean;
    uint32_t entry_count;
    mr_snapshot_entry entry[MR_SHARDS_MAX]; /* at most one of a shard */
} mr_snapshot;

typedef enum mr_mark {
    MR_MARK_OURS,    /* understood */
    MR_MARK_FOREIGN, /* no mark: another tool wrote it */
    MR_MARK_NEWER,   /* a format, or a kind of entry, that this release does not know */
    MR_MARK_BROKEN,  /* our mark, but it does not parse or belongs to another offset */
} mr_mark;

/* Covers the slot map (shard names with their ranges, sorted by name), each stream's key source and identity (and, with more than
 * one stream, its topics), hash and decoder version; the same for the same rules whatever the order of shards or streams in the
 * file, and whether slots are spelled out or split evenly. */
uint64_t mr_fingerprint(const mr_config *config);

/* FNV-1a 32; a configuration has no two shards with the same. */
uint32_t mr_shard_hash(const char *name);
/* Index of the shard whose name has this hash; -1: there is none. */
int mr_snapshot_shard(const mr_config *config, uint32_t hash);

/* Length; text is terminated.  MR_METADATA_MAX + 1 is room for any. */
size_t mr_snapshot_format(const mr_snapshot *snapshot, char *text, size_t cap);
/* `committed` is the offset that came with the metadata; another one inside is MR_MARK_BROKEN.  What is not OURS leaves only
 * the offset in *snapshot. */
mr_mark mr_snapshot_parse(const char *metadata, size_t len, int64_t committed, mr_snapshot *snapshot);

/* Takes the first entry off the text *at < end, with the comma after it: OURS, NEWER (another kind; *entry is empty) or BROKEN.
 * A text of many entries is NEWER when one of them is, else BROKEN when one of them is.  An entry that is OURS has only this
 * spelling. */
mr_mark mr_snapshot_next_entry(const char **at, const char *end, mr_snapshot_entry *entry);

/* What a worker with `fingerprint` does with a partition whose commit came back like this. */
typedef enum mr_takeover { MR_TAKEOVER_GO_ON, MR_TAKEOVER_HOLD } mr_takeover;
/* *why: a sentence for status and log, with what to do; a string constant.  `config` is that of the fingerprint. */
mr_takeover mr_takeover_decide(mr_mark mark, const mr_snapshot *snapshot, const mr_config *config,
                               uint64_t fingerprint, const char **why);

#endif
