/* lib/proxy/process.h - the proxy process, between its two files: proxy.c has its life, orders.c
 * what it was told and tells back. */
#pragma once

#include <sys/stat.h>

#include "net/loop.h"
#include "proxy/control.h"
#include "proxy/page.h"
#include "proxy/ports.h"
#include "proxy/proxy.h"
#include "proxy/store.h"

#define PROXY_PATH_SIZE 4096

/*
 *     SERVING --take_over--> GIVING --taken--> LEAVING --no connection left--> ENDED
 *
 * GIVING goes back to SERVING when the successor is gone; SIGTERM goes to LEAVING, and once more to
 * ENDED; shutdown goes to ENDED from anywhere.
 */
enum proxy_state { PROXY_SERVING, PROXY_GIVING, PROXY_LEAVING, PROXY_ENDED };

struct proxy {
    const struct proxy_options *options;
    enum proxy_state state;
    char socket_path[PROXY_PATH_SIZE];
    struct stat socket_at;       /* whose of the files at that path is ours */
    int lock_fd;                 /* -1: another one's */
    struct mono started, end_by; /* end_by: LEAVING */

    struct arena settings_arena;
    struct proxy_settings settings;
    struct proxy_routes routes;

    struct forwarder forwarder;
    struct proxy_ports ports;
    struct loop loop;
    struct proxy_control control;
    struct proxy_store store;
    struct proxy_page *page; /* NULL: not wanted */
    uv_async_t dirtied;
    uv_timer_t report, tick;
    uv_signal_t term;
};

/* ---- orders.c */

/* Tells the node, if there is one, which services have changed. */
void proxy_report(struct proxy *p);
/* The same, soon: many changes make one report. */
void proxy_report_soon(struct proxy *p);

/* Each takes effect at once, as a whole or not at all. ERR_INVALID, ERR_LIMIT, ERR_CONFLICT. */
int proxy_take_settings(struct proxy *p, const struct json *v, struct error *err) MUST_CHECK;
int proxy_take_routes(struct proxy *p, const struct json *v, struct error *err) MUST_CHECK;

/* All that it was told, {settings, revision, routes}: for the disk and for a successor. */
void proxy_write_state(struct proxy *p, struct json_writer *w); /* the members */
int proxy_take_state(struct proxy *p, const struct json *v, struct error *err) MUST_CHECK;
