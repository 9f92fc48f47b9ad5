/* The program: everything is in command.c's table. */
#include "app/command.h"

int main(int argc, char **argv)
{
    return (int)mr_command_main(argc, argv);
}
