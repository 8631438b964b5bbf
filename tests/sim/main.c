/* sim - plays seeds of simulated clusters.
 *
 *     sim --seeds 1-200          prints "ok"/"not ok" a seed, exits 1 if any failed
 *     sim --seed 7 [--verbose]   plays one again, to the byte, and shows what happened
 *     --nodes N                  otherwise 1 to 5, by the seed
 *     --calm SECONDS             so long without faults, five writes a second
 *     --plain                    writes that make nothing run */
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
        .wish_ms = 150,
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

/* How fast the simulated time went by, of all worlds so far. */
static void tell_pace(int64_t virtual_ms)
{
    double s = (double)clock() / CLOCKS_PER_SEC;
    printf("%.0f s of simulated time in %.1f s of a core: %.0f times real time\n",
           (double)virtual_ms / 1000, s, (double)virtual_ms / 1000 / (s > 0 ? s : 1));
}

static bool play(const struct world_options *o, int64_t *virtual_ms)
{
    struct world w;
    bool fine = world_play(o, &w) == 0;
    *virtual_ms += w.mono;
    if (fine)
        printf("ok seed %llu nodes %d turns %lld crashes %lld stops %lld acked %lld virtual_ms "
               "%lld trace "
               "%016llx\n",
               (unsigned long long)o->seed, o->nodes, (long long)w.turns, (long long)w.crashes,
               (long long)w.stopped, (long long)w.acked, (long long)w.mono,
               (unsigned long long)w.trace);
    else
        printf("%s at %lld ms\nnot ok seed %llu nodes %d\n", w.failure, (long long)w.mono,
               (unsigned long long)o->seed, o->nodes);
    fflush(stdout);
    world_close(&w);
    return fine;
}

/* What the arguments ask for; false: they make no sense. */
struct arguments {
    uint64_t first, last;
    int nodes, calm_s;
    bool plain, verbose;
};

static bool read_arguments(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        char *end;
        if (str_eq(argv[i], "--verbose")) {
            a->verbose = true;
            continue;
        }
        if (str_eq(argv[i], "--plain")) {
            a->plain = true;
            continue;
        }
        if (value == NULL)
            return false;
        if (str_eq(argv[i], "--seeds") || str_eq(argv[i], "--seed")) {
            a->first = a->last = strtoull(value, &end, 10);
            if (*end == '-')
                a->last = strtoull(end + 1, NULL, 10);
        } else if (str_eq(argv[i], "--nodes")) {
            a->nodes = atoi(value);
        } else if (str_eq(argv[i], "--calm")) {
            a->calm_s = atoi(value);
        } else {
            return false;
        }
        i++;
    }
    return a->nodes <= WORLD_NODES_MAX;
}

static struct world_options options_for(const struct arguments *a, uint64_t seed)
{
    struct world_options o = options_of(seed, a->nodes, a->verbose);
    o.plain = a->plain;
    if (a->calm_s > 0) {
        o.faults = (struct faults){0};
        o.trouble_ms = a->calm_s * 1000;
        o.wish_ms = 200;
    }
    return o;
}

int main(int argc, char **argv)
{
    struct arguments a = {.first = 1, .last = 20};
    int64_t virtual_ms = 0;
    bool fine = true;
    if (!read_arguments(argc, argv, &a)) {
        fprintf(stderr, "usage: sim [--seeds A-B | --seed N] [--nodes N] [--calm SECONDS] "
                        "[--plain] [--verbose]\n");
        return 2;
    }
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD); /* nobody else is here */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    mallopt(M_TRIM_THRESHOLD, 256 << 20); /* worlds come and go */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    if (a.verbose)
        log_set_sink(show_line, NULL, LOG_DEBUG);
    for (uint64_t seed = a.first; seed <= a.last; seed++) {
        const struct world_options o = options_for(&a, seed);
        fine = play(&o, &virtual_ms) && fine;
    }
    tell_pace(virtual_ms);
    return fine ? 0 : 1;
}
