#include "threads/flow.h"

#include <stdarg.h>
#include <stdio.h>

void mr_flow_fail(mr_flow *flow, mr_status status, const char *format, ...)
{
    if (atomic_exchange(&flow->failing, true))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(flow->failed_error.text, sizeof flow->failed_error.text, format, arguments);
    va_end(arguments);
    flow->failed_status = status;
    atomic_store(&flow->failed, true);
    mr_bell_ring(flow->main_bell);
}
