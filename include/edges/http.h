/* http.h: /metrics on one port, probes on another; the only module that sees microhttpd.h.
 *
 * Two daemons, each with a thread of its own, so that no scraper can starve a probe; connections are few, have a
 * total age and give up early.  Everything only reads.  Rendering uses a buffer that is preallocated and grown only by the daemon's own thread.
 */
#ifndef MR_EDGES_HTTP_H
#define MR_EDGES_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "stages/config.h"
#include "stages/metrics.h"

/* One check behind a probe: its name, whether it is well, and a word on it. Called on the HTTP thread: must not block. */
typedef struct mr_probe_check {
    const char *name;
    bool (*well)(const void *context, mr_buf *why);
    const void *context;
} mr_probe_check;

typedef struct mr_probes {
    const mr_probe_check *live, *ready, *started;
    size_t live_count, ready_count, started_count;
} mr_probes;

typedef struct mr_http mr_http;

mr_status mr_http_start(const mr_config *config, mr_metrics *metrics, const mr_probes *probes, mr_arena *arena,
                        mr_http **http, mr_error *error) MR_CHECKED;
uint16_t mr_http_port(const mr_http *http);       /* bound port of http.listen (useful with port 0) */
uint16_t mr_http_probe_port(const mr_http *http);
void mr_http_stop(mr_http *http);

#endif
