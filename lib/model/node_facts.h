/* lib/model/node_facts.h - what a node tells of itself: MESSAGE_NODE, and node.put but for the id.
 * Whoever has a certificate can send it, so it is checked before it gets into the log. Pure. */
#pragma once

#include "base/json.h"
#include "model/states.h"

#define NODE_LISTENER_MAX 300 /* bytes */

struct node_facts {
    const char *name, *version; /* 1 to JOIN_NAME_MAX bytes */
    const char *address;        /* of the peer port */
    unsigned modes;
    int level; /* newest of the state that it knows */
    /* Where its doors are: "host:port", or "" for one that it has not. NULL, all of them: not told,
     * as by one of before level 3. */
    const char *marathon, *chronos, *mesos;
    const char
        *region; /* up to JOIN_NAME_MAX bytes; "": it is in none, or one of before level 19 */
};

/* The region that attributes (JSON) name, the caller's; NULL: none. */
char *node_region(const char *attributes);
/* ERR_INVALID naming the field: what others would refuse. */
int node_facts_check(const struct node_facts *f, struct error *err) MUST_CHECK;
/* The members, without braces. */
void node_facts_write(const struct node_facts *f, struct json_writer *w);
/* Of an object, checked; texts are borrowed from v. */
int node_facts_read(const struct json *v, struct node_facts *out, struct error *err) MUST_CHECK;
