#include "app/status_screen.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "status_private.h"

#define LEAST_ROWS 8 /* below, only the beginning is shown */

typedef enum style { PLAIN, DIM, STRONG, GOOD, WARN, BAD } style;

/* A screen while it is written: nothing goes beyond its columns and rows. */
typedef struct canvas {
    const mr_screen *screen;
    FILE *out;
    unsigned row, column;
} canvas;

static void put(canvas *c, style how, const char *text)
{
    static const char *const codes[] = {"", "\033[2m", "\033[1m", "\033[32m", "\033[33m", "\033[31m"};
    bool coloured = c->screen->colour && how != PLAIN && c->column < c->screen->columns;
    if (c->row >= c->screen->rows)
        return;
    if (coloured)
        fputs(codes[how], c->out);
    for (; *text; text++) {
        size_t control = mr_control_char(text, 2); /* with the zero behind there are two bytes */
        c->column += ((unsigned char)*text & 0xc0) != 0x80;
        if (c->column <= c->screen->columns)
            fputc(control ? '?' : *text, c->out);
        text += control == 2;
    }
    if (coloured)
        fputs("\033[0m", c->out);
}

static void put_spaces(canvas *c, size_t count)
{
    while (count-- > 0)
        put(c, PLAIN, " ");
}

/* Exactly `width` characters and two spaces; a text that is longer is cut and says so. */
static void put_cell(canvas *c, style how, const char *text, size_t width, bool right)
{
    size_t chars = mr_utf8_count(text, strlen(text));
    if (chars <= width) {
        put_spaces(c, right ? width - chars : 0);
        put(c, how, text);
        put_spaces(c, right ? 0 : width - chars);
    } else {
        char cut[256];
        size_t len = 0;
        for (size_t seen = 0; text[len] && len < sizeof cut - 8; len++) {
            seen += ((unsigned char)text[len] & 0xc0) != 0x80;
            if (seen == width)
                break;
        }
        memcpy(cut, text, len);
        memcpy(cut + len, "~", 2);
        put(c, how, cut);
    }
    put(c, PLAIN, "  ");
}

static void end_line(canvas *c)
{
    if (c->row >= c->screen->rows)
        return;
    if (c->column < c->screen->columns) /* at the last column it would take the character away */
        fputs("\033[K", c->out);
    if (++c->row < c->screen->rows)
        fputc('\n', c->out);
    c->column = 0;
}

/* ---- head ---- */

static void put_head(canvas *c, const json_t *document)
{
    char line[1024], when[64];
    mr_buf buf = mr_buf_over(line, sizeof line);
    mr_buf_printf(&buf, "millrace %s", mr_status_word(document, "version"));
    put(c, STRONG, line);
    buf = mr_buf_over(line, sizeof line);
    mr_buf_printf(&buf, "   group %s", mr_status_word(document, "group"));
    put(c, PLAIN, line);
    snprintf(when, sizeof when, "%.19sZ", mr_status_word(document, "time"));
    size_t used = c->column + strlen(when);
    put_spaces(c, used + 2 <= c->screen->columns ? c->screen->columns - used : 2);
    put(c, DIM, when);
    end_line(c);
}

static long long rows_per_s(const json_t *document)
{
    long long rate = 0;
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(document, "shards"), i, one)
    {
        rate += mr_status_number(one, "rows_per_s", 0);
    }
    return rate;
}

static void put_totals(const json_t *document, mr_buf *out)
{
    mr_buf_count(out, rows_per_s(document));
    mr_buf_text(out, " rows/s, ");
    mr_status_put_lag(document, out);
    mr_status_put_letters(document, ", ", out);
}

static void put_summary(canvas *c, const json_t *document)
{
    char line[2048];
    mr_buf buf = mr_buf_over(line, sizeof line);
    put_totals(document, &buf);
    put(c, PLAIN, line);
    end_line(c);
    buf = mr_buf_over(line, sizeof line);
    mr_status_put_memory(document, &buf);
    put(c, DIM, line);
    end_line(c);
}

/* ---- tables ---- */

static bool is_live(const json_t *shard)
{
    return !strcmp(mr_status_word(shard, "state"), "live");
}

static void put_why(canvas *c, const json_t *object, unsigned until)
{
    const char *why = json_string_value(json_object_get(object, "why"));
    if (!why || c->row >= until)
        return;
    put(c, DIM, "  ");
    put(c, DIM, why);
    end_line(c);
}

/* What the screen has no room for. */
static void put_more(canvas *c, size_t count, const char *what)
{
    char line[64];
    if (count == 0)
        return;
    snprintf(line, sizeof line, "and %zu more %s", count, what);
    put(c, DIM, line);
    end_line(c);
}

static void put_shard(canvas *c, const json_t *document, const json_t *shard, unsigned until)
{
    char cell[128];
    const char *state = mr_status_word(shard, "state");
    bool bad = !strcmp(state, "parked"), live = is_live(shard);
    size_t ranges = json_array_size(json_object_get(shard, "parked"));
    put_cell(c, PLAIN, mr_status_word(shard, "name"), 14, false);
    put_cell(c, live ? GOOD : bad ? BAD : WARN, state, 8, false);
    mr_buf buf = mr_buf_over(cell, sizeof cell);
    mr_status_put_since(document, shard, &buf);
    put_cell(c, PLAIN, cell, 13, false);
    buf = mr_buf_over(cell, sizeof cell);
    mr_buf_count(&buf, mr_status_number(shard, "rows_per_s", 0));
    put_cell(c, PLAIN, cell, 9, true);
    snprintf(cell, sizeof cell, ranges ? "%zu" : "-", ranges);
    put_cell(c, PLAIN, cell, 6, true);
    buf = mr_buf_over(cell, sizeof cell);
    mr_status_put_left(shard, &buf);
    put(c, PLAIN, cell);
    end_line(c);
    put_why(c, shard, until);
}

