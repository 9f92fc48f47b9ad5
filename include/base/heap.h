/* heap.h: heap memory of commands, and of reading a configuration: what cannot be had ends the program, with words and MR_UNAVAILABLE, as it does in an
 * arena.
 *
 * For one thread that may end the process: not within a running worker.  What is taken, free gives back.
 */
#ifndef MR_BASE_HEAP_H
#define MR_BASE_HEAP_H

#include <stddef.h>

void *mr_heap_take(size_t count, size_t size); /* zeroed */
/* `memory` made larger (NULL: new, and not zeroed); its contents stay. */
void *mr_heap_grow(void *memory, size_t bytes);

#endif
