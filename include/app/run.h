/* run.h: `millrace run`, the worker from start to end.  Main's thread: signals, the group, commits, gauges. */
#ifndef MR_APP_RUN_H
#define MR_APP_RUN_H

#include "base/status.h"
#include "stages/config.h"

/* Runs until SIGTERM or SIGINT (MR_OK after a drain in time, else MR_AGAIN) or until something is wrong that waiting does not mend.
 * config_file is looked at again on SIGHUP. */
mr_status mr_run(const mr_config *config, const char *config_file);

#endif
