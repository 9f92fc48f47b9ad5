#include "app/turn.h"

#include "base/clock.h"
#include "base/log.h"

#define LOOK_MS   1000  /* gauges */
#define TOPICS_MS 10000 /* partition counts, and whether brokers answer */
#define STOP_MS   2000  /* for threads to end */
#define LEAVE_MS  4000  /* of the grace period: to commit and leave the group */

static void letter_done(void *context, uint32_t consumer, uint32_t number)
{
    mr_flow *flow = context;
    mr_ring_push(flow->letters[consumer], number);
    mr_bell_ring(&flow->consumer_bell[consumer]);
}

void mr_turn_busy(mr_turn *turn)
{
    mr_flow *flow = &turn->worker->flow;
    uint64_t now = mr_clock_ms();
    mr_dlq_serve(flow->dlq, now, letter_done, flow);
    mr_pulse_turn(turn->worker->main_pulse, now);
}

/* What it is about to do, for the watchdog: none of it takes long by itself, and what waits for brokers is busy meanwhile. */
static void doing(mr_turn *turn, const char *what)
{
    mr_pulse_enter(turn->worker->main_pulse, what, 0, mr_clock_ms());
}

/* librdkafka logs in again by itself with what it was given last. */
bool mr_turn_reload_secrets(mr_turn *turn)
{
    mr_flow *flow = &turn->worker->flow;
    bool group = mr_group_reload_secrets(turn->worker->group), letters = mr_dlq_reload_secrets(flow->dlq),
         reader = mr_reader_reload_secrets(flow->reader);
    if (!group && !letters && !reader)
        return false;
    mr_metric_add(flow->metrics, MR_M_CREDENTIALS_RELOADED, 0, 0, 1);
    mr_log(MR_LOG_INFO, "secrets_read", NULL, "Kafka's secrets have changed and were read again");
    return true;
}

static void count_topic(void *context, const char *topic, uint32_t partitions)
{
    mr_metrics_topic(context, topic, partitions);
}

static void look(mr_turn *turn, uint64_t now_ms)
{
    mr_worker *worker = turn->worker;
    mr_metrics *metrics = worker->flow.metrics;
    mr_membership_look(worker->membership, now_ms);
    mr_metric_set(metrics, MR_M_LOG_DROPPED, 0, 0, mr_log_dropped());
    mr_metric_set(metrics, MR_M_DLQ_ERRORS, 0, 0, mr_dlq_errors(worker->flow.dlq));
    mr_metric_set(metrics, MR_M_WATCHDOG_STALLS, 0, 0, mr_watchdog_stalls(worker->watchdog));
    mr_ledger_look(&turn->ledger, metrics);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

mr_status mr_turn_once(mr_turn *turn, uint64_t *rest_ms, mr_error *error)
{
    mr_worker *worker = turn->worker;
    uint64_t now = mr_clock_ms();
    turn->duties.busy(turn->duties.context);
    doing(turn, "serving the group");
    mr_group_poll(worker->group);
    if (mr_group_fatal(worker->group, error))
        return MR_AGAIN;
    if (now >= turn->commit_ms) {
        doing(turn, "committing");
        mr_membership_commit(worker->membership);
        turn->commit_ms = now + worker->config->kafka.commit_interval_ms;
    }
    if (now >= turn->look_ms) {
        doing(turn, "looking at its partitions");
        look(turn, now);
        turn->look_ms = now + LOOK_MS;
    }
    if (now >= turn->topics_ms) {
        doing(turn, "asking about topics");
        mr_group_topics(worker->group, count_topic, worker->flow.metrics, 1000);
        mr_turn_reload_secrets(turn);
        turn->topics_ms = mr_clock_ms() + TOPICS_MS;
    }
    uint64_t next = earlier(turn->commit_ms, earlier(turn->look_ms, turn->topics_ms));
    now = mr_clock_ms();
    *rest_ms = next > now ? earlier(next - now, 100) : 0;
    doing(turn, "resting");
    return MR_OK;
}

mr_turn_end mr_turn_finish(mr_turn *turn, uint64_t began_ms, bool lost)
{
    mr_worker *worker = turn->worker;
    uint64_t grace_ms = worker->config->shutdown.grace_s * 1000u;
    uint64_t end_ms = began_ms + grace_ms;
    uint64_t drain_ms = grace_ms > 2 * LEAVE_MS ? grace_ms - LEAVE_MS : grace_ms / 2;
    mr_turn_end end;
    doing(turn, "draining");
    end.quiet = !lost && mr_membership_drain(worker->membership, began_ms + drain_ms, end_ms - grace_ms / 10);
    uint64_t now = mr_clock_ms();
    doing(turn, "leaving the group");
    end.left =
        !lost && mr_group_close(worker->group, (uint32_t)(end_ms > now + 1000 ? end_ms - now - 1000 : 1000));
    doing(turn, "ending the other threads");
    /* A thread that is in a call to a database need not be waited for: commits are conservative. */
    uint64_t wait_until_ms = earlier(end_ms, mr_clock_ms() + STOP_MS);
    end.stopped = mr_worker_stop(worker, turn->duties, wait_until_ms);
    mr_pulse_end(worker->main_pulse);
    return end;
}
