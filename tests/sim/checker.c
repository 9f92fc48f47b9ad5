#include "checker.h"

#include <stdio.h>
#include <string.h>

#include "base/ksuid.h"
#include "fake_kafka.h"

uint64_t sim_counts[SIM_COUNT_COUNT];

const char *sim_count_name(sim_count count)
{
    static const char *const names[SIM_COUNT_COUNT] = {
#define X(symbol, name) [symbol] = name,
        SIM_COUNTS(X)
#undef X
    };
    return names[count];
}

#define EVENT_AT(event)                                                                                      \
    topic_names[(event)->topic], (event)->partition, (long long)(event)->offset, events_kind((event)->kind), \
        (event)->shard[0]
#define EVENT_FORMAT "%s/%d@%lld (%s, s%u)"

/* ---- rows ---- */

static void check_identity(const sim_event *event, const unsigned char *id, size_t id_len)
{
    if (event->id_len > 0) {
        sim_check(event->id_len == id_len && !memcmp(event->id, id, id_len), "2: no event has two rows",
                  EVENT_FORMAT " comes with another identity than before", EVENT_AT(event));
        return;
    }
    if (event->topic != 0)
        return; /* its message id, which read_row has compared */
    mr_ksuid_parts parts = mr_ksuid_take_apart(id);
    sim_check(id_len == MR_KSUID_BYTES && parts.partition == event->partition &&
                  parts.offset == event->offset && parts.seconds == event->timestamp_ms / 1000,
              "2: no event has two rows", EVENT_FORMAT ": its identity says %d@%lld", EVENT_AT(event),
              parts.partition, (long long)parts.offset);
}

void check_row(instance *by, uint32_t shard, uint32_t number, const unsigned char *id, size_t id_len)
{
    sim_event *event = &world.events[number];
    const sim_log *log = &world.logs[event->topic][event->partition];
    sim_check(event->kind == EVENT_GOOD, "2: a row's content is the event's",
              EVENT_FORMAT " cannot be a row, and is one", EVENT_AT(event));
    sim_check(event->shard[by->variant] == shard, "8: the same key goes to the same shard",
              EVENT_FORMAT " is written to s%u", EVENT_AT(event), shard);
    sim_check(event->row_shard < 0 || event->row_shard == (int)shard, "2: no event has two rows",
              EVENT_FORMAT " is in s%d, and now in s%u as well", EVENT_AT(event), event->row_shard, shard);
    check_identity(event, id, id_len);
    sim_check(event->row_shard >= 0 || !log->committed.clean || log->foreign ||
                  event->offset < log->committed.offset,
              "3: clean means that nothing is durable above",
              EVENT_FORMAT " becomes durable, and %lld is committed as clean", EVENT_AT(event),
              (long long)log->committed.offset);
    sim_counts[event->row_shard < 0 ? C_ROWS : C_REWRITES]++;
    sim_counts[C_SENT_BACK_ROWS] += event->row_shard < 0 && event->times > 0;
    event->row_shard = (int)shard;
    event->row_us = sim_now_us();
    event->id_len = id_len < sizeof event->id ? id_len : sizeof event->id;
    memcpy(event->id, id, event->id_len);
}

/* ---- commits ---- */

static bool is_covered(const sim_event *event, const sim_commit *commit)
{
    if (event->kind == EVENT_SHARDLESS || event->kind == EVENT_TOMBSTONE)
        return false; /* no shard's: no range answers for it */
    const sim_range *range = &commit->parked[event->shard[commit->variant]];
    return range->from <= event->offset && event->offset < range->to;
}

static bool may_be_gone(const sim_log *log, const sim_event *event)
{
    return event->offset < log->low && (event->lost || log->jumped || log->cut_above);
}

void check_commit(sim_log *log, const sim_commit *commit)
{
    bool parked = false;
    for (uint32_t shard = 0; shard < world.is.shards; shard++)
        parked = parked || commit->parked[shard].to > commit->parked[shard].from;
    sim_counts[C_COMMITS_PARKED] += parked;
    for (int64_t offset = log->first; offset < log->end; offset++) {
        const sim_event *event = log->at[offset];
        if (!event)
            continue;
        if (offset >= commit->offset) {
            sim_check(!commit->clean || event->row_shard < 0, "3: clean means that nothing is durable above",
                      EVENT_FORMAT " is durable, and %lld is committed as clean", EVENT_AT(event),
                      (long long)commit->offset);
            continue;
        }
        sim_counts[C_BELOW]++;
        if (world_well_done(event))
            continue;
        bool covered = is_covered(event, commit);
        sim_counts[C_COVERED] += covered;
        sim_check(covered || may_be_gone(log, event), "3: a commit passes nothing that is not durable",
                  EVENT_FORMAT
                  " is neither a row nor a dead letter nor in a parked range, and %lld is committed: %s",
                  EVENT_AT(event), (long long)commit->offset, commit->text);
    }
}

