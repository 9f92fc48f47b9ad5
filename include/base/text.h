/* text.h: characters: UTF-8 (RFC 3629) and hex digits.  Pure functions. */
#ifndef MR_BASE_TEXT_H
#define MR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed UTF-8 character at `text` (len > 0), 0 when it is not one. */
size_t mr_utf8_char(const char *text, size_t len);
bool mr_utf8_valid(const char *text, size_t len);

/* 0 to 15, negative when it is no hex digit. */
int mr_hex_digit(char c);

#endif
