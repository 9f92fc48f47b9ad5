/* A writer behind a closed gate: gives back everything that waits, and probes. */
#include "base/clock.h"
#include "base/log.h"
#include "threads/give_back.h"
#include "writer_private.h"

/* Everything that waits, in the wheel and in the rings. */
static uint32_t return_all_parked(mr_writer *writer)
{
    uint32_t handle, done = 0;
    while (mr_wheel_take(writer->retry.wheel, &handle)) {
        mr_give_back(writer->flow, writer->shard, handle, MR_OUTCOME_PARKED);
        done++;
    }
    for (uint32_t c = 0; c < writer->flow->consumers; c++)
        while (mr_ring_pop(mr_flow_pages(writer->flow, c, writer->shard), &handle)) {
            mr_give_back(writer->flow, writer->shard, handle, MR_OUTCOME_PARKED);
            done++;
        }
    return done;
}

static void schedule_probe(mr_writer *writer, uint64_t now_ms)
{
    writer->probes++;
    writer->probe_ms = now_ms + mr_retry_delay_ms(&writer->probing, writer->probes);
}

static void begin_closed(mr_writer *writer, uint64_t now_ms)
{
    writer->failures = 0;
    writer->paused_until_ms = 0;
    mr_writer_is_settled(writer, now_ms);
    schedule_probe(writer, now_ms);
}

/* Connects anew, which resolves the name, reads the password and compares the tables. */
static void probe(mr_writer *writer)
{
    mr_sql_close(writer->sql);
    mr_sql_result result = mr_writer_connect(writer);
    uint64_t now_ms = mr_clock_ms();
    if (result.db_class == MR_DB_OK) {
        /* The tables fit, which says little when the rows were refused for something that nobody sees in them. */
        (writer->drifted ? mr_drift_suspect : mr_drift_forget)(&writer->writing.drift);
        mr_gate_good(writer->gates, writer->shard, now_ms);
        writer->probe_ms = MR_PROBE_NOT_SCHEDULED;
        mr_gate_turn(writer->gates, writer->shard, MR_GATE_PARKED, MR_GATE_PROBED);
        for (uint32_t c = 0; c < writer->flow->consumers; c++)
            mr_bell_ring(&writer->flow->consumer_bell[c]);
        return;
    }
    mr_metric_db_error(writer->flow->metrics, writer->shard, result.db_class, result.code);
    mr_writer_explain(writer, &result, "it does not answer");
    mr_log(MR_LOG_INFO, "shard_probed",
           MR_FIELDS(.shard = writer->about->name, .code = result.code, .sqlstate = result.sqlstate),
           "probe %u: the shard does not take rows yet (%s)%s%s", writer->probes,
           mr_db_class_name(result.db_class), result.text[0] ? ": " : "", result.text);
    schedule_probe(writer, now_ms);
}

uint32_t mr_writer_stay_closed(mr_writer *writer, mr_gate_state now, uint64_t now_ms)
{
    uint32_t done = return_all_parked(writer);
    if (now == MR_GATE_HELD)
        return done;
    if (writer->probe_ms == MR_PROBE_NOT_SCHEDULED)
        begin_closed(writer, now_ms);
    if (now_ms < writer->probe_ms)
        return done;
    probe(writer);
    return done + 1;
}
