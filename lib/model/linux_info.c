/* What a container may have of Linux that others have not, or must have (4.3, 13.2): given as JSON,
 * kept as it was given. */
#include <string.h>

#include "base/str.h"
#include "model/app_private.h"
#include "model/linux_info.h"

static const char *const MODES[] = {
    [IPC_NOT_GIVEN] = "", [IPC_PRIVATE] = "PRIVATE", [IPC_SHARE_PARENT] = "SHARE_PARENT"};

static enum ipc_mode mode_of(const struct json *v)
{
    for (size_t i = IPC_PRIVATE; i < sizeof(MODES) / sizeof(*MODES); i++)
        if (str_eq(json_str(v, ""), MODES[i]))
            return (enum ipc_mode)i;
    return IPC_NOT_GIVEN;
}

struct linux_info linux_info_read(const char *text)
{
    struct error err;
    struct linux_info info = {.shm_mib = NOT_GIVEN};
    if (text == NULL)
        return info;
    struct json *tree = json_parse_own(slice_of(text), &err);
    const struct json *seccomp = json_get(tree, "seccomp"), *ipc = json_get(tree, "ipcInfo");
    info.has_seccomp = json_is(seccomp, JSON_OBJECT);
    info.has_ipc = json_is(ipc, JSON_OBJECT);
    info.has_profile = json_str(json_get(seccomp, "profileName"), NULL) != NULL;
    info.unconfined = json_bool(json_get(seccomp, "unconfined"), false);
    info.ipc = mode_of(json_get(ipc, "mode"));
    info.shm_mib = json_int(json_get(ipc, "shmSize"), NOT_GIVEN);
    json_free(tree);
    return info;
}

/* ---- rules */

#define SHM_MIB_MAX (1 << 20)

struct expected {
    const char *object, *member;
    enum json_kind kind;
    const char *need;
};

static bool check_kinds(const struct app_input *in, const char *path, const struct json *tree)
{
    static const struct expected EXPECTED[] = {
        {"seccomp", NULL, JSON_OBJECT, "an object"},
        {"seccomp", "profileName", JSON_STRING, "a text"},
        {"seccomp", "unconfined", JSON_BOOL, "true or false"},
        {"ipcInfo", NULL, JSON_OBJECT, "an object"},
        {"ipcInfo", "mode", JSON_STRING, "\"PRIVATE\" or \"SHARE_PARENT\""},
        {"ipcInfo", "shmSize", JSON_NUMBER, "a number of MiB"},
    };
    size_t before = in->problems->n;
    for (size_t i = 0; i < sizeof(EXPECTED) / sizeof(*EXPECTED); i++) {
        const struct expected *e = &EXPECTED[i];
        const struct json *v = json_get(tree, e->object);
        if (e->member != NULL)
            v = json_get(v, e->member);
        if (v != NULL && !json_is(v, e->kind))
            app_problem(in->problems,
                        app_path(in->app, "%s/%s%s%s", path, e->object,
                                 e->member != NULL ? "/" : "", e->member != NULL ? e->member : ""),
                        "need %s", e->need);
    }
    return in->problems->n == before;
}

static void check_seccomp(const struct app_input *in, const char *path,
                          const struct linux_info *info, bool image)
{
    if (info->has_profile)
        app_problem(in->problems, app_path(in->app, "%s/seccomp/profileName", path),
                    "no profiles are kept here: leave it out for the engine's own, or need "
                    "\"unconfined\": true");
    else if (info->has_seccomp && !info->unconfined && !image)
        app_problem(in->problems, app_path(in->app, "%s/seccomp/unconfined", path),
                    "need true, or an image: nothing confines a plain process");
}

static void check_ipc(const struct app_input *in, const char *path, const struct linux_info *info,
                      bool image)
{
    const char *mode = app_path(in->app, "%s/ipcInfo/mode", path);
    if (!info->has_ipc)
        return;
    if (info->ipc == IPC_NOT_GIVEN)
        app_problem(in->problems, mode, "need \"PRIVATE\" or \"SHARE_PARENT\"");
    else if (info->ipc == IPC_PRIVATE && !image)
        app_problem(in->problems, mode,
                    "got \"PRIVATE\", need \"SHARE_PARENT\", or an image: a plain process shares "
                    "the machine's");
    if (info->shm_mib == NOT_GIVEN)
        return;
    const char *size = app_path(in->app, "%s/ipcInfo/shmSize", path);
    if (info->ipc == IPC_SHARE_PARENT)
        app_problem(in->problems, size, "only with the mode \"PRIVATE\"");
    else if (info->shm_mib < 1 || info->shm_mib > SHM_MIB_MAX)
        app_problem(in->problems, size, "got %lld, need 1 to %d MiB", (long long)info->shm_mib,
                    SHM_MIB_MAX);
}

void linux_info_check(const struct app_input *in, const char *path, const char *text, bool image)
{
    struct error err;
    if (text == NULL)
        return;
    struct json *tree = json_parse_own(slice_of(text), &err);
    bool well = check_kinds(in, path, tree);
    json_free(tree);
    if (!well)
        return;
    struct linux_info info = linux_info_read(text);
    check_seccomp(in, path, &info, image);
    check_ipc(in, path, &info, image);
}
