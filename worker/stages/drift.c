#include "stages/drift.h"

#include "base/must.h"

_Static_assert(MR_DRIFT_WINDOW > 64 && MR_DRIFT_WINDOW <= 128, "two words hold the window");

/* The lowest `bits` of a word; 64 and more are all of it. */
static uint64_t lowest(uint32_t bits)
{
    return bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
}

static uint32_t refused_of_last(const mr_drift *drift, uint32_t verdicts)
{
    uint64_t upper = verdicts > 64 ? lowest(verdicts - 64) : 0;
    return (uint32_t)(__builtin_popcountll(drift->refused[0] & lowest(verdicts)) +
                      __builtin_popcountll(drift->refused[1] & upper));
}

void mr_drift_init(mr_drift *drift, uint32_t percent)
{
    must(percent <= 100);
    *drift = (mr_drift){.percent = percent};
}

bool mr_drift_exceeds(const mr_drift *drift, uint32_t refused, uint32_t rows)
{
    must(refused <= rows);
    uint64_t bad = refused, of = rows;
    if (rows < MR_DRIFT_WINDOW) {
        uint32_t room = MR_DRIFT_WINDOW - rows;
        uint32_t earlier = drift->remembered < room ? drift->remembered : room;
        bad += refused_of_last(drift, earlier);
        of += earlier;
        of = of < MR_DRIFT_LEAST && !drift->suspected ? MR_DRIFT_LEAST : of;
    }
    return bad * 100 > of * drift->percent; /* never with 100: bad is at most of */
}

static void remember(mr_drift *drift, bool refused)
{
    drift->refused[1] = drift->refused[1] << 1 | drift->refused[0] >> 63;
    drift->refused[0] = drift->refused[0] << 1 | refused;
}

void mr_drift_count(mr_drift *drift, uint32_t refused, uint32_t rows)
{
    must(refused <= rows);
    drift->suspected = drift->suspected && rows == 0;
    uint32_t kept = rows < MR_DRIFT_WINDOW ? rows : MR_DRIFT_WINDOW;
    uint32_t bad = rows > 0 ? (uint32_t)(((uint64_t)refused * kept + rows - 1) / rows) : 0;
    if (kept == MR_DRIFT_WINDOW && bad == 0)
        drift->refused[0] = drift->refused[1] = 0;
    else
        for (uint32_t i = 0; i < kept; i++)
            remember(drift, (i + 1) * bad / kept > i * bad / kept);
    drift->remembered =
        kept < MR_DRIFT_WINDOW - drift->remembered ? drift->remembered + kept : MR_DRIFT_WINDOW;
}

void mr_drift_forget(mr_drift *drift)
{
    mr_drift_init(drift, drift->percent);
}

void mr_drift_suspect(mr_drift *drift)
{
    mr_drift_forget(drift);
    drift->suspected = true;
}
