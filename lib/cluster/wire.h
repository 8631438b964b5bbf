/* lib/cluster/wire.h - what two nodes say on their connection, once TLS has shown who they are:
 * frames of a length (32 bits, network order), a kind, and what only DATA and REFUSED have. The
 * length is that of the kind and of what follows. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum wire_kind {
    WIRE_DATA = 1, /* the node's, LIMIT_PEER_FRAME_BYTES at most */
    WIRE_BEAT,     /* still here */
    WIRE_WELCOME,  /* first word of who was dialled: say what you have to say */
    WIRE_REFUSED,  /* or: not you; and why, a sentence */
    WIRE_MOVED,    /* last word: the next ones come over the other connection */
    WIRE_REDIAL,   /* to who dialled: do it again, my certificate is a new one */
    WIRE_BYE,      /* last word: I stop */
};

#define WIRE_HEAD 5
#define WIRE_TEXT_MAX 1024 /* bytes of a refusal */

/* How the refusal begins of a node that is of the cluster no more. */
#define WIRE_REMOVED "removed: "

struct wire_head {
    char bytes[WIRE_HEAD];
};
struct wire_head wire_head(enum wire_kind kind, size_t len);

struct wire_frame {
    enum wire_kind kind;
    struct slice body; /* borrowed from `in` */
};

/* The frame at the beginning of `in`. Its size; 0: more must come; -1: ERR_SYNTAX or ERR_LIMIT, and
 * nothing that follows can be understood. */
int64_t wire_read(struct slice in, struct wire_frame *out, struct error *err) MUST_CHECK;
