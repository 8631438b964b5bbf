#include "model/status.h"

#include <string.h>

#include "base/str.h"

void check_result_write(const struct check_result *r, const struct check_names *names,
                        struct json_writer *w)
{
    bool known = r->code != NO_RESULT;
    json_key(w, r->kind == CHECK_TCP ? "tcp" : r->kind == CHECK_COMMAND ? "command" : "http");
    json_object(w);
    if (known && r->kind == CHECK_TCP)
        json_member_bool(w, names->succeeded, r->code != 0);
    else if (known)
        json_member_int(w, r->kind == CHECK_COMMAND ? names->exit : names->status, r->code);
    json_object_end(w);
}

void status_write(const struct status *s, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "task", s->task);
    json_member_int(w, "seq", s->seq);
    json_member_str(w, "state", task_state_word(s->state));
    json_member_int(w, "at", s->at.ms);
    if (s->pid != 0)
        json_member_int(w, "pid", s->pid);
    if (s->container != NULL)
        json_member_str(w, "container", s->container);
    if (s->exited)
        json_member_int(w, "exit", s->exit_code);
    if (s->signaled)
        json_member_int(w, "signal", s->signal);
    if (s->oom)
        json_member_bool(w, "oom", true);
    if (s->used.mem_peak_bytes > 0)
        json_member_int(w, "mem_peak", s->used.mem_peak_bytes);
    if (s->used.cpu_ms > 0)
        json_member_int(w, "cpu_ms", s->used.cpu_ms);
    if (s->reason != NULL)
        json_member_str(w, "reason", s->reason);
    if (s->message != NULL)
        json_member_str(w, "message", s->message);
    if (s->detail != NULL)
        json_member_str(w, "detail", s->detail);
    if (s->health != 0)
        json_member_int(w, "health", s->health);
    if (s->health_raw.len > 0) {
        json_member_raw(w, "health_results", s->health_raw);
    } else if (s->health_results != NULL) {
        json_key(w, "health_results");
        json_put_value(w, s->health_results);
    }
    if (s->readiness_raw.len > 0) {
        json_member_raw(w, "readiness", s->readiness_raw);
    } else if (s->readiness != NULL) {
        json_key(w, "readiness");
        json_put_value(w, s->readiness);
    }
    if (s->informs) {
        json_member_int(w, "check_kind", s->check.kind);
        json_member_int(w, "check_code", s->check.code);
    }
    json_object_end(w);
}

int status_read(const struct json *v, struct status *out, struct error *err)
{
    struct status s = {0};
    if (!json_i64(json_get(v, "task"), &s.task) || s.task <= 0)
        return error_set(err, ERR_INVALID, "status: task: need a positive number");
    if (!json_i64(json_get(v, "seq"), &s.seq))
        return error_set(err, ERR_INVALID, "status: seq: need a number");
    const char *word = json_str(json_get(v, "state"), "");
    char quoted[48];
    if (!task_state_parse(word, &s.state))
        return error_set(err, ERR_INVALID, "status: state: got %s, need a task state",
                         str_quote(quoted, sizeof quoted, word, strlen(word)));
    s.at.ms = json_int(json_get(v, "at"), 0);
    s.pid = json_int(json_get(v, "pid"), 0);
    s.container = json_str(json_get(v, "container"), NULL);
    const struct json *exit = json_get(v, "exit"), *signal = json_get(v, "signal");
    s.exited = exit != NULL;
    s.exit_code = (int)json_int(exit, 0);
    s.signaled = signal != NULL;
    s.signal = (int)json_int(signal, 0);
    s.oom = json_bool(json_get(v, "oom"), false);
    s.used.mem_peak_bytes = json_int(json_get(v, "mem_peak"), 0);
    s.used.cpu_ms = json_int(json_get(v, "cpu_ms"), 0);
    s.reason = json_str(json_get(v, "reason"), NULL);
    s.message = json_str(json_get(v, "message"), NULL);
    s.detail = json_str(json_get(v, "detail"), NULL);
    int64_t health = json_int(json_get(v, "health"), 0);
    if (health < 0 || health > 2)
        return error_set(err, ERR_INVALID, "status: health: got %lld, need 0, 1 or 2",
                         (long long)health);
    s.health = (int)health;
    s.health_results = json_get(v, "health_results");
    s.readiness = json_get(v, "readiness");
    s.informs = json_get(v, "check_kind") != NULL;
    int64_t kind = json_int(json_get(v, "check_kind"), 0);
    if (kind < 0 || kind > CHECK_COMMAND)
        return error_set(err, ERR_INVALID, "status: check_kind: got %lld, need 0 to %d",
                         (long long)kind, CHECK_COMMAND);
    s.check.kind = (enum check_kind)kind;
    s.check.code = (int)json_int(json_get(v, "check_code"), NO_RESULT);
    *out = s;
    return 0;
}
