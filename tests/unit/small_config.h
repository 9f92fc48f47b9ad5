/* small_config.h: the smallest configuration that there is, for tests that are about something else. */
#ifndef MR_TESTS_SMALL_CONFIG_H
#define MR_TESTS_SMALL_CONFIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stages/config.h"

/* One stream "t" of topic "t", two shards.  kafka and rest: further members of "kafka" and of the top level, each with a comma before. */
static mr_config *small_config(const char *brokers, const char *kafka, const char *rest)
{
    char text[2048];
    mr_config *config;
    mr_findings findings = {0};
    snprintf(text, sizeof text,
             "{\"kafka\":{\"bootstrap_servers\":\"%s\",\"group_id\":\"g\"%s},\"streams\":[{\"name\":\"t\","
             "\"topic\":\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":\"ksuid\"},\"columns\":["
             "{\"name\":\"x\",\"from\":\"x\",\"type\":\"int64\"}]}],\"shards\":["
             "{\"name\":\"s0\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"},"
             "{\"name\":\"s1\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]%s}",
             brokers, kafka, rest);
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

#endif
