/* owner.h: the thread that something belongs to, asserted where only that thread may call.
 *
 * The first thread that says mr_owner_here has it from then on; for any other it is a defect (must).  Whoever makes the thing for another thread does
 * not say it.  Debug builds alone look (MR_CHECK_OWNERS, as the presets asan and tsan are); elsewhere it costs its place in the struct and nothing more.
 * A race that a sanitizer reports has happened; this also finds the two threads that luck kept apart.
 *
 * Any thread; no time; zeroed memory is a thing that nobody has yet.
 */
#ifndef MR_BASE_OWNER_H
#define MR_BASE_OWNER_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct mr_owner {
    _Atomic uintptr_t thread; /* 0: nobody has it yet */
} mr_owner;

void mr_owner_check(mr_owner *owner);

static inline void mr_owner_here(mr_owner *owner)
{
#ifdef MR_CHECK_OWNERS
    mr_owner_check(owner);
#else
    (void)owner;
#endif
}

#endif
