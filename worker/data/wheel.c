#include "data/wheel.h"

#include "base/must.h"

#define CHUNK 64u /* places: of the list that its list goes on in, and of 63 handles */
#define LINE  16u /* places of a cache line */

_Static_assert(CHUNK * sizeof(uint32_t) == 256 && LINE * sizeof(uint32_t) == 64,
               "a chunk is four cache lines");

/* What is due in a later turn of the cursor. */
typedef struct later {
    uint64_t tick;
    uint32_t list;
    uint32_t next; /* of its bucket, or of the spare ones; 0: none */
} later;

/* A list of handles is one number: the place where its next handle goes, 0 when it is empty.  So all that schedule reads of a bucket is that number,
 * four bytes that stay in the cache.  Only a list's first chunk has room; when that is full, the number is the chunk's end. */
struct mr_wheel {
    uint32_t *soon;   /* [buckets]: list of what is due when the cursor comes next */
    uint32_t *beyond; /* [buckets]: first of `laters` */
    uint32_t *place;  /* of all chunks */
    later *laters;    /* [laters_total + 1], the first stands for none */
    uint32_t free;    /* list of empty chunks; they are named by their ends */
    uint32_t opened;  /* places before it belong to chunks that have been in use */
    uint32_t places;
    uint32_t later_spare, laters_opened, laters_total;
    uint32_t mask, tick_ms, capacity, pending;
    uint64_t ticks; /* no delay is longer */
    uint64_t start_ms;
    uint64_t tick; /* the cursor: everything up to this tick has left its bucket */
    uint32_t due;  /* list of what is being given out */
    uint64_t bytes;
};

mr_wheel *mr_wheel_new(mr_arena *arena, const char *part, uint32_t buckets, uint32_t tick_ms,
                       uint32_t capacity, uint32_t turns, uint64_t now_ms)
{
    must(buckets >= 2 && (buckets & (buckets - 1)) == 0 && tick_ms > 0 && turns > 0);
    uint64_t ticks = (uint64_t)buckets * turns, laters = ticks - buckets;
    /* Each tick's list has at most one chunk that is not full. */
    uint64_t chunks = capacity / (CHUNK - 1) + 1 + (ticks < capacity ? ticks : capacity);
    must(chunks <= UINT32_MAX / CHUNK);
    size_t before = mr_arena_total(arena);
    mr_wheel *wheel = mr_arena_take(arena, part, 1, sizeof *wheel);
    wheel->soon = mr_arena_take(arena, part, buckets, sizeof *wheel->soon);
    wheel->beyond = mr_arena_take(arena, part, buckets, sizeof *wheel->beyond);
    wheel->places = (uint32_t)chunks * CHUNK;
    wheel->place = mr_arena_take(arena, part, wheel->places, sizeof *wheel->place);
    wheel->laters_total = (uint32_t)(laters < capacity ? laters : capacity);
    wheel->laters = mr_arena_take(arena, part, (size_t)wheel->laters_total + 1, sizeof *wheel->laters);
    wheel->bytes = mr_arena_total(arena) - before;
    wheel->mask = buckets - 1;
    wheel->tick_ms = tick_ms;
    wheel->capacity = capacity;
    wheel->ticks = ticks;
    wheel->start_ms = now_ms;
    return wheel;
}

/* ---- lists ---- */

/* The chunk with that end will be used soon, and lies anywhere. */
static inline void fetch(const mr_wheel *wheel, uint32_t end)
{
    for (uint32_t line = 0; end != 0 && line < CHUNK; line += LINE)
        __builtin_prefetch(&wheel->place[end - CHUNK + line], 1);
}

/* Puts a free chunk in front of a list without room. */
static void open_chunk(mr_wheel *wheel, uint32_t *list)
{
    uint32_t end = wheel->free;
    if (end != 0) {
        wheel->free = wheel->place[end - CHUNK];
        fetch(wheel, wheel->free);
    } else {
        must(wheel->opened < wheel->places);
        end = wheel->opened += CHUNK;
    }
    wheel->place[end - CHUNK] = *list;
    *list = end - CHUNK + 1;
}

