/* lib/model/address.h - where a node is reached: "10.0.0.2:5055", "[fd00::2]:5055",
 * "deck-2.example.com:5055". Host names come out in lower case, so that equal ones are equal texts.
 * Looks nothing up. Pure. */
#pragma once

#include "base/error.h"

#define ADDRESS_HOST_SIZE 254
#define ADDRESS_SIZE (ADDRESS_HOST_SIZE + 8)

struct address {
    char host[ADDRESS_HOST_SIZE]; /* without brackets */
    uint16_t port;
};

/* ERR_INVALID with what was wrong; also for one that nobody can be reached at ("0.0.0.0:5055"). */
int address_parse(const char *text, struct address *out, struct error *err) MUST_CHECK;
const char *address_text(const struct address *a, char dst[ADDRESS_SIZE]);
