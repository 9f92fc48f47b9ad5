/* Each allocation is a mapping or a piece of a block of its own: pages that nobody touches cost no memory. */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/heap.h"
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

static _Noreturn void out_of_memory(size_t bytes)
{
    fprintf(
        stderr,
        "millrace: out of memory at start, %zu bytes more were wanted: lower memory.pool_mib or raise the "
        "memory limit\n",
        bytes);
    exit(MR_UNAVAILABLE);
}

mr_arena *mr_arena_new(void)
{
    return mr_heap_take(1, sizeof(mr_arena));
}

void mr_arena_free(mr_arena *arena)
{
    if (!arena)
        return;
    for (block *at = arena->blocks, *next; at; at = next) {
        next = at->next;
        munmap(at, at->size);
    }
    free(arena);
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

static block *map_block(mr_arena *arena, size_t bytes)
{
    size_t size = bytes + ALIGNMENT > BLOCK_BYTES ? bytes + ALIGNMENT : BLOCK_BYTES;
    block *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        out_of_memory(bytes);
    *made = (block){.next = arena->blocks, .size = size, .used = ALIGNMENT};
    arena->blocks = made;
    return made;
}

void *mr_arena_take(mr_arena *arena, const char *part, size_t count, size_t size)
{
    must(!arena->frozen);
    must(size == 0 || count <= (SIZE_MAX >> 1) / size);
    size_t bytes = (count * size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    account(arena, part, bytes);
    block *at = arena->blocks;
    if (!at || at->size - at->used < bytes)
        at = map_block(arena, bytes);
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
