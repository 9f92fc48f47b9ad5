/* page.h: what the worker is doing, as a page for people: the board (board.h) as HTML.
 *
 * The page is worker/stages/page/page.html with {{slots}}, its style and its script within it; it needs nothing from outside,
 * and all that comes from outside is escaped.  mr_page_policy, to be sent as its Content-Security-Policy, allows exactly that
 * style and that script, by their hashes.  Everything that the page shows is rendered here, plots included, so that it is the
 * same without JavaScript; the script only asks for the page again.
 * Any thread, with the board's lock held for the time of one rendering; no heap.  At most MR_PAGE_PARTITIONS partitions are
 * listed, those in trouble first.
 */
#ifndef MR_STAGES_PAGE_H
#define MR_STAGES_PAGE_H

#include "base/buf.h"
#include "stages/board.h"
#include "stages/metrics.h"
#include <stdbool.h>
#include <stdint.h>

#define MR_PAGE_PARTITIONS 200u

typedef struct mr_page_moment {
    uint64_t now_ms; /* monotonic */
    int64_t wall_ms;
    int64_t resident_bytes; /* of the process; negative: unknown */
} mr_page_moment;

extern const char mr_page_policy[];

/* False when `out` was too small (then ask with a larger one). */
bool mr_page_render(mr_board *board, const mr_metrics *metrics, const mr_page_moment *moment, mr_buf *out);

#endif
