/* Tasks: lists, the text form, kills (spec/marathon.md 6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/marathon/private.h"
#include "api/marathon/stored.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/negotiate.h"

/* ---- lists */

/* Which states `status` and `status[]` ask for; all when they ask for none that we know. */
struct wanted {
    bool some, running, staging;
};

static struct wanted wanted_of(const struct query *q)
{
    struct wanted w = {0};
    const char *word;
    for (size_t cursor = 0; (word = query_each(q, "status", &cursor)) != NULL;) {
        w.running = w.running || str_eq(word, "running");
        w.staging = w.staging || str_eq(word, "staging");
    }
    w.some = w.running || w.staging;
    return w;
}

static bool is_wanted(const struct wanted *w, enum task_state state)
{
    return !w->some || (w->running && state == TASK_RUNNING) ||
           (w->staging && state == TASK_STAGING);
}

/* The app's service ports as a JSON array. */
static const char *service_ports(struct state *s, int64_t app, struct buf *out)
{
    struct json_writer w;
    buf_clear(out);
    json_begin(&w, out);
    json_array(&w);
    struct stmt *q = state_service_ports_of_app(s, app);
    while (stmt_row(q))
        json_put_int(&w, stmt_i64(q, 0));
    json_array_end(&w);
    return buf_str(out);
}

static void begin_tasks(struct call *c, struct json_writer *w)
{
    call_json(c, 200, w);
    json_object(w);
    json_key(w, "tasks");
    json_array(w);
}

static void end_tasks(struct json_writer *w)
{
    json_array_end(w);
    json_object_end(w);
}

static void put_tasks(struct show *s, const struct app_row *a, const struct wanted *wanted,
                      const char *ports, struct json_writer *w)
{
    struct task_row t;
    struct stmt *q = a->counts.live > 0 ? state_tasks_of_app(s->state, a->id) : NULL;
    while (state_task_next(q, &t))
        if (is_wanted(wanted, t.state))
            show_task(s, a, &t, ports, w);
    q = show_idle(s, a);
    while (state_task_next(q, &t))
        if (is_wanted(wanted, t.state))
            show_task(s, a, &t, ports, w);
}

static void list_tasks(struct call *c)
{
    struct show s;
    struct json_writer w;
    struct app_row row;
    struct buf ports;
    const struct wanted wanted = wanted_of(&c->query);
    show_init(&s, c->view, 0);
    buf_init(&ports, 64 << 10);
    begin_tasks(c, &w);
    struct stmt *q = marathon_apps_within(s.state, "/");
    while (marathon_app_next(q, &row))
        if (row.counts.live > 0 || stored_is_resident(row.definition))
            put_tasks(&s, &row, &wanted, service_ports(s.state, row.id, &ports), &w);
    end_tasks(&w);
    buf_close(&ports);
    show_close(&s);
}

static void list_tasks_of(struct call *c, const struct app_row *row)
{
    struct show s;
    struct json_writer w;
    show_init(&s, c->view, 0);
    begin_tasks(c, &w);
    put_tasks(&s, row, &(struct wanted){0}, NULL, &w);
    end_tasks(&w);
    show_close(&s);
}

void marathon_ask_glob_tasks(struct call *c)
{
    struct show s;
    struct json_writer w;
    struct app_row row;
    char group[ID_SIZE];
    if (!marathon_path_group(c, group))
        return;
    show_init(&s, c->view, 0);
    begin_tasks(c, &w);
    struct stmt *q = marathon_apps_within(s.state, group);
    while (marathon_app_next(q, &row))
        put_tasks(&s, &row, &(struct wanted){0}, NULL, &w);
    end_tasks(&w);
    show_close(&s);
}

/* ---- as text (6.4) */

