#include "json_paths.h"

#include <string.h>

#include "base/must.h"

mr_paths *mr_paths_new(mr_arena *arena, size_t paths_max, size_t steps_max)
{
    mr_paths *paths = mr_arena_take(arena, "decoders", 1, sizeof *paths);
    paths->nodes_max = (uint32_t)steps_max + 1;
    paths->paths_max = (uint32_t)paths_max;
    paths->node = mr_arena_take(arena, "decoders", paths->nodes_max, sizeof *paths->node);
    paths->span_of = mr_arena_take(arena, "decoders", paths_max ? paths_max : 1, sizeof *paths->span_of);
    paths->names = mr_arena_take(arena, "decoders", 4 * (size_t)paths->nodes_max, sizeof *paths->names);
    paths->mark = mr_marks_choose();
    paths->escapes = mr_escapes_choose();
    paths->utf8 = mr_utf8_choose();
    paths->list = mr_list_choose();
    paths->mark_listed = mr_marks_listed_choose();
    paths->nodes = 1;
    paths->node[0] = (mr_node){.name = "",
                               .index = MR_NODE_NONE,
                               .first_child = MR_NODE_NONE,
                               .next = MR_NODE_NONE,
                               .number = MR_NODE_NONE};
    return paths;
}

uint64_t mr_name_short(const char *name, size_t len)
{
    char copy[8] = {0};
    memcpy(copy, name, len);
    return mr_load64(copy);
}

/* "0", "17": an index without sign or leading zeros. */
static uint32_t index_of(const char *step)
{
    size_t len = strlen(step);
    uint32_t value = 0;
    if (len == 0 || len > 9 || (step[0] == '0' && len > 1))
        return MR_NODE_NONE;
    for (size_t i = 0; i < len; i++) {
        if (step[i] < '0' || step[i] > '9')
            return MR_NODE_NONE;
        value = value * 10 + (uint32_t)(step[i] - '0');
    }
    return value;
}

uint32_t mr_paths_add(mr_paths *paths, const char *const *step, size_t steps)
{
    uint32_t at = 0;
    for (size_t i = 0; i < steps; i++) {
        uint32_t child = paths->node[at].first_child;
        while (child != MR_NODE_NONE && strcmp(paths->node[child].name, step[i]) != 0)
            child = paths->node[child].next;
        if (child == MR_NODE_NONE) {
            must(paths->nodes < paths->nodes_max);
            child = paths->nodes++;
            paths->node[child] = (mr_node){.name = step[i],
                                           .name_len = strlen(step[i]),
                                           .index = index_of(step[i]),
                                           .first_child = MR_NODE_NONE,
                                           .next = paths->node[at].first_child,
                                           .number = MR_NODE_NONE};
            paths->node[at].first_child = child;
        }
        at = child;
    }
    if (paths->node[at].number == MR_NODE_NONE) {
        must(paths->count < paths->paths_max);
        paths->node[at].number = paths->count++;
    }
    return paths->node[at].number;
}

/* Depth first; returns the next free span.  The depth is that of a configured path. */
static uint32_t number_spans(mr_paths *paths, mr_node *node, uint32_t next)
{
    node->own = MR_NODE_NONE;
    if (node->number != MR_NODE_NONE) {
        node->own = next;
        paths->span_of[node->number] = next++;
    }
    node->below_from = next;
    for (uint32_t i = node->first_child; i != MR_NODE_NONE; i = paths->node[i].next)
        next = number_spans(paths, &paths->node[i], next);
    node->below_to = next;
    return next;
}

/* Its children by name, at `names`; returns how many places that took, less than four times the children. */
static uint32_t build_table(const mr_paths *paths, mr_node *node, mr_name *names)
{
    uint32_t children = 0, places = 1;
    for (uint32_t i = node->first_child; i != MR_NODE_NONE; i = paths->node[i].next)
        children++;
    if (children == 0)
        return 0;
    while (places < 2 * children)
        places *= 2;
    node->table = names;
    node->mask = places - 1;
    for (uint32_t i = 0; i < places; i++)
        names[i] = (mr_name){.len = UINT32_MAX};
    for (uint32_t i = node->first_child; i != MR_NODE_NONE; i = paths->node[i].next) {
        const mr_node *child = &paths->node[i];
        mr_name name = {.head = mr_name_head(child->name, child->name_len, child->name_len + 1),
                        .tail = mr_name_tail(child->name, child->name_len),
                        .len = (uint32_t)child->name_len,
                        .child = child};
        uint32_t at = mr_name_place(name.head, name.tail, name.len) & node->mask;
        while (names[at].child)
            at = (at + 1) & node->mask;
        names[at] = name;
        node->lengths |= mr_length_bit(child->name_len);
        node->indexed |= child->index != MR_NODE_NONE;
    }
    return places;
}

void mr_paths_seal(mr_paths *paths)
{
    uint32_t taken = 0;
    must(number_spans(paths, &paths->node[0], 0) == paths->count);
    for (uint32_t i = 0; i < paths->nodes; i++)
        taken += build_table(paths, &paths->node[i], paths->names + taken);
    must(taken <= 4 * paths->nodes_max);
}

const mr_span *mr_paths_span(const mr_paths *paths, const mr_span *spans, uint32_t number)
{
    must(number < paths->count);
    return &spans[paths->span_of[number]];
}

static const mr_node *child_long(const mr_node *node, const char *name, size_t len)
{
    for (const mr_name *entry = node->table; entry <= node->table + node->mask; entry++)
        if (entry->len == len && !memcmp(entry->child->name, name, len))
            return entry->child;
    return NULL;
}

const mr_node *mr_child_find(const mr_node *node, const char *name, size_t len, size_t readable)
{
    uint64_t head = mr_name_head(name, len, readable), tail = mr_name_tail(name, len);
    for (uint32_t i = mr_name_place(head, tail, len);; i++) {
        const mr_name *entry = &node->table[i & node->mask];
        if (entry->head == head && entry->tail == tail && entry->len == len)
            return len <= 16 ? entry->child : child_long(node, name, len);
        if (!entry->child)
            return NULL;
    }
}

const mr_node *mr_child_indexed(const mr_paths *paths, const mr_node *node, uint32_t index)
{
    for (uint32_t i = node->first_child; i != MR_NODE_NONE; i = paths->node[i].next)
        if (paths->node[i].index == index)
            return &paths->node[i];
    return NULL;
}
