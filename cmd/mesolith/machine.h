/* cmd/mesolith/machine.h - what this machine has. */
#pragma once

#include "base/buf.h"

/* "cpus:4;mem:15000;disk:100000;ports:[31000-32000]": all processors, memory and disk less a
 * reserve for the system, as Mesos reckons (spec/mesos.md 8.5). `folder` is on the disk that
 * counts. */
void machine_resources(const char *folder, struct buf *out);
/* Random at each boot; "" when the kernel does not tell. */
void machine_boot_id(char dst[64]);
uint64_t machine_random(void);            /* 64 bits of the system's chance */
void machine_secret(void *dst, size_t n); /* the same, at most 256 bytes */
