#include "newcomer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/identity.h"
#include "cluster/joiner.h"
#include "config.h"
#include "folder.h"
#include "listeners.h"
#include "machine.h"
#include "model/command.h"
#include "own_args.h"
#include "replica/replica.h"
#include "serve.h"

#define HOUR_MS INT64_C(3600000)
#define TOKEN_HOURS 24
#define PATIENCE_MS 10000 /* with a cluster that has no leader yet, or does not listen yet */
#define PAUSE_MS 200
#define SETTINGS_BYTES (2 << 20)

struct newcomer {
    struct config config;
    struct folder folder;
    struct identity identity;
    struct address address; /* where the others will reach us */
    char name[NODE_NAME_SIZE];
    bool serves; /* --serve */
};

static struct wall now_of(void)
{
    struct clock clock = clock_system();
    return clock.wall(&clock);
}

static bool has_state(const struct newcomer *n)
{
    return access(n->folder.state, F_OK) == 0;
}

/* ---- both */

static int begin(struct newcomer *n, int argc, char **argv, struct error *err)
{
    if (config_read(&n->config, argc, argv, err) != 0 ||
        peer_address_of(&n->config, &n->address, err) != 0 ||
        config_check_kept(&n->config, err) != 0)
        return -1;
    if (listener_check_tls(&n->config, config_modes(&n->config), err) != 0)
        return -1;
    if (listener_check_plain(&n->config, config_modes(&n->config), err) != 0)
        return config_blame(&n->config, SETTING_ADDRESS, err);
    name_of(&n->config, n->name, sizeof n->name);
    return folder_open(config_text(&n->config, SETTING_DATA), &n->folder, err);
}

static void end(struct newcomer *n)
{
    identity_close(&n->identity);
    folder_close(&n->folder);
    config_close(&n->config);
}

static void keep_settings(struct newcomer *n)
{
    struct buf text;
    buf_init(&text, SETTINGS_BYTES);
    config_keep(&n->config, &text);
    mem_free(n->folder.node.settings);
    n->folder.node.settings = buf_take(&text, &(size_t){0});
}

/* Then the same process serves, or whoever reads what was printed. */
static int finish(struct newcomer *n, int rc, int argc, char **argv, const struct error *err)
{
    bool serves = n->serves;
    end(n);
    fflush(stdout);
    if (rc == 0)
        return serves ? serve_main(argc, argv) : 0;
    fprintf(stderr, "error: %s\n", err->text);
    return error_exit_status(err->code);
}

/* ---- init */

/* Of a backup, and nobody's yet: its first start makes a cluster of it (node/refound.h). */
static bool is_restored(const struct newcomer *n)
{
    struct db *db;
    struct error ignored;
    uint64_t owner;
    const struct db_options options = {.read_only = true};
    if (db_open(n->folder.state, &options, &db, &ignored) != 0)
        return false;
    bool restored = replica_owner(db, &owner, &ignored) == 0 && owner == 0;
    db_close(db);
    return restored;
}

static int check_folder_for_init(const struct newcomer *n, struct error *err)
{
    const struct node_file *f = &n->folder.node;
    if (f->cluster[0] != '\0' && !f->founded)
        return error_set(err, ERR_CONFLICT,
                         "data: the node of %s has joined cluster %s: mesolith serve --data %s "
                         "starts it, and another cluster needs another folder",
                         n->folder.path, f->cluster, n->folder.path);
    if (has_state(n) && !f->started && is_restored(n))
        return 0;
    if (f->cluster[0] != '\0' && (f->started || has_state(n)))
        return error_set(err, ERR_CONFLICT,
                         "data: cluster %s was made in %s already: mesolith serve --data %s starts "
                         "it, mesolith token create lets nodes join",
                         f->cluster, n->folder.path, n->folder.path);
    if (has_state(n))
        return error_set(err, ERR_CONFLICT,
                         "data: %s holds a node of mesolith dev: name another folder",
                         n->folder.path);
    return 0;
}

static void facts_of(const struct newcomer *n, struct rng *rng, struct certificate *c)
{
    *c = (struct certificate){.id = n->folder.node.id,
                              .store = n->folder.node.store,
                              .serial = rng_id(rng),
                              .modes = config_modes(&n->config),
                              .n = 1};
    str_copy(c->hosts[0], ADDRESS_HOST_SIZE, n->address.host);
}

