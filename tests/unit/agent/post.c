#include "post.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/statement.h"

static struct json *parse_quoted(const char *body)
{
    struct error err;
    char *text = mem_strdup(body);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    struct json *v = json_parse(slice_of(text), &err);
    if (v == NULL)
        fail_msg("%s: %s", body, err.text);
    mem_free(text);
    return v;
}

/* ---- beginning and ending */

static void open_agent(struct post *p)
{
    struct error err;
    const struct db_options db_options = {.fail_stop = true};
    assert_int_equal(db_open(p->path, &db_options, &p->db, &err), 0);
    const struct agent_options options = {
        .db = p->db,
        .rng = &p->rng,
        .hostname = "n1",
        .address = "10.0.0.1",
        .version = "1",
        .boot = "b",
        .resources = "cpus:1",
        .attributes = "{}",
        .port = 5051,
    };
    if (agent_open(&options, &p->agent, &err) != 0)
        fail_msg("%s", err.text);
}

static void join(struct post *p)
{
    struct error err;
    if (agent_cluster(p->agent, CLUSTER, p->now, &p->out, &err) != 0)
        fail_msg("%s", err.text);
    if (agent_dirty(p->agent))
        assert_int_equal(agent_commit(p->agent, &err), 0);
}

static void close_agent(struct post *p)
{
    agent_close(p->agent);
    db_close(p->db);
}

void post_open(struct post *p)
{
    *p = (struct post){.term = 5, .now = {{1000000}, {INT64_C(1767225600000)}}};
    tmp_make(p->folder);
    tmp_file(p->path, p->folder, "agent.db");
    rng_seed(&p->rng, 3);
    outbox_init(&p->out, 0);
    buf_init(&p->done, 1 << 20);
    buf_init(&p->shown, 1 << 20);
    open_agent(p);
    join(p);
}

void post_close(struct post *p)
{
    close_agent(p);
    outbox_close(&p->out);
    buf_close(&p->done);
    buf_close(&p->shown);
    tmp_remove(p->folder);
}

void post_restart_alone(struct post *p)
{
    outbox_close(&p->out);
    outbox_init(&p->out, 0);
    close_agent(p);
    open_agent(p);
}

void post_restart(struct post *p)
{
    post_restart_alone(p);
    join(p);
}

/* ---- what goes out */

static void note_register(struct post *p, const struct json *v)
{
    buf_printf(&p->done, "register docker=%s", json_str(json_get(v, "docker"), "?"));
    JSON_EACH (t, json_get(v, "tasks"))
        buf_printf(&p->done, " %d:%s:%d", (int)json_int(json_get(t, "task"), 0),
                   json_str(json_get(t, "state"), "?"), (int)json_int(json_get(t, "seq"), -1));
    buf_putc(&p->done, '\n');
}

static void note_statuses(struct post *p, const struct json *v)
{
    JSON_EACH (s, json_get(v, "statuses"))
        buf_printf(&p->done, "status %d:%lld %s\n", (int)json_int(json_get(s, "task"), 0),
                   (long long)json_int(json_get(s, "seq"), 0), json_str(json_get(s, "state"), "?"));
}

static void note_message(struct post *p, const struct out *item)
{
    enum message_kind kind;
    struct error err;
    struct json *v = message_parse(buf_slice(&item->body), &kind, &err);
    assert_non_null(v);
    assert_int_equal(item->agent, TO_LEADER);
    assert_int_equal(json_int(json_get(v, "uid"), 0), agent_uid(p->agent));
    if (kind == MESSAGE_REGISTER)
        note_register(p, v);
    if (kind == MESSAGE_STATUS)
        note_statuses(p, v);
    if (kind == MESSAGE_WIPED)
        JSON_EACH (volume, json_get(v, "volumes"))
            buf_printf(&p->done, "wiped %d\n", (int)json_int(volume, 0));
    if (kind == MESSAGE_PONG) {
        p->pong = json_int(json_get(v, "seq"), 0);
        p->routes = json_int(json_get(v, "routes"), 0);
    }
    json_free(v);
}

static void note(struct post *p, const struct out *item)
{
    switch (item->kind) {
    case OUT_MESSAGE:
        note_message(p, item);
        break;
    case OUT_LAUNCH:
        buf_printf(&p->done, "launch %d\n", (int)item->task);
        break;
    case OUT_KILL:
        buf_printf(&p->done, "kill %d %s\n", (int)item->task, buf_str(&item->body));
        break;
    case OUT_FORGET:
        buf_printf(&p->done, "forget %d\n", (int)item->task);
        break;
    case OUT_WIPE:
        buf_printf(&p->done, "wipe %d %s\n", (int)item->task, buf_str(&item->body));
        break;
    case OUT_ROUTES:
        buf_puts(&p->done, "routes\n");
        break;
    case OUT_HAND_OVER:
    case OUT_DRAFT:
        fail_msg("an agent proposes nothing");
    }
}

