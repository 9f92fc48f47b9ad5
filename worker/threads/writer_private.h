/* writer_private.h: the inside of a shard's writer, shared by writer*.c only. */
#ifndef MR_THREADS_WRITER_PRIVATE_H
#define MR_THREADS_WRITER_PRIVATE_H

#include "base/owner.h"
#include "edges/sql.h"
#include "stages/batch.h"
#include "stages/retry.h"
#include "threads/second.h"
#include "threads/writer.h"
#include "threads/writing.h"

#define MR_PROBE_NOT_SCHEDULED UINT64_MAX

struct mr_writer {
    /* fixed */
    mr_flow *flow;
    const mr_config *config;
    const mr_shard *about; /* the shard's configuration */
    mr_gates *gates;
    mr_pulse *pulse;
    uint32_t shard;
    /* the thread's */
    mr_owner owner;
    mr_sql *sql;
    mr_writing writing;
    mr_batch batch;
    mr_retry retry;
    mr_second *second;       /* NULL: the shard has one connection */
    uint64_t alone_until_ms; /* the second one is left alone */
    uint32_t next_consumer;  /* rings are served in turn */
    uint32_t failures;       /* of the shard, in a row */
    uint64_t paused_until_ms;
    uint32_t probes;        /* since it was live and settled */
    mr_retry probing;       /* delays of probes: no wheel */
    uint64_t probe_ms;      /* when the next one is due, or MR_PROBE_NOT_SCHEDULED: the gate is open */
    uint64_t live_since_ms; /* 0: not live */
    bool ever_live;
    bool drifted;        /* too many rows were refused since it was live */
    uint64_t touched_ms; /* when the connection was last used or tried; 0: never */
};

static inline mr_gate_state mr_writer_gate(const mr_writer *writer)
{
    return mr_gate_now(writer->gates, writer->shard);
}

/* Says why the shard is as it is, for people. */
void mr_writer_explain(mr_writer *writer, const mr_sql_result *result, const char *what);
/* Whether it was live for long enough to be trusted again: then the count of probes begins anew. */
bool mr_writer_is_settled(mr_writer *writer, uint64_t now_ms);
mr_sql_result mr_writer_connect(mr_writer *writer);

/* writer_closed.c: a turn behind a closed gate. */
uint32_t mr_writer_stay_closed(mr_writer *writer, mr_gate_state now, uint64_t now_ms);

#endif
