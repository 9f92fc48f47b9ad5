/* http.h: /metrics, /status and the page for people on one port, probes on another; the only module that sees microhttpd.h.
 *
 * Two daemons, each with a thread of its own (all signals blocked), so that no scraper can starve a probe.  One request a
 * connection; 16 connections at once for pages and 64 for probes; one ends after 5 s without a byte and after 10 s whatever it
 * does (1 s from half of these numbers on), so that dripping or deaf clients starve nobody.  Everything only reads.
 * Rendering uses a buffer that is preallocated and grown only by the daemon's own thread, when partitions are many.
 */
#ifndef MR_EDGES_HTTP_H
#define MR_EDGES_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"
#include "stages/board.h"
#include "stages/config.h"
#include "stages/metrics.h"
#include <stdbool.h>
#include <stdint.h>

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

mr_status mr_http_start(const mr_config *config, mr_metrics *metrics, mr_board *board,
                        const mr_probes *probes, mr_arena *arena, mr_http **http, mr_error *error) MR_CHECKED;
/* The bound port of http.listen (useful with port 0); 0: the address is empty, nothing is served. */
uint16_t mr_http_port(const mr_http *http);
uint16_t mr_http_probe_port(const mr_http *http);
void mr_http_stop(mr_http *http);

#endif
