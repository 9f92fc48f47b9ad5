/* The page's frame: the template's slots, the headline, the plots, memory. */
#include "stages/page.h"

#include <string.h>

#include "base/must.h"
#include "page_assets.h"
#include "page_private.h"

#define NAMES_SAID  3u  /* of shards in the headline */
#define PLOT_HEIGHT 100 /* of a plot's drawing; a sample is one wide */
#define MIB         ((double)(1 << 20))

const char mr_page_policy[] = PAGE_POLICY;

/* ---- the headline ---- */

typedef struct sentence {
    mr_shard_state state;
    const char *one, *many;
} sentence;

/* The most urgent first. */
static const sentence sentences[] = {
    {MR_SHARD_PARKED, " is parked: its events wait in the log. ",
     " are parked: their events wait in the log. "},
    {MR_SHARD_RETRYING, " is tried again. ", " are tried again. "},
    {MR_SHARD_HELD, " is on hold. ", " are on hold. "},
    {MR_SHARD_REPLAY, " is catching up. ", " are catching up. "},
};

static bool shard_is(const mr_page_view *view, uint32_t shard, mr_shard_state state)
{
    return strcmp(view->board->shards[shard].state, mr_shard_state_name(state)) == 0;
}

static uint32_t shards_in(const mr_page_view *view, mr_shard_state state)
{
    uint32_t count = 0;
    for (uint32_t shard = 0; shard < view->board->config->shard_count; shard++)
        count += shard_is(view, shard, state);
    return count;
}

static uint32_t partitions_in(const mr_page_view *view, const char *state)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < view->board->partitions_used; slot++) {
        const mr_board_partition_entry *entry = &view->board->partitions[slot];
        count += entry->shown && strcmp(entry->state, state) == 0;
    }
    return count;
}

/* "s1", "s1 and s2", "s1, s2, s3 and 4 more". */
static void put_names(const mr_page_view *view, mr_shard_state state, uint32_t count, mr_buf *out)
{
    uint32_t said = 0;
    for (uint32_t shard = 0; shard < view->board->config->shard_count && said < NAMES_SAID; shard++) {
        if (!shard_is(view, shard, state))
            continue;
        mr_buf_text(out, said == 0 ? "<bdi>" : said + 1 == count ? " and <bdi>" : ", <bdi>");
        mr_buf_html(out, view->board->config->shards[shard].name);
        mr_buf_text(out, "</bdi>");
        said++;
    }
    if (said < count)
        mr_buf_printf(out, " and %u more", count - said);
}

static void put_well(const mr_page_view *view, mr_buf *out)
{
    uint32_t shards = (uint32_t)view->board->config->shard_count, partitions = mr_page_partitions_shown(view);
    if (partitions == 0)
        mr_buf_text(out, "No partition is assigned to this worker.");
    else
        mr_buf_printf(out, "All is well: %u shard%s rows from %u partition%s.", shards,
                      shards == 1 ? " takes" : "s take", partitions, partitions == 1 ? "" : "s");
}

/* Changes only when a state does: it is read out. */
static void put_headline(const mr_page_view *view, mr_buf *out)
{
    uint32_t live = shards_in(view, MR_SHARD_LIVE), held = partitions_in(view, "held");
    uint32_t draining = partitions_in(view, "draining");
    bool well = true;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        uint32_t count = shards_in(view, sentences[i].state);
        if (count == 0)
            continue;
        well = false;
        put_names(view, sentences[i].state, count, out);
        mr_buf_text(out, count == 1 ? sentences[i].one : sentences[i].many);
    }
    if (!well && live > 0)
        mr_buf_text(out, live == 1 ? "The other takes rows. " : "The others take rows. ");
    if (held > 0)
        mr_buf_printf(out, "%u partition%s held. ", held, held == 1 ? " is" : "s are");
    if (draining > 0)
        mr_buf_printf(out, "%u partition%s given back. ", draining, draining == 1 ? " is" : "s are");
    if (well && held == 0 && draining == 0)
        put_well(view, out);
}

static void put_mood(const mr_page_view *view, mr_buf *out)
{
    uint32_t live = shards_in(view, MR_SHARD_LIVE), held = partitions_in(view, "held");
    if (shards_in(view, MR_SHARD_PARKED) > 0 || held > 0)
        mr_buf_text(out, "bad");
    else if (live < view->board->config->shard_count || partitions_in(view, "draining") > 0)
        mr_buf_text(out, "wary");
    else
        mr_buf_text(out, mr_page_partitions_shown(view) > 0 ? "fine" : "idle");
}