/* The number at `index` in a JSON array of numbers that we wrote; 0: there is none. */
static int64_t number_at(const char *array, int index)
{
    const char *at = array + 1;
    for (; index > 0 && at != NULL; index--) {
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return at != NULL ? strtoll(at, NULL, 10) : 0;
}

/* Where a task's host port for the app's port at `position` stands among its host ports; -1: it
 * has none. Only on container networks may ports be without. */
static int host_port_index(const struct app *a, int position)
{
    int index = 0;
    if (app_port(a, (size_t)position).host_port == NOT_GIVEN)
        return -1;
    for (int i = 0; i < position; i++)
        index += app_port(a, (size_t)i).host_port != NOT_GIVEN;
    return index;
}

/* The running tasks of an app, each with its host port at `index`, or without any (NO_PORT). */
#define NO_PORT (-2)
static void put_servers(struct show *s, const struct app_row *a, int index, struct buf *out)
{
    struct task_row t;
    struct stmt *q = state_tasks_of_app(s->state, a->id);
    while (state_task_next(q, &t)) {
        int64_t port = index >= 0 ? number_at(t.ports, index) : 0;
        if (t.state != TASK_RUNNING)
            continue;
        if (index == NO_PORT)
            buf_printf(out, "%s\t", show_hostname(s, t.agent));
        else if (port != 0) /* else it was started before the port was added */
            buf_printf(out, "%s:%lld\t", show_hostname(s, t.agent), (long long)port);
    }
}

/* One line a service port. */
static void put_lines(struct show *s, const struct app_row *row, struct buf *out)
{
    char safe[ID_SIZE];
    struct app a = {0};
    int position = 0;
    bool some_without = stored_on_container_network(row->definition);
    if (some_without)
        load_app(row, &a);
    id_safe(row->path, safe);
    struct stmt *q = state_service_ports_of_app(s->state, row->id);
    for (; stmt_row(q); position++) {
        buf_printf(out, "%s\t%lld\t", safe, (long long)stmt_i64(q, 0));
        if (row->counts.running > 0)
            put_servers(s, row, some_without ? host_port_index(&a, position) : position, out);
        buf_putc(out, '\n');
    }
    if (position == 0) {
        buf_printf(out, "%s\t \t", safe);
        put_servers(s, row, NO_PORT, out);
        buf_putc(out, '\n');
    }
    app_close(&a);
}

static bool wants_text(const struct call *c)
{
    struct slice accept = header_get(c->request->headers, "Accept");
    return accept_best(accept, c->door->types, c->door->types_n) == 1;
}

static void text_of(struct call *c, const struct app_row *one)
{
    struct show s;
    struct app_row row;
    show_init(&s, c->view, 0);
    call_text(c, 200, "text/plain", "");
    struct stmt *q = one == NULL ? marathon_apps_within(s.state, "/") : NULL;
    while (q != NULL && marathon_app_next(q, &row))
        put_lines(&s, &row, &c->reply->body);
    if (one != NULL)
        put_lines(&s, one, &c->reply->body);
    show_close(&s);
}

void marathon_ask_tasks(struct call *c)
{
    if (wants_text(c))
        text_of(c, NULL);
    else
        list_tasks(c);
}

void marathon_ask_app_tasks(struct call *c)
{
    struct app_row row;
    if (!marathon_path_app(c, &row))
        return;
    if (wants_text(c))
        text_of(c, &row);
    else
        list_tasks_of(c, &row);
}

/* ---- kills (6.3) */

#define KILLED_BY_USER "killed by a user"

struct victim {
    int64_t task, app;
    bool stopping; /* it was told to end before */
};

struct victims {
    struct victim *items; /* each task once */
    size_t n, cap;
    struct map *seen; /* the tasks in it */
};

static void victims_init(struct victims *v)
{
    *v = (struct victims){.seen = map_new()};
}

static void victims_close(struct victims *v)
{
    map_free(v->seen);
    mem_free(v->items);
}

static void add_victim(struct victims *v, const struct task_row *t)
{
    if (map_put(v->seen, (uint64_t)t->id, v) != NULL)
        return;
    if (v->n == v->cap) {
        v->cap = v->cap == 0 ? 16 : v->cap * 2;
        v->items = mem_realloc(v->items, v->cap * sizeof v->items[0]);
    }
    v->items[v->n++] = (struct victim){t->id, t->app, t->stopping};
}

bool marathon_wipes(const struct tell *t)
{
    return query_true(&t->c.query, "wipe");
}

bool marathon_can_end(struct tell *t, const struct task_row *task)
{
    struct reservation_row r;
    return !task_ended(task->state) ||
           (marathon_wipes(t) && state_reservation(t->c.view->state, task->owner_id, &r));
}

/* The task of that id, if it is an app's, not a pod's. */
static bool task_to_kill(struct tell *t, const char *name, struct task_row *out)
{
    return state_task_by_name(t->c.view->state, name, out) && out->app != 0 && !out->pod &&
           marathon_can_end(t, out);
}

enum shape { ANSWER_LIST, ANSWER_ONE };

/* The tasks as they are before they end; kept until the outcome is known. */
static void keep_answer(struct tell *t, const struct victims *v, enum shape how)
{
    struct show s;
    struct buf text;
    struct json_writer w;
    struct task_row task;
    struct app_row app;
    show_init(&s, t->c.view, 0);
    buf_init(&text, LIMIT_ANSWER_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    json_key(&w, how == ANSWER_LIST ? "tasks" : "task");
    if (how == ANSWER_LIST)
        json_array(&w);
    for (size_t i = 0; i < v->n; i++)
        if (state_task_by_id(s.state, v->items[i].task, &task) &&
            state_app_by_id(s.state, task.app, &app))
            show_task(&s, &app, &task, NULL, &w);
    if (how == ANSWER_LIST)
        json_array_end(&w);
    json_object_end(&w);
    mem_free(t->kept);
    t->kept = buf_take(&text, NULL);
    show_close(&s);
}

static void answer_kept(struct tell *t, const struct outcome *o)
{
    (void)o;
    call_text(&t->c, 200, "application/json", t->kept);
}

static void propose_kills(struct tell *t, const struct victims *v, enum shape how)
{
    struct json_writer w;
    keep_answer(t, v, how);
    if (v->n == 0) {
        answer_kept(t, NULL);
        return;
    }
    tell_begin(t, COMMAND_TASK_KILL, &w, answer_kept);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < v->n; i++) {
        json_object(&w);
        json_member_int(&w, "task", v->items[i].task);
        json_member_str(&w, "reason", KILLED_BY_USER);
        if (marathon_wipes(t))
            json_member_bool(&w, "wipe", true);
        json_object_end(&w);
    }
    json_array_end(&w);
    tell_end(t, &w);
}

static void answer_scaled(struct tell *t, const struct outcome *o)
{
    marathon_outcome(t, 200, o);
}

static int by_app(const void *x, const void *y)
{
    const struct victim *a = x, *b = y;
    if (a->app != b->app)
        return a->app < b->app ? -1 : 1;
    return a->task < b->task ? -1 : a->task > b->task;
}

/* Lowers the instances of one app by as many of its victims as are not ending yet. */
static void scale_down(struct state *s, const struct victim *v, size_t n, struct changes *ch)
{
    struct app a;
    struct app_row row;
    int64_t fewer = 0;
    if (!state_app_by_id(s, v->app, &row) || row.gone)
        return;
    for (size_t i = 0; i < n; i++)
        if (!v[i].stopping) {
            ch->kills[ch->kills_n++] = v[i].task;
            fewer++;
        }
    load_app(&row, &a);
    app_set_instances(&a, a.instances > fewer ? a.instances - fewer : 0);
    changes_put(ch, &a, &row);
}

static void propose_scaling(struct tell *t, struct victims *v)
{
    struct changes ch = {.group = "/",
                         .force = query_true(&t->c.query, "force"),
                         .kills = mem_zalloc((v->n + 1) * sizeof(int64_t))};
    if (v->n > 0)
        qsort(v->items, v->n, sizeof v->items[0], by_app);
    for (size_t from = 0, to; from < v->n; from = to) {
        for (to = from; to < v->n && v->items[to].app == v->items[from].app;)
            to++;
        scale_down(t->c.view->state, &v->items[from], to - from, &ch);
    }
    changes_propose(t, &ch, answer_scaled);
    changes_close(&ch);
}

/* Both at once are refused: 400. */
static bool may_kill(struct tell *t)
{
    if (!query_true(&t->c.query, "scale") || !marathon_wipes(t))
        return true;
    marathon_message(&t->c, 400, "scale and wipe: got both, need one of them at most");
    return false;
}

static void kill_or_scale(struct tell *t, struct victims *v, enum shape how)
{
    if (query_true(&t->c.query, "scale"))
        propose_scaling(t, v);
    else
        propose_kills(t, v, how);
}

void marathon_delete_app_tasks(struct tell *t)
{
    struct app_row row;
    struct task_row task;
    struct show s;
    struct victims v;
    const char *host = query_get(&t->c.query, "host");
    if (!may_kill(t) || !marathon_path_app(&t->c, &row))
        return;
    victims_init(&v);
    bool all = host == NULL || host[0] == '\0' || str_eq(host, "*");
    show_init(&s, t->c.view, 0);
    struct stmt *q = state_tasks_of_app(s.state, row.id);
    while (state_task_next(q, &task))
        if (all || str_eq(host, show_hostname(&s, task.agent)))
            add_victim(&v, &task);
    q = marathon_wipes(t) ? show_idle(&s, &row) : NULL;
    while (state_task_next(q, &task))
        if (all || str_eq(host, show_hostname(&s, task.agent)))
            add_victim(&v, &task);
    show_close(&s);
    kill_or_scale(t, &v, ANSWER_LIST);
    victims_close(&v);
}

/* The app of the path. Some clients make that path from a task id, by a rule of old that does not
 * fit ours: if it names no app, the task's own counts. */
static bool app_for_kill(struct tell *t, const struct task_row *task, struct app_row *out)
{
    char path[ID_SIZE];
    struct state *s = t->c.view->state;
    if (marathon_path_id(&t->c, path) && state_app_by_path(s, path, out) && !out->pod)
        return true;
    if (task != NULL && state_app_by_id(s, task->app, out) && !out->gone)
        return true;
    marathon_no_app(&t->c, path);
    return false;
}

void marathon_delete_app_task(struct tell *t)
{
    struct app_row row;
    struct task_row task;
    struct victims v;
    const char *name = call_param(&t->c, "task");
    if (!may_kill(t))
        return;
    bool known = task_to_kill(t, name, &task);
    if (!app_for_kill(t, known ? &task : NULL, &row))
        return;
    known = known && task.app == row.id;
    if (!known && !query_true(&t->c.query, "scale")) {
        marathon_message(&t->c, 404, "Task '%s' does not exist", name);
        return;
    }
    victims_init(&v);
    if (known)
        add_victim(&v, &task);
    kill_or_scale(t, &v, ANSWER_ONE);
    victims_close(&v);
}

/* {"ids":["…"]}: false after having failed the call. */
static bool read_ids(struct tell *t, struct victims *v)
{
    struct problems problems = {0};
    struct task_ref ref;
    struct task_row task;
    struct error err;
    const struct json *body = marathon_body(&t->c), *ids = json_get(body, "ids");
    if (body == NULL)
        return false;
    if (ids == NULL)
        problems_add_coded(&problems, "error.path.missing", "/ids", "need an array of task ids");
    else if (!json_is(ids, JSON_ARRAY))
        problems_add_coded(&problems, "error.expected.jsarray", "/ids", "got %s, need an array",
                           json_kind_word(ids));
    size_t i = 0;
    JSON_EACH (id, json_is(ids, JSON_ARRAY) ? ids : NULL) {
        char path[40];
        snprintf(path, sizeof path, "/ids(%zu)", i++);
        if (!json_is(id, JSON_STRING)) {
            problems_add_coded(&problems, "error.expected.jsstring", path, "got %s, need a text",
                               json_kind_word(id));
        } else if (task_id_parse(json_str(id, ""), &ref, &err) != 0) {
            problems_close(&problems);
            marathon_message(&t->c, 400, "%s", err.text);
            return false;
        } else if (task_to_kill(t, json_str(id, ""), &task)) {
            add_victim(v, &task);
        }
    }
    if (problems.n == 0)
        return true;
    call_problems(&t->c, &problems);
    return false;
}

void marathon_post_tasks_delete(struct tell *t)
{
    struct victims v;
    if (!may_kill(t))
        return;
    victims_init(&v);
    if (read_ids(t, &v))
        kill_or_scale(t, &v, ANSWER_LIST);
    victims_close(&v);
}
