/* config_reference.h: the reference of the configuration, from the table of keys.  Commands only. */
#ifndef MR_STAGES_CONFIG_REFERENCE_H
#define MR_STAGES_CONFIG_REFERENCE_H

#include <stdio.h>

typedef enum mr_reference_form {
    MR_REFERENCE_TEXT,     /* for a terminal */
    MR_REFERENCE_MARKDOWN, /* docs/configuration.md */
    MR_REFERENCE_ROFF,     /* the manual page millrace.json(5) */
} mr_reference_form;

void mr_config_reference(FILE *out, mr_reference_form form);

#endif
