/* The events of a seed: what a topic holds, when, and what must become of each. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "world.h"

/* FNV-1a 64 and the slot map by hand: the product's routing is what is checked. */
uint32_t events_shard(const mr_config *config, const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return config->slot_shard[hash % config->slots];
}

const char *events_kind(event_kind kind)
{
    static const char *const names[EVENT_KINDS] = {"good", "poison", "invalid", "shardless", "tombstone"};
    return names[kind];
}

static char *print(const char *format, ...) MR_PRINTF(1, 2);

static char *print(const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *kept = sim_take((size_t)len + 1);
    memcpy(kept, text, (size_t)len);
    return kept;
}

static event_kind draw_kind(uint32_t number)
{
    static const uint32_t permille[4][EVENT_KINDS] = {
        {0}, {0, 20, 20, 20, 10}, {0, 60, 50, 50, 20}, {0, 500, 10, 10, 10}};
    uint32_t style = world.is.wide ? 3 : (uint32_t)(sim_hash(10, 0, 0) % 3),
             at = (uint32_t)(sim_hash(11, number, 0) % 1000);
    for (uint32_t kind = EVENT_POISON; kind < EVENT_KINDS; kind++) {
        if (at < permille[style][kind])
            return (event_kind)kind;
        at -= permille[style][kind];
    }
    return EVENT_GOOD;
}

static void make_text(sim_event *event)
{
    uint64_t random = sim_hash(12, event->number, 0);
    uint32_t n = event->number, whose = event->twin ? event->twin->number : n;
    uint32_t user = (uint32_t)(sim_hash(12, whose, 0) >> 8) % 40;
    char pad[1200];
    size_t pad_len = random % 16 == 0 ? (random >> 20) % 900 : (random >> 20) % 24;
    memset(pad, 'p', pad_len);
    pad[pad_len] = 0;
    event->user = print("user-%u", user);
    event->type = event->kind == EVENT_POISON ? "poison" : random & 32 ? "track" : "page";
    event->key = random & 64 ? event->user : NULL;
    event->header = print("trace-%u", n);
    switch (event->kind) {
    case EVENT_TOMBSTONE:
        event->key = event->user;
        return;
    case EVENT_SHARDLESS:
        event->value = random & 128 ? print("{\"n\":%u,\"userId\":\"%s\",", n, event->user)
                                    : print("{\"n\":%u,\"userId\":null,\"type\":\"track\"}", n);
        break;
    case EVENT_INVALID:
        event->value =
            random & 128
                ? print("{\"n\":%u,\"userId\":\"%s\",\"type\":7,\"messageId\":\"m-%u\"}", n, event->user, n)
                : print("{\"userId\":\"%s\",\"n\":%u,\"type\":\"seventeen letters\",\"messageId\":\"m-%u\"}",
                        event->user, n, n);
        break;
    default:
        event->value =
            print("{\"n\":%u,\"type\":\"%s\",\"userId\":\"%s\",\"messageId\":\"m-%u\",\"pad\":\"%s\"}", n,
                  event->type, event->user, n, pad);
    }
    event->value_len = strlen(event->value);
}

/* One of the last events has the same value in a unique key as this one. */
static void pair(sim_event *event)
{
    if (!world.is.twins || event->kind != EVENT_GOOD || sim_hash(17, event->number, 0) % 10 != 0)
        return;
    for (uint32_t back = 1; back <= 40 && back <= event->number; back++) {
        sim_event *other = &world.events[event->number - back];
        if (other->kind != EVENT_GOOD || other->topic != event->topic || other->twin)
            continue;
        event->twin = other;
        other->twin = event;
        return;
    }
}

void events_append(sim_log *log, sim_event *event)
{
    event->topic = log->topic;
    event->partition = log->partition;
    event->offset = log->end;
    event->timestamp_ms = EVENTS_BEGIN_MS + (int64_t)(event->born_us / 1000);
    log->seen_us[log->end] = event->born_us;
    log->at[log->end++] = event;
    sim_counts[C_EVENTS]++;
}

