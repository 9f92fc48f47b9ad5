/* cmd_dlq_private.h: which dead letters a command means: its options, and what matches them.
 *
 * Shared by cmd_dlq*.c.  Commands only.
 */
#ifndef MR_APP_CMD_DLQ_PRIVATE_H
#define MR_APP_CMD_DLQ_PRIVATE_H

#include "app/command.h"
#include "base/arena.h"
#include "edges/kafka_letters.h"
#include "stages/topics.h"

typedef struct mr_dlq_filter {
    const mr_config *config;
    mr_arena *arena;
    mr_topics *topics;
    const char *reason, *stream; /* NULL: any */
    int64_t since_ms, until_ms;  /* since negative, until INT64_MAX: open */
    bool at;                     /* only these coordinates: */
    const char *topic;           /* NULL: any */
    size_t topic_len;
    int32_t partition;
    int64_t offset;
    uint64_t limit; /* 0: none */
    uint64_t found;
} mr_dlq_filter;

/* Reads the command's options.  Complains and returns MR_USAGE when one makes no sense; the filter may be freed then as well. */
mr_status mr_dlq_filter_new(const mr_call *call, const mr_config *config, mr_dlq_filter *filter);
void mr_dlq_filter_free(mr_dlq_filter *filter);
/* "[TOPIC:]P:O". */
mr_status mr_dlq_filter_at(mr_dlq_filter *filter, const char *text);
/* Whether it is meant; counts it. */
bool mr_dlq_filter_takes(mr_dlq_filter *filter, const mr_dead_letter *letter);
bool mr_dlq_filter_full(const mr_dlq_filter *filter);
/* The name of the stream that takes the letter's source; NULL when none does now. */
const char *mr_dlq_stream(const mr_dlq_filter *filter, const mr_dead_letter *letter);

#endif
