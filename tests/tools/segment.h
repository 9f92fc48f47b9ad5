/* segment.h: Segment events for tests, demo and benchmarks, the same for the same seed and number.
 *
 * One thread; no heap; an event costs well under a microsecond.  Shared by tools_produce and the fed mock cluster;
 * the checker (verify.c) does not include it: what it expects comes from the bytes on the topic alone.
 */
#ifndef MR_TESTS_SEGMENT_H
#define MR_TESTS_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define SEGMENT_MAX 8192

typedef struct segment {
    uint64_t state; /* splitmix64 */
    char text[SEGMENT_MAX];
    size_t len;
    char key[64]; /* the user, for the message key */
    size_t key_len;
} segment;

typedef enum segment_poison {
    POISON_NONE,
    POISON_CUT,         /* the text ends too early */
    POISON_UTF8,        /* an invalid byte */
    POISON_SURROGATE,   /* a lone surrogate escape */
    POISON_ROOT,        /* JSON, but not an object */
    POISON_NO_KEY,      /* neither user nor anonymous */
    POISON_KEY_TYPE,    /* the user is an object */
    POISON_NO_TYPE,     /* required, missing */
    POISON_TYPE_NUMBER, /* wrong type */
    POISON_TYPE_LONG,   /* longer than its column */
    POISON_PRECISE,     /* a total with three digits that count */
    POISON_RANGE,       /* a total with more digits than the column has */
    POISON_TIME,        /* a day that does not exist */
    POISON_PROPERTIES,  /* longer than its column */
    POISON_COUNT
} segment_poison;

