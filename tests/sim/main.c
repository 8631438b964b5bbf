/* sim - plays seeds of simulated clusters.
 *
 *     sim --seeds 1-200          prints "ok"/"not ok" a seed, exits 1 if any failed
 *     sim --seed 7 [--verbose]   plays one again, to the byte, and shows what happened
 *     --nodes N                  otherwise 1 to 5, by the seed */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "sim/world.h"

static void show_line(void *data, enum log_level level, const char *line)
{
    (void)data;
    if (level <= LOG_INFO)
        fprintf(stderr, "       %s\n", line);
}

/* What a world is like comes from its seed. */
static struct world_options options_of(uint64_t seed, int nodes, bool verbose)
{
    struct rng r;
    rng_seed(&r, seed ^ UINT64_C(0x6d65736f6c697468));
    bool quiet = rng_below(&r, 8) == 0;
    struct world_options o = {
        .seed = seed,
        .nodes = nodes > 0 ? nodes : 1 + (int)rng_below(&r, WORLD_NODES_MAX),
        .trouble_ms = 15000,
        .heal_ms = 120000,
        .verbose = verbose,
    };
    if (!quiet)
        o.faults = (struct faults){
            .drop = (int)rng_below(&r, 200),
            .repeat = (int)rng_below(&r, 100),
            .delay = (int)rng_below(&r, 80),
            .crash = (int)rng_below(&r, 12),
            .lose = (int)rng_below(&r, 600),
            .tear = (int)rng_below(&r, 600),
            .cut = (int)rng_below(&r, 400),
            .die = (int)rng_below(&r, 60),
            .jump = (int)rng_below(&r, 50),
            .stop = (int)rng_below(&r, 500),
        };
    return o;
}

static bool play(uint64_t seed, int nodes, bool verbose, uint64_t *trace_out)
{
    struct world w;
    const struct world_options o = options_of(seed, nodes, verbose);
    bool fine = world_play(&o, &w) == 0;
    *trace_out = w.trace;
    if (fine)
        printf("ok seed %llu nodes %d turns %lld crashes %lld stops %lld acked %lld virtual_ms "
               "%lld trace "
               "%016llx\n",
               (unsigned long long)seed, o.nodes, (long long)w.turns, (long long)w.crashes,
               (long long)w.stopped, (long long)w.acked, (long long)w.mono,
               (unsigned long long)w.trace);
    else
        printf("%s at %lld ms\nnot ok seed %llu nodes %d\n", w.failure, (long long)w.mono,
               (unsigned long long)seed, o.nodes);
    fflush(stdout);
    world_close(&w);
    return fine;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, last = 20, trace;
    int nodes = 0;
    bool verbose = false, fine = true;
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "--seeds") && i + 1 < argc) {
            char *end;
            first = last = strtoull(argv[++i], &end, 10);
            if (*end == '-')
                last = strtoull(end + 1, NULL, 10);
        } else if (str_eq(argv[i], "--seed") && i + 1 < argc) {
            first = last = strtoull(argv[++i], NULL, 10);
        } else if (str_eq(argv[i], "--nodes") && i + 1 < argc) {
            nodes = atoi(argv[++i]);
        } else if (str_eq(argv[i], "--verbose")) {
            verbose = true;
        } else {
            fprintf(stderr, "usage: sim [--seeds A-B | --seed N] [--nodes N] [--verbose]\n");
            return 2;
        }
    }
    if (verbose)
        log_set_sink(show_line, NULL, LOG_DEBUG);
    for (uint64_t seed = first; seed <= last; seed++)
        fine = play(seed, nodes, verbose, &trace) && fine;
    return fine ? 0 : 1;
}
