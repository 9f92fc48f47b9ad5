/* Reading: what the group's and the reader's partitions give out, one message at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "checker.h"
#include "fake_kafka.h"

/* A message that was given out; its bytes are spoilt when it is freed. */
typedef struct handed {
    sim_event *event;
    char *value, *key;
    char origin[80];
    bool freed;
} handed;

sim_event *inbox_event(const void *handle)
{
    return ((const handed *)handle)->event;
}

static bool find_header(const void *context, const char *name, const char **value, size_t *len)
{
    const handed *message = context;
    const sim_event *event = message->event;
    bool origin = !strcmp(name, "millrace.origin");
    if ((!origin && strcmp(name, "trace") != 0) || (origin && !event->has_origin))
        return false;
    *value = origin ? message->origin : event->header;
    *len = strlen(*value);
    return true;
}

static char *copy(const char *text, size_t len)
{
    char *made = text ? sim_take(len + 1) : NULL;
    if (made)
        memcpy(made, text, len);
    return made;
}

mr_inbox *inbox_make(instance *owner, uint32_t consumer, feed *feeds, uint32_t *feed_count)
{
    mr_inbox *inbox = sim_take(sizeof *inbox);
    *inbox = (mr_inbox){.owner = owner, .consumer = consumer, .feeds = feeds, .feed_count = feed_count};
    return inbox;
}

mr_inbox *mr_inbox_new(mr_group *group, mr_arena *arena)
{
    (void)arena;
    return inbox_make(group->owner, 0, group->feeds, &group->feed_count);
}

void mr_inbox_open(mr_inbox *inbox, mr_bell *bell)
{
    inbox->bell = bell;
}

void mr_inbox_close(mr_inbox *inbox)
{
    (void)inbox;
}

/* A fetch is answered now and then, with all or a part of what is there. */
static void fetch(const instance *owner, feed *one)
{
    const sim_log *log = one->log;
    if (one->halted || one->position < one->fetched || sim_now_us() < one->fetch_us || !world_reaches(owner))
        return;
    one->fetch_us = sim_now_us() + world.is.fetch_us / 2 + sim_random(world.is.fetch_us);
    /* A member that was thrown out learns it by its next heartbeat, which is not slower than a fetch. */
    if (owner->group && one->inbox->feeds == owner->group->feeds && !owner->group->member)
        return;
    if (one->position < log->low || one->position > log->high || sim_fault_now(F_FETCH))
        return;
    int64_t there = log->high - one->fetched;
    if (there > 0) {
        one->fetched += there > 4 && sim_random(3) == 0 ? 1 + (int64_t)sim_random((uint64_t)there) : there;
        one->end_said = false;
    }
}

static bool has_something(const feed *one)
{
    const sim_log *log = one->log;
    if (one->halted)
        return false;
    if (one->position < one->fetched || one->position < log->low)
        return true;
    return !one->end_said && one->position == log->high;
}

/* The next thing of a partition. */
static mr_arrival give(feed *one, mr_message *out)
{
    sim_log *log = one->log;
    *out = (mr_message){.event = {.topic = topic_names[log->topic],
                                  .partition = log->partition,
                                  .offset = one->position,
                                  .timestamp_ms = -1}};
    if (one->position < log->low) {
        one->halted = out->out_of_range = true;
        return MR_ARRIVAL_ERROR;
    }
    while (one->position < one->fetched && !log->at[one->position])
        one->position++;
    if (one->position >= one->fetched) {
        if (one->position < log->high)
            return MR_ARRIVAL_NONE;
        one->end_said = true;
        out->event.offset = one->position;
        sim_say("gets the end of %s/%d at %lld", topic_names[log->topic], log->partition,
                (long long)one->position);
        return MR_ARRIVAL_END;
    }
    sim_event *event = log->at[one->position++];
    if (sim_verbose())
        sim_say("gets %s/%d@%lld (%s, s%u)", topic_names[log->topic], log->partition,
                (long long)event->offset, events_kind(event->kind), event->shard[0]);
    handed *message = sim_take(sizeof *message);
    *message = (handed){.event = event,
                        .value = copy(event->value, event->value_len),
                        .key = copy(event->key, event->key ? strlen(event->key) : 0)};
    if (event->has_origin)
        snprintf(message->origin, sizeof message->origin, "%s/%d/%lld/%lld", topic_names[event->of->topic],
                 event->of->partition, (long long)event->of->offset, (long long)event->of->timestamp_ms);
    out->handle = message;
    out->event.value = message->value;
    out->event.value_len = event->value_len;
    out->event.key = message->key;
    out->event.key_len = event->key ? strlen(event->key) : 0;
    out->event.offset = event->offset;
    out->event.timestamp_ms = event->timestamp_ms;
    out->event.header = find_header;
    out->event.header_context = message;
    return MR_ARRIVAL_MESSAGE;
}

