/* The metadata of a commit, taken apart by hand: the product's own parser is not asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"

static uint32_t name_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* p:<hash>:<from> or r:<hash>:<from>:<to>; returns what follows, NULL when it is neither. */
static const char *read_range(const char *at, sim_commit *commit)
{
    char kind = *at, *end;
    if ((kind != 'p' && kind != 'r') || at[1] != ':')
        return NULL;
    uint32_t hash = (uint32_t)strtoul(at + 2, &end, 16), shard = 0;
    char name[8] = "s0";
    while (shard < world.is.shards && name_hash(name) != hash)
        name[1] = (char)('0' + ++shard);
    if (*end != ':' || shard == world.is.shards)
        return NULL;
    sim_range *range = &commit->parked[shard];
    range->from = strtoll(end + 1, &end, 10);
    range->to = INT64_MAX;
    if (kind == 'r') {
        if (*end != ':')
            return NULL;
        range->to = strtoll(end + 1, &end, 10);
    }
    return range->from < range->to ? end : NULL;
}

bool commit_read(const char *text, size_t len, sim_commit *commit)
{
    char clean[8] = "";
    unsigned long long fingerprint;
    long long offset;
    int used = 0;
    commit->text = text;
    commit->len = len;
    commit->ours = false;
    if (len != strlen(text) ||
        sscanf(text, "mr1.%16llx.%5[a-z].%lld.%n", &fingerprint, clean, &offset, &used) != 3 || used == 0)
        return false;
    commit->clean = !strcmp(clean, "clean");
    commit->variant = fingerprint == world.fingerprint[0] ? 0 : 1;
    if ((!commit->clean && strcmp(clean, "dirty") != 0) || offset != commit->offset ||
        fingerprint != world.fingerprint[commit->variant])
        return false;
    for (const char *at = text + used; *at;) {
        at = read_range(at, commit);
        if (!at || (*at && *at != ','))
            return false;
        at += *at == ',';
    }
    commit->ours = true;
    return true;
}
