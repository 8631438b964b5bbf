/* lib/replica/storage.h - Raft's tables in the state's file: term and vote, the log, what is
 * applied, whose disk this is.
 *
 * Of every row of the log the term, type and length are in memory, of the newest rows the data too.
 * Writes go into the caller's open transaction; their errors stick to db. */
#pragma once

#include "db/statement.h"

struct log_row {
    uint64_t term;
    uint32_t len;
    uint8_t type; /* enum raft_entry_type */
    char *data;   /* NULL: only on disk */
};

struct applied { /* the row of raft_state: what the state tables contain */
    uint64_t index, term;
    uint64_t conf_index; /* of the newest configuration applied */
    struct buf conf;     /* it, encoded; empty: none yet */
};

struct storage {
    struct db *db;
    struct stmts *stmts;
    uint64_t term, vote;
    struct applied applied;
    /* private */
    uint64_t first; /* index of rows[0]; the next one when there are none */
    struct log_row *rows;
    size_t n_rows, cap_rows;
    uint64_t in_memory; /* rows from here on have their data */
    int64_t memory_bytes, log_bytes;
    struct buf scratch; /* data read from disk */
};

/* ---- making the tables: replica_format() and replica_bootstrap() */
int storage_format(struct db *db, uint64_t id, uint64_t store, struct error *err) MUST_CHECK;
/* Term 1 and the first row. */
int storage_bootstrap(struct db *db, struct slice conf, struct error *err) MUST_CHECK;

/* Reads everything but the log's data. ERR_NOT_FOUND: no tables. ERR_CONFLICT: another id or store.
 * ERR_CORRUPT: holes. */
int storage_open(struct storage *s, struct db *db, uint64_t id, uint64_t store,
                 struct error *err) MUST_CHECK;
/* Whose file it is, 0 and 0 for a pruned copy. ERR_NOT_FOUND: no tables. */
int storage_identity(struct db *db, uint64_t *id_out, uint64_t *store_out,
                     struct error *err) MUST_CHECK;
/* Of a pruned copy, in the open transaction: whose it is now; its term is that of what is applied.
 */
int storage_claim(struct db *db, uint64_t id, uint64_t store, struct error *err) MUST_CHECK;
void storage_close(struct storage *s); /* accepts a zeroed struct; leaves db */

/* ---- writing */
void storage_set_term(struct storage *s, uint64_t term, uint64_t vote);
void storage_truncate(struct storage *s, uint64_t from); /* this row and those after it */
void storage_append(struct storage *s, uint64_t term, uint8_t type, struct slice data);
void storage_store_applied(struct storage *s);          /* s->applied, as the caller has set it */
void storage_compact(struct storage *s, uint64_t upto); /* forgets the rows up to this one */

/* ---- reading */
uint64_t storage_first(const struct storage *s);
uint64_t storage_last(const struct storage *s); /* of log and state together; 0: nothing at all */
int64_t storage_log_bytes(const struct storage *s);
/* 0 if it is not known any more, or not yet. */
uint64_t storage_term_of(const struct storage *s, uint64_t index);
/* NULL when there is no such row. */
const struct log_row *storage_row(const struct storage *s, uint64_t index);
/* The row's data, borrowed until the next call of any function here. Empty with db failed if it
 * cannot be read. The row must be there: asserted. */
struct slice storage_data(struct storage *s, uint64_t index);
/* The greatest index up to which rows may go so that of what is applied at most `rows` and `bytes`
 * stay; 0 when there is nothing to do. */
uint64_t storage_compactable(const struct storage *s, uint64_t rows, int64_t bytes);

/* ---- snapshots: the file at `path` is a copy of a whole database */
int storage_prune_copy(const char *path, const char *vfs, struct applied *out,
                       struct error *err) MUST_CHECK;
/* Gives a pruned file our own identity, term and vote; says what it holds. Its log is empty, or,
 * with keep_log, what ours has beyond what it holds. */
int storage_adopt(const char *path, const char *vfs, struct storage *ours, uint64_t id,
                  uint64_t store, bool keep_log, struct applied *out, struct error *err) MUST_CHECK;