/* ---- dead letters ---- */

static const char letter_is[] = "6: a dead letter carries the original";

/* Why it is one. */
static void check_reason(const sim_event *event, const mr_letter *letter)
{
    static const char valid[] = "7: no valid event becomes a dead letter";
    const sim_event *root = world_root(event);
    bool good = event->kind == EVENT_GOOD, unique = letter->reason == MR_REASON_UNIQUE;
    sim_check(letter->reason != MR_REASON_NONE, letter_is, EVENT_FORMAT " has no reason", EVENT_AT(event));
    sim_check(!good || (unique ? root->collided : root->narrowed), valid, EVENT_FORMAT " is one: %s",
              EVENT_AT(event), mr_reason_name(letter->reason));
    sim_check(!good || unique || ++world.narrow_letters <= world.narrow_most, valid,
              EVENT_FORMAT " is the %u. one of a table that was altered", EVENT_AT(event),
              world.narrow_letters);
    sim_check((unique || letter->reason == MR_REASON_DB) == (event->kind == EVENT_POISON || good), letter_is,
              EVENT_FORMAT " has the reason %s", EVENT_AT(event), mr_reason_name(letter->reason));
    sim_check((letter->reason == MR_REASON_NO_ORIGIN) == (event->of && !event->has_origin), letter_is,
              EVENT_FORMAT " has the reason %s", EVENT_AT(event), mr_reason_name(letter->reason));
}

/* As long as a partition is a worker's, it sends one letter of an event: it remembers.  Unless the log has jumped, and is read again. */
static void check_once(instance *one, sim_event *event)
{
    const owned *now = group_owns(one->group, &world.logs[event->topic][event->partition]);
    if (!now || world.logs[event->topic][event->partition].jumped)
        return;
    sim_check(event->letter_of != now->serial, "1: every event ends as its row or its dead letter",
              EVENT_FORMAT " is a dead letter again, by the same worker in the same assignment",
              EVENT_AT(event));
    event->letter_of = now->serial;
}

sim_event *check_letter(instance *one, const mr_event *sent, const void *handle, const mr_letter *letter)
{
    sim_event *event = handle ? inbox_event(handle) : world_event(sent->topic, sent->partition, sent->offset);
    sim_check(event, letter_is, "%s/%d@%lld is a dead letter, and there is no such event", sent->topic,
              sent->partition, (long long)sent->offset);
    const sim_event *says = handle && event->has_origin ? event->of : event;
    sim_check(!strcmp(sent->topic, topic_names[says->topic]) && sent->partition == says->partition &&
                  sent->offset == says->offset,
              letter_is, EVENT_FORMAT " says that it is %s/%d@%lld", EVENT_AT(event), sent->topic,
              sent->partition, (long long)sent->offset);
    check_reason(event, letter);
    check_once(one, event);
    if (letter->original_gone) {
        sim_counts[C_LETTERS_GONE]++;
        sim_check(event->offset < world.logs[event->topic][event->partition].low, letter_is,
                  EVENT_FORMAT " is said to be gone, and the log has it", EVENT_AT(event));
        sim_check(sent->timestamp_ms == (event->has_origin ? event->of : event)->timestamp_ms, letter_is,
                  EVENT_FORMAT " has another event's time", EVENT_AT(event));
        return event;
    }
    sim_check(handle && sent->timestamp_ms == says->timestamp_ms, letter_is,
              EVENT_FORMAT " comes without its message", EVENT_AT(event));
    sim_check(sent->value_len == event->value_len && (!sent->value == !event->value) &&
                  (!event->value || !memcmp(sent->value, event->value, event->value_len)),
              letter_is, EVENT_FORMAT " has other bytes than the event", EVENT_AT(event));
    sim_check((!sent->key == !event->key) && (!event->key || (sent->key_len == strlen(event->key) &&
                                                              !memcmp(sent->key, event->key, sent->key_len))),
              letter_is, EVENT_FORMAT " has another key than the event", EVENT_AT(event));
    const char *value;
    size_t len;
    sim_check(sent->header(handle, "trace", &value, &len) && len == strlen(event->header) &&
                  !memcmp(value, event->header, len),
              letter_is, EVENT_FORMAT " comes with another message's headers", EVENT_AT(event));
    return event;
}

