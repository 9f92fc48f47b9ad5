/* drift.h: is the share of refused events so high that not the events but the table (or the producer) must be wrong?
 *
 * A column made narrower refuses nearly every row; without this guard it would drain a topic into the dead letters.  Asked
 * before anything of a batch is released, told afterwards what was:
 *
 *     verdicts released so far     the batch that is asked about
 *     ... o o o o x o o o | x x o o o        more than `percent` of the last MR_DRIFT_WINDOW together: too much
 *         '-- as many as still fit into the window
 *
 * Few verdicts say little, so a share is taken of MR_DRIFT_LEAST at least, unless drift is suspected; a batch that fills the window speaks for itself.
 * Pure, one thread, no memory but the struct; a call takes at most MR_DRIFT_WINDOW small steps.
 */
#ifndef MR_STAGES_DRIFT_H
#define MR_STAGES_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

#define MR_DRIFT_LEAST  20u  /* verdicts that a share is taken of, at least */
#define MR_DRIFT_WINDOW 100u /* verdicts that are remembered */

typedef struct mr_drift {
    uint32_t percent;
    bool suspected;      /* until the next verdicts are released */
    uint32_t remembered; /* verdicts, at most MR_DRIFT_WINDOW */
    uint64_t refused
        [2]; /* a bit a verdict, the latest is bit 0 of [0]; those beyond the window are not looked at */
} mr_drift;

/* 100: never too much. */
void mr_drift_init(mr_drift *drift, uint32_t percent);
/* A batch of `rows` of which `refused` were refused, not counted yet: would releasing them be too much?  Of the batch itself when it has
 * MR_DRIFT_WINDOW rows or more, else of the last verdicts together with it.  More than `percent` is too much. */
bool mr_drift_exceeds(const mr_drift *drift, uint32_t refused, uint32_t rows);
/* Verdicts that were released.  The refused ones lie evenly in their batch, and one that is larger than the window is remembered by
 * its share (rounded up): at the end of a batch they would stay alone in the window, and a few rows of the next batch would be too much. */
void mr_drift_count(mr_drift *drift, uint32_t refused, uint32_t rows);
/* Begins anew, after a mend. */
void mr_drift_forget(mr_drift *drift);
/* Begins anew where it was too much, and nobody knows whether it is mended: the first verdicts speak for themselves, however few they are. */
void mr_drift_suspect(mr_drift *drift);

#endif
