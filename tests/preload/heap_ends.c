/* Lets a program's own code take heap memory $HEAP_TAKES times and gives it none from then on, as a limit of memory would.  For LD_PRELOAD.
 *
 * What libraries take for themselves is not counted and always had. */
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static uintptr_t text_from, text_to; /* of the program */
static _Atomic long left = -1;

static int find_program(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            text_from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            text_to = text_from + info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first object is the program */
}

__attribute__((constructor)) static void begin(void)
{
    const char *takes = getenv("HEAP_TAKES");
    dl_iterate_phdr(find_program, NULL);
    if (takes)
        atomic_store(&left, atol(takes));
}

static bool ended(const void *caller)
{
    if ((uintptr_t)caller < text_from || (uintptr_t)caller >= text_to || atomic_load(&left) < 0)
        return false;
    if (atomic_load(&left) > 0) {
        atomic_fetch_sub(&left, 1);
        return false;
    }
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
