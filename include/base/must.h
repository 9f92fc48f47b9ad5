/* must.h: assertions that stay on in release builds.
 *
 * must() is for defects of this program only; what the outside can cause is a status.  A broken must() prints place, thread and errno to
 * stderr and aborts: commits are conservative, so dying is safe and going on is not.
 * Any thread, whatever it holds: no heap, no lock; a stderr that takes nothing is waited for no longer than a second.
 */
#ifndef MR_BASE_MUST_H
#define MR_BASE_MUST_H

#define must(condition) ((condition) ? (void)0 : mr_must_failed(#condition, __FILE__, __LINE__))

_Noreturn void mr_must_failed(const char *condition, const char *file, int line);

#endif
