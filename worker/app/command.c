#include "app/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/text.h"

extern char **environ;

static const mr_option help_option = {.letter = 'h', .name = "help", .text = "show this"};
static const mr_option config_option = {
    .letter = 'c',
    .name = "config",
    .argument = "FILE",
    .text = "the configuration; else $MILLRACE_CONFIG, else /etc/millrace/millrace.json"};

const char mr_exit_statuses[] =
    "0 well; 64 usage; 65 data; 69 a needed service is not available; 70 a defect;\n"
    "75 try again; 77 permission or login; 78 configuration.";

mr_status mr_complain(mr_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("millrace: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

/* ---- help ---- */

static void help_line(FILE *out, const mr_option *option)
{
    char left[64], letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    fprintf(out, "%-34s %s\n", left, option->text);
}

/* Those whose names begin so. */
static void list_commands(const char *prefix, FILE *out)
{
    for (const mr_command *one = mr_commands; one->name; one++)
        if (!strncmp(one->name, prefix, strlen(prefix)))
            fprintf(out, "  %-15s %s\n", one->name, one->text);
}

void mr_command_options(const mr_command *command, FILE *out, void (*put)(FILE *out, const mr_option *option))
{
    if (command->configured)
        put(out, &config_option);
    for (const mr_option *option = command->options; option->name; option++)
        put(out, option);
    put(out, &help_option);
}

/* Of a command; NULL: of the program. */
static void help(const mr_command *command, FILE *out)
{
    if (!command) {
        fputs("usage: millrace COMMAND [OPTION...] [ARGUMENT...]\n\nEvents from Kafka topics to rows in "
              "MySQL and MariaDB "
              "shards.\n\ncommands:\n",
              out);
        list_commands("", out);
        fprintf(out, "\n`millrace COMMAND --help` explains one.  Exit status:\n%s\n", mr_exit_statuses);
        return;
    }
    fprintf(out, "usage: millrace %s [OPTION...] %s\n\n%s.\n", command->name, command->arguments,
            command->text);
    if (*command->details)
        fprintf(out, "\n%s\n", command->details);
    fputs("\noptions:\n", out);
    mr_command_options(command, out, help_line);
}

/* ---- taking the command line apart ---- */

static size_t common_prefix(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

static mr_status unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t best = 0;
    for (const mr_command *one = mr_commands; one->name; one++)
        if (common_prefix(name, one->name) > best) {
            best = common_prefix(name, one->name);
            nearest = one->name;
        }
    if (nearest)
        return mr_complain(MR_USAGE, "there is no command \"%s\": did you mean \"%s\"?", name, nearest);
    return mr_complain(MR_USAGE, "there is no command \"%s\": see `millrace --help`", name);
}

/* Where the value of the option at argv[*at] goes; NULL when there is no such option.  *asked is set for --help. */
static const char **place_of(mr_call *call, const char *word, const mr_option **option, bool *asked)
{
    size_t len = strcspn(word + 2, "=");
    bool is_long = word[1] == '-';
    *asked = is_long ? len == 4 && !strncmp(word + 2, "help", 4) : word[1] == 'h' && !word[2];
    if (call->command->configured &&
        (is_long ? len == 6 && !strncmp(word + 2, "config", 6) : word[1] == 'c' && !word[2])) {
        *option = &config_option;
        return &call->config_file;
    }
    for (size_t i = 0; call->command->options[i].name; i++) {
        const mr_option *one = &call->command->options[i];
        if (is_long && strlen(one->name) == len && !strncmp(word + 2, one->name, len)) {
            *option = one;
            return &call->value[i];
        }
    }
    return NULL;
}

/* An option's argument, where that has to be a number. */
static mr_status read_number(mr_call *call, const mr_option *option, const char *text)
{
    int64_t number;
    if (!option->most)
        return MR_OK;
    if (!mr_read_digits(text, strlen(text), option->most, &number) || number < option->least)
        return mr_complain(MR_USAGE, "--%s \"%s\" is no such number: give a whole one from %lld to %lld",
                           option->name, text, (long long)option->least, (long long)option->most);
    call->number[option - call->command->options] = number;
    return MR_OK;
}

static mr_status take_option(mr_call *call, int argc, char **argv, int *at, bool *asked)
{
    const char *word = argv[*at];
    const mr_option *option;
    const char **place = place_of(call, word, &option, asked);
    if (*asked)
        return MR_OK;
    if (!place)
        return mr_complain(MR_USAGE, "%s has no option %s: see `millrace %s --help`", call->command->name,
                           word, call->command->name);
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    if (!option->argument) {
        if (equals)
            return mr_complain(MR_USAGE, "--%s takes no value: leave out %s", option->name, equals);
        *place = "";
    } else if (equals) {
        *place = equals + 1;
    } else if (*at + 1 < argc) {
        *place = argv[++*at];
    } else {
        return mr_complain(MR_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
                           option->argument);
    }
    return read_number(call, option, *place);
}

static void *take_json(size_t bytes)
{
    return mr_heap_grow(NULL, bytes);
}

static mr_status call_command(const mr_command *command, int argc, char **argv)
{
    mr_call call = {.command = command, .arguments = argv};
    bool options = true;
    for (int at = 0; at < argc; at++) {
        bool asked = false;
        if (options && !strcmp(argv[at], "--")) {
            options = false;
        } else if (options && argv[at][0] == '-' && argv[at][1]) {
            mr_status status = take_option(&call, argc, argv, &at, &asked);
            if (status)
                return status;
        } else {
            argv[call.count++] = argv[at]; /* arguments move to the front */
        }
        if (asked) {
            help(command, stdout);
            return MR_OK;
        }
    }
    if (call.count < command->least || call.count > command->most)
        return mr_complain(MR_USAGE, "usage: millrace %s [OPTION...] %s: see `millrace %s --help`",
                           command->name, command->arguments, command->name);
    if (!call.config_file)
        call.config_file = getenv("MILLRACE_CONFIG");
    if (!call.config_file || !*call.config_file)
        call.config_file = "/etc/millrace/millrace.json";
    /* A command that runs out of memory ends and says so; a worker goes on without what it was to read. */
    if (command->run != mr_cmd_run)
        json_set_alloc_funcs(take_json, free);
    return command->run(&call);
}

/* The command that the first words name, and how many words that took ("dlq list" takes two).  With the first word of several commands alone
 * *family says so. */
static const mr_command *find_command(int argc, char **argv, int *words, bool *family)
{
    *family = false;
    for (const mr_command *one = mr_commands; one->name; one++) {
        size_t first = strcspn(one->name, " ");
        if (strlen(argv[1]) != first || strncmp(argv[1], one->name, first) != 0)
            continue;
        *words = one->name[first] ? 2 : 1;
        *family = *family || *words == 2;
        if (*words == 1 || (argc > 2 && !strcmp(argv[2], one->name + first + 1)))
            return one;
    }
    return NULL;
}

/* `millrace dlq`: what there is of that name. */
static mr_status family_command(int argc, char **argv)
{
    bool asked =
        argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h") || !strcmp(argv[2], "help"));
    FILE *out = asked ? stdout : stderr;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s ", argv[1]);
    if (argc > 2 && !asked)
        return mr_complain(MR_USAGE, "%s has no command \"%s\": see `millrace %s --help`", argv[1], argv[2],
                           argv[1]);
    fprintf(out, "usage: millrace %s COMMAND [OPTION...] [ARGUMENT...]\n\ncommands:\n", argv[1]);
    list_commands(prefix, out);
    fprintf(out, "\n`millrace %s COMMAND --help` explains one.\n", argv[1]);
    return asked ? MR_OK : MR_USAGE;
}

mr_status mr_command_main(int argc, char **argv)
{
    if (argc < 2) {
        help(NULL, stderr);
        return MR_USAGE;
    }
    mr_status status = MR_USAGE;
    int words = 1;
    bool family;
    if (!strcmp(argv[1], "--version"))
        argv[1] += 2;
    const mr_command *command = find_command(argc, argv, &words, &family);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        help(NULL, stdout);
        status = MR_OK;
    } else if (command) {
        status = call_command(command, argc - 1 - words, argv + 1 + words);
    } else if (family) {
        status = family_command(argc, argv);
    } else {
        return unknown_command(argv[1]);
    }
    /* What was promised on stdout has to have arrived there. */
    if (fflush(stdout) || ferror(stdout))
        return mr_status_worse(status, MR_UNAVAILABLE);
    return status;
}

/* ---- what commands share ---- */

const char *mr_call_option(const mr_call *call, const char *name)
{
    for (size_t i = 0; call->command->options[i].name; i++)
        if (!strcmp(call->command->options[i].name, name))
            return call->value[i];
    return NULL;
}

int64_t mr_call_number(const mr_call *call, const char *name, int64_t otherwise)
{
    for (size_t i = 0; call->command->options[i].name; i++)
        if (!strcmp(call->command->options[i].name, name) && call->value[i])
            return call->number[i];
    return otherwise;
}

bool mr_call_json(const mr_call *call)
{
    return mr_call_option(call, "json") != NULL;
}

void mr_print_findings(const mr_findings *findings, FILE *out, bool all)
{
    for (size_t i = 0; i < findings->count; i++) {
        const mr_finding *one = &findings->at[i];
        if (one->level == MR_LEVEL_OK && !all)
            continue;
        fprintf(out, "%s: ", all ? mr_level_name(one->level) : "millrace");
        if (one->line)
            fprintf(out, "line %d, column %d, ", one->line, one->column);
        fprintf(out, "%s%s%s%s%s\n", one->where, *one->where ? ": " : "", one->what, *one->remedy ? ": " : "",
                one->remedy);
    }
}

mr_status mr_load_config(const char *file, mr_config **config)
{
    mr_findings findings = {0};
    mr_status status = mr_config_load(file, environ, config, &findings);
    mr_print_findings(&findings, stderr, false);
    mr_findings_free(&findings);
    return status;
}

mr_status mr_call_config(const mr_call *call, mr_config **config)
{
    return mr_load_config(call->config_file, config);
}

const mr_stream *mr_call_stream(const mr_call *call, const mr_config *config, mr_status *status)
{
    *status = MR_OK;
    if (call->count == 0 && config->stream_count == 1)
        return &config->streams[0];
    for (size_t i = 0; call->count > 0 && i < config->stream_count; i++)
        if (!strcmp(config->streams[i].name, call->arguments[0]))
            return &config->streams[i];
    if (call->count == 0)
        *status = mr_complain(MR_USAGE, "there are %zu streams: name one, `millrace config` lists them",
                              config->stream_count);
    else
        *status =
            mr_complain(MR_USAGE, "there is no stream \"%s\": see `millrace config`", call->arguments[0]);
    return NULL;
}
