/* checker.h: the invariants of docs/reliability.md, as far as each can be said at a moment of the simulation.
 *
 *     check_step      after every step of a fiber: memory of the instance that ran, and now and then everything below
 *     check_commit    at each commit that the coordinator accepts: nothing below it is unaccounted for
 *     check_sending   at each commit that a worker sends: of an assignment that it has, never going back
 *     check_begins    at the first one of a partition: kafka.start, and nothing else, leaves events out
 *     check_row       at each row that becomes durable: content, identity, shard, not above a commit that says clean
 *     check_letter    at each dead letter that is sent: bytes, coordinates, reason; never of a valid event
 *     check_returned  at each page that a writer gives back as durable: it is
 *     check_scheduled, check_due, check_not_due    retries: never early, never forgotten
 *     check_gates     what opens a gate; nothing is skipped while no shard takes rows; what is handed over wakes its writer
 *     check_pace      now and then: healthy shards go on while others are in trouble
 *     check_end       when everything has healed
 *
 * A violation ends the seed (sim_fail).  What was looked at is counted, so that a check that never looks is noticed.
 */
#ifndef MR_SIM_CHECKER_H
#define MR_SIM_CHECKER_H

#include "base/log.h"
#include "data/pool.h"
#include "edges/kafka_dlq.h"
#include "world.h"

/* X(symbol, what a person calls it) */
#define SIM_COUNTS(X)                                                                                        \
    X(C_EVENTS, "events")                                                                                    \
    X(C_ROWS, "rows made durable")                                                                           \
    X(C_REWRITES, "rows written again")                                                                      \
    X(C_LETTERS, "dead letters")                                                                             \
    X(C_LETTERS_GONE, "dead letters whose original had gone")                                                \
    X(C_BELOW, "events below a commit")                                                                      \
    X(C_COVERED, "of them covered by a parked range")                                                        \
    X(C_COMMITS, "commits accepted")                                                                         \
    X(C_COMMITS_PARKED, "commits with parked ranges")                                                        \
    X(C_COMMITS_CLEAN, "clean commits")                                                                      \
    X(C_COMMITS_REFUSED, "commits refused")                                                                  \
    X(C_COMMITS_ZOMBIE, "commits that came late and out of order")                                           \
    X(C_ASSIGNED, "assignments")                                                                             \
    X(C_REVOKED, "revocations")                                                                              \
    X(C_LOST, "assignments lost")                                                                            \
    X(C_ASSIGNED_MORE, "assignments to what is kept")                                                        \
    X(C_REVOKED_SOME, "revocations of a part")                                                               \
    X(C_SEATS, "seats of static members taken again")                                                        \
    X(C_STARTED_ABOVE, "partitions begun above their beginning")                                             \
    X(C_HELD, "partitions held")                                                                             \
    X(C_KILLS, "kills")                                                                                      \
    X(C_FREEZES, "freezes")                                                                                  \
    X(C_STOPS, "orderly stops")                                                                              \
    X(C_PARKS, "shards parked")                                                                              \
    X(C_REPLAYS, "parked ranges read again to their end")                                                    \
    X(C_TRUNCATED, "parked ranges cut by the log")                                                           \
    X(C_BISECTED, "rows found by bisection")                                                                 \
    X(C_COLLIDED, "rows refused for a unique key")                                                           \
    X(C_BEGUN_LATE, "held partitions begun after all")                                                       \
    X(C_LOCKED, "rows that another transaction had locked")                                                  \
    X(C_SECOND, "batches on a second connection")                                                            \
    X(C_AHEAD, "statements sent before the one ahead was answered")                                          \
    X(C_SENT_BACK, "dead letters sent back")                                                                 \
    X(C_SENT_BACK_ROWS, "of them become rows")                                                               \
    X(C_ON_HOLD, "shards put on hold")                                                                       \
    X(C_DRIFTS, "batches refused for drift")                                                                 \
    X(C_RETRIES, "pages put on the wheel")                                                                   \
    X(C_AMBIGUOUS, "commits of a database with an unknown end")                                              \
    X(C_PROBES, "probes")                                                                                    \
    X(C_TRIED, "gates opened by a first batch")                                                              \
    X(C_HUNG, "calls to a frozen database")                                                                  \
    X(C_PAGES, "pages given back durable")                                                                   \
    X(C_HEALTHY, "events of healthy shards that were waited for")                                            \
    X(C_LEDGERS, "ledgers compared")                                                                         \
    X(C_FOREIGN, "offsets set by another tool")                                                              \
    X(C_DEPLOYED, "deployments with another slot map")                                                       \
    X(C_ADDED, "partitions added")

typedef enum sim_count {
#define X(symbol, name) symbol,
    SIM_COUNTS(X)
#undef X
        SIM_COUNT_COUNT
} sim_count;

extern uint64_t sim_counts[SIM_COUNT_COUNT]; /* of all seeds of this process */
const char *sim_count_name(sim_count count);

void check_begin(void);
void check_step(instance *one);
void check_commit(sim_log *log, const sim_commit *commit);
void check_row(instance *by, uint32_t shard, uint32_t event, const unsigned char *id, size_t id_len);
void check_returned(instance *one, uint32_t handle);
sim_event *check_letter(instance *one, const mr_event *sent, const void *handle,
                        const mr_letter *letter); /* the event */
void check_scheduled(instance *one, uint32_t shard, uint32_t handle, uint64_t due_ms, uint64_t now_ms);
/* A page that a statement is made of stays what it was until the call has returned. */
uint32_t check_page_begin(instance *one, const unsigned char *record);
void check_page_end(instance *one, const unsigned char *record, uint32_t serial);
void check_given(instance *one, uint32_t shard, uint32_t handle, uint64_t now_ms);
void check_drift(const instance *one, uint32_t by_name);
void check_writes(instance *one, uint32_t shard); /* a statement begins */
/* checker_gates.c: a gate was turned; the last message that an inbox has given out was dealt with; what a step has changed. */
void check_turned(instance *one, uint32_t shard, mr_gate_state from, mr_gate_state to);
void check_dealt_with(const instance *one, const sim_event *event, uint64_t given_us);
void check_gates(instance *one);
void check_gates_gone(const instance *one);
/* A writer that sleeps wakes for the page that is due first. */
void check_sleepers(const instance *one);
void check_none_due(instance *one, uint32_t shard, uint64_t now_ms);
void check_forgot(instance *one, uint32_t shard, uint32_t handle);
sim_begins check_may_begin(const sim_log *log);
void check_begins(sim_log *log, int64_t offset, const sim_begins *begins);
void check_pace(void);
void check_stopped(const instance *one);
bool check_all_done(void); /* every event is what it must become, and committed */
void check_end(void);
void check_gone(instance *one); /* forgets what it knew of it */
/* What the worker says in its log counts, too. */
void check_said(mr_log_level level, const char *event, const mr_log_fields *fields, const char *text);

sim_event *inbox_event(const void *handle); /* fake_inbox.c: of a message that was handed out */
/* fake_sql.c: it has rows in a transaction; the last answer to a connect, a statement or a commit; commits that were answered well. */
bool sql_is_open(const struct mr_sql *sql);
mr_db_class sql_said(const struct mr_sql *sql);
uint64_t sql_commits(const struct mr_sql *sql);

/* commit_text.c: the metadata, read without the product's parser; false: it is not ours. */
bool commit_read(const char *text, size_t len, sim_commit *commit);

#endif
