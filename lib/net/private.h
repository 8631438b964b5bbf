/* lib/net/private.h - between the files of this room only. */
#pragma once

#define SCRATCH_BYTES 65536 /* of a loop: one read */
