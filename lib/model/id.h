/* lib/model/id.h - names: of apps and groups, and of the instances and tasks made from them
 * (spec/marathon.md 4.6, 6.5, 7.4).
 *
 * An app's or group's id is an absolute path of segments, "/prod/web"; the root group is "/".
 * Segments have no '_', so the safe id "prod_web" maps back. Pure; owns no memory. */
#pragma once

#include "base/limits.h"
#include "base/rng.h"
#include "base/str.h"

#define ID_SIZE (LIMIT_ID_BYTES + 1)
#define ID_DEPTH 32 /* segments; limits what walks up a group tree */

/* Absolute form of `text`, resolved against the group `base` unless it begins with '/': empty
 * segments and "." vanish, ".." goes up. Checks the characters of each segment. ERR_INVALID
 * saying what is wrong. dst may not overlap the inputs. */
int id_resolve(const char *text, const char *base, char dst[ID_SIZE], struct error *err) MUST_CHECK;
/* Of an absolute id: may an app have it? Not the root, and not ending in a word that the API
 * needs for itself ("restart", "tasks", "versions"). */
int id_check_app(const char *id, struct error *err) MUST_CHECK;

const char *id_parent(const char *id, char dst[ID_SIZE]); /* "/prod"; of "/" it is "/" */
const char *id_top(const char *id, char dst[ID_SIZE]);    /* "prod", the first segment, or "" */
const char *id_last(const char *id);                      /* "web", borrowed from id */
bool id_within(const char *id, const char *group);        /* at any depth; not the group itself */
const char *id_safe(const char *id, char dst[ID_SIZE]);   /* "prod_web" */
const char *id_from_safe(const char *safe, size_t len, char dst[ID_SIZE]); /* "/prod/web" */
const char *id_reversed(const char *id, char dst[ID_SIZE]); /* "web.prod": a task's name */

/* "prod_web.instance-<uuid>" and "prod_web.instance-<uuid>._app.1" */
#define INSTANCE_ID_SIZE (ID_SIZE + 10 + 36)
#define TASK_ID_SIZE 256 /* an id of ours, or a framework's: both are at most 255 bytes */
const char *instance_id_text(const char *app, struct uuid instance, char dst[INSTANCE_ID_SIZE]);
const char *task_id_text(const char *app, struct uuid instance, int64_t incarnation,
                         char dst[TASK_ID_SIZE]);
/* A pod's: "….instance-<uuid>.<container>", and ".<n>" when incarnation > 0. */
const char *pod_task_id_text(const char *pod, struct uuid instance, const char *container,
                             int64_t incarnation, char dst[TASK_ID_SIZE]);

/* "prod.web#data#<uuid>": a persistent volume of an instance, by where its tasks find it. */
#define VOLUME_PATH_MAX 255
#define VOLUME_ID_SIZE (ID_SIZE + VOLUME_PATH_MAX + UUID_TEXT_SIZE + 2)
const char *volume_id_text(const char *app, const char *path, struct uuid instance,
                           char dst[VOLUME_ID_SIZE]);

enum task_id_kind { ID_OF_INSTANCE, ID_OF_APP_TASK, ID_OF_POD_TASK };

struct task_ref { /* what an id that a client sent says */
    enum task_id_kind kind;
    char app[ID_SIZE];
    struct uuid instance;
    char container[64];  /* of a pod's task, else "" */
    int64_t incarnation; /* 0 when the id has none */
};
/* Every form of 6.5, old ones too. ERR_SYNTAX naming the id. */
int task_id_parse(const char *text, struct task_ref *out, struct error *err) MUST_CHECK;