static inline void put(mr_wheel *wheel, uint32_t *list, uint32_t handle)
{
    if (*list % CHUNK == 0)
        open_chunk(wheel, list);
    wheel->place[(*list)++] = handle;
}

/* Takes up to `max` handles out of a list's first chunk, the last one first. */
static uint32_t take_some(mr_wheel *wheel, uint32_t *list, uint32_t *handles, uint32_t max)
{
    uint32_t first = (*list - 1) & ~(CHUNK - 1), at = *list, given = 0;
    fetch(wheel, wheel->place[first]);
    while (at > first + 1 && given < max)
        handles[given++] = wheel->place[--at];
    *list = at;
    if (at == first + 1) {
        *list = wheel->place[first];
        wheel->place[first] = wheel->free;
        wheel->free = first + CHUNK;
    }
    return given;
}

/* ---- later turns ---- */

static uint32_t *list_of_later(mr_wheel *wheel, uint64_t tick)
{
    uint32_t *head = &wheel->beyond[tick & wheel->mask], at = *head;
    while (at != 0 && wheel->laters[at].tick != tick)
        at = wheel->laters[at].next;
    if (at == 0) {
        at = wheel->later_spare;
        if (at != 0)
            wheel->later_spare = wheel->laters[at].next;
        else
            at = ++wheel->laters_opened;
        must(at <= wheel->laters_total);
        wheel->laters[at] = (later){.tick = tick, .next = *head};
        *head = at;
    }
    return &wheel->laters[at].list;
}

/* The one at *link is not needed any more. */
static void drop_later(mr_wheel *wheel, uint32_t *link)
{
    uint32_t at = *link;
    *link = wheel->laters[at].next;
    wheel->laters[at].next = wheel->later_spare;
    wheel->later_spare = at;
}

/* ---- in, and out ---- */

void mr_wheel_schedule(mr_wheel *wheel, uint32_t handle, uint64_t due_ms)
{
    must(wheel->pending < wheel->capacity);
    uint64_t after = due_ms > wheel->start_ms ? due_ms - wheel->start_ms : 0;
    uint64_t tick = (after + wheel->tick_ms - 1) / wheel->tick_ms; /* rounded up: never early */
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    uint64_t ahead = tick - wheel->tick;
    must(ahead <= wheel->ticks);
    put(wheel,
        ahead <= (uint64_t)wheel->mask + 1 ? &wheel->soon[tick & wheel->mask] : list_of_later(wheel, tick),
        handle);
    wheel->pending++;
}

/* The cursor enters the next bucket: what is soon there is due, and what is due a turn later becomes soon. */
static void enter_bucket(mr_wheel *wheel)
{
    uint32_t bucket = (uint32_t)++wheel->tick & wheel->mask;
    uint64_t a_turn_later = wheel->tick + wheel->mask + 1;
    wheel->due = wheel->soon[bucket];
    wheel->soon[bucket] = 0;
    for (uint32_t *link = &wheel->beyond[bucket]; *link != 0; link = &wheel->laters[*link].next)
        if (wheel->laters[*link].tick == a_turn_later) {
            wheel->soon[bucket] = wheel->laters[*link].list;
            drop_later(wheel, link);
            break;
        }
}

uint32_t mr_wheel_expire(mr_wheel *wheel, uint64_t now_ms, uint32_t *handles, uint32_t max)
{
    uint64_t now = now_ms > wheel->start_ms ? (now_ms - wheel->start_ms) / wheel->tick_ms : 0;
    uint32_t given = 0;
    while (given < max) {
        if (wheel->due != 0) {
            given += take_some(wheel, &wheel->due, handles + given, max - given);
        } else if (wheel->tick >= now) {
            break;
        } else if (wheel->pending == given) {
            wheel->tick = now; /* nothing is left anywhere */
        } else {
            enter_bucket(wheel);
        }
    }
    wheel->pending -= given;
    return given;
}

