/* wheel.h: the retry timer, Centrifuge's retry queue without its pointers.
 *
 *     bucket 0   1   2  ...  B-1          a bucket is one tick wide, and four bytes: where its next handle goes
 *            |   |                        chunk = { what its list goes on with, 63 handles } = 256 bytes
 *          chunk chunk -> chunk           chunks come from one preallocated array and are named by number
 *                ^ cursor
 *
 * A pending entry is a 32-bit handle in a chunk: 4.06 bytes and no pointer.  Entries beyond the horizon (one turn of the cursor) lie in
 * lists of their own, one for each tick, and move up, a list at once, when the cursor has passed their bucket.
 * Schedule and expire are O(1) per entry; memory is touched in sequence.  Time is passed in (milliseconds,
 * monotonic); one thread owns a wheel.  No allocation after mr_wheel_new; `capacity` handles always fit.
 * An entry is never given back before it is due, and at most one tick (plus the caller's delay) late.
 */
#ifndef MR_DATA_WHEEL_H
#define MR_DATA_WHEEL_H

#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_wheel mr_wheel;

/* buckets: a power of two; tick_ms: a bucket's width; capacity: entries pending at once; turns: no delay is longer than that many
 * turns (1: all within the horizon); now_ms: start. */
mr_wheel *mr_wheel_new(mr_arena *arena, const char *part, uint32_t buckets, uint32_t tick_ms,
                       uint32_t capacity, uint32_t turns, uint64_t now_ms);
/* handle is any 32-bit value; due_ms in the past means at the next tick. Must not exceed capacity and turns. */
void mr_wheel_schedule(mr_wheel *wheel, uint32_t handle, uint64_t due_ms);
/* Gives out up to `max` handles that are due at now_ms, in order of buckets; returns how many.  Call again while it
 * returns max. A now_ms before the last one is taken as the last one. */
uint32_t mr_wheel_expire(mr_wheel *wheel, uint64_t now_ms, uint32_t *handles, uint32_t max);
/* Takes out one that is pending, whenever it is due; false when there is none.  For giving up all of them: it looks at every bucket. */
bool mr_wheel_take(mr_wheel *wheel, uint32_t *handle);
uint32_t mr_wheel_pending(const mr_wheel *wheel);
/* Earliest time at which expire could give something out (a lower bound, at most one turn away); UINT64_MAX
 * when nothing is pending. */
uint64_t mr_wheel_next_ms(const mr_wheel *wheel);
/* The latest due_ms that mr_wheel_schedule takes now; it grows with what mr_wheel_expire has passed. */
uint64_t mr_wheel_latest_ms(const mr_wheel *wheel);
uint64_t mr_wheel_bytes(const mr_wheel *wheel); /* memory of the wheel, for the account per entry */
void mr_wheel_check(const mr_wheel *wheel);     /* asserts every invariant; for tests and the simulator */

#endif
