/* kafka_reader.h: how kafka_reader.c follows a reader: its consumers' inboxes, and what each partition has shown so far.
 *
 * One reader of CONSUMERS consumers for each test, on real brokers.  What is wrong comes back as a text, so that it can be said in the test's own thread.
 */
#ifndef MR_TESTS_KAFKA_READER_H
#define MR_TESTS_KAFKA_READER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "edges/kafka_reader.h"

enum { CONSUMERS = 2, WIDE = 16, LONG_MS = 20000 };

typedef struct fixture {
    mr_config *config;
    mr_arena *arena;
    mr_reader *reader;
    mr_bell bells[CONSUMERS];
} fixture;

static fixture f;
static char topic[128], topic_tx[160], topic_old[160], topic_wide[160];

static inline const char *env(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        fail_msg("%s is not set", name);
    return value;
}

static inline void run(const char *command, const char *arguments)
{
    char line[1024];
    snprintf(line, sizeof line, "%s %s", command, arguments);
    if (system(line))
        fail_msg("%s", line);
}

static inline mr_config *configure(void)
{
    char text[2048];
    mr_config *config;
    mr_findings findings = {0};
    snprintf(
        text, sizeof text,
        "{\"kafka\":{\"bootstrap_servers\":\"%s\",\"group_id\":\"nobody\",\"consumer_threads\":%d,"
        "\"consumer_properties\":{\"topic.metadata.propagation.max.ms\":\"1000\",\"fetch.error.backoff.ms\":"
        "\"5\"}},"
        "\"memory\":{\"fetch_mib\":16},"
        "\"streams\":[{\"name\":\"s\",\"topic\":\"t\",\"table\":\"t\",\"id\":{\"column\":\"id\",\"from\":"
        "\"ksuid\"},\"columns\":[{\"name\":\"n\",\"from\":\"@offset\",\"type\":\"int64\"}]}],"
        "\"shards\":[{\"name\":\"a\",\"host\":\"h\",\"user\":\"u\",\"database\":\"d\"}]}",
        env("MILLRACE_TEST_BOOTSTRAP"), CONSUMERS);
    if (mr_config_parse("test", text, strlen(text), NULL, &config, &findings))
        fail_msg("%s: %s", findings.at[0].where, findings.at[0].what);
    mr_findings_free(&findings);
    return config;
}

static inline int set_up(void **state)
{
    mr_error error;
    (void)state;
    f.config = configure();
    f.arena = mr_arena_new();
    for (int i = 0; i < CONSUMERS; i++)
        assert_true(mr_bell_init(&f.bells[i]));
    f.reader = mr_reader_new(f.config, f.arena, CONSUMERS);
    if (mr_reader_open(f.reader, f.bells, &error))
        fail_msg("%s", error.text);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    mr_reader_close(f.reader);
    mr_reader_close(f.reader); /* once more does no harm */
    for (int i = 0; i < CONSUMERS; i++)
        mr_bell_close(&f.bells[i]);
    mr_arena_free(f.arena);
    mr_config_free(f.config);
    return 0;
}

static inline void nap_us(uint32_t us)
{
    if (us)
        usleep(us);
}

/* The next arrival of a consumer, as its thread waits: polling, then asleep until the bell rings. */
static inline mr_arrival next(uint32_t consumer, mr_message *message, uint32_t wait_ms)
{
    mr_inbox *inbox = mr_reader_inbox(f.reader, consumer);
    mr_bell *bell = &f.bells[consumer];
    mr_arrival arrival;
    for (uint64_t now = mr_clock_ms(), end = now + wait_ms;; now = mr_clock_ms()) {
        mr_bell_announce(bell);
        arrival = mr_inbox_poll(inbox, message);
        if (arrival != MR_ARRIVAL_NONE || now >= end) {
            mr_bell_stay(bell);
            return arrival;
        }
        mr_bell_sleep(bell, end - now);
    }
}

/* One partition as the test follows it. */
typedef struct track {
    int64_t due; /* the next offset; -1: not started */
    int64_t seen;
    uint64_t hash; /* of offsets and values */
    int64_t end;   /* offset of the last end; -1 */
    bool out_of_range;
} track;

