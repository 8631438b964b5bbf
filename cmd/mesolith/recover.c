/* mesolith recover - a stopped node goes on as a cluster of one, because the others are gone for
 * good (lib/node/refound.h). */
#include "cli_noun.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "folder.h"
#include "model/address.h"
#include "node/refound.h"
#include "replica/replica.h"

#define CONNECT_MS 1000
#define WORD "recover"

struct recovering {
    struct folder folder;
    struct db *db;
    struct state *state;
    struct replica_stored stored;
    struct replica_stored_member self;
    size_t voters, alive; /* alive: others, of the voters */
    bool answers[LIMIT_SERVERS];
    int64_t gone[LIMIT_SERVERS];
    size_t n_gone;
};

/* ---- who is still there */

static bool connects(const struct addrinfo *to)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int failed = 0;
    socklen_t len = sizeof failed;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    bool up =
        fd >= 0 && (connect(fd, to->ai_addr, to->ai_addrlen) == 0 ||
                    (poll(&wait, 1, CONNECT_MS) == 1 &&
                     getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0));
    if (fd >= 0)
        close(fd);
    return up;
}

/* Does a process listen where that node had its peer port? */
static bool answers(const char *text)
{
    struct address address;
    struct error ignored;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char port[8];
    if (address_parse(text, &address, &ignored) != 0)
        return false;
    snprintf(port, sizeof port, "%u", address.port);
    if (getaddrinfo(address.host, port, &hints, &found) != 0)
        return false;
    bool up = false;
    for (const struct addrinfo *a = found; a != NULL && !up; a = a->ai_next)
        up = connects(a);
    freeaddrinfo(found);
    return up;
}

static void look_for_others(struct recovering *r)
{
    for (size_t i = 0; i < r->stored.n; i++) {
        const struct replica_stored_member *m = &r->stored.members[i];
        bool voter = m->role == REPLICA_VOTER;
        r->voters += voter;
        if (m->id == r->folder.id) {
            r->self = *m;
            continue;
        }
        r->gone[r->n_gone++] = (int64_t)m->id;
        r->answers[i] = answers(m->address);
        r->alive += voter && r->answers[i];
    }
}

/* ---- may it be? */

static int check(const struct recovering *r, struct error *err)
{
    const char *data = r->folder.path;
    if (r->stored.n == 0)
        return error_set(err, ERR_NOT_FOUND,
                         "data: the node of %s was never of a cluster: there is nothing to recover",
                         data);
    if (r->self.id == 0)
        return error_set(err, ERR_CONFLICT,
                         "data: the node of %s was removed from its cluster: what it has is old",
                         data);
    if (r->n_gone == 0)
        return error_set(err, ERR_CONFLICT,
                         "data: the node of %s is a cluster of one already: start it with mesolith "
                         "serve --data %s",
                         data, data);
    bool votes = r->self.role == REPLICA_VOTER;
    if (r->alive + votes > r->voters / 2)
        return error_set(err, ERR_CONFLICT,
                         "%zu of the other %zu voters answer, a majority%s: nothing is lost, start "
                         "this node with mesolith serve --data %s",
                         r->alive, r->voters - votes, votes ? " with this node" : "", data);
    return 0;
}

static int open_node(struct recovering *r, const char *data, struct error *err)
{
    const struct db_options options = {.fail_stop = true};
    pid_t holder = folder_holder(data);
    if (!folder_has_node(data))
        return error_set(err, ERR_NOT_FOUND, "data: %s: there is no node in this folder", data);
    if (holder != 0)
        return error_set(err, ERR_CONFLICT,
                         "data: the node of %s runs, process %d: this is for a node that has "
                         "ended. If it has no leader, and never will: mesolith stop --data %s",
                         data, (int)holder, data);
    if (folder_open(data, &r->folder, err) != 0 ||
        db_open(r->folder.state, &options, &r->db, err) != 0 ||
        replica_look(r->db, &r->stored, err) != 0)
        return -1;
    if (r->stored.id == 0)
        return error_set(err, ERR_CONFLICT,
                         "data: %s holds a restored backup, a cluster of its own already: start it",
                         data);
    if (r->stored.id != r->folder.id)
        return error_set(err, ERR_CORRUPT, "data: %s: state.db is another node's", data);
    return state_open(r->db, false, &r->state, err);
}

static void close_node(struct recovering *r)
{
    state_close(r->state);
    db_close(r->db);
    folder_close(&r->folder);
}

/* ---- what is said before */

static struct wall newest_event(struct state *s)
{
    struct event_row e = {0};
    struct events *q = state_events_before(s, INT64_MAX, 1);
    struct wall at = {state_event_next(q, &e) ? e.at.ms : 0};
    state_events_end(q);
    return at;
}

