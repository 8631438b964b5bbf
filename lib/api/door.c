#include "api/door.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/negotiate.h"

#define RID_MAX 64   /* bytes of a request id; a longer one is none */
#define TELL_TRIES 5 /* a tell decided on an old view looks again so often */

/* ---- replies */

void reply_init(struct reply *r)
{
    *r = (struct reply){.status = 200};
    buf_init(&r->headers, LIMIT_HEADER_BYTES);
    buf_init(&r->body, LIMIT_ANSWER_BYTES);
}

void reply_close(struct reply *r)
{
    buf_close(&r->headers);
    buf_close(&r->body);
    mem_free(r->types);
    sandbox_request_free(r->sandbox);
    *r = (struct reply){0};
}

void sandbox_request_free(struct sandbox_request *r)
{
    if (r == NULL)
        return;
    mem_free(r->path);
    mem_free(r->jsonp);
    mem_free(r->host);
    mem_free(r);
}

/* ---- for doors */

const struct json *call_body(struct call *c)
{
    struct error err;
    size_t bytes = c->request->body.len, most = c->door->body_bytes, values = c->door->body_values;
    if (c->body != NULL)
        return c->body;
    if (bytes == 0) {
        call_fail(c, ERR_SYNTAX, "the body is empty: need JSON");
        return NULL;
    }
    if (most > 0 && bytes > most) {
        call_fail(c, ERR_LIMIT, "the body has %zu bytes, need at most %zu", bytes, most);
        return NULL;
    }
    c->body = json_parse_most(c->request->body, values > 0 ? values : SIZE_MAX, &err);
    if (c->body == NULL)
        call_error(c, &err);
    return c->body;
}

const char *call_param(const struct call *c, const char *name)
{
    const char *value = route_param(c->match, name);
    return value != NULL ? value : "";
}

/* Of a top-level group, by its name. */
static bool enforces_role(void *state, const char *group)
{
    char path[ID_SIZE];
    struct group_row row;
    snprintf(path, sizeof path, "/%s", group);
    return state_group_by_path(state, path, &row) && row.enforce_role == ENFORCE_YES;
}

struct app_rules call_app_rules(const struct call *c)
{
    struct app_rules rules = c->view->facts->app_rules;
    rules.enforces_role = enforces_role;
    rules.data = c->view->state;
    return rules;
}

void call_place(const struct call *c, int64_t agent, struct sandbox_request *r)
{
    struct agent_row a;
    r->node = c->view->facts->node;
    if (!state_agent_by_id(c->view->state, agent, &a) || a.node == r->node)
        return;
    r->node = a.node;
    r->host = mem_strdup(a.hostname);
}

void call_json(struct call *c, int status, struct json_writer *w)
{
    c->reply->status = status;
    c->reply->content_type = "application/json";
    buf_clear(&c->reply->body);
    json_begin(w, &c->reply->body);
}

void call_text(struct call *c, int status, const char *content_type, const char *text)
{
    c->reply->status = status;
    c->reply->content_type = content_type;
    buf_clear(&c->reply->body);
    buf_puts(&c->reply->body, text);
}

void call_error(struct call *c, const struct error *err)
{
    buf_clear(&c->reply->body);
    c->dialect->fail(c, err, NULL, NULL);
}

void call_fail(struct call *c, enum error_code code, const char *fmt, ...)
{
    struct error err = {.code = code};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err.text, sizeof err.text, fmt, ap);
    va_end(ap);
    call_error(c, &err);
}

void call_name_leader(struct call *c)
{
    const struct facts *f = c->view->facts;
    const char *leader = f->leader_marathon != NULL ? f->leader_marathon : f->leader_mesos;
    const char *own = f->leader_marathon != NULL ? f->url_marathon : f->url_mesos;
    if (leader != NULL)
        header_printf(&c->reply->headers, "X-Marathon-Leader", "%s://%s",
                      own != NULL && str_starts(own, "https:") ? "https" : "http", leader);
}