static void place(sim_log *log, int64_t room, uint64_t born_us)
{
    uint32_t number = world.event_count++;
    sim_event *event = &world.events[number];
    /* Compaction, control records of transactions: offsets without an event. */
    while (log->end < room - 2 && sim_hash(13, number, (uint64_t)log->end) % 12 == 0)
        log->seen_us[log->end++] = born_us;
    *event = (sim_event){.number = number,
                         .kind = draw_kind(number),
                         .topic = log->topic,
                         .born_us = born_us,
                         .row_shard = -1};
    pair(event);
    make_text(event);
    for (uint32_t variant = 0; variant < VARIANTS; variant++)
        event->shard[variant] = world_shard(variant, events_shard(world.config[variant], event->user));
    events_append(log, event);
}

void events_make(void)
{
    uint32_t wanted = world.is.events;
    int64_t room = 3 * (int64_t)wanted + 16; /* a log's; enough for all that is sent back as well */
    world.events = sim_take((1 + SENT_BACK_MOST) * wanted * sizeof *world.events);
    for (uint32_t topic = 0; topic < TOPICS_MAX; topic++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
            sim_log *log = &world.logs[topic][p];
            *log = (sim_log){.topic = topic, .partition = p, .committed = {.offset = -1}};
            if ((uint32_t)p >= world.is.partitions[topic])
                continue;
            log->at = sim_take((size_t)room * sizeof(sim_event *));
            log->seen_us = sim_take((size_t)room * sizeof(uint64_t));
        }
    uint64_t at_us = 1000000, style = world.is.wide ? 0 : sim_hash(14, 0, 0) % 4;
    uint64_t mean_us = world.is.active_us / (wanted + 1);
    for (uint32_t i = 0; i < wanted; i++) {
        uint64_t random = sim_hash(15, i, 0);
        if (style == 0) /* a backlog, then little */
            at_us += i < wanted * 3 / 4 ? 0 : 3 * mean_us;
        else if (style == 1) /* bursts */
            at_us += i % 50 == 0 ? 50 * mean_us : 0;
        else
            at_us += random % (2 * mean_us + 1);
        uint32_t topic = (uint32_t)(random >> 32) % world.is.streams;
        /* One partition has more than the others. */
        uint32_t p = (random >> 40) % 3 == 0 ? 0 : (uint32_t)(random >> 44) % world.is.partitions[topic];
        place(&world.logs[topic][p], room, at_us);
    }
    world.events_made = world.event_count;
    for (uint32_t topic = 0; topic < world.is.streams; topic++)
        for (uint32_t p = 0; p < world.is.partitions[topic]; p++) {
            sim_log *log = &world.logs[topic][p];
            if (log->end > 0 && sim_hash(16, topic, p) % 2) { /* the last transaction's end */
                log->seen_us[log->end] = log->seen_us[log->end - 1];
                log->end++;
            }
        }
}

sim_log *world_log(const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < TOPICS_MAX; i++)
        if (!strcmp(topic, topic_names[i]) && partition >= 0 && partition < PARTITIONS_MAX)
            return &world.logs[i][partition];
    sim_fail("simulator", "nobody has topic %s partition %d", topic, partition);
}

sim_event *world_event(const char *topic, int32_t partition, int64_t offset)
{
    sim_log *log = world_log(topic, partition);
    return offset >= 0 && offset < log->end ? log->at[offset] : NULL;
}

const sim_event *world_root(const sim_event *event)
{
    return event->of ? event->of : event;
}

bool world_well_done(const sim_event *event)
{
    const sim_event *root = world_root(event);
    if (event->kind == EVENT_GOOD)
        return root->row_shard >= 0 ||
               (event->letters > 0 && (root->collided || (root->narrowed && !event->last_time)));
    if (event->kind == EVENT_TOMBSTONE && world.is.tombstone_skip)
        return true;
    return event->letters > 0;
}
