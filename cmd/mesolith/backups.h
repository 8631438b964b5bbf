/* cmd/mesolith/backups.h - serves GET /api/backup: a copy of the state (host/copies.h), read as
 * fast as the client takes it, and cmd/mesolith/backup_file.h's lines behind it. */
#pragma once

#include "base/list.h"
#include "host/host.h"

struct backups {
    void *data; /* the owner's, set before start */
    /* private */
    struct loop *loop;
    struct host *host;
    struct list streams;
    unsigned n;
    void (*stopped)(struct backups *b);
};

void backups_start(struct backups *b, struct loop *loop, struct host *host); /* keeps all */
/* Ends what is under way. */
void backups_stop(struct backups *b, void (*stopped)(struct backups *b));

void backups_serve(struct backups *b, struct exchange_id id);
/* Of any exchange: others are ignored. */
void backups_gone(struct backups *b, struct exchange_id id);
void backups_credit(struct backups *b, struct exchange_id id, size_t bytes);
