/* reason.h: why an event became a dead letter: a published list (alerts match on the names).
 *
 * One table: enum, name, text.  Add at the end of a group, never rename.
 */
#ifndef MR_STAGES_REASON_H
#define MR_STAGES_REASON_H

#include <stddef.h>
#include <stdint.h>

/*      symbol                 name                 what it says to a person */
#define MR_REASONS(X)                                                                                        \
    X(MR_REASON_NONE, "none", "nothing is wrong")                                                            \
    X(MR_REASON_TOMBSTONE, "tombstone", "the value is null")                                                 \
    X(MR_REASON_EMPTY, "empty", "the value is empty")                                                        \
    X(MR_REASON_JSON_SYNTAX, "json_syntax", "not JSON")                                                      \
    X(MR_REASON_JSON_UTF8, "json_utf8", "invalid UTF-8")                                                     \
    X(MR_REASON_JSON_ESCAPE, "json_escape", "invalid escape or lone surrogate in a string")                  \
    X(MR_REASON_JSON_DEPTH, "json_depth", "nested deeper than 512")                                          \
    X(MR_REASON_JSON_ROOT, "json_root", "the value is JSON but not an object")                               \
    X(MR_REASON_KEY_MISSING, "key_missing", "no key field is present")                                       \
    X(MR_REASON_KEY_TYPE, "key_type", "the key is neither a string nor an integer")                          \
    X(MR_REASON_REQUIRED, "required", "a required value is missing or null")                                 \
    X(MR_REASON_WRONG_TYPE, "wrong_type", "the value has another type than the column")                      \
    X(MR_REASON_OUT_OF_RANGE, "out_of_range", "the value is outside the column's range")                     \
    X(MR_REASON_TOO_LONG, "too_long", "the text is longer than the column takes")                            \
    X(MR_REASON_TOO_PRECISE, "too_precise", "more digits than the column keeps")                             \
    X(MR_REASON_BAD_FORMAT, "bad_format", "the text is not in the column's format")                          \
    X(MR_REASON_TOO_LARGE, "too_large", "the event is larger than a record can be")                          \
    X(MR_REASON_NO_ORIGIN, "no_origin", "sent back without a well-formed millrace.origin")                   \
    X(MR_REASON_UNIQUE, "unique_conflict", "another row has this value in a unique key")                     \
    X(MR_REASON_DB, "database", "the database refused the row")

typedef enum mr_reason {
#define X(symbol, name, text) symbol,
    MR_REASONS(X)
#undef X
        MR_REASON_COUNT
} mr_reason;

const char *mr_reason_name(mr_reason reason);
const char *mr_reason_text(mr_reason reason);

/* A refusal: the reason, where in the value, and for which column. */
typedef struct mr_refusal {
    mr_reason reason;
    size_t position;    /* byte offset in the message's value */
    const char *column; /* the column's name, "" when it is not about one */
} mr_refusal;

#endif
