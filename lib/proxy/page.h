/* lib/proxy/page.h - the door to the statistics: `/`, `/stats.json`, `/;csv`, on a port of its own.
 */
#pragma once

#include "net/http_server.h"
#include "proxy/settings.h"
#include "proxy/stats.h"

struct proxy_page;

/* Fills in what is to be shown; `data` is the owner's. */
typedef void proxy_page_look(void *data, struct proxy_stats *out);

/* Tries to listen at once, where the settings say; port 0 takes a free one. Never fails:
 * proxy_page_why() does. Keeps `loop`. */
struct proxy_page *proxy_page_new(struct loop *loop, const struct proxy_settings *settings,
                                  proxy_page_look *look, void *data);
/* Lets the port go at once; the rest goes with the loop. Accepts NULL. */
void proxy_page_free(struct proxy_page *p);
/* If it does not listen yet: tries again. True if it does now and did not before. */
bool proxy_page_retry(struct proxy_page *p);

uint16_t proxy_page_port(const struct proxy_page *p);   /* 0: it does not listen; accepts NULL */
const char *proxy_page_why(const struct proxy_page *p); /* why not; ""; accepts NULL */
