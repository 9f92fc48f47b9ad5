#include "stages/roff.h"

#include <stdbool.h>

void mr_roff_text(FILE *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        bool begins = at == text || at[-1] == '\n';
        if (begins && (*at == '.' || *at == '\''))
            fputs("\\&", out);
        if (begins && *at == '\n')
            fputs(".PP", out);
        if (*at == '\\')
            fputs("\\e", out);
        else if (*at == '-')
            fputs("\\-", out);
        else
            fputc(*at, out);
    }
}
