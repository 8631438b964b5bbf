/* Chronos's doors. */
#include "api/door.h"

static void fail(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail)
{
    (void)problems;
    (void)detail;
    call_text(c, error_http_status(err->code), "text/plain", err->text);
}

const struct dialect chronos_dialect = {
    .name = "chronos",
    .fail = fail,
    .no_leader_status = 503,
};