static void say_members(struct cli *c, const struct recovering *r)
{
    static const struct column columns[] = {{"NODE", COLUMN_TEXT},
                                            {"NAME", COLUMN_TEXT},
                                            {"ADDRESS", COLUMN_TEXT},
                                            {"NOW", COLUMN_FREE}};
    struct table t;
    struct node_row row;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < r->stored.n; i++) {
        const struct replica_stored_member *m = &r->stored.members[i];
        bool self = m->id == r->folder.id;
        bool known = state_node_by_id(r->state, (int64_t)m->id, &row);
        table_printf(&t, INK_NONE, "%llu", (unsigned long long)m->id);
        table_put(&t, INK_NONE, known ? row.name : "");
        table_put(&t, INK_NONE, m->address);
        table_put(&t, self ? INK_GOOD : INK_BAD,
                  self            ? "goes on, alone"
                  : r->answers[i] ? "is removed; it ANSWERS: end it first"
                                  : "is removed");
    }
    cli_table(c, &t);
}

static void say_what_follows(struct cli *c, const struct recovering *r)
{
    struct wall newest = newest_event(r->state);
    char when[TIME_TEXT_SIZE], ago[TEXT_SIZE];
    cli_say(
        c, 0,
        "This node has the log up to index %llu, term %llu; up to %llu it knows that a majority "
        "had it. The last thing that happened in it was at %s, %s ago.",
        (unsigned long long)r->stored.last, (unsigned long long)r->stored.term,
        (unsigned long long)r->stored.applied, wall_text(newest, when),
        text_duration(ago, c->now.ms - newest.ms));
    cli_say(c, 0,
            "Whatever the others have agreed on after that is LOST, also what they have "
            "answered as done; what this node has beyond index %llu becomes true.",
            (unsigned long long)r->stored.applied);
    buf_putc(&c->out, '\n');
    say_members(c, r);
    buf_putc(&c->out, '\n');
    cli_say(c, 0,
            "The removed ones cannot come back as they are, nor their agents: this node "
            "refuses them. Their tasks count as lost and are started elsewhere. On each of "
            "them: mesolith stop --all, an empty folder, and mesolith join with a token of "
            "this node. A master of them that is started while this node runs is told, and "
            "stops; out of its reach they may still make a cluster among themselves: do not "
            "start them again. Nor do this while they are one: each of them that restarts "
            "would stop for good.");
}

/* ---- is that wanted? */

static int ask(struct cli *c, struct error *err)
{
    char line[32] = "";
    fwrite(buf_str(&c->out), 1, c->out.len, stdout);
    buf_clear(&c->out);
    if (cli_on(c, FLAG_YES))
        return 0;
    if (!isatty(STDIN_FILENO))
        return error_set(err, ERR_SYNTAX,
                         "nobody can be asked whether that is wanted: --yes says so");
    printf("\nType " WORD " to go on: ");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return str_eq(line, WORD) ? 0 : error_set(err, ERR_CANCELED, "nothing was changed");
}

static int refound(struct recovering *r, struct error *err)
{
    const struct refounding how = {
        .id = r->stored.id,
        .store = r->stored.store,
        .address = r->self.address,
        .gone = r->gone,
        .n = r->n_gone,
        .reason = "the cluster was recovered without it",
        .now = cli_time(),
    };
    if (node_refound(r->state, &how, err) != 0)
        return -1;
    r->folder.node.n = 0; /* it asks nobody of them any more */
    return node_file_write(r->folder.path, &r->folder.node, err);
}

static int recover(struct cli *c, struct recovering *r, struct error *err)
{
    const char *data = cli_flag_text(c, FLAG_DATA);
    if (data == NULL)
        return error_set(err, ERR_SYNTAX, "--data is missing: it names the stopped node's folder");
    if (open_node(r, data, err) != 0)
        return -1;
    look_for_others(r);
    if (check(r, err) != 0)
        return -1;
    say_what_follows(c, r);
    if (ask(c, err) != 0 || refound(r, err) != 0)
        return -1;
    cli_say(c, 0, "Done. Start it: mesolith serve --data %s", r->folder.path);
    return 0;
}

static int run(struct cli *c, struct error *err)
{
    static struct recovering r;
    r.folder.lock_fd = -1;
    int rv = recover(c, &r, err);
    close_node(&r);
    return rv;
}

static const struct cli_verb verbs[] = {
    {
        .name = "",
        .operands = "--data DIR",
        .names = NAME_NONE,
        .flags = F(DATA) | F(YES) | F(HELP),
        .run = run,
        .about = "Makes a stopped node a cluster of one, when the others are gone for good",
        .examples = {"mesolith recover --data /var/lib/mesolith",
                     "mesolith recover --data /var/lib/mesolith --yes"},
    },
};

const struct cli_noun recover_noun = {
    .name = "recover",
    .about = "goes on alone, when most of the cluster is gone for good",
    .verbs = verbs,
    .n = 1,
};
