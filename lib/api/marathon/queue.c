/* What waits to be launched, and why (spec/marathon.md 9.1). */
#include <stdio.h>
#include <string.h>

#include "api/facts.h"
#include "api/marathon/private.h"
#include "base/str.h"
#include "scheduler/apps/apps.h"

/* Without looking closely: most apps have all that they want. */
static bool may_wait(const struct app_row *row)
{
    return row->instances > row->counts.live - row->counts.stopping || row->deployment != 0 ||
           row->counts.running < row->counts.live;
}

int64_t marathon_waiting(const struct view *view, const struct app_row *row, const struct app *a,
                         struct apps_kept *kept)
{
    return may_wait(row) ? apps_waiting(view->state, row, a, view->now.wall, kept) : 0;
}

/* ---- why */

static void put_funnel(const char *name, const struct funnel *f, struct json_writer *w)
{
    int64_t left = f->considered;
    json_key(w, name);
    json_array(w);
    for (size_t i = 0; i < REASONS_N; i++) {
        if (i >= REASON_DOCKER && f->declined[i] == 0)
            continue; /* ours alone */
        json_object(w);
        json_member_str(w, "reason", reason_word((enum reason)i));
        json_member_int(w, "declined", f->declined[i]);
        json_member_int(w, "processed", left);
        json_object_end(w);
        left -= f->declined[i];
    }
    json_array_end(w);
}

/* An agent is what an offer was: each is looked at, now. */
static void put_summary(const struct view *view, struct placement *p, const struct demand *d,
                        struct json_writer *w)
{
    struct funnel funnel;
    place_explain(p, d, &funnel);
    int64_t declined = 0;
    for (size_t i = 0; i < REASONS_N; i++)
        declined += funnel.declined[i];
    json_key(w, "processedOffersSummary");
    json_object(w);
    json_member_int(w, "processedOffersCount", funnel.considered);
    json_member_int(w, "unusedOffersCount", declined);
    if (declined > 0)
        marathon_time(w, "lastUnusedOfferAt", view->now.wall);
    if (declined < funnel.considered)
        marathon_time(w, "lastUsedOfferAt", view->now.wall);
    put_funnel("rejectSummaryLastOffers", &funnel, w);
    put_funnel("rejectSummaryLaunchAttempt", &funnel, w);
    json_object_end(w);
}

struct offers {
    const struct view *view;
    struct json_writer *w;
};

static void put_scalar(const char *name, double value, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "name", name);
    json_member_str(w, "role", "*");
    json_member_double(w, "scalar", value);
    json_object_end(w);
}

