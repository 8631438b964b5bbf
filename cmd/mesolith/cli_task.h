/* cmd/mesolith/cli_task.h - what task.c and logs.c both know of tasks. */
#pragma once

#include "base/json.h"

bool task_is_live(const struct json *task); /* it still holds its place */