/* The CA is made once: whoever was killed after that goes on with it. */
static int found(struct newcomer *n, struct error *err)
{
    const struct folder *f = &n->folder;
    char cluster[UUID_TEXT_SIZE];
    struct certificate facts;
    struct rng rng;
    int64_t life_ms = config_number(&n->config, SETTING_LIMIT_CERTIFICATE_MS);
    rng_seed(&rng, machine_random());
    facts_of(n, &rng, &facts);
    if (!identity_is_there(f->path) && identity_found(f->path, uuid_text(rng_uuid(&rng), cluster),
                                                      &facts, now_of(), life_ms, err) != 0)
        return -1;
    if (identity_open(f->path, f->node.id, f->node.store, &n->identity, err) != 0)
        return -1;
    n->identity.facts.modes = facts.modes;
    n->identity.facts.n = facts.n;
    memcpy(n->identity.facts.hosts, facts.hosts, sizeof facts.hosts);
    return identity_renew_self(&n->identity, facts.serial, now_of(), life_ms, err);
}

static void draw_token(const struct newcomer *n, int64_t hours, struct token *t,
                       struct founding *out)
{
    *t = (struct token){.modes = MODES_ALL};
    ca_fingerprint(n->identity.ca, t->ca);
    machine_secret(t->secret, sizeof t->secret);
    while (t->id == 0)
        machine_secret(&t->id, sizeof t->id);
    *out = (struct founding){
        .token = t->id, .modes = t->modes, .until = {now_of().ms + hours * HOUR_MS}};
    token_hash(t->id, t->secret, out->hash);
}

static void tell_founded(const struct newcomer *n, const struct token *t, struct wall until)
{
    char token[TOKEN_TEXT_SIZE], where[ADDRESS_SIZE], end_text[TIME_TEXT_SIZE];
    address_text(&n->address, where);
    printf("cluster %s was made; its first node is %s, at %s\n", ca_cluster(n->identity.ca),
           n->name, where);
    if (!n->serves)
        printf("start it:\n  mesolith serve --data %s\n", n->folder.path);
    printf("add a node, while this one runs, from another machine or with another address and "
           "folder:\n  mesolith join %s --token %s --address ADDRESS --data DIR --serve\n",
           where, token_text(t, token));
    printf("the token is good until %s, for all modes; mesolith token create makes others\n",
           wall_text(until, end_text));
}

static int init(struct newcomer *n, const char *hours_text, struct error *err)
{
    struct node_file *f = &n->folder.node;
    struct token token;
    int64_t hours = TOKEN_HOURS;
    if (hours_text != NULL &&
        (!str_to_i64(hours_text, &hours) || hours < 1 || hours > LIMIT_TOKEN_DAYS * 24))
        return error_set(err, ERR_INVALID, "--token-hours: got %s, need 1 to %d", hours_text,
                         LIMIT_TOKEN_DAYS * 24);
    if (check_folder_for_init(n, err) != 0 || found(n, err) != 0)
        return -1;
    draw_token(n, hours, &token, &f->founding);
    str_copy(f->cluster, sizeof f->cluster, ca_cluster(n->identity.ca));
    f->founded = true;
    address_text(&n->address, f->address);
    keep_settings(n);
    if (node_file_write(n->folder.path, f, err) != 0)
        return -1;
    tell_founded(n, &token, f->founding.until);
    return 0;
}

int init_main(int argc, char **argv)
{
    static struct newcomer n;
    struct error err = {0};
    char *hours;
    n.folder.lock_fd = -1;
    n.serves = own_switch(&argc, argv, "--serve");
    int rc = own_value(&argc, argv, "--token-hours", &hours, &err);
    if (rc == 0)
        rc = begin(&n, argc, argv, &err);
    if (rc == 0)
        rc = init(&n, hours, &err);
    return finish(&n, rc, argc, argv, &err);
}

/* ---- join: the token */

static int read_line(FILE *from, const char *what, char **out, struct error *err)
{
    char line[2 * TOKEN_TEXT_SIZE] = "";
    if (fgets(line, sizeof line, from) == NULL)
        return error_set(err, ERR_INVALID, "token: %s has none", what);
    line[strcspn(line, "\r\n")] = '\0';
    *out = slice_dup(str_unmarked(slice_of(line)));
    return 0;
}

static int read_token_file(const char *path, char **out, struct error *err)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return error_set(err, ERR_NOT_FOUND, "--token-file: %s: %m", path);
    int rc = read_line(f, path, out, err);
    fclose(f);
    return rc;
}