static inline uint64_t segment_random(segment *event)
{
    uint64_t z = event->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline bool segment_chance(segment *event, uint32_t permille)
{
    return segment_random(event) % 1000 < permille;
}

static inline void segment_put(segment *event, const char *text)
{
    size_t len = strlen(text);
    memcpy(event->text + event->len, text, len);
    event->len += len;
}

static inline void segment_digits(segment *event, uint64_t value, unsigned digits)
{
    char *at = event->text + event->len;
    for (unsigned i = digits; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    event->len += digits;
}

static inline void segment_hex(segment *event, uint64_t value, unsigned digits)
{
    char *at = event->text + event->len;
    for (unsigned i = digits; i-- > 0; value >>= 4)
        at[i] = "0123456789abcdef"[value & 15];
    event->len += digits;
}

static inline void segment_uuid(segment *event)
{
    uint64_t high = segment_random(event), low = segment_random(event);
    segment_hex(event, high >> 32, 8);
    segment_put(event, "-");
    segment_hex(event, high >> 16, 4);
    segment_put(event, "-4");
    segment_hex(event, high, 3);
    segment_put(event, "-a");
    segment_hex(event, low >> 48, 3);
    segment_put(event, "-");
    segment_hex(event, low, 12);
}

static inline void segment_when(segment *event, int64_t ms, bool offset)
{
    time_t seconds = (time_t)(ms / 1000) + (offset ? 7200 : 0);
    static time_t known_day = -1; /* the date changes seldom */
    static struct tm day;
    if (seconds / 86400 != known_day) {
        known_day = seconds / 86400;
        gmtime_r(&seconds, &day);
    }
    uint64_t of_day = (uint64_t)(seconds % 86400);
    segment_digits(event, (uint64_t)day.tm_year + 1900, 4);
    segment_put(event, "-");
    segment_digits(event, (uint64_t)day.tm_mon + 1, 2);
    segment_put(event, "-");
    segment_digits(event, (uint64_t)day.tm_mday, 2);
    segment_put(event, "T");
    segment_digits(event, of_day / 3600, 2);
    segment_put(event, ":");
    segment_digits(event, of_day / 60 % 60, 2);
    segment_put(event, ":");
    segment_digits(event, of_day % 60, 2);
    segment_put(event, ".");
    segment_digits(event, (uint64_t)(ms % 1000), 3);
    segment_put(event, offset ? "+02:00" : "Z");
}

static inline void segment_total(segment *event, segment_poison poison)
{
    uint64_t cents = segment_random(event) % 500000;
    switch (poison) {
    case POISON_PRECISE:
        segment_put(event, "12.345");
        return;
    case POISON_RANGE:
        segment_put(event, "10000000000.5");
        return;
    default:
        break;
    }
    switch (segment_random(event) % 16) {
    case 0:
        segment_put(event, "-0.01");
        return;
    case 1:
        segment_put(event, "9999999999.99");
        return;
    case 2:
        segment_put(event, "1.25e2");
        return;
    case 3:
        segment_put(event, "null");
        return;
    case 4:
        segment_put(event, "17");
        return;
    case 5:
        segment_put(event, "8.5000");
        return;
    default:
        segment_digits(event, cents / 100 + 1000, 4);
        segment_put(event, ".");
        segment_digits(event, cents % 100, 2);
    }
}

static inline void segment_user(segment *event, uint64_t users, segment_poison poison)
{
    uint64_t number = segment_random(event) % users;
    size_t start;
    if (poison == POISON_KEY_TYPE) {
        segment_put(event, ",\"userId\":{\"name\":\"x\"}");
    } else if (poison == POISON_NO_KEY) {
        segment_put(event, ",\"userId\":null,\"anonymousId\":null");
    } else if (number % 50 == 0) { /* not logged in: the anonymous one is the key */
        segment_put(event, number % 100 ? ",\"userId\":null" : "");
    } else {
        segment_put(event, number % 50 == 1 ? ",\"userId\":\"\\u0075ser-" : ",\"userId\":\"user-");
        start = event->len;
        segment_digits(event, number, 7);
        memcpy(event->key, "user-", 5);
        memcpy(event->key + 5, event->text + start, 7);
        event->key_len = 12;
        segment_put(event, "\"");
    }
    if (poison != POISON_NO_KEY) {
        segment_put(event, ",\"anonymousId\":\"");
        segment_uuid(event);
        segment_put(event, "\"");
    }
}

static inline void segment_properties(segment *event, segment_poison poison)
{
    static const char *const notes[] = {
        "gift wrap, please",
        "Stra\xc3\x9f-e \xe2\x82\xac 5 \xf0\x9f\x9a\x80",
        "a \\\"quoted\\\" \\\\ slash\\/tab\\tend",
        "\\u00fcber \\ud83d\\ude80 line\\nnext",
        "",
        "\xe6\xb0\xb4\xe8\xbb\x8a \xd0\xbc\xd0\xb5\xd0\xbb\xd1\x8c\xd0\xbd\xd0\xb8\xd1\x86\xd0\xb0",
    };
    segment_put(event, ",\"properties\":{\"order_id\":\"o-");
    segment_digits(event, segment_random(event) % 10000000, 7);
    segment_put(event, "\",\"total\":");
    segment_total(event, poison);
    segment_put(event, ",\"currency\":\"EUR\",\"note\":\"");
    segment_put(event, notes[segment_random(event) % (sizeof notes / sizeof *notes)]);
    segment_put(event, "\",\"coupon\" : null ,\"first\":false,\"products\":[{\"sku\":\"A-");
    segment_digits(event, segment_random(event) % 1000, 3);
    segment_put(event, "\",\"price\":4.99,\"quantity\":");
    segment_digits(event, segment_random(event) % 9 + 1, 1);
    segment_put(event, "},{\"sku\":\"B-7\",\"quantity\":1}]");
    if (poison == POISON_PROPERTIES) {
        segment_put(event, ",\"more\":\"");
        memset(event->text + event->len, 'x', 1100);
        event->len += 1100;
        segment_put(event, "\"");
    }
    segment_put(event, "}");
}

static inline void segment_type(segment *event, segment_poison poison)
{
    static const char *const types[] = {"track", "track", "track", "page", "identify"};
    if (poison == POISON_NO_TYPE) {
        segment_put(event, "{\"kind\":\"track\"");
    } else if (poison == POISON_TYPE_NUMBER) {
        segment_put(event, "{\"type\":7");
    } else {
        segment_put(event,
                    segment_chance(event, 10) ? "{\"type\":\"first one\",\"type\":\"" : "{\"type\":\"");
        segment_put(event,
                    poison == POISON_TYPE_LONG ? "seventeen bytes!!" : types[segment_random(event) % 5]);
        segment_put(event, "\"");
    }
}

static inline void segment_finish(segment *event, segment_poison poison, size_t exact)
{
    if (exact > event->len + 10) { /* ,"pad":"" and the brace are 10 bytes */
        segment_put(event, ",\"pad\":\"");
        memset(event->text + event->len, 'p', exact - event->len - 2);
        event->len = exact - 2;
        segment_put(event, "\"");
    }
    if (poison == POISON_SURROGATE)
        segment_put(event, ",\"extra\":\"\\ud83d alone\"");
    if (poison == POISON_UTF8)
        segment_put(event, ",\"extra\":\"\xc3(\"");
    segment_put(event, poison == POISON_CUT ? "" : "}");
    if (poison == POISON_ROOT) {
        event->len = 0;
        segment_put(event, "[1,2,3]");
    }
}

/* Event `number` of `seed`: event->text[0 .. len).  exact: at least so many bytes, exactly when it is above the usual
 * length (0 = as it comes).  mark: the first letter of its messageId. */
static inline void segment_make(segment *event, uint64_t seed, uint64_t number, uint64_t users, size_t exact,
                                segment_poison poison, char mark)
{
    static const int64_t start_ms = INT64_C(1760000000000);
    char first[2] = {mark, 0};
    event->state = seed * UINT64_C(0xD1342543DE82EF95) + number * UINT64_C(0x2545F4914F6CDD1D);
    event->len = 0;
    event->key_len = 0;
    segment_type(event, poison);
    segment_put(event, ",\"event\":\"Order Completed\"");
    segment_user(event, users, poison);
    segment_put(event, ",\"messageId\":\"");
    segment_put(event, first);
    segment_hex(event, seed, 8);
    segment_put(event, "-");
    segment_hex(event, number, 10);
    segment_put(event, "\",\"timestamp\":\"");
    if (poison == POISON_TIME)
        segment_put(event, "2025-02-30T10:00:00.000Z");
    else
        segment_when(event, start_ms + (int64_t)number * 7, segment_chance(event, 30));
    segment_put(event, "\"");
    if (poison == POISON_PROPERTIES || poison == POISON_PRECISE || poison == POISON_RANGE ||
        !segment_chance(event, 50))
        segment_properties(event, poison);
    segment_finish(event, poison, exact);
}

#endif
