#include "net/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"
#include "net/private.h"

static int64_t clock_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct mono system_mono(struct clock *c)
{
    (void)c;
    return (struct mono){clock_ms(CLOCK_MONOTONIC)};
}

#ifdef TEST_HOOKS
/* A test sets the wall clock of some processes: by so many ms, written in the file that their
 * environment names. Read each time, so that it jumps when that is written. */
static int64_t test_offset_ms(void)
{
    char text[32] = "";
    const char *path = getenv("MESOLITH_TEST_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strtoll(text, NULL, 10) : 0;
}
#else
static int64_t test_offset_ms(void)
{
    return 0;
}
#endif

static struct wall system_wall(struct clock *c)
{
    (void)c;
    return (struct wall){clock_ms(CLOCK_REALTIME) + test_offset_ms()};
}

struct clock clock_system(void)
{
    return (struct clock){.mono = system_mono, .wall = system_wall};
}

int loop_init(struct loop *l, struct error *err)
{
    *l = (struct loop){.clock = clock_system()};
    int code = uv_loop_init(&l->uv);
    if (code != 0) {
        *l = (struct loop){0};
        return error_set_uv(err, ERR_IO, code, "starting an event loop");
    }
    l->uv.data = l;
    l->scratch = mem_alloc(SCRATCH_BYTES);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_close(struct loop *l)
{
    if (l->scratch == NULL)
        return;
    uv_run(&l->uv, UV_RUN_NOWAIT); /* the last close callbacks */
    ASSERT(uv_loop_close(&l->uv) == 0);
    mem_free(l->scratch);
    *l = (struct loop){0};
}

struct loop *loop_of(const uv_handle_t *handle)
{
    return handle->loop->data;
}

int error_set_uv(struct error *err, enum error_code code, int uv_code, const char *fmt, ...)
{
    va_list ap;
    char what[sizeof(err->text)];
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return error_set(err, code, "%s: %s", what, uv_strerror(uv_code));
}
