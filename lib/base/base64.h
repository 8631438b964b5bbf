/* lib/base/base64.h - bytes as base64. Pure. */
#pragma once

#include "base/buf.h"

enum base64_kind { BASE64, BASE64_URL }; /* "+/" or "-_"; both padded with '=' */

void base64_put(struct buf *out, struct slice bytes, enum base64_kind kind);
