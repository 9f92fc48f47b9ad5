/* record_text.h: a record as the text of a JSON object, {column: value} without the KSUID: what `millrace decode` shows as `row`, and what a dead letter
 * carries whose original has gone from the log.
 *
 * 64-bit integers and decimals are strings of digits, binary is base64, times are ISO 8601, a json column is a string that holds its text as it
 * stands (so that no reader rounds a number in it); NULL is null.  Columns come in the stream's order.
 * Pure, no heap.  Time: linear in the record.  What does not fit into `out` is said by its `full`.
 */
#ifndef MR_STAGES_RECORD_TEXT_H
#define MR_STAGES_RECORD_TEXT_H

#include "base/buf.h"
#include "data/record.h"
#include "stages/config.h"
#include <stddef.h>

/* Bytes that hold the text of any record of the stream, the closing zero included. */
size_t mr_record_text_max(const mr_stream *stream, const mr_layout *layout);

/* Appends the text.  The record's strings are UTF-8 and its doubles finite, as decoding leaves them. */
void mr_record_text(const mr_stream *stream, const mr_layout *layout, unsigned char *record, mr_buf *out);

#endif
