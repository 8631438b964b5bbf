/* tests/bench/swarm.c - many agents in one process, for bench_agents.py: each joins with the token,
 * has its own certificate and its own TLS session to the leader, and speaks the agents' side of it
 * (model/message.h). What they are told to run they only pretend to run: a job's task until the
 * leader knows of it, others until they are killed.
 *
 *     swarm MASTER TOKEN NAME NET FIRST N
 *
 * They are NAME-0, NAME-1, … and listen at addresses of NET ("127.110"), from its FIRST on. Stopped
 * by a signal they are silent hosts, killed they are processes that have ended.
 *
 * Lines on stdout, each with the monotonic clock's milliseconds:
 *     joined T         all have their certificates
 *     registered T N   so many are with the leader; said whenever it becomes all of them
 *     away T N         so many are, and it was all of them before
 *     with T N         so many are, when that has changed, each second
 *     ran T TASK, ended T TASK */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/joiner.h"
#include "cluster/key.h"
#include "cluster/peers.h"
#include "model/command.h"
#include "model/frame.h"
#include "model/message.h"
#include "model/status.h"
#include "net/loop.h"

#define PEER_PORT 5055
#define JOINING_MAX 16
#define TASKS_MAX 512
#define PONG_MS 1000 /* as agent/agent.c has them */
#define REPEAT_MS 2000
#define ASK_MS_MIN 50 /* as node/hint.c */
#define ASK_MS_MAX 1000

struct task {
    int64_t id, seq, acknowledged;
    enum task_state state;
    bool short_lived;
};

struct agent {
    struct peers peers;
    struct joiner joiner;
    struct key *key;
    int64_t id, store, uid;
    char name[64], address[64];
    struct join_member masters[LIMIT_SERVERS];
    size_t masters_n, next;
    int64_t leader, term, pong, ask_ms;
    bool registered;
    struct task tasks[TASKS_MAX];
    size_t tasks_n;
    uint64_t repeat_due;
    uv_timer_t timer;
};

static struct loop loop;
static struct rng rng;
static struct token token;
static struct address master;
static struct agent *agents;
static size_t agents_n, joining, joined, begun, registered;

static void stop_at(const char *what, const char *why)
{
    fprintf(stderr, "swarm: %s: %s\n", what, why);
    exit(1);
}

static void say(const char *what, int64_t n)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("%s %lld %lld\n", what, (long long)(t.tv_sec * 1000 + t.tv_nsec / 1000000),
           (long long)n);
    fflush(stdout);
}

/* ---- what an agent says */
static struct agent *agent_of(struct peers *p)
{
    return p->data;
}

static void send_frame(struct agent *a, int64_t to, struct buf *frame)
{
    struct error err;
    if (peers_send(&a->peers, to, PEERS_URGENT, buf_slice(frame), PEERS_KEEP, &err) != 0)
        fprintf(stderr, "swarm: %s: %s\n", a->name, err.text);
    buf_close(frame);
}

static void begin(struct agent *a, enum message_kind kind, struct buf *frame, struct json_writer *w)
{
    buf_init(frame, LIMIT_FRAME_BYTES);
    buf_putc(frame, FRAME_LEADER);
    message_begin(w, frame, kind);
    json_member_int(w, "uid", a->uid);
}

static void end(struct agent *a, struct buf *frame, struct json_writer *w)
{
    message_end(w);
    if (a->leader != 0)
        send_frame(a, a->leader, frame);
    else
        buf_close(frame);
}

static void put_task(const struct task *t, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "task", t->id);
    json_member_str(w, "state", task_state_word(t->state));
    json_member_int(w, "seq", t->seq);
    json_object_end(w);
}

static void send_register(struct agent *a)
{
    struct buf frame;
    struct json_writer w;
    begin(a, MESSAGE_REGISTER, &frame, &w);
    json_member_str(&w, "boot", "pretended");
    json_member_str(&w, "hostname", a->name);
    json_member_str(&w, "address", a->address);
    json_member_int(&w, "port", 0);
    json_member_str(&w, "version", "pretended");
    json_member_str(&w, "resources", "cpus:4;mem:8192;disk:65536;ports:[31000-32000]");
    json_member_raw(&w, "attributes", SLICE("{}"));
    json_member_str(&w, "docker", "");
    json_member_str(&w, "docker_reason", "pretended");
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < a->tasks_n; i++)
        put_task(&a->tasks[i], &w);
    json_array_end(&w);
    end(a, &frame, &w);
}