static bool take_from(mr_wheel *wheel, uint32_t *list, uint32_t *handle)
{
    if (*list == 0)
        return false;
    wheel->pending -= take_some(wheel, list, handle, 1);
    return true;
}

static bool take_later(mr_wheel *wheel, uint32_t *head, uint32_t *handle)
{
    if (*head == 0)
        return false;
    uint32_t *list = &wheel->laters[*head].list;
    take_from(wheel, list, handle);
    if (*list == 0)
        drop_later(wheel, head);
    return true;
}

bool mr_wheel_take(mr_wheel *wheel, uint32_t *handle)
{
    if (wheel->pending == 0)
        return false;
    if (take_from(wheel, &wheel->due, handle))
        return true;
    for (uint32_t i = 0; i <= wheel->mask; i++)
        if (take_from(wheel, &wheel->soon[i], handle) || take_later(wheel, &wheel->beyond[i], handle))
            return true;
    must(!"a pending entry is in some bucket");
    return false;
}

/* ---- what is known of it ---- */

uint32_t mr_wheel_pending(const mr_wheel *wheel)
{
    return wheel->pending;
}

uint64_t mr_wheel_next_ms(const mr_wheel *wheel)
{
    if (wheel->pending == 0)
        return UINT64_MAX;
    uint64_t tick = wheel->tick;
    if (wheel->due == 0)
        for (tick++; tick - wheel->tick <= wheel->mask; tick++)
            if (wheel->soon[tick & wheel->mask] != 0)
                break;
    return wheel->start_ms + tick * wheel->tick_ms;
}

uint64_t mr_wheel_latest_ms(const mr_wheel *wheel)
{
    return wheel->start_ms + (wheel->tick + wheel->ticks) * wheel->tick_ms;
}

uint64_t mr_wheel_bytes(const mr_wheel *wheel)
{
    return wheel->bytes;
}

static uint32_t check_list(const mr_wheel *wheel, uint32_t list, uint32_t *places)
{
    uint32_t entries = 0;
    for (uint32_t at = list, first; at != 0; at = wheel->place[first]) {
        first = (at - 1) & ~(CHUNK - 1);
        must(at > first + 1 && (at == list || at % CHUNK == 0)); /* not empty; only the first has room */
        must((*places += CHUNK) <= wheel->opened && first < wheel->opened);
        entries += at - first - 1;
    }
    return entries;
}

static uint32_t check_laters(const mr_wheel *wheel, uint32_t bucket, uint32_t *places, uint32_t *laters)
{
    uint32_t entries = 0;
    for (uint32_t at = wheel->beyond[bucket]; at != 0; at = wheel->laters[at].next) {
        const later *one = &wheel->laters[at];
        must(++*laters <= wheel->laters_opened && at <= wheel->laters_opened);
        must((one->tick & wheel->mask) == bucket && one->list != 0);
        must(one->tick > wheel->tick + wheel->mask + 1 && one->tick <= wheel->tick + wheel->ticks);
        entries += check_list(wheel, one->list, places);
    }
    return entries;
}

void mr_wheel_check(const mr_wheel *wheel)
{
    uint32_t places = 0, laters = 0;
    uint32_t entries = check_list(wheel, wheel->due, &places);
    for (uint32_t i = 0; i <= wheel->mask; i++) {
        entries += check_list(wheel, wheel->soon[i], &places);
        entries += check_laters(wheel, i, &places, &laters);
    }
    must(entries == wheel->pending);
    for (uint32_t end = wheel->free; end != 0; end = wheel->place[end - CHUNK])
        must((places += CHUNK) <= wheel->opened && end % CHUNK == 0 && end <= wheel->opened);
    for (uint32_t at = wheel->later_spare; at != 0; at = wheel->laters[at].next)
        must(++laters <= wheel->laters_opened);
    must(places == wheel->opened && laters == wheel->laters_opened); /* none is lost */
    must(wheel->opened <= wheel->places && laters <= wheel->laters_total);
}
