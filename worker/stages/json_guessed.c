/* A text by guesses (json_guess.h): one loop, with little in it, so that it is done in registers.
 *
 * By marks: a string's end is looked for in their bits where the one before has shown that the string begins, so the time goes by one string's end after
 * the other.
 *
 * By a list, where the processor makes one quickly (marks.h): a guess says how many marks its piece has, so where a string ends waits for nothing but the
 * guesses.  Only for what is marked first.  Where many escapes have lost their marks, a look at the bits sees a string's end, and the list none: such texts
 * are passed by marks.
 */
#include "base/hash.h"
#include "json_pass.h"

/* Where lists are made quickly there is this, too; shifts and lowest bits take fewer instructions with it. */
#if defined(__x86_64__)
#define WITH_BMI __attribute__((target("avx2,bmi,bmi2")))
#else
#define WITH_BMI
#endif

/* Of the two pieces that came behind the last one before the one that stands at `at`, as far as is compared at once: what is to be done of it. */
MR_HOT mr_way guess_at(const mr_next *next, const char *at, mr_guess **guess)
{
    for (int i = 0; i < 2; i++) {
        *guess = next->guess[i];
        if (!RARELY(!mr_guess_begins(*guess, at)))
            return (*guess)->way;
    }
    return MR_WAY_NEVER;
}

/* What is unusual of a piece: its rest, when it is longer than MR_GUESS_QUICK, and brackets on wanted paths; false: it is not there. */
MR_HOT bool follow_unusual(const pass *p, const mr_guess *guess, const char *text, uint32_t at)
{
    if (guess->len > MR_GUESS_QUICK && (at + guess->len > p->in.until || !mr_guess_goes_on(guess, text + at)))
        return false;
    if (guess->is.behind == MR_BEHIND_PLAIN && !may_be_plain(text, p->in.len, at + guess->len))
        return false;
    follow(p, guess, at);
    return true;
}

MR_HOT void found_usual(const pass *p, uint32_t own, uint32_t at, uint32_t len, mr_json_kind kind,
                        bool escaped)
{
    p->spans[own] = (mr_span){.at = at, .len = len, .kind = (uint8_t)kind, .escaped = escaped};
}

MR_HOT void hash(mr_guesses *guesses, const char *text, uint32_t at, uint32_t len)
{
    guesses->hash_at = at;
    guesses->hash = mr_fnv1a64(text + at, len);
}

/* The end of the string behind a guess.  listed: it is the mark behind as many as the piece has, counted from *mark on, which goes on with it. */
MR_HOT bool string_end(const pass *p, const mr_guess *guess, const char *text, size_t from, bool listed,
                       const uint16_t **mark, size_t *end)
{
    if (listed) {
        const uint16_t *last = *mark + guess->marks;
        *end = *last;
        if (RARELY(text[*end] != '"'))
            return false;
        *mark = last + 1;
        return true;
    }
    uint64_t word = from < p->in.until ? mr_token_marks(&p->in, (uint32_t)from) : 0;
    if (RARELY(!word))
        return false;
    *end = from + (uint32_t)__builtin_ctzll(word);
    return !RARELY(text[*end] != '"');
}

MR_HOT bool usual_plain(const pass *p, const mr_guess *guess, const char *text, size_t from, size_t *at)
{
    mr_json_kind kind = MR_JSON_NUMBER;
    uint32_t len;
    if (RARELY((uint32_t)from >= p->in.quick))
        len = mr_token_last_number(text, p->in.len, (uint32_t)from);
    else
        len = mr_token_quick_plain(text + from, &kind);
    if (len == 0)
        return false;
    if (guess->own != MR_GUESS_NO_SPAN)
        found_usual(p, guess->own, (uint32_t)from, len, kind, false);
    *at = from + len;
    return true;
}

