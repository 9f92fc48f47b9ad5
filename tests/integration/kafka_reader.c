/* The reader of partitions (edges/kafka_reader) against a real Kafka; tests/integration/24-reader makes the topics and sets
 *   MILLRACE_TEST_BOOTSTRAP   the brokers
 *   MILLRACE_TEST_TOPIC       a topic of two partitions without gaps; beside it TOPIC-tx: one partition, a committed transaction and aborted
 *                             ones behind it; TOPIC-old: one partition of at least 2,000 events; TOPIC-wide: WIDE partitions
 *   MILLRACE_TEST_DELETE      a command that is given TOPIC PARTITION OFFSET and deletes what is before
 *   MILLRACE_TEST_RESTART     a command that restarts the broker
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include "../model/model.h"
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

static const char *env(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        fail_msg("%s is not set", name);
    return value;
}

static void run(const char *command, const char *arguments)
{
    char line[1024];
    snprintf(line, sizeof line, "%s %s", command, arguments);
    if (system(line))
        fail_msg("%s", line);
}

static mr_config *configure(void)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

static void nap_us(uint32_t us)
{
    if (us)
        usleep(us);
}

/* The next arrival of a consumer, as its thread waits: polling, then asleep until the bell rings. */
static mr_arrival next(uint32_t consumer, mr_message *message, uint32_t wait_ms)
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

static void begin(track *at, uint32_t consumer, const char *name, int32_t partition, int64_t offset)
{
    *at = (track){.due = offset, .hash = MR_FNV64_BASIS, .end = -1};
    assert_true(mr_reader_start(f.reader, consumer, name, partition, offset));
}

