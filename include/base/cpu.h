/* cpu.h: what this processor can do beyond its architecture's baseline.
 *
 * Asked at start, when something chooses among its versions of a loop; the choice is kept as a function pointer.  In a file of its own, so that
 * a program that has to run the same instructions everywhere (tests/bench/guard.c) can put its answer in place of it.  Any thread.
 */
#ifndef MR_BASE_CPU_H
#define MR_BASE_CPU_H

#include <stdbool.h>

/* Always false elsewhere than on x86-64. */
bool mr_cpu_avx2(void);
bool mr_cpu_vbmi(void); /* AVX-512 with VBMI and VBMI2, which move single bytes (Ice Lake, Zen 4) */

#endif
