/*
 * Commands of the demonstration.
 */
#ifndef SPOT_DEMO_CLI_H
#define SPOT_DEMO_CLI_H

struct command;

extern const struct command spot_demo_commands[];

#endif
