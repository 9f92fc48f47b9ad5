/* Which stream takes a topic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/topics.h"

#define STREAM(name, topics)                                                                                 \
    "{\"name\":\"" name "\",\"topics\":[" topics "],\"table\":\"" name                                       \
    "\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":\"c\",\"from\":\"c\",\"type\":" \
    "\"int8\"}]}"

typedef struct world {
    mr_config *config;
    mr_arena *arena;
    mr_topics *topics;
} world;

static world begin(const char *letters)
{
    char text[2048];
    world w;
    mr_findings findings = {0};
    snprintf(text, sizeof text,
             "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[" STREAM(
                 "a", "\"^ev.*\"") "," STREAM("b", "\"events\",\"other\"") "],\"shards\":[{\"name\":\"s\","
                                                                           "\"host\":\"h\",\"user\":\"u\","
                                                                           "\"database\":\"d\"}],\"dlq\":{"
                                                                           "\"topic\":\"%s\"}}",
             letters);
    assert_int_equal(mr_config_parse("test", text, strlen(text), NULL, &w.config, &findings), MR_OK);
    w.arena = mr_arena_new();
    w.topics = mr_topics_new(w.config, w.arena);
    return w;
}

static void end(world *w)
{
    mr_topics_free(w->topics);
    mr_arena_free(w->arena);
    mr_config_free(w->config);
}

static void test_streams(void **state)
{
    (void)state;
    world w = begin("letters");
    const mr_topics *topics = w.topics;
    uint32_t stream = 9;
    assert_true(mr_topics_stream(topics, "events", &stream)); /* its name comes before the pattern */
    assert_int_equal(stream, 1);
    assert_true(mr_topics_stream(topics, "events2", &stream));
    assert_int_equal(stream, 0);
    assert_true(mr_topics_stream(topics, "other", &stream));
    assert_int_equal(stream, 1);
    assert_false(mr_topics_stream(topics, "others", &stream));
    assert_false(mr_topics_stream(topics, "", &stream));
    mr_topics_free(NULL);
    end(&w);
}

/* A pattern never takes a dead-letter topic, whatever form its name has. */
static void test_sources(void **state)
{
    (void)state;
    world w = begin("ev-{topic}.dlq");
    assert_true(mr_topics_is_source(w.topics, "events"));
    assert_true(mr_topics_is_source(w.topics, "evening"));
    assert_true(mr_topics_is_source(w.topics, "ev-x.dl"));
    assert_true(mr_topics_is_source(w.topics, "ev-.dlq.x"));
    assert_false(mr_topics_is_source(w.topics, "ev-events.dlq"));
    assert_false(mr_topics_is_source(w.topics, "ev-.dlq"));
    assert_false(mr_topics_is_source(w.topics, "another"));
    end(&w);
    w = begin("event-letters");
    assert_true(mr_topics_is_source(w.topics, "event-letters2"));
    assert_false(mr_topics_is_source(w.topics, "event-letters"));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams), cmocka_unit_test(test_sources)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