static void put_free_ports(const struct ports *ports, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "name", "ports");
    json_member_str(w, "role", "*");
    json_key(w, "ranges");
    json_array(w);
    for (size_t i = 0; i < ports->n; i++) {
        json_object(w);
        json_member_int(w, "begin", ports->ranges[i].begin);
        json_member_int(w, "end", ports->ranges[i].end);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void put_free(const struct resources *free, struct json_writer *w)
{
    json_key(w, "resources");
    json_array(w);
    put_scalar("cpus", (double)free->cpus_milli / 1000, w);
    put_scalar("mem", (double)free->mem_bytes / MIB, w);
    put_scalar("disk", (double)free->disk_bytes / MIB, w);
    put_free_ports(&free->ports, w);
    json_array_end(w);
}

/* Of "[1-5,8-9]"; false: it is not that, and nothing was written. */
static bool put_ranges(const char *text, struct json_writer *w)
{
    const char *at = text;
    int used = 0;
    long long begin, end;
    for (char before = '['; *at != ']'; before = ',', at += used)
        if (*at++ != before || sscanf(at, "%lld-%lld%n", &begin, &end, &used) != 2)
            return false;
    if (at == text || at[1] != '\0')
        return false;
    json_key(w, "ranges");
    json_array(w);
    for (at = text + 1; sscanf(at, "%lld-%lld%n", &begin, &end, &used) == 2; at += used + 1) {
        json_object(w);
        json_member_int(w, "begin", begin);
        json_member_int(w, "end", end);
        json_object_end(w);
    }
    json_array_end(w);
    return true;
}

/* Of "{a,b}". */
static bool put_set(const char *text, struct json_writer *w)
{
    if (!str_starts(text, "{") || !str_ends(text, "}"))
        return false;
    json_key(w, "set");
    json_array(w);
    for (const char *at = text; *at != '}' && !str_eq(text, "{}"); at += strcspn(at, ",}")) {
        at++;
        json_put_slice(w, (struct slice){at, strcspn(at, ",}")});
    }
    json_array_end(w);
    return true;
}

/* As it was given, which says its type (11.1). */
static void put_attribute(const struct json *one, struct json_writer *w)
{
    const char *text = json_str(one, "");
    json_object(w);
    json_member_str(w, "name", json_name(one));
    if (!put_ranges(text, w) && !put_set(text, w)) {
        json_key(w, json_is(one, JSON_NUMBER) ? "scalar" : "text");
        json_put_value(w, one);
    }
    json_object_end(w);
}

static void put_attributes(const char *attributes, struct json_writer *w)
{
    struct error err;
    struct json *all = json_parse(slice_of(attributes), &err);
    json_key(w, "attributes");
    json_array(w);
    JSON_EACH (one, all)
        put_attribute(one, w);
    json_array_end(w);
    json_free(all);
}

static void put_offer(void *data, int64_t agent, enum reason why, const struct resources *free)
{
    const struct offers *o = data;
    struct json_writer *w = o->w;
    struct agent_row row;
    char id[MESOS_ID_SIZE];
    if (!state_agent_by_id(o->view->state, agent, &row))
        return;
    slave_id(o->view, agent, id);
    json_object(w);
    json_key(w, "offer");
    json_object(w);
    json_member_str(w, "id", id); /* an agent has one */
    json_member_str(w, "hostname", row.hostname);
    json_member_str(w, "agentId", id);
    put_free(free, w);
    put_attributes(row.attributes, w);
    json_object_end(w);
    json_key(w, "reason");
    json_array(w);
    json_put_str(w, reason_word(why));
    json_array_end(w);
    marathon_time(w, "timestamp", o->view->now.wall);
    json_object_end(w);
}

static void put_why(const struct view *view, struct placement *p, const struct app_row *row,
                    const struct app *a, int64_t n, bool with_offers, struct json_writer *w)
{
    struct demand d;
    struct ports fixed;
    int64_t kept;
    apps_demand(view->state, row, a, n, view->now.wall, &d, &fixed, &kept);
    put_summary(view, p, &d, w);
    if (with_offers) {
        struct offers o = {view, w};
        json_key(w, "lastUnusedOffers");
        json_array(w);
        place_declined(p, &d, put_offer, &o);
        json_array_end(w);
    }
    ports_close(&fixed);
    resources_close(&d.needs);
}

static void put_delay(const struct view *view, const struct app_row *row, struct json_writer *w)
{
    int64_t left_ms = row->delay_ms > 0 ? row->delay_ref.ms + row->delay_ms - view->now.wall.ms : 0;
    json_key(w, "delay");
    json_object(w);
    json_member_int(w, "timeLeftSeconds", left_ms > 0 ? (left_ms + 999) / 1000 : 0);
    json_member_bool(w, "overdue", left_ms <= 0);
    json_object_end(w);
}

static void put_item(const struct view *view, struct placement *p, struct apps_kept *kept,
                     const struct app_row *row, const struct app *a, int64_t count_left,
                     bool with_offers, struct json_writer *w)
{
    json_object(w);
    json_key(w, row->pod ? "pod" : "app");
    if (row->pod) {
        show_pod(row, w);
    } else {
        json_object(w);
        show_definition(row, w);
        json_object_end(w);
    }
    json_member_int(w, "count", count_left);
    put_delay(view, row, w);
    marathon_time(w, "since", apps_waiting_since(view->state, row, a, view->now.wall, kept));
    put_why(view, p, row, a, count_left, with_offers, w);
    json_object_end(w);
}

void marathon_ask_queue(struct call *c)
{
    struct state *s = c->view->state;
    struct placement *p = placement_new(s, facts_hearing(c->view));
    struct json_writer w;
    struct app_row row;
    struct apps_kept kept = {0};
    bool with_offers = false;
    const char *embed;
    for (size_t cursor = 0; (embed = query_each(&c->query, "embed", &cursor)) != NULL;)
        with_offers = with_offers || slice_is(slice_of(embed), "lastUnusedOffers");
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "queue");
    json_array(&w);
    struct stmt *q = marathon_apps_within(s, "/");
    while (state_app_next(q, &row)) {
        struct app a;
        if (!may_wait(&row))
            continue;
        load_app(&row, &a);
        int64_t n = marathon_waiting(c->view, &row, &a, &kept);
        if (n > 0)
            put_item(c->view, p, &kept, &row, &a, n, with_offers, &w);
        app_close(&a);
    }
    json_array_end(&w);
    json_object_end(&w);
    placement_free(p);
    apps_kept_close(&kept);
}

/* ---- DELETE /v2/queue/{id}/delay */

static void answer_empty(struct tell *t, const struct outcome *o)
{
    (void)o;
    call_text(&t->c, 204, NULL, "");
}

static bool is_waiting(const struct view *v, const struct app_row *row)
{
    struct app a;
    if (!may_wait(row))
        return false;
    load_app(row, &a);
    bool waits = marathon_waiting(v, row, &a, NULL) > 0;
    app_close(&a);
    return waits;
}

void marathon_delete_delay(struct tell *t)
{
    char path[ID_SIZE];
    struct app_row row;
    struct json_writer w;
    if (!marathon_path_id(&t->c, path) || !state_app_by_path(t->c.view->state, path, &row) ||
        !is_waiting(t->c.view, &row)) {
        marathon_message(&t->c, 404, "Application %s not found in tasks queue.", path);
        return;
    }
    tell_begin(t, COMMAND_APP_DELAY_RESET, &w, answer_empty);
    json_member_int(&w, "app", row.id);
    tell_end(t, &w);
}
