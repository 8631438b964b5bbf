/* lib/model/mesos_id.h - the ids that Mesos's clients see (spec/mesos.md 0.1, 7.2): of agents,
 * frameworks, and where a task's sandbox lies. All begin with the cluster's uuid. Pure. */
#pragma once

#include "model/id.h"
#include "model/states.h"

#define MESOS_ID_SIZE 64
/* "<cluster>-S3" */
const char *mesos_agent_id(const char *cluster, int64_t agent, char dst[MESOS_ID_SIZE]);
/* The agent whose sandboxes a path of a file lies in, "…/slaves/<cluster>-S3/…"; -1: it names none.
 */
int64_t mesos_path_agent(const char *cluster, const char *path);
/* "<cluster>-0000" runs apps, "<cluster>-0001" jobs. */
const char *mesos_framework_id(const char *cluster, enum owner owner, char dst[MESOS_ID_SIZE]);

/* A task's executor is called as the task is, and so is its folder; a task id that can be none
 * (arguments of a job's run may hold slashes) is made one, unlike any other. */
#define MESOS_FOLDER_SIZE 256
const char *mesos_executor_folder(const char *task, char dst[MESOS_FOLDER_SIZE]);

/* What is reserved here is the apps' framework's, whatever their role: Mesos reserves nothing for
 * "*". Also the folder that persistent volumes lie in (spec/mesos.md 2.9). */
#define MESOS_RESERVED_ROLE "marathon"

/* "/slaves/…/frameworks/…/executors/<task>/runs/<container>": the virtual path of a task's sandbox.
 * Without the container, NULL or "", of the latest task of that name: a deleted job's had it, too.
 */
#define MESOS_PATH_SIZE (3 * MESOS_ID_SIZE + TASK_ID_SIZE + 64)
const char *mesos_sandbox_path(const char *cluster, int64_t agent, enum owner owner,
                               const char *task, const char *container, char dst[MESOS_PATH_SIZE]);
