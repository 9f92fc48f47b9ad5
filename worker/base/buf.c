#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

mr_buf mr_buf_over(char *memory, size_t cap)
{
    memory[0] = 0;
    return (mr_buf){.at = memory, .cap = cap};
}

void mr_buf_put(mr_buf *buf, const char *bytes, size_t len)
{
    if (buf->full || len >= buf->cap - buf->len) {
        buf->full = true;
        return;
    }
    memcpy(buf->at + buf->len, bytes, len);
    buf->len += len;
    buf->at[buf->len] = 0;
}

void mr_buf_text(mr_buf *buf, const char *text)
{
    mr_buf_put(buf, text, strlen(text));
}

void mr_buf_printf(mr_buf *buf, const char *format, ...)
{
    if (buf->full)
        return;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(buf->at + buf->len, buf->cap - buf->len, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= buf->cap - buf->len) {
        buf->at[buf->len] = 0;
        buf->full = true;
        return;
    }
    buf->len += (size_t)len;
}

void mr_buf_json(mr_buf *buf, const char *bytes, size_t len)
{
    mr_buf_text(buf, "\"");
    for (size_t i = 0; i < len && !buf->full;) {
        unsigned char c = (unsigned char)bytes[i];
        size_t chars = mr_utf8_char(bytes + i, len - i);
        if (c == '"' || c == '\\') {
            mr_buf_printf(buf, "\\%c", c);
        } else if (c < 0x20 || chars == 0) {
            mr_buf_printf(buf, "\\u%04x", chars == 0 ? 0xfffdu : c);
        } else {
            mr_buf_put(buf, bytes + i, chars);
        }
        i += chars ? chars : 1;
    }
    mr_buf_text(buf, "\"");
}

void mr_buf_html(mr_buf *buf, const char *text)
{
    for (size_t left = strlen(text), chars; left > 0 && !buf->full; text += chars, left -= chars) {
        unsigned char c = (unsigned char)*text;
        chars = mr_utf8_char(text, left);
        if (c == '<')
            mr_buf_text(buf, "&lt;");
        else if (c == '>')
            mr_buf_text(buf, "&gt;");
        else if (c == '&')
            mr_buf_text(buf, "&amp;");
        else if (c == '"')
            mr_buf_text(buf, "&quot;");
        else if (c == '\'')
            mr_buf_text(buf, "&#39;");
        else if (chars == 0 || mr_control_char(text, left) > 0)
            mr_buf_text(buf, "\xef\xbf\xbd"); /* U+FFFD */
        else
            mr_buf_put(buf, text, chars);
        chars = chars ? chars : 1;
    }
}

void mr_buf_time(mr_buf *buf, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    mr_buf_printf(buf, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                  utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ms % 1000));
}

void mr_buf_count(mr_buf *buf, int64_t count)
{
    if (count >= 1000) {
        mr_buf_count(buf, count / 1000);
        mr_buf_printf(buf, ",%03d", (int)(count % 1000));
    } else {
        mr_buf_printf(buf, "%lld", (long long)count);
    }
}

void mr_buf_duration(mr_buf *buf, int64_t seconds)
{
    long long s = seconds;
    if (s >= 172800)
        mr_buf_printf(buf, "%lld d %lld h", s / 86400, s / 3600 % 24);
    else if (s >= 7200)
        mr_buf_printf(buf, "%lld h %lld min", s / 3600, s / 60 % 60);
    else if (s >= 120)
        mr_buf_printf(buf, "%lld min %lld s", s / 60, s % 60);
    else
        mr_buf_printf(buf, "%lld s", s);
}
