/* cmd/mesolith/old_flags.h - Chronos's flags (spec/chronos.md 14), so that unit files and container
 * arguments of an installation of it start us: settings of ours by another name, and what has no
 * meaning here. Pure. */
#pragma once

#include "config.h"

enum old_use {
    OLD_MEANS,   /* a setting */
    OLD_NOTHING, /* it is passed over, with a word about why */
};

struct old_flag {
    const char *name; /* "http_port"; "cassandra_*": whatever begins so */
    enum old_use use;
    enum setting setting;
    const char *unit; /* of its number, "ms"; NULL: as our setting has it */
    bool turned;      /* a switch that says the opposite */
    const char *why;  /* of what is passed over */
};

/* Without dashes before it; NULL: Chronos has none of that name. */
const struct old_flag *old_flag_find(const char *name);
/* Variables of the environment that Chronos reads; NULL: there are no more. */
const char *old_variable(size_t i, const struct old_flag **flag_out);
