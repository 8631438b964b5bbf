/* tests/bench/bench_runs.c - how many runs of jobs one node carries, decided, durable and with
 * their history: the whole node, on a file of its own, each turn a COMMIT that is synced. Time and
 * the agents are pretended: what an agent is told to run it says to run, and once that is known to
 * have ended. A turn takes STEP_MS of that time, however long it really took.
 *
 *     bench_runs [RATE [SECONDS [STEP_MS]]]   33000, 20 and 10 when not said
 *
 * RATE jobs, each every second at another moment of it. How late runs begin is told in the
 * pretended time, how long all took in the real one. What the agents take, which are other machines
 * in real life, is told apart, and no part of what the node takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/db.h"
#include "model/frame.h"
#include "model/message.h"
#include "model/status.h"
#include "node/node.h"

#define AGENTS 100
#define FIRST_AGENT 100 /* its node's id */
#define PONG_MS 1000
#define BEGIN_MS INT64_C(1767225600000)
#define LATE_MS_MAX 60000
#define PUTS_A_TURN 500

struct agent {
    int64_t pong, pong_due;
    struct buf frames;   /* that came in this turn, each behind its length */
    struct buf statuses; /* to be sent after the turn */
};

/* Who takes the time: the linker leads the calls of the node's own parts past here. */
enum part { AGENTS_PART, THINKING, STORING, APPLYING, CHECKPOINTING, PARTS };
static const char *const part_names[PARTS] = {
    [THINKING] = "thinking",
    [APPLYING] = "applying",
    [STORING] = "log and COMMIT",
    [CHECKPOINTING] = "checkpoints, beside",
};
struct taken {
    double cpu, wall;
};
static struct taken taken[PARTS], since;
static enum part doing;

static struct agent agents[AGENTS];
static struct node *node;
static struct db *checkpoints; /* a connection of their own */
static struct event *inbox;
static size_t inbox_n, inbox_cap;
static int64_t mono = 1000, answered, refused, begun, ended;
static int64_t late[LATE_MS_MAX + 1];