/* ---- plots ---- */

typedef struct plot {
    const char *title, *about;
    bool (*value)(const mr_history_sample *sample, uint64_t *value); /* false: there was none */
    void (*put)(mr_buf *out, uint64_t value);
} plot;

static bool rows_of(const mr_history_sample *sample, uint64_t *value)
{
    *value = sample->rows_per_s;
    return true;
}

static bool age_of(const mr_history_sample *sample, uint64_t *value)
{
    *value = sample->age_ms;
    return sample->has_age;
}

static bool lag_of(const mr_history_sample *sample, uint64_t *value)
{
    *value = sample->lag;
    return true;
}

static void put_number(mr_buf *out, uint64_t value)
{
    mr_buf_count(out, (int64_t)value);
}

static void put_age(mr_buf *out, uint64_t ms)
{
    if (ms < 1000)
        mr_buf_printf(out, "%u ms", (unsigned)ms);
    else if (ms < 10000)
        mr_buf_printf(out, "%u.%u s", (unsigned)(ms / 1000), (unsigned)(ms / 100 % 10));
    else
        mr_buf_duration(out, (int64_t)(ms / 1000));
}

static const plot plots[] = {
    {"Rows per second", "durable, in all shards", rows_of, put_number},
    {"Age when durable", "mean, event to row", age_of, put_age},
    {"Lag", "offsets not committed", lag_of, put_number},
};

/* The samples as a path, a gap where there is no value; or, closed down to the ground, the area below it. */
static void put_path(const mr_history *history, const plot *one, uint64_t most, bool area, mr_buf *out)
{
    bool down = false; /* the pen */
    uint32_t first = MR_HISTORY_SAMPLES - history->count, x = first;
    mr_buf_printf(out, "<path class=\"%s\" d=\"", area ? "area" : "line");
    for (uint32_t i = 0; i < history->count; i++) {
        uint64_t value;
        if (!one->value(mr_history_at(history, i), &value)) {
            if (down && area)
                mr_buf_printf(out, "V%d", PLOT_HEIGHT);
            down = false;
            continue;
        }
        x = first + i;
        unsigned y = PLOT_HEIGHT;
        if (most > 0)
            y -= (unsigned)((double)value / (double)most * (PLOT_HEIGHT - 4));
        if (down)
            mr_buf_printf(out, "L%u %u", x, y);
        else if (area)
            mr_buf_printf(out, "M%u %dV%u", x, PLOT_HEIGHT, y);
        else
            mr_buf_printf(out, "M%u %uh0", x, y);
        down = true;
    }
    if (down && area)
        mr_buf_printf(out, "V%d", PLOT_HEIGHT);
    mr_buf_text(out, "\"/>");
}

static void put_plot(const mr_history *history, const plot *one, mr_buf *out)
{
    uint64_t least = UINT64_MAX, most = 0, value = 0;
    bool now = false, any = false;
    for (uint32_t i = 0; i < history->count; i++) {
        now = one->value(mr_history_at(history, i), &value);
        any = any || now;
        most = now && value > most ? value : most;
        least = now && value < least ? value : least;
    }
    mr_buf_printf(out, "<div class=\"tile\">\n<h3>%s</h3>\n<p class=\"value\">", one->title);
    if (now)
        one->put(out, value);
    else
        mr_buf_text(out, "none");
    mr_buf_printf(out, " <small>%s</small></p>\n<svg class=\"plot\" role=\"img\" viewBox=\"0 0 %u %d\" ",
                  one->about, MR_HISTORY_SAMPLES - 1, PLOT_HEIGHT);
    mr_buf_printf(out, "preserveAspectRatio=\"none\" aria-label=\"%s, the last five minutes: ", one->title);
    if (any) {
        one->put(out, least);
        mr_buf_text(out, " to ");
        one->put(out, most);
    } else {
        mr_buf_text(out, "none");
    }
    mr_buf_text(out, "\">");
    put_path(history, one, most, true, out);
    put_path(history, one, most, false, out);
    mr_buf_text(out, "</svg>\n<p class=\"ends\"><span>5 min ago</span><span>most: ");
    if (any)
        one->put(out, most);
    else
        mr_buf_text(out, "none");
    mr_buf_text(out, "</span></p>\n</div>\n");
}

