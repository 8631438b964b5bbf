/* cmd/mesolith/own_args.h - what a verb that takes settings (config.h) has besides: switches,
 * values and words, taken off its arguments before the rest is read as settings. */
#pragma once

#include "base/error.h"

bool own_switch(int *argc, char **argv, const char *flag); /* "--all" */
/* "--token T" or "--token=T": NULL when it is not there. ERR_SYNTAX when the value is missing. */
int own_value(int *argc, char **argv, const char *flag, char **value_out,
              struct error *err) MUST_CHECK;
/* The first argument, if it is no flag; else NULL. */
char *own_word(int *argc, char **argv);