static double clock_s(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns who was at it before. */
static enum part now_does(enum part who)
{
    enum part before = doing;
    struct taken at = {clock_s(CLOCK_PROCESS_CPUTIME_ID), clock_s(CLOCK_MONOTONIC)};
    taken[before].cpu += at.cpu - since.cpu;
    taken[before].wall += at.wall - since.wall;
    since = at;
    doing = who;
    return before;
}

int __real_replica_commit(struct replica *r, struct error *err);
int __wrap_replica_commit(struct replica *r, struct error *err);
int __wrap_replica_commit(struct replica *r, struct error *err)
{
    enum part before = now_does(STORING);
    int rc = __real_replica_commit(r, err);
    now_does(before);
    return rc;
}

void __real_apply_entry(void *data, uint64_t index, uint64_t term, struct slice entry,
                        uint64_t ticket);
void __wrap_apply_entry(void *data, uint64_t index, uint64_t term, struct slice entry,
                        uint64_t ticket);
void __wrap_apply_entry(void *data, uint64_t index, uint64_t term, struct slice entry,
                        uint64_t ticket)
{
    enum part before = now_does(APPLYING);
    __real_apply_entry(data, index, term, entry, ticket);
    now_does(before);
}

static struct now now(void)
{
    return (struct now){{mono}, {BEGIN_MS + mono}};
}

static void put_in(struct event *e)
{
    if (inbox_n == inbox_cap) {
        inbox_cap = inbox_cap == 0 ? 64 : inbox_cap * 2;
        inbox = mem_realloc(inbox, inbox_cap * sizeof inbox[0]);
    }
    inbox[inbox_n++] = *e;
}

/* ---- the agents */

static void begin(int i, enum message_kind kind, struct event *e, struct json_writer *w)
{
    *e = (struct event){.kind = EVENT_FRAME, .node = FIRST_AGENT + i};
    buf_init(&e->body, LIMIT_FRAME_BYTES);
    buf_putc(&e->body, FRAME_LEADER);
    message_begin(w, &e->body, kind);
    json_member_int(w, "uid", FIRST_AGENT + i);
}

static void end(struct event *e, struct json_writer *w)
{
    message_end(w);
    put_in(e);
}

static void send_register(int i)
{
    struct event e;
    struct json_writer w;
    char name[32];
    snprintf(name, sizeof name, "agent-%d", i);
    begin(i, MESSAGE_REGISTER, &e, &w);
    json_member_str(&w, "boot", "pretended");
    json_member_str(&w, "hostname", name);
    json_member_str(&w, "address", "127.0.0.1");
    json_member_int(&w, "port", 0);
    json_member_str(&w, "version", "pretended");
    json_member_str(&w, "resources", "cpus:10000;mem:10000000;disk:10000000");
    json_member_raw(&w, "attributes", SLICE("{}"));
    json_member_str(&w, "docker", "");
    json_member_str(&w, "docker_reason", "pretended");
    json_key(&w, "tasks");
    json_array(&w);
    json_array_end(&w);
    end(&e, &w);
}

static void send_pong(int i)
{
    struct event e;
    struct json_writer w;
    begin(i, MESSAGE_PONG, &e, &w);
    json_member_int(&w, "seq", ++agents[i].pong);
    json_member_int(&w, "routes", ROUTES_NONE + 1);
    agents[i].pong_due = mono + PONG_MS;
    end(&e, &w);
}

static void report(int i, int64_t task, int64_t seq, enum task_state state)
{
    struct buf *out = &agents[i].statuses;
    const struct status s = {.task = task,
                             .seq = seq,
                             .state = state,
                             .at = now().wall,
                             .exited = state == TASK_FINISHED};
    struct json_writer w;
    if (out->len > 0)
        buf_putc(out, ',');
    json_begin(&w, out);
    status_write(&s, &w);
}

static void send_statuses(int i)
{
    struct event e;
    struct json_writer w;
    if (agents[i].statuses.len == 0)
        return;
    begin(i, MESSAGE_STATUS, &e, &w);
    json_key(&w, "statuses");
    json_array(&w);
    json_put_raw(&w, buf_slice(&agents[i].statuses));
    json_array_end(&w);
    end(&e, &w);
    buf_clear(&agents[i].statuses);
}

/* The name of its task says when it was due (spec/chronos.md 6.1). */
static void on_run(int i, const struct json *spec)
{
    const char *name = json_str(json_get(spec, "name"), "");
    int64_t late_ms = now().wall.ms - strtoll(name + strlen("ct:"), NULL, 10);
    late[late_ms < 0 ? 0 : late_ms > LATE_MS_MAX ? LATE_MS_MAX : late_ms]++;
    begun++;
    report(i, json_int(json_get(spec, "task"), 0), 1, TASK_RUNNING);
}

static void on_ack(int i, const struct json *statuses)
{
    JSON_EACH (s, statuses) {
        if (json_int(json_get(s, "seq"), 0) == 1)
            report(i, json_int(json_get(s, "task"), 0), 2, TASK_FINISHED);
        else
            ended++;
    }
}

static void read_frame(int i, struct slice frame)
{
    struct error err;
    enum message_kind kind;
    struct json *v = message_parse(frame, &kind, &err);
    ASSERT(v != NULL);
    if (kind == MESSAGE_RUN)
        on_run(i, json_get(v, "spec"));
    else if (kind == MESSAGE_ACK)
        on_ack(i, json_get(v, "statuses"));
    else if (kind == MESSAGE_AGAIN)
        send_register(i);
    json_free(v);
}

static void read_frames(int i)
{
    struct slice rest = buf_slice(&agents[i].frames);
    ASSERT(!buf_full(&agents[i].frames));
    while (rest.len > 0) {
        size_t len;
        memcpy(&len, rest.p, sizeof len);
        read_frame(i, (struct slice){rest.p + sizeof len, len});
        rest = (struct slice){rest.p + sizeof len + len, rest.len - sizeof len - len};
    }
    buf_clear(&agents[i].frames);
}

static void hand_send(struct hands *h, int64_t to, struct slice frame)
{
    int i = (int)(to - FIRST_AGENT);
    size_t len = frame.len - 1;
    (void)h;
    if (i < 0 || i >= AGENTS || frame.p[0] != FRAME_AGENT)
        return;
    buf_put(&agents[i].frames, &len, sizeof len);
    buf_put(&agents[i].frames, frame.p + 1, len);
}

/* ---- the other hands: nobody listens, nobody asks */

static void hand_secret(struct hands *h, void *dst, size_t n)
{
    rng_fill(h->rng, dst, n);
}

static void hand_know(struct hands *h, const struct known_node *k)
{
    (void)h, (void)k;
}

static void hand_answer(struct hands *h, struct answer *a)
{
    (void)h;
    answered++;
    if (a->status >= 300 && refused++ == 0)
        fprintf(stderr, "%d %.*s\n", a->status, (int)blob_slice(a->body).len,
                blob_slice(a->body).p);
    answer_close(a);
}

static void hand_ask(struct hands *h, struct exchange_id id, struct request *request,
                     uint64_t index)
{
    (void)h, (void)id, (void)index;
    request_free(request);
}

static void hand_sandbox(struct hands *h, struct exchange_id id, struct sandbox_request *r)
{
    (void)h, (void)id;
    sandbox_request_free(r);
}

static unsigned hand_topics(struct hands *h)
{
    (void)h;
    return 0;
}

static void hand_publish(struct hands *h, const struct published *p)
{
    (void)h, (void)p;
}

static void hand_text(struct hands *h, const char *text)
{
    (void)h, (void)text;
}

static void hand_slice(struct hands *h, struct slice text)
{
    (void)h, (void)text;
}

static void hand_facts(struct hands *h, const struct facts *f)
{
    (void)h, (void)f;
}

static void hand_nothing(struct hands *h)
{
    (void)h;
}

/* Here, not beside the node's thread. */
static void hand_checkpoint(struct hands *h, int64_t wal_bytes)
{
    struct event e = {.kind = EVENT_CHECKPOINTED, .mostly = true};
    struct db_checkpoint done;
    struct error err;
    enum part before = now_does(CHECKPOINTING);
    (void)h, (void)wal_bytes;
    if (db_checkpoint(checkpoints, DB_CHECKPOINT_PASSIVE, &done, &err) != 0)
        fprintf(stderr, "checkpoint: %s\n", err.text);
    put_in(&e);
    now_does(before);
}

/* ---- time */

static void turn(int64_t step_ms)
{
    struct error err;
    struct event *events = inbox;
    size_t n = inbox_n;
    inbox = NULL;
    inbox_n = inbox_cap = 0;
    now_does(THINKING);
    if (node_turn(node, events, n, now(), &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    now_does(AGENTS_PART);
    mem_free(events);
    for (int i = 0; i < AGENTS; i++)
        read_frames(i);
    mono += step_ms;
    for (int i = 0; i < AGENTS; i++) {
        send_statuses(i);
        if (mono >= agents[i].pong_due)
            send_pong(i);
    }
}

static void post_job(int64_t i, int64_t rate, int64_t first_ms)
{
    char body[512], at[TIME_TEXT_SIZE];
    struct request r = request_of(METHOD_POST, "/v1/scheduler/iso8601");
    wall_text((struct wall){first_ms + i * 1000 / rate}, at);
    snprintf(body, sizeof body,
             "{\"name\":\"job-%lld\",\"schedule\":\"R/%s/PT1S\",\"command\":\"report --for today\","
             "\"cpus\":0.01,\"mem\":1,\"disk\":0,\"epsilon\":\"PT60S\",\"concurrent\":true}",
             (long long)i, at);
    r.headers = SLICE("Content-Type: application/json\r\n");
    r.body = slice_of(body);
    r.listener = "chronos";
    struct event e = {
        .kind = EVENT_REQUEST, .exchange = {(uint64_t)i + 1}, .request = request_dup(&r)};
    put_in(&e);
}

static void post_jobs(int64_t rate, int64_t first_ms)
{
    for (int64_t i = 0; i < rate;) {
        for (int n = 0; n < PUTS_A_TURN && i < rate; n++)
            post_job(i++, rate, first_ms);
        turn(1);
    }
    for (int i = 0; i < 1000 && answered < rate; i++)
        turn(1);
    if (answered != rate || refused != 0) {
        fprintf(stderr, "%lld of %lld jobs were made\n", (long long)(answered - refused),
                (long long)rate);
        exit(1);
    }
}

static void told_late(void)
{
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"median", 0.5}, {"90 %", 0.9}, {"99 %", 0.99}, {"99.9 %", 0.999}, {"most", 1}};
    printf("%-44s", "began after they were due, pretended ms");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int64_t sum = 0, want = (int64_t)((double)begun * parts[i].part), ms = -1;
        while (sum < want && ms < LATE_MS_MAX)
            sum += late[++ms];
        printf("  %s %lld", parts[i].name, (long long)ms);
    }
    printf("\n");
}

