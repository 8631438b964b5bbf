/* lib/db/rowsum.h - hashes of whole tables, kept as rows change.
 *
 * A table's sum is the wrapping 64-bit sum of the hashes of its rows, so order does not matter and
 * a change costs one hash of the old row and one of the new. The sums stand in the table row_sums,
 * written in the transaction that changed the rows: replicas with equal rows have equal sums.
 * A row's canonical bytes: for each column in order a type byte and the value; a real that is an
 * exact integer counts as that integer.
 *
 * Rows must change through this connection. A schema step that adds a column with a default must
 * write the rows again (SQLite shows the hook a null there until then); db_schema_step() itself
 * counts anew. */
#pragma once

#include "db/db.h"

/* From here on the sums of these tables are kept; the names must live as long as db. Creates
 * row_sums if need be and counts tables that have no sum there yet, in the open transaction or one
 * of its own. Before any statement that writes to them is prepared. ERR_INVALID for a table that
 * is not there or has generated columns. */
int db_rowsums_start(struct db *db, const char *const *tables, size_t n,
                     struct error *err) MUST_CHECK;

/* Keeps the sums no longer, nor what is stored of them: to start anew with other tables, in the
 * same transaction. */
int db_rowsums_stop(struct db *db, struct error *err) MUST_CHECK;
/* The same outside a transaction, and after an error: the sums are as the last COMMIT stored them.
 * Harmless if none are kept. */
void db_rowsums_drop(struct db *db);

/* Before a row of this table changes, comes or goes, `changes` is told its rowid, the old and the
 * new one; 0: any row, for what was done is undone. As long as the table's sum is kept, or until
 * `changes` is NULL. */
void db_rowsums_watch(struct db *db, const char *table, void (*changes)(void *data, int64_t rowid),
                      void *data);

/* As of now, inside the open transaction too. */
uint64_t db_rowsum(const struct db *db, const char *table);
uint64_t db_rowsum_all(const struct db *db); /* of all tables, each with its name */

/* Reads every row, for the check now and then: ERR_CORRUPT naming the first table whose kept sum is
 * not that of its rows. */
int db_rowsums_verify(struct db *db, struct error *err) MUST_CHECK;
/* The same on a connection that keeps no sums, such as a reader's: against those that stand in
 * row_sums, in a snapshot of its own. ERR_LIMIT when its patience ends (db_set_patience). */
int db_rowsums_check(struct db *db, struct error *err) MUST_CHECK;
/* Whatever the rows are, they count from now on; whoever watches is told. In the open transaction
 * or one of its own; harmless if none are kept. */
int db_rowsums_recount(struct db *db, struct error *err) MUST_CHECK;
