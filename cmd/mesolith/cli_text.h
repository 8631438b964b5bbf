/* cmd/mesolith/cli_text.h - how the command line writes times, sizes, ids and sentences: the same
 * way as the dashboard. Pure. */
#pragma once

#include "base/buf.h"

#define TEXT_SIZE 64

/* All return dst. */
const char *text_duration(char dst[TEXT_SIZE], int64_t ms);              /* "3 m 12 s" */
const char *text_relative(char dst[TEXT_SIZE], int64_t at, int64_t now); /* "in 3 h", "5 s ago" */
const char *text_number(char dst[TEXT_SIZE], double n);                  /* "0.25", "12" */
const char *text_count(char dst[TEXT_SIZE], int64_t n, const char *one); /* "3 instances" */

/* An id with what makes it unique cut to the first digits: "web.instance-<uuid>._app.1" becomes
 * "web.1c9a2e7b", that of a pod's container "pair.1c9a2e7b.side". Clipped to `size`. */
const char *text_short_id(char *dst, size_t size, const char *id);
/* The same without the owner before it: "1c9a2e7b", "1c9a2e7b.side". */
const char *text_unique_id(char *dst, size_t size, const char *id);
/* True if a person who copied a part of `id`, or its short form, means it. */
bool text_means_id(const char *typed, const char *id);

/* Why a run was not, in words: the API has "no-leader". What else it says stays as it is. */
const char *text_reason(const char *message);

/* Appends a stranger's text for a terminal: control characters become blanks. */
void text_clean(struct buf *out, const char *text);
/* How many columns a terminal gives it. */
size_t text_width(const char *text, size_t len);
/* How many bytes of it fit into so many columns. */
size_t text_fit(const char *text, size_t len, size_t columns);
/* Appends words in lines of at most `width` columns (0: one line), each indented. No line end. */
void text_wrap(struct buf *out, const char *text, size_t width, size_t indent);
