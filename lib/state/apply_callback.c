/* Where events are posted to (spec/marathon.md 12.6). */
#include "base/limits.h"
#include "state/private.h"

static void add(struct apply *a, const char *url)
{
    struct stmt *q = change_use(a->s, CALLBACK_PUT);
    stmt_bind_text(q, ":url", url);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":by", a->c->by);
    stmt_run(q);
}

static void drop(struct apply *a, const char *url)
{
    struct stmt *q = change_use(a->s, CALLBACK_DROP);
    stmt_bind_text(q, ":url", url);
    stmt_run(q);
}

/* {"url","wanted"}. Who asks again is told again, though nothing changes. */
int apply_callback_put(struct apply *a)
{
    const char *url = json_str(json_get(a->c->args, "url"), "");
    bool wanted = json_bool(json_get(a->c->args, "wanted"), false);
    bool there = state_has_callback(a->s, url);
    if (wanted && !there && stmt_one_i64(change_use(a->s, CALLBACKS_COUNT), 0) >= LIMIT_CALLBACKS)
        return refuse(a, ERR_LIMIT, "events are posted to %d URLs already, which is the most",
                      LIMIT_CALLBACKS);
    if (wanted && !there)
        add(a, url);
    else if (there && !wanted)
        drop(a, url);
    changed(a, (struct change){.kind = CHANGE_CALLBACK, .name = url, .number = wanted});
    return 0;
}