static void send_pong(struct agent *a)
{
    struct buf frame;
    struct json_writer w;
    begin(a, MESSAGE_PONG, &frame, &w);
    json_member_int(&w, "seq", ++a->pong);
    json_member_int(&w, "routes", ROUTES_NONE + 1);
    end(a, &frame, &w);
}

/* `only` NULL: of all tasks. */
static void send_statuses(struct agent *a, const struct task *only)
{
    struct buf frame;
    struct json_writer w;
    size_t n = 0;
    struct wall now = loop.clock.wall(&loop.clock);
    begin(a, MESSAGE_STATUS, &frame, &w);
    json_key(&w, "statuses");
    json_array(&w);
    for (size_t i = 0; i < a->tasks_n; i++) {
        const struct task *t = &a->tasks[i];
        const struct status s = {.task = t->id, .seq = t->seq, .state = t->state, .at = now};
        if (t->acknowledged >= t->seq || (only != NULL && t != only))
            continue;
        status_write(&s, &w);
        n++;
    }
    json_array_end(&w);
    if (n > 0)
        end(a, &frame, &w);
    else
        buf_close(&frame);
}

static void ask_who_leads(struct agent *a)
{
    struct buf frame;
    buf_init(&frame, 2);
    buf_puts(&frame, "H?");
    a->next = (a->next + 1) % a->masters_n;
    a->ask_ms = a->ask_ms == 0 ? ASK_MS_MIN : a->ask_ms * 2;
    if (a->ask_ms > ASK_MS_MAX)
        a->ask_ms = ASK_MS_MAX;
    send_frame(a, a->masters[a->next].id, &frame);
}

static void on_due(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    uint64_t now = uv_now(&loop.uv), again = PONG_MS;
    if (a->registered) {
        send_pong(a);
        if (now >= a->repeat_due) {
            send_statuses(a, NULL);
            a->repeat_due = now + REPEAT_MS;
        }
    } else {
        ask_who_leads(a);
        again = (uint64_t)a->ask_ms;
    }
    uv_timer_start(&a->timer, on_due, again, 0);
}

static void leave(struct agent *a)
{
    if (a->registered && registered-- == agents_n)
        say("away", (int64_t)registered);
    a->registered = false;
}

static void lose_leader(struct agent *a)
{
    leave(a);
    a->leader = 0;
    a->ask_ms = 0;
    uv_timer_start(&a->timer, on_due, 0, 0);
}

/* ---- what it is told */
static struct task *task_of(struct agent *a, int64_t id)
{
    for (size_t i = 0; i < a->tasks_n; i++)
        if (a->tasks[i].id == id)
            return &a->tasks[i];
    return NULL;
}

static void on_run(struct agent *a, const struct json *spec)
{
    int64_t id = json_int(json_get(spec, "task"), 0);
    struct task *t = task_of(a, id);
    if (t == NULL && a->tasks_n == TASKS_MAX)
        stop_at(a->name, "too many tasks");
    if (t == NULL) {
        t = &a->tasks[a->tasks_n++];
        *t = (struct task){.id = id,
                           .seq = 1,
                           .state = TASK_RUNNING,
                           .short_lived = str_starts(json_str(json_get(spec, "name"), ""), "ct:")};
        say("ran", id);
    } else {
        t->acknowledged = 0;
    }
    send_statuses(a, t);
}

static void on_kill(struct agent *a, int64_t id)
{
    struct task *t = task_of(a, id);
    if (t == NULL)
        return;
    if (t->state == TASK_RUNNING) {
        t->state = TASK_KILLED;
        t->seq++;
        say("ended", id);
    }
    t->acknowledged = 0;
    send_statuses(a, t);
}