void call_problems(struct call *c, struct problems *problems)
{
    struct error err = {.code = ERR_INVALID};
    if (problems_error(problems, &err) == 0)
        UNREACHABLE("a call fails by at least one problem");
    buf_clear(&c->reply->body);
    c->dialect->fail(c, &err, problems, NULL);
    problems_close(problems);
}

static void done(struct tell *t, const struct outcome *o)
{
    (void)o;
    struct json_writer w;
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_object_end(&w);
}

static void refused(struct tell *t, const struct outcome *o)
{
    struct error err = {.code = o->code}, ignored;
    str_copy(err.text, sizeof err.text, o->text);
    struct json *detail =
        o->detail.len > 0 ? json_parse_own(buf_slice(&o->detail), &ignored) : NULL;
    buf_clear(&t->c.reply->body);
    t->c.dialect->fail(&t->c, &err, NULL, detail);
    json_free(detail);
}

void tell_begin(struct tell *t, enum command_kind kind, struct json_writer *w, outcome_fn *then)
{
    ASSERT(t->then == NULL); /* one command a tell */
    t->then = then != NULL ? then : done;
    outbox_draft(t->out, kind, (struct origin){.kind = ORIGIN_DOOR, .key = t->pending}, w);
}

void tell_begin_part(struct tell *t, enum command_kind kind, struct json_writer *w,
                     outcome_fn *each)
{
    ASSERT(t->then == NULL || (t->then == each && t->parts > 0));
    t->then = each;
    t->open++;
    outbox_draft(t->out, kind,
                 (struct origin){.kind = ORIGIN_DOOR, .key = t->pending, .part = t->parts++}, w);
}

/* What makes it this request and no other, whoever sends it on; never 0. */
static uint64_t digest_of(struct tell *t)
{
    const struct request *r = t->c.request;
    const struct slice parts[] = {slice_of(r->method_text), r->path, r->query, r->body};
    if (t->digest != 0) /* a body of a megabyte may have hundreds of parts */
        return t->digest;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        t->digest = hash64(parts[i].p, parts[i].len, t->digest);
    t->digest += t->digest == 0;
    return t->digest;
}

/* The request's id; false: it has none. Clients of the old APIs, whose servers pass it over, may
 * send the same one with all that they do: there it is only together with the request itself. */
static bool own_rid(struct tell *t, char dst[RID_MAX + 1])
{
    struct slice rid = header_get(t->c.request->headers, "X-Request-Id");
    if (rid.len == 0 || rid.len > RID_MAX)
        return false;
    if (t->c.dialect == &native_dialect)
        snprintf(dst, RID_MAX + 1, "%.*s", (int)rid.len, rid.p);
    else
        snprintf(dst, RID_MAX + 1, "%016" PRIx64 "%016" PRIx64 " %016" PRIx64,
                 hash64(rid.p, rid.len, 1), hash64(rid.p, rid.len, 2), digest_of(t));
    return true;
}

/* What the ids of its parts begin with. */
static void parts_rid(const char *rid, char dst[RID_MAX + 1])
{
    snprintf(dst, RID_MAX + 1, "parts of %016" PRIx64 "%016" PRIx64, hash64(rid, strlen(rid), 1),
             hash64(rid, strlen(rid), 2));
}

/* An id of a part's own, which no other part's is. */
static bool part_rid(struct tell *t, unsigned which, char dst[RID_MAX + 1])
{
    char rid[RID_MAX + 1];
    if (!own_rid(t, rid))
        return false;
    parts_rid(rid, dst);
    size_t n = strlen(dst);
    snprintf(dst + n, RID_MAX + 1 - n, " %u", which);
    return true;
}

/* The last one is done once for that id. */
static void name_draft(struct tell *t, const char *rid)
{
    struct draft *d = &t->out->items[t->out->n - 1].draft;
    d->rid = mem_strdup(rid);
    d->digest = digest_of(t);
}

/* False after having failed the call: its id names another request. */
static bool check_rid(struct tell *t)
{
    char rid[RID_MAX + 1], parts[RID_MAX + 1], got[RID_MAX + 32];
    if (!own_rid(t, rid))
        return true;
    parts_rid(rid, parts);
    if (!state_request_is_other(t->c.view->state, rid, parts, digest_of(t)))
        return true;
    call_fail(&t->c, ERR_INVALID,
              "X-Request-Id: got %s, which another request of the last %d minutes had, need one "
              "of its own",
              str_quote(got, sizeof got, rid, strlen(rid)), LIMIT_REQUEST_MS / 60000);
    return false;
}

