/* lib/model/resources.h - what a machine has and a task needs: processors, memory, disk, gpus,
 * ports (spec/mesos.md 2.1, 8.5).
 *
 * Whole numbers only, so that every replica counts alike: processors in thousandths, memory and
 * disk in bytes. Amounts are never negative. A struct owns its port ranges: resources_close, or
 * ports_close. Pure. */
#pragma once

#include "base/json.h"
#include "model/ports.h"

#define MIB ((int64_t)1 << 20)
struct resources {
    int64_t cpus_milli, mem_bytes, disk_bytes, gpus;
    struct ports ports;
};

enum resource_name { /* bits: which ones a text named */
                     RESOURCE_CPUS = 1,
                     RESOURCE_MEM = 2,
                     RESOURCE_DISK = 4,
                     RESOURCE_GPUS = 8,
                     RESOURCE_PORTS = 16,
};

/* Amounts as people give them (cores; MiB), rounded to the unit. */
int64_t cpus_to_milli(double cpus);
int64_t mib_to_bytes(double mib);
/* And back, with at most three decimals. */
double milli_to_cpus(int64_t milli);
double bytes_to_mib(int64_t bytes);

/* ---- all of them together */
void resources_close(struct resources *r); /* accepts a zeroed struct */
void resources_add(struct resources *r, const struct resources *more);
/* What is less than `less` has becomes 0: a machine may shrink under its tasks. */
void resources_subtract(struct resources *r, const struct resources *less);

/* "cpus:4;mem:1024;ports:[31000-32000]", or a JSON list as below when it begins with '['.
 * ERR_INVALID naming the part. Only unreserved resources of the five names. named_out: bits. */
int resources_parse(const char *text, struct resources *out, unsigned *named_out,
                    struct error *err) MUST_CHECK;
void resources_text(const struct resources *r, struct buf *out); /* the same form */

/* Mesos's list: [{"name":"cpus","type":"SCALAR","scalar":{"value":1.5}}, …]; nothing that is 0. */
int resources_read(const struct json *list, struct resources *out, unsigned *named_out,
                   struct error *err) MUST_CHECK;
struct resource_dress {         /* what each entry carries besides; NULL: nothing */
    const char *role;           /* "role":"*" */
    const char *allocated_role; /* "allocation_info":{"role":"x"} */
};
void resources_write(const struct resources *r, struct resource_dress dress, struct json_writer *w);
/* The old form, one object with every name: {"cpus":4.0,"mem":1024.0,…,"ports":"[31000-32000]"} */
void resources_write_sums(const struct resources *r, struct json_writer *w);