static void put_plots(const mr_page_view *view, mr_buf *out)
{
    for (size_t i = 0; i < sizeof plots / sizeof *plots; i++)
        put_plot(view->board->history, &plots[i], out);
}

/* ---- memory ---- */

static void put_memory(const mr_page_view *view, mr_buf *out)
{
    const mr_board *board = view->board;
    int64_t resident = view->moment->resident_bytes;
    mr_buf_text(out, "<h3>Memory</h3>\n<p class=\"value\">");
    if (resident >= 0)
        mr_buf_printf(out, "%.0f MiB", (double)resident / MIB);
    else
        mr_buf_text(out, "unknown");
    mr_buf_printf(out, " <small>of at most %.0f MiB</small></p>\n", (double)board->limit_bytes / MIB);
    if (resident >= 0 && board->limit_bytes > 0)
        mr_buf_printf(out,
                      "<meter aria-label=\"Memory against its ceiling\" min=\"0\" max=\"%llu\" high=\"%llu\" "
                      "optimum=\"0\" value=\"%lld\"></meter>\n",
                      (unsigned long long)board->limit_bytes, (unsigned long long)board->limit_bytes / 10 * 9,
                      (long long)resident);
    mr_buf_printf(out, "<details><summary>%.1f MiB taken at start</summary><ul class=\"parts\">",
                  (double)board->total_bytes / MIB);
    for (size_t i = 0; i < board->parts; i++) {
        mr_buf_text(out, "<li><span>");
        mr_buf_html(out, board->part[i].name);
        mr_buf_printf(out, "</span><span>%.1f MiB</span></li>", (double)board->part[i].bytes / MIB);
    }
    mr_buf_text(out, "</ul></details>");
}

/* ---- the frame ---- */

static void put_group(const mr_page_view *view, mr_buf *out)
{
    mr_buf_html(out, view->board->config->kafka.group_id);
}

static void put_version(const mr_page_view *view, mr_buf *out)
{
    (void)view;
    mr_buf_html(out, MILLRACE_VERSION);
}

static void put_time(const mr_page_view *view, mr_buf *out)
{
    char text[40];
    mr_buf time = mr_buf_over(text, sizeof text);
    mr_buf_time(&time, view->moment->wall_ms);
    mr_buf_printf(out, "<time datetime=\"%s\">%.10s %.8s UTC</time>", text, text, text + 11);
}

static void put_style(const mr_page_view *view, mr_buf *out)
{
    (void)view;
    mr_buf_put(out, (const char *)page_css, sizeof page_css - 1);
}

static void put_script(const mr_page_view *view, mr_buf *out)
{
    (void)view;
    mr_buf_put(out, (const char *)page_js, sizeof page_js - 1);
}

static const struct {
    const char *name;
    void (*put)(const mr_page_view *view, mr_buf *out);
} slots[] = {
    {"group", put_group},
    {"version", put_version},
    {"time", put_time},
    {"style", put_style},
    {"script", put_script},
    {"mood", put_mood},
    {"headline", put_headline},
    {"plots", put_plots},
    {"memory", put_memory},
    {"shards", mr_page_put_shards},
    {"partitions-caption", mr_page_put_partitions_caption},
    {"partitions", mr_page_put_partitions},
    {"letters", mr_page_put_letters},
};

static void put_slot(const mr_page_view *view, const char *name, size_t len, mr_buf *out)
{
    size_t i = 0;
    while (strlen(slots[i].name) != len || memcmp(slots[i].name, name, len) != 0) {
        i++;
        must(i < sizeof slots / sizeof *slots); /* the template is ours */
    }
    slots[i].put(view, out);
}

bool mr_page_render(mr_board *board, const mr_metrics *metrics, const mr_page_moment *moment, mr_buf *out)
{
    mr_page_view view = {board, metrics, moment};
    const char *at = (const char *)page_html, *slot;
    pthread_mutex_lock(&board->lock);
    while ((slot = strstr(at, "{{"))) {
        const char *end = strstr(slot, "}}");
        must(end);
        mr_buf_put(out, at, (size_t)(slot - at));
        put_slot(&view, slot + 2, (size_t)(end - slot - 2), out);
        at = end + 2;
    }
    pthread_mutex_unlock(&board->lock);
    mr_buf_text(out, at);
    return !out->full;
}
