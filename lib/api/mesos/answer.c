/* What many doors answer with. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/mesos/private.h"
#include "base/str.h"

#define BUILD_TIME_S 0 /* a build's time would make no two builds the same */

/* ---- JSON and JSONP */

bool mesos_jsonp(struct call *c, const char **name_out)
{
    const char *name = query_get(&c->query, "jsonp");
    *name_out = NULL;
    if (name == NULL || *name == '\0')
        return true;
    size_t len = strlen(name);
    bool right = len <= 128;
    for (size_t i = 0; right && i < len; i++)
        right = isalnum((unsigned char)name[i]) || strchr("_$.", name[i]) != NULL;
    if (right)
        *name_out = name;
    else
        call_fail(c, ERR_SYNTAX, "jsonp: need a name of letters, digits, '_', '$' and '.'");
    return right;
}

bool mesos_json(struct call *c, struct json_writer *w)
{
    const char *jsonp;
    if (!mesos_jsonp(c, &jsonp))
        return false;
    call_json(c, 200, w);
    if (jsonp != NULL) {
        c->reply->content_type = "text/javascript";
        buf_printf(&c->reply->body, "%s(", jsonp);
    }
    return true;
}

void mesos_json_end(struct call *c)
{
    if (str_eq(c->reply->content_type, "text/javascript"))
        buf_putc(&c->reply->body, ')');
}

/* ---- whom a path means */

bool mesos_means_agent(const struct call *c)
{
    const char *pattern = c->door->pattern;
    if (str_starts(pattern, "/slave("))
        return true;
    if (str_starts(pattern, "/master/"))
        return false;
    return str_eq(c->request->listener, "agent") || !modes_serve(c->view->facts->modes);
}

bool mesos_own_agent(struct call *c, struct agent_row *out)
{
    const struct facts *f = c->view->facts;
    if (f->agent >= 0 && state_agent_by_id(c->view->state, f->agent, out))
        return true;
    if (f->modes & MODE_AGENT)
        call_fail(c, ERR_UNAVAILABLE, "Agent has not finished recovery");
    else
        call_fail(c, ERR_NOT_FOUND, "There is no agent in this process");
    return false;
}

/* ---- members */

void mesos_milli(struct json_writer *w, const char *name, int64_t thousandths)
{
    char text[32];
    int64_t whole = thousandths / 1000, rest = llabs(thousandths % 1000);
    int n = snprintf(text, sizeof text, "%s%lld.%03lld", thousandths < 0 && whole == 0 ? "-" : "",
                     (long long)whole, (long long)rest);
    while (text[n - 1] == '0' && text[n - 2] != '.')
        n--;
    json_key(w, name);
    json_put_raw(w, (struct slice){text, (size_t)n});
}

void mesos_seconds(struct json_writer *w, const char *name, struct wall t)
{
    mesos_milli(w, name, t.ms);
}

void mesos_version(struct json_writer *w)
{
    json_member_str(w, "version", MESOS_VERSION);
    json_member_str(w, "build_date", "1970-01-01 00:00:00");
    mesos_milli(w, "build_time", BUILD_TIME_S);
    json_member_str(w, "build_user", "mesolith");
}

int mesos_port(const char *url, int otherwise)
{
    const char *colon = url != NULL ? strrchr(url, ':') : NULL;
    int64_t port;
    return colon != NULL && str_to_i64(colon + 1, &port) ? (int)port : otherwise;
}

const char *mesos_address(const struct facts *f, const char *url, int port,
                          char dst[MESOS_PID_SIZE])
{
    snprintf(dst, MESOS_PID_SIZE, "%s:%d", f->address, mesos_port(url, port));
    return dst;
}
