/* json_paths.h: the trie of wanted paths, as json.c walks it. */
#ifndef MR_STAGES_JSON_PATHS_H
#define MR_STAGES_JSON_PATHS_H

#include "stages/json.h"

#define MR_NODE_NONE UINT32_MAX
#define MR_STEP_MAX  3072 /* six times the longest step, which the configuration bounds at 512 bytes */

typedef struct mr_node {
    const char *name;
    size_t name_len;
    uint32_t index; /* the step as an array index; MR_NODE_NONE when it is none */
    uint32_t first_child, next;
    uint32_t number; /* of the path that ends here; MR_NODE_NONE */
    uint32_t own;    /* its span */
    uint32_t below_from,
        below_to; /* spans of the paths that go on from here: contiguous, for spans are numbered depth first */
} mr_node;

struct mr_paths {
    mr_node *node; /* [0] is the root */
    uint32_t nodes, nodes_max;
    uint32_t count, paths_max;
    uint32_t *span_of; /* path number to span */
};

#endif
