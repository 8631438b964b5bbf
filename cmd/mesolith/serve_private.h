/* cmd/mesolith/serve_private.h - what the files of `serve` share: a node as a process. */
#pragma once

#include "backups.h"
#include "config.h"
#include "elsewhere.h"
#include "folder.h"
#include "graphite.h"
#include "host/host.h"
#include "http/basic.h"
#include "listeners.h"
#include "peer_port.h"
#include "proxy/client.h"
#include "tasks.h"

#define URL_SIZE 96

struct server {
    int argc;
    char **argv; /* HUP reads them again */
    struct config config;
    struct folder folder;
    struct loop loop;
    struct http_server *http;
    struct host *host;
    struct tasks tasks;
    struct elsewhere elsewhere;
    struct backups backups;
    struct graphite graphite; /* graphite_runs */
    struct proxy_client proxy;
    struct join_member members[LIMIT_SERVERS]; /* whom the node asks first; known: the same */
    struct known_node known[LIMIT_SERVERS];
    struct peer_port peer_port; /* of a node of a cluster; `dev` opens none */
    bool peer_port_runs, proxy_runs, graphite_runs, proxy_silent, page_known, node_ready,
        told_ready, stopping, routes_refused, hears_others,
        displaced,     /* its folder is not at its path any more */
        manager_knows; /* that it is ready */
    int parts;         /* that run on the loop and have not said that they stopped */
    uint16_t ports[LISTENERS];
    char urls[LISTENERS][URL_SIZE];
    const char *address, *hostname, *service_address;
    char name[NODE_NAME_SIZE], boot[64], peer[ADDRESS_SIZE];
    struct buf resources, attributes, channels;
    char retry[24], disable_after[24];
    char authorization[BASIC_HASH_SIZE];
    struct tls *tls; /* of clients; NULL: there is no https-port */
    struct node_setting cluster[3];
    unsigned modes;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t tick;
    /* A master that starts and is told by one other to be gone stops its node, and gives the rest
     * of them a moment to say so, too. */
    enum { REMOVAL_NONE, REMOVAL_DOUBTED, REMOVAL_SURE } removal;
    int exit_status;
};

/* ---- serve_ready.c */
int serve_listen(struct server *s, struct error *err);
bool serve_has_listener(const struct server *s, enum listening d);
const char *serve_listening(const struct server *s, enum listening d); /* at which address */
/* The certificate of the https-port, if there is one: before anything is made. */
int serve_read_keystore(struct server *s, struct error *err) MUST_CHECK;
void serve_renew_tls(struct server *s); /* it has been renewed, perhaps */
void serve_set_url(struct server *s, enum listening d, uint16_t port);
const char *serve_url(const struct server *s, enum listening d); /* NULL: it is not served */
/* One line on stdout: what serves, and where (DESIGN 10). Once, and not before all of it does. */
void serve_tell_ready(struct server *s);
void serve_tell_manager(struct server *s);

/* ---- serve_proxy.c */
int serve_start_proxy(struct server *s, struct error *err);

/* ---- serve_deeds.c */
struct host_deeds serve_deeds(struct server *s);

/* ---- serve_stop.c */
void serve_watch_signals(struct server *s);
void serve_start_tick(struct server *s);
void serve_look_for_folder(struct server *s); /* stops without it */
void serve_on_ended(void *data, const struct error *err);
void serve_on_tasks_lost(struct tasks *t);
void serve_on_removed(struct peer_port *p, bool sure);
