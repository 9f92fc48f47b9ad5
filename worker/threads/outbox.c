#include "threads/outbox.h"

#include <string.h>

#include "base/log.h"
#include "base/must.h"

#define PAUSE_MS 100 /* after the producer refused one */

/* The event of a letter; `life` counts the partitions that the slot has had. */
typedef struct origin {
    int64_t offset;
    uint32_t slot, shard, life;
} origin;

typedef struct letter {
    mr_frontier *frontier; /* NULL: free */
    origin of;
    uint32_t hold;
    uint32_t stream;
    mr_reason reason;
    uint32_t next_free;
} letter;

struct mr_outbox {
    mr_flow *flow;
    uint32_t consumer;
    letter *letters; /* [MR_DEAD_LETTERS_EACH] */
    uint32_t free;
    uint64_t again_ms;
    origin *sent; /* [MR_LETTERS_KEPT]: acknowledged, oldest first */
    uint32_t sent_count;
    uint32_t life[MR_PARTITIONS_EACH];
    mr_outbox_keeps keeps;
    const void *context;
};

mr_outbox *mr_outbox_new(mr_flow *flow, uint32_t consumer, mr_outbox_keeps keeps, const void *context,
                         mr_arena *arena)
{
    mr_outbox *outbox = mr_arena_take(arena, "dead letters", 1, sizeof *outbox);
    *outbox = (mr_outbox){.flow = flow, .consumer = consumer, .keeps = keeps, .context = context};
    outbox->sent = mr_arena_take(arena, "dead letters", MR_LETTERS_KEPT, sizeof *outbox->sent);
    outbox->letters = mr_arena_take(arena, "dead letters", MR_DEAD_LETTERS_EACH, sizeof *outbox->letters);
    for (uint32_t i = 0; i < MR_DEAD_LETTERS_EACH; i++)
        outbox->letters[i].next_free = i + 1;
    return outbox;
}

/* Takes one letter from the stream's budget of this minute. */
static bool afford(mr_flow *flow, uint32_t stream, uint64_t now_ms)
{
    uint32_t most = flow->config->dlq.per_minute_max;
    if (most == 0)
        return true;
    mr_budget *budget = &flow->budget[stream];
    uint64_t minute = now_ms / 60000 + 1, was = atomic_load(&budget->minute);
    if (was != minute && atomic_compare_exchange_strong(&budget->minute, &was, minute)) {
        atomic_store(&budget->letters, 0);
        atomic_store(&budget->exceeded, false);
    }
    uint32_t sent = atomic_load(&budget->letters);
    while (sent < most)
        if (atomic_compare_exchange_weak(&budget->letters, &sent, sent + 1))
            return true;
    if (!atomic_exchange(&budget->exceeded, true)) {
        mr_metric_add(flow->metrics, MR_M_DLQ_THROTTLED, 0, 0, 1);
        mr_log(MR_LOG_ERROR, "stream_held", MR_FIELDS(.stream = flow->config->streams[stream].name),
               "held until the next minute: it had %u dead letters in this one (dlq.per_minute_max): look at "
               "them with "
               "`millrace dlq list`",
               most);
    }
    return false;
}

static void give_back(mr_flow *flow, uint32_t stream)
{
    if (flow->config->dlq.per_minute_max > 0)
        atomic_fetch_sub(&flow->budget[stream].letters, 1);
}

bool mr_outbox_send_held(mr_outbox *outbox, const mr_outgoing *out, uint32_t hold, uint64_t now_ms)
{
    uint32_t number = outbox->free;
    if (number == MR_DEAD_LETTERS_EACH || now_ms < outbox->again_ms ||
        !afford(outbox->flow, out->stream, now_ms))
        return false;
    mr_letter sent = out->letter;
    sent.consumer = outbox->consumer;
    sent.number = number;
    if (!mr_dlq_send(outbox->flow->dlq, out->event, out->message, &sent)) {
        give_back(outbox->flow, out->stream);
        outbox->again_ms = now_ms + PAUSE_MS;
        return false;
    }
    letter *kept = &outbox->letters[number];
    outbox->free = kept->next_free;
    *kept = (letter){.frontier = out->frontier,
                     .of = {.offset = out->offset,
                            .slot = out->partition_slot,
                            .shard = out->shard,
                            .life = outbox->life[out->partition_slot]},
                     .hold = hold,
                     .stream = out->stream,
                     .reason = out->letter.reason};
    return true;
}

bool mr_outbox_send(mr_outbox *outbox, const mr_outgoing *out, uint64_t now_ms)
{
    mr_hold_for what = {.lane = MR_LANE_NONE, .owner = MR_OUTBOX_OWNER, .chain = MR_HOLD_NONE};
    uint32_t hold = mr_frontier_hold(out->frontier, out->slot, out->offset, what);
    if (mr_outbox_send_held(outbox, out, hold, now_ms))
        return true;
    mr_frontier_release(out->frontier, hold);
    return false;
}

/* ---- what is sent already ---- */

static bool counts(const mr_outbox *outbox, const origin *of)
{
    return of->shard != MR_LANE_NONE && of->life == outbox->life[of->slot];
}

/* Forgets what no range will hold any more; where that is not enough, the oldest quarter. */
static void make_room(mr_outbox *outbox)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < outbox->sent_count; i++) {
        const origin *of = &outbox->sent[i];
        if (counts(outbox, of) && outbox->keeps(outbox->context, of->slot, of->shard, of->offset))
            outbox->sent[left++] = *of;
    }
    uint32_t drop = left > MR_LETTERS_KEPT * 3 / 4 ? left - MR_LETTERS_KEPT * 3 / 4 : 0;
    outbox->sent_count = left - drop;
    memmove(outbox->sent, outbox->sent + drop, outbox->sent_count * sizeof *outbox->sent);
}

static void remember(mr_outbox *outbox, const origin *of)
{
    if (!counts(outbox, of))
        return;
    if (outbox->sent_count == MR_LETTERS_KEPT)
        make_room(outbox);
    outbox->sent[outbox->sent_count++] = *of;
}

mr_letter_known mr_outbox_known(const mr_outbox *outbox, uint32_t partition_slot, int64_t offset)
{
    for (uint32_t i = 0; i < outbox->sent_count; i++) {
        const origin *of = &outbox->sent[i];
        if (of->offset == offset && of->slot == partition_slot && counts(outbox, of))
            return MR_LETTER_SENT;
    }
    for (uint32_t i = 0; i < MR_DEAD_LETTERS_EACH; i++) {
        const origin *of = &outbox->letters[i].of;
        if (outbox->letters[i].frontier && of->offset == offset && of->slot == partition_slot &&
            counts(outbox, of))
            return MR_LETTER_UNDER_WAY;
    }
    return MR_LETTER_NEW;
}

void mr_outbox_forget(mr_outbox *outbox, uint32_t partition_slot)
{
    must(partition_slot < MR_PARTITIONS_EACH);
    outbox->life[partition_slot]++;
}

uint32_t mr_outbox_serve(mr_outbox *outbox)
{
    uint32_t number, done = 0;
    while (mr_ring_pop(outbox->flow->letters[outbox->consumer], &number)) {
        letter *back = &outbox->letters[number];
        mr_frontier_release(back->frontier, back->hold);
        mr_metric_add(outbox->flow->metrics, MR_M_DEAD_LETTERS, back->stream, back->reason, 1);
        remember(outbox, &back->of);
        back->frontier = NULL;
        back->next_free = outbox->free;
        outbox->free = number;
        done++;
    }
    return done;
}
