/* The page's tables: shards, partitions, dead letters.  A cell of several parts has them in one <div>: see the style for phones. */
#include <string.h>

#include "page_private.h"

#define RANGES_LISTED 8u /* of a shard */

/* ---- cells ---- */

static void put_none(mr_buf *out, const char *text)
{
    mr_buf_printf(out, "<td class=\"none none-phone\">%s</td>", text);
}

/* Negative: unknown. */
static void put_offset(mr_buf *out, int64_t offset)
{
    if (offset < 0)
        mr_buf_text(out, "<td class=\"n\">unknown</td>");
    else
        mr_buf_printf(out, "<td class=\"n\">%lld</td>", (long long)offset);
}

static void put_state(mr_buf *out, const char *state)
{
    mr_buf_text(out, "<span class=\"state ");
    mr_buf_html(out, state);
    mr_buf_text(out, "\">");
    mr_buf_html(out, state);
    mr_buf_text(out, "</span>");
}

static void put_why(mr_buf *out, const char *why, unsigned code)
{
    if (!*why)
        return;
    mr_buf_text(out, "<small class=\"why\">");
    mr_buf_html(out, why);
    if (code != 0)
        mr_buf_printf(out, " (error %u)", code);
    mr_buf_text(out, "</small>");
}

static void put_place(mr_buf *out, const mr_board_partition_entry *entry)
{
    mr_buf_html(out, entry->topic);
    mr_buf_printf(out, "/%d", entry->partition);
}

/* ---- shards ---- */

typedef struct parked {
    uint32_t ranges;
    uint64_t offsets;
} parked;

/* The partition's range that is parked for the shard; NULL: there is none. */
static const mr_board_range *range_at(const mr_board *board, uint32_t slot, uint32_t shard)
{
    const mr_board_range *range = &board->ranges[slot * board->config->shard_count + shard];
    return board->partitions[slot].shown && range->from != range->to ? range : NULL;
}

static parked parked_of(const mr_board *board, uint32_t shard)
{
    parked sum = {0};
    for (uint32_t slot = 0; slot < board->partitions_used; slot++) {
        const mr_board_range *range = range_at(board, slot, shard);
        if (!range)
            continue;
        int64_t to = range->to == MR_BOARD_OPEN ? board->partitions[slot].end : range->to;
        sum.ranges++;
        sum.offsets += to > range->from ? (uint64_t)(to - range->from) : 0;
    }
    return sum;
}

static void put_parked(const mr_board *board, uint32_t shard, mr_buf *out)
{
    parked sum = parked_of(board, shard);
    uint32_t listed = 0;
    if (sum.ranges == 0) {
        put_none(out, "nothing");
        return;
    }
    mr_buf_text(out, "<td><details><summary>");
    mr_buf_count(out, (int64_t)sum.offsets);
    mr_buf_printf(out, " offsets in %u range%s</summary><ul>", sum.ranges, sum.ranges == 1 ? "" : "s");
    for (uint32_t slot = 0; slot < board->partitions_used && listed < RANGES_LISTED; slot++) {
        const mr_board_range *range = range_at(board, slot, shard);
        if (!range)
            continue;
        listed++;
        mr_buf_text(out, "<li>");
        put_place(out, &board->partitions[slot]);
        mr_buf_printf(out, " from %lld ", (long long)range->from);
        if (range->to == MR_BOARD_OPEN)
            mr_buf_text(out, "on</li>");
        else
            mr_buf_printf(out, "to %lld</li>", (long long)range->to);
    }
    if (listed < sum.ranges)
        mr_buf_printf(out, "<li>and %u more</li>", sum.ranges - listed);
    mr_buf_text(out, "</ul></details></td>");
}

static void put_replay(const mr_page_view *view, uint32_t shard, mr_buf *out)
{
    const mr_board_shard_entry *entry = &view->board->shards[shard];
    if (entry->offsets_left < 0) {
        put_none(out, "none");
        return;
    }
    long long most = entry->offsets_most, done = most - entry->offsets_left;
    mr_buf_text(out, "<td><div><progress aria-label=\"Replay of ");
    mr_buf_html(out, view->board->config->shards[shard].name);
    mr_buf_printf(out, "\" max=\"%lld\" value=\"%lld\"></progress>", most > 0 ? most : 1, done);
    mr_buf_count(out, entry->offsets_left);
    mr_buf_text(out, " offsets left");
    if (entry->seconds_left >= 0) {
        mr_buf_text(out, ", ");
        mr_buf_duration(out, entry->seconds_left);
    }
    mr_buf_text(out, "</div></td>");
}

void mr_page_put_shards(const mr_page_view *view, mr_buf *out)
{
    const mr_config *config = view->board->config;
    for (uint32_t shard = 0; shard < config->shard_count && !out->full; shard++) {
        const mr_board_shard_entry *entry = &view->board->shards[shard];
        int64_t age_ms = view->moment->wall_ms - entry->since_wall_ms;
        mr_buf_text(out, "<tr><th scope=\"row\">");
        mr_buf_html(out, config->shards[shard].name);
        mr_buf_text(out, "</th><td><div>");
        put_state(out, entry->state);
        if (entry->since_wall_ms > 0) {
            mr_buf_text(out, " for ");
            mr_buf_duration(out, age_ms > 0 ? age_ms / 1000 : 0);
        }
        put_why(out, entry->why, entry->code);
        mr_buf_text(out, "</div></td><td class=\"n\">");
        mr_buf_count(out, (int64_t)entry->rows_per_s);
        mr_buf_text(out, "</td>");
        put_parked(view->board, shard, out);
        put_replay(view, shard, out);
        mr_buf_text(out, "</tr>\n");
    }
}

