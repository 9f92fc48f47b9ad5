/* arena.h: all memory of the data path, taken once at start and then frozen.
 *
 * Every allocation names the part it belongs to; `millrace explain` and the start-up block print the parts
 * and their sum, which is exact because it is this account.  Memory is zeroed, aligned to 64 bytes and lives
 * until mr_arena_free.  Used by the starting thread only; after mr_arena_freeze an allocation is a bug (must).
 */
#ifndef MR_BASE_ARENA_H
#define MR_BASE_ARENA_H

#include <stddef.h>

typedef struct mr_arena mr_arena;

/* Neither this nor mr_arena_take ever returns NULL: a start without memory exits with a clear message (status 69). */
mr_arena *mr_arena_new(void);
void mr_arena_free(mr_arena *arena); /* accepts NULL */
/* count * size zeroed bytes; `part` is a string constant such as "pool". */
void *mr_arena_take(mr_arena *arena, const char *part, size_t count, size_t size);
void mr_arena_freeze(mr_arena *arena);
size_t mr_arena_total(const mr_arena *arena); /* bytes */
/* The i-th part in order of first use: its name and bytes; NULL past the last. */
const char *mr_arena_part(const mr_arena *arena, size_t i, size_t *bytes);

#endif