static inline void begin(track *at, uint32_t consumer, const char *name, int32_t partition, int64_t offset)
{
    *at = (track){.due = offset, .hash = MR_FNV64_BASIS, .end = -1};
    assert_true(mr_reader_start(f.reader, consumer, name, partition, offset));
}

/* Takes one arrival into its track; what is wrong with it, or NULL. */
static inline const char *follow(track *tracks, const char *name, mr_arrival arrival, mr_message *message)
{
    static _Thread_local char wrong[256];
    track *at = &tracks[message->event.partition];
    const char *why = NULL;
    if (strcmp(message->event.topic, name))
        why = "another topic";
    else if (at->due == -1)
        why = "it is not started";
    else if (arrival == MR_ARRIVAL_ERROR && !message->out_of_range)
        why = message->error;
    else if (arrival == MR_ARRIVAL_ERROR)
        at->out_of_range = true;
    if (!why && at->due != MR_READ_FROM_BEGINNING && message->event.offset != at->due)
        why = "not the offset that is due";
    if (why)
        snprintf(wrong, sizeof wrong, "%s [%d] arrival %d at %lld, due %lld: %s", message->event.topic,
                 message->event.partition, arrival, (long long)message->event.offset, (long long)at->due,
                 why);
    if (arrival == MR_ARRIVAL_MESSAGE) {
        uint64_t both[2] = {mr_fnv1a64(message->event.value, message->event.value_len),
                            (uint64_t)message->event.offset};
        at->hash ^= mr_fnv1a64(both, sizeof both) + at->hash * 31;
        at->due = message->event.offset + 1;
        at->seen++;
    } else if (arrival == MR_ARRIVAL_END) {
        at->due = at->end = message->event.offset;
    }
    mr_message_free(message);
    return why ? wrong : NULL;
}

/* Follows a consumer until `enough` says so. */
static inline const char *until(track *tracks, uint32_t consumer, const char *name,
                                bool (*enough)(const track *, int64_t), int64_t argument)
{
    static _Thread_local char wrong[256];
    mr_message message;
    for (uint64_t end = mr_clock_ms() + LONG_MS; !enough(tracks, argument);) {
        uint64_t now = mr_clock_ms();
        mr_arrival arrival = now < end ? next(consumer, &message, (uint32_t)(end - now)) : MR_ARRIVAL_NONE;
        if (arrival == MR_ARRIVAL_NONE) {
            snprintf(wrong, sizeof wrong, "nothing comes: %s [0] is due at %lld", name,
                     (long long)tracks[0].due);
            return wrong;
        }
        const char *why = follow(tracks, name, arrival, &message);
        if (why)
            return why;
    }
    return NULL;
}

static inline bool seen(const track *tracks, int64_t count)
{
    return tracks[0].seen >= count;
}

static inline bool ended(const track *tracks, int64_t partitions)
{
    for (int64_t i = 0; i < partitions; i++)
        if (tracks[i].end < 0)
            return false;
    return true;
}

static inline bool out_of_range(const track *tracks, int64_t ignored)
{
    (void)ignored;
    return tracks[0].out_of_range;
}

static inline void well(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

/* Nothing of anything arrives for a while.  A message is freed before a failure, or the client would wait for it for ever. */
static inline void quiet(uint32_t consumer, uint32_t ms)
{
    char what[256];
    mr_message message;
    mr_arrival arrival = next(consumer, &message, ms);
    if (arrival == MR_ARRIVAL_NONE)
        return;
    snprintf(what, sizeof what, "arrival %d of %s [%d] at %lld although it is stopped", arrival,
             message.event.topic, message.event.partition, (long long)message.event.offset);
    mr_message_free(&message);
    fail_msg("%s", what);
}

static inline int64_t high_of(const char *name, int32_t partition)
{
    track tracks[WIDE];
    memset(tracks, 0xff, sizeof tracks);
    int64_t high = -1;
    begin(&tracks[partition], 0, name, partition, 0);
    mr_message message;
    /* The first answer brings it. */
    for (uint64_t end = mr_clock_ms() + LONG_MS; mr_clock_ms() < end && high < 0;) {
        if (next(0, &message, 100) != MR_ARRIVAL_NONE)
            mr_message_free(&message);
        if (!mr_reader_high_seen(f.reader, name, partition, &high))
            high = -1;
    }
    mr_reader_stop(f.reader, 0, name, partition);
    assert_true(high >= 0);
    return high;
}

#endif
