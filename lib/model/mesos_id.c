#include "model/mesos_id.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"

const char *mesos_agent_id(const char *cluster, int64_t agent, char dst[MESOS_ID_SIZE])
{
    snprintf(dst, MESOS_ID_SIZE, "%.40s-S%lld", cluster, (long long)agent);
    return dst;
}

int64_t mesos_path_agent(const char *cluster, const char *path)
{
    char begin[MESOS_ID_SIZE + 16], number[24];
    int64_t agent;
    snprintf(begin, sizeof begin, "/slaves/%.40s-S", cluster);
    const char *at = strstr(path, begin);
    if (at == NULL)
        return -1;
    at += strlen(begin);
    snprintf(number, sizeof number, "%.*s", (int)strcspn(at, "/"), at);
    return str_to_i64(number, &agent) && agent >= 0 ? agent : -1;
}

static bool is_folder_name(const char *task)
{
    return task[0] != '\0' && !str_is_dots(task) && strlen(task) < MESOS_FOLDER_SIZE &&
           strchr(task, '/') == NULL;
}

const char *mesos_framework_id(const char *cluster, enum owner owner, char dst[MESOS_ID_SIZE])
{
    snprintf(dst, MESOS_ID_SIZE, "%.40s-%s", cluster, owner == OWNER_APP ? "0000" : "0001");
    return dst;
}

const char *mesos_executor_folder(const char *task, char dst[MESOS_FOLDER_SIZE])
{
    size_t len = strlen(task);
    if (is_folder_name(task)) {
        memcpy(dst, task, len + 1);
        return dst;
    }
    str_copy(dst, MESOS_FOLDER_SIZE - 17, task);
    for (char *c = dst; *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
    snprintf(dst + strlen(dst), 18, "-%016llx", (unsigned long long)hash64(task, len, 0));
    return dst;
}

const char *mesos_sandbox_path(const char *cluster, int64_t agent, enum owner owner,
                               const char *task, const char *container, char dst[MESOS_PATH_SIZE])
{
    bool known = container != NULL && *container != '\0';
    char agent_id[MESOS_ID_SIZE], framework[MESOS_ID_SIZE], folder[MESOS_FOLDER_SIZE];
    snprintf(dst, MESOS_PATH_SIZE, "/slaves/%s/frameworks/%s/executors/%s/runs/%s",
             mesos_agent_id(cluster, agent, agent_id),
             mesos_framework_id(cluster, owner, framework), mesos_executor_folder(task, folder),
             known ? container : "latest");
    return dst;
}
