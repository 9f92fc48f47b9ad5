/* What `millrace dlq replay` does: sends dead letters back, to the topic that only this group reads. */
#include <stdio.h>

#include "checker.h"
#include "world.h"

/* The whole of it is the letter's, with its origin; sometimes another tool was used, which does not know of that header. */
static void send_one(sim_event *letter, bool last_time)
{
    uint32_t number = world.event_count++;
    sim_event *event = &world.events[number];
    sim_log *log = &world.logs[SENT_BACK][sim_random(world.partitions[SENT_BACK])];
    *event = *letter;
    event->number = number;
    event->of = letter;
    event->born_us = sim_now_us();
    event->letters = 0;
    event->row_shard = -1; /* its row is the original's */
    event->lost = false;
    event->has_origin = last_time || world.config[0]->dlq.drift_percent < 100 || sim_random(12) > 0;
    event->last_time = last_time;
    if (!event->has_origin)
        event->kind = EVENT_SHARDLESS; /* whose it is, nobody can tell */
    letter->times++;
    events_append(log, event);
    sim_counts[C_SENT_BACK]++;
    sim_say("%s/%d@%lld is sent back as %s/%d@%lld%s", topic_names[letter->topic], letter->partition,
            (long long)letter->offset, topic_names[event->topic], event->partition, (long long)event->offset,
            event->has_origin ? "" : ", without its origin");
}

/* With a drift guard nobody sends back what is refused again: it would hold the shard or the stream, until better events come. */
static bool may_be_sent(const sim_event *letter)
{
    return world.config[0]->dlq.drift_percent == 100 || (letter->kind == EVENT_GOOD && !letter->collided);
}

void send_back(bool last_time)
{
    if (!world.is.sent_back)
        return;
    for (uint32_t i = 0; i < world.events_made; i++) {
        sim_event *event = &world.events[i];
        uint32_t most = last_time ? SENT_BACK_MOST : SENT_BACK_MOST - 1;
        if (event->letters > 0 && event->times < most && may_be_sent(event) &&
            (last_time || sim_random(3) > 0))
            send_one(event, last_time);
    }
}