static void told_taken(int64_t seconds)
{
    struct taken node_took = {0};
    double us = 1e6 / (double)ended;
    for (int i = AGENTS_PART + 1; i < PARTS; i++) {
        node_took.cpu += taken[i].cpu;
        node_took.wall += taken[i].wall;
    }
    printf("%-44s  %.1f s for %lld pretended ones: %.0f runs a second\n", "it really took",
           node_took.wall, (long long)seconds, (double)ended / node_took.wall);
    printf("%-44s  %.1f us a run: %.0f a second of one processor\n", "processor time",
           node_took.cpu * us, (double)ended / node_took.cpu);
    for (int i = AGENTS_PART + 1; i < PARTS; i++)
        printf("  %-42s  %.1f us a run\n", part_names[i], taken[i].cpu * us);
    printf("%-44s  %.1f us a run, not counted\n", "the pretended agents",
           taken[AGENTS_PART].cpu * us);
}

static void open_node(const char *path)
{
    static struct rng rng;
    static struct hands hands = {
        .rng = &rng,
        .secret = hand_secret,
        .send = hand_send,
        .know = hand_know,
        .answer = hand_answer,
        .ask = hand_ask,
        .sandbox = hand_sandbox,
        .topics = hand_topics,
        .publish = hand_publish,
        .callbacks = hand_text,
        .notice = hand_slice,
        .facts = hand_facts,
        .snapshot_make = hand_nothing,
        .checkpoint = hand_checkpoint,
        .readers_stop = hand_nothing,
    };
    const struct node_options options = {
        .id = 1,
        .store = 77,
        .state_path = path,
        .name = "n1",
        .address = "127.0.0.1:5055",
        .modes = MODE_MASTER | MODE_SCHEDULER,
        .bootstrap = true,
        .facts = {.version = "1",
                  .name = "n1",
                  .modes = MODE_MASTER | MODE_SCHEDULER,
                  .hostname = "n1",
                  .address = "127.0.0.1",
                  .job_rules = job_rules_default()},
    };
    const struct db_options beside = {.busy_ms = 1000};
    struct error err;
    rng_seed(&rng, 1);
    if (node_open(&options, &hands, now(), &node, &err) != 0 ||
        db_open(path, &beside, &checkpoints, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

/* With all that it has kept. Its election takes pretended time, which costs nothing. */
static void told_again(const char *path)
{
    node_close(node);
    db_close(checkpoints);
    double began = clock_s(CLOCK_MONOTONIC);
    open_node(path);
    double opened = clock_s(CLOCK_MONOTONIC);
    while (!node_ready(node))
        turn(10);
    printf("%-44s  opened after %.0f ms, leads after %.0f\n", "stopped and started again",
           (opened - began) * 1e3, (clock_s(CLOCK_MONOTONIC) - began) * 1e3);
}

int main(int argc, char **argv)
{
    int64_t rate = argc > 1 ? atoll(argv[1]) : 33000, seconds = argc > 2 ? atoll(argv[2]) : 20;
    int64_t step_ms = argc > 3 ? atoll(argv[3]) : 10;
    const char *tmp = getenv("TMPDIR");
    char folder[512], path[600], wal[610];
    struct stat db_stat = {0};
    snprintf(folder, sizeof folder, "%s/bench-runs-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/state.db", folder);
    open_node(path);
    for (int i = 0; i < AGENTS; i++) {
        buf_init(&agents[i].frames, LIMIT_ENTRY_BYTES);
        buf_init(&agents[i].statuses, LIMIT_FRAME_BYTES / 2);
    }
    for (int i = 0; i < 100 || !node_ready(node); i++)
        turn(10);
    int64_t puts_ms = 2 * (rate / PUTS_A_TURN + 1000); /* and some more */
    int64_t first_ms = now().wall.ms + puts_ms;
    post_jobs(rate, first_ms);
    while (now().wall.ms + step_ms < first_ms)
        turn(step_ms);

    now_does(AGENTS_PART);
    memset(taken, 0, sizeof taken);
    double part = clock_s(CLOCK_MONOTONIC);
    int64_t until_ms = first_ms + seconds * 1000, said = 0, next_ms = first_ms;
    while (now().wall.ms < until_ms) {
        turn(step_ms);
        if (now().wall.ms < next_ms + seconds * 1000 / 10)
            continue;
        double s = clock_s(CLOCK_MONOTONIC);
        printf("  after %4lld s of it: %9lld runs have ended, %6.0f a second lately\n",
               (long long)(now().wall.ms - first_ms) / 1000, (long long)ended,
               (double)(ended - said) / (s - part));
        fflush(stdout);
        said = ended;
        part = s;
        next_ms = now().wall.ms;
    }
    stat(path, &db_stat);
    printf("%-44s  %lld due, %lld begun, %lld ended and in the history\n", "runs",
           (long long)(rate * seconds), (long long)begun, (long long)ended);
    told_late();
    told_taken(seconds);
    printf("%-44s  %.0f MiB\n", "the database", (double)db_stat.st_size / 1048576);
    told_again(path);
    node_close(node);
    db_close(checkpoints);
    snprintf(wal, sizeof wal, "rm -r '%s'", folder);
    return system(wal);
}