/* The COMMIT first, then what it wants done. */
static void end_turn(struct post *p)
{
    struct error err;
    if (agent_dirty(p->agent) && agent_commit(p->agent, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < p->out.n; i++)
        note(p, &p->out.items[i]);
    outbox_close(&p->out);
    outbox_init(&p->out, 0);
}

const char *post_done(struct post *p)
{
    buf_clear(&p->shown);
    buf_put_slice(&p->shown, buf_slice(&p->done));
    buf_clear(&p->done);
    return buf_str(&p->shown);
}

/* ---- what comes in */

void post_hear(struct post *p, const char *message)
{
    enum message_kind kind;
    struct error err;
    struct buf text;
    struct json_writer w;
    struct json *quoted = parse_quoted(message);
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    json_member_int(&w, "term", (int64_t)p->term);
    JSON_EACH (member, quoted) {
        json_key(&w, json_name(member));
        json_put_value(&w, member);
    }
    json_object_end(&w);
    struct json *v = message_parse(buf_slice(&text), &kind, &err);
    if (v == NULL)
        fail_msg("%s", err.text);
    agent_message(p->agent, kind, v, p->now, &p->out);
    end_turn(p);
    json_free(v);
    json_free(quoted);
    buf_close(&text);
}

void post_run(struct post *p, int64_t task, int64_t pong, const char *more)
{
    char message[512];
    snprintf(message, sizeof message,
             "{'m':'run','pong':%lld,'spec':{'task':%lld,'name':'t','owner':0,'of':'/web','agent':'"
             "a','framework':'f','cmd':'run','network':'host'%s}}",
             (long long)pong, (long long)task, more);
    post_hear(p, message);
}

void post_report(struct post *p, const char *status)
{
    struct json *v = parse_quoted(status);
    agent_status(p->agent, v, p->now, &p->out);
    end_turn(p);
    json_free(v);
}

void post_recovered(struct post *p)
{
    agent_recovered(p->agent, p->now, &p->out);
    end_turn(p);
}

void post_wiped(struct post *p, int64_t volume)
{
    agent_wiped(p->agent, volume, &p->out);
    end_turn(p);
}

int post_cluster(struct post *p, const char *cluster, struct error *err)
{
    int rc = agent_cluster(p->agent, cluster, p->now, &p->out, err);
    if (rc == 0)
        end_turn(p);
    return rc;
}

void post_leader(struct post *p, uint64_t term)
{
    p->term = term;
    agent_leader(p->agent, term, p->now, &p->out);
    end_turn(p);
}

void post_welcome(struct post *p)
{
    post_hear(p, "{'m':'welcome','id':0}");
}

void post_docker(struct post *p, const char *version, const char *reason)
{
    agent_docker(p->agent, version, reason, p->now, &p->out);
    end_turn(p);
}

void post_run_ms(struct post *p, int64_t ms)
{
    int64_t until = p->now.mono.ms + ms;
    for (;;) {
        int64_t due = agent_due(p->agent).ms;
        if (due > until)
            break;
        if (due > p->now.mono.ms) {
            p->now.wall.ms += due - p->now.mono.ms;
            p->now.mono.ms = due;
        }
        agent_tick(p->agent, p->now, &p->out);
        end_turn(p);
        assert_true(agent_due(p->agent).ms > p->now.mono.ms);
    }
    p->now.wall.ms += until - p->now.mono.ms;
    p->now.mono.ms = until;
}

void post_settle(struct post *p)
{
    post_recovered(p);
    post_leader(p, p->term);
    post_welcome(p);
    post_run_ms(p, 1);
    post_done(p);
}

int64_t post_rows(struct post *p, const char *table)
{
    struct error err;
    struct db *db;
    char sql[64];
    const struct db_options options = {.read_only = true, .busy_ms = 1000};
    assert_int_equal(db_open(p->path, &options, &db, &err), 0);
    snprintf(sql, sizeof sql, "select count(*) from %s", table);
    struct stmt *q = db_query_reading(db, slice_of(sql), &err);
    assert_non_null(q);
    assert_true(stmt_row(q));
    int64_t rows = stmt_i64(q, 0);
    stmt_free(q);
    db_close(db);
    return rows;
}
