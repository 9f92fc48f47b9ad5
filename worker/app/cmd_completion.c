/* completion: of commands and options, for bash and zsh, from the table of commands. */
#include <string.h>

#include "app/command.h"

/* The first words of commands, each once. */
static void each_first_word(FILE *out, void (*put)(FILE *out, const mr_command *command, size_t length))
{
    for (const mr_command *one = mr_commands, *last = NULL; one->name; last = one++) {
        size_t length = strcspn(one->name, " ");
        if (!last || strncmp(last->name, one->name, length) != 0 || last->name[length] != one->name[length])
            put(out, one, length);
    }
}

/* What a case of the shell has to match: the words of a command, and whatever follows. */
static void put_case(FILE *out, const mr_command *command)
{
    fprintf(out, "    \"%s%s\"*) ", command->name, strchr(command->name, ' ') ? "" : " ");
}

/* ---- bash ---- */

static void bash_word(FILE *out, const mr_command *command, size_t length)
{
    fprintf(out, "%.*s ", (int)length, command->name);
}

static void bash_option(FILE *out, const mr_option *option)
{
    fprintf(out, "--%s ", option->name);
}

static void put_bash(FILE *out)
{
    fputs("# bash completion for millrace, made by `millrace completion bash`\n"
          "_millrace() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options='--help' "
          "words=''\n"
          "    case \"${COMP_WORDS[1]-} ${COMP_WORDS[2]-}\" in\n",
          out);
    for (const mr_command *one = mr_commands; one->name; one++) {
        put_case(out, one);
        fputs("options='", out);
        mr_command_options(one, out, bash_option);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n    case \"$COMP_CWORD ${COMP_WORDS[1]-}\" in\n    \"1 \"*) words='", out);
    each_first_word(out, bash_word);
    fputs("' ;;\n", out);
    for (const mr_command *one = mr_commands; one->name; one++) {
        const char *second = strchr(one->name, ' ');
        if (second)
            fprintf(out, "    \"2 %.*s\") words+=' %s' ;;&\n", (int)(second - one->name), one->name,
                    second + 1);
    }
    fputs("    esac\n"
          "    [[ $word != -* ]] || words=$options\n"
          "    case $before in -c | --config) words='' ;; esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "    [ -n \"$words\" ] || mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "}\n"
          "complete -F _millrace millrace\n",
          out);
}

/* ---- zsh ---- */

/* Within single quotes, and with what _describe and _arguments read as their own escaped. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr(":[]\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
}

static void zsh_word(FILE *out, const mr_command *command, size_t length)
{
    fprintf(out, " '%.*s:", (int)length, command->name);
    zsh_text(out, command->name[length] ? "several commands" : command->text);
    fputc('\'', out);
}

static void zsh_option(FILE *out, const mr_option *option)
{
    if (option->letter)
        fprintf(out, " '(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter, option->name);
    else
        fprintf(out, " '--%s[", option->name);
    zsh_text(out, option->text);
    fputc(']', out);
    if (option->argument) {
        fputc(':', out);
        zsh_text(out, option->argument);
        fputs(strcmp(option->argument, "FILE") ? ":" : ":_files", out);
    }
    fputc('\'', out);
}

static void put_zsh(FILE *out)
{
    fputs("#compdef millrace\n# made by `millrace completion zsh`\n"
          "_millrace() {\n    local -a list\n    case \"$CURRENT $words[2]\" in\n    \"2 \"*) list+=(",
          out);
    each_first_word(out, zsh_word);
    fputs(" ) ;;\n", out);
    for (const mr_command *one = mr_commands; one->name; one++) {
        const char *second = strchr(one->name, ' ');
        if (!second)
            continue;
        fprintf(out, "    \"3 %.*s\") list+=( '%s:", (int)(second - one->name), one->name, second + 1);
        zsh_text(out, one->text);
        fputs("' ) ;|\n", out);
    }
    fputs("    esac\n    (( ${#list} )) && { _describe command list; return }\n"
          "    case \"$words[2] $words[3]\" in\n",
          out);
    for (const mr_command *one = mr_commands; one->name; one++) {
        bool two = strchr(one->name, ' ');
        put_case(out, one);
        fprintf(out, "(( CURRENT -= %d )); words=(\"${(@)words[%d,-1]}\"); _arguments", two ? 2 : 1,
                two ? 3 : 2);
        mr_command_options(one, out, zsh_option);
        fputs(" '*:argument:_files' ;;\n", out);
    }
    fputs("    esac\n}\n_millrace \"$@\"\n", out);
}

mr_status mr_cmd_completion(mr_call *call)
{
    if (!strcmp(call->arguments[0], "bash"))
        put_bash(stdout);
    else if (!strcmp(call->arguments[0], "zsh"))
        put_zsh(stdout);
    else
        return mr_complain(MR_USAGE, "there is no completion for \"%s\": say bash or zsh",
                           call->arguments[0]);
    return MR_OK;
}
