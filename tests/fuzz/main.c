/* Runs a fuzz harness as a plain program: over each input of its corpus, and over as many small
 * changes of them as it is told, always the same ones.
 *
 *   fuzz_json CHANGES FILE...
 *
 * Says which input it is at, so that the last line before a crash names it. With libFuzzer this
 * file is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *name;
    uint8_t *data;
    size_t size;
};

static struct input read_input(const char *name)
{
    struct input in = {.name = name, .data = mem_alloc(INPUT_MAX)};
    FILE *f = fopen(name, "rb");
    if (f == NULL) {
        perror(name);
        exit(2);
    }
    in.size = fread(in.data, 1, INPUT_MAX, f);
    in.data = mem_realloc(in.data, in.size);
    fclose(f);
    return in;
}

/* The harness gets memory of exactly its size, so that the address sanitizer guards the end. */
static void run(const char *what, const uint8_t *data, size_t size)
{
    uint8_t *exact = mem_dup(data, size);
    printf("%s\n", what);
    fflush(stdout);
    LLVMFuzzerTestOneInput(exact, size);
    mem_free(exact);
}

/* Up to four bytes changed, cut out, repeated, or swapped for those of another input. */
static size_t change(struct rng *rng, uint8_t *data, size_t size, const struct input *other)
{
    for (uint64_t n = 1 + rng_below(rng, 4); n > 0 && size > 0; n--) {
        size_t at = rng_below(rng, size), len = 1 + rng_below(rng, 8);
        if (len > size - at)
            len = size - at;
        switch (rng_below(rng, 4)) {
        case 0:
            data[at] = (uint8_t)rng_next(rng);
            break;
        case 1:
            memmove(data + at, data + at + len, size - at - len);
            size -= len;
            break;
        case 2:
            memmove(data + at + len, data + at, size - at);
            size += len;
            break;
        case 3:
            if (other->size >= len)
                memcpy(data + at, other->data + rng_below(rng, other->size - len + 1), len);
            break;
        }
    }
    return size;
}

static void run_changes(const struct input *in, size_t n, uint64_t changes)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (uint64_t i = 0; i < changes; i++) {
        const struct input *from = &in[rng_below(&rng, n)];
        uint8_t *data = mem_alloc(from->size + 64);
        char what[300];
        memcpy(data, from->data, from->size);
        size_t size = change(&rng, data, from->size, &in[rng_below(&rng, n)]);
        snprintf(what, sizeof(what), "change %" PRIu64 " of %.250s", i, from->name);
        run(what, data, size);
        mem_free(data);
    }
}

int main(int argc, char **argv)
{
    uint64_t changes;
    if (argc < 3 || !str_to_u64(argv[1], &changes)) {
        fprintf(stderr, "usage: %s CHANGES FILE...\n", argv[0]);
        return 2;
    }
    size_t n = (size_t)argc - 2;
    struct input *inputs = mem_alloc(n * sizeof(*inputs));
    for (size_t i = 0; i < n; i++) {
        inputs[i] = read_input(argv[i + 2]);
        run(inputs[i].name, inputs[i].data, inputs[i].size);
    }
    run_changes(inputs, n, changes);
    for (size_t i = 0; i < n; i++)
        mem_free(inputs[i].data);
    mem_free(inputs);
    return 0;
}
