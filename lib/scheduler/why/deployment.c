#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "scheduler/why/private.h"

bool why_deployment(struct state *s, struct hearing hearing, const char *uuid, struct wall now,
                    struct why *out)
{
    struct uuid u;
    struct deployment_row d;
    *out = (struct why){.ok = true};
    if (!uuid_parse(uuid, &u) || !state_deployment_by_uuid(s, u, &d))
        return false;
    char path[ID_SIZE];
    struct stmt *q = state_deployment_apps(s, d.id);
    while (stmt_row(q)) { /* the first app that does not go on says why */
        struct why one;
        str_copy(path, sizeof path, stmt_str(q, 0));
        if (why_app(s, hearing, path, now, &one) && !one.ok) {
            *out = one;
            break;
        }
    }
    stmt_end(q);
    return true;
}

static void say_app(struct state *s, const char *path, struct wall began, struct buf *out,
                    struct pace *pace_out)
{
    struct app_row row;
    struct app app;
    struct error err;
    if (!state_app_by_path(s, path, &row))
        return;
    if (app_load(row.definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    why_pace(s, &row, &app, began, pace_out);
    why_say_pace(&row, &app, pace_out, out);
    if (row.counts.stopping > 0)
        buf_printf(out, ", %lld end", (long long)row.counts.stopping);
    app_close(&app);
}

/* Of several apps the sum, which says less. */
static void say_apps(struct state *s, const struct deployment_row *d, struct buf *out)
{
    int64_t wanted = 0, running = 0;
    struct app_row row;
    struct stmt *q = state_deployment_apps(s, d->id);
    while (stmt_row(q)) {
        if (!state_app_by_path(s, stmt_str(q, 0), &row))
            continue;
        wanted += row.instances;
        running += row.counts.running;
    }
    buf_printf(out, "%lld of %lld %s", (long long)running, (long long)wanted,
               why_instances_run(wanted));
}

void deployment_sentence(struct state *s, const struct deployment_row *d, struct wall now,
                         struct buf *out)
{
    int64_t apps = 0;
    char path[ID_SIZE] = "", age[48];
    struct pace pace = {0};
    struct stmt *q = state_deployment_apps(s, d->id);
    while (stmt_row(q))
        if (apps++ == 0)
            str_copy(path, sizeof path, stmt_str(q, 0));
    buf_printf(out, "step %d of %d: ", d->step, d->steps);
    if (apps != 1)
        say_apps(s, d, out);
    else
        say_app(s, path, d->started, out, &pace);
    if (pace.moved.ms != 0 && now.ms - pace.moved.ms >= MINUTE_MS)
        buf_printf(out, "; nothing has moved for %s", why_lasting(age, now.ms - pace.moved.ms));
}