mr_arrival mr_inbox_poll(mr_inbox *inbox, mr_message *message)
{
    sim_maybe_yield();
    uint32_t count = *inbox->feed_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (inbox->last + i) % count;
        feed *one = &inbox->feeds[at];
        if (one->inbox != inbox)
            continue;
        fetch(inbox->owner, one);
        if (!has_something(one))
            continue;
        mr_arrival arrival = give(one, message);
        if (arrival == MR_ARRIVAL_NONE)
            continue;
        if (inbox->owner->group && inbox->feeds == inbox->owner->group->feeds) { /* the live flow */
            check_dealt_with(inbox->owner, inbox->given, inbox->given_us);
            inbox->given = arrival == MR_ARRIVAL_MESSAGE ? inbox_event(message->handle) : NULL;
            inbox->given_us = sim_now_us();
        }
        inbox->last = sim_random(8) ? at : at + 1;
        inbox->dry = false;
        return arrival;
    }
    inbox->dry = true;
    return MR_ARRIVAL_NONE;
}

void mr_message_free(mr_message *message)
{
    handed *given = message->handle;
    message->handle = NULL;
    if (!given)
        return; /* of an error, or of the log's end */
    sim_check(!given->freed, "9: memory", "a message is freed twice");
    given->freed = true;
    if (given->value)
        memset(given->value, 'Z', given->event->value_len);
    if (given->key)
        memset(given->key, 'Z', strlen(given->key));
}

/* Rings for whoever found nothing and has something now. */
static void ring(feed *feeds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mr_inbox *inbox = feeds[i].inbox;
        if (!inbox->dry)
            continue;
        fetch(inbox->owner, &feeds[i]);
        if (!has_something(&feeds[i]))
            continue;
        inbox->dry = false;
        sim_bell_io(inbox->bell);
    }
}

void inbox_turn(instance *one)
{
    if (one->group)
        ring(one->group->feeds, one->group->feed_count);
    if (one->reader)
        ring(one->reader->feeds, one->reader->feed_count);
}

/* ---- reading again ---- */

mr_reader *mr_reader_new(const mr_config *config, mr_arena *arena, uint32_t consumers)
{
    (void)config, (void)arena;
    mr_reader *reader = sim_take(sizeof *reader);
    reader->owner = sim_owner();
    reader->inboxes = sim_take(consumers * sizeof *reader->inboxes);
    for (uint32_t i = 0; i < consumers; i++)
        reader->inboxes[i] = (mr_inbox){
            .owner = reader->owner, .consumer = i, .feeds = reader->feeds, .feed_count = &reader->feed_count};
    return reader;
}

mr_status mr_reader_open(mr_reader *reader, mr_bell *bells, mr_error *error)
{
    (void)error;
    for (uint32_t i = 0; i < world.is.consumers; i++)
        reader->inboxes[i].bell = &bells[i];
    reader->owner->reader = reader;
    return MR_OK;
}

mr_inbox *mr_reader_inbox(mr_reader *reader, uint32_t consumer)
{
    return &reader->inboxes[consumer];
}

static feed *started(mr_reader *reader, const sim_log *log)
{
    for (uint32_t i = 0; i < reader->feed_count; i++)
        if (reader->feeds[i].log == log)
            return &reader->feeds[i];
    return NULL;
}

bool mr_reader_start(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition,
                     int64_t offset)
{
    sim_log *log = world_log(topic, partition);
    sim_check(!started(reader, log), "must", "%s/%d is started twice", topic, partition);
    sim_check(offset >= 0 || offset == MR_READ_FROM_BEGINNING, "must", "the reader is asked for offset %lld",
              (long long)offset);
    if (offset == MR_READ_FROM_BEGINNING) {
        sim_sleep_us(500 + sim_random(4000));
        if (!world_reaches(reader->owner)) {
            sim_sleep_ms(MR_READER_ASK_MS);
            return false;
        }
        offset = log->low;
    }
    if (sim_fault_now(F_ASK))
        return false;
    /* Under a wrong deployment it would take an operator who knows which rows that one has written. */
    if (reader->owner->variant == 0 && offset < log->high && offset >= log->low && sim_fault_now(F_LOG_CUT))
        world_cut_log(log, offset + 1);
    sim_say("reads %s/%d again from %lld", topic, partition, (long long)offset);
    reader->feeds[reader->feed_count++] = (feed){.log = log,
                                                 .inbox = &reader->inboxes[consumer],
                                                 .position = offset,
                                                 .fetched = offset,
                                                 .fetch_us = sim_now_us() + sim_random(world.is.fetch_us)};
    return true;
}

void mr_reader_stop(mr_reader *reader, uint32_t consumer, const char *topic, int32_t partition)
{
    feed *one = started(reader, world_log(topic, partition));
    if (!one)
        return;
    sim_check(one->inbox == &reader->inboxes[consumer], "must", "%s/%d is another consumer's", topic,
              partition);
    *one = reader->feeds[--reader->feed_count];
    sim_maybe_yield();
}

bool mr_reader_high_seen(mr_reader *reader, const char *topic, int32_t partition, int64_t *high)
{
    const feed *one = started(reader, world_log(topic, partition));
    if (!one || one->fetched == one->position)
        return one && (*high = one->log->high, one->end_said);
    *high = one->log->high;
    return true;
}

bool mr_reader_reload_secrets(mr_reader *reader)
{
    (void)reader;
    return false;
}

void mr_reader_close(mr_reader *reader)
{
    reader->feed_count = 0;
}
