#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static int weight(mr_status status)
{
    switch (status) {
    case MR_CONFIG:
        return 4;
    case MR_DENIED:
        return 3;
    case MR_UNAVAILABLE:
        return 2;
    case MR_OK:
        return 0;
    default:
        return 1;
    }
}

mr_status mr_status_worse(mr_status a, mr_status b)
{
    return weight(b) > weight(a) ? b : a;
}

mr_status mr_fail(mr_error *error, mr_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}

void mr_error_context(mr_error *error, const char *format, ...)
{
    char was[sizeof error->text];
    memcpy(was, error->text, sizeof was);
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof error->text)
        return;
    mr_buf rest = mr_buf_over(error->text + len, sizeof error->text - (size_t)len);
    mr_buf_text(&rest, ": ");
    size_t room = rest.cap - rest.len - 1, was_len = strlen(was);
    mr_buf_put(&rest, was, was_len < room ? was_len : room);
}
