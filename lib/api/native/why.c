/* Why something is not as wanted. */
#include "api/native/private.h"
#include "base/str.h"

void native_put_sentences(const struct why *why, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; i < why->n; i++) {
        const struct sentence *s = &why->sentences[i];
        json_object(w);
        json_member_str(w, "id", s->id);
        json_member_str(w, "what", s->what);
        json_member_str(w, "because", s->because);
        json_member_str(w, "so", s->so);
        json_object_end(w);
    }
    json_array_end(w);
}

static bool app_by_any_name(struct state *s, const char *name, struct wall now, struct why *out)
{
    char path[ID_SIZE];
    struct error err;
    return id_resolve(name, "/", path, &err) == 0 && why_app(s, path, now, out);
}

/* By its id or its name; a node without an agent has nothing to explain. */
static bool node_by_any_name(struct state *s, const char *name, struct wall now, struct why *out)
{
    char hostname[256];
    *out = (struct why){.ok = true};
    if (!native_find_node(s, name, hostname, sizeof hostname))
        return false;
    return hostname[0] == '\0' || why_node(s, hostname, now, out);
}

static const struct {
    const char *noun;
    bool (*why)(struct state *s, const char *name, struct wall now, struct why *out);
} nouns[] = {
    {"app", app_by_any_name},
    {"job", why_job},
    {"task", why_task},
    {"node", node_by_any_name},
    {"deployment", why_deployment},
};
#define NOUNS (sizeof nouns / sizeof nouns[0])

void native_ask_why(struct call *c)
{
    const char *noun = call_param(c, "noun"), *name = call_param(c, "name");
    struct why why;
    struct json_writer w;
    size_t i = 0;
    while (i < NOUNS && !str_eq(nouns[i].noun, noun))
        i++;
    if (i == NOUNS) {
        call_fail(c, ERR_NOT_FOUND, "noun: got \"%.40s\", need app, job, task, node or deployment",
                  noun);
        return;
    }
    if (!nouns[i].why(c->view->state, name, c->view->now.wall, &why)) {
        call_fail(c, ERR_NOT_FOUND, "%s %.200s does not exist", noun, name);
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "noun", noun);
    json_member_str(&w, "name", name);
    json_member_bool(&w, "ok", why.ok);
    json_key(&w, "sentences");
    native_put_sentences(&why, &w);
    json_object_end(&w);
}
