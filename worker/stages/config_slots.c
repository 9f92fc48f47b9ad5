/* The slot map: "0-511,600" for each shard, or an even split in order where no shard says it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stages/config_table.h"

#define FREE UINT16_MAX

static bool read_number(const char **at, uint32_t *number)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    unsigned long value = strtoul(*at, &end, 10);
    *at = end;
    *number = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    return true;
}

static void claim(mr_reader *reader, uint16_t shard, uint32_t from, uint32_t to, const char *path)
{
    mr_config *config = reader->config;
    for (uint32_t slot = from; slot <= to; slot++) {
        uint16_t *owner = &config->slot_shard[slot];
        if (*owner != FREE) {
            mr_config_error(reader, path, false, "give each slot to one shard", "slot %u is %s's already",
                            slot, config->shards[*owner].name);
            return;
        }
        *owner = shard;
    }
}

static void read_ranges(mr_reader *reader, uint16_t shard, const char *path)
{
    const mr_config *config = reader->config;
    const char *text = config->shards[shard].slots, *at = text;
    for (;;) {
        uint32_t from, to;
        bool well = read_number(&at, &from);
        to = from;
        if (well && *at == '-') {
            at++;
            well = read_number(&at, &to);
        }
        if (!well || (*at && *at != ',')) {
            mr_config_error(reader, path, false, "write ranges such as 0-511,600", "\"%s\" names no slots",
                            text);
            return;
        }
        if (from > to || to >= config->slots) {
            mr_config_error(reader, path, false, "slots count from 0, below the key `slots`",
                            "%u-%u is no range of the %u slots", from, to, config->slots);
            return;
        }
        claim(reader, shard, from, to, path);
        if (!*at++)
            return;
    }
}

static void split_evenly(mr_config *config)
{
    for (uint32_t slot = 0; slot < config->slots; slot++)
        config->slot_shard[slot] = (uint16_t)((uint64_t)slot * config->shard_count / config->slots);
}

void mr_config_assign_slots(mr_reader *reader)
{
    mr_config *config = reader->config;
    size_t said = 0;
    config->slot_shard =
        mr_arena_take(config->texts, "configuration", config->slots, sizeof *config->slot_shard);
    memset(config->slot_shard, 0xff, config->slots * sizeof *config->slot_shard);
    for (size_t i = 0; i < config->shard_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "shards[%zu].slots", i);
        if (!config->shards[i].slots)
            continue;
        said++;
        read_ranges(reader, (uint16_t)i, path);
    }
    if (said == 0) {
        split_evenly(config);
        if (config->slots < config->shard_count)
            mr_config_error(reader, "slots", false, "use at least as many slots as shards",
                            "%u slots for %zu shards", config->slots, config->shard_count);
        return;
    }
    if (mr_findings_errors(reader->findings) > 0)
        return;
    for (uint32_t slot = 0; slot < config->slots; slot++)
        if (config->slot_shard[slot] == FREE) {
            mr_config_error(reader, "shards", false, "give every slot to a shard", "slot %u has no shard",
                            slot);
            return;
        }
}
