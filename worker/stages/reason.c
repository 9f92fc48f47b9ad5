#include "stages/reason.h"

#include "base/must.h"

const char *mr_reason_name(mr_reason reason)
{
    static const char *const names[] = {
#define X(symbol, name, text) name,
        MR_REASONS(X)
#undef X
    };
    must((unsigned)reason < MR_REASON_COUNT);
    return names[reason];
}

const char *mr_reason_text(mr_reason reason)
{
    static const char *const texts[] = {
#define X(symbol, name, text) text,
        MR_REASONS(X)
#undef X
    };
    must((unsigned)reason < MR_REASON_COUNT);
    return texts[reason];
}