/* Of the flags, the file, the environment, in that order; freed by the caller. */
static int find_token(char *flag, const char *path, char **out, struct error *err)
{
    const char *variable = getenv("MESOLITH_TOKEN");
    if (flag != NULL && str_eq(flag, "-"))
        return read_line(stdin, "stdin", out, err);
    if (flag != NULL) {
        *out = mem_strdup(flag); /* main() has crossed it out where ps looks */
        return 0;
    }
    if (path != NULL)
        return str_eq(path, "-") ? read_line(stdin, "stdin", out, err)
                                 : read_token_file(path, out, err);
    if (variable == NULL || *variable == '\0')
        return error_set(err, ERR_INVALID,
                         "token: is missing: --token TOKEN, --token - (stdin), --token-file FILE "
                         "or MESOLITH_TOKEN; mesolith token create, on a node of the cluster, "
                         "makes one");
    *out = mem_strdup(variable);
    return 0;
}

/* The launcher has our arguments and our environment for as long as tasks run. */
static int take_token(char *flag, const char *path, struct token *out, struct error *err)
{
    char *text = NULL;
    int rc = find_token(flag, path, &text, err);
    unsetenv("MESOLITH_TOKEN");
    if (rc == 0)
        rc = launcher_fork(NULL, &serve_launcher, err);
    if (rc == 0)
        rc = token_parse(text, out, err);
    if (text != NULL)
        memset(text, 0, strlen(text));
    mem_free(text);
    return rc;
}

/* ---- join: whom, and as whom */

/* "10.0.0.1" has the peer port that we have. */
static int parse_target(const struct config *c, const char *word, struct address *out,
                        struct error *err)
{
    char with_port[ADDRESS_SIZE + 8];
    struct error ignored;
    if (word == NULL)
        return error_set(err, ERR_SYNTAX,
                         "need the address of a node of the cluster: mesolith join ADDRESS "
                         "--token TOKEN");
    const char *colon = strchr(word, ':');
    bool has_port = colon != NULL && strchr(colon + 1, ':') == NULL;
    if (has_port || address_parse(word, out, &ignored) == 0)
        return address_parse(word, out, err);
    bool v6 = colon != NULL && strchr(word, '[') == NULL;
    snprintf(with_port, sizeof with_port, "%s%.254s%s:%lld", v6 ? "[" : "", word, v6 ? "]" : "",
             (long long)config_number(c, SETTING_PEER_PORT));
    return address_parse(with_port, out, err);
}

/* Again: our certificate is over, or we have moved, and the cluster is the same. */
static int check_folder_for_join(struct newcomer *n, const struct token *token, bool *again_out,
                                 struct error *err)
{
    const struct folder *f = &n->folder;
    struct error over;
    *again_out = false;
    if (!identity_is_there(f->path)) {
        if (f->node.cluster[0] == '\0' && has_state(n))
            return error_set(err, ERR_CONFLICT,
                             "data: %s holds a node of mesolith dev: name another folder", f->path);
        return 0;
    }
    if (f->node.cluster[0] == '\0')
        return error_set(err, ERR_CONFLICT,
                         "data: mesolith init was interrupted in %s: say that again, or name "
                         "another folder",
                         f->path);
    if (identity_open(f->path, f->node.id, f->node.store, &n->identity, err) != 0)
        return -1;
    *again_out = identity_check_age(&n->identity, now_of(), &over) != 0 ||
                 !certificate_names(&n->identity.facts, n->address.host);
    if (*again_out)
        return ca_expect(n->identity.ca, token->ca, err);
    return error_set(err, ERR_CONFLICT,
                     "data: the node of %s is of cluster %s already: mesolith serve --data %s "
                     "starts it, and a new node needs another folder",
                     f->path, f->node.cluster, f->path);
}

/* ---- join: asking */

struct asking {
    struct joiner joiner;
    struct loop loop;
    struct buf answer;
    struct error err; /* ERR_NONE: answered */
};

static void on_answer(struct joiner *j, struct slice answer, const struct error *err)
{
    struct asking *a = j->data;
    buf_clear(&a->answer);
    buf_put_slice(&a->answer, answer);
    a->err = err != NULL ? *err : (struct error){0};
}

static int ask_once(struct asking *a, const struct address *to, const struct token *token,
                    const struct join_request *r, struct json **root_out, struct join_answer *out,
                    struct error *err)
{
    a->joiner.data = a;
    if (joiner_start(&a->joiner, &a->loop, to, token, r, on_answer, err) != 0)
        return -1;
    loop_run(&a->loop);
    if (a->err.code != ERR_NONE) {
        *err = a->err;
        return -1;
    }
    return join_answer_parse(buf_slice(&a->answer), root_out, out, err);
}

