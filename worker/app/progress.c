#include "app/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define PAINT_MS 200   /* on a terminal */
#define SAY_MS   10000 /* elsewhere */
#define LATER_MS 2000  /* the first time elsewhere */

void mr_progress_line(mr_buf *out, const char *what, uint64_t done, uint64_t all, uint64_t elapsed_ms,
                      const char *more)
{
    mr_buf_count(out, (long long)done);
    if (all > 0) {
        mr_buf_text(out, " of ");
        mr_buf_count(out, (long long)all);
    }
    mr_buf_printf(out, " %s", what);
    uint64_t rate = elapsed_ms >= 1000 ? done * 1000 / elapsed_ms : 0;
    if (rate > 0) {
        mr_buf_text(out, ", ");
        mr_buf_count(out, (long long)rate);
        mr_buf_text(out, "/s");
    }
    if (elapsed_ms >= 1000 && done > 0 && all > done) {
        mr_buf_text(out, ", ");
        mr_buf_duration(out,
                        (long long)((double)(all - done) * (double)elapsed_ms / (double)done / 1000 + 0.5));
        mr_buf_text(out, " left");
    }
    mr_buf_printf(out, "%s%s", *more ? ", " : "", more);
}

mr_progress mr_progress_begin(const char *what)
{
    return (mr_progress){.what = what, .terminal = isatty(STDERR_FILENO), .began_ms = mr_clock_ms()};
}

void mr_progress_tell(mr_progress *progress, uint64_t done, uint64_t all, const char *more)
{
    uint64_t now = mr_clock_ms();
    uint64_t next = progress->told_ms + (progress->terminal ? PAINT_MS : SAY_MS);
    if (progress->told_ms == 0)
        next = progress->began_ms + (progress->terminal ? 0 : LATER_MS);
    if (now < next)
        return;
    char line[256];
    mr_buf buf = mr_buf_over(line, sizeof line);
    mr_progress_line(&buf, progress->what, done, all, now - progress->began_ms, more);
    fprintf(stderr, progress->terminal ? "\r%s\033[K" : "%s\n", line);
    fflush(stderr);
    progress->told_ms = now;
}

void mr_progress_end(mr_progress *progress)
{
    if (progress->terminal && progress->told_ms > 0)
        fputs("\r\033[K", stderr);
    progress->told_ms = 0;
}
