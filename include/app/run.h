/* run.h: `millrace run`, the worker from start to end.
 *
 * Main's thread, which becomes the worker's: it blocks SIGTERM, SIGINT and SIGHUP before any other thread is there and alone takes them, turns
 * (turn.h), and puts everything to an end.  Time: for ever; asked to stop, shutdown.grace_s and a few seconds; asked again, at once.
 * Memory: one arena, frozen before the first event.  An error is printed to stderr, once, and is the status; where only exiting is safe it
 * does not return.
 */
#ifndef MR_APP_RUN_H
#define MR_APP_RUN_H

#include "base/status.h"
#include "stages/config.h"

/* Runs until SIGTERM or SIGINT (MR_OK after a drain in time, else MR_AGAIN) or until something is wrong that waiting does not mend.
 * config_file is looked at again on SIGHUP. */
mr_status mr_run(const mr_config *config, const char *config_file) MR_CHECKED;

#endif
