#include "base/ksuid.h"

#include <endian.h>
#include <string.h>

#include "base/hash.h"

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void put_big_endian32(unsigned char *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

static void put_big_endian64(unsigned char *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static uint64_t get_big_endian(const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

uint32_t mr_ksuid_source(const char *name_space, const char *topic)
{
    char text[1024];
    size_t space_len = strnlen(name_space, 512), topic_len = strnlen(topic, 500);
    memcpy(text, name_space, space_len);
    text[space_len] = 0;
    memcpy(text + space_len + 1, topic, topic_len);
    return mr_fnv1a32(text, space_len + 1 + topic_len);
}

void mr_ksuid_make(unsigned char id[MR_KSUID_BYTES], int64_t timestamp_ms, uint32_t source, int32_t partition,
                   int64_t offset)
{
    int64_t seconds = timestamp_ms < 0 ? 0 : timestamp_ms / 1000 - MR_KSUID_EPOCH;
    if (seconds < 0)
        seconds = 0;
    if (seconds > UINT32_MAX)
        seconds = UINT32_MAX;
    put_big_endian64(id, (uint64_t)seconds << 32 | source);
    put_big_endian32(id + 8, (uint32_t)partition);
    put_big_endian64(id + 12, (uint64_t)offset);
}

mr_ksuid_parts mr_ksuid_take_apart(const unsigned char id[MR_KSUID_BYTES])
{
    int64_t seconds = (int64_t)get_big_endian(id, 4);
    return (mr_ksuid_parts){.seconds = seconds ? seconds + MR_KSUID_EPOCH : 0,
                            .source = (uint32_t)get_big_endian(id + 4, 4),
                            .partition = (int32_t)(uint32_t)get_big_endian(id + 8, 4),
                            .offset = (int64_t)get_big_endian(id + 12, 8)};
}

void mr_ksuid_format(const unsigned char id[MR_KSUID_BYTES], char text[MR_KSUID_TEXT + 1])
{
    uint32_t word[5];
    for (int i = 0; i < 5; i++)
        word[i] = (uint32_t)get_big_endian(id + 4 * i, 4);
    /* Long division by 62, the last digit first. */
    for (int at = MR_KSUID_TEXT - 1; at >= 0; at--) {
        uint64_t rest = 0;
        for (int i = 0; i < 5; i++) {
            uint64_t value = rest << 32 | word[i];
            word[i] = (uint32_t)(value / 62);
            rest = value % 62;
        }
        text[at] = digits[rest];
    }
    text[MR_KSUID_TEXT] = 0;
}

bool mr_ksuid_parse(const char *text, unsigned char id[MR_KSUID_BYTES])
{
    uint32_t word[5] = {0};
    if (strnlen(text, MR_KSUID_TEXT + 1) != MR_KSUID_TEXT)
        return false;
    for (int at = 0; at < MR_KSUID_TEXT; at++) {
        const char *digit = strchr(digits, text[at]);
        if (!digit)
            return false;
        uint64_t carry = (uint64_t)(digit - digits);
        for (int i = 4; i >= 0; i--) {
            carry += (uint64_t)word[i] * 62;
            word[i] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry)
            return false;
    }
    for (int i = 0; i < 5; i++)
        put_big_endian32(id + 4 * i, word[i]);
    return true;
}