/* Takes one arrival into its track; what is wrong with it, or NULL. */
static const char *follow(track *tracks, const char *name, mr_arrival arrival, mr_message *message)
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
static const char *until(track *tracks, uint32_t consumer, const char *name,
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

static bool seen(const track *tracks, int64_t count)
{
    return tracks[0].seen >= count;
}

static bool ended(const track *tracks, int64_t partitions)
{
    for (int64_t i = 0; i < partitions; i++)
        if (tracks[i].end < 0)
            return false;
    return true;
}

static bool out_of_range(const track *tracks, int64_t ignored)
{
    (void)ignored;
    return tracks[0].out_of_range;
}

static void well(const char *why)
{
    if (why)
        fail_msg("%s", why);
}

/* Nothing of anything arrives for a while.  A message is freed before a failure, or the client would wait for it for ever. */
static void quiet(uint32_t consumer, uint32_t ms)
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

static int64_t high_of(const char *name, int32_t partition)
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

/* ---- the tests ---- */

static void a_range_twice(void **state)
{
    (void)state;
    uint64_t hashes[2];
    for (int i = 0; i < 2; i++) {
        track one = {0};
        begin(&one, 0, topic, 0, 100);
        well(until(&one, 0, topic, seen, 1500));
        hashes[i] = one.hash;
        assert_int_equal(one.seen, 1500);
        mr_reader_stop(f.reader, 0, topic, 0);
        mr_reader_stop(f.reader, 0, topic, 0); /* once more does no harm */
    }
    assert_true(hashes[0] == hashes[1]);
    quiet(0, 300);
}

static uint64_t stop_timed(uint32_t consumer, int32_t partition, uint64_t *most)
{
    uint64_t from = mr_clock_ns();
    mr_reader_stop(f.reader, consumer, topic, partition);
    uint64_t took = mr_clock_ns() - from;
    if (took > *most)
        *most = took;
    return took;
}

/* Both partitions in one inbox, stopped and started in turn while a backlog of each is on its way. */
static void many_quick_starts(void **state)
{
    enum { ROUNDS = 1500 };
    (void)state;
    const int64_t high[2] = {high_of(topic, 0), high_of(topic, 1)};
    track tracks[2] = {{.due = -1}, {.due = -1}};
    uint64_t sum = 0, most = 0, stops = 0, messages = 0, begun = mr_clock_ms();
    for (int i = 0; i < ROUNDS; i++) {
        int which = (int)model_below(2);
        if (tracks[which].due != -1) {
            sum += stop_timed(0, which, &most);
            stops++;
            tracks[which].due = -1;
        }
        if (model_below(8) != 0)
            begin(&tracks[which], 0, topic, which, model_below((uint32_t)high[which] - 2000));
        nap_us(model_below(3) ? 0 : model_below(5000));
        /* Now and then wait for what was started, else take what is there. */
        bool wait = model_below(10) == 0;
        mr_message message;
        for (uint32_t n = model_below(300); n > 0; n--) {
            mr_arrival arrival = next(0, &message, wait && tracks[which].due != -1 ? 2000 : 0);
            if (arrival == MR_ARRIVAL_NONE)
                break;
            well(follow(tracks, topic, arrival, &message));
            messages++;
        }
    }
    for (int i = 0; i < 2; i++)
        mr_reader_stop(f.reader, 0, topic, i);
    printf("  %d rounds in %llu ms, %llu messages; a stop took %.0f us, at most %.0f\n", ROUNDS,
           (unsigned long long)(mr_clock_ms() - begun), (unsigned long long)messages,
           (double)sum / 1000 / (double)stops, (double)most / 1000);
    assert_true(messages > ROUNDS);
    quiet(0, 200);
}

typedef struct job {
    uint32_t consumer;
    int64_t low;
    const char *wrong;
    uint64_t messages;
} job;

/* A consumer thread: reads its partition again and again. */
static void *reads(void *argument)
{
    job *mine = argument;
    for (int i = 0; i < 20 && !mine->wrong; i++) {
        track tracks[2] = {{.due = -1}, {.due = -1}};
        int32_t partition = (int32_t)mine->consumer;
        track *at = &tracks[partition];
        *at = (track){.due = mine->low + i * 37, .end = -1};
        if (!mr_reader_start(f.reader, mine->consumer, topic, partition, at->due)) {
            mine->wrong = "not started";
            break;
        }
        mr_message message;
        while (!mine->wrong && at->seen < 1000) {
            mr_arrival arrival = next(mine->consumer, &message, LONG_MS);
            mine->wrong =
                arrival == MR_ARRIVAL_NONE ? "nothing comes" : follow(tracks, topic, arrival, &message);
        }
        mine->messages += (uint64_t)at->seen;
        mr_reader_stop(f.reader, mine->consumer, topic, partition);
    }
    return NULL;
}

static void two_threads(void **state)
{
    (void)state;
    job jobs[2] = {{.consumer = 0, .low = 10}, {.consumer = 1, .low = 500}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reads, &jobs[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        well(jobs[i].wrong);
        assert_int_equal(jobs[i].messages, 20000);
    }
}

/* From one thread's inbox to the other's, in the midst of a backlog. */
static void from_thread_to_thread(void **state)
{
    (void)state;
    track one = {.due = 50};
    begin(&one, 0, topic, 0, 50);
    for (uint32_t i = 0; i < 40; i++) {
        one.seen = 0;
        well(until(&one, i % 2, topic, seen, 20));
        mr_reader_stop(f.reader, i % 2, topic, 0);
        begin(&one, (i + 1) % 2, topic, 0, one.due + 200);
        if (i % 4 == 0)
            quiet(i % 2, 20);
    }
    mr_reader_stop(f.reader, 0, topic, 0);
}

static void the_end(void **state)
{
    (void)state;
    int64_t high = high_of(topic, 1), seen_high;
    track tracks[2] = {{.due = -1}, {.due = -1}};
    begin(&tracks[1], 1, topic, 1, high - 3);
    mr_message message;
    while (tracks[1].end < 0) {
        mr_arrival arrival = next(1, &message, LONG_MS);
        assert_int_not_equal(arrival, MR_ARRIVAL_NONE);
        well(follow(tracks, topic, arrival, &message));
    }
    assert_int_equal(tracks[1].seen, 3);
    assert_int_equal(tracks[1].end, high);
    assert_true(mr_reader_high_seen(f.reader, topic, 1, &seen_high));
    assert_int_equal(seen_high, high);
    /* At the end already: told again after each start. */
    for (int i = 0; i < 3; i++) {
        mr_reader_stop(f.reader, 1, topic, 1);
        begin(&tracks[1], 1, topic, 1, high);
        mr_arrival arrival = next(1, &message, LONG_MS);
        assert_int_not_equal(arrival, MR_ARRIVAL_NONE);
        well(follow(tracks, topic, arrival, &message));
        assert_int_equal(tracks[1].end, high);
    }
    mr_reader_stop(f.reader, 1, topic, 1);
    assert_false(mr_reader_high_seen(f.reader, "millrace-never-named", 0, &seen_high));
}

/* The last visible record, then aborted ones and control records: the end is behind them. */
static void transactions(void **state)
{
    (void)state;
    int64_t high = high_of(topic_tx, 0), last = -1, end = -1;
    uint32_t visible = 0;
    assert_true(mr_reader_start(f.reader, 0, topic_tx, 0, MR_READ_FROM_BEGINNING));
    while (end < 0) {
        mr_message message;
        mr_arrival arrival = next(0, &message, LONG_MS);
        assert_int_not_equal(arrival, MR_ARRIVAL_NONE);
        int64_t offset = message.event.offset;
        mr_message_free(&message);
        assert_int_not_equal(arrival, MR_ARRIVAL_ERROR);
        assert_true(offset > last);
        if (arrival == MR_ARRIVAL_END) {
            end = offset;
        } else {
            last = offset;
            visible++;
        }
    }
    assert_int_equal(end, high);
    assert_true(last + 200 < end);
    assert_true(visible > 0 && visible <= last + 1);
    mr_reader_stop(f.reader, 0, topic_tx, 0);
    /* Begun within what is not visible: the end alone. */
    track one = {.due = -1};
    mr_message message;
    assert_true(mr_reader_start(f.reader, 0, topic_tx, 0, last + 100));
    one.due = high;
    mr_arrival arrival = next(0, &message, LONG_MS);
    assert_int_not_equal(arrival, MR_ARRIVAL_NONE);
    well(follow(&one, topic_tx, arrival, &message));
    assert_int_equal(one.end, high);
    mr_reader_stop(f.reader, 0, topic_tx, 0);
}

static void vanished_offsets(void **state)
{
    (void)state;
    char arguments[256];
    track one = {0};
    int64_t high = high_of(topic_old, 0);
    begin(&one, 0, topic_old, 0, 0);
    well(until(&one, 0, topic_old, seen, 5)); /* the client knows now that the log begins at 0 */
    mr_reader_stop(f.reader, 0, topic_old, 0);
    snprintf(arguments, sizeof arguments, "%s 0 1000", topic_old);
    run(env("MILLRACE_TEST_DELETE"), arguments);
    /* Behind the client's back: the beginning is where it is now. */
    begin(&one, 0, topic_old, 0, MR_READ_FROM_BEGINNING);
    well(until(&one, 0, topic_old, seen, 10));
    assert_int_equal(one.due, 1010);
    mr_reader_stop(f.reader, 0, topic_old, 0);

    begin(&one, 0, topic_old, 0, 10);
    well(until(&one, 0, topic_old, out_of_range, 0));
    quiet(0, 700);
    mr_reader_stop(f.reader, 0, topic_old, 0);
    begin(&one, 0, topic_old, 0, MR_READ_FROM_BEGINNING);
    well(until(&one, 0, topic_old, seen, 10));
    assert_int_equal(one.due, 1010);
    mr_reader_stop(f.reader, 0, topic_old, 0);
    begin(&one, 0, topic_old, 0, high + 500);
    well(until(&one, 0, topic_old, out_of_range, 0));
    mr_reader_stop(f.reader, 0, topic_old, 0);
    begin(&one, 0, topic_old, 0, high);
    well(until(&one, 0, topic_old, ended, 1));
    assert_int_equal(one.end, high);
    mr_reader_stop(f.reader, 0, topic_old, 0);
}

/* "Out of range" of one start must not be taken for the next one's, nor end it, whenever it comes. */
static void errors_of_an_earlier_start(void **state)
{
    enum { ROUNDS = 60, BEYOND = 1 << 30 };
    (void)state;
    track tracks[WIDE];
    mr_message message;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (int32_t i = 0; i < WIDE; i++)
            begin(&tracks[i], 0, topic_wide, i, BEYOND);
        nap_us(round % 4 ? model_below(4000) : 20000);
        for (int32_t i = 0; i < WIDE; i++) {
            mr_reader_stop(f.reader, 0, topic_wide, i);
            begin(&tracks[i], 0, topic_wide, i, 100 + (int64_t)round);
            nap_us(model_below(2) ? 0 : model_below(200));
        }
        uint64_t end = mr_clock_ms() + LONG_MS;
        for (int32_t i = 0; i < WIDE; i++)
            while (tracks[i].seen == 0 && mr_clock_ms() < end) {
                mr_arrival arrival = next(0, &message, 200);
                if (arrival != MR_ARRIVAL_NONE)
                    well(follow(tracks, topic_wide, arrival, &message));
            }
        for (int32_t i = 0; i < WIDE; i++) {
            if (tracks[i].seen == 0 || tracks[i].out_of_range)
                fail_msg("[%d] in round %u: %s", i, round,
                         tracks[i].out_of_range ? "out of range" : "nothing comes");
            mr_reader_stop(f.reader, 0, topic_wide, i);
        }
    }
}

/* A question for the beginning that is overtaken by another start must not move that one. */
static void beginnings_overtaken(void **state)
{
    (void)state;
    track tracks[WIDE] = {{0}};
    mr_message message;
    for (int32_t i = 0; i < WIDE; i++)
        tracks[i].due = -1;
    begin(&tracks[0], 0, topic_wide, 0, 0); /* the client gets to know the topic */
    well(until(tracks, 0, topic_wide, seen, 1));
    for (int32_t i = 1; i < WIDE; i++) {
        track *at = &tracks[i];
        assert_true(mr_reader_start(f.reader, 0, topic_wide, i, MR_READ_FROM_BEGINNING));
        nap_us(model_below(300));
        mr_reader_stop(f.reader, 0, topic_wide, i);
        begin(at, 0, topic_wide, i, 100);
    }
    uint64_t end = mr_clock_ms() + LONG_MS, least = mr_clock_ms() + 1500;
    while (!ended(tracks, WIDE) || mr_clock_ms() < least) {
        mr_arrival arrival = next(0, &message, 200);
        if (arrival != MR_ARRIVAL_NONE)
            well(follow(tracks, topic_wide, arrival, &message));
        assert_true(mr_clock_ms() < end);
    }
    for (int32_t i = 0; i < WIDE; i++)
        mr_reader_stop(f.reader, 0, topic_wide, i);
}

static size_t heap_in_use(void)
{
    struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

/* What was fetched for a stopped partition, or is on its way, does not stay. */
static void nothing_is_left(void **state)
{
    (void)state;
    size_t most = 0, before = heap_in_use();
    for (int round = 0; round < 3; round++) {
        for (int32_t i = 0; i < WIDE; i++)
            assert_true(mr_reader_start(f.reader, 1, topic_wide, i, 0));
        mr_message message;
        mr_arrival arrival = next(1, &message, LONG_MS);
        assert_int_equal(arrival, MR_ARRIVAL_MESSAGE);
        mr_message_free(&message);
        if (round == 0)
            nap_us(200000); /* until the budget is full; later a fetch is on its way */
        size_t used = heap_in_use();
        if (used > most)
            most = used;
        for (int32_t i = 0; i < WIDE; i++)
            mr_reader_stop(f.reader, 1, topic_wide, i);
        quiet(1, 300);
    }
    size_t after = heap_in_use();
    printf("  heap in use: %zu KiB before, %zu KiB while reading, %zu KiB after\n", before / 1024,
           most / 1024, after / 1024);
    assert_true(after < before + (256 << 10));
}

/* librdkafka tells the log, and no inbox; it hinders nobody else. */
static void a_topic_that_is_not_there(void **state)
{
    (void)state;
    track one = {0};
    assert_false(mr_reader_start(f.reader, 0, "millrace-none", 0, MR_READ_FROM_BEGINNING));
    assert_true(mr_reader_start(f.reader, 0, "millrace-none", 0, 5));
    assert_true(mr_reader_start(f.reader, 0, topic, 77, 5)); /* the topic is there, the partition is not */
    quiet(0, 1500);
    begin(&one, 0, topic, 0, 5);
    well(until(&one, 0, topic, seen, 100));
    mr_reader_stop(f.reader, 0, "millrace-none", 0);
    mr_reader_stop(f.reader, 0, topic, 77);
    well(until(&one, 0, topic, seen, 3000));
    /* What is left started, closing must cope with. */
    assert_true(mr_reader_start(f.reader, 1, "millrace-none", 1, 5));
}

static void more_topics_than_places(void **state)
{
    (void)state;
    char name[64];
    for (uint32_t i = 0; i < MR_READER_TOPICS + 50; i++) {
        snprintf(name, sizeof name, "millrace-one-%u", i);
        assert_true(mr_reader_start(f.reader, 0, name, 0, 1));
        mr_reader_stop(f.reader, 0, name, 0);
    }
    for (uint32_t i = 0; i <= MR_READER_TOPICS; i++) {
        snprintf(name, sizeof name, "millrace-all-%u", i);
        assert_int_equal(mr_reader_start(f.reader, 0, name, 0, 1), i < MR_READER_TOPICS);
    }
    assert_true(mr_reader_start(f.reader, 1, "millrace-all-7", 1, 1)); /* of one that is known already */
    mr_reader_stop(f.reader, 0, "millrace-all-9", 0);
    assert_true(mr_reader_start(f.reader, 0, name, 0, 1));
}

static void never_opened(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_new();
    mr_reader_close(mr_reader_new(f.config, arena, CONSUMERS));
    mr_arena_free(arena);
}

static void a_broker_restarted(void **state)
{
    (void)state;
    track one = {0};
    int64_t high = high_of(topic, 0);
    begin(&one, 0, topic, 0, 0);
    well(until(&one, 0, topic, seen, 1000));
    run(env("MILLRACE_TEST_RESTART"), "");
    well(until(&one, 0, topic, ended, 1));
    assert_int_equal(one.end, high);
    assert_int_equal(one.seen, high);
    mr_reader_stop(f.reader, 0, topic, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_range_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_quick_starts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(from_thread_to_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vanished_offsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_of_an_earlier_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beginnings_overtaken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_topic_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_topics_than_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(never_opened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broker_restarted, set_up, tear_down),
    };
    model_seed("kafka_reader");
    snprintf(topic, sizeof topic, "%s", env("MILLRACE_TEST_TOPIC"));
    snprintf(topic_tx, sizeof topic_tx, "%s-tx", topic);
    snprintf(topic_old, sizeof topic_old, "%s-old", topic);
    snprintf(topic_wide, sizeof topic_wide, "%s-wide", topic);
    if (getenv("MILLRACE_TEST_ONLY"))
        cmocka_set_test_filter(getenv("MILLRACE_TEST_ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
