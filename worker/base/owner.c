#include "base/owner.h"

#include <pthread.h>

#include "base/must.h"

/* Relaxed: nothing is handed over by it. */
void mr_owner_check(mr_owner *owner)
{
    uintptr_t me = (uintptr_t)pthread_self(), has = 0;
    must(atomic_compare_exchange_strong_explicit(&owner->thread, &has, me, memory_order_relaxed,
                                                 memory_order_relaxed) ||
         has == me);
}
