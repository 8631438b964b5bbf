/* Who leads, for nodes that are only agents: they have no replica, and ask one that has. */
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "model/frame.h"
#include "node/private.h"

#define ASK_MS_MIN 50
#define ASK_MS_MAX 1000
#define LEARN_MS 5000  /* the leader is asked who else could lead: masters come and go */
#define WELCOME_MS 250 /* within it a leader welcomes us; else it is asked again who leads */
#define MEMBERS_MAX LIMIT_SERVERS

/* ---------------- asking */

bool hint_needed(const struct node *n)
{
    return !modes_serve(n->options.modes);
}

uint64_t node_leader(const struct node *n, uint64_t *term_out)
{
    bool hinted = hint_needed(n);
    *term_out = hinted ? n->hint.term : replica_term(n->replica);
    return hinted ? n->hint.leader : replica_leader(n->replica, NULL);
}

static void tell_loop(struct node *n, const struct master_known *m)
{
    const struct known_node k = {.id = m->id, .modes = m->modes, .address = m->address};
    n->hands->know(n->hands, &k);
}

static struct master_known *find(struct hint *h, int64_t id)
{
    for (size_t i = 0; i < h->masters_n; i++)
        if (h->masters[i].id == id)
            return &h->masters[i];
    return NULL;
}

static void learn(struct node *n, int64_t id, unsigned modes, const char *address)
{
    struct hint *h = &n->hint;
    struct master_known *m = find(h, id);
    if (m != NULL && str_eq(m->address, address))
        return;
    if (m == NULL && h->masters_n == MEMBERS_MAX)
        return;
    if (m == NULL)
        m = &h->masters[h->masters_n++];
    *m = (struct master_known){.id = id, .modes = modes};
    str_copy(m->address, sizeof m->address, address);
    tell_loop(n, m);
}

void hint_begin(struct node *n)
{
    for (size_t i = 0; i < n->options.members_n; i++)
        learn(n, n->options.members[i].id, n->options.members[i].modes,
              n->options.members[i].address);
}

/* The leader is gone, or leads no more: another is looked for at once. */
void hint_lost(struct node *n, int64_t node)
{
    if (n->hint.leader != (uint64_t)node)
        return;
    n->hint.leader = 0;
    n->hint.ask_ms = 0;
    n->hint.ask_due = n->now.mono;
}

/* Who was named as the leader may have died since, unheard: only its welcome shows. */
static bool asks(const struct node *n)
{
    return hint_needed(n) && n->hint.masters_n > 0 &&
           (n->hint.leader == 0 || (n->joined && !agent_registered(n->agent)));
}

static void put_question(struct node *n, int64_t to)
{
    static const char question[] = {FRAME_HINT, '?'};
    n->hands->send(n->hands, to, (struct slice){question, sizeof question});
}

/* While all is well: else, one day, every master that it knows is gone. */
static void learn_of_others(struct node *n)
{
    struct hint *h = &n->hint;
    if (!hint_needed(n) || h->leader == 0 || n->now.mono.ms < h->learn_due.ms)
        return;
    h->learn_due = mono_after(n->now.mono, LEARN_MS);
    put_question(n, (int64_t)h->leader);
}

void hint_tick(struct node *n)
{
    struct hint *h = &n->hint;
    learn_of_others(n);
    if (!asks(n) || n->now.mono.ms < h->ask_due.ms)
        return;
    h->next = (h->next + 1) % h->masters_n;
    h->ask_ms = h->ask_ms == 0 ? ASK_MS_MIN : h->ask_ms * 2;
    if (h->ask_ms > ASK_MS_MAX)
        h->ask_ms = ASK_MS_MAX;
    h->ask_due = mono_after(n->now.mono, h->ask_ms);
    put_question(n, h->masters[h->next].id);
}

struct mono hint_due(const struct node *n)
{
    if (!hint_needed(n))
        return MONO_NEVER;
    struct mono learn = n->hint.leader != 0 ? n->hint.learn_due : MONO_NEVER;
    return asks(n) && n->hint.ask_due.ms < learn.ms ? n->hint.ask_due : learn;
}

/* ---------------- answering */