/* Whether one of the pieces is all that is left of the text, and short; it is followed. */
MR_HOT bool pass_rest(pass *p, const char *text)
{
    uint32_t len = p->in.len, left = len - p->at;
    if (left == 0 || left > 8 || len < 8)
        return false;
    uint64_t rest = mr_load64(text + len - 8) >> (64 - 8 * left);
    for (int i = 0; i < 2; i++) {
        const mr_guess *guess = p->next->guess[i];
        if (guess->is.behind != MR_BEHIND_END || guess->len != left || mr_load64(guess->text) != rest)
            continue;
        follow(p, guess, p->at);
        p->at = len;
        return true;
    }
    return false;
}

/* From p->at and p->next on.  listed: until escapes have lost their marks, or more is marked; `mark` is the first one that is not before p->at. */
MR_HOT mr_outcome pass_guesses(pass *p, const char *text, bool listed, const uint16_t *mark)
{
    const uint32_t marked = p->in.until;
    mr_next *next = p->next;
    size_t at = p->at, quick = p->in.quick;
    for (;;) {
        mr_guess *guess = &mr_guess_none;
        mr_way way = RARELY(at >= quick) ? MR_WAY_NEVER : guess_at(next, text + at, &guess);
        size_t from = at + guess->len, end;
        if (way == MR_WAY_STRING && string_end(p, guess, text, from, listed, &mark, &end)) {
            at = end + 1;
            next = &guess->next;
            continue;
        }
        if (way == MR_WAY_UNUSUAL)
            way = follow_unusual(p, guess, text, (uint32_t)at) ? guess->value : MR_WAY_NEVER;
        if (way <= MR_WAY_HASHED && string_end(p, guess, text, from, listed, &mark, &end)) {
            if (way != MR_WAY_STRING)
                found_usual(p, guess->own, (uint32_t)from, (uint32_t)(end - from), MR_JSON_STRING,
                            !listed && mr_token_escaped(&p->in, text, (uint32_t)from, (uint32_t)end));
            if (way == MR_WAY_HASHED)
                hash(p->guesses, text, (uint32_t)from, (uint32_t)(end - from));
            at = end + 1;
            next = &guess->next;
            continue;
        }
        if (way == MR_WAY_PLAIN && usual_plain(p, guess, text, from, &at)) {
            if (listed)
                mark += guess->marks;
            next = &guess->next;
            continue;
        }
        p->next = next;
        p->at = (uint32_t)(way == MR_WAY_END ? from : at);
        if (way == MR_WAY_END || pass_rest(p, text))
            return MR_ENDED;
        if (guess->is.behind == MR_BEHIND_PLAIN && !may_be_plain(text, p->in.len, (uint32_t)from))
            way = MR_WAY_NEVER;
        mr_outcome is = way == MR_WAY_NEVER ? mr_pass_slowly(p) : mr_pass_value(p, guess);
        if (is != MR_WENT_ON || (listed && (p->in.passed || p->in.until != marked)))
            return is;
        at = p->at;
        next = p->next;
        quick = p->in.quick;
        for (; listed && *mark < at && *mark != p->start; mark++)
            ;
    }
}

/* Behind the last mark comes the place of the bracket with which all begins: there is no quote.  Before it there may be blanks, of which some have marks. */
WITH_BMI __attribute__((noinline)) static mr_outcome pass_listed(pass *p, const char *text)
{
    uint16_t *list = p->guesses->list;
    list[p->in.listed] = (uint16_t)p->start;
    while (*list < p->start)
        list++;
    return pass_guesses(p, text, true, list);
}

__attribute__((noinline)) static mr_outcome pass_marked(pass *p, const char *text)
{
    return pass_guesses(p, text, false, NULL);
}

bool mr_pass_guessed(pass *p, const char *text)
{
    mr_guesses *guesses = p->guesses;
    mr_outcome is = MR_WENT_ON;
    p->next = &p->open->scope->next;
    if (p->listed && p->start < p->in.until)
        is = pass_listed(p, text);
    if (is == MR_WENT_ON)
        is = pass_marked(p, text);
    guesses->escapes = p->in.passed;
    return is == MR_ENDED;
}
