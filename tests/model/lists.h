/* lists.h: for tests that take both ways by which guesses are followed (worker/stages/json_guessed.c), by marks and by their list.
 *
 * The program takes the list only where it is made quickly; what is here is whether the processor runs that way at all.  Any thread.
 */
#ifndef MR_TESTS_LISTS_H
#define MR_TESTS_LISTS_H

#include "worker/stages/json_guess.h"

/* One way and the other, from turn to turn. */
static inline void lists_turn(mr_guesses *guesses)
{
    static uint32_t turn;
    bool can = true;
#if defined(__x86_64__)
    can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
#endif
    guesses->list_from = can && turn++ % 2 ? 0 : UINT32_MAX;
}

#endif
