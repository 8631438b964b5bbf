#include "api/marathon/plan.h"

#include <stdio.h>

#include "base/assert.h"

enum plan_kind plan_kind_of(const struct app *old, const struct app *new, bool restart)
{
    enum app_change change = app_compare(old, new);
    if (!restart && change == APP_SAME)
        return PLAN_NOTHING;
    if (new->instances == 0 || (!restart && change == APP_SCALED))
        return PLAN_SCALE;
    return PLAN_RESTART;
}

static const char *const actions[] = {
    [PLAN_ADD] = "Scale", /* after its Start */
    [PLAN_REMOVE] = "Stop",
    [PLAN_SCALE] = "Scale",
    [PLAN_RESTART] = "Restart",
};

struct steps {
    struct json_writer *w;
    size_t n;
    bool open;
};

/* The first action of a step opens it: a step without actions is none. */
static void put_action(struct steps *s, const char *action, const struct planned *p)
{
    if (!s->open) {
        json_object(s->w);
        json_key(s->w, "actions");
        json_array(s->w);
        s->open = true;
        s->n++;
    }
    char word[32];
    snprintf(word, sizeof word, "%s%s", action, p->pod ? "Pod" : "Application");
    json_object(s->w);
    json_member_str(s->w, "action", word);
    json_member_str(s->w, p->pod ? "pod" : "app", p->path);
    json_object_end(s->w);
}

static void end_step(struct steps *s)
{
    if (!s->open)
        return;
    json_array_end(s->w);
    json_object_end(s->w);
    s->open = false;
}

static void step_of(struct steps *s, const struct planned *apps, size_t n, enum plan_kind kind,
                    const char *action)
{
    for (size_t i = 0; i < n; i++)
        if (apps[i].kind == kind)
            put_action(s, action, &apps[i]);
    end_step(s);
}

static bool has_depth(const struct planned *p)
{
    return p->kind == PLAN_ADD || p->kind == PLAN_SCALE || p->kind == PLAN_RESTART;
}

/* The least depth above `above`; 0: none. */
static int next_depth(const struct planned *apps, size_t n, int above)
{
    int next = 0;
    for (size_t i = 0; i < n; i++)
        if (has_depth(&apps[i]) && apps[i].depth > above && (next == 0 || apps[i].depth < next))
            next = apps[i].depth;
    return next;
}

size_t plan_write_steps(const struct planned *apps, size_t n, struct json_writer *w)
{
    struct steps s = {.w = w};
    json_array(w);
    step_of(&s, apps, n, PLAN_REMOVE, actions[PLAN_REMOVE]);
    step_of(&s, apps, n, PLAN_ADD, "Start");
    for (int depth = next_depth(apps, n, 0); depth != 0; depth = next_depth(apps, n, depth)) {
        for (size_t i = 0; i < n; i++)
            if (has_depth(&apps[i]) && apps[i].depth == depth)
                put_action(&s, actions[apps[i].kind], &apps[i]);
        end_step(&s);
    }
    json_array_end(w);
    return s.n;
}
