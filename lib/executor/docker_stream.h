/* lib/executor/docker_stream.h - the bytes of `GET /containers/{id}/logs?timestamps=1` into
 * messages with their times. Pure.
 *
 * Without a terminal each message is a frame: a byte 1 or 2 for stdout or stderr, three zeros, the
 * length in 4 bytes, big end first; then the time, a blank and the text. With a terminal there are
 * no frames and a message is a line. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum docker_output { DOCKER_STDOUT, DOCKER_STDERR, DOCKER_OUTPUTS };

struct docker_stream {
    /* private */
    bool tty;
    enum { STREAM_HEAD, STREAM_TIME, STREAM_TEXT, STREAM_BROKEN } state;
    enum docker_output output;
    uint32_t left; /* of the frame */
    int64_t ns;
    unsigned have;
    char part[64]; /* of a head or a time */
};

struct docker_piece {
    enum docker_output output;
    int64_t ns; /* since 1970; of the message it belongs to; 0: the engine gave none */
    struct slice text;
    bool last; /* the message ends here */
};

void docker_stream_init(struct docker_stream *s, bool tty);
/* Uses bytes from the front of `in` until there is a piece: true. False: all was used, or `err` is
 * filled (ERR_SYNTAX) because this is no such stream. *err is cleared first. */
bool docker_stream_next(struct docker_stream *s, struct slice *in, struct docker_piece *piece_out,
                        struct error *err);
/* "2024-05-01T09:30:00.123456789Z", any number of digits, any offset; -1 when it is none. */
int64_t docker_time_ns(struct slice text);