void tell_end_part(struct tell *t, struct json_writer *w, unsigned which)
{
    char rid[RID_MAX + 1];
    tell_end_step(t, w);
    if (part_rid(t, which, rid))
        name_draft(t, rid);
}

bool tell_part_known(struct tell *t, unsigned which, struct outcome *out)
{
    char rid[RID_MAX + 1];
    return part_rid(t, which, rid) && state_request_outcome(t->c.view->state, rid, out);
}

void tell_forget(struct tell *t)
{
    t->then = NULL;
    t->parts = t->open = 0;
}

void tell_end_step(struct tell *t, struct json_writer *w)
{
    outbox_draft_end(t->out, w);
    struct draft *d = &t->out->items[t->out->n - 1].draft;
    d->epoch = 0; /* a client's wish: good in any term */
    d->by = mem_strdup(t->c.request->user);
    d->from = mem_strdup(t->c.request->remote);
}

void tell_end(struct tell *t, struct json_writer *w)
{
    char rid[RID_MAX + 1];
    tell_end_step(t, w);
    if (own_rid(t, rid))
        name_draft(t, rid);
}

bool call_is_for_another_term(const struct call *c)
{
    char term[24];
    struct slice sent = header_get(c->request->headers, CALL_TERM);
    snprintf(term, sizeof term, "%llu", (unsigned long long)c->view->facts->term);
    return sent.len > 0 && !slice_is(sent, term);
}

void tell_hand_over(struct tell *t, int64_t node, outcome_fn *then)
{
    ASSERT(t->then == NULL);
    t->then = then != NULL ? then : done;
    outbox_hand_over(t->out, node, (struct origin){.kind = ORIGIN_DOOR, .key = t->pending});
}

/* ---- the router over all dialects */

static const struct dialect *const dialects[] = {
    &peer_dialect,  &marathon_dialect, &chronos_dialect,
    &mesos_dialect, &native_dialect,   &web_dialect,
};
#define DIALECTS (sizeof dialects / sizeof dialects[0])

/* A path that several dialects have belongs to the listener's own (spec/mesos.md 0.4): one router
 * a dialect, asked in the listener's order. */
struct api {
    struct router *routers[DIALECTS];
};

struct api *api_new(void)
{
    struct api *a = NEW(struct api);
    for (size_t d = 0; d < DIALECTS; d++) {
        a->routers[d] = router_new();
        for (size_t i = 0; i < dialects[d]->n; i++) {
            struct error err;
            const struct door *door = &dialects[d]->doors[i];
            if (router_add(a->routers[d], door->method, door->pattern, door, &err) != 0)
                UNREACHABLE("a door's pattern is right, and there once");
        }
    }
    return a;
}

void api_free(struct api *a)
{
    if (a == NULL)
        return;
    for (size_t d = 0; d < DIALECTS; d++)
        router_free(a->routers[d]);
    mem_free(a);
}

/* The dialects in the order in which a listener asks them, how many: its own first, and no private
 * one but that. */
static size_t order_for(const struct request *r, size_t order[DIALECTS])
{
    size_t n = 0;
    const char *own = str_eq(r->listener, "agent") ? "mesos" : r->listener;
    for (size_t d = 0; d < DIALECTS; d++)
        if (str_eq(dialects[d]->name, own))
            order[n++] = d;
    for (size_t d = 0; d < DIALECTS; d++)
        if (!dialects[d]->private && (n == 0 || order[0] != d))
            order[n++] = d;
    return n;
}

static void answer_options(struct call *c)
{
    c->reply->status = 200;
    header_put(&c->reply->headers, "Allow", c->match->allow);
}

static void answer_no_method(struct call *c)
{
    struct error err;
    error_set(&err, ERR_NOT_FOUND, "Method Not Allowed");
    c->dialect->fail(c, &err, NULL, NULL);
    c->reply->status = 405;
    header_put(&c->reply->headers, "Allow", c->match->allow);
}

