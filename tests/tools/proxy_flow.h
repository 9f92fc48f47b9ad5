/* proxy_flow.h: what flows through tools_proxy in one direction, and how much of it may go on now: pure, time is passed in.
 *
 * A flow is a ring of bytes, the times when they came, and how their sender ended.  A mode says what holds the bytes back.  One thread;
 * nothing is allocated: a full ring is not read into, and neither is one whose list of times is full.
 */
#ifndef MR_TESTS_PROXY_FLOW_H
#define MR_TESTS_PROXY_FLOW_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

enum { UP, DOWN }; /* from the client to the server, and back */

enum {
    FLOW_BYTES = 1 << 20,
    FLOW_CHUNKS = 4096,
    FLOW_CHUNK_US = 1000,    /* what comes within it is as old as the first of it */
    FLOW_BURST_US = 50000,   /* of unused rate that may be made up for */
    FLOW_QUANTUM_US = 10000, /* of rate that is sent at a time */
};
#define FLOW_NUMBER_MAX 1000000000000 /* of a command: times a second's microseconds it fits in 64 bits */
#define FLOW_NEVER      UINT64_MAX
_Static_assert(!(FLOW_BYTES & (FLOW_BYTES - 1)) && !(FLOW_CHUNKS & (FLOW_CHUNKS - 1)),
               "free-running counters are masked");

typedef enum flow_end { FLOW_OPEN, FLOW_FIN, FLOW_RESET } flow_end;

typedef struct proxy_flow {
    uint64_t in, out; /* these and the chunks' run freely and are masked on access */
    uint32_t chunk_in, chunk_out;
    flow_end end; /* a FIN comes after what is in the ring, a RESET before it */
    bool end_sent;
    uint64_t end_us;
    uint64_t credit, credit_us; /* rate: millionths of a byte that may go, and until when that is reckoned */
    uint64_t next_us;           /* drip: not before */
    struct {
        uint64_t end, came_us;
    } chunk[FLOW_CHUNKS];
    uint8_t bytes[FLOW_BYTES];
} proxy_flow;

typedef struct proxy_mode {
    bool stalled[2];
    bool refuse;
    uint64_t delay_us, rate, drip_bytes, drip_us; /* 0: none */
} proxy_mode;

/* What holds for a turn of the loop: its mode and its time; and when the next turn is due at the latest. */
typedef struct proxy_turn {
    proxy_mode mode;
    uint64_t now_us, wake_us;
} proxy_turn;

static inline void turn_wake(proxy_turn *turn, uint64_t at_us)
{
    if (at_us < turn->wake_us)
        turn->wake_us = at_us;
}

/* ---- the ring ---- */

static inline uint64_t flow_have(const proxy_flow *flow)
{
    return flow->in - flow->out;
}

static inline uint64_t flow_space(const proxy_flow *flow)
{
    return flow->chunk_in - flow->chunk_out == FLOW_CHUNKS ? 0 : FLOW_BYTES - flow_have(flow);
}

/* Where the ring's bytes from `at` on are; how many pieces that is. */
static inline int flow_pieces(proxy_flow *flow, uint64_t at, uint64_t count, struct iovec piece[2])
{
    uint64_t from = at & (FLOW_BYTES - 1), first = count < FLOW_BYTES - from ? count : FLOW_BYTES - from;
    piece[0] = (struct iovec){flow->bytes + from, first};
    piece[1] = (struct iovec){flow->bytes, count - first};
    return count > first ? 2 : 1;
}

static inline void flow_came(proxy_flow *flow, uint64_t count, uint64_t now_us)
{
    uint32_t newest = (flow->chunk_in - 1) & (FLOW_CHUNKS - 1);
    flow->in += count;
    if (flow->chunk_in == flow->chunk_out || now_us - flow->chunk[newest].came_us >= FLOW_CHUNK_US) {
        newest = flow->chunk_in++ & (FLOW_CHUNKS - 1);
        flow->chunk[newest].came_us = now_us;
    }
    flow->chunk[newest].end = flow->in;
}

static inline void flow_went(proxy_flow *flow, uint64_t count, const proxy_turn *turn)
{
    flow->out += count;
    while (flow->chunk_out != flow->chunk_in &&
           flow->chunk[flow->chunk_out & (FLOW_CHUNKS - 1)].end <= flow->out)
        flow->chunk_out++;
    if (turn->mode.rate)
        flow->credit -= count * 1000000;
    flow->next_us = turn->now_us + turn->mode.drip_us;
}

static inline void flow_ended(proxy_flow *flow, flow_end end, uint64_t now_us)
{
    if (flow->end == FLOW_RESET)
        return;
    flow->end = end;
    flow->end_us = now_us;
}

/* Whether what has come ends with the text: who waits for the answer to a statement has sent nothing after it. */
static inline bool flow_ends_with(const proxy_flow *flow, const char *text)
{
    uint64_t len = strlen(text);
    if (flow->in < len)
        return false;
    for (uint64_t i = 0; i < len; i++)
        if (flow->bytes[(flow->in - len + i) & (FLOW_BYTES - 1)] != (uint8_t)text[i])
            return false;
    return true;
}

