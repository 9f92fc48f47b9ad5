/* roff.h: text as a manual page takes it (man(7)).  Commands only. */
#ifndef MR_STAGES_ROFF_H
#define MR_STAGES_ROFF_H

#include <stdio.h>

/* Escapes backslashes and hyphens, and dots and apostrophes that would begin a request.  An empty line becomes a paragraph. */
void mr_roff_text(FILE *out, const char *text);

#endif
