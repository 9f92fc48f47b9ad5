#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void mr_must_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "millrace: defect at %s:%d: must(%s): please report this\n", file, line, condition);
    abort();
}
