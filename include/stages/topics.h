/* topics.h: which stream takes a topic: exact names before patterns (a leading ^: POSIX extended regular expressions).
 *
 * Built at start; then read-only, by any thread.  The compiled patterns are on the heap (regcomp's): mr_topics_free.
 */
#ifndef MR_STAGES_TOPICS_H
#define MR_STAGES_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "stages/config.h"

#define MR_TOPIC_MAX 250 /* bytes of a topic's name, the terminating zero included: Kafka's limit is 249 */

typedef struct mr_topics mr_topics;

mr_topics *mr_topics_new(const mr_config *config, mr_arena *arena);
/* False when no stream takes it. */
bool mr_topics_stream(const mr_topics *topics, const char *topic, uint32_t *stream);
/* Whether the workers' subscription takes it: some stream does, and a pattern never takes a dead-letter topic. */
bool mr_topics_is_source(const mr_topics *topics, const char *topic);
/* The topic to which dead letters are sent back (dlq.replay_topic): of all streams. */
bool mr_topics_is_replay(const mr_config *config, const char *topic);
void mr_topics_free(mr_topics *topics); /* accepts NULL */

#endif
