#include "stages/finding.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

const char *mr_level_name(mr_level level)
{
    static const char *const names[] = {"ok", "warning", "error"};
    return names[level];
}

static void *grow(mr_findings *findings, void *memory, size_t bytes)
{
    if (!findings->survives)
        return mr_heap_grow(memory, bytes);
    void *grown = realloc(memory, bytes);
    if (!grown)
        findings->lost = bytes;
    return grown;
}

static char *copy(mr_findings *findings, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *made = grow(findings, NULL, bytes);
    return made ? memcpy(made, text, bytes) : NULL;
}

void mr_findings_add(mr_findings *findings, mr_finding finding)
{
    if (findings->count == findings->cap) {
        size_t cap = findings->cap ? 2 * findings->cap : 16;
        mr_finding *larger = grow(findings, findings->at, cap * sizeof *larger);
        if (!larger)
            return;
        findings->at = larger;
        findings->cap = cap;
    }
    finding.where = copy(findings, finding.where ? finding.where : "");
    finding.what = copy(findings, finding.what ? finding.what : "");
    finding.remedy = copy(findings, finding.remedy ? finding.remedy : "");
    findings->at[findings->count++] = finding;
}

void mr_find(mr_findings *findings, mr_level level, mr_status status, const char *where, const char *remedy,
             const char *what, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    mr_findings_add(findings, (mr_finding){.level = level,
                                           .status = status,
                                           .where = (char *)(uintptr_t)where,
                                           .what = text,
                                           .remedy = (char *)(uintptr_t)remedy});
}

mr_status mr_findings_status(const mr_findings *findings, bool strict)
{
    mr_status status = MR_OK;
    for (size_t i = 0; i < findings->count; i++) {
        const mr_finding *finding = &findings->at[i];
        if (finding->level == MR_LEVEL_ERROR)
            status = mr_status_worse(status, finding->status);
        else if (finding->level == MR_LEVEL_WARNING && strict)
            status = mr_status_worse(status, MR_CONFIG);
    }
    return status;
}

size_t mr_findings_errors(const mr_findings *findings)
{
    size_t errors = 0;
    for (size_t i = 0; i < findings->count; i++)
        errors += findings->at[i].level == MR_LEVEL_ERROR;
    return errors;
}

void mr_findings_free(mr_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        free(findings->at[i].where);
        free(findings->at[i].what);
        free(findings->at[i].remedy);
    }
    free(findings->at);
    *findings = (mr_findings){0};
}
