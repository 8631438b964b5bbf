/* lib/state/schema.h - the steps of lib/state/schema/, in order: step n takes a state from level n
 * to n + 1. */
#pragma once

extern const char *const schema_steps[];
