/* status_text.h: the document of /status as a person reads it: shards, the partitions that wait, totals.
 *
 * The document comes over the network: what is missing or of another type is shown as unknown, and control characters never
 * reach the terminal.  Lines end with \n and may be long.  Uses the heap (jansson); commands only.
 */
#ifndef MR_APP_STATUS_TEXT_H
#define MR_APP_STATUS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

bool mr_status_text_is_one(const json_t *document); /* it looks like a worker's */
void mr_status_text(const json_t *document, FILE *out);

#endif
