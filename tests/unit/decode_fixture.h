/* decode_fixture.h: a stream with the columns and key of a test, compiled, and a record for it.  Include after cmocka.h. */
#ifndef MR_TESTS_DECODE_FIXTURE_H
#define MR_TESTS_DECODE_FIXTURE_H

#include "stages/decode.h"
#include <stdio.h>
#include <string.h>

typedef struct fixture {
    mr_config *config;
    mr_arena *arena;
    mr_decoder *decoder;
    const mr_layout *layout;
    unsigned char *record;
    mr_refusal refusal;
    uint64_t hash;
} fixture;

static inline fixture make(const char *key, const char *more, const char *columns)
{
    char text[8192];
    mr_findings findings = {0};
    mr_error error;
    fixture f = {.arena = mr_arena_new()};
    snprintf(text, sizeof text,
             "{\"kafka\":{\"bootstrap_servers\":\"b:1\",\"group_id\":\"g\"},\"streams\":[{\"name\":\"s\","
             "\"topic\":\"t\","
             "\"table\":\"t\",\"key\":%s,%s\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":[%s]}],"
             "\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}",
             key, more, columns);
    if (mr_config_parse("test", text, strlen(text), NULL, &f.config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    if (mr_decoder_new(&f.config->streams[0], f.arena, &f.decoder, &error))
        fail_msg("%s", error.text);
    f.layout = mr_decoder_layout(f.decoder);
    f.record = mr_arena_take(f.arena, "record", 1, f.layout->size);
    return f;
}

static inline void drop(fixture *f)
{
    mr_arena_free(f->arena);
    mr_config_free(f->config);
}

#endif
