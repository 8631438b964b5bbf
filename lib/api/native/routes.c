/* Our own API's doors. */
#include "api/door.h"

static void fail(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail)
{
    (void)problems;
    (void)detail;
    call_text(c, error_http_status(err->code), "text/plain", err->text);
}

const struct dialect native_dialect = {
    .name = "native",
    .fail = fail,
    .no_leader_status = 503,
};

void native_render(const struct change *c, const struct view *view, void *data, publish_fn *publish)
{
    (void)c;
    (void)view;
    (void)data;
    (void)publish;
}
