/* lib/model/unknown.h - members of a definition that nobody reads. The doors pass them over, as the
 * originals do; most of them are mistyped. At most LIMIT_PROBLEMS of them are told: to look for
 * what was meant takes some microseconds each, and a body may have a million. Pure. */
#pragma once

#include "base/json.h"

/* Of each one: where, as "healthChecks(0)/pth", and the known one that is likely meant, or NULL. */
typedef void unknown_fn(void *data, const char *path, const char *nearest);

/* Also of a pod, which has "containers". What only answers have is known, too. */
void app_unknown(const struct json *app, unknown_fn *found, void *data);
void job_unknown(const struct json *job, unknown_fn *found, void *data);
bool job_has_unknown(const struct json *job);
