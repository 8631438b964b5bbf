#include "executor/docker_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* The assembler reads the program, which the build has made, into this one. */
__asm__(".pushsection .rodata\n"
        "hold_program:\n"
        ".incbin \"hold\"\n"
        "hold_program_end:\n"
        ".popsection\n");
extern const char hold_program[], hold_program_end[];

static bool is_written(const char *place, size_t size)
{
    int fd = open(place, O_RDONLY | O_CLOEXEC);
    char *old = mem_alloc(size + 1);
    bool same =
        fd >= 0 && read(fd, old, size + 1) == (ssize_t)size && memcmp(old, hold_program, size) == 0;
    mem_free(old);
    if (fd >= 0)
        close(fd);
    return same;
}

/* By another name first: one that runs cannot be written to. Not again, for the disk may be full by
 * now. */
int docker_hold_write(const char *folder, char **path, struct error *err)
{
    char fresh[4096], place[4096];
    size_t size = (size_t)(hold_program_end - hold_program);
    snprintf(fresh, sizeof(fresh), "%.4000s/hold.new", folder);
    snprintf(place, sizeof(place), "%.4000s/hold", folder);
    if (!is_written(place, size)) {
        int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
        bool written = fd >= 0 && write(fd, hold_program, size) == (ssize_t)size &&
                       fchmod(fd, 0755) == 0 && rename(fresh, place) == 0;
        int why = errno;
        if (fd >= 0)
            close(fd);
        if (!written) {
            unlink(fresh);
            return error_set(err, ERR_IO, "cannot write %s: %s", place, strerror(why));
        }
    }
    *path = mem_strdup(place);
    return 0;
}

const char *docker_hold_name(const char *container, char dst[DOCKER_NAME_SIZE])
{
    snprintf(dst, DOCKER_NAME_SIZE, "mesos-%.64s.net", container);
    return dst;
}
