/* The dead-letter topic: letters that are on their way, there, or acknowledged. */
#include <string.h>

#include "checker.h"
#include "edges/kafka_dlq.h"
#include "world.h"

#define QUEUE_MOST 40

typedef enum letter_state { LETTER_FREE, LETTER_SENT, LETTER_THERE } letter_state;

typedef struct sent_letter {
    letter_state state;
    uint32_t consumer, number;
    sim_event *event;
    uint64_t there_us, report_us;
} sent_letter;

struct mr_dlq {
    instance *owner;
    mr_bell *bell;
    sent_letter letters[QUEUE_MOST];
    uint64_t errors;
};

void letters_begin(void)
{
    world.letters_back_us = 0;
}

mr_dlq *mr_dlq_new(const mr_config *config, mr_arena *arena, uint32_t letters_max)
{
    (void)config, (void)arena, (void)letters_max;
    mr_dlq *dlq = sim_take(sizeof *dlq);
    dlq->owner = sim_owner();
    return dlq;
}

mr_status mr_dlq_open(mr_dlq *dlq, mr_bell *bell, mr_error *error)
{
    (void)error;
    dlq->bell = bell;
    dlq->owner->dlq = dlq;
    return MR_OK;
}

/* It is in the topic: durable. */
static void arrive(sent_letter *letter)
{
    letter->state = LETTER_THERE;
    letter->event->letters++;
    sim_counts[C_LETTERS]++;
    sim_note(letter->event->number, 0, 5);
    sim_check(letter->event->letters == 1 || world.disturbed,
              "1: every event ends as its row or its dead letter",
              "%s/%d@%lld is a dead letter for the second time, and nobody was killed or has left",
              topic_names[letter->event->topic], letter->event->partition, (long long)letter->event->offset);
}

bool mr_dlq_send(mr_dlq *dlq, const mr_event *event, void *handle, const mr_letter *letter)
{
    sim_maybe_yield();
    sent_letter *place = NULL;
    for (uint32_t i = 0; i < QUEUE_MOST && !place; i++)
        if (dlq->letters[i].state == LETTER_FREE)
            place = &dlq->letters[i];
    if (!place || sim_fault_now(F_DLQ_FULL)) {
        dlq->errors++;
        return false;
    }
    uint64_t late = sim_fault_now(F_DLQ_LATE) ? 1000 * sim_random(5000) : 0;
    *place = (sent_letter){.state = LETTER_SENT,
                           .consumer = letter->consumer,
                           .number = letter->number,
                           .event = check_letter(dlq->owner, event, handle, letter)};
    place->there_us = sim_now_us() + world.is.letter_us / 2 + sim_random(world.is.letter_us) + late;
    place->report_us = place->there_us + sim_random(world.is.letter_us);
    sim_say("sends a dead letter of %s/%d@%lld: %s", event->topic, event->partition, (long long)event->offset,
            mr_reason_name(letter->reason));
    return true;
}

void letters_turn(void)
{
    uint64_t now = sim_now_us();
    for (uint32_t i = 0; i < INSTANCES_MAX; i++) {
        mr_dlq *dlq = world.instances[i].dlq;
        if (!dlq || now < world.letters_back_us || !world_reaches(dlq->owner))
            continue;
        for (sent_letter *at = dlq->letters; at < dlq->letters + QUEUE_MOST; at++) {
            if (at->state == LETTER_SENT && now >= at->there_us)
                arrive(at);
            if (at->state == LETTER_THERE && now >= at->report_us)
                sim_bell_io(dlq->bell);
        }
    }
}

uint32_t mr_dlq_serve(mr_dlq *dlq, uint64_t now_ms,
                      void (*done)(void *context, uint32_t consumer, uint32_t number), void *context)
{
    uint32_t acknowledged = 0;
    (void)now_ms;
    for (sent_letter *at = dlq->letters; at < dlq->letters + QUEUE_MOST; at++) {
        if (at->state != LETTER_THERE || sim_now_us() < at->report_us)
            continue;
        at->state = LETTER_FREE;
        done(context, at->consumer, at->number);
        acknowledged++;
    }
    return acknowledged;
}

/* A killed worker's letters may have arrived. */
void letters_gone(instance *one)
{
    mr_dlq *dlq = one->dlq;
    for (uint32_t i = 0; dlq && i < QUEUE_MOST; i++)
        if (dlq->letters[i].state == LETTER_SENT && world_reaches(one) &&
            sim_now_us() >= world.letters_back_us && sim_random(2))
            arrive(&dlq->letters[i]);
    one->dlq = NULL;
}

bool mr_dlq_reload_secrets(mr_dlq *dlq)
{
    (void)dlq;
    return false;
}

uint64_t mr_dlq_errors(const mr_dlq *dlq)
{
    return dlq->errors;
}

void mr_dlq_free(mr_dlq *dlq)
{
    (void)dlq;
}
