#include "data/pool.h"

#include "base/must.h"
#include "base/owner.h"

/* A consumer's part: on a line of its own. */
typedef struct pool_part {
    _Alignas(64) mr_owner owner;
    uint32_t free_count;
    uint32_t serial; /* the last one given */
} pool_part;

struct mr_pool {
    /* fixed */
    uint32_t consumers, pages_each, page_bytes;
    pool_part *parts; /* [consumers] */
    mr_page *pages;   /* [consumers * pages_each] */
    unsigned char *memory;
    uint32_t *free_stack; /* [consumers * pages_each], each consumer's part is its own */
};

mr_pool *mr_pool_new(mr_arena *arena, uint32_t consumers, uint32_t pages_each, uint32_t page_bytes)
{
    must((uint64_t)consumers * pages_each <= MR_PAGES_MAX);
    uint32_t pages = consumers * pages_each;
    mr_pool *pool = mr_arena_take(arena, "pages", 1, sizeof *pool);
    pool->consumers = consumers;
    pool->pages_each = pages_each;
    pool->page_bytes = page_bytes;
    pool->pages = mr_arena_take(arena, "pages", pages, sizeof *pool->pages);
    pool->free_stack = mr_arena_take(arena, "pages", pages, sizeof *pool->free_stack);
    pool->parts = mr_arena_take(arena, "pages", consumers, sizeof *pool->parts);
    pool->memory = mr_arena_take(arena, "pool", pages, page_bytes);
    for (uint32_t c = 0; c < consumers; c++) {
        pool->parts[c].free_count = pages_each;
        for (uint32_t i = 0; i < pages_each; i++) {
            /* The last is taken first: low pages are reused, so a quiet worker touches little memory. */
            uint32_t page = c * pages_each + i;
            pool->free_stack[c * pages_each + pages_each - 1 - i] = page;
            pool->pages[page].consumer = c;
            pool->pages[page].records = pool->memory + (uint64_t)page * page_bytes;
        }
    }
    return pool;
}

static pool_part *part_of(const mr_pool *pool, uint32_t consumer)
{
    must(consumer < pool->consumers);
    return &pool->parts[consumer];
}

uint32_t mr_pool_take(mr_pool *pool, uint32_t consumer, uint32_t stream, uint32_t shard, uint32_t record_size)
{
    pool_part *part = part_of(pool, consumer);
    mr_owner_here(&part->owner);
    if (part->free_count == 0)
        return MR_PAGE_NONE;
    uint32_t handle = pool->free_stack[consumer * pool->pages_each + --part->free_count];
    mr_page *page = &pool->pages[handle];
    must(page->rows_max == 0); /* it is free */
    page->stream = stream;
    page->shard = shard;
    page->record_size = record_size;
    page->rows_max = pool->page_bytes / mr_page_row_bytes(record_size);
    must(page->rows_max > 0 && record_size % sizeof *page->times == 0);
    page->times = (int64_t *)(void *)mr_page_record(page, page->rows_max);
    if (++part->serial == 0)
        part->serial = 1;
    page->serial = part->serial;
    page->rows = page->rows_existing = page->rows_refused = 0;
    page->path = MR_PATH_LIVE;
    page->sealed = false;
    page->outcome = MR_OUTCOME_DURABLE;
    atomic_store_explicit(&page->attempts, 0, memory_order_relaxed);
    atomic_store_explicit(&page->tries, 0, memory_order_relaxed);
    atomic_store_explicit(&page->due_ms, 0, memory_order_relaxed);
    page->bytes = 0;
    return handle;
}

void mr_pool_give(mr_pool *pool, uint32_t handle)
{
    mr_page *page = mr_pool_page(pool, handle);
    pool_part *part = part_of(pool, page->consumer);
    mr_owner_here(&part->owner);
    must(page->rows_max != 0); /* given back once */
    page->rows_max = 0;
    must(part->free_count < pool->pages_each);
    pool->free_stack[page->consumer * pool->pages_each + part->free_count++] = handle;
}

mr_page *mr_pool_page(mr_pool *pool, uint32_t page)
{
    must(page < pool->consumers * pool->pages_each);
    return &pool->pages[page];
}

uint32_t mr_pool_pages(const mr_pool *pool)
{
    return pool->consumers * pool->pages_each;
}

uint32_t mr_pool_free_pages(const mr_pool *pool, uint32_t consumer)
{
    return part_of(pool, consumer)->free_count;
}

void mr_pool_check(const mr_pool *pool, uint32_t consumer)
{
    uint32_t free_pages = 0;
    for (uint32_t i = 0; i < pool->pages_each; i++)
        free_pages += pool->pages[consumer * pool->pages_each + i].rows_max == 0;
    must(free_pages == mr_pool_free_pages(pool, consumer));
    for (uint32_t i = 0; i < free_pages; i++) {
        uint32_t page = pool->free_stack[consumer * pool->pages_each + i];
        must(page / pool->pages_each == consumer && pool->pages[page].rows_max == 0);
    }
}
