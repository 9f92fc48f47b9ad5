#include "base/heap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

static void *had(void *memory, size_t bytes)
{
    if (memory)
        return memory;
    fprintf(stderr, "millrace: out of memory, %zu bytes more were wanted: raise the memory limit\n", bytes);
    exit(MR_UNAVAILABLE);
}

void *mr_heap_take(size_t count, size_t size)
{
    return had(calloc(count ? count : 1, size), count * size);
}

void *mr_heap_grow(void *memory, size_t bytes)
{
    return had(realloc(memory, bytes ? bytes : 1), bytes);
}
