/* The program: everything is in command.c's table. */
#include <fcntl.h>

#include "app/command.h"

/* A standard descriptor that the caller closed would be given to the next file or connection, and what is printed would end up in
 * there.  It is taken the wrong way round, so that using it fails as before. */
static void keep_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    keep_standard_descriptors();
    return (int)mr_command_main(argc, argv);
}
