/* lib/model/docker_parameter.h - the options of `docker run` that are handed to the container
 * engine: where each stands in the body of `POST /containers/create`, and what its values look like
 * (spec/mesos.md 8.9). An app, a job or the scheduler may give any of them. Pure. */
#pragma once

#include "base/json.h"

enum docker_place { DOCKER_TOP, DOCKER_HOST, DOCKER_ENDPOINT, DOCKER_NOWHERE };

enum docker_form {
    DOCKER_TEXT,
    DOCKER_NUMBER,
    DOCKER_SIZE,
    DOCKER_FLAG,
    DOCKER_LIST,    /* of texts */
    DOCKER_ONE,     /* a list of the last one */
    DOCKER_PAIRS,   /* "a=b": members */
    DOCKER_TMPFS,   /* "path:options": members */
    DOCKER_PORTS,   /* "80/tcp": a member without content */
    DOCKER_PUBLISH, /* "31000:80/tcp" */
    DOCKER_DEVICE,
    DOCKER_ULIMIT,
    DOCKER_MOUNT,
    DOCKER_BIND, /* "ro:/inside:/host" */
    DOCKER_IP,
    DOCKER_IGNORED,
};

#define DOCKER_OWN_BIND "bind:" /* no parameter's name: of the agent's only */

struct docker_parameter {
    const char *key, *other; /* as `docker run` has it; another name of it, or NULL */
    enum docker_place place;
    const char *member; /* rows of one member stand together */
    enum docker_form form;
};

extern const struct docker_parameter docker_parameters[];
extern const size_t docker_parameters_n;

bool docker_parameter_is(const struct docker_parameter *p, const char *key);
bool docker_is_scalar(const struct docker_parameter *p); /* of several the last one counts */
/* What the values of a member stand in. */
void docker_value_open(struct json_writer *w, const struct docker_parameter *p);
void docker_value_close(struct json_writer *w, const struct docker_parameter *p);
/* One value inside what its form opens. False: not a value of that form. */
bool docker_value_put(struct json_writer *w, const struct docker_parameter *p, const char *value);
/* A member: "a=b". */
void docker_pair_put(struct json_writer *w, const char *value, char mark);
/* "[31000:]80[/tcp]": "80/tcp" */
const char *docker_port_inside(const char *value, char dst[32]);
/* The part before the first `c`, and what follows it (NULL when there is no such). */
struct slice docker_cut(const char *text, char c, const char **rest);
/* "512m" in bytes; false when it is no size. */
bool docker_size(const char *text, int64_t *out);
/* Does the engine learn of it? ERR_INVALID naming the parameter, and what to do. */
int docker_parameter_check(const char *key, const char *value, struct error *err) MUST_CHECK;
