/* mesolith backup - all that the cluster knows as one file: saved, looked at, brought back. */
#include "cli_noun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_check.h"
#include "base/mem.h"
#include "base/str.h"
#include "folder.h"
#include "net/http_client.h"

#define CONNECT_MS 3000
#define REFUSAL_BYTES (64 << 10)
#define COPY_BYTES (256 << 10)
#define PART_SUFFIX ".part"

static int failed(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

static int sync_folder_of(const char *path, struct error *err)
{
    char folder[FOLDER_PATH_SIZE];
    str_copy(folder, sizeof folder, path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        str_copy(folder, sizeof folder, ".");
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rv = fd >= 0 && fsync(fd) == 0 ? 0 : failed(err, "syncing", folder);
    if (fd >= 0)
        close(fd);
    return rv;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return -1;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

/* ---- what a backup holds */

static void show_json(struct cli *c, const char *path, const struct backup_info *b)
{
    struct json_writer w;
    char when[TIME_TEXT_SIZE];
    json_begin(&w, &c->out);
    json_object(&w);
    json_member_str(&w, "path", path);
    json_member_int(&w, "bytes", (int64_t)b->facts.size + BACKUP_TRAILER);
    json_member_str(&w, "made", wall_text(b->facts.made, when));
    json_member_str(&w, "cluster", b->cluster);
    json_member_int(&w, "index", b->index);
    json_member_int(&w, "level", b->level);
    json_member_int(&w, "apps", b->apps);
    json_member_int(&w, "jobs", b->jobs);
    json_member_int(&w, "tasks", b->tasks);
    json_member_int(&w, "nodes", b->nodes);
    json_object_end(&w);
    buf_putc(&c->out, '\n');
}

static void show(struct cli *c, const char *path, const struct backup_info *b)
{
    char apps[TEXT_SIZE], jobs[TEXT_SIZE], tasks[TEXT_SIZE], nodes[TEXT_SIZE];
    char when[TIME_TEXT_SIZE], newest[TIME_TEXT_SIZE];
    if (cli_on(c, FLAG_JSON)) {
        show_json(c, path, b);
        return;
    }
    if (cli_on(c, FLAG_QUIET)) {
        buf_printf(&c->out, "%s\n", path);
        return;
    }
    cli_say(c, 0, "%s is whole: %llu bytes, made %s.", path,
            (unsigned long long)b->facts.size + BACKUP_TRAILER, wall_text(b->facts.made, when));
    cli_say(c, 0, "It holds %s and %s of cluster %s, with %s on %s.",
            text_count(apps, b->apps, "app"), text_count(jobs, b->jobs, "job"), b->cluster,
            text_count(tasks, b->tasks, "task"), text_count(nodes, b->nodes, "node"));
    cli_say(c, 0,
            "The last thing that happened in it was at %s, at index %lld; its schema has "
            "level %d.",
            wall_text(b->newest, newest), (long long)b->index, b->level);
}

static int verify(struct cli *c, struct error *err)
{
    struct backup_info info;
    if (backup_examine(c->args.names[0], &info, err) != 0)
        return -1;
    show(c, c->args.names[0], &info);
    return 0;
}

/* ---- save */

struct saving {
    struct http_call call;
    struct loop loop;
    int fd;
    int failed; /* errno of a write */
    int status;
    struct buf refusal;
    struct error err; /* of the call */
};

static void on_part(struct http_call *call, struct slice piece)
{
    struct saving *s = call->data;
    s->status = call->response->status;
    if (s->status != 200) {
        buf_put_slice(&s->refusal, piece);
    } else if (s->failed == 0 && write_all(s->fd, piece.p, piece.len) != 0) {
        s->failed = errno;
        http_call_cancel(call);
    }
}

static void on_done(struct http_call *call, const struct error *err)
{
    struct saving *s = call->data;
    s->err = err != NULL ? *err : (struct error){.code = ERR_NONE};
    if (err == NULL)
        s->status = call->response->status;
}

static int download(struct cli *c, struct saving *s, struct error *err)
{
    const struct http_ask ask = {.to = api_url(&c->api),
                                 .credentials = c->api.credentials,
                                 .tls = c->api.tls,
                                 .method = METHOD_GET,
                                 .target = "/api/backup",
                                 .headers = SLICE("Accept: */*\r\n"),
                                 .connect_ms = CONNECT_MS,
                                 .on_part = on_part};
    if (loop_init(&s->loop, err) != 0)
        return -1;
    s->call.data = s;
    int rv = http_call_start(&s->call, &s->loop, &ask, on_done, err);
    if (rv == 0) {
        loop_run(&s->loop);
        http_call_close(&s->call);
    }
    loop_close(&s->loop);
    return rv;
}

static int outcome(struct cli *c, const struct saving *s, const char *path, struct error *err)
{
    if (s->failed != 0) {
        errno = s->failed;
        return failed(err, "writing", path);
    }
    if (s->err.code != ERR_NONE) {
        *err = s->err;
        return api_unreached(&c->api, err);
    }
    if (s->status != 200)
        return api_refused(&c->api, s->status, buf_slice(&s->refusal), err);
    return fsync(s->fd) == 0 ? 0 : failed(err, "syncing", path);
}

static int fetch_into(struct cli *c, const char *path, struct error *err)
{
    static struct saving s;
    unlink(path);
    s.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* it holds secrets */
    if (s.fd < 0)
        return failed(err, "making", path);
    buf_init(&s.refusal, REFUSAL_BYTES);
    int rv = download(c, &s, err);
    if (rv == 0)
        rv = outcome(c, &s, path, err);
    buf_close(&s.refusal);
    close(s.fd);
    return rv;
}

/* Under its name only when all of it is there, and is what it ought to be. */
static int save(struct cli *c, struct error *err)
{
    const char *path = c->args.names[0];
    struct backup_info info;
    char part[FOLDER_PATH_SIZE];
    if (snprintf(part, sizeof part, "%s" PART_SUFFIX, path) >= (int)sizeof part)
        return error_set(err, ERR_LIMIT, "%s: the path is too long", path);
    int rv = fetch_into(c, part, err);
    if (rv == 0)
        rv = backup_examine(part, &info, err);
    if (rv == 0 && rename(part, path) != 0)
        rv = failed(err, "renaming", part);
    if (rv != 0) {
        unlink(part);
        return -1;
    }
    if (sync_folder_of(path, err) != 0)
        return -1;
    show(c, path, &info);
    return 0;
}

/* ---- restore */

static int check_empty(const char *path, struct error *err)
{
    struct dirent *entry = NULL;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return errno == ENOENT ? 0 : failed(err, "opening", path);
    while ((entry = readdir(dir)) != NULL)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
            break;
    int rv = entry == NULL
                 ? 0
                 : error_set(err, ERR_CONFLICT,
                             "data: %s is not empty, it has %s: name a new folder; a backup makes "
                             "a new cluster, and takes no node's place",
                             path, entry->d_name);
    closedir(dir);
    return rv;
}

/* What was verified is copied, without the lines behind it. */
static int copy_state(const char *from, uint64_t size, const char *to, struct error *err)
{
    char *chunk = mem_alloc(COPY_BYTES);
    int in = open(from, O_RDONLY | O_CLOEXEC), rv = 0;
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (in < 0 || out < 0)
        rv = failed(err, "opening", in < 0 ? from : to);
    for (uint64_t at = 0; rv == 0 && at < size;) {
        size_t want = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        ssize_t n = pread(in, chunk, want, (off_t)at);
        if (n <= 0)
            rv = failed(err, "reading", from);
        else if (write_all(out, chunk, (size_t)n) != 0)
            rv = failed(err, "writing", to);
        at += n > 0 ? (uint64_t)n : 0;
    }
    if (rv == 0 && fsync(out) != 0)
        rv = failed(err, "syncing", to);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    mem_free(chunk);
    return rv;
}

static int place(const char *from, const struct backup_info *info, const struct folder *f,
                 struct error *err)
{
    char part[FOLDER_PATH_SIZE + sizeof PART_SUFFIX];
    snprintf(part, sizeof part, "%s" PART_SUFFIX, f->state);
    int rv = copy_state(from, info->facts.size, part, err);
    if (rv == 0 && rename(part, f->state) != 0)
        rv = failed(err, "renaming", part);
    if (rv != 0)
        unlink(part);
    return rv == 0 ? sync_folder_of(f->state, err) : -1;
}

static int restore(struct cli *c, struct error *err)
{
    const char *path = c->args.names[0], *data = cli_flag_text(c, FLAG_DATA);
    struct backup_info info;
    struct folder f;
    if (data == NULL) {
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith backup restore %s --data DIR", path);
        return error_set(err, ERR_SYNTAX, "--data is missing: it names the new node's folder");
    }
    if (backup_examine(path, &info, err) != 0 || check_empty(data, err) != 0 ||
        folder_open(data, &f, err) != 0)
        return -1;
    int rv = place(path, &info, &f, err);
    char where[FOLDER_PATH_SIZE];
    str_copy(where, sizeof where, f.path);
    folder_close(&f);
    if (rv != 0)
        return -1;
    show(c, path, &info);
    if (!cli_for_people(c))
        return 0;
    cli_say(c, 0,
            "A new node is in %s. Its first start makes a new cluster of what the backup "
            "holds: the old nodes and agents are not of it, and their tasks are not its; apps "
            "are started anew, jobs go on by their schedules.",
            where);
    cli_say(c, 0, "If the old cluster still runs, end it first: else both run everything.");
    cli_say(c, 0,
            "Start it alone with mesolith dev --data %s, or first make it one that others can "
            "join: mesolith init --data %s --address ADDRESS",
            where, where);
    return 0;
}

static const struct cli_verb verbs[] = {
    {
        .name = "save",
        .operands = "FILE",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_FILE,
        .flags = FLAGS_ASK | F(QUIET),
        .run = save,
        .about = "Saves what the cluster knows, as the asked node has it",
        .examples = {"mesolith backup save /var/backups/mesolith.backup",
                     "mesolith backup save today.backup --address http://10.0.0.2:8080"},
    },
    {
        .name = "verify",
        .operands = "FILE",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_FILE,
        .flags = F(JSON) | F(QUIET) | F(HELP),
        .run = verify,
        .about = "Says whether a backup is whole, and what is in it",
        .examples = {"mesolith backup verify today.backup",
                     "mesolith backup verify today.backup --json"},
    },
    {
        .name = "restore",
        .operands = "FILE --data DIR",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_FILE,
        .flags = F(DATA) | F(JSON) | F(QUIET) | F(HELP),
        .run = restore,
        .about = "Puts a backup into a new folder: a new cluster of one node",
        .examples = {"mesolith backup restore today.backup --data ./again",
                     "mesolith backup restore today.backup --data /var/lib/mesolith"},
    },
};

const struct cli_noun backup_noun = {
    .name = "backup",
    .about = "all that the cluster knows, as one file",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
