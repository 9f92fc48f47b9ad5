/* What commands read from stdin, line by line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "app/command.h"

bool mr_next_line(mr_line *line, mr_status *status)
{
    ssize_t len = getline(&line->text, &line->cap, stdin);
    if (len >= 0) {
        line->len = (size_t)len - (len > 0 && line->text[len - 1] == '\n');
        line->number++;
        return true;
    }
    if (feof(stdin) && !ferror(stdin))
        return false;
    /* A line for which there is no memory is a failure of the stream for newer libraries only. */
    if (errno == ENOMEM || errno == EOVERFLOW)
        *status = mr_complain(
            MR_UNAVAILABLE,
            "line %zu of stdin is too long, %s: see whether it is a line, or raise the memory limit",
            line->number + 1, strerror(errno));
    else
        *status = mr_complain(MR_DATA, "stdin cannot be read, %s: see what writes to it", strerror(errno));
    return false;
}
