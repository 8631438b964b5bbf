#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "executor/docker_auth.h"
#include "executor/docker_contained.h"
#include "executor/docker_hold.h"

static const char *with_tag(const char *image)
{
    const char *slash = strrchr(image, '/');
    bool tagged = strchr(slash != NULL ? slash : image, ':') != NULL || strchr(image, '@') != NULL;
    return tagged ? "" : ":latest"; /* without one the engine pulls them all */
}

static void on_image(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (contained_is_leaving(c))
        return;
    if (err == NULL)
        contained_go(c, MARK);
    else if (err->code == ERR_NOT_FOUND)
        contained_go(c, AUTH);
    else
        contained_fail(c, err->text);
}

void contained_find_image(struct contained *c)
{
    contained_ask(c, &c->ask, METHOD_GET, (struct slice){0}, ASK_MS, on_image, "/images/%s%s/json",
                  c->run->spec->image, with_tag(c->run->spec->image));
}

static void on_read_auth(uv_work_t *work)
{
    struct contained *c = work->data;
    docker_auth_find(c->run->sandbox, c->run->spec->image, &c->auth);
}

static void on_auth_read(uv_work_t *work, int status)
{
    struct contained *c = work->data;
    (void)status;
    c->reading = false;
    if (!contained_is_leaving(c))
        contained_go(c, PULL);
}

void contained_read_auth(struct contained *c)
{
    buf_init(&c->auth, LIMIT_HEADER_BYTES / 2);
    c->work.data = c;
    c->reading = true;
    int rc = uv_queue_work(&c->d->engine.loop->uv, &c->work, on_read_auth, on_auth_read);
    ASSERT(rc == 0);
}

static void on_pull_part(struct engine_call *call, struct slice piece)
{
    struct contained *c = call->data;
    int before = c->pull.percent;
    docker_pull_feed(&c->pull, piece);
    if (c->pull.percent == before)
        return;
    snprintf(c->run->detail, sizeof(c->run->detail), "pulling %d %%", c->pull.percent);
    c->run->progress(c->run);
}

static void on_pulled(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    char why[256];
    if (contained_is_leaving(c))
        return;
    snprintf(why, sizeof(why), "docker: %s", c->pull.failure);
    if (err != NULL)
        contained_fail(c, err->text);
    else if (c->pull.failure[0] != '\0')
        contained_fail(c, why);
    else
        contained_go(c, MARK);
}

void contained_pull(struct contained *c)
{
    const char *image = c->run->spec->image;
    char target[512];
    struct error err;
    struct buf encoded;
    buf_init(&encoded, 2048);
    url_encode(slice_of(image), &encoded);
    snprintf(target, sizeof(target), "/images/create?fromImage=%.400s%s", buf_str(&encoded),
             with_tag(image)[0] != '\0' ? "&tag=latest" : "");
    buf_close(&encoded);
    struct engine_ask question = {.method = METHOD_POST,
                                  .target = target,
                                  .header = c->auth.len > 0 ? buf_str(&c->auth) : NULL,
                                  .on_part = on_pull_part};
    c->ask.data = c;
    str_copy(c->run->detail, sizeof(c->run->detail), "pulling");
    if (engine_start(&c->d->engine, &c->ask, &question, on_pulled, &err) != 0)
        uv_timer_start(&c->retry_timer, contained_unasked, 0, 0);
    else
        c->run->progress(c->run);
}

/* `container` in the task's folder: from here on the engine may have one. */
static void on_marked(uv_fs_t *req)
{
    struct contained *c = req->data;
    int fd = (int)req->result;
    uv_fs_req_cleanup(req);
    c->marking = false;
    if (fd >= 0)
        close(fd);
    if (contained_is_leaving(c))
        return;
    if (fd < 0)
        contained_fail(c, "cannot write to the task's folder");
    else
        contained_go(c, c->run->network == c->run->number ? HOLD : CREATE);
}

void contained_mark(struct contained *c)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/container", c->run->folder);
    c->mark.data = c;
    c->marking = true;
    int rc = uv_fs_open(&c->d->engine.loop->uv, &c->mark, path, O_WRONLY | O_CREAT | O_CLOEXEC,
                        0600, on_marked);
    ASSERT(rc == 0);
}

/* The engine has done what it was asked, or says why not. */
static void go_on(struct engine_call *call, const struct error *err, enum step next)
{
    struct contained *c = call->data;
    if (contained_is_leaving(c))
        return;
    if (err != NULL)
        contained_fail(c, err->text);
    else
        contained_go(c, next);
}

static void on_created(struct engine_call *call, const struct error *err)
{
    go_on(call, err, START);
}

typedef int body_fn(const struct run *run, const struct docker_defaults *defaults, struct buf *out,
                    struct error *err);

/* False after having failed. */
static bool ask_create(struct contained *c, const char *name, body_fn *write, engine_cb *done)
{
    struct docker_defaults defaults = {.owner = c->d->options.owner,
                                       .hold = c->d->options.hold,
                                       .log_bytes = c->d->options.log_bytes,
                                       .cpu_quota = c->d->options.cpu_quota};
    struct buf body;
    struct error err;
    buf_init(&body, LIMIT_ORDER_BYTES);
    bool good = write(c->run, &defaults, &body, &err) == 0;
    if (good)
        contained_ask(c, &c->ask, METHOD_POST, buf_slice(&body), CREATE_MS, done,
                      "/containers/create?name=%s", name);
    buf_close(&body);
    if (!good)
        contained_fail(c, err.text);
    return good;
}

void contained_create(struct contained *c)
{
    c->created = ask_create(c, c->name, docker_create_body, on_created) || c->created;
}

static void on_hold_created(struct engine_call *call, const struct error *err)
{
    go_on(call, err, HOLD_START);
}

void contained_hold(struct contained *c)
{
    (void)ask_create(c, c->hold, docker_hold_body, on_hold_created);
}

static void on_hold_started(struct engine_call *call, const struct error *err)
{
    go_on(call, err, CREATE);
}

void contained_start_hold(struct contained *c)
{
    contained_ask(c, &c->ask, METHOD_POST, (struct slice){0}, CREATE_MS, on_hold_started,
                  "/containers/%s/start", c->hold);
}

static void on_started(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (contained_is_leaving(c))
        return;
    if (err != NULL && err->code == ERR_UNCERTAIN)
        contained_look_later(c);
    else if (err != NULL)
        contained_fail(c, err->text);
    else
        contained_go(c, LOOK);
}

void contained_start(struct contained *c)
{
    contained_ask(c, &c->ask, METHOD_POST, (struct slice){0}, CREATE_MS, on_started,
                  "/containers/%s/start", c->name);
}
