/* clock.h: the two clocks.  Monotonic time drives everything that waits (so a jump of the wall clock does
 * nothing); wall time only labels logs and measures the age of events.  Any thread; no state. */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

#include <stdint.h>

uint64_t mr_clock_ns(void);     /* CLOCK_MONOTONIC, nanoseconds */
uint64_t mr_clock_ms(void);     /* CLOCK_MONOTONIC, milliseconds */
int64_t mr_clock_wall_ms(void); /* CLOCK_REALTIME, milliseconds since 1970 */

#endif
