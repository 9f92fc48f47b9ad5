/* fake_log.h: the log of a test program that does not start the real one: lines are kept, so that a test can ask for one.
 *
 * Any thread, librdkafka's too.  It takes the place of base/log.c, whole: that would not be linked beside it.
 */
#ifndef MR_TESTS_FAKE_LOG_H
#define MR_TESTS_FAKE_LOG_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

static struct {
    pthread_mutex_t lock;
    size_t len;
    char text[1 << 20]; /* of each line: its event, a blank, its sentence */
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};

void mr_log(mr_log_level level, const char *event, const mr_log_fields *fields, const char *format, ...)
{
    char line[1200];
    va_list arguments;
    (void)level;
    (void)fields;
    int len = snprintf(line, sizeof line, "%s ", event);
    va_start(arguments, format);
    vsnprintf(line + len, sizeof line - (size_t)len - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    pthread_mutex_lock(&logged.lock);
    if (logged.len + strlen(line) < sizeof logged.text) {
        memcpy(logged.text + logged.len, line, strlen(line) + 1);
        logged.len += strlen(line);
    }
    pthread_mutex_unlock(&logged.lock);
}

mr_status mr_log_start(bool json, mr_log_level least, mr_error *error)
{
    (void)json;
    (void)least;
    (void)error;
    return MR_OK;
}

void mr_log_stop(void) {}

uint64_t mr_log_dropped(void)
{
    return 0;
}

/* A line of this event has said this since the program began, or since it forgot. */
static void assert_logged(const char *event, const char *part)
{
    char line[1200];
    bool found = false;
    pthread_mutex_lock(&logged.lock);
    for (const char *at = logged.text; *at && !found; at = strchr(at, '\n') + 1) {
        size_t len = (size_t)(strchr(at, '\n') - at);
        memcpy(line, at, len);
        line[len] = 0;
        found = !strncmp(line, event, strlen(event)) && line[strlen(event)] == ' ' && strstr(line, part);
    }
    if (!found)
        print_error("%s", logged.text);
    pthread_mutex_unlock(&logged.lock);
    if (!found)
        fail_msg("no line of %s says: %s", event, part);
}

static inline void forget_logged(void)
{
    pthread_mutex_lock(&logged.lock);
    logged.text[logged.len = 0] = 0;
    pthread_mutex_unlock(&logged.lock);
}

#endif
