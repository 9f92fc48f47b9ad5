/* cmd_status_private.h: what the files of the status command share.  Commands only, main's thread. */
#ifndef MR_APP_CMD_STATUS_PRIVATE_H
#define MR_APP_CMD_STATUS_PRIVATE_H

#include "base/status.h"
#include <jansson.h>

/* The document of a worker's /status, the caller's to free; NULL with an error. */
mr_status mr_status_fetch(const char *url, unsigned timeout_ms, json_t **document,
                          mr_error *error) MR_CHECKED;
/* Asks again and again, until it is interrupted: on a terminal a screen, elsewhere lines. */
mr_status mr_status_watch(const char *url);

#endif