/* ---- pages and retries ---- */

#define HANDLES_MAX 4096

static struct {
    uint64_t due_ms[HANDLES_MAX]; /* 0: not on the wheel */
    uint32_t shard[HANDLES_MAX];
    uint32_t serial[HANDLES_MAX], attempts[HANDLES_MAX]; /* of the page that was there last */
    bool drift[SHARDS_MAX];                              /* its last batch was refused for drift; by name */
} wheels[INSTANCES_MAX];

void check_begin(void)
{
    memset(wheels, 0, sizeof wheels);
}

void check_gone(instance *one)
{
    check_gates_gone(one);
    memset(&wheels[one->number], 0, sizeof wheels[0]);
}

/* The writer has said that a batch was refused for drift. */
void check_drift(const instance *one, uint32_t by_name)
{
    wheels[one->number].drift[by_name] = true;
}

void check_writes(instance *one, uint32_t shard)
{
    wheels[one->number].drift[world_shard(one->variant, shard)] = false;
}

/* Of one of both connections, for nobody says here which of them had the page. */
static bool was_transient(const instance *one, uint32_t shard, bool transient)
{
    const struct mr_sql *second = one->second_sql[shard];
    return (sql_said(one->sql[shard]) == MR_DB_TRANSIENT) == transient ||
           (second && (sql_said(second) == MR_DB_TRANSIENT) == transient);
}

/* A page counts the transient failures of its batches, and no other; and what drift has taken back is not refused. */
static void check_tries(instance *one, uint32_t shard, uint32_t handle)
{
    const mr_page *page = mr_pool_page(one->worker->flow.pool, handle);
    uint32_t *serial = &wheels[one->number].serial[handle], *attempts = &wheels[one->number].attempts[handle];
    uint32_t before = *serial == page->serial ? *attempts : 0, now = atomic_load(&page->attempts);
    sim_check(now >= before && now <= before + 1 && was_transient(one, shard, now > before),
              "5: attempts are transient failures",
              "page %u of shard %u has made %u attempts, after %u and: %s", handle, shard, now, before,
              mr_db_class_name(sql_said(one->sql[shard])));
    *serial = page->serial;
    *attempts = now;
    sim_check(!wheels[one->number].drift[world_shard(one->variant, shard)] || page->rows_refused == 0,
              "7: no valid event becomes a dead letter",
              "page %u of shard %u was refused for drift, and %u of its rows stay refused", handle, shard,
              page->rows_refused);
}

void check_scheduled(instance *one, uint32_t shard, uint32_t handle, uint64_t due_ms, uint64_t latest_ms)
{
    static const char what[] = "5: a retry is never early";
    sim_check(handle < HANDLES_MAX && wheels[one->number].due_ms[handle] == 0, "9: a page is in one place",
              "page %u is put on the wheel, and is there", handle);
    sim_check(due_ms >= sim_now_ms() + one->config->retry.backoff_min_ms || due_ms == latest_ms, what,
              "page %u of shard %u is due after %lld ms", handle, shard, (long long)(due_ms - sim_now_ms()));
    sim_check(!sql_is_open(one->sql[shard]), "a failed transaction is rolled back",
              "page %u of shard %u waits to be tried again, and its transaction is open", handle, shard);
    check_tries(one, shard, handle);
    wheels[one->number].due_ms[handle] = due_ms ? due_ms : 1;
    wheels[one->number].shard[handle] = shard;
    sim_counts[C_RETRIES]++;
}

void check_given(instance *one, uint32_t shard, uint32_t handle, uint64_t now_ms)
{
    uint64_t *due = &wheels[one->number].due_ms[handle];
    sim_check(*due > 0 && wheels[one->number].shard[handle] == shard, "9: a page is in one place",
              "page %u of shard %u comes off the wheel, and is not on it", handle, shard);
    sim_check(now_ms >= *due, "5: a retry is never early", "page %u of shard %u is tried again %llu ms early",
              handle, shard, (unsigned long long)(*due - now_ms));
    *due = 0;
}

void check_forgot(instance *one, uint32_t shard, uint32_t handle)
{
    (void)shard;
    wheels[one->number].due_ms[handle] = 0;
}

