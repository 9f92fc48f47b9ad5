/* json_paths.h: the trie of wanted paths, as json.c walks it, and the table of escapes. */
#ifndef MR_STAGES_JSON_PATHS_H
#define MR_STAGES_JSON_PATHS_H

#include "base/text.h"
#include "base/utf8.h"
#include "stages/json.h"
#include "stages/marks.h"

#define MR_NODE_NONE UINT32_MAX
#define MR_STEP_MAX  3072 /* six times the longest step, which the configuration bounds at 512 bytes */

struct mr_node;

/* What names are compared by: length, first and last eight bytes; names of up to 16 bytes are the same when these are. */
typedef struct mr_name {
    uint64_t head, tail; /* a shorter name than eight bytes is all head */
    uint32_t len;
    const struct mr_node *child; /* that it leads to; NULL: an empty place of the table */
} mr_name;

typedef struct mr_node {
    const char *name;
    size_t name_len;
    uint32_t index; /* the step as an array index; MR_NODE_NONE when it is none */
    uint32_t first_child, next;
    uint32_t number; /* of the path that ends here; MR_NODE_NONE */
    uint32_t own;    /* its span */
    uint32_t below_from,
        below_to; /* spans of the paths that go on from here: contiguous, for spans are numbered depth first */
    mr_name *table;   /* its children by name, open addressing, at least half empty */
    uint32_t mask;    /* places of the table - 1 */
    bool indexed;     /* a child is an array index */
    uint64_t lengths; /* bit n: a child's name has n bytes, modulo 64 */
} mr_node;

struct mr_paths {
    mr_node *node; /* [0] is the root */
    mr_name *names;
    uint32_t nodes, nodes_max;
    uint32_t count, paths_max;
    uint32_t *span_of; /* path number to span */
    mr_marks_fn *mark; /* this processor's version */
    mr_escapes_fn *escapes;
    mr_utf8_fn *utf8;
    mr_list_fn *list;
    mr_marks_listed_fn *mark_listed;
};

/* What a backslash and this letter stand for; 0: nothing (json_escape.c). */
extern const char mr_json_means[256];

static inline uint64_t mr_length_bit(size_t len)
{
    return UINT64_C(1) << len % 64;
}

/* The bytes of a name shorter than eight. */
uint64_t mr_name_short(const char *name, size_t len);

/* readable: bytes that may be read at `name`. */
static inline uint64_t mr_name_head(const char *name, size_t len, size_t readable)
{
    if (len >= 8)
        return mr_load64(name);
    return readable < 8 ? mr_name_short(name, len) : mr_load64(name) & ((UINT64_C(1) << 8 * len) - 1);
}

static inline uint64_t mr_name_tail(const char *name, size_t len)
{
    return len < 8 ? 0 : mr_load64(name + len - 8);
}

/* Where the search for a name begins. */
static inline uint32_t mr_name_place(uint64_t head, uint64_t tail, size_t len)
{
    return (uint32_t)(((head ^ (tail << 29 | tail >> 35) ^ len) * UINT64_C(0x9E3779B97F4A7C15)) >> 40);
}

/* The child of that name, NULL when none is wanted.  readable: bytes that may be read at `name`. */
const mr_node *mr_child_find(const mr_node *node, const char *name, size_t len, size_t readable);
static inline const mr_node *mr_child_named(const mr_node *node, const char *name, size_t len,
                                            size_t readable)
{
    return node->lengths & mr_length_bit(len) ? mr_child_find(node, name, len, readable) : NULL;
}
const mr_node *mr_child_indexed(const mr_paths *paths, const mr_node *node, uint32_t index);

#endif
