#include "stages/ledger.h"

#include <string.h>

#include "base/log.h"
#include "metrics_private.h"

static uint64_t sum(const mr_metrics *metrics, mr_metric_id id)
{
    uint64_t total = 0;
    for (uint32_t a = 0; a < metrics->extent_a[id]; a++)
        for (uint32_t b = 0; b < metrics->extent_b[id]; b++)
            total += mr_metric_get(metrics, id, a, b);
    return total;
}

bool mr_ledger_check(const mr_metrics *metrics, mr_ledger *ledger)
{
    *ledger = (mr_ledger){.consumed = sum(metrics, MR_M_MESSAGES_CONSUMED),
                          .replay_read = sum(metrics, MR_M_REPLAY_READ),
                          .written = sum(metrics, MR_M_ROWS_WRITTEN),
                          .dead_letters = sum(metrics, MR_M_DEAD_LETTERS),
                          .filtered = sum(metrics, MR_M_FILTERED),
                          .skipped_parked = sum(metrics, MR_M_SKIPPED_PARKED),
                          .released = sum(metrics, MR_M_RELEASED),
                          .in_flight = sum(metrics, MR_M_IN_FLIGHT)};
    ledger->in = ledger->consumed + ledger->replay_read;
    ledger->out = ledger->written + ledger->dead_letters + ledger->filtered + ledger->skipped_parked +
                  ledger->released + ledger->in_flight;
    return ledger->in == ledger->out;
}

static void say(const mr_ledger *ledger)
{
    mr_log(MR_LOG_ERROR, "counters_disagree", NULL,
           "the counters differ by %lld: consumed %llu, replay read %llu, but written %llu, "
           "dead letters %llu, filtered %llu, skipped as parked %llu, released %llu, in flight %lld: "
           "a defect, please report it",
           (long long)(ledger->in - ledger->out), (unsigned long long)ledger->consumed,
           (unsigned long long)ledger->replay_read, (unsigned long long)ledger->written,
           (unsigned long long)ledger->dead_letters, (unsigned long long)ledger->filtered,
           (unsigned long long)ledger->skipped_parked, (unsigned long long)ledger->released,
           (long long)ledger->in_flight);
}

bool mr_ledger_look(mr_ledger_watch *watch, const mr_metrics *metrics)
{
    mr_ledger now;
    bool agree = mr_ledger_check(metrics, &now);
    bool same = memcmp(&now, &watch->last, sizeof now) == 0;
    watch->last = now;
    watch->same = same ? watch->same + 1 : 0;
    if (watch->same < MR_LEDGER_SAME)
        return false;
    uint64_t difference = agree ? 0 : now.in - now.out;
    bool news = difference != watch->said;
    watch->said = difference;
    if (!news || agree)
        return false;
    say(&now);
    return true;
}
