/* Members that are not simply a text, a number or a list: each type knows its two forms. */

#include "base/str.h"
#include "model/app_private.h"

#include <string.h>

static void nothing_init(const struct field *f, void *to)
{
    (void)f;
    (void)to;
}

static void list_none(const struct field *f, void *to)
{
    (void)f;
    memset(to, 0, sizeof(struct strings));
}

static bool list_is_filled(const struct field *f, const void *from)
{
    (void)f;
    return ((const struct strings *)from)->n > 0;
}

/* {"NAME": "value", "OTHER": {"secret": "name"}} */
static void env_read(const struct reader *r, const struct path *at, const struct field *f,
                     const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_OBJECT, f))
        return;
    struct env_vars *env = to;
    struct env_var *items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0;
    JSON_EACH (member, v) {
        struct path here = {.up = at, .name = json_name(member), .entry = true};
        struct path inner = {.up = &here, .name = "secret"};
        const struct json *secret = json_get(member, "secret");
        if (json_is(member, JSON_NULL))
            continue;
        struct env_var var = {.name = arena_strdup(r->arena, json_name(member))};
        if (!json_is(member, JSON_OBJECT)) {
            if (!reader_expects(r, &here, member, JSON_STRING))
                continue;
            var.value = arena_strdup(r->arena, json_str(member, ""));
        } else if (secret == NULL) {
            reader_wrong(r, &inner, "error.path.missing", NULL, "a secret's name");
        } else if (reader_expects(r, &inner, secret, JSON_STRING)) {
            var.secret = arena_strdup(r->arena, json_str(secret, ""));
        }
        items[n++] = var;
    }
    *env = (struct env_vars){items, n};
}

static void env_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct env_vars *env = from;
    json_object(w);
    for (size_t i = 0; i < env->n; i++) {
        const struct env_var *var = &env->items[i];
        json_key(w, var->name);
        if (var->secret == NULL) {
            json_put_str(w, var->value);
            continue;
        }
        json_object(w);
        json_member_str(w, "secret", var->secret);
        json_object_end(w);
    }
    json_object_end(w);
}

static const struct env_var *env_find(const struct env_vars *env, const char *name, size_t guess)
{
    if (guess < env->n && str_eq(env->items[guess].name, name))
        return &env->items[guess];
    for (size_t i = 0; i < env->n; i++)
        if (str_eq(env->items[i].name, name))
            return &env->items[i];
    return NULL;
}

static bool env_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    const struct env_vars *x = a, *y = b;
    for (size_t i = 0; i < x->n; i++) {
        const struct env_var *other = env_find(y, x->items[i].name, i);
        if (other == NULL || !str_eq(other->value, x->items[i].value) ||
            !str_eq(other->secret, x->items[i].secret))
            return false;
    }
    return x->n == y->n;
}

const struct field_type APP_ENV = {list_none, env_read, env_write, list_is_filled, env_equal};

/* {"name": {"source": "where"}} */
static void secrets_read(const struct reader *r, const struct path *at, const struct field *f,
                         const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_OBJECT, f))
        return;
    struct app_secrets *secrets = to;
    struct app_secret *items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0;
    JSON_EACH (member, v) {
        struct path here = {.up = at, .name = json_name(member), .entry = true};
        struct path inner = {.up = &here, .name = "source"};
        const struct json *source = json_get(member, "source");
        if (json_is(member, JSON_NULL) || !reader_expects(r, &here, member, JSON_OBJECT))
            continue;
        if (source == NULL)
            reader_wrong(r, &inner, "error.path.missing", NULL, "where the secret is kept");
        else if (reader_expects(r, &inner, source, JSON_STRING))
            items[n++] = (struct app_secret){arena_strdup(r->arena, json_name(member)),
                                             arena_strdup(r->arena, json_str(source, ""))};
    }
    *secrets = (struct app_secrets){items, n};
}

static void secrets_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct app_secrets *secrets = from;
    json_object(w);
    for (size_t i = 0; i < secrets->n; i++) {
        json_key(w, secrets->items[i].name);
        json_object(w);
        json_member_str(w, "source", secrets->items[i].source);
        json_object_end(w);
    }
    json_object_end(w);
}

static bool secrets_equal(const struct field *f, const void *a, const void *b)
{
    /* A name and a text: the same shape as a map of texts. */
    _Static_assert(sizeof(struct app_secret) == sizeof(struct pair), "they lie alike");
    return FIELD_PAIRS.equal(f, a, b);
}

const struct field_type APP_SECRETS = {list_none, secrets_read, secrets_write, list_is_filled,
                                       secrets_equal};

/* true, false or not said */
static void tty_init(const struct field *f, void *to)
{
    (void)f;
    *(enum tty *)to = TTY_NOT_GIVEN;
}

static void tty_read(const struct reader *r, const struct path *at, const struct field *f,
                     const struct json *v, void *to)
{
    (void)f;
    if (reader_expects(r, at, v, JSON_BOOL))
        *(enum tty *)to = json_bool(v, false) ? TTY_ON : TTY_OFF;
}

