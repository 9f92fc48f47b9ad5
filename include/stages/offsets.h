/* offsets.h: what a committed offset with its metadata says to a person, and what may be put in its place.
 *
 * For `millrace offsets`.  A change is planned for one partition; it keeps three promises, and `refusal` says which of them it
 * would break: nothing that is parked is forgotten unasked, `clean` is said only when it is true, and no offset is moved over
 * the rows of another slot map unasked.  Parked ranges are kept as they are written, byte for byte, also where one shard has
 * several, which a worker does not write.
 * Pure functions.
 */
#ifndef MR_STAGES_OFFSETS_H
#define MR_STAGES_OFFSETS_H

#include "stages/snapshot.h"

typedef enum mr_offsets_state {
    MR_OFFSETS_NONE,    /* the group has no offset */
    MR_OFFSETS_CLEAN,   /* nothing is durable at or above it */
    MR_OFFSETS_DIRTY,   /* something may be */
    MR_OFFSETS_OTHER,   /* by another slot map, key or identity */
    MR_OFFSETS_FOREIGN, /* without millrace's mark */
    MR_OFFSETS_NEWER,   /* by a newer release */
    MR_OFFSETS_BROKEN,  /* damaged, or another offset's */
} mr_offsets_state;

const char *mr_offsets_state_name(mr_offsets_state state);

/* A commit taken apart.  `entries` points into its metadata. */
typedef struct mr_offsets_mark {
    mr_offsets_state state;
    int64_t committed;    /* negative: none */
    bool known;           /* the rest holds: CLEAN, DIRTY and OTHER */
    bool clean;           /* also of OTHER */
    uint64_t fingerprint; /* of the rules it was committed under */
    const char *entries;
    size_t entries_len;
} mr_offsets_mark;

mr_offsets_mark mr_offsets_read(const char *metadata, size_t len, int64_t committed, uint64_t fingerprint);

/* The next entry; *at begins at 0.  False after the last. */
bool mr_offsets_next(const mr_offsets_mark *mark, size_t *at, mr_snapshot_entry *entry);
/* The shard's name, NULL when the configuration has none of this hash. */
const char *mr_offsets_shard(const mr_config *config, uint32_t hash);

/* ---- changes ---- */

typedef enum mr_offsets_refusal {
    MR_OFFSETS_ALLOWED,
    MR_OFFSETS_RANGE,   /* the log does not hold the offset */
    MR_OFFSETS_PARKED,  /* parked ranges would be forgotten: --drop-parked */
    MR_OFFSETS_UNKNOWN, /* what is parked cannot be read: --drop-parked */
    MR_OFFSETS_RULES,   /* rows of another slot map, key or identity lie above: --force */
    MR_OFFSETS_STRANGE, /* import: what is to be written is no commit of this configuration: --force */
    MR_OFFSETS_ROOM,    /* more than the broker's limit of metadata */
} mr_offsets_refusal;

/* What is wrong and what to do. */
const char *mr_offsets_refusal_text(mr_offsets_refusal refusal);

typedef struct mr_offsets_place {
    int64_t low, end; /* of the log */
    int64_t committed;
    const char *metadata;
    size_t len;
} mr_offsets_place;

typedef struct mr_offsets_allowed {
    bool drop_parked, force;
} mr_offsets_allowed;

typedef struct mr_offsets_change {
    mr_offsets_refusal refusal;
    bool same;         /* it is so already */
    bool made_dirty;   /* import: the text said clean, and that is not known to be true any more */
    int64_t from, to;  /* offsets; from negative: there is none */
    int64_t again;     /* offsets that are read once more */
    int64_t skipped;   /* offsets that are not read at all, but for parked ranges that are kept */
    int64_t forgotten; /* parked offsets below `to` that nobody remembers then: an upper bound */
    uint32_t kept;     /* entries of the new commit */
    uint32_t dropped;  /* entries of the present one that cover something forgotten */
    uint32_t reread;   /* ... that are not needed, because the partition is read again from below them */
    size_t len;
    char metadata[MR_METADATA_MAX + 1];
} mr_offsets_change;

/* Sets a partition to `to` in the name of the rules of `fingerprint`, with the parked ranges that begin below it. */
void mr_offsets_reset(const mr_offsets_place *place, int64_t to, uint64_t fingerprint,
                      mr_offsets_allowed allowed, mr_offsets_change *change);
/* Sets it to what was exported. */
void mr_offsets_import(const mr_offsets_place *place, int64_t to, const char *metadata, size_t len,
                       uint64_t fingerprint, mr_offsets_allowed allowed, mr_offsets_change *change);

/* ---- the command line ---- */

typedef enum mr_offsets_to_kind {
    MR_OFFSETS_TO_EARLIEST,
    MR_OFFSETS_TO_LATEST,
    MR_OFFSETS_TO_TIME,
    MR_OFFSETS_TO_OFFSET
} mr_offsets_to_kind;

typedef struct mr_offsets_to {
    mr_offsets_to_kind kind;
    int64_t value; /* milliseconds since 1970, or the offset */
} mr_offsets_to;

/* earliest, latest, digits or ISO 8601 with Z or +hh:mm; false: none of these. */
bool mr_offsets_to_parse(const char *text, mr_offsets_to *to);

#endif
