/* Commit metadata from anywhere: never a crash, and what is taken for ours is what this release writes, byte for byte. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "stages/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t committed = 0;
    const char *text = (const char *)data;
    /* The offset that came with it: the one inside where it can be found, so that the fuzzer gets past that check. */
    size_t from = 27; /* after "mr1.<16>.clean." */
    for (size_t i = from; i < size && text[i] >= '0' && text[i] <= '9' && committed < INT64_MAX / 10 - 9; i++)
        committed = committed * 10 + (text[i] - '0');
    mr_snapshot snapshot;
    mr_mark mark = mr_snapshot_parse(text, size, committed, &snapshot);
    must(snapshot.offset == committed);
    if (mark == MR_MARK_OURS) {
        char again[128];
        size_t len = mr_snapshot_format(&snapshot, again, sizeof again);
        must(len == size && memcmp(again, text, len) == 0);
    } else {
        must(!snapshot.clean);
    }
    const char *why;
    mr_takeover takeover = mr_takeover_decide(mark, &snapshot, 1, false, &why);
    must((takeover == MR_TAKEOVER_HOLD) == (*why != 0));
    return 0;
}
