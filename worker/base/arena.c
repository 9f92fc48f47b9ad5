/* Each allocation is a mapping or a piece of a block of its own: pages that nobody touches cost no memory. */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"
#include "base/status.h"

#define PARTS_MAX   32
#define BLOCK_BYTES (1u << 20)
#define ALIGNMENT   64u

typedef struct block {
    struct block *next;
    size_t size; /* of the mapping, this header included */
    size_t used;
} block;

struct mr_arena {
    block *blocks;
    bool frozen;
    size_t total, parts;
    struct {
        const char *name;
        size_t bytes;
    } part[PARTS_MAX];
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static block *map_block(block *next, size_t bytes)
{
    size_t size = bytes + ALIGNMENT > BLOCK_BYTES ? bytes + ALIGNMENT : BLOCK_BYTES;
    block *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) {
        fprintf(stderr,
                "millrace: out of memory at start, %zu bytes more were wanted: lower memory.pool_mib or "
                "raise the "
                "memory limit\n",
                bytes);
        exit(MR_UNAVAILABLE);
    }
    *made = (block){.next = next, .size = size, .used = ALIGNMENT};
    return made;
}

/* It lies in its own first block. */
mr_arena *mr_arena_new(void)
{
    block *first = map_block(NULL, sizeof(mr_arena));
    mr_arena *arena = (void *)((char *)first + first->used);
    first->used += aligned(sizeof *arena);
    arena->blocks = first;
    return arena;
}

void mr_arena_free(mr_arena *arena)
{
    for (block *at = arena ? arena->blocks : NULL, *next; at; at = next) {
        next = at->next;
        munmap(at, at->size);
    }
}

static void account(mr_arena *arena, const char *part, size_t bytes)
{
    size_t i = 0;
    while (i < arena->parts && strcmp(arena->part[i].name, part) != 0)
        i++;
    must(i < PARTS_MAX);
    if (i == arena->parts)
        arena->part[arena->parts++].name = part;
    arena->part[i].bytes += bytes;
    arena->total += bytes;
}

void *mr_arena_take(mr_arena *arena, const char *part, size_t count, size_t size)
{
    must(!arena->frozen);
    must(size == 0 || count <= (SIZE_MAX >> 1) / size);
    size_t bytes = aligned(count * size);
    account(arena, part, bytes);
    block *at = arena->blocks;
    if (at->size - at->used < bytes)
        at = arena->blocks = map_block(at, bytes);
    void *taken = (char *)at + at->used;
    at->used += bytes;
    return taken;
}

void mr_arena_freeze(mr_arena *arena)
{
    arena->frozen = true;
}

size_t mr_arena_total(const mr_arena *arena)
{
    return arena->total;
}

const char *mr_arena_part(const mr_arena *arena, size_t i, size_t *bytes)
{
    if (i >= arena->parts)
        return NULL;
    *bytes = arena->part[i].bytes;
    return arena->part[i].name;
}