/* Those in trouble first; `until`: the row that is not to be touched any more. */
static void put_shards(canvas *c, const json_t *document, unsigned until)
{
    const json_t *shards = json_object_get(document, "shards"), *one;
    size_t i, shown = 0, all = json_array_size(shards);
    put(c, DIM, "SHARD           STATE     SINCE             ROWS/S  PARKED  REPLAY LEFT");
    end_line(c);
    for (int live = 0; live < 2; live++)
        json_array_foreach(shards, i, one)
        {
            if (is_live(one) != (bool)live || c->row + (shown + 1 < all) >= until)
                continue;
            put_shard(c, document, one, until - (shown + 1 < all));
            shown++;
        }
    put_more(c, all - shown, "shards");
}

static void put_partition(canvas *c, const json_t *partition, unsigned until)
{
    char cell[512] = "-", name[512];
    const json_t *event = json_object_get(partition, "waiting");
    const json_t *waiting = json_is_object(event) ? event : NULL;
    snprintf(name, sizeof name, "%s/%lld", mr_status_word(partition, "topic"),
             mr_status_number(partition, "partition", -1));
    put_cell(c, PLAIN, name, 20, false);
    mr_buf buf = mr_buf_over(cell, sizeof cell);
    if (mr_status_number(partition, "lag", -1) >= 0)
        mr_buf_count(&buf, mr_status_number(partition, "lag", 0));
    else
        mr_buf_text(&buf, "-");
    put_cell(c, PLAIN, cell, 12, true);
    put_cell(c, WARN, mr_status_word(waiting ? waiting : partition, "state"), 10, false);
    put_cell(c, PLAIN, waiting ? mr_status_word(waiting, "shard") : "-", 10, false);
    snprintf(cell, sizeof cell, waiting ? "%lld" : "-", mr_status_number(waiting, "offset", -1));
    put_cell(c, PLAIN, cell, 12, true);
    long long due = mr_status_number(waiting, "due_ms", -1);
    snprintf(cell, sizeof cell, due >= 0 ? "%.1f s" : "-", (double)due / 1000);
    put(c, PLAIN, cell);
    end_line(c);
    put_why(c, waiting && json_is_string(json_object_get(waiting, "why")) ? waiting : partition, until);
}

static size_t count_waiting(const json_t *document)
{
    size_t i, waiting = 0;
    const json_t *one;
    json_array_foreach(json_object_get(document, "partitions"), i, one)
    {
        waiting += mr_status_waits(one);
    }
    return waiting;
}

static void put_partitions(canvas *c, const json_t *document, size_t waiting, unsigned until)
{
    size_t i, shown = 0;
    const json_t *one;
    end_line(c);
    put(c, DIM, "PARTITION                      LAG  STATE       SHARD             OFFSET  NEXT TRY");
    end_line(c);
    json_array_foreach(json_object_get(document, "partitions"), i, one)
    {
        if (!mr_status_waits(one) || c->row + (shown + 1 < waiting) >= until)
            continue;
        put_partition(c, one, until - (shown + 1 < waiting));
        shown++;
    }
    put_more(c, waiting - shown, "that wait");
}

/* ---- the screen, the line ---- */

void mr_status_screen(const json_t *document, const mr_screen *screen, FILE *out)
{
    canvas c = {.screen = screen, .out = out};
    unsigned last = screen->rows > 0 ? screen->rows - 1 : 0;
    size_t waiting = count_waiting(document);
    fputs("\033[H", out);
    if (document) {
        put_head(&c, document);
        put_summary(&c, document);
        end_line(&c);
        /* Two thirds for the shards, when there is something to say of partitions. */
        unsigned body = last > c.row ? last - c.row : 0;
        put_shards(&c, document, c.row + (waiting > 0 && screen->rows >= LEAST_ROWS ? body * 2 / 3 : body));
        if (waiting > 0 && c.row + 3 < last)
            put_partitions(&c, document, waiting, last);
    }
    while (c.row < last)
        end_line(&c);
    if (*screen->trouble)
        put(&c, BAD, screen->trouble);
    else
        put(&c, DIM, "asked every second; q or Ctrl-C ends");
    end_line(&c);
}

void mr_status_troubles(const json_t *document, mr_buf *out)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(document, "shards"), i, one)
    {
        if (!is_live(one))
            mr_buf_printf(out, ", %s %s", mr_status_word(one, "name"), mr_status_word(one, "state"));
    }
}

void mr_status_line(const json_t *document, mr_buf *out)
{
    mr_buf_printf(out, "%.19sZ  ", mr_status_word(document, "time"));
    put_totals(document, out);
    mr_status_troubles(document, out);
    mr_text_tame(out->at, out->len, 0);
}
