/* Members that were not guessed, one after the other.
 *
 * What makes a loop over them slow is that each begins where the one before ends, and that its end is known only after some looks at it.  Here the places
 * of the marks (marks.h) are listed first, which waits for nothing; then a member takes two of them, or four when its value is a string, and that they are
 * where they have to be is checked by branches only:
 *
 *     ,"name":64.5,"other":"a value"
 *      ^    ^      ^     ^ ^       ^
 */
#include "json_pass.h"

#define FIRST_BYTES 128 /* that are listed at a time: there may be few members */
#define MORE_BYTES  512
#define SENTINELS   4 /* for a member that is looked for behind the last mark */

/* A number or a word at `from`, which is of `child`: its length; 0: it is neither, or not a usual one. */
MR_HOT uint32_t member_plain(const pass *p, const char *text, uint32_t from, const mr_node *child)
{
    mr_json_kind kind;
    uint32_t len = mr_token_quick_plain(text + from, &kind);
    if (RARELY(child != NULL) && len > 0)
        found(p, child, kind, from, from + len, false);
    return len;
}

/* By the list of marks from the quote of the name behind `at` on, which are relative to `base`. */
MR_HOT uint32_t members_listed(const pass *p, const char *text, uint32_t base, uint32_t at,
                               const uint16_t *mark)
{
    const mr_node *node = p->last->node;
    const uint64_t lengths = node ? node->lengths : 0;
    const bool passed = p->in.passed;
    for (;;) {
        uint32_t name = base + mark[0] + 1, end = base + mark[1], from = end + 2;
        const mr_node *child = NULL;
        if (memcmp(text + end, "\":", 2) || (RARELY(passed) && mr_token_escaped(&p->in, text, name, end)))
            return at;
        if (RARELY((lengths & mr_length_bit(end - name)) != 0))
            child = mr_child_find(node, text + name, end - name, MR_TOKEN_QUICK);
        if (text[from] == '"') {
            uint32_t close = base + mark[3];
            if (text[close] != '"')
                return at;
            from++;
            if (RARELY(child != NULL))
                found(p, child, MR_JSON_STRING, from, close, mr_token_escaped(&p->in, text, from, close));
            at = close + 1;
            mark += 4;
        } else {
            uint32_t len = member_plain(p, text, from, child);
            if (len == 0)
                return at;
            at = from + len;
            mark += 2;
        }
        if (memcmp(text + at, ",\"", 2)) /* else the next mark is there, unless the list has ended */
            return at;
    }
}

uint32_t mr_pass_members(const pass *p, const char *text, uint32_t at)
{
    __attribute__((uninitialized)) uint16_t list[MORE_BYTES + MR_MARKS_SPARE];
    const uint32_t base = at - at % MR_MARKS_WINDOW;
    /* Behind a mark before it are those bytes that a number is read by, and one that is marked. */
    const uint32_t until = p->in.quick > 2 ? p->in.quick - 2 : 0;
    uint32_t bytes = FIRST_BYTES, from;
    if (p->last->index != OBJECT)
        return at;
    do {
        from = at;
        if (at >= until || memcmp(text + at, ",\"", 2))
            return at;
        uint32_t end = until - at < bytes ? until : at + bytes;
        uint32_t count = p->paths->list(p->in.marks, at + 1 - base, end - base, list);
        for (int i = 0; i < SENTINELS; i++)
            list[count++] = (uint16_t)(at - base); /* a comma stands there, so it is no quote */
        at = members_listed(p, text, base, at, list);
        bytes = MORE_BYTES;
    } while (at > from);
    return at;
}
