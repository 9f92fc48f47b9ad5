#include "data/wheel.h"

#include "base/must.h"

#define NONE      UINT32_MAX
#define HANDLES   62
#define TURN_BITS 24

typedef struct chunk {
    uint32_t next;
    uint32_t count : 8;
    uint32_t turn : TURN_BITS; /* of the cursor, modulo 2^24, in which its handles are due */
    uint32_t handle[HANDLES];
} chunk;

_Static_assert(sizeof(chunk) == 256, "a chunk is four cache lines");

struct mr_wheel {
    uint32_t *soon;  /* [buckets]: first chunk of what is due when the cursor comes next */
    uint32_t *later; /* [buckets]: first chunk of what is due in a later turn */
    chunk *chunks;
    uint32_t free; /* first free chunk */
    uint32_t chunks_total;
    uint32_t mask, tick_ms, capacity, turns, pending;
    uint64_t start_ms;
    uint64_t tick; /* the cursor: everything up to this tick has left its bucket */
    uint32_t due;  /* first chunk of what is being given out */
    uint64_t bytes;
};

mr_wheel *mr_wheel_new(mr_arena *arena, const char *part, uint32_t buckets, uint32_t tick_ms,
                       uint32_t capacity, uint32_t turns, uint64_t now_ms)
{
    must(buckets >= 2 && (buckets & (buckets - 1)) == 0 && tick_ms > 0 && turns > 0);
    uint64_t partly =
        (uint64_t)buckets * turns; /* each bucket has at most one unfilled chunk for each turn */
    partly = partly < capacity ? partly : capacity;
    size_t before = mr_arena_total(arena);
    mr_wheel *wheel = mr_arena_take(arena, part, 1, sizeof *wheel);
    wheel->soon = mr_arena_take(arena, part, buckets, sizeof *wheel->soon);
    wheel->later = mr_arena_take(arena, part, buckets, sizeof *wheel->later);
    wheel->chunks_total = (uint32_t)(capacity / HANDLES + 1 + partly);
    wheel->chunks = mr_arena_take(arena, part, wheel->chunks_total, sizeof *wheel->chunks);
    wheel->bytes = mr_arena_total(arena) - before;
    wheel->mask = buckets - 1;
    wheel->tick_ms = tick_ms;
    wheel->capacity = capacity;
    wheel->turns = turns;
    wheel->start_ms = now_ms;
    wheel->due = NONE;
    for (uint32_t i = 0; i < buckets; i++)
        wheel->soon[i] = wheel->later[i] = NONE;
    for (uint32_t i = 0; i < wheel->chunks_total; i++)
        wheel->chunks[i].next = i + 1 < wheel->chunks_total ? i + 1 : NONE;
    return wheel;
}

static uint32_t turn_of(const mr_wheel *wheel, uint64_t tick)
{
    return (uint32_t)(tick / ((uint64_t)wheel->mask + 1)) & ((1u << TURN_BITS) - 1);
}

/* A new chunk in front of the list at *head. */
static chunk *add_chunk(mr_wheel *wheel, uint32_t *head, uint32_t turn)
{
    uint32_t at = wheel->free;
    must(at != NONE);
    chunk *made = &wheel->chunks[at];
    wheel->free = made->next;
    made->next = *head;
    made->count = 0;
    made->turn = turn & ((1u << TURN_BITS) - 1);
    *head = at;
    return made;
}

/* The first chunk of a turn is the only one of that turn that may have room. */
static chunk *chunk_with_room(mr_wheel *wheel, uint32_t *head, uint32_t turn)
{
    for (uint32_t at = *head; at != NONE; at = wheel->chunks[at].next)
        if (wheel->chunks[at].turn == turn) {
            if (wheel->chunks[at].count < HANDLES)
                return &wheel->chunks[at];
            break;
        }
    return add_chunk(wheel, head, turn);
}

void mr_wheel_schedule(mr_wheel *wheel, uint32_t handle, uint64_t due_ms)
{
    must(wheel->pending < wheel->capacity);
    uint64_t after = due_ms > wheel->start_ms ? due_ms - wheel->start_ms : 0;
    uint64_t tick = (after + wheel->tick_ms - 1) / wheel->tick_ms; /* rounded up: never early */
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    uint64_t ahead = tick - wheel->tick;
    must(ahead <= (uint64_t)wheel->turns * (wheel->mask + 1));
    uint32_t bucket = (uint32_t)tick & wheel->mask;
    uint32_t *head = ahead <= (uint64_t)wheel->mask + 1 ? &wheel->soon[bucket] : &wheel->later[bucket];
    chunk *in = chunk_with_room(wheel, head, turn_of(wheel, tick));
    in->handle[in->count++] = handle;
    wheel->pending++;
}

