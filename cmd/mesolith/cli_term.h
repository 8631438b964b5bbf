/* cmd/mesolith/cli_term.h - what stands at the other end of stdout: its width, whether it has
 * colours (NO_COLOR, dumb terminals, pipes), and a block of lines that is redrawn in place. */
#pragma once

#include "base/buf.h"

struct term {
    bool live; /* a terminal that can move its cursor */
    bool color;
    bool utf8;    /* shows more than ASCII */
    size_t width; /* 0: no limit (a pipe) */
    /* private */
    size_t lines;    /* of the block that is drawn now */
    struct buf said; /* its text, where it cannot be redrawn */
};

void term_look(struct term *t); /* once at the start; keeps nothing */
void term_close(struct term *t);
void term_measure(struct term *t); /* the width may have changed */
/* Draws lines (each ended by \n) in the place of the block before. Where that cannot be done it
 * prints them if they say something new. */
void term_draw(struct term *t, const struct buf *lines);
/* The block stays (or vanishes), and what follows comes below it. */
void term_keep(struct term *t);
void term_erase(struct term *t);
/* Ends the process, as SIGPIPE would that a loop has to ignore, if nobody reads stdout any more:
 * `mesolith events -f | head`. For who prints until it is interrupted, and may be silent for long.
 */
void term_end_unread(void);
/* For a whole screen, redrawn from its top. */
void term_screen(struct term *t, const struct buf *text);