static void tty_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_put_bool(w, *(const enum tty *)from == TTY_ON);
}

static bool tty_is_set(const struct field *f, const void *from)
{
    (void)f;
    return *(const enum tty *)from != TTY_NOT_GIVEN;
}

static bool tty_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const enum tty *)a == *(const enum tty *)b;
}

const struct field_type APP_TTY = {tty_init, tty_read, tty_write, tty_is_set, tty_equal};

/* a number or "unlimited" */
static void limit_read(const struct reader *r, const struct path *at, const struct field *f,
                       const struct json *v, void *to)
{
    if (json_is(v, JSON_STRING) && slice_is(json_slice(v), "unlimited"))
        *(double *)to = UNLIMITED;
    else if (json_is(v, JSON_STRING))
        reader_wrong(r, at, "error.expected.jsnumber", v, "a number or \"unlimited\"");
    else
        FIELD_NUMBER.read(r, at, f, v, to);
}

static void limit_init(const struct field *f, void *to)
{
    (void)f;
    *(double *)to = NOT_GIVEN;
}

static void limit_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    if (isinf(*(const double *)from))
        json_put_str(w, "unlimited");
    else
        json_put_double(w, *(const double *)from);
}

static bool limit_is_set(const struct field *f, const void *from)
{
    (void)f;
    return *(const double *)from != NOT_GIVEN;
}

static bool limit_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const double *)a == *(const double *)b;
}

const struct field_type APP_LIMIT = {limit_init, limit_read, limit_write, limit_is_set,
                                     limit_equal};

/* set by the server: what a client sends is passed over */
static void stamp_init(const struct field *f, void *to)
{
    (void)f;
    *(struct wall *)to = (struct wall){0};
}

static void stamp_read(const struct reader *r, const struct path *at, const struct field *f,
                       const struct json *v, void *to)
{
    (void)f;
    struct error err;
    if (!r->stored)
        return;
    if (wall_parse(json_str(v, ""), to, &err) != 0)
        reader_wrong(r, at, "error.pattern", v, "a timestamp");
}

static void stamp_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    char text[TIME_TEXT_SIZE];
    json_put_str(w, wall_text(*(const struct wall *)from, text));
}

static bool stamp_is_set(const struct field *f, const void *from)
{
    (void)f;
    return ((const struct wall *)from)->ms != 0;
}

static bool stamp_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return ((const struct wall *)a)->ms == ((const struct wall *)b)->ms;
}

const struct field_type APP_STAMP = {stamp_init, stamp_read, stamp_write, stamp_is_set,
                                     stamp_equal};

/* a member that a version of old had and that must not be passed over in silence */
static void refused_read(const struct reader *r, const struct path *at, const struct field *f,
                         const struct json *v, void *to)
{
    (void)v;
    (void)to;
    problems_add(r->problems, PROBLEM_RULE, path_text(r, at), "%s", f->text);
}

const struct field_type APP_REFUSED = {.init = nothing_init, .read = refused_read};

/* {"inactiveAfterSeconds", "expungeAfterSeconds"} or "disabled" */
static const struct field UNREACHABLE_TIMES_ROWS[] = {
    ROW("inactiveAfterSeconds", FIELD_INT, app_unreachable, inactive_s, ALWAYS, ),
    ROW("expungeAfterSeconds", FIELD_INT, app_unreachable, expunge_s, ALWAYS, ),
};
static TABLE(UNREACHABLE_TIMES, app_unreachable);

static void unreachable_init(const struct field *f, void *to)
{
    (void)f;
    *(struct app_unreachable *)to =
        (struct app_unreachable){.inactive_s = NOT_GIVEN, .expunge_s = NOT_GIVEN};
}

static void unreachable_read(const struct reader *r, const struct path *at, const struct field *f,
                             const struct json *v, void *to)
{
    struct app_unreachable times = {0};
    (void)f;
    if (json_is(v, JSON_STRING)) {
        if (slice_is(json_slice(v), "disabled"))
            *(struct app_unreachable *)to = (struct app_unreachable){.disabled = true};
        else
            reader_wrong(r, at, "error.unknown.enum.literal", v, "an object or \"disabled\"");
        return;
    }
    fields_read(r, at, &UNREACHABLE_TIMES, v, &times);
    *(struct app_unreachable *)to = times;
}

static void unreachable_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    if (((const struct app_unreachable *)from)->disabled)
        json_put_str(w, "disabled");
    else
        fields_write_object(&UNREACHABLE_TIMES, from, w);
}

static bool unreachable_is_set(const struct field *f, const void *from)
{
    (void)f;
    (void)from;
    return true;
}

static bool unreachable_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return ((const struct app_unreachable *)a)->disabled ==
               ((const struct app_unreachable *)b)->disabled &&
           fields_equal(&UNREACHABLE_TIMES, a, b);
}

const struct field_type APP_UNREACHABLE = {unreachable_init, unreachable_read, unreachable_write,
                                           unreachable_is_set, unreachable_equal};