/* A cluster that is just starting, or choosing a leader, is asked again. */
static int ask(struct asking *a, const struct address *to, const struct token *token,
               const struct join_request *r, struct json **root_out, struct join_answer *out,
               struct error *err)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000};
    struct clock clock = clock_system();
    struct mono give_up = mono_after(clock.mono(&clock), PATIENCE_MS);
    bool told = false;
    while (ask_once(a, to, token, r, root_out, out, err) != 0) {
        if (err->code != ERR_UNAVAILABLE || clock.mono(&clock).ms >= give_up.ms)
            return -1;
        if (!told)
            fprintf(stderr, "%s; trying again for %d s\n", err->text, PATIENCE_MS / 1000);
        told = true;
        nanosleep(&pause, NULL);
    }
    return 0;
}

static void fill_request(const struct newcomer *n, const struct token *t, const char *request,
                         struct join_request *r)
{
    *r = (struct join_request){.ask = JOIN_NEW,
                               .request = request,
                               .token = t->id,
                               .id = n->folder.node.id,
                               .store = n->folder.node.store,
                               .name = n->name,
                               .version = VERSION,
                               .modes = config_modes(&n->config),
                               .level = COMMAND_LEVEL};
    memcpy(r->secret, t->secret, sizeof r->secret);
    address_text(&n->address, r->address);
}

/* ---- join: what comes of it */

/* First node.json, then certs/: by that the node has joined. */
static int take_answer(struct newcomer *n, const struct key *key, const struct join_answer *a,
                       struct error *err)
{
    struct node_file *f = &n->folder.node;
    str_copy(f->cluster, sizeof f->cluster, a->cluster);
    f->n = 0;
    for (size_t i = 0; i < a->n; i++)
        if (a->members[i].id != f->id)
            f->members[f->n++] = a->members[i];
    address_text(&n->address, f->address);
    keep_settings(n);
    if (node_file_write(n->folder.path, f, err) != 0)
        return -1;
    if (n->identity.ca != NULL)
        return identity_renew(&n->identity, slice_of(a->certificate), now_of(), err);
    return identity_write(n->folder.path, key, a, err);
}

static void tell_joined(const struct newcomer *n)
{
    char modes[MODES_TEXT_SIZE], where[ADDRESS_SIZE];
    printf("%s has joined cluster %s as %s, at %s\n", n->name, n->folder.node.cluster,
           modes_text(config_modes(&n->config), modes), address_text(&n->address, where));
    if (!n->serves)
        printf("start it:\n  mesolith serve --data %s\n", n->folder.path);
}

static int join_with(struct newcomer *n, struct asking *a, const struct key *key,
                     const struct address *to, const struct token *token, struct error *err)
{
    struct join_request r;
    struct join_answer answer;
    struct json *root = NULL;
    struct buf request;
    buf_init(&request, LIMIT_CERTIFICATE_BYTES);
    key_request(key, &request);
    fill_request(n, token, buf_str(&request), &r);
    int rc = ask(a, to, token, &r, &root, &answer, err);
    if (rc == 0)
        rc = identity_check_answer(&answer, token->ca, key, r.id, r.store, now_of(), err);
    if (rc == 0)
        rc = take_answer(n, key, &answer, err);
    json_free(root);
    buf_close(&request);
    memset(&r, 0, sizeof r);
    return rc;
}

static int join(struct newcomer *n, const char *word, const struct token *token, struct error *err)
{
    static struct asking a;
    struct address to;
    struct key *key = NULL;
    bool again;
    if (parse_target(&n->config, word, &to, err) != 0 ||
        check_folder_for_join(n, token, &again, err) != 0 || loop_init(&a.loop, err) != 0)
        return -1;
    buf_init(&a.answer, LIMIT_JOIN_BYTES);
    int rc = again ? 0 : identity_begin(n->folder.path, &key, err);
    if (rc == 0)
        rc = join_with(n, &a, again ? n->identity.key : key, &to, token, err);
    if (rc == 0)
        tell_joined(n);
    key_free(key);
    buf_close(&a.answer);
    loop_close(&a.loop);
    return rc;
}

int join_main(int argc, char **argv)
{
    static struct newcomer n;
    struct error err = {0};
    struct token token;
    char *flag, *path, *word;
    n.folder.lock_fd = -1;
    n.serves = own_switch(&argc, argv, "--serve");
    int rc = own_value(&argc, argv, "--token", &flag, &err);
    if (rc == 0)
        rc = own_value(&argc, argv, "--token-file", &path, &err);
    word = own_word(&argc, argv);
    if (rc == 0)
        rc = take_token(flag, path, &token, &err);
    if (rc == 0)
        rc = begin(&n, argc, argv, &err);
    if (rc == 0)
        rc = join(&n, word, &token, &err);
    memset(&token, 0, sizeof token);
    return finish(&n, rc, argc, argv, &err);
}
