/* lib/api/native/member.h - one member of a stored definition as text, without a tree: for lists of
 * thousands. Relies on the text being ours, so it is right JSON; a name with escapes is not found.
 * Pure. */
#pragma once

#include "base/buf.h"

/* The value of a member of the object itself, not of what is in it; empty: it has none. */
struct slice member_of(struct slice object, const char *name);