static void write_masters(struct node *n, struct json_writer *w)
{
    const struct servers *all = members_servers(n);
    json_key(w, "masters");
    json_array(w);
    for (size_t i = 0; i < all->n; i++) {
        json_object(w);
        json_member_int(w, "id", all->items[i].id);
        json_member_int(w, "modes", all->items[i].modes);
        json_member_str(w, "address", all->items[i].address);
        json_object_end(w);
    }
    json_array_end(w);
}

/* To who asked, or spoke to us as if we led. */
void hint_answer(struct node *n, int64_t to)
{
    struct buf frame;
    struct json_writer w;
    if (hint_needed(n))
        return;
    uint64_t leader = replica_leader(n->replica, NULL);
    if (leader == n->options.id && !n->minds_lead) /* about to */
        leader = 0;
    buf_init(&frame, LIMIT_FRAME_BYTES);
    buf_putc(&frame, FRAME_HINT);
    buf_putc(&frame, '!');
    json_begin(&w, &frame);
    json_object(&w);
    json_member_int(&w, "leader", (int64_t)leader);
    json_member_int(&w, "term", (int64_t)replica_term(n->replica));
    write_masters(n, &w);
    json_object_end(&w);
    node_post(n, to, &frame);
}

/* Those of a leader that is gone without a word would look for another after seconds only, and what
 * they have started, but nobody has heard of, would be started elsewhere meanwhile. Those of the
 * other masters have known us for some time, and may have spoken too early. */
void hint_tell_agents(struct node *n)
{
    struct agent_row a;
    struct stmt *q = state_agents(n->state);
    while (state_agent_next(q, &a))
        if (a.state != AGENT_GONE && a.node != (int64_t)n->options.id)
            hint_answer(n, a.node);
}

static bool lists(const struct json *masters, int64_t id)
{
    JSON_EACH (m, masters)
        if (json_int(json_get(m, "id"), 0) == id)
            return true;
    return false;
}

/* Who was replaced is asked no more. Only who hears the leader knows who is left. */
static void forget_others(struct hint *h, const struct json *masters)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->masters_n; i++)
        if (lists(masters, h->masters[i].id))
            h->masters[kept++] = h->masters[i];
    h->masters_n = kept;
}

static void take_answer(struct node *n, int64_t from, struct slice text)
{
    struct error err;
    struct json *v = json_parse(text, &err);
    if (v == NULL) {
        log_warn("hint refused", "from=%lld why=%s", (long long)from, err.text);
        return;
    }
    const struct json *masters = json_get(v, "masters");
    uint64_t term = (uint64_t)json_int(json_get(v, "term"), 0);
    uint64_t leader = (uint64_t)json_int(json_get(v, "leader"), 0);
    if (leader != 0 && term >= n->hint.term && lists(masters, (int64_t)leader))
        forget_others(&n->hint, masters);
    JSON_EACH (m, masters)
        learn(n, json_int(json_get(m, "id"), 0), (unsigned)json_int(json_get(m, "modes"), 0),
              json_str(json_get(m, "address"), ""));
    if (leader == 0 || find(&n->hint, (int64_t)leader) == NULL)
        hint_lost(n, from);
    else if (term >= n->hint.term) {
        if (n->hint.leader != leader || n->hint.term != term) {
            n->hint.ask_ms = WELCOME_MS;
            n->hint.ask_due = mono_after(n->now.mono, WELCOME_MS);
        }
        n->hint.leader = leader;
        n->hint.term = term;
    }
    json_free(v);
}

/* Who knows the leader from the log may have registered with it before it could take that. */
static void register_again(struct node *n, int64_t from, struct slice text)
{
    struct error err;
    struct json *v = json_parse(text, &err);
    uint64_t term, leader = node_leader(n, &term);
    if (n->agent != NULL && !agent_registered(n->agent) && leader == (uint64_t)from &&
        json_int(json_get(v, "leader"), 0) == from &&
        (uint64_t)json_int(json_get(v, "term"), 0) == term)
        n->told_leader = 0;
    json_free(v);
}

void hint_take(struct node *n, int64_t from, struct slice body)
{
    if (body.len > 0 && body.p[0] == '?')
        hint_answer(n, from);
    else if (body.len > 0)
        (hint_needed(n) ? take_answer : register_again)(n, from,
                                                        (struct slice){body.p + 1, body.len - 1});
}
