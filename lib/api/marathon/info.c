/* The small endpoints (spec/marathon.md 14). */
#include <stdlib.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/str.h"
#include "http/negotiate.h"

#define MARATHON_VERSION "1.11.0" /* whose contract we keep; clients compare numbers */

void marathon_ask_ping(struct call *c)
{
    static const char *const offers[] = {"text/plain", "application/json", "text/html"};
    switch (accept_best(header_get(c->request->headers, "Accept"), offers, 3)) {
    case 1:
        call_text(c, 200, offers[1], "\"pong\"");
        break;
    case 2:
        call_text(c, 200, offers[2], "pong");
        break;
    default:
        call_text(c, 200, offers[0], "pong");
    }
}

/* ---- GET /v2/info */

static void put_null(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_put_null(w);
}

/* The port at the end of a URL of ours; null when there is none. */
static void put_port(struct json_writer *w, const char *name, const char *url, const char *scheme)
{
    const char *colon = url != NULL && str_starts(url, scheme) ? strrchr(url, ':') : NULL;
    if (colon == NULL)
        put_null(w, name);
    else
        json_member_int(w, name, strtoll(colon + 1, NULL, 10));
}

static void put_features(unsigned features, struct json_writer *w)
{
    static const struct {
        enum app_feature feature;
        const char *word;
    } words[] = {{FEATURE_SECRETS, "secrets"},
                 {FEATURE_EXTERNAL_VOLUMES, "external_volumes"},
                 {FEATURE_GPU_RESOURCES, "gpu_resources"}};
    json_key(w, "features");
    json_array(w);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (features & words[i].feature)
            json_put_str(w, words[i].word);
    json_array_end(w);
}

void marathon_put_options(const struct facts *f, struct json_writer *w)
{
    json_member_str(w, "master", f->leader_mesos);
    json_member_int(w, "failover_timeout", 604800);
    json_member_str(w, "framework_name", "marathon");
    json_member_bool(w, "ha", true);
    json_member_bool(w, "checkpoint", true);
    json_member_int(w, "local_port_min", SERVICE_PORT_MIN);
    json_member_int(w, "local_port_max", SERVICE_PORT_MAX);
    json_member_str(w, "executor", "//cmd");
    json_member_str(w, "hostname", f->hostname);
    put_null(w, "webui_url");
    if (f->leader_mesos != NULL) {
        struct buf url;
        buf_init(&url, 1024);
        buf_printf(&url, "%s://%s/",
                   f->url_mesos != NULL && str_starts(f->url_mesos, "https:") ? "https" : "http",
                   f->leader_mesos);
        json_member_str(w, "mesos_leader_ui_url", buf_str(&url));
        buf_close(&url);
    } else {
        put_null(w, "mesos_leader_ui_url");
    }
    json_member_str(w, "access_control_allow_origin", f->allow_origin);
    json_member_str(w, "mesos_role", f->app_rules.role);
    json_member_str(w, "default_network_name", f->app_rules.network);
    json_member_str(w, "mesos_bridge_name",
                    f->app_rules.bridge != NULL ? f->app_rules.bridge : "mesos-bridge");
    json_member_int(w, "task_launch_timeout", 300000);
    json_member_int(w, "reconciliation_interval", 600000);
    put_features(f->app_rules.features, w);
}

/* There is none: the keys are there for clients that ask for them. */
static void put_zookeeper(struct json_writer *w)
{
    json_key(w, "zookeeper_config");
    json_object(w);
    put_null(w, "zk");
    put_null(w, "zk_timeout");
    put_null(w, "zk_session_timeout");
    json_member_int(w, "zk_max_versions", LIMIT_APP_VERSIONS);
    json_object_end(w);
}

void marathon_ask_info(struct call *c)
{
    const struct facts *f = c->view->facts;
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "name", "marathon");
    json_member_str(&w, "version", MARATHON_VERSION);
    json_member_str(&w, "buildref", f->version);
    json_member_bool(&w, "elected", f->leading);
    json_member_str(&w, "leader", f->leader_marathon);
    if (f->cluster != NULL) {
        char id[MESOS_ID_SIZE];
        json_member_str(&w, "frameworkId", mesos_framework_id(f->cluster, OWNER_APP, id));
    } else {
        put_null(&w, "frameworkId");
    }
    json_key(&w, "marathon_config");
    json_object(&w);
    marathon_put_options(f, &w);
    json_object_end(&w);
    put_zookeeper(&w);
    json_key(&w, "http_config");
    json_object(&w);
    put_port(&w, "http_port", f->url_marathon, "http:");
    put_port(&w, "https_port", f->url_marathon, "https:");
    json_object_end(&w);
    json_object_end(&w);
}

/* ---- /v2/leader */

void marathon_ask_leader(struct call *c)
{
    const struct facts *f = c->view->facts;
    struct json_writer w;
    if (f->leader_marathon == NULL) {
        marathon_message(c, 404, MARATHON_NO_LEADER);
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "leader", f->leader_marathon);
    json_object_end(&w);
}

static void abdicated(struct tell *t, const struct outcome *o)
{
    (void)o;
    marathon_message(&t->c, 200, "Leadership abdicated");
}

void marathon_delete_leader(struct tell *t)
{
    static const char *const unsupported[] = {"backup", "restore"};
    const struct facts *f = t->c.view->facts;
    size_t voters = 0;
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
        if (query_get(&t->c.query, unsupported[i]) != NULL) {
            marathon_message(&t->c, 422, "%s: is not supported: see mesolith backup",
                             unsupported[i]);
            return;
        }
    for (size_t i = 0; i < f->members_n; i++)
        voters += f->members[i].voter;
    if (call_is_for_another_term(&t->c))
        abdicated(t, NULL); /* that one leads no more */
    else if (voters < 2)
        marathon_message(&t->c, 409, "no other node votes, so no other can lead");
    else
        tell_hand_over(t, 0, abdicated);
}

/* ---- /v2/plugins: there are none */

void marathon_ask_plugins(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "plugins");
    json_array(&w);
    json_array_end(&w);
    json_object_end(&w);
}

void marathon_ask_plugin(struct call *c)
{
    marathon_message(c, 404, "No plugin with this pluginId: %s", call_param(c, "id"));
}
