/* command.h: the commands of the program, in one table: from it come dispatch, option parsing, --help, manual pages, completion and
 * docs/commands.md.
 *
 * A command gets an mr_call, everything on its command line taken apart and its numbers read and within bounds, and returns the exit status.
 * Commands run in the main thread and may use the heap.
 */
#ifndef MR_APP_COMMAND_H
#define MR_APP_COMMAND_H

#include "base/status.h"
#include "stages/config.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define MR_OPTIONS_MAX 12

typedef struct mr_option {
    char letter;          /* 0: none */
    const char *name;     /* without the dashes; NULL ends the list */
    const char *argument; /* what follows it, NULL: nothing */
    const char *text;
    int64_t least, most; /* what follows it is a whole number within these; most 0: a text */
} mr_option;

struct mr_call;

typedef struct mr_command {
    const char *name;      /* one word, or two: "dlq list" */
    const char *arguments; /* for the usage line: "KEY..." */
    size_t least, most;    /* number of arguments */
    const char *text;      /* one line */
    const char *details;   /* the rest of --help */
    bool configured;       /* takes -c */
    mr_option options[MR_OPTIONS_MAX];
    mr_status (*run)(struct mr_call *call);
} mr_command;

typedef struct mr_call {
    const mr_command *command;
    const char *value[MR_OPTIONS_MAX]; /* of each option; "" for one without argument; NULL: not given */
    int64_t number[MR_OPTIONS_MAX];    /* of each that is one and was given */
    char **arguments;
    size_t count;
    const char *config_file; /* always set */
} mr_call;

extern const mr_command mr_commands[]; /* ends with a NULL name */
extern const char mr_exit_statuses[];  /* in words */

/* Each option that the command takes, -c and --help among them. */
void mr_command_options(const mr_command *command, FILE *out,
                        void (*put)(FILE *out, const mr_option *option));

/* The program: `millrace COMMAND ...`. */
mr_status mr_command_main(int argc, char **argv);

/* Value of an option by its name; NULL when it was not given. */
const char *mr_call_option(const mr_call *call, const char *name);
bool mr_call_json(const mr_call *call); /* --json */
/* The number that an option was given; `otherwise` when it was not. */
int64_t mr_call_number(const mr_call *call, const char *name, int64_t otherwise);
/* Loads the configuration; its problems go to stderr.  NULL with another status than MR_OK. */
mr_status mr_call_config(const mr_call *call, mr_config **config);
mr_status mr_load_config(const char *file, mr_config **config); /* the same, of this file */
/* `millrace: ...` on stderr; returns status. */
mr_status mr_complain(mr_status status, const char *format, ...) MR_PRINTF(2, 3);
/* The stream named by the only argument, or the only stream; NULL after a complaint, which *status is of. */
const mr_stream *mr_call_stream(const mr_call *call, const mr_config *config, mr_status *status);
/* Prints findings, one line each, as text or JSON; `all`: also what is well. */
void mr_print_findings(const mr_findings *findings, FILE *out, bool all);

/* ---- cmd_json.c: what commands print as JSON, on stdout ---- */

/* Prints the document for people and scripts, indented; and frees it. */
void mr_print_json(json_t *document);
/* Prints it as one line among others, and frees it. */
void mr_print_json_line(json_t *object);
/* Bytes as a member: a text, null (bytes NULL), or what is no UTF-8 as the member `name`_hex. */
void mr_json_put_bytes(json_t *object, const char *name, const char *bytes, size_t len);

/* ---- cmd_lines.c: what commands read from stdin ---- */

/* Zeroed at first; the text is the caller's to free. */
typedef struct mr_line {
    char *text; /* without its end */
    size_t len, cap;
    size_t number; /* lines so far */
} mr_line;

/* False at the end, and (with *status) after a complaint. */
bool mr_next_line(mr_line *line, mr_status *status) MR_CHECKED;

/* ---- the commands ---- */

mr_status mr_cmd_run(mr_call *call);
mr_status mr_cmd_check(mr_call *call);
mr_status mr_cmd_explain(mr_call *call);
mr_status mr_cmd_ddl(mr_call *call);
mr_status mr_cmd_route(mr_call *call);
mr_status mr_cmd_locate(mr_call *call);
mr_status mr_cmd_decode(mr_call *call);
mr_status mr_cmd_status(mr_call *call);
mr_status mr_cmd_offsets_show(mr_call *call);
mr_status mr_cmd_offsets_export(mr_call *call);
mr_status mr_cmd_offsets_import(mr_call *call);
mr_status mr_cmd_offsets_reset(mr_call *call);
mr_status mr_cmd_dlq_list(mr_call *call);
mr_status mr_cmd_dlq_show(mr_call *call);
mr_status mr_cmd_dlq_replay(mr_call *call);
mr_status mr_cmd_config(mr_call *call);
mr_status mr_cmd_starter(mr_call *call); /* config --starter */
mr_status mr_cmd_manual(mr_call *call);
mr_status mr_cmd_completion(mr_call *call);
mr_status mr_cmd_version(mr_call *call);

#endif
