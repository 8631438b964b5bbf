/* lib/model/linux_info.h - what a container has of Linux otherwise than others: "linuxInfo" of an
 * app's container, of a pod and of its containers (spec/marathon.md 4.3, 13.2). Pure. */
#pragma once

#include "model/app.h"

enum ipc_mode { IPC_NOT_GIVEN, IPC_PRIVATE, IPC_SHARE_PARENT };

struct linux_info {
    bool has_seccomp, has_ipc;
    bool has_profile; /* a name of one, which nobody keeps */
    bool unconfined;
    enum ipc_mode ipc;
    int64_t shm_mib; /* or NOT_GIVEN */
};

/* JSON text as it was given, or NULL: then nothing is. */
struct linux_info linux_info_read(const char *text);

struct app_input;
/* What breaks a rule, or what neither an engine nor a plain process can do. */
void linux_info_check(const struct app_input *in, const char *path, const char *text, bool image);
