/* What the tasks of a pod's instance share on this machine: their volumes, which lie under a run of
 * the instance's own among the sandboxes and go as those do, and their network. And the volumes of
 * any instance that outlive its tasks, and what any plain process has mounted. */
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "executor/private.h"
#include "model/mesos_id.h"

/* ---- volumes */

bool instance_volumes(const struct task_run *t, char dst[UUID_TEXT_SIZE])
{
    const char *uuid = t->spec.instance != NULL ? strstr(t->spec.instance, ".instance-") : NULL;
    if (uuid == NULL)
        return false;
    str_copy(dst, UUID_TEXT_SIZE, uuid + strlen(".instance-"));
    return true;
}

struct shared_ids {
    char executor[MESOS_FOLDER_SIZE], container[UUID_TEXT_SIZE];
    struct sandbox_ids ids;
};

static bool ids_of(const struct task_run *t, struct shared_ids *out)
{
    if (!instance_volumes(t, out->container))
        return false;
    out->ids = (struct sandbox_ids){t->spec.agent, t->spec.framework,
                                    mesos_executor_folder(t->spec.instance, out->executor),
                                    out->container};
    return true;
}

/* One that all of the instance share, for as long as it lives. */
static int make_shared(struct task_run *t, const char *name, char dst[SANDBOX_PATH_SIZE],
                       struct error *err)
{
    struct shared_ids shared;
    if (!ids_of(t, &shared))
        return error_set(err, ERR_INVALID, "volume %s: need an instance that it belongs to", name);
    return sandbox_make_volume(t->x->folder, &shared.ids, name, &t->user, dst, err);
}

static int make_volume(struct task_run *t, struct run_mount *m, struct error *err)
{
    char path[SANDBOX_PATH_SIZE];
    if (m->persistent == NULL && m->volume == NULL)
        return 0;
    int rc = m->persistent != NULL
                 ? sandbox_make_kept(t->x->folder, m->persistent, &t->user, path, err)
                 : make_shared(t, m->volume, path, err);
    if (rc == 0)
        m->host_path = arena_strdup(t->spec.arena, path);
    return rc;
}

/* A container sees it where it wants to. A plain process has it in its sandbox: by a link, or, if
 * it may not write there, in a place over which it is mounted. */
static int furnish(struct task_run *t, struct run_mount *m, struct error *err)
{
    if (make_volume(t, m, err) != 0)
        return -1;
    if (t->spec.image != NULL || m->host_path == NULL)
        return 0;
    return (m->read_only ? sandbox_make_mount_point : sandbox_make_link)(
        t->sandbox, m->container_path, m->host_path, &t->user, err);
}

int instance_make_volumes(struct task_run *t, struct error *err)
{
    struct run_spec *s = &t->spec;
    if (s->mounts_n == 0)
        return 0;
    struct run_mount *mounts = arena_alloc(s->arena, s->mounts_n * sizeof *mounts);
    memcpy(mounts, s->mounts, s->mounts_n * sizeof *mounts);
    s->mounts = mounts;
    for (size_t i = 0; i < s->mounts_n; i++)
        if (furnish(t, &mounts[i], err) != 0)
            return -1;
    return 0;
}

void instance_touch(const struct task_run *t)
{
    struct shared_ids shared;
    char path[SANDBOX_PATH_SIZE];
    struct error err;
    if (ids_of(t, &shared) && sandbox_path(t->x->folder, &shared.ids, path, &err) == 0)
        sandbox_touch(path);
}

/* ---- the network */

int64_t instance_network(const struct task_run *t)
{
    const struct run_spec *s = &t->spec;
    if (s->image == NULL || s->instance == NULL)
        return 0;
    switch (s->network) {
    case NETWORK_TASK:
        return s->joins;
    case NETWORK_BRIDGE:
    case NETWORK_USER:
        return t->run.number;
    case NETWORK_HOST:
    case NETWORK_NONE:
        break;
    }
    return 0;
}

bool instance_needs_network(const struct executor *x, int64_t network)
{
    LIST_EACH (it, &x->tasks) {
        const struct task_run *t = LIST_ENTRY(it, struct task_run, in_tasks);
        if (t->run.network == network && t->phase != ENDED && !t->run.let_go)
            return true;
    }
    return false;
}

/* It runs, or has done what it was there for: its network is there. */
static bool has_network(const struct task_run *first)
{
    const struct run_end *end = &first->run.end;
    return first->phase == RUNNING ||
           (first->phase == ENDED && end->how == END_EXITED && end->code == 0);
}

void instance_launch(struct task_run *t)
{
    struct task_run *first = t->spec.network == NETWORK_TASK ? task_find(t->x, t->spec.joins) : t;
    if (first == t) {
        t->run.joins = t->run.network != 0 ? t->container : NULL;
        task_launch(t);
    } else if (first != NULL && has_network(first)) {
        str_copy(t->joined, sizeof t->joined, first->container); /* which may go before it starts */
        t->run.joins = t->joined;
        task_launch(t);
    } else if (first != NULL && first->phase == ENDED) {
        task_end_unstarted(t, "the container whose network it shares has ended");
    } else {
        task_enter(t, WAITING);
    }
}

bool instance_is_reachable(struct task_run *t)
{
    const struct task_run *first =
        t->spec.network == NETWORK_TASK ? task_find(t->x, t->spec.joins) : NULL;
    return first == NULL || first->phase == RUNNING || first->phase == ENDED;
}

/* Found again, they may have been told of in any order. */
void instance_moved(struct task_run *t)
{
    if (t->spec.instance == NULL)
        return;
    LIST_EACH (it, &t->x->tasks) {
        struct task_run *other = LIST_ENTRY(it, struct task_run, in_tasks);
        if (other->spec.network != NETWORK_TASK || other->spec.joins != t->run.number)
            continue;
        if (other->phase == WAITING) {
            instance_launch(other);
            report(other);
        } else if (other->phase == RUNNING && other->why_killed == NOT_KILLED &&
                   other->checks == NULL && t->phase == RUNNING) {
            checks_start(other);
        }
    }
}