static void on_ack(struct agent *a, const struct json *statuses)
{
    JSON_EACH (s, statuses) {
        struct task *t = task_of(a, json_int(json_get(s, "task"), 0));
        if (t == NULL)
            continue;
        t->acknowledged = json_int(json_get(s, "seq"), 0);
        if (t->short_lived && t->state == TASK_RUNNING) {
            t->state = TASK_FINISHED;
            t->seq++;
            send_statuses(a, t);
        }
        if (task_ended(t->state) && t->acknowledged >= t->seq)
            *t = a->tasks[--a->tasks_n];
    }
}

static void on_welcome(struct agent *a)
{
    if (!a->registered && ++registered == agents_n)
        say("registered", (int64_t)registered);
    a->registered = true;
    send_pong(a);
    send_statuses(a, NULL);
    uv_timer_start(&a->timer, on_due, PONG_MS, 0);
}

static void on_message(struct agent *a, struct slice text)
{
    struct error err;
    enum message_kind kind;
    struct json *v = message_parse(text, &kind, &err);
    if (v == NULL)
        stop_at("message", err.text);
    if (json_int(json_get(v, "term"), 0) < a->term) {
        json_free(v);
        return;
    }
    switch (kind) {
    case MESSAGE_WELCOME:
        on_welcome(a);
        break;
    case MESSAGE_RUN:
        on_run(a, json_get(v, "spec"));
        break;
    case MESSAGE_KILL:
        on_kill(a, json_int(json_get(v, "task"), 0));
        break;
    case MESSAGE_ACK:
        on_ack(a, json_get(v, "statuses"));
        break;
    case MESSAGE_AGAIN:
        send_register(a);
        break;
    default:
        break; /* routes: it forwards nothing */
    }
    json_free(v);
}

static void on_hint(struct agent *a, struct slice text)
{
    struct error err;
    struct json *v = json_parse(text, &err);
    int64_t leader = json_int(json_get(v, "leader"), 0), term = json_int(json_get(v, "term"), 0);
    json_free(v);
    if (leader == 0 || term < a->term || (a->registered && term == a->term))
        return;
    leave(a);
    a->leader = leader;
    a->term = term;
    send_register(a);
}

/* ---- its connections; a leader that leads no more answers a pong by a hint */
static bool welcome(struct peers *p, int64_t id, const struct tls_peer *who, struct error *err)
{
    (void)p, (void)id, (void)who, (void)err;
    return true;
}

static void on_up(struct peers *p, int64_t id)
{
    (void)p, (void)id;
}

static void on_frame(struct peers *p, int64_t id, struct slice frame)
{
    struct agent *a = agent_of(p);
    struct slice rest = {frame.p + 1, frame.len - 1};
    (void)id;
    if (frame.len > 1 && frame.p[0] == FRAME_AGENT)
        on_message(a, rest);
    else if (frame.len > 2 && frame.p[0] == FRAME_HINT && rest.p[0] == '!')
        on_hint(a, (struct slice){rest.p + 1, rest.len - 1});
}

static void on_down(struct peers *p, int64_t id, enum peers_end how, const struct error *err)
{
    struct agent *a = agent_of(p);
    (void)how, (void)err;
    if (a->leader == id)
        lose_leader(a);
}

static void on_trouble(struct peers *p, int64_t id, const struct error *err)
{
    (void)p, (void)id, (void)err; /* a master that is gone: another one is asked */
}

static const struct peers_events events = {.welcome = welcome,
                                           .on_up = on_up,
                                           .on_frame = on_frame,
                                           .on_down = on_down,
                                           .on_trouble = on_trouble};

