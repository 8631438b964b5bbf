/* cmd/mesolith/demo.h - puts the sample app and the sample job in, over the node's own doors, where
 * they are not there yet. */
#pragma once

#include "net/loop.h"

/* Keeps the loop; frees itself when both were answered. URLs without a trailing slash; the sample
 * app answers on the service address. `credentials` as http_ask has them. */
void demo_put_in(struct loop *loop, const char *marathon, const char *credentials,
                 const char *service_address);
