/* tests/unit/executor/test_sandbox.c */
#include "unit.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "executor/sandbox.h"
#include "support/tmp.h"

static char root[TMP_PATH_SIZE];
static struct sandbox_user self;
static char run[SANDBOX_PATH_SIZE];

static const struct sandbox_ids ids = {"A1", "F1", "web.1", "c0ffee"};

static void create(const struct sandbox_ids *which)
{
    struct error err;
    if (sandbox_create(root, which, &self, &err) != 0)
        fail_msg("%s", err.text);
}

static int begin(void **unused)
{
    (void)unused;
    struct error err;
    tmp_make(root);
    if (sandbox_user_find(NULL, &self, &err) != 0 || sandbox_path(root, &ids, run, &err) != 0)
        return -1;
    create(&ids);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tmp_remove(root);
    return 0;
}

static const char *in(const char *folder, const char *name)
{
    static char path[4 * SANDBOX_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

static const char *link_of(const char *path)
{
    static char target[256];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    return target;
}

static void has_mesos_layout(void **unused)
{
    (void)unused;
    struct stat st;
    char want[SANDBOX_PATH_SIZE];
    snprintf(want, sizeof(want), "%s/slaves/A1/frameworks/F1/executors/web.1/runs/c0ffee", root);
    assert_string_equal(run, want);
    assert_int_equal(stat(run, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    assert_int_equal(access(in(run, "stdout"), F_OK), 0);
    assert_int_equal(access(in(run, "stderr"), F_OK), 0);
    assert_string_equal(link_of(in(root, "slaves/latest")), "A1");
    assert_string_equal(link_of(in(run, "../latest")), "c0ffee");
    create(&(struct sandbox_ids){"A2", "F1", "web.1", "beef"});
    create(&(struct sandbox_ids){"A1", "F1", "web.1", "cafe"});
    assert_string_equal(link_of(in(root, "slaves/latest")), "A1");
    assert_string_equal(link_of(in(run, "../latest")), "cafe");
}

static void an_id_is_a_folders_name(void **unused)
{
    (void)unused;
    static const char *const bad[] = {"", ".", "..", "a/b", "../../etc", NULL};
    char path[SANDBOX_PATH_SIZE];
    struct error err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct sandbox_ids wrong = ids;
        wrong.executor = bad[i];
        assert_int_equal(sandbox_path(root, &wrong, path, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
    assert_string_equal(err.text, "executor id: got \"\", need the name of a folder");
}

/* Nothing runs as somebody else than was asked for. */
static void who_is_not_root_has_no_other_user(void **unused)
{
    (void)unused;
    struct sandbox_user user;
    struct error err;
    assert_int_equal(seteuid(getpwnam("nobody")->pw_uid), 0);
    int own = sandbox_user_find("nobody", &user, &err),
        other = sandbox_user_find("root", &user, &err);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(own, 0);
    assert_int_equal(other, -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "user: got \"root\", but this node does not run as root"));
}

static void belongs_to_the_tasks_user(void **unused)
{
    (void)unused;
    struct sandbox_user nobody;
    struct error err;
    struct stat st;
    assert_int_equal(sandbox_user_find("no-such-user", &nobody, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(sandbox_user_find("nobody", &nobody, &err), 0);
    struct passwd *entry = getpwnam("nobody");
    assert_true(nobody.change);
    assert_int_equal(
        sandbox_create(root, &(struct sandbox_ids){"A1", "F1", "x", "y"}, &nobody, &err), 0);
    assert_int_equal(stat(in(run, "../../../x/runs/y"), &st), 0);
    assert_int_equal(st.st_uid, entry->pw_uid);
    assert_int_equal(stat(in(run, "../../../x/runs/y/stdout"), &st), 0);
    assert_int_equal(st.st_uid, entry->pw_uid);
    assert_int_equal(stat(in(run, "../../../x/runs"), &st), 0);
    assert_int_equal(st.st_uid, 0);
}

/* ---- reading */

static int read_at(const char *path, int64_t offset, int64_t length, struct buf *data,
                   int64_t *offset_out, struct error *err)
{
    buf_clear(data);
    uint64_t inode = 0;
    int rc = sandbox_read(root, path, offset, length, data, offset_out, &inode, err);
    assert_true(rc != 0 || inode != 0);
    return rc;
}

static void reads_as_mesos_does(void **unused)
{
    (void)unused;
    static const struct {
        int64_t offset, length, offset_out;
        const char *data;
    } all[] = {
        {-1, -1, 10, ""}, {-1, 5, 10, ""},  {0, -1, 0, "0123456789"}, {3, 4, 3, "3456"},
        {8, 50, 8, "89"}, {10, -1, 10, ""}, {99, 1, 99, ""},          {0, 0, 0, ""},
    };
    static const char path[] = "/slaves/A1/frameworks/F1/executors/web.1/runs/c0ffee/stdout";
    struct buf data;
    struct error err;
    int64_t offset;
    buf_init(&data, LIMIT_FILE_READ_BYTES);
    put(in(run, "stdout"), "0123456789");
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        assert_int_equal(read_at(path, all[i].offset, all[i].length, &data, &offset, &err), 0);
        assert_string_equal(buf_str(&data), all[i].data);
        assert_int_equal(offset, all[i].offset_out);
    }
    buf_close(&data);
}

static void finds_runs_by_every_name(void **unused)
{
    (void)unused;
    char whole[2 * SANDBOX_PATH_SIZE];
    const char *names[] = {
        "/slaves/A1/frameworks/F1/executors/web.1/runs/c0ffee/stdout",
        "/slaves/latest/frameworks/F1/executors/web.1/runs/latest/stdout",
        "/frameworks/F1/executors/web.1/runs/latest/stdout",
        "slaves/A1//frameworks/F1/executors/web.1/runs/c0ffee//stdout",
        whole,
    };
    struct buf data;
    struct error err;
    int64_t offset;
    buf_init(&data, LIMIT_FILE_READ_BYTES);
    snprintf(whole, sizeof(whole), "%s/stdout", run);
    put(in(run, "stdout"), "here");
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (read_at(names[i], 0, -1, &data, &offset, &err) != 0)
            fail_msg("%s: %s", names[i], err.text);
        assert_string_equal(buf_str(&data), "here");
    }
    buf_close(&data);
}

#define RUN "/slaves/A1/frameworks/F1/executors/web.1/runs/c0ffee"

static void does_not_leave_the_run(void **unused)
{
    (void)unused;
    static const struct {
        const char *path;
        enum error_code code;
    } all[] = {
        {RUN "/../../../../../../../../secret", ERR_INVALID},
        {RUN "/..", ERR_INVALID},
        {RUN "/out", ERR_INVALID},
        {RUN "/absolute", ERR_INVALID},
        {RUN "/loop", ERR_INVALID},
        {RUN "/folder/up", ERR_INVALID},
        {RUN "/pipe", ERR_INVALID},
        {RUN "/folder", ERR_INVALID},
        {RUN, ERR_INVALID},
        {RUN "/nothing", ERR_NOT_FOUND},
        {RUN "/stdout/x", ERR_NOT_FOUND},
        {"/slaves/A1/../A1/frameworks/F1/executors/web.1/runs/c0ffee/stdout", ERR_NOT_FOUND},
        {"/slaves/A1/frameworks/F1/executors/web.1/runs/evil/secret", ERR_NOT_FOUND},
        {"/slaves/A1/frameworks/F1/executors/web.1/runs", ERR_NOT_FOUND},
        {"/slaves/A1/frameworks/F1", ERR_NOT_FOUND},
        {"/etc/passwd", ERR_NOT_FOUND},
        {"", ERR_NOT_FOUND},
        {"/", ERR_NOT_FOUND},
    };
    struct buf data;
    struct error err;
    int64_t offset;
    put(in(root, "secret"), "secret");
    assert_int_equal(symlink("../../../../../../../../secret", in(run, "out")), 0);
    assert_int_equal(symlink("/etc/passwd", in(run, "absolute")), 0);
    assert_int_equal(symlink("loop", in(run, "loop")), 0);
    assert_int_equal(mkdir(in(run, "folder"), 0755), 0);
    assert_int_equal(symlink("../..", in(run, "folder/up")), 0);
    assert_int_equal(mkfifo(in(run, "pipe"), 0644), 0);
    assert_int_equal(symlink(root, in(run, "../evil")), 0);
    buf_init(&data, LIMIT_FILE_READ_BYTES);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (read_at(all[i].path, 0, -1, &data, &offset, &err) == 0)
            fail_msg("%s was read", all[i].path);
        if (err.code != all[i].code)
            fail_msg("%s: %s", all[i].path, err.text);
    }
    put(in(run, "folder/inside"), "fine");
    assert_int_equal(symlink("folder/inside", in(run, "link")), 0);
    assert_int_equal(read_at(RUN "/link", 0, -1, &data, &offset, &err), 0);
    assert_int_equal(read_at(RUN "/folder/../link", 0, -1, &data, &offset, &err), 0);
    buf_close(&data);
}

/* ---- persistent volumes */

#define DB_1 "db.instance-00000000-0000-4000-8000-000000000001"
#define OF_1 "#00000000-0000-4000-8000-000000000001"
#define OF_2 "#00000000-0000-4000-8000-000000000002"
#define DB_RUN "/slaves/A1/frameworks/F1/executors/" DB_1 "._app.1/runs/c0ffee"

static char kept[SANDBOX_PATH_SIZE]; /* db#data#1 */

static void make_kept(const char *id, char dst[SANDBOX_PATH_SIZE])
{
    struct error err;
    assert_int_equal(sandbox_make_kept(root, id, &self, dst, &err), 0);
    put(in(dst, "word"), "kept");
}

/* Its sandbox, with the link that the executor makes. */
static void begin_db(void)
{
    static const struct sandbox_ids db = {"A1", "F1", DB_1 "._app.1", "c0ffee"};
    struct error err;
    create(&db);
    assert_int_equal(sandbox_path(root, &db, run, &err), 0);
    make_kept("db#data" OF_1, kept);
    assert_int_equal(sandbox_make_link(run, "data", kept, &self, &err), 0);
}

static void expect_word(const char *path)
{
    struct buf data;
    struct error err;
    int64_t offset;
    buf_init(&data, LIMIT_FILE_READ_BYTES);
    if (read_at(path, 0, -1, &data, &offset, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(buf_str(&data), "kept");
    buf_close(&data);
}

static void a_link_to_its_own_volume_is_followed(void **unused)
{
    (void)unused;
    struct sandbox_entry *entries;
    size_t n;
    struct error err;
    char mode[SANDBOX_MODE_SIZE];
    begin_db();
    mkdir(in(kept, "v1"), 0755);
    put(in(kept, "v1/word"), "kept");
    assert_int_equal(symlink("v1", in(kept, "current")), 0);
    assert_int_equal(mkdir(in(run, "deep"), 0755), 0);
    assert_int_equal(symlink(kept, in(run, "deep/data")), 0);
    expect_word(DB_RUN "/data/word");
    expect_word(DB_RUN "/data//current/word");
    expect_word(DB_RUN "/deep/data/v1/../word");
    assert_int_equal(sandbox_browse(root, DB_RUN, &entries, &n, &err), 0);
    assert_int_equal(n, 4);
    assert_string_equal(entries[0].name, "data");
    assert_string_equal(sandbox_mode_text(entries[0].mode, mode), "drwxr-xr-x");
    sandbox_entries_free(entries, n);
    assert_int_equal(sandbox_browse(root, DB_RUN "/data", &entries, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_string_equal(entries[2].name, "word");
    sandbox_entries_free(entries, n);
}

static void no_other_link_is_followed(void **unused)
{
    (void)unused;
    static const char *const out[] = {
        "/others/word", "/data/others/word",  "/above/db#data" OF_1 "/word",
        "/volume/word", "/data/../word",      "/data/up/word",
        "/data/passwd", "/dots/word",         "/like/word",
        "/plain/word",  "/inner/others/word",
    };
    char others[SANDBOX_PATH_SIZE], target[2 * SANDBOX_PATH_SIZE];
    struct buf data;
    struct error err;
    int64_t offset;
    begin_db();
    make_kept("db#data" OF_2, others);
    assert_int_equal(symlink(others, in(run, "others")), 0);
    assert_int_equal(symlink(others, in(kept, "others")), 0);
    snprintf(target, sizeof target, "%s/..", kept);
    assert_int_equal(symlink(target, in(run, "above")), 0);
    assert_int_equal(symlink("..", in(kept, "up")), 0);
    assert_int_equal(symlink("/etc/passwd", in(kept, "passwd")), 0);
    snprintf(target, sizeof target, "%s/../db#data" OF_2 "/../db#data" OF_1, kept);
    assert_int_equal(symlink(target, in(run, "dots")), 0);
    snprintf(target, sizeof target, "%s/elsewhere" OF_1, root);
    mkdir(target, 0755);
    put(in(target, "word"), "secret");
    assert_int_equal(symlink(target, in(run, "like")), 0);
    assert_int_equal(symlink(kept + 1, in(run, "plain")), 0);
    assert_int_equal(symlink(".", in(run, "inner")), 0);
    /* a volume that is a link itself, which only the agent could have made */
    snprintf(target, sizeof target, "%s/../db#more" OF_1, kept);
    assert_int_equal(symlink(others, target), 0);
    snprintf(target, sizeof target, "%s/volumes/roles/marathon/db#more" OF_1, root);
    assert_int_equal(symlink(target, in(run, "volume")), 0);
    buf_init(&data, LIMIT_FILE_READ_BYTES);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
        char path[512];
        snprintf(path, sizeof path, DB_RUN "%s", out[i]);
        if (read_at(path, 0, -1, &data, &offset, &err) == 0)
            fail_msg("%s was read", out[i]);
    }
    buf_close(&data);
    expect_word(DB_RUN "/data/word");
}

/* One that has no instance's name, and so no volumes. */
static void a_sandbox_of_no_instance_has_none(void **unused)
{
    (void)unused;
    struct buf data;
    struct error err;
    int64_t offset;
    make_kept("web#data", kept);
    assert_int_equal(symlink(kept, in(run, "data")), 0);
    buf_init(&data, LIMIT_FILE_READ_BYTES);
    assert_int_equal(read_at(RUN "/data/word", 0, -1, &data, &offset, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    buf_close(&data);
}

static void one_read_is_bounded(void **unused)
{
    (void)unused;
    struct buf data;
    struct error err;
    int64_t offset;
    int fd = open(in(run, "stdout"), O_WRONLY);
    assert_int_equal(ftruncate(fd, 10 * LIMIT_FILE_READ_BYTES), 0);
    close(fd);
    buf_init(&data, 10 * LIMIT_FILE_READ_BYTES);
    assert_int_equal(read_at(RUN "/stdout", 5, INT64_MAX, &data, &offset, &err), 0);
    assert_int_equal(data.len, LIMIT_FILE_READ_BYTES);
    buf_close(&data);
}

static void browses_a_folder_in_order(void **unused)
{
    (void)unused;
    struct sandbox_entry *entries;
    size_t n;
    struct error err;
    char mode[SANDBOX_MODE_SIZE];
    put(in(run, "b"), "four");
    mkdir(in(run, "a"), 0755);
    assert_int_equal(sandbox_browse(root, RUN, &entries, &n, &err), 0);
    static const char *const names[] = {"a", "b", "stderr", "stdout"};
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(entries[i].name, names[i]);
    assert_int_equal(entries[1].size, 4);
    assert_int_equal(entries[1].nlink, 1);
    assert_string_equal(sandbox_mode_text(entries[0].mode, mode), "drwxr-xr-x");
    assert_string_equal(sandbox_mode_text(entries[1].mode, mode), "-rw-r--r--");
    assert_true(entries[1].mtime.ms > 0);
    sandbox_entries_free(entries, n);
    assert_int_equal(sandbox_browse(root, RUN "/b", &entries, &n, &err), 0);
    assert_int_equal(n, 0); /* a plain file: no error, spec/mesos.md 7.1 */
    sandbox_entries_free(entries, n);
    assert_int_equal(sandbox_browse(root, RUN "/zzz", &entries, &n, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* ---- collecting */

static void age(const char *container, int64_t ended_s)
{
    struct timespec times[2] = {{.tv_sec = ended_s}, {.tv_sec = ended_s}};
    char path[64];
    snprintf(path, sizeof(path), "../%s", container);
    assert_int_equal(utimensat(AT_FDCWD, in(run, path), times, 0), 0);
}

static void collects_what_is_old_and_not_in_use(void **unused)
{
    (void)unused;
    static const char *const used[] = {"busy"};
    struct sandbox_gc gc = {.delay_ms = 1000000,
                            .least_ms = 1000000, /* so that this machine's disk does not count */
                            .in_use = used,
                            .in_use_n = 1,
                            .now.ms = 5000000000};
    struct error err;
    create(&(struct sandbox_ids){"A1", "F1", "web.1", "busy"});
    create(&(struct sandbox_ids){"A1", "F1", "web.1", "young"});
    create(&(struct sandbox_ids){"A1", "F1", "web.2", "old"});
    mkdir(in(run, "deep"), 0755);
    put(in(run, "deep/file"), "x");
    assert_int_equal(symlink("/", in(run, "deep/world")), 0);
    age("c0ffee", 4000000 - 2000);
    age("busy", 4000000 - 2000);
    age("young", 4999900);
    age("../../web.2/runs/old", 4000000);
    if (sandbox_gc(root, &gc, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(gc.age_ms, 1000000);
    assert_int_equal(gc.removed, 2);
    assert_int_equal(gc.kept, 2);
    assert_int_equal(access(run, F_OK), -1);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    char path[SANDBOX_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/slaves/A1/frameworks/F1/executors/web.2", root);
    assert_int_equal(access(path, F_OK), -1); /* empty folders go too, and their `latest` */
    snprintf(path, sizeof(path), "%s/slaves/A1/frameworks/F1/executors/web.1/runs/busy", root);
    assert_int_equal(access(path, F_OK), 0);
}

/* Of a job's run that ended then, with a file of its own beside what it has written. */
static void make_output(const char *executor, int64_t ended_s, bool failed, char path[512])
{
    char name[600];
    create(&(struct sandbox_ids){"A1", "F2", executor, "c"});
    snprintf(path, 512, "%s/slaves/A1/frameworks/F2/executors/%s/runs/c", root, executor);
    snprintf(name, sizeof name, "%s/own", path);
    put(name, "x");
    snprintf(name, sizeof name, "%s/stdout", path);
    put(name, "hello");
    snprintf(name, sizeof name, "%s/stdout.d", path);
    assert_int_equal(mkdir(name, 0755), 0);
    snprintf(name, sizeof name, "%s/stderr.2", path);
    put(name, "before");
    if (failed)
        sandbox_failed(path);
    const struct timespec times[2] = {{.tv_sec = ended_s}, {.tv_sec = ended_s}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool has(const char *path, const char *name)
{
    char whole[600];
    snprintf(whole, sizeof whole, "%.511s/%.80s", path, name);
    return access(whole, F_OK) == 0;
}

static void what_runs_have_written_outlives_their_sandboxes(void **unused)
{
    (void)unused;
    struct error err;
    char a[6][512], b[512], gone[512];
    /* by count: two of each job; the last that failed stays beyond them */
    static const bool failed[6] = {false, true, true, false, false, false};
    for (int i = 0; i < 6; i++) {
        char executor[64];
        snprintf(executor, sizeof executor, "ct:%d:0:a:", i);
        make_output(executor, 1000 + i, failed[i], a[i]);
    }
    make_output("ct:1:0:b:", 10, false, b);
    struct sandbox_gc gc = {.delay_ms = 1000,
                            .least_ms = 1000,
                            .outputs_ms = INT64_C(1) << 50,
                            .outputs_bytes = 1 << 30,
                            .outputs_runs = 2,
                            .now.ms = 5000000};
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(has(a[i], "stdout"), i == 2 || i >= 4);
    assert_false(has(a[5], "own"));
    assert_false(has(a[5], "stdout.d"));
    assert_true(has(a[5], "stderr.2"));
    assert_true(has(b, "stdout"));
    snprintf(gone, sizeof gone, "%s/slaves/A1/frameworks/F2/executors/ct:1:0:a:", root);
    assert_int_equal(access(gone, F_OK), -1);
    gc.outputs_bytes = 60000; /* two, at about 24 KiB each: the last of each go last, by age */
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    assert_true(has(a[5], "stdout"));
    assert_true(has(a[2], "stdout"));
    assert_false(has(a[4], "stdout"));
    gc.outputs_bytes = 1 << 30;
    gc.outputs_ms = 1000;
    gc.headroom_permille = 1000; /* the disk is full */
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    assert_false(has(a[5], "stdout"));
}

static void a_fuller_disk_collects_sooner(void **unused)
{
    (void)unused;
    struct error err;
    struct sandbox_gc gc = {.delay_ms = 1000000, .least_ms = 10, .headroom_permille = 100};
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    int left = 1000 - 100 - gc.disk_permille;
    assert_int_equal(gc.age_ms, left > 0 ? 1000 * left : 10);
    gc.headroom_permille = 1000;
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    assert_int_equal(gc.age_ms, 10);
}

static void removes_a_tree_of_any_depth(void **unused)
{
    (void)unused;
    struct rlimit before;
    struct error err;
    int at = open(run, O_RDONLY | O_DIRECTORY);
    put(in(run, ".deep.1"), "the task's own");
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        close(at);
        at = next;
    }
    close(at);
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, before.rlim_max});
    int rc = sandbox_remove_tree(run, &err);
    setrlimit(RLIMIT_NOFILE, &before);
    if (rc != 0)
        fail_msg("%s", err.text);
    assert_int_equal(access(run, F_OK), -1);
    assert_int_equal(sandbox_remove_tree(run, &err), 0); /* nothing to do */
}

static int remove_as_nobody(struct error *err)
{
    const uid_t was = geteuid();
    if (was == 0) { /* whom nothing is closed to */
        char command[TMP_PATH_SIZE + 32];
        snprintf(command, sizeof(command), "chown -R 65534 %s", root);
        assert_int_equal(system(command), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    int rc = sandbox_remove_tree(run, err);
    assert_int_equal(seteuid(was), 0);
    return rc;
}

static void removes_what_its_owner_has_closed(void **unused)
{
    (void)unused;
    struct error err;
    assert_int_equal(mkdir(in(run, "cache"), 0755), 0);
    assert_int_equal(mkdir(in(run, "cache/module"), 0755), 0);
    put(in(run, "cache/module/source"), "x");
    chmod(in(run, "cache/module"), 0555);
    chmod(in(run, "cache"), 0);
    chmod(run, 0);
    if (remove_as_nobody(&err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(access(run, F_OK), -1);
}

static void removes_what_is_closed_at_any_depth(void **unused)
{
    (void)unused;
    struct error err;
    int at = open(run, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(mkdirat(at, "d", 0755), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        if (i > 0)
            fchmod(at, 0555);
        close(at);
        at = next;
    }
    close(at);
    if (remove_as_nobody(&err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(access(run, F_OK), -1);
}

static bool may_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void what_is_mounted_in_a_tree_is_not_removed(void **unused)
{
    (void)unused;
    struct error err;
    assert_int_equal(mkdir(in(root, "others"), 0755), 0);
    put(in(root, "others/precious"), "x");
    assert_int_equal(mkdir(in(run, "m"), 0755), 0);
    char at[4 * SANDBOX_PATH_SIZE];
    snprintf(at, sizeof at, "%s", in(run, "m"));
    if (!may_mount() || mount(in(root, "others"), at, NULL, MS_BIND, NULL) != 0)
        skip_because("nothing can be mounted here");
    int rc = sandbox_remove_tree(run, &err);
    umount(at);
    assert_int_equal(rc, -1);
    assert_non_null(strstr(err.text, "busy"));
    assert_int_equal(access(in(root, "others/precious"), F_OK), 0);
    assert_int_equal(sandbox_remove_tree(run, &err), 0);
}

/* On a file system of its own, where that can be had. */
static void a_disk_without_inodes_is_full(void **unused)
{
    (void)unused;
    struct error err;
    struct sandbox_gc gc = {.delay_ms = 1000000, .least_ms = 10};
    if (!may_mount() || mount("none", root, "tmpfs", 0, "size=1m,nr_inodes=20") != 0)
        skip_because("no file system can be mounted here");
    for (int i = 0; i < 15; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        put(in(root, name), "");
    }
    int rc = sandbox_gc(root, &gc, &err);
    umount(root);
    assert_int_equal(rc, 0);
    assert_int_equal(gc.disk_permille, 800); /* with its root folder */
    assert_int_equal(gc.age_ms, 200000);
}

/* The first who needs a volume makes it; what is in it stays. */
static void a_volume_is_made_once_and_reached_by_a_link(void **unused)
{
    (void)unused;
    char first[SANDBOX_PATH_SIZE], again[SANDBOX_PATH_SIZE];
    struct error err;
    const struct sandbox_ids shared = {ids.agent, ids.framework, "p.instance-1", "1"};
    assert_int_equal(sandbox_make_volume(root, &shared, "data", &self, first, &err), 0);
    put(in(first, "kept"), "x");
    assert_int_equal(sandbox_make_volume(root, &shared, "data", &self, again, &err), 0);
    assert_string_equal(first, again);
    assert_int_equal(sandbox_make_link(run, "/a/b", first, &self, &err), 0);
    assert_int_equal(access(in(run, "a/b/kept"), F_OK), 0);
    assert_int_equal(sandbox_make_link(run, "a/b", first, &self, &err), -1); /* is there */
    assert_int_equal(sandbox_make_link(run, "a/../../b", first, &self, &err), -1);
    assert_int_equal(sandbox_make_link(run, "a/b/c", first, &self, &err), -1); /* by a link */
    assert_int_equal(sandbox_make_link(run, "./a/./c/.", first, &self, &err), 0);
    assert_int_equal(sandbox_make_link(run, "a/c", first, &self, &err), -1); /* is there */
    assert_int_equal(access(in(first, "c"), F_OK), -1);
}

/* As long as a task of the instance is known, though its folder is old. */
static void volumes_are_collected_as_sandboxes_are(void **unused)
{
    (void)unused;
    char volume[SANDBOX_PATH_SIZE];
    struct error err;
    const char *in_use[] = {"1"};
    const struct sandbox_ids shared = {ids.agent, ids.framework, "p.instance-1", "1"};
    assert_int_equal(sandbox_make_volume(root, &shared, "data", &self, volume, &err), 0);
    struct sandbox_gc gc = {.now = {INT64_MAX / 2}, .in_use = in_use, .in_use_n = 1};
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    assert_int_equal(access(volume, F_OK), 0);
    gc.in_use_n = 0;
    assert_int_equal(sandbox_gc(root, &gc, &err), 0);
    assert_int_equal(access(volume, F_OK), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(has_mesos_layout),
        T(an_id_is_a_folders_name),
        T(who_is_not_root_has_no_other_user),
        T(belongs_to_the_tasks_user),
        T(reads_as_mesos_does),
        T(finds_runs_by_every_name),
        T(does_not_leave_the_run),
        T(a_link_to_its_own_volume_is_followed),
        T(no_other_link_is_followed),
        T(a_sandbox_of_no_instance_has_none),
        T(one_read_is_bounded),
        T(browses_a_folder_in_order),
        T(collects_what_is_old_and_not_in_use),
        T(a_fuller_disk_collects_sooner),
        T(what_runs_have_written_outlives_their_sandboxes),
        T(a_disk_without_inodes_is_full),
        T(a_volume_is_made_once_and_reached_by_a_link),
        T(volumes_are_collected_as_sandboxes_are),
        T(removes_a_tree_of_any_depth),
        T(removes_what_its_owner_has_closed),
        T(removes_what_is_closed_at_any_depth),
        T(what_is_mounted_in_a_tree_is_not_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