/* A new mode begins: nobody has saved anything up. */
static inline void flow_begin(proxy_flow *flow, uint64_t now_us)
{
    flow->credit = flow->next_us = 0;
    flow->credit_us = now_us;
}

/* ---- what may go now ---- */

static inline uint64_t flow_ripe(const proxy_flow *flow, proxy_turn *turn)
{
    uint64_t until = flow->out;
    for (uint32_t i = flow->chunk_out; i != flow->chunk_in; i++) {
        uint64_t due = flow->chunk[i & (FLOW_CHUNKS - 1)].came_us + turn->mode.delay_us;
        if (due > turn->now_us) {
            turn_wake(turn, due);
            break;
        }
        until = flow->chunk[i & (FLOW_CHUNKS - 1)].end;
    }
    return until - flow->out;
}

static inline uint64_t flow_rated(proxy_flow *flow, uint64_t have, proxy_turn *turn)
{
    uint64_t rate = turn->mode.rate, passed = turn->now_us - flow->credit_us;
    uint64_t most = rate * FLOW_BURST_US, least = rate * FLOW_QUANTUM_US;
    if (most < 1000000)
        most = 1000000;
    if (least > have * 1000000)
        least = have * 1000000;
    if (least < 1000000)
        least = 1000000;
    flow->credit += rate * (passed < 1000000 ? passed : 1000000);
    flow->credit = flow->credit < most ? flow->credit : most;
    flow->credit_us = turn->now_us;
    if (flow->credit >= least)
        return flow->credit / 1000000;
    turn_wake(turn, turn->now_us + (least - flow->credit) / rate + 1);
    return 0;
}

static inline uint64_t flow_allowed(proxy_flow *flow, int direction, proxy_turn *turn)
{
    uint64_t have = flow_have(flow), may = have;
    if (!have || turn->mode.stalled[direction])
        return 0;
    if (turn->mode.delay_us)
        may = flow_ripe(flow, turn);
    if (turn->mode.rate)
        may = flow_rated(flow, have, turn);
    if (turn->mode.drip_bytes && turn->now_us < flow->next_us) {
        turn_wake(turn, flow->next_us);
        may = 0;
    } else if (turn->mode.drip_bytes) {
        may = turn->mode.drip_bytes;
    }
    return may < have ? may : have;
}

/* Whether its end is to be handed on now. */
static inline bool flow_end_due(const proxy_flow *flow, int direction, proxy_turn *turn)
{
    if (flow->end == FLOW_OPEN || flow->end_sent || turn->mode.stalled[direction])
        return false;
    if (flow->end == FLOW_RESET)
        return true;
    if (flow_have(flow))
        return false;
    if (turn->now_us >= flow->end_us + turn->mode.delay_us)
        return true;
    turn_wake(turn, flow->end_us + turn->mode.delay_us);
    return false;
}

/* ---- commands that are modes ---- */

static inline bool mode_number(const char *text, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno && *value > 0 && *value <= most;
}

/* False: it is none, and `mode` is unchanged. */
static inline bool mode_parse(const char *line, proxy_mode *mode)
{
    char word[4][24] = {""};
    proxy_mode is = {0};
    int words = sscanf(line, "%23s %23s %23s %23s", word[0], word[1], word[2], word[3]);
    bool known = false;
    if (!strcmp(word[0], "pass")) {
        known = words == 1;
    } else if (!strcmp(word[0], "delay")) {
        known = words == 2 && mode_number(word[1], FLOW_NUMBER_MAX / 1000, &is.delay_us);
        is.delay_us *= 1000;
    } else if (!strcmp(word[0], "rate")) {
        known = words == 2 && mode_number(word[1], FLOW_NUMBER_MAX, &is.rate);
    } else if (!strcmp(word[0], "drip")) {
        known = words == 3 && mode_number(word[1], FLOW_NUMBER_MAX, &is.drip_bytes) &&
                mode_number(word[2], FLOW_NUMBER_MAX / 1000, &is.drip_us);
        is.drip_us *= 1000;
    } else if (!strcmp(word[0], "stall")) {
        is.stalled[UP] = words == 1 || !strcmp(word[1], "up");
        is.stalled[DOWN] = words == 1 || !strcmp(word[1], "down");
        known = words <= 2 && (is.stalled[UP] || is.stalled[DOWN]);
    } else if (!strcmp(word[0], "refuse")) {
        is.refuse = known = words == 1;
    }
    if (known)
        *mode = is;
    return known;
}

/* ---- snips ---- */

/* The connection whose client says the next TEXT is reset: instead of handing it on, or instead of the answer to it. */
typedef struct proxy_snip {
    bool armed, before;
    char text[24];
    uint64_t done;
} proxy_snip;

/* False: it is no snip, and nothing has changed. */
static inline bool snip_parse(const char *line, proxy_snip *snip)
{
    char when[8], text[sizeof snip->text], more;
    if (sscanf(line, "snip %7s %23s %c", when, text, &more) != 2 ||
        (strcmp(when, "before") != 0 && strcmp(when, "after") != 0))
        return false;
    snip->armed = true;
    snip->before = !strcmp(when, "before");
    memcpy(snip->text, text, sizeof text);
    return true;
}

#endif
