#include "stages/topics.h"

#include <regex.h>
#include <string.h>

#include "base/must.h"

typedef struct wanted {
    const char *name;
    uint32_t stream;
    bool pattern;
    regex_t compiled; /* of a pattern */
} wanted;

struct mr_topics {
    const mr_config *config;
    wanted *all;
    size_t count;
};

mr_topics *mr_topics_new(const mr_config *config, mr_arena *arena)
{
    size_t count = 0;
    for (size_t s = 0; s < config->stream_count; s++)
        count += config->streams[s].topic_count;
    mr_topics *topics = mr_arena_take(arena, "membership", 1, sizeof *topics);
    topics->config = config;
    topics->all = mr_arena_take(arena, "membership", count, sizeof *topics->all);
    for (size_t s = 0; s < config->stream_count; s++)
        for (size_t t = 0; t < config->streams[s].topic_count; t++) {
            wanted *one = &topics->all[topics->count++];
            one->name = config->streams[s].topics[t];
            one->stream = (uint32_t)s;
            one->pattern = one->name[0] == '^';
            if (one->pattern) /* config_check.c has compiled it before */
                must(!regcomp(&one->compiled, one->name, REG_EXTENDED | REG_NOSUB));
        }
    return topics;
}

bool mr_topics_stream(const mr_topics *topics, const char *topic, uint32_t *stream)
{
    for (int patterns = 0; patterns < 2; patterns++)
        for (size_t i = 0; i < topics->count; i++) {
            const wanted *one = &topics->all[i];
            if (one->pattern != (patterns == 1))
                continue;
            if (one->pattern ? !regexec(&one->compiled, topic, 0, NULL, 0) : !strcmp(one->name, topic)) {
                *stream = one->stream;
                return true;
            }
        }
    return false;
}

static bool is_written_out(const mr_topics *topics, const char *topic)
{
    for (size_t i = 0; i < topics->count; i++)
        if (!topics->all[i].pattern && !strcmp(topics->all[i].name, topic))
            return true;
    return false;
}

/* Whether it is the dead-letter topic of some topic. */
static bool is_dead_letters(const mr_topics *topics, const char *topic)
{
    const char *form = topics->config->dlq.topic, *gap = strstr(form, "{topic}");
    if (!gap)
        return !strcmp(form, topic);
    size_t before = (size_t)(gap - form), after = strlen(gap + 7), len = strlen(topic);
    return len >= before + after && !strncmp(topic, form, before) && !strcmp(topic + len - after, gap + 7);
}

bool mr_topics_is_source(const mr_topics *topics, const char *topic)
{
    uint32_t stream;
    return mr_topics_stream(topics, topic, &stream) &&
           (is_written_out(topics, topic) || !is_dead_letters(topics, topic));
}

bool mr_topics_is_replay(const mr_config *config, const char *topic)
{
    return config->dlq.replay_topic[0] && !strcmp(config->dlq.replay_topic, topic);
}

void mr_topics_free(mr_topics *topics)
{
    for (size_t i = 0; topics && i < topics->count; i++)
        if (topics->all[i].pattern)
            regfree(&topics->all[i].compiled);
}
