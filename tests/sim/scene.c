/* Scripts of tests/scenes on virtual time; tests/scenes/README.md says what their lines mean. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "sim/world.h"

#define WORDS_MAX 8
#define SETTLE_MS 120000

struct scene {
    struct world w;
    bool begun;
    int nodes, agents;
    bool verbose;
    int64_t starts;        /* of apps' tasks, when it was marked */
    struct sim_node *last; /* whom the last line named */
};

/* ---- who */

static struct sim_node *host_of(struct world *w, const char *app)
{
    for (int i = 0; i < w->n; i++)
        for (size_t t = 0; t < w->nodes[i].tasks_n; t++)
            if (str_eq(w->nodes[i].tasks[t].of, app) && !task_ended(w->nodes[i].tasks[t].state))
                return &w->nodes[i];
    return NULL;
}

static struct sim_node *follower_of(struct world *w)
{
    for (int i = 0; i < w->options.nodes; i++)
        if (w->nodes[i].node != NULL && !node_leading(w->nodes[i].node))
            return &w->nodes[i];
    return NULL;
}

/* "leader", "follower", "n2" (counted from 1), "agent" (the first that is only that), "it",
 * "host-of /app": or of a job that runs. */
static struct sim_node *who(struct scene *s, char **words, int n)
{
    struct world *w = &s->w;
    struct sim_node *found = NULL;
    int at = n > 0 && words[0][0] == 'n' ? atoi(words[0] + 1) : 0;
    if (n == 0)
        return NULL;
    if (str_eq(words[0], "leader"))
        found = leader_of(w);
    else if (str_eq(words[0], "follower"))
        found = follower_of(w);
    else if (str_eq(words[0], "agent") && s->agents > 0)
        found = &w->nodes[s->nodes];
    else if (str_eq(words[0], "it"))
        found = s->last;
    else if (str_eq(words[0], "host-of") && n > 1)
        found = host_of(w, words[1]);
    else if (at > 0 && at <= w->n)
        found = &w->nodes[at - 1];
    s->last = found;
    return found;
}

/* ---- what the lines do: false: it went wrong, and is said; or the line makes no sense */

static bool do_nodes(struct scene *s, char **words, int n)
{
    if (n < 1 || s->begun)
        return false;
    s->nodes = atoi(words[0]);
    return s->nodes > 0 && s->nodes <= MASTERS_MAX;
}

static bool do_agents(struct scene *s, char **words, int n)
{
    if (n < 1 || s->begun)
        return false;
    s->agents = atoi(words[0]);
    return s->agents >= 0 && s->agents <= WORLD_NODES_MAX - MASTERS_MAX;
}

static bool do_app(struct scene *s, char **words, int n)
{
    return n == 2 && client_want(&s->w, false, words[0], atoi(words[1]));
}

static bool do_job(struct scene *s, char **words, int n)
{
    if (n != 2 && n != 4)
        return false;
    s->w.options.run_ms = n == 4 ? 1000 * (int64_t)atoi(words[2]) : 0;
    s->w.options.epsilon_s = n == 4 ? atoi(words[3]) : 0;
    return client_want(&s->w, true, words[0], atoi(words[1]));
}

static bool do_writes(struct scene *s, char **words, int n)
{
    s->w.options.silent = n != 1 || !str_eq(words[0], "on");
    return n == 1;
}

static bool do_kill(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    if (node == NULL || node->node == NULL)
        return false;
    take_down(node, FATE_KEPT, 0);
    return true;
}

static bool do_end_process(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    if (node == NULL || node->node == NULL)
        return false;
    take_down(node, FATE_KEPT, 0);
    node->up_at = FOREVER_MS;
    return true;
}

static bool do_stop(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    if (node == NULL || node->node == NULL)
        return false;
    deliver(&s->w, node->position, 0, &(struct event){.kind = EVENT_STOP});
    return true;
}

static bool do_lose(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    if (node != NULL)
        kill_host(node, FOREVER_MS);
    return node != NULL;
}

static bool do_start(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    if (node != NULL && node->node == NULL)
        node->up_at = s->w.mono;
    return node != NULL;
}

static bool do_cut(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    for (int i = 0; node != NULL && i < s->w.n; i++) {
        cut(&s->w, node->position, i, FOREVER_MS);
        cut(&s->w, i, node->position, FOREVER_MS);
    }
    return node != NULL;
}

/* It hears nobody, but is heard. */
static bool do_deafen(struct scene *s, char **words, int n)
{
    struct sim_node *node = who(s, words, n);
    for (int i = 0; node != NULL && i < s->w.n; i++)
        cut(&s->w, i, node->position, FOREVER_MS);
    return node != NULL;
}

static bool do_heal(struct scene *s, char **words, int n)
{
    (void)words;
    for (int i = 0; i < s->w.n; i++) {
        s->w.nodes[i].unheard_ms = s->w.mono;
        for (int k = 0; k < s->w.n; k++)
            s->w.cut[i][k] = s->w.mono;
    }
    return n == 0;
}

static bool do_run(struct scene *s, char **words, int n)
{
    return n == 1 && world_run(&s->w, s->w.mono + 1000 * (int64_t)atoi(words[0]));
}

static bool leads_another(struct scene *s, const struct sim_node *old)
{
    struct sim_node *l = leader_of(&s->w);
    return l != NULL && l != old;
}

