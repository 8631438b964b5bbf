/* Tasks of an earlier agent on this data folder: what the folders say, reported before anything
 * else happens, then handed to the drivers, which look for themselves. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/private.h"

#define SPEC_BYTES_MAX LIMIT_FRAME_BYTES

struct found { /* what the thread has read of one folder */
    int64_t key;
    bool whole;     /* its files are all there */
    bool begun;     /* the driver's mark is there */
    bool container; /* the mark of the engine's driver is */
    int64_t pid;
    struct fields task, health;
    char *spec;
};

static char *read_text(int folder, const char *name)
{
    struct stat st;
    char *text = NULL;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= SPEC_BYTES_MAX) {
        text = mem_zalloc((size_t)st.st_size + 1);
        if (read(fd, text, (size_t)st.st_size) != st.st_size) {
            mem_free(text);
            text = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static void read_found(int tasks, const char *name, struct found *f)
{
    struct error ignored;
    struct fields record = {0};
    int folder = openat(tasks, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    f->spec = read_text(folder, "spec");
    f->whole = f->spec != NULL && fields_load(&f->task, folder, "task", &ignored) == 0;
    bool plain = fields_load(&record, folder, "record", &ignored) == 0;
    f->pid = fields_int(&record, "pid", 0);
    f->container = faccessat(folder, "container", F_OK, 0) == 0;
    f->begun = plain || f->container;
    if (fields_load(&f->health, folder, "health", &ignored) != 0)
        f->health.len = 0;
    close(folder);
}

static void on_scan(uv_work_t *work)
{
    struct executor *x = work->data;
    DIR *dir = opendir(x->tasks_folder);
    if (dir == NULL)
        return;
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        int64_t key;
        if (!str_to_i64(d->d_name, &key))
            continue;
        x->found = mem_realloc(x->found, (x->found_n + 1) * sizeof(*x->found));
        struct found *f = &x->found[x->found_n++];
        *f = (struct found){.key = key};
        read_found(dirfd(dir), d->d_name, f);
    }
    closedir(dir);
}

static void take_record(struct task_run *t, const struct found *f)
{
    char user[256];
    fields_get(&f->task, "sandbox", t->sandbox, sizeof(t->sandbox));
    fields_get(&f->task, "container", t->container, sizeof(t->container));
    fields_get(&f->task, "user", user, sizeof(user));
    fields_get(&f->task, "home", t->user.home, sizeof(t->user.home));
    t->user_name = user[0] != '\0' ? mem_strdup(user) : NULL;
    t->user.uid = (uid_t)fields_int(&f->task, "uid", 0);
    t->user.gid = (gid_t)fields_int(&f->task, "gid", 0);
    t->user.change = fields_int(&f->task, "change", 0) != 0;
    if (f->health.len > 0)
        t->health = mem_dup(&f->health, sizeof(f->health));
    t->run.begun = f->begun;
    t->run.pid = f->begun ? f->pid : 0;
}

/* Whoever lives is found, but nobody knows any more what it should be. */
static void take_broken(struct task_run *t, bool container)
{
    if (container) {
        task_enter(t, ENDED);
        run_end_text(&t->run.end, END_LOST, "The task's record cannot be read");
        return;
    }
    t->driver = &t->x->processes.driver;
    t->driver->recover(t->driver, &t->run);
    task_end(t, KILLED_BY_ORDER,
             "The files that say what this task is are gone from its folder: it was ended");
}

static void take_found(struct executor *x, struct found *f)
{
    struct error err;
    struct task_run *t = task_new(x, f->key);
    bool readable = f->whole && task_read_spec(t, slice_of(f->spec), &err) == 0;
    task_enter(t, FOUND);
    t->spec_text = f->spec;
    take_record(t, f);
    if (readable)
        task_fill_run(t);
    else
        take_broken(t, f->container);
    report(t);
    t->run.pid = 0; /* until it is seen */
    if (readable)
        t->driver->recover(t->driver, &t->run);
}

static void on_scanned(uv_work_t *work, int status)
{
    struct executor *x = work->data;
    (void)status;
    x->scanning = false;
    for (size_t i = 0; i < x->found_n; i++) {
        if (x->stopped == NULL)
            take_found(x, &x->found[i]);
        else
            mem_free(x->found[i].spec);
    }
    mem_free(x->found);
    x->found = NULL;
    if (x->stopped != NULL) {
        executor_advance(x);
        return;
    }
    x->recovered = true;
    x->events.recovered(x);
}

void find_start(struct executor *x)
{
    x->scan.data = x;
    x->scanning = true;
    int rc = uv_queue_work(&x->loop->uv, &x->scan, on_scan, on_scanned);
    ASSERT(rc == 0);
}
