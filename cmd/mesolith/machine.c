#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB INT64_C(1048576)
#define PORTS "[31000-32000]"

/* Half of little, all but a reserve of much (spec/mesos.md 8.5). */
static int64_t less_reserve(int64_t mib, int64_t reserve_mib)
{
    return mib > 2 * reserve_mib ? mib - reserve_mib : mib / 2;
}

void machine_resources(const char *folder, struct buf *out)
{
    struct statvfs disk;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t mem = (int64_t)pages * page / MIB;
    int64_t free_disk =
        statvfs(folder, &disk) == 0 ? (int64_t)disk.f_bavail * (int64_t)disk.f_frsize / MIB : 0;
    buf_printf(out, "cpus:%ld;mem:%lld;disk:%lld;ports:%s", sysconf(_SC_NPROCESSORS_ONLN),
               (long long)less_reserve(mem, 1024), (long long)less_reserve(free_disk, 5120), PORTS);
}

void machine_boot_id(char dst[64])
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    dst[0] = '\0';
    if (f == NULL)
        return;
    if (fgets(dst, 64, f) == NULL)
        dst[0] = '\0';
    dst[strcspn(dst, "\n")] = '\0';
    fclose(f);
}

void machine_secret(void *dst, size_t n)
{
    if (getrandom(dst, n, 0) != (ssize_t)n)
        abort(); /* never fails for so few bytes once the machine is up */
}

uint64_t machine_random(void)
{
    uint64_t bits;
    machine_secret(&bits, sizeof bits);
    return bits;
}
