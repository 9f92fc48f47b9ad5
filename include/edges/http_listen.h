/* http_listen.h: a listening socket from an address as people write it.
 *
 *     [::]:7780   every address, IPv6 and IPv4; where the machine has no IPv6 the same as 0.0.0.0:7780
 *     :7780       the same
 *     0.0.0.0:7780, 127.0.0.1:0, [::1]:7780, localhost:7780      port 0: any free one
 *
 * Called at start.  `key` is the configuration's, for the error.
 */
#ifndef MR_EDGES_HTTP_LISTEN_H
#define MR_EDGES_HTTP_LISTEN_H

#include "base/status.h"
#include <stdint.h>

/* *fd: listening, non-blocking, closed on exec; *port: the one that it got. */
mr_status mr_http_listen(const char *key, const char *address, int *fd, uint16_t *port,
                         mr_error *error) MR_CHECKED;

#endif