static bool waits_for_host(struct scene *s, const char *name, int64_t until)
{
    while (s->w.mono < until && world_run(&s->w, s->w.mono + 10))
        if (host_of(&s->w, name) != NULL)
            return true;
    return fail_world(&s->w, "waited for %s in vain", name);
}

/* "wait settled", "wait leader", "wait another-leader" (than whom the last line named), "wait up",
 * "wait host-of /app". */
static bool do_wait(struct scene *s, char **words, int n)
{
    int64_t until = s->w.mono + SETTLE_MS;
    if (n == 2 && str_eq(words[0], "host-of"))
        return waits_for_host(s, words[1], until);
    if (n != 1)
        return false;
    if (str_eq(words[0], "settled"))
        return world_settles(&s->w, SETTLE_MS);
    bool up = str_eq(words[0], "up");
    const struct sim_node *old = str_eq(words[0], "another-leader") ? s->last : NULL;
    while (s->w.mono < until && world_run(&s->w, s->w.mono + 10))
        if (up ? s->last != NULL && s->last->node != NULL && node_ready(s->last->node)
               : leads_another(s, old))
            return true;
    return fail_world(&s->w, "waited for %s in vain", words[0]);
}

static bool do_mark(struct scene *s, char **words, int n)
{
    (void)words;
    s->starts = s->w.starts;
    return n == 0;
}

/* "expect acknowledged", "expect starts 3", "expect at-least-starts 1": of apps' tasks, since the
 * mark. */
static bool do_expect(struct scene *s, char **words, int n)
{
    int64_t starts = s->w.starts - s->starts, wanted = n > 1 ? atoi(words[1]) : 0;
    if (n == 1 && str_eq(words[0], "acknowledged"))
        return check_end(&s->w);
    if (n == 2 && str_eq(words[0], "starts") && starts != wanted)
        return fail_world(&s->w, "%lld tasks were started, expected %lld", (long long)starts,
                          (long long)wanted);
    if (n == 2 && str_eq(words[0], "at-least-starts") && starts < wanted)
        return fail_world(&s->w, "%lld tasks were started, expected at least %lld",
                          (long long)starts, (long long)wanted);
    return n == 2;
}

static const struct {
    const char *word;
    bool (*act)(struct scene *s, char **words, int n);
} acts[] = {
    {"end-process", do_end_process},
    {"nodes", do_nodes},
    {"agents", do_agents},
    {"app", do_app},
    {"job", do_job},
    {"writes", do_writes},
    {"kill", do_kill},
    {"stop", do_stop},
    {"lose", do_lose},
    {"start", do_start},
    {"cut", do_cut},
    {"deafen", do_deafen},
    {"heal", do_heal},
    {"run", do_run},
    {"wait", do_wait},
    {"mark", do_mark},
    {"expect", do_expect},
};

/* ---- lines */

static void begin(struct scene *s)
{
    const struct world_options o = {.seed = 1,
                                    .nodes = s->nodes,
                                    .agents = s->agents,
                                    .trouble_ms = FOREVER_MS,
                                    .wish_ms = 150,
                                    .log_rows = 200,
                                    .silent = true,
                                    .verbose = s->verbose};
    world_begin(&o, &s->w);
    s->begun = true;
}

static int split(char *line, char *words[WORDS_MAX])
{
    int n = 0;
    char *rest = NULL;
    line[strcspn(line, "#\n")] = '\0';
    for (char *word = strtok_r(line, " \t", &rest); word != NULL && n < WORDS_MAX;
         word = strtok_r(NULL, " \t", &rest))
        words[n++] = word;
    return n;
}

static bool play_line(struct scene *s, char **words, int n)
{
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (!str_eq(acts[i].word, words[0]))
            continue;
        if (!s->begun && acts[i].act != do_nodes && acts[i].act != do_agents)
            begin(s);
        return acts[i].act(s, words + 1, n - 1);
    }
    return false;
}

struct block { /* "repeat 10" … "end" */
    long begin;
    int line, times;
};

static bool go_back(FILE *f, struct block *b, int *line)
{
    if (b->times-- <= 1)
        return true;
    *line = b->line;
    return fseek(f, b->begin, SEEK_SET) == 0;
}

int scene_play(const char *path, bool verbose)
{
    static struct scene s;
    char line[256], *words[WORDS_MAX];
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    struct block again = {0};
    bool fine = true;
    int at = 0;
    s = (struct scene){.nodes = 1, .verbose = verbose};
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    while (fine && fgets(line, sizeof line, f) != NULL) {
        at++;
        int n = split(line, words);
        if (n == 2 && str_eq(words[0], "repeat"))
            again = (struct block){ftell(f), at, atoi(words[1])};
        else if (n == 1 && str_eq(words[0], "end"))
            fine = go_back(f, &again, &at);
        else
            fine = n == 0 || play_line(&s, words, n);
    }
    fclose(f);
    if (!fine)
        printf("%s:%d: %s\n", path, at,
               s.w.failure[0] != '\0' ? s.w.failure : "cannot be done, or makes no sense");
    printf("%sok scene %s\n", fine ? "" : "not ", name);
    if (s.begun)
        world_close(&s.w);
    return fine ? 0 : -1;
}
