/* Texts of others on the status page: whatever group, shards, topics, states and reasons are called, the page has the markup that it has
 * with harmless ones, and is valid UTF-8 without control characters; in a buffer that is too small it is the same up to there.
 *
 *     lines: group, shard, topic, partition's state, its why, what waits: state, why, the shard's state, its why;   last byte: the buffer's size */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/text.h"
#include "stages/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { TEXTS = 9, TEXT_MAX = 600, PAGE_MAX = 1 << 18 };
enum { GROUP, SHARD, TOPIC, STATE, WHY, WAITING_STATE, WAITING_WHY, SHARD_STATE, SHARD_WHY };

static char text[TEXTS][TEXT_MAX];
static mr_stream stream = {.name = "events"};
static mr_shard shard = {.name = text[SHARD]};
static uint16_t slot_shard[1];
static mr_config config = {.kafka = {.group_id = text[GROUP]},
                           .streams = &stream,
                           .stream_count = 1,
                           .shards = &shard,
                           .shard_count = 1,
                           .slots = 1,
                           .slot_shard = slot_shard};
static mr_arena *arena; /* where leaks are looked for */
static mr_metrics *metrics;
static mr_board *board;

static size_t render(char *page, size_t cap)
{
    mr_page_moment moment = {5000, 1769817845678, 1 << 20};
    mr_board_partition_set(board, 0,
                           &(mr_board_partition){.topic = text[TOPIC],
                                                 .partition = 3,
                                                 .committed = 10,
                                                 .frontier = 11,
                                                 .end = 12,
                                                 .state = text[STATE],
                                                 .why = text[WHY],
                                                 .waiting = {.present = true,
                                                             .offset = 11,
                                                             .state = text[WAITING_STATE],
                                                             .attempts = 2,
                                                             .due_ms = 6000,
                                                             .why = text[WAITING_WHY]}});
    mr_board_shard_set(
        board, 0,
        &(mr_board_shard){
            .state = text[SHARD_STATE], .why = text[SHARD_WHY], .offsets_left = 5, .seconds_left = 1});
    mr_board_range_set(board, 0, 0, 3, 9);
    mr_buf out = mr_buf_over(page, cap);
    must(mr_page_render(board, metrics, &moment, &out) == !out.full);
    must(out.len < cap && page[out.len] == 0);
    return out.len;
}

static void start(void)
{
    arena = mr_arena_new();
    metrics = mr_metrics_new(&config, arena, 2);
    board = mr_board_new(&config, arena, 2);
}

/* The markup: tags with their attributes' names; a text between tags or in quotes is left out. */
static size_t skeleton(const char *page, char *out)
{
    size_t len = 0;
    bool in_tag = false, quoted = false;
    for (const char *c = strstr(page, "<body>"); *c; c++) {
        if (!in_tag ? *c == '<' : !quoted && *c == '>')
            in_tag = !in_tag;
        else if (in_tag && *c == '"')
            quoted = !quoted;
        else if (!in_tag || quoted)
            continue;
        out[len++] = *c;
    }
    return len;
}

static void look_at_text(const char *page, size_t len)
{
    must(mr_utf8_valid(page, len));
    for (size_t i = 0; i < len; i++)
        must(((unsigned char)page[i] >= ' ' && page[i] != 0x7f) || page[i] == '\n');
}

/* Empty texts stay so, for they have no element; states stay as they are but for what could be markup, for the headline is made of them. */
static void make_harmless(void)
{
    for (int i = 0; i < TEXTS; i++) {
        bool is_state = i == STATE || i == WAITING_STATE || i == SHARD_STATE;
        for (char *c = text[i]; *c; c++)
            if (!is_state || strchr("<>&\"'", *c) || (unsigned char)*c < ' ' || (unsigned char)*c > 0x7e)
                *c = 'x';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static char page[PAGE_MAX], small[PAGE_MAX], marks[2][PAGE_MAX];
    uint8_t size = len > 0 ? bytes[len - 1] : 0;
    if (!board)
        start();
    for (int i = 0; i < TEXTS; i++) {
        const uint8_t *end = len > 0 ? memchr(bytes, '\n', len) : NULL;
        size_t used = end ? (size_t)(end - bytes) : len, keep = used < TEXT_MAX ? used : TEXT_MAX - 1;
        if (keep > 0)
            memcpy(text[i], bytes, keep);
        text[i][keep] = 0;
        used += end != NULL;
        bytes = used > 0 ? bytes + used : bytes;
        len -= used;
    }
    size_t whole = render(page, sizeof page);
    must(whole < sizeof page - 1);
    look_at_text(page, whole);
    size_t cut = render(small, whole / 256 * size + 1);
    must(cut <= whole && !memcmp(small, page, cut));
    size_t hostile_marks = skeleton(page, marks[0]);
    make_harmless();
    render(page, sizeof page);
    must(skeleton(page, marks[1]) == hostile_marks && !memcmp(marks[0], marks[1], hostile_marks));
    return 0;
}