/* ---- partitions ---- */

uint32_t mr_page_partitions_shown(const mr_page_view *view)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < view->board->partitions_used; slot++)
        count += view->board->partitions[slot].shown;
    return count;
}

static bool in_trouble(const mr_board_partition_entry *entry)
{
    return strcmp(entry->state, "running") != 0 ||
           (entry->waits && strcmp(entry->waiting_state, "writing") != 0);
}

static void put_waiting(const mr_page_view *view, const mr_board_partition_entry *entry, mr_buf *out)
{
    uint64_t now_ms = view->moment->now_ms;
    if (!entry->waits && !*entry->why) {
        put_none(out, "nothing waits");
        return;
    }
    mr_buf_text(out, "<td><div>");
    if (entry->waits) {
        mr_buf_printf(out, "%lld: ", (long long)entry->waiting_offset);
        mr_buf_html(out, entry->waiting_state);
        if (entry->waiting_shard >= 0) {
            mr_buf_text(out, ", for <bdi>");
            mr_buf_html(out, view->board->config->shards[entry->waiting_shard].name);
            mr_buf_text(out, "</bdi>");
        }
        if (entry->attempts > 0)
            mr_buf_printf(out, ", %u attempt%s", entry->attempts, entry->attempts == 1 ? "" : "s");
        if (entry->due_ms > now_ms)
            mr_buf_printf(out, ", again in %.1f s", (double)(entry->due_ms - now_ms) / 1000);
        if (entry->has_key_hash)
            mr_buf_printf(out, "<small>key hash <code>%016llx</code></small>",
                          (unsigned long long)entry->key_hash);
        const char *shards_why =
            entry->waiting_shard >= 0 ? view->board->shards[entry->waiting_shard].why : "";
        put_why(out, *entry->waiting_why ? entry->waiting_why : shards_why, 0);
    }
    put_why(out, entry->why, 0);
    mr_buf_text(out, "</div></td>");
}

static void put_partition(const mr_page_view *view, const mr_board_partition_entry *entry, mr_buf *out)
{
    int64_t lag = mr_board_lag(entry);
    mr_buf_text(out, "<tr><th scope=\"row\">");
    put_place(out, entry);
    mr_buf_text(out, "</th><td>");
    put_state(out, entry->state);
    mr_buf_text(out, "</td>");
    put_offset(out, entry->committed);
    put_offset(out, entry->frontier);
    put_offset(out, entry->end);
    if (lag < 0) {
        put_offset(out, lag);
    } else {
        mr_buf_text(out, "<td class=\"n\">");
        mr_buf_count(out, lag);
        mr_buf_text(out, "</td>");
    }
    put_waiting(view, entry, out);
    mr_buf_text(out, "</tr>\n");
}

void mr_page_put_partitions(const mr_page_view *view, mr_buf *out)
{
    const mr_board *board = view->board;
    uint32_t shown = mr_page_partitions_shown(view), put = 0;
    if (shown == 0)
        mr_buf_text(out, "<tr><td class=\"none\" colspan=\"7\">none</td></tr>\n");
    /* Where not all are listed, those in trouble come first; else their order stays, so that no row jumps. */
    bool all = shown <= MR_PAGE_PARTITIONS;
    for (int troubled = 1; troubled >= 0; troubled--)
        for (uint32_t slot = 0; slot < board->partitions_used && put < MR_PAGE_PARTITIONS && !out->full;
             slot++) {
            const mr_board_partition_entry *entry = &board->partitions[slot];
            if (!entry->shown || (all ? troubled == 0 : in_trouble(entry) != (troubled == 1)))
                continue;
            put_partition(view, entry, out);
            put++;
        }
}

void mr_page_put_partitions_caption(const mr_page_view *view, mr_buf *out)
{
    uint32_t shown = mr_page_partitions_shown(view);
    if (shown > MR_PAGE_PARTITIONS)
        mr_buf_printf(out, "%u of this worker's %u partitions, those in trouble first; status has all.",
                      MR_PAGE_PARTITIONS, shown);
    else
        mr_buf_text(out, "What this worker reads; the frontier is the lowest offset that is not done.");
}

/* ---- dead letters ---- */

void mr_page_put_letters(const mr_page_view *view, mr_buf *out)
{
    bool any = false;
    for (uint32_t i = 0; i < MR_REASON_COUNT; i++) {
        mr_reason reason = (mr_reason)i;
        uint64_t count = mr_board_letters(view->board, view->metrics, reason);
        if (count == 0)
            continue;
        any = true;
        mr_buf_text(out, "<tr><th scope=\"row\">");
        mr_buf_html(out, mr_reason_name(reason));
        mr_buf_text(out, "</th><td>");
        mr_buf_html(out, mr_reason_text(reason));
        mr_buf_text(out, "</td><td class=\"n\">");
        mr_buf_count(out, (int64_t)mr_history_letters(view->board->history, reason));
        mr_buf_text(out, "</td><td class=\"n\">");
        mr_buf_count(out, (int64_t)count);
        mr_buf_text(out, "</td></tr>\n");
    }
    if (!any)
        mr_buf_text(out, "<tr><td class=\"none\" colspan=\"4\">none since the start</td></tr>\n");
}
