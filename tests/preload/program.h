/* program.h: where the code of the program is that a library of this folder was loaded into, to tell its calls from other libraries'. */
#ifndef MR_TESTS_PROGRAM_H
#define MR_TESTS_PROGRAM_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

static uintptr_t text_from, text_to;

static int look_at(struct dl_phdr_info *info, size_t size, void *context)
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

static inline void find_program(void)
{
    dl_iterate_phdr(look_at, NULL);
}

static inline bool is_program(const void *caller)
{
    return (uintptr_t)caller >= text_from && (uintptr_t)caller < text_to;
}

#endif
