/* status.h: how an operation ended, and the one text that explains a failure.
 *
 * A status is a process exit status (sysexits.h), so a command returns what its deepest call returned.
 * An mr_error is filled where the failure is seen; callers prepend context on the way up; it is shown once,
 * at the top.  Neither ever holds a secret or row data.  Plain values: no thread, no heap.
 */
#ifndef MR_BASE_STATUS_H
#define MR_BASE_STATUS_H

#define MR_CHECKED                __attribute__((warn_unused_result))
#define MR_PRINTF(text_at, first) __attribute__((format(printf, text_at, first)))

typedef enum mr_status {
    MR_OK = 0,
    MR_USAGE = 64,       /* the command line is wrong */
    MR_DATA = 65,        /* the data is wrong */
    MR_UNAVAILABLE = 69, /* a needed service does not answer */
    MR_BUG = 70,         /* a defect of this program */
    MR_AGAIN = 75,       /* try again: drain timed out, thread stuck, instance fenced */
    MR_DENIED = 77,      /* permission or login */
    MR_CONFIG = 78,      /* the configuration is wrong */
} mr_status;

/* The more telling of two: 78 before 77 before 69 before the others, anything before MR_OK. */
mr_status mr_status_worse(mr_status a, mr_status b);

typedef struct mr_error {
    char text[768]; /* "what is wrong: what to do"; zero-terminated, cut at a character when too long */
} mr_error;

/* Sets the text and returns `status`, so that `return mr_fail(e, MR_CONFIG, "...")` reads well. */
mr_status mr_fail(mr_error *error, mr_status status, const char *format, ...) MR_PRINTF(3, 4);
/* Puts "context: " before the text that is there. */
void mr_error_context(mr_error *error, const char *format, ...) MR_PRINTF(2, 3);

#endif
