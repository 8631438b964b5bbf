/* lib/http/negotiate.h - what a client will take, from its Accept and Accept-Encoding. Pure. */
#pragma once

#include "base/buf.h"

/* May the answer be gzipped? q values count, `*` stands for gzip too, absent means no. */
bool accepts_gzip(struct slice accept_encoding);

/* Which of the n media types ("application/json") fits best: the highest q wins, among equals the
 * one that the client names most exactly, then the first in `offers`, so the server's favourite
 * comes first. A missing or empty Accept takes the first. -1 when none fits: 406. */
int accept_best(struct slice accept, const char *const *offers, size_t n);
