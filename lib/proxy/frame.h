/* lib/proxy/frame.h - what goes over the control socket: frames of JSON, each behind its length (32
 * bits, network order), and how both sides begin. Pure.
 *
 *     node or successor                     proxy
 *     hello {protocol, version, as}    ->
 *                                      <-   hello {protocol, version, pid}, or error {text}
 *     settings {…}  (settings.h)       ->
 *     routes {…}    (routes.h)         ->
 *                                      <-   status {revision, stats_port, stats_why,
 *                                             services: [{port, app, state, why, wanted, usable}]}
 *     shutdown {}                      ->   ends at once, with its connections
 *     take_over {}                     ->   (as successor: handover.h)
 *                                      <-   moved {}: connect again, somebody else is there now
 *
 * A status tells of the services that changed; after `routes` of those that the change named, too,
 * so it is the acknowledgement. What cannot be understood gets `error`, and the connection ends. */
#pragma once

#include "base/buf.h"
#include "base/json.h"

#define PROXY_PROTOCOL 1

/* Appends the frame that holds `json`. */
void proxy_frame_put(struct buf *out, struct slice json);
/* The first whole frame in `in`, borrowed until proxy_frame_drop(); *out empty: more must come.
 * ERR_LIMIT for one that is too long: the stream is of no use then. */
int proxy_frame_first(const struct buf *in, struct slice *out, struct error *err) MUST_CHECK;
void proxy_frame_drop(struct buf *in, struct slice frame);

/* {"type": … }: begins the object; the writer adds members and calls proxy_message_end(), which
 * appends it as a frame to `out`. ERR_LIMIT when it is longer than a frame may be. */
struct proxy_message {
    struct json_writer w;
    /* private */
    struct buf text;
};
struct json_writer *proxy_message_begin(struct proxy_message *m, const char *type);
int proxy_message_end(struct proxy_message *m, struct buf *out, struct error *err) MUST_CHECK;
void proxy_message_hello(struct buf *out, const char *version, const char *as);
void proxy_message_error(struct buf *out, const struct error *why);
void proxy_message_bare(struct buf *out, const char *type); /* {"type": … } alone */

/* The tree of a message and its type; the caller frees the tree. */
struct json *proxy_message_parse(struct slice frame, const char **type_out, struct error *err);
/* ERR_CONFLICT when the peer's hello is of another protocol. */
int proxy_hello_check(const struct json *hello, struct error *err) MUST_CHECK;
