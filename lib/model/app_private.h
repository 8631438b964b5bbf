/* lib/model/app_private.h - what the files of the app share. */
#pragma once

#include "model/app.h"
#include "model/field.h"

/* Members in the order in which they are written; the two mirrors follow them. */
extern const struct field_table APP_FIELDS;
extern const struct field_table APP_HEALTH_CHECK_FIELDS;
extern const struct field_table APP_MAPPING_FIELDS;
extern const struct field_table APP_VOLUME_FIELDS, APP_PERSISTENT_FIELDS;
extern const struct field_table APP_NETWORK_FIELDS, APP_FETCH_FIELDS, APP_LIMITS_FIELDS,
    APP_PULL_CONFIG_FIELDS;
extern const struct field_form APP_NAME_FORM; /* of ports, endpoints, containers */

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
/* Its role if it names none: the configured one, or that of a group that enforces its own. `top`
 * may hold it. */
const char *app_usual_role(const struct app_input *in, char top[ID_SIZE]);
/* What persistent volumes ask for, where nothing is given. */
void app_default_upgrade(const struct app *a, double *minimum_health, double *maximum_over);
void app_default_unreachable(const struct app *a, struct app_unreachable *u);
/* Of a normalized app (4.6). */
void app_validate(const struct app_input *in);
/* The rules that pods share. */
void app_check_argument(const struct app_input *in, const char *path, const char *text,
                        size_t also);
void app_check_networks(const struct app_input *in);
void app_check_role(const struct app_input *in);
void app_check_secrets(const struct app_input *in);
void app_check_gpus(const struct app_input *in, const char *path, int64_t gpus, bool docker);
void app_check_image(const struct app_input *in, const char *path, const char *image);
void app_check_http_path(const struct app_input *in, const char *path, const char *value);
void app_check_persistent(const struct app_input *in, const char *path,
                          const struct app_persistent *p);
/* That agents have such a disk; where nothing else is wrong, which is worth more. */
void app_check_disk(const struct app_input *in, const char *path, const struct app_persistent *p);
void app_check_over_capacity(const struct app_input *in, const char *path);
void app_check_unreachable(const struct app_input *in, const char *path);

/* app_places.c: where something is to lie, in the order in which people wrote it. */
struct app_place {
    const char *path; /* of the member */
    const char *name;
    bool fetched; /* a file in the sandbox; else a mount */
};
void app_check_places(const struct app_input *in, const struct app_place *places, size_t n,
                      bool image);
/* Those of a list of artifacts, whose path is `above`, that have a name: how many. The others are
 * reported. */
size_t app_take_fetched(const struct app_input *in, const char *above,
                        const struct app_fetch *items, size_t n, struct app_place *out);
/* `above` is the path of the object that has "resourceLimits". */
void app_check_limits(const struct app_input *in, const char *above,
                      const struct app_resource_limits *limits, double cpus, double mem);

/* The path's id, or else the one read, made absolute. */
void app_take_id(const struct app_input *in, const char *id);
/* Only what is of the right types can be looked at more closely. */
bool app_well_typed(const struct problems *problems, size_t before);

/* pod.c: the other kind of app. False: members are missing. */
bool pod_load(const struct reader *r, const struct json *tree, struct app *out);
void pod_write(const struct pod *p, struct json_writer *w); /* its members */
bool pod_equal(const struct pod *a, const struct pod *b);   /* but for `instances` */

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
