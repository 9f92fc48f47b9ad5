/* Any text is a configuration or a list of errors, never a crash. */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "stages/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static char variable[] = "NAME=value", *environment[] = {variable, NULL};
    mr_config *config;
    mr_findings findings = {0};
    mr_status status = mr_config_parse("fuzz", (const char *)bytes, len, environment, &config, &findings);
    must((status == MR_OK) == (mr_findings_errors(&findings) == 0));
    must((status == MR_OK) == (config != NULL));
    mr_config_free(config);
    mr_findings_free(&findings);
    return 0;
}
