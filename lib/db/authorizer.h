/* lib/db/authorizer.h - what SQL may do on a connection, asked when a statement is prepared.
 *
 * Column defaults slip past SQLite's authorizer: db_defaults_are_constant() reads the schema for
 * them, and a test of the room that owns the schema calls it. */
#pragma once

#include "db/db.h"

enum db_role {
    DB_ROLE_ANY,      /* no questions: tools, tests, schema */
    DB_ROLE_APPLYING, /* only what gives the same answer on every replica at any time */
    DB_ROLE_READING,  /* only selects, as in `mesolith sql` */
};

/* Statements prepared before are asked about at their next use. db_exec() and db_schema_step() are
 * always trusted. DB_ROLE_READING also sets limits on depth, length and compound selects. */
void db_authorize(struct db *db, enum db_role role);

/* ERR_INVALID naming the first column whose default is neither a literal nor null. */
int db_defaults_are_constant(struct db *db, struct error *err) MUST_CHECK;
