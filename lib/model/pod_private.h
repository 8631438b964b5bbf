/* lib/model/pod_private.h - what the files of the pod share. */
#pragma once

#include "model/app_private.h"
#include "model/pod.h"

extern const struct field_table POD_FIELDS;

/* Of a pod that was read and normalized (spec/marathon.md 13.2); `in->app` is its app. */
void pod_validate(const struct app_input *in);
const struct pod_volume *pod_volume_named(const struct pod *p, const char *name); /* or NULL */
