#include "data/pool.h"

#include "base/must.h"

struct mr_pool {
    uint32_t consumers, pages_each, page_bytes;
    mr_page *pages; /* [consumers * pages_each] */
    unsigned char *memory;
    uint32_t *free_stack; /* [consumers * pages_each], each consumer's part is its own */
    uint32_t *free_count; /* [consumers * STRIDE]: a line of its own for each */
};

enum { STRIDE = 16, SERIAL = 1 }; /* in a consumer's line: the count, then the last serial */

mr_pool *mr_pool_new(mr_arena *arena, uint32_t consumers, uint32_t pages_each, uint32_t page_bytes)
{
    uint32_t pages = consumers * pages_each;
    mr_pool *pool = mr_arena_take(arena, "pages", 1, sizeof *pool);
    pool->consumers = consumers;
    pool->pages_each = pages_each;
    pool->page_bytes = page_bytes;
    pool->pages = mr_arena_take(arena, "pages", pages, sizeof *pool->pages);
    pool->free_stack = mr_arena_take(arena, "pages", pages, sizeof *pool->free_stack);
    pool->free_count = mr_arena_take(arena, "pages", consumers * STRIDE, sizeof *pool->free_count);
    pool->memory = mr_arena_take(arena, "pool", pages, page_bytes);
    for (uint32_t c = 0; c < consumers; c++) {
        pool->free_count[c * STRIDE] = pages_each;
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

uint32_t mr_pool_take(mr_pool *pool, uint32_t consumer, uint32_t stream, uint32_t shard, uint32_t record_size)
{
    uint32_t *count = &pool->free_count[consumer * STRIDE];
    if (*count == 0)
        return MR_PAGE_NONE;
    uint32_t handle = pool->free_stack[consumer * pool->pages_each + --*count];
    mr_page *page = &pool->pages[handle];
    must(page->rows_max == 0); /* it is free */
    page->stream = stream;
    page->shard = shard;
    page->record_size = record_size;
    page->rows_max = pool->page_bytes / record_size;
    must(page->rows_max > 0);
    if (++count[SERIAL] == 0)
        count[SERIAL] = 1;
    page->serial = count[SERIAL];
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
    must(page->rows_max != 0); /* given back once */
    page->rows_max = 0;
    uint32_t *count = &pool->free_count[page->consumer * STRIDE];
    must(*count < pool->pages_each);
    pool->free_stack[page->consumer * pool->pages_each + (*count)++] = handle;
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
    return pool->free_count[consumer * STRIDE];
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
