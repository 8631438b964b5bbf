#include "fixture.h"

int set_up(void **data)
{
    static struct fixture f;
    f.listener = "marathon";
    world_open(&f.w);
    world_agent(&f.w, "10.0.0.1");
    reply_init(&f.r);
    *data = &f;
    return 0;
}

int tear_down(void **data)
{
    struct fixture *f = *data;
    reply_close(&f->r);
    world_close(&f->w);
    return 0;
}

void play(struct fixture *f, const char *line, const char *headers, const char *body)
{
    reply_close(&f->r);
    world_play(&f->w, f->listener, line, headers, body, &f->r);
}

const char *answer(const struct fixture *f)
{
    return buf_str(&f->r.body);
}

void assert_header(const struct fixture *f, const char *name, const char *value)
{
    struct slice got = header_get(buf_slice(&f->r.headers), name);
    if (!slice_is(got, value))
        fail_msg("%s is \"%.*s\", not \"%s\"", name, (int)got.len, got.p, value);
}
