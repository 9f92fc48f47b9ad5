/* bisect.h: finds the rows of a range that a database refuses, by halves.
 *
 * The left half first, so rows are judged in ascending order:
 *
 *     refused [0, 8) -> [0, 4) taken   -> so [4, 8) holds a bad row and is split untried -> [4, 6) ...
 *                    -> [0, 4) refused -> [0, 2) ... and nothing is known of [4, 8): it is tried when its turn comes
 *
 * A single row is always tried alone: no row is called bad by inference, whatever the database changed its mind about meanwhile.
 * Every row ends in exactly one range that was taken, or is named refused once.  What a refusal means is the caller's affair; so is
 * what was taken: a row that collides with an earlier one of the range is found as long as the earlier one stays in the transaction.
 * With k bad rows of n >= 2: at most 2 * k * ceil(log2 n) statements, and never more than 2n - 2 (all of them bad).
 * Pure, one thread; the struct is all the memory.
 */
#ifndef MR_STAGES_BISECT_H
#define MR_STAGES_BISECT_H

#include <stdbool.h>
#include <stdint.h>

#define MR_BISECT_DEPTH    20u /* ranges that wait at once: one a halving */
#define MR_BISECT_ROWS_MAX (1u << MR_BISECT_DEPTH)

typedef struct mr_bisect_range {
    uint32_t from, to;
    bool bad;     /* it holds a bad row: split without trying it */
    bool sibling; /* its left half is being tried: if that one is taken, this one is bad */
} mr_bisect_range;

typedef struct mr_bisect {
    mr_bisect_range waiting[MR_BISECT_DEPTH]; /* a stack, the leftmost on top */
    uint32_t count;
    uint32_t statements; /* tried since begin */
    uint32_t from, to;   /* given out, not judged yet; from == to: nothing is */
} mr_bisect;

/* Rows [from, to) were refused together; 1 to MR_BISECT_ROWS_MAX of them. */
void mr_bisect_begin(mr_bisect *bisect, uint32_t from, uint32_t to);
/* What to write next; false: all is judged.  What it gives out is judged by one of the two below before it is asked again. */
bool mr_bisect_next(mr_bisect *bisect, uint32_t *from, uint32_t *to);
/* The last one given out was written. */
void mr_bisect_took(mr_bisect *bisect);
/* It was refused; true: it was a single row, this one. */
bool mr_bisect_refused(mr_bisect *bisect, uint32_t *row);

#endif