static bool is_acceptable(const struct call *c)
{
    const struct door *d = c->door;
    struct slice accept = header_get(c->request->headers, "Accept");
    return d->types_n == 0 || accept_best(accept, d->types, d->types_n) >= 0;
}

static void answer_not_acceptable(struct call *c)
{
    struct error err;
    error_set(&err, ERR_INVALID, "Not Acceptable");
    c->dialect->fail(c, &err, NULL, NULL);
    c->reply->status = 406;
}

#define NAMES_MAX 16 /* of a door */

/* A row's names with blanks between. */
struct names {
    const char *items[NAMES_MAX];
    size_t n;
    struct arena arena;
};

static void names_open(struct names *names, const char *row)
{
    const char *name;
    *names = (struct names){0};
    char *rest = arena_strdup(&names->arena, row);
    while ((name = strsep(&rest, " ")) != NULL)
        if (*name != '\0' && names->n < NAMES_MAX)
            names->items[names->n++] = name;
}

static bool names_have(const struct names *names, const char *name)
{
    size_t i = 0;
    while (i < names->n && !str_eq(names->items[i], name))
        i++;
    return i < names->n;
}

static void refuse_name(struct call *c, const char *what, const char *name,
                        const struct names *names)
{
    char got[96];
    const char *nearest = str_nearest(name, names->items, names->n);
    struct buf need;
    buf_init(&need, LIMIT_URL_BYTES);
    for (size_t i = 0; i < names->n; i++)
        buf_printf(&need, "%s%s", i > 0 ? ", " : names->n > 1 ? "one of " : "", names->items[i]);
    call_fail(c, ERR_INVALID, "%s %s, need %s%s%s%s", what,
              str_quote(got, sizeof got, name, strlen(name)),
              names->n == 0 ? "none" : buf_str(&need), nearest != NULL ? "; did you mean " : "",
              nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    buf_close(&need);
}

/* What a door does not know would be passed over, and the answer be about something else. */
static bool check_query(struct call *c)
{
    struct names names;
    size_t i = 0;
    if (c->door->query == NULL || c->query.n == 0)
        return true;
    names_open(&names, c->door->query);
    for (; i < c->query.n; i++) {
        char *key = arena_strdup(&names.arena, c->query.items[i].key);
        if (str_ends(key, "[]"))
            key[strlen(key) - 2] = '\0';
        if (!names_have(&names, key))
            break;
    }
    bool right = i == c->query.n;
    if (!right)
        refuse_name(c, "query: got parameter", c->query.items[i].key, &names);
    arena_close(&names.arena);
    return right;
}

/* The same of a body, which is an object then. */
static bool check_members(struct call *c)
{
    struct names names;
    const struct json *body, *member;
    if (c->door->members == NULL || c->request->body.len == 0)
        return true;
    if ((body = call_body(c)) == NULL)
        return false;
    if (!json_is(body, JSON_OBJECT)) {
        call_fail(c, ERR_INVALID, "the body is %s, need an object", json_kind_word(body));
        return false;
    }
    names_open(&names, c->door->members);
    for (member = json_first(body); member != NULL; member = json_next(member))
        if (!names_have(&names, json_name(member)))
            break;
    if (member != NULL)
        refuse_name(c, "the body: got member", json_name(member), &names);
    arena_close(&names.arena);
    return member == NULL;
}

/* A switch that is neither on nor off would be taken for off: a dry run that is none. */
static bool check_switches(struct call *c)
{
    static const char *const switches[] = {"dry_run", "force", "partialUpdate", "scale", "wipe"};
    char got[96];
    for (size_t i = 0; c->door->query != NULL && i < sizeof switches / sizeof switches[0]; i++) {
        const char *value = query_get(&c->query, switches[i]);
        if (value == NULL || query_true(&c->query, switches[i]) || strcasecmp(value, "false") == 0)
            continue;
        call_fail(c, ERR_INVALID, "query: %s: got %s, need true or false", switches[i],
                  str_quote(got, sizeof got, value, strlen(value)));
        return false;
    }
    return true;
}

static bool is_an_event(const struct call *c)
{
    return c->door->kind == DOOR_TELL && header_get(c->request->headers, CALL_EVENT).len > 0;
}

static void answer_event(struct call *c)
{
    struct error err;
    error_set(&err, ERR_INVALID, "an event that was posted here is no request");
    c->dialect->fail(c, &err, NULL, NULL);
    c->reply->status = 403;
}

static const struct door *door_of(const struct api *a, const struct request *r)
{
    size_t order[DIALECTS];
    const struct door *door = NULL;
    size_t n = order_for(r, order);
    for (size_t i = 0; i < n; i++) {
        struct route_match match = {0};
        enum route_result found = router_match(a->routers[order[i]], r->method, r->path, &match);
        if (found == ROUTE_FOUND)
            door = match.row;
        route_match_close(&match);
        if (found != ROUTE_NOT_FOUND)
            break;
    }
    return door;
}

bool api_is_ask(const struct api *a, const struct request *r)
{
    const struct door *door = door_of(a, r);
    return door == NULL || door->kind == DOOR_ASK;
}

bool api_is_alone(const struct api *a, const struct request *r)
{
    const struct door *door = door_of(a, r);
    return door == NULL || door->alone;
}

bool api_takes_long(const struct api *a, const struct request *r)
{
    const struct door *door = door_of(a, r);
    return door != NULL && door->read_ms > LIMIT_READ_MS;
}

/* Of a path that no door has, or a broken one: what begins as our own do is answered as they do. */
static const struct dialect *dialect_for(const struct request *r, const struct dialect *first)
{
    return url_is_own(r->path) && !first->private ? &native_dialect : first;
}

const struct door *api_find(const struct api *a, const struct request *r, struct call *c)
{
    size_t order[DIALECTS], n = order_for(r, order);
    c->request = r;
    c->dialect = dialect_for(r, dialects[order[0]]);
    struct error err;
    for (size_t i = 0; i < n; i++) {
        enum route_result found = router_match(a->routers[order[i]], r->method, r->path, c->match);
        if (found == ROUTE_NOT_FOUND)
            continue;
        c->dialect = dialects[order[i]];
        switch (found) {
        case ROUTE_FOUND:
            c->door = c->match->row;
            if (query_parse(&c->query, r->query, &err) != 0)
                call_error(c, &err);
            else if (!is_acceptable(c))
                answer_not_acceptable(c);
            else if (is_an_event(c))
                answer_event(c);
            else if (check_query(c) && check_switches(c) && check_members(c))
                return c->door;
            break;
        case ROUTE_OPTIONS:
            answer_options(c);
            break;
        case ROUTE_NO_METHOD:
            answer_no_method(c);
            break;
        case ROUTE_BAD_PATH:
            c->dialect = dialect_for(r, c->dialect);
            call_fail(c, ERR_SYNTAX, "path: a broken %% sequence in %.*s", (int)r->path.len,
                      r->path.p);
            break;
        case ROUTE_NOT_FOUND:
            UNREACHABLE("handled above");
        }
        if (c->dialect->dress != NULL)
            c->dialect->dress(c);
        return NULL;
    }
    call_fail(c, ERR_NOT_FOUND, "URI not found: %.*s", (int)(r->path.len < 200 ? r->path.len : 200),
              r->path.p);
    if (c->dialect->dress != NULL)
        c->dialect->dress(c);
    return NULL;
}

/* Without a leader, or one that answers us, nobody knows what has been decided meanwhile (DESIGN 4,
 * Reads). */
static void say_stale(struct call *c)
{
    const struct view *v = c->view;
    bool leaderless = v->facts->leaderless.ms != 0;
    if (!leaderless && !c->request->unconfirmed)
        return;
    int64_t since_ms = leaderless ? v->facts->leaderless.ms : v->now.mono.ms;
    if (c->dialect->needs_quorum)
        header_put(&c->reply->headers, "X-Stale", "true");
    header_printf(&c->reply->headers, "X-Mesolith-Stale", "%lld",
                  (long long)((v->now.mono.ms - since_ms) / 1000));
}

void call_too_large(struct call *c)
{
    call_fail(c, ERR_LIMIT, "the answer is over %d MiB: ask for a part of it",
              LIMIT_ANSWER_BYTES >> 20);
}

void api_ask(struct call *c)
{
    ASSERT(c->door->kind != DOOR_TELL);
    c->door->ask(c);
    say_stale(c);
    if (buf_full(&c->reply->body)) {
        reply_close(c->reply);
        reply_init(c->reply);
        call_too_large(c);
    }
    if (c->dialect->dress != NULL)
        c->dialect->dress(c);
}

/* A write whose request id was seen before gets its first outcome: what the door would propose now
 * is dropped; where it would refuse, because it was done, the dialect says that it was. */
static bool answer_again(struct tell *t)
{
    char rid[RID_MAX + 1];
    struct outcome o;
    if (t->c.dialect->repeated == NULL || !own_rid(t, rid) ||
        !state_request_outcome(t->c.view->state, rid, &o))
        return false;
    t->c.door->tell(t);
    outcome_fn *then = t->then;
    t->then = NULL;
    if (then != NULL)
        outbox_drop_last(t->out);
    if (o.code != ERR_NONE)
        refused(t, &o);
    else if (then != NULL)
        then(t, &o);
    else if (t->c.reply->status >= 400)
        t->c.dialect->repeated(t, &o);
    outcome_close(&o);
    return true;
}

bool api_tell(struct tell *t)
{
    ASSERT(t->c.door->kind == DOOR_TELL);
    mem_free(t->kept); /* of what was stale */
    t->kept = NULL;
    if (check_rid(t) && !answer_again(t))
        t->c.door->tell(t);
    if (t->then != NULL)
        return false;
    if (t->c.dialect->dress != NULL)
        t->c.dialect->dress(&t->c);
    return true;
}

/* That it clashes with others is not the client's fault: certainly nothing was done. Nodes among
 * themselves say with what. */
static void say_busy(struct tell *t, const struct outcome *o)
{
    buf_clear(&t->c.reply->body);
    call_fail(&t->c, ERR_UNAVAILABLE, "%s, again and again: try again", o->text);
    header_put(&t->c.reply->headers, "Retry-After", "1");
}

static bool part_outcome(struct tell *t, const struct outcome *o)
{
    t->open--;
    t->then(t, o);
    if (t->open > 0)
        return false;
    tell_forget(t);
    if (t->c.dialect->dress != NULL)
        t->c.dialect->dress(&t->c);
    return true;
}

bool api_outcome(struct tell *t, const struct outcome *o)
{
    if (t->open > 0)
        return part_outcome(t, o);
    outcome_fn *then = t->then;
    t->then = NULL;
    if (o->stale && t->tries++ < TELL_TRIES)
        return api_tell(t);
    if (o->code == ERR_NONE)
        then(t, o);
    else if (o->stale && !t->c.dialect->private)
        say_busy(t, o);
    else
        refused(t, o);
    if (t->then != NULL) /* the next step */
        return false;
    if (t->c.dialect->dress != NULL)
        t->c.dialect->dress(&t->c);
    return true;
}

void call_close(struct call *c)
{
    query_close(&c->query);
    json_free(c->body);
    c->body = NULL;
}

void tell_close(struct tell *t)
{
    call_close(&t->c);
    mem_free(t->kept);
    t->kept = NULL;
}

/* ---- published events */

void api_render_stream(enum topic topic, bool attached, const char *remote, struct wall at,
                       unsigned topics, void *data, publish_fn *publish)
{
    if ((1u << topic & TOPICS_OF_MARATHON) != 0)
        marathon_render_stream(attached, remote, at, topics, data, publish);
}

void api_render(const struct change *c, const struct view *view, unsigned topics, void *data,
                publish_fn *publish)
{
    if ((topics & TOPICS_OF_MARATHON) != 0)
        marathon_render(c, view, topics, data, publish);
    if ((topics & 1u << TOPIC_NATIVE) != 0)
        native_render(c, view, data, publish);
}
