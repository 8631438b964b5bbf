/* cmd/mesolith/files.h - serves files of sandboxes: read, browsed, downloaded, followed
 * (spec/mesos.md 7.1; /api/tasks/{id}/logs). */
#pragma once

#include "tasks.h"

struct files *files_new(struct loop *loop, struct tasks *tasks);
/* Ends what is under way; frees it before `stopped`. */
void files_stop(struct files *f, void (*stopped)(struct tasks *tasks));
void files_serve(struct files *f, struct exchange_id id, struct sandbox_request *r); /* takes r */
void files_gone(struct files *f, struct exchange_id id);
void files_credit(struct files *f, struct exchange_id id, size_t bytes);
