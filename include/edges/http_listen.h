/* http_listen.h: a listening socket from an address as people write it.
 *
 *     [::]:7780   every address, IPv6 and IPv4; where the machine has no IPv6 the same as 0.0.0.0:7780
 *     :7780       the same
 *     0.0.0.0:7780, 127.0.0.1:0, [::1]:7780, localhost:7780      port 0: any free one
 *
 * Listening is called at start; splitting at any time, by any thread.  `key` is the configuration's, for the error.
 */
#ifndef MR_EDGES_HTTP_LISTEN_H
#define MR_EDGES_HTTP_LISTEN_H

#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_http_place {
    char host[256]; /* without brackets */
    char port[8];
    bool any; /* every address of the machine, of either family */
} mr_http_place;

bool mr_http_split(const char *address, mr_http_place *to) MR_CHECKED; /* false: it is none */

/* *fd: listening, non-blocking, closed on exec; *port: the one that it got. */
mr_status mr_http_listen(const char *key, const char *address, int *fd, uint16_t *port,
                         mr_error *error) MR_CHECKED;

#endif
