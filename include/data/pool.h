/* pool.h: all records, in pages, allocated once.
 *
 * A page is a run of contiguous records of one stream for one shard, the unit that travels: filled by a consumer,
 * written by a writer, retried as a whole, given back.  The pool is the memory bound and the back-pressure.
 * Pages belong to the consumer thread whose part of the pool they are in: it alone takes and gives them back (base/owner.h); while a page is
 * sealed the writer that popped its handle alone touches it (hand-over through rings orders memory).
 * What is asked of every row once it is durable, its event's time, lies apart from the records: they are out of the caches by then.
 *
 *     records (rows_max * record_size) | times (rows_max * 8) | what is left of page_bytes
 *
 *     handle (32 bits) = page index; pages of all consumers are numbered through, so that a writer needs one array
 *
 * Every operation is O(1).  No allocation after mr_pool_new; no free page is MR_PAGE_NONE, an ordinary answer.
 */
#ifndef MR_DATA_POOL_H
#define MR_DATA_POOL_H

#include "base/arena.h"
#include "base/status.h"
#include "data/record.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MR_PAGE_NONE UINT32_MAX
#define MR_PAGES_MAX                                                                                         \
    0x80000000u /* handles above it name other things where pages are named as well (threads/outbox.h) */

/* Which of a consumer's two flows a page belongs to. */
typedef enum mr_path { MR_PATH_LIVE, MR_PATH_REPLAY } mr_path;

/* How a page comes back from its writer. */
typedef enum mr_outcome {
    MR_OUTCOME_DURABLE, /* every row is, but for those that the database refused (mr_record.reason) */
    MR_OUTCOME_PARKED   /* given up unwritten: the shard's parked range answers for its rows */
} mr_outcome;

typedef struct mr_page {
    /* the consumer's; set when it takes the page, but for `consumer` and `records`, which never change */
    mr_path path;
    uint32_t consumer;
    uint32_t stream;
    uint32_t shard;
    uint32_t record_size;
    uint32_t rows_max;
    uint32_t holds; /* head of the page's chain of frontier holds */
    /* of this take: no two lives of any pages of a consumer have the same (until 2^32 wrap); never 0 */
    uint32_t serial;
    uint64_t opened_ms; /* monotonic, of the first record */
    uint32_t behind;    /* what its writer had queued then: a mark of the ring */
    bool sealed;        /* handed to its writer */
    unsigned char *records;
    int64_t *times; /* [rows_max]: of the rows' events, Kafka's, ms; negative: absent */
    /* the consumer's until sealed */
    uint32_t rows;
    uint64_t bytes; /* bytes that the rows will take on the wire, about */
    /* the writer's while sealed */
    mr_outcome outcome;
    uint32_t rows_existing; /* of the rows, how many were there before */
    bool refused;           /* its statement was, as a whole */
    uint32_t rows_refused;  /* of the rows, how many the database refuses; each says why in its header */
    /* the writer's; any thread may read them */
    _Atomic uint32_t attempts; /* transient failures so far */
    _Atomic uint32_t tries;    /* failures so far, whatever the reason */
    _Atomic uint64_t due_ms;   /* when it is tried again, monotonic; 0: it does not wait */
} mr_page;

typedef struct mr_pool mr_pool;

/* pages_each pages of page_bytes for every consumer. */
mr_pool *mr_pool_new(mr_arena *arena, uint32_t consumers, uint32_t pages_each, uint32_t page_bytes);
/* MR_PAGE_NONE when that consumer has no free page.  The page comes with rows = 0, attempts = 0, tries = 0. */
uint32_t mr_pool_take(mr_pool *pool, uint32_t consumer, uint32_t stream, uint32_t shard,
                      uint32_t record_size) MR_CHECKED;
void mr_pool_give(mr_pool *pool, uint32_t page); /* by its consumer */
mr_page *mr_pool_page(mr_pool *pool, uint32_t page);
uint32_t mr_pool_pages(const mr_pool *pool);                         /* of all consumers */
uint32_t mr_pool_free_pages(const mr_pool *pool, uint32_t consumer); /* by that consumer */
void mr_pool_check(const mr_pool *pool, uint32_t consumer);

/* What a row takes of a page. */
static inline uint32_t mr_page_row_bytes(uint32_t record_size)
{
    return record_size + (uint32_t)sizeof(int64_t);
}

static inline unsigned char *mr_page_record(const mr_page *page, uint32_t row)
{
    return page->records + (uint64_t)row * page->record_size;
}

/* The same as what every record begins with. */
static inline mr_record *mr_page_header(const mr_page *page, uint32_t row)
{
    return (mr_record *)(void *)mr_page_record(page, row);
}

#endif