/* The earliest that is due; UINT64_MAX: none. */
static uint64_t first_due(const instance *one, uint32_t shard)
{
    uint64_t first = UINT64_MAX;
    uint32_t pages = mr_pool_pages(one->worker->flow.pool);
    for (uint32_t handle = 0; handle < pages; handle++)
        if (wheels[one->number].due_ms[handle] > 0 && wheels[one->number].shard[handle] == shard &&
            wheels[one->number].due_ms[handle] < first)
            first = wheels[one->number].due_ms[handle];
    return first;
}

void check_none_due(instance *one, uint32_t shard, uint64_t now_ms)
{
    uint64_t first = first_due(one, shard);
    sim_check(first == UINT64_MAX || first + one->config->retry.tick_ms >= now_ms,
              "5: a retry is late by a tick at most",
              "shard %u: a page was due %llu ms ago, and the wheel does not give it", shard,
              (unsigned long long)(now_ms - first));
}

/* Between looking at the wheel and sleeping other threads may run, for a while. */
#define LATE_MS 300u

void check_sleepers(const instance *one)
{
    mr_flow *flow = &one->worker->flow;
    for (uint32_t shard = 0; shard < flow->shards && flow->consumers + shard < one->thread_count; shard++) {
        uint64_t until_us, first = first_due(one, shard);
        if (first == UINT64_MAX || sim_is_on(F_STARVE) || sim_is_on(F_SLOW_CONSUMER) ||
            one->frozen_until_us + 5000000 > sim_now_us() ||
            mr_gate_now(&flow->gates, shard) != MR_GATE_LIVE ||
            !sim_at_bell(one->threads[flow->consumers + shard], &until_us))
            continue;
        sim_check(until_us / 1000 <= first + one->config->retry.tick_ms + LATE_MS,
                  "5: a retry is late by a tick at most",
                  "shard %u: a page is due at %.3f s, and its writer sleeps until %.3f s", shard,
                  (double)first / 1e3, (double)until_us / 1e6);
    }
}

static mr_page *page_of(const instance *one, const unsigned char *record)
{
    mr_pool *pool = one->worker->flow.pool;
    uint32_t at = 0, pages = mr_pool_pages(pool);
    while (at < pages && (record < mr_pool_page(pool, at)->records ||
                          record >= mr_pool_page(pool, at)->records + one->worker->plan.page_bytes))
        at++;
    sim_check(at < pages, "9: a page is in one place", "rows are written that are in no page");
    return mr_pool_page(pool, at);
}

uint32_t check_page_begin(instance *one, const unsigned char *record)
{
    const mr_page *page = page_of(one, record);
    sim_check(page->rows_max > 0 && page->sealed, "9: a page is in one place",
              "rows of a page are written that is free, or open");
    return page->serial;
}

void check_page_end(instance *one, const unsigned char *record, uint32_t serial)
{
    const mr_page *page = page_of(one, record);
    sim_check(page->rows_max > 0 && page->serial == serial && page->sealed, "9: a page is in one place",
              "a page was given away while the database was writing it");
}

/* A page that a writer gives back as durable: every row of it is, but for those that the database refuses. */
void check_returned(instance *one, uint32_t handle)
{
    const mr_page *page = mr_pool_page(one->worker->flow.pool, handle);
    const mr_layout *layout = &one->worker->plan.layouts[page->stream];
    sim_check(page->rows_max > 0 && wheels[one->number].due_ms[handle] == 0, "9: a page is in one place",
              "page %u is given back, and is free or on the wheel", handle);
    const mr_record *first = mr_page_header(page, 0);
    sim_say("gives page %u back %s: %u rows of %s, partition %d from %lld on", handle,
            page->outcome == MR_OUTCOME_DURABLE ? "durable" : "parked", page->rows, topic_names[page->stream],
            first->partition, (long long)first->offset);
    if (page->outcome != MR_OUTCOME_DURABLE)
        return;
    sim_counts[C_PAGES]++;
    sim_counts[C_BISECTED] += page->rows_refused;
    for (uint32_t row = 0; row < page->rows; row++) {
        int64_t n;
        if (mr_record_skipped(layout, mr_page_record(page, row)))
            continue;
        memcpy(&n, mr_record_value(layout, mr_page_record(page, row), page->stream == 0), sizeof n);
        const sim_event *event = &world.events[n];
        sim_check(event->row_shard >= 0, "3: durable means durable",
                  EVENT_FORMAT " comes back as durable, and is not", EVENT_AT(event));
    }
}
