/* The reader of partitions (edges/kafka_reader) against a real Kafka; tests/integration/24-reader makes the topics and sets
 *   MILLRACE_TEST_BOOTSTRAP   the brokers
 *   MILLRACE_TEST_TOPIC       a topic of two partitions without gaps; beside it TOPIC-tx: one partition, a committed transaction and aborted
 *                             ones behind it; TOPIC-old: one partition of at least 2,000 events; TOPIC-wide: WIDE partitions
 *   MILLRACE_TEST_DELETE      a command that is given TOPIC PARTITION OFFSET and deletes what is before
 *   MILLRACE_TEST_RESTART     a command that restarts the broker
 */
#include "kafka_reader.h"

#include <malloc.h>
#include <pthread.h>

#include "../model/model.h"

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
