/* Questions about files of sandboxes, answered on a thread. */
#include "base/assert.h"
#include "base/limits.h"
#include "executor/private.h"

static void on_ask(uv_work_t *work)
{
    struct sandbox_ask *a = work->data;
    const char *root = a->executor->folder;
    switch (a->question) {
    case ASK_READ:
        (void)!sandbox_read(root, a->path, a->offset, a->length, &a->text, &a->offset_out,
                            &a->identity_out, &a->err);
        return;
    case ASK_BROWSE:
        (void)!sandbox_browse(root, a->path, &a->entries, &a->entries_n, &a->err);
        return;
    case ASK_OPEN:
        (void)!sandbox_open(root, a->path, &a->fd, &a->err);
        return;
    }
    UNREACHABLE("a question without a case");
}

static void on_asked(uv_work_t *work, int status)
{
    struct sandbox_ask *a = work->data;
    struct executor *x = a->executor;
    (void)status;
    x->asks--;
    a->done(a);
    executor_advance(x);
}

void executor_ask(struct executor *x, struct sandbox_ask *a, void (*done)(struct sandbox_ask *a))
{
    a->executor = x;
    a->done = done;
    a->err.code = ERR_NONE;
    a->fd = -1;
    a->work.data = a;
    buf_init(&a->text, LIMIT_FILE_READ_BYTES);
    x->asks++;
    int rc = uv_queue_work(&x->loop->uv, &a->work, on_ask, on_asked);
    ASSERT(rc == 0);
}

void sandbox_ask_close(struct sandbox_ask *a)
{
    buf_close(&a->text);
    sandbox_entries_free(a->entries, a->entries_n);
    a->entries = NULL;
    a->entries_n = 0;
}
