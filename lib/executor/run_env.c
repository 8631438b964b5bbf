#include "executor/run_env.h"

#include <string.h>

#include "base/mem.h"
#include "executor/docker.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct env {
    char **items; /* NULL-terminated */
    size_t n, room;
};

static char **place_of(struct env *e, const char *name, size_t len)
{
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->items[i], name, len) == 0 && e->items[i][len] == '=')
            return &e->items[i];
    if (e->n + 1 >= e->room) {
        e->room = e->room == 0 ? 32 : 2 * e->room;
        e->items = mem_realloc(e->items, e->room * sizeof(*e->items));
    }
    e->items[e->n] = e->items[e->n + 1] = NULL;
    return &e->items[e->n++];
}

static void put_item(struct env *e, char *item) /* takes it */
{
    char **place = place_of(e, item, strcspn(item, "="));
    mem_free(*place);
    *place = item;
}

static void put(struct env *e, const char *name, const char *value)
{
    if (value == NULL || name[0] == '\0' || strchr(name, '=') != NULL)
        return;
    size_t name_len = strlen(name), value_len = strlen(value);
    char *item = mem_alloc(name_len + value_len + 2);
    memcpy(item, name, name_len);
    item[name_len] = '=';
    memcpy(item + name_len + 1, value, value_len + 1);
    put_item(e, item);
}

char **run_env_make(const struct run_spec *spec, const char *const *base, const char *container,
                    const char *sandbox, const char *home)
{
    struct env e = {0};
    char name[DOCKER_NAME_SIZE];
    for (size_t i = 0; base != NULL && base[i] != NULL; i++)
        if (strchr(base[i], '=') != NULL)
            put_item(&e, mem_strdup(base[i]));
    if (spec->image == NULL) {
        put(&e, "PATH", PATH_DEFAULT);
        put(&e, "HOME", home);
        put(&e, "PWD", sandbox);
    } else {
        put(&e, "MESOS_CONTAINER_NAME", docker_name(container, name));
    }
    put(&e, "MESOS_SANDBOX", spec->image == NULL ? sandbox : SANDBOX_INSIDE);
    put(&e, "MESOS_DIRECTORY", sandbox);
    put(&e, "MESOS_TASK_ID", spec->name);
    put(&e, "MESOS_EXECUTOR_ID", spec->name);
    put(&e, "MESOS_FRAMEWORK_ID", spec->framework);
    put(&e, "MESOS_SLAVE_ID", spec->agent);
    for (size_t i = 0; i < spec->env_n; i++)
        put(&e, spec->env[i].name, spec->env[i].value);
    return e.items;
}

void run_env_free(char **env)
{
    for (size_t i = 0; env != NULL && env[i] != NULL; i++)
        mem_free(env[i]);
    mem_free((void *)env);
}
