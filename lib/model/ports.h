/* lib/model/ports.h - a set of ports, as ranges.
 *
 * Who embeds one owns its memory: ports_close. Pure; chance comes in. */
#pragma once

#include "base/buf.h"
#include "base/rng.h"

#define PORT_RANGES_MAX 4096 /* of one set; a set can never be more than 32768 */

struct port_range { /* both ends belong to it */
    uint16_t begin, end;
};

struct ports { /* a set: sorted, disjoint, not adjacent */
    struct port_range *ranges;
    size_t n;
    /* private */
    size_t cap;
};

void ports_close(struct ports *p);                           /* accepts a zeroed struct */
void ports_copy(struct ports *to, const struct ports *from); /* `to` is closed first */
void ports_add(struct ports *p, uint16_t begin, uint16_t end);
void ports_remove(struct ports *p, uint16_t begin, uint16_t end);
bool ports_have(const struct ports *p, uint16_t port);
size_t ports_count(const struct ports *p);
bool ports_contain(const struct ports *p, const struct ports *all_of);
bool ports_take(struct ports *p, uint16_t port); /* false: it is not there */
/* Removes n ports, a run from a random place on, and lists them; false, and nothing removed, when
 * there are fewer. */
bool ports_take_random(struct ports *p, size_t n, struct rng *rng, uint16_t *out);
void ports_text(const struct ports *p, struct buf *out); /* "[31000-31010, 31020-31030]" */
