/* lib/model/app_private.h - what the files of the app share. */
#pragma once

#include "model/app.h"
#include "model/field.h"

/* Members in the order in which they are written; the two mirrors follow them. */
extern const struct field_table APP_FIELDS;
extern const struct field_table APP_HEALTH_CHECK_FIELDS;
extern const struct field_table APP_MAPPING_FIELDS;
extern const struct field_table APP_VOLUME_FIELDS;

/* Types of members that only apps have. */
extern const struct field_type APP_ENV, APP_SECRETS, /* struct env_vars, struct app_secrets */
    APP_TTY,                                         /* enum tty */
    APP_LIMIT,                                       /* double; "unlimited" */
    APP_STAMP,                                       /* struct wall, set by the server */
    APP_UNREACHABLE,                                 /* struct app_unreachable */
    APP_REFUSED;                                     /* none: `text` says why not */

/* How an app came to be what it is before normalization. */
struct app_input {
    const struct app_rules *rules;
    const char *group;     /* relative ids stand in it */
    const struct app *old; /* or NULL */
    bool ports_inherited;  /* port definitions are old's, the input named none */
    struct app *app;
    struct problems *problems;
};

/* Legacy forms to canonical ones, relative ids to absolute ones, defaults that depend on other
 * members (spec/marathon.md 4.5). Reports what contradicts itself. */
void app_normalize(const struct app_input *in);
void app_forget_legacy(struct app *a); /* when it is canonical and checked */
/* Of a normalized app (4.6). */
void app_validate(const struct app_input *in);

/* A problem of the rule's kind. */
void app_problem(struct problems *problems, const char *path, const char *text, ...)
    __attribute__((format(printf, 3, 4)));
/* A stranger's text for an error: in quotes, escaped and clipped; in the app's arena. */
const char *app_quoted(struct app *a, const char *text);
/* A path made from a format, in the app's arena. */
#define app_path(a, ...) arena_printf(&(a)->arena, __VA_ARGS__)

bool app_is_uri(const char *s); /* also of the right length */
bool app_is_single_instance(const struct app *a);
bool app_same_volumes(const struct app *a, const struct app *b); /* both have containers */
