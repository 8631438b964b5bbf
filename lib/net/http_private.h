/* lib/net/http_private.h - the server and its connections; between http_server.c,
 * http_connection.c and http_answer.c only. */
#pragma once

#include "base/list.h"
#include "http/basic.h"
#include "net/gzip.h"
#include "net/http_server.h"
#include "net/output.h"
#include "net/tls.h"

#define REFUSED_MAX 16 /* connections beyond the limit that are told so; more are just closed */
#define DATE_SIZE 40

/*              .--------------------------------------------.
 *              v                                            | answered, kept alive
 *            IDLE --first byte--> HEAD --> BODY --> ANSWERING
 *              |                    |        |         | answered
 *              |                    | refused|         v
 *              |                    '--------'----> DRAINING --all is out--> LINGERING
 *              '---- gone, in any of these -------------------------------------'---> CLOSING */
enum connection_state {                       /* the first three take requests */
                        CONNECTION_IDLE,      /* between two requests */
                        CONNECTION_HEAD,      /* in a request's line and headers */
                        CONNECTION_BODY,      /* in its body */
                        CONNECTION_ANSWERING, /* the request is with the owner */
                        CONNECTION_DRAINING,  /* the last answer is on its way */
                        CONNECTION_LINGERING, /* our side has ended; were it closed now, what the
                                                 client still sends would be answered by a reset,
                                                 which takes the answer with it */
                        CONNECTION_CLOSING,
};

/* Of the exchange in ANSWERING. */
enum answer_state { ANSWER_AWAITED, ANSWER_COMPRESSING, ANSWER_OPEN };

/* How the client sees where a body ends. */
enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* What the next flush does with it, whatever it is at. */
enum fate {
    FATE_NONE,
    FATE_END, /* an event stream, of a server that stops: end it properly */
    FATE_CUT, /* an answer that cannot go on, a slow subscriber */
};

struct connection {
    struct http_server *server;
    struct list all, dirty, topic; /* members of the server's lists */
    struct stream *stream;
    const char *listener; /* its name */
    size_t slot;

    enum connection_state state;
    int64_t since_ms; /* when it began, by the loop's clock */
    uv_timer_t timer; /* fires at the earliest time anything could be due, often too early */
    unsigned handles; /* that are not closed yet */

    struct parser *parser;
    struct buf pending; /* read, but behind a request that is not answered yet */
    size_t pending_at;
    bool half_closed; /* the client sends no more */
    size_t large;     /* bytes of its request's body, counted in server->large */

    struct exchange_id exchange; /* 0: none is open */
    uint64_t asked_ns;           /* when it began */
    enum answer_state answer;
    enum framing framing;
    size_t length_left; /* FRAMING_LENGTH */
    bool keep_alive;
    bool http_1_0;
    bool head_only;
    bool takes_gzip;
    enum fate fate;
    struct gzip *gzip;
    bool lasting; /* the answer ends when the client leaves */

    bool subscribed;
    struct subscription subscription; /* copies */
    int64_t sent_ms;                  /* last time something was put */

    struct output output;
    int64_t progress_ms; /* last time bytes left */
};

struct http_server {
    struct loop *loop;
    struct http_server_config config;
    const struct http_server_events *events;
    void *data;
    struct http_counts counts;

    struct list listeners;
    struct connection **slots; /* config.connections + REFUSED_MAX; NULL: free */
    uint32_t *generations;     /* of the slots' exchanges */
    size_t *free_slots;
    size_t n_free;
    struct list all;
    struct list topics[TOPIC_COUNT];
    _Atomic unsigned topics_wanted; /* bits of those that are not empty */

    struct list dirty; /* connections with something to write or to go on with */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle; /* on while `dirty` is not empty: keeps the loop from waiting */

    size_t large; /* bytes of bodies, of those that are not small */

    char authorization[BASIC_HASH_SIZE], *realm; /* as in the config */

    char date[DATE_SIZE]; /* a header's value, good for a second */
    int64_t date_ms;

    bool leaving; /* or stopping: no connection is kept alive */
    bool stopping;
    void (*stopped)(struct http_server *s);
    uv_timer_t grace;
    size_t listeners_open, compressions, handles; /* what `stopped` waits for */
};

/* ---- http_server.c */
int64_t server_now(const struct http_server *s);
const char *server_date(struct http_server *s);
void server_mark_dirty(struct http_server *s, struct connection *c);
struct exchange_id server_new_exchange(struct http_server *s, size_t slot);
struct connection *server_find(const struct http_server *s, struct exchange_id id);
void server_connection_closed(struct http_server *s, struct connection *c);
void server_compression_ended(struct http_server *s);
/* Ends those that do not read, until what all clients together have not read fits the memory. */
void server_relieve(struct http_server *s);

/* ---- http_connection.c */
/* Takes the stream. Frees itself when it is closed. */
struct connection *connection_new(struct http_server *s, struct stream *stream,
                                  const char *listener, size_t slot);
void connection_enter(struct connection *c, enum connection_state state);
int connection_write(struct connection *c);  /* what the system takes now; -1: broken */
void connection_flush(struct connection *c); /* writes, and goes on with what that makes possible */
void connection_doom(struct connection *c, enum fate fate); /* inside a call of the owner */
void connection_stop(struct connection *c);                 /* what a stopping server wants of it */
void connection_forget_answer(struct connection *c);        /* the exchange is over */
void connection_close(struct connection *c);                /* without telling the owner */
void connection_cut(struct connection *c); /* and tells it that an open exchange is gone */

/* ---- http_answer.c */
void connection_answer(struct connection *c, const struct answer *a);
void connection_publish(struct connection *c, const char *type, struct blob *event);
void connection_send(struct connection *c, struct blob *event); /* on an event stream */
void connection_end_stream(struct connection *c);
void connection_refuse(struct connection *c, int status, const char *text);
void connection_deny(struct connection *c, bool head_only); /* it has not shown who it is */
