/* Lets a program's own code take heap memory $HEAP_TAKES times and gives it none from then on, as a limit of memory would; or gives it none while the
 * file $HEAP_ENDED is there.  For LD_PRELOAD.
 *
 * What libraries take for themselves is not counted and always had. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static _Atomic long left = -1;
static const char *ended_while;

__attribute__((constructor)) static void begin(void)
{
    const char *takes = getenv("HEAP_TAKES");
    find_program();
    ended_while = getenv("HEAP_ENDED");
    if (takes)
        atomic_store(&left, atol(takes));
}

static bool ended(const void *caller)
{
    if (!is_program(caller))
        return false;
    if (atomic_load(&left) > 0) {
        atomic_fetch_sub(&left, 1);
        return false;
    }
    if (atomic_load(&left) < 0 && (!ended_while || access(ended_while, F_OK)))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return ended(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return ended(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return ended(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
