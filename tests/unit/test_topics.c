/* Which stream takes a topic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stages/topics.h"

#define STREAM(name, topics)                                                                                 \
    "{\"name\":\"" name "\",\"topics\":[" topics "],\"table\":\"" name                                       \
    "\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[{\"name\":\"c\",\"from\":\"c\",\"type\":" \
    "\"int8\"}]}"

static void test_streams(void **state)
{
    (void)state;
    static const char text[] =
        "{\"kafka\":{\"bootstrap_servers\":\"b\",\"group_id\":\"g\"},\"streams\":[" STREAM(
            "a", "\"^ev.*\"") "," STREAM("b",
                                         "\"events\",\"other\"") "],\"shards\":[{\"name\":\"s\",\"host\":"
                                                                 "\"h\",\"user\":\"u\",\"database\":\"d\"}]}";
    mr_config *config;
    mr_findings findings = {0};
    mr_arena *arena = mr_arena_new();
    uint32_t stream = 9;
    assert_int_equal(mr_config_parse("test", text, strlen(text), NULL, &config, &findings), MR_OK);
    mr_topics *topics = mr_topics_new(config, arena);
    assert_true(mr_topics_stream(topics, "events", &stream)); /* its name comes before the pattern */
    assert_int_equal(stream, 1);
    assert_true(mr_topics_stream(topics, "events2", &stream));
    assert_int_equal(stream, 0);
    assert_true(mr_topics_stream(topics, "other", &stream));
    assert_int_equal(stream, 1);
    assert_false(mr_topics_stream(topics, "others", &stream));
    assert_false(mr_topics_stream(topics, "", &stream));
    mr_topics_free(topics);
    mr_topics_free(NULL);
    mr_arena_free(arena);
    mr_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
