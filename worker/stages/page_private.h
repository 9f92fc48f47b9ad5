/* page_private.h: what the page's frame (page.c) and its tables (page_tables.c) share. */
#ifndef MR_STAGES_PAGE_PRIVATE_H
#define MR_STAGES_PAGE_PRIVATE_H

#include "board_private.h"
#include "stages/page.h"

typedef struct mr_page_view {
    const mr_board *board; /* its lock is held */
    const mr_metrics *metrics;
    const mr_page_moment *moment;
} mr_page_view;

/* Partitions that are there. */
uint32_t mr_page_partitions_shown(const mr_page_view *view);

/* Rows of the tables' bodies. */
void mr_page_put_shards(const mr_page_view *view, mr_buf *out);
void mr_page_put_partitions(const mr_page_view *view, mr_buf *out);
void mr_page_put_letters(const mr_page_view *view, mr_buf *out);
void mr_page_put_partitions_caption(const mr_page_view *view, mr_buf *out);

#endif
