#include "model/outbox.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

void outbox_init(struct outbox *o, uint64_t epoch)
{
    *o = (struct outbox){.epoch = epoch};
}

void outbox_close(struct outbox *o)
{
    for (size_t i = 0; i < o->n; i++) {
        draft_close(&o->items[i].draft);
        buf_close(&o->items[i].body);
    }
    mem_free(o->items);
    *o = (struct outbox){0};
}

static struct out *add(struct outbox *o, enum out_kind kind)
{
    if (o->n == o->cap) {
        o->cap = o->cap == 0 ? 16 : o->cap * 2;
        o->items = mem_realloc(o->items, o->cap * sizeof o->items[0]);
    }
    struct out *item = &o->items[o->n++];
    *item = (struct out){.kind = kind};
    buf_init(&item->body, LIMIT_FRAME_BYTES);
    return item;
}

static struct out *last(struct outbox *o, enum out_kind kind)
{
    ASSERT(o->n > 0 && o->items[o->n - 1].kind == kind);
    return &o->items[o->n - 1];
}

void outbox_draft(struct outbox *o, enum command_kind kind, struct origin origin,
                  struct json_writer *w)
{
    struct out *item = add(o, OUT_DRAFT);
    item->origin = origin;
    item->draft = (struct draft){.kind = kind, .epoch = o->epoch};
    buf_init(&item->draft.args, LIMIT_ENTRY_BYTES);
    json_begin(w, &item->draft.args);
    json_object(w);
}

void outbox_draft_end(struct outbox *o, struct json_writer *w)
{
    struct out *item = last(o, OUT_DRAFT);
    ASSERT(w->out == &item->draft.args);
    json_object_end(w);
}

void outbox_drop_last(struct outbox *o)
{
    ASSERT(o->n > 0);
    struct out *item = &o->items[--o->n];
    draft_close(&item->draft);
    buf_close(&item->body);
}

void outbox_message(struct outbox *o, int64_t agent, enum message_kind kind, struct json_writer *w)
{
    struct out *item = add(o, OUT_MESSAGE);
    item->agent = agent;
    message_begin(w, &item->body, kind);
}

void outbox_message_end(struct outbox *o, struct json_writer *w)
{
    struct out *item = last(o, OUT_MESSAGE);
    ASSERT(w->out == &item->body);
    message_end(w);
}

void outbox_launch(struct outbox *o, int64_t task, struct slice run_spec)
{
    struct out *item = add(o, OUT_LAUNCH);
    item->task = task;
    buf_put_slice(&item->body, run_spec);
}

void outbox_kill(struct outbox *o, int64_t task, const char *reason)
{
    struct out *item = add(o, OUT_KILL);
    item->task = task;
    buf_puts(&item->body, reason);
}

void outbox_forget(struct outbox *o, int64_t task)
{
    add(o, OUT_FORGET)->task = task;
}

void outbox_wipe(struct outbox *o, int64_t volume, const char *name)
{
    struct out *item = add(o, OUT_WIPE);
    item->task = volume;
    buf_puts(&item->body, name);
}

void outbox_routes(struct outbox *o, struct slice message)
{
    buf_put_slice(&add(o, OUT_ROUTES)->body, message);
}

void outbox_hand_over(struct outbox *o, int64_t node, struct origin origin)
{
    struct out *item = add(o, OUT_HAND_OVER);
    item->node = node;
    item->origin = origin;
}