static void start(struct agent *a, const struct join_answer *answer)
{
    struct error err;
    struct buf key;
    buf_init(&key, 4096);
    key_write(a->key, &key);
    const struct tls_config config = {.ca = slice_of(answer->ca),
                                      .certificate = slice_of(answer->certificate),
                                      .key = buf_slice(&key)};
    struct tls *tls = tls_new(&config, &err);
    if (tls == NULL)
        stop_at("certificate", err.text);
    const struct peers_config peers = {.loop = &loop,
                                       .rng = &rng,
                                       .self = a->id,
                                       .address = a->address,
                                       .port = PEER_PORT,
                                       .tls = tls};
    a->peers.data = a;
    if (peers_start(&a->peers, &peers, &events, &err) != 0)
        stop_at("listening", err.text);
    tls_unref(tls);
    buf_close(&key);
    for (size_t i = 0; i < answer->n; i++) {
        struct address where;
        if (address_parse(answer->members[i].address, &where, &err) != 0)
            stop_at("member", err.text);
        peers_know(&a->peers, answer->members[i].id, &where);
        a->masters[a->masters_n++] = answer->members[i];
    }
    a->next = rng_below(&rng, a->masters_n);
    uv_timer_init(&loop.uv, &a->timer);
    a->timer.data = a;
    uv_timer_start(&a->timer, on_due, 0, 0);
}

/* ---- joining */
static void join_more(void);

static void on_answer(struct joiner *j, struct slice text, const struct error *why)
{
    struct agent *a = j->data;
    struct json *root;
    struct join_answer answer;
    struct error err;
    if (why != NULL)
        stop_at(a->name, why->text);
    if (join_answer_parse(text, &root, &answer, &err) != 0)
        stop_at(a->name, err.text);
    start(a, &answer);
    json_free(root);
    joining--;
    if (++joined == agents_n)
        say("joined", (int64_t)joined);
    join_more();
}

static void join(struct agent *a)
{
    struct error err;
    struct buf request;
    struct join_request r = {.ask = JOIN_NEW,
                             .token = token.id,
                             .id = a->id,
                             .store = a->store,
                             .name = a->name,
                             .version = "pretended",
                             .modes = MODE_AGENT,
                             .level = COMMAND_LEVEL};
    memcpy(r.secret, token.secret, sizeof r.secret);
    snprintf(r.address, sizeof r.address, "%s:%d", a->address, PEER_PORT);
    if (key_make(&a->key, &err) != 0)
        stop_at("key", err.text);
    buf_init(&request, 16384);
    key_request(a->key, &request);
    r.request = buf_str(&request);
    a->joiner.data = a;
    if (joiner_start(&a->joiner, &loop, &master, &token, &r, on_answer, &err) != 0)
        stop_at("joining", err.text);
    buf_close(&request);
}

static void join_more(void)
{
    for (; begun < agents_n && joining < JOINING_MAX; joining++)
        join(&agents[begun++]);
}

static void allow_files(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void on_second(uv_timer_t *timer)
{
    static size_t told;
    (void)timer;
    if (told != registered)
        say("with", (int64_t)registered);
    told = registered;
}

int main(int argc, char **argv)
{
    uv_timer_t every_second;
    struct error err;
    struct timespec t;
    int64_t first, n;
    if (argc != 7 || !str_to_i64(argv[5], &first) || first < 0 || !str_to_i64(argv[6], &n) || n < 1)
        stop_at("usage", "swarm MASTER TOKEN NAME NET FIRST N");
    if (address_parse(argv[1], &master, &err) != 0 || token_parse(argv[2], &token, &err) != 0 ||
        loop_init(&loop, &err) != 0)
        stop_at("start", err.text);
    clock_gettime(CLOCK_REALTIME, &t);
    rng_seed(&rng, (uint64_t)t.tv_sec * 1000000007u + (uint64_t)t.tv_nsec);
    allow_files();
    agents_n = (size_t)n;
    agents = mem_zalloc(agents_n * sizeof *agents);
    for (size_t i = 0; i < agents_n; i++) {
        struct agent *a = &agents[i];
        size_t at = (size_t)first + i;
        a->id = rng_id(&rng);
        a->store = rng_id(&rng);
        a->uid = rng_id(&rng);
        snprintf(a->name, sizeof a->name, "%s-%zu", argv[3], i);
        snprintf(a->address, sizeof a->address, "%s.%zu.%zu", argv[4], at / 250, at % 250 + 1);
    }
    uv_timer_init(&loop.uv, &every_second);
    uv_timer_start(&every_second, on_second, 1000, 1000);
    join_more();
    uv_run(&loop.uv, UV_RUN_DEFAULT);
    return 0;
}