/* The cursor enters the next bucket: its soon chunks are due, and those of the next turn become soon. */
static void enter_bucket(mr_wheel *wheel)
{
    uint32_t bucket = (uint32_t)++wheel->tick & wheel->mask;
    uint32_t next_turn = turn_of(wheel, wheel->tick + wheel->mask + 1);
    wheel->due = wheel->soon[bucket];
    wheel->soon[bucket] = NONE;
    uint32_t *link = &wheel->later[bucket], *tail = &wheel->soon[bucket];
    while (*link != NONE) {
        uint32_t at = *link;
        if (wheel->chunks[at].turn != next_turn) {
            link = &wheel->chunks[at].next;
            continue;
        }
        *link = wheel->chunks[at].next;
        wheel->chunks[at].next = NONE;
        *tail = at; /* in the same order: the one with room stays first */
        tail = &wheel->chunks[at].next;
    }
}

uint32_t mr_wheel_expire(mr_wheel *wheel, uint64_t now_ms, uint32_t *handles, uint32_t max)
{
    uint64_t now = now_ms > wheel->start_ms ? (now_ms - wheel->start_ms) / wheel->tick_ms : 0;
    uint32_t given = 0;
    while (given < max) {
        if (wheel->due != NONE) {
            chunk *from = &wheel->chunks[wheel->due];
            while (given < max && from->count > 0)
                handles[given++] = from->handle[--from->count];
            if (from->count == 0) {
                uint32_t empty = wheel->due;
                wheel->due = from->next;
                from->next = wheel->free;
                wheel->free = empty;
            }
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

static bool take_from(mr_wheel *wheel, uint32_t *head, uint32_t *handle)
{
    if (*head == NONE)
        return false;
    uint32_t at = *head;
    chunk *from = &wheel->chunks[at];
    *handle = from->handle[--from->count];
    if (from->count == 0) {
        *head = from->next;
        from->next = wheel->free;
        wheel->free = at;
    }
    wheel->pending--;
    return true;
}

bool mr_wheel_take(mr_wheel *wheel, uint32_t *handle)
{
    if (wheel->pending == 0)
        return false;
    if (take_from(wheel, &wheel->due, handle))
        return true;
    for (uint32_t i = 0; i <= wheel->mask; i++)
        if (take_from(wheel, &wheel->soon[i], handle) || take_from(wheel, &wheel->later[i], handle))
            return true;
    must(!"a pending entry is in some bucket");
    return false;
}

uint32_t mr_wheel_pending(const mr_wheel *wheel)
{
    return wheel->pending;
}

uint64_t mr_wheel_next_ms(const mr_wheel *wheel)
{
    if (wheel->pending == 0)
        return UINT64_MAX;
    uint64_t tick = wheel->tick;
    if (wheel->due == NONE)
        for (tick++; tick - wheel->tick <= wheel->mask; tick++)
            if (wheel->soon[tick & wheel->mask] != NONE)
                break;
    return wheel->start_ms + tick * wheel->tick_ms;
}

uint64_t mr_wheel_latest_ms(const mr_wheel *wheel)
{
    return wheel->start_ms + (wheel->tick + (uint64_t)wheel->turns * (wheel->mask + 1)) * wheel->tick_ms;
}

uint64_t mr_wheel_bytes(const mr_wheel *wheel)
{
    return wheel->bytes;
}

static uint32_t check_list(const mr_wheel *wheel, uint32_t head, uint32_t *chunks)
{
    uint32_t entries = 0;
    for (uint32_t at = head; at != NONE; at = wheel->chunks[at].next) {
        must(at < wheel->chunks_total && ++*chunks <= wheel->chunks_total);
        must(wheel->chunks[at].count > 0 && wheel->chunks[at].count <= HANDLES);
        entries += wheel->chunks[at].count;
    }
    return entries;
}

void mr_wheel_check(const mr_wheel *wheel)
{
    uint32_t chunks = 0;
    uint32_t entries = check_list(wheel, wheel->due, &chunks);
    for (uint32_t i = 0; i <= wheel->mask; i++) {
        entries += check_list(wheel, wheel->soon[i], &chunks);
        entries += check_list(wheel, wheel->later[i], &chunks);
    }
    must(entries == wheel->pending);
    for (uint32_t at = wheel->free; at != NONE; at = wheel->chunks[at].next)
        must(++chunks <= wheel->chunks_total);
    must(chunks == wheel->chunks_total); /* none is lost */
}
