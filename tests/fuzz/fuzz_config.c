/* Any text is a configuration or a list of errors, never a crash; a configuration that is printed and read again is the same one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "stages/config.h"
#include "stages/decode.h"
#include "stages/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static mr_config *parse(const char *text, size_t len)
{
    static char variable[] = "NAME=value", *environment[] = {variable, NULL};
    mr_config *config;
    mr_findings findings = {0};
    mr_status status = mr_config_parse("fuzz", text, len, environment, &config, &findings);
    must((status == MR_OK) == (mr_findings_errors(&findings) == 0));
    must((status == MR_OK) == (config != NULL));
    mr_findings_free(&findings);
    return config;
}

static char *print(const mr_config *config, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    must(out);
    mr_config_print(config, out);
    fclose(out);
    return text;
}

/* Reads the printed configuration again; the caller frees the text that is made of that. */
static char *again(const char *text, size_t *len, const mr_config *first)
{
    mr_config *config = parse(text, *len);
    must(config && mr_fingerprint(config) == mr_fingerprint(first));
    must(config->kafka.start == first->kafka.start && config->kafka.start_ms == first->kafka.start_ms);
    char *made = print(config, len);
    mr_config_free(config);
    return made;
}

static void compile(const mr_config *config)
{
    mr_arena *arena = mr_arena_new();
    must(arena);
    for (size_t i = 0; i < config->stream_count; i++) {
        mr_decoder *decoder;
        mr_error error;
        if (mr_decoder_new(&config->streams[i], arena, &decoder, &error) != MR_OK)
            must(*error.text);
    }
    mr_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    mr_config *config = parse((const char *)bytes, len);
    if (!config)
        return 0;
    compile(config);
    size_t printed_len, second_len, third_len;
    char *printed = print(config, &printed_len);
    /* Where a value has a dollar sign, the printed one would be replaced again. */
    if (!strchr(printed, '$')) {
        /* The first print says which slots are whose in another place than the following ones. */
        second_len = printed_len;
        char *second = again(printed, &second_len, config);
        third_len = second_len;
        char *third = again(second, &third_len, config);
        must(second_len == third_len && !memcmp(second, third, third_len));
        free(second);
        free(third);
    }
    free(printed);
    mr_config_free(config);
    return 0;
}
