/* lib/base/addressee.h - whom a mail goes to, in a text: "a@x" of "a@x" or "Ann <a@x>", or a local
 * name, "root", whose domain somebody else knows. ASCII without blanks and brackets, so that
 * nothing in it ends a header or a command. Pure. */
#pragma once

#include "base/buf.h"

enum addressee { ADDRESSEE_NONE, ADDRESSEE_LOCAL, ADDRESSEE_ADDRESS };

/* `out` is a part of the text; of ADDRESSEE_NONE it is empty. */
enum addressee addressee_parse(struct slice text, struct slice *out);
