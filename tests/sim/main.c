/* sim - plays seeds of simulated clusters.
 *
 *     sim --seeds 1-200          prints "ok"/"not ok" a seed, exits 1 if any failed
 *     sim --seed 7 [--verbose]   plays one again, to the byte, and shows what happened
 *     --nodes N, --agents N      otherwise 1 to 5 and 0 to 3, by the seed
 *     --calm SECONDS             so long without faults, five writes a second
 *     --plain                    writes that make nothing run
 *     --scene FILE               plays a script of tests/scenes
 *     --plants                   breaks one thing after the other, and sees whether it is found
 *     --plant TEXT               only those whose name has that in it
 *     --day FOLDER               a day of 1,000 jobs, whose records go there; what it is broken on
 *                                purpose by --plant shows only in them
 *     --days N, --hours N        so many in place of one day
 *     --jobs N                   in place of 1,000 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "sim/world.h"

/* For jemalloc: worlds come and go, and the next one needs as much as this one has freed. Kept for
 * ever, what has been freed is not joined to larger pieces: a simulated week took 20 GiB. */
const char *malloc_conf = "dirty_decay_ms:1000,muzzy_decay_ms:1000";

static void show_line(void *data, enum log_level level, const char *line)
{
    (void)data;
    if (level <= LOG_INFO)
        fprintf(stderr, "       %s\n", line);
}

#define PLANT_SEEDS 160 /* within so many each planted fault is found */

/* One of `often` has it, then up to `most`. */
static int some(struct rng *r, uint64_t often, uint64_t most)
{
    uint64_t drawn = 1 + rng_below(r, most);
    return rng_below(r, often) == 0 ? (int)drawn : 0;
}

static struct faults faults_of(struct rng *r)
{
    return (struct faults){
        .drop = some(r, 2, rng_below(r, 5) == 0 ? 400 : 100),
        .repeat = some(r, 2, 100),
        .delay = some(r, 2, 80),
        .crash = some(r, 2, 12),
        .lose = some(r, 1, 600),
        .tear = some(r, 1, 600),
        .error = some(r, 4, 6),
        .stall = some(r, 4, 30),
        .abort = some(r, 2, 500),
        .die = some(r, 2, 60),
        .cut = some(r, 2, 400),
        .deaf = some(r, 3, 600),
        .split = some(r, 3, 300),
        .pause = some(r, 3, 400),
        .jump = some(r, 4, 100),
        .full = some(r, 4, 200),
        .process = some(r, 3, 300),
        .host = some(r, 5, 150),
        .storm = some(r, 8, 200),
        .stop = some(r, 3, 500),
        .drift = some(r, 4, 30),
        .wrong = some(r, 3, 300),
    };
}

/* What a world is like comes from its seed. */
static struct world_options options_of(uint64_t seed, int nodes, bool verbose)
{
    struct rng r;
    rng_seed(&r, seed ^ UINT64_C(0x6d65736f6c697468));
    bool quiet = rng_below(&r, 16) == 0;
    struct world_options o = {
        .seed = seed,
        .nodes = 1 + (int)rng_below(&r, MASTERS_MAX),
        .agents = (int)rng_below(&r, 8) - 4,
        .trouble_ms = 15000,
        .wish_ms = 150,
        .heal_ms = 120000,
        .log_rows = 8 + (unsigned)rng_below(&r, 60),
        .verbose = verbose,
    };
    o.agents = o.agents > 0 ? o.agents : 0;
    if (nodes > 0)
        o.nodes = nodes;
    if (!quiet)
        o.faults = faults_of(&r);
    o.grows = rng_below(&r, 3) == 0;
    if (o.grows)
        o.trouble_ms = 25000;
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
        printf("ok seed %llu nodes %d+%d turns %lld crashes %lld stops %lld acked %lld reads %lld "
               "virtual_ms %lld trace %016llx\n",
               (unsigned long long)o->seed, o->nodes, o->agents, (long long)w.turns,
               (long long)w.crashes, (long long)w.stopped, (long long)w.acked, (long long)w.reads,
               (long long)w.mono, (unsigned long long)w.trace);
    else
        printf("%s at %lld ms\nnot ok seed %llu nodes %d+%d\n", w.failure, (long long)w.mono,
               (unsigned long long)o->seed, o->nodes, o->agents);
    fflush(stdout);
    world_close(&w);
    return fine;
}

/* A world in which only that is wrong, and what its check needs to be put to the test. */
static struct world_options options_of_plant(enum plant plant, uint64_t seed)
{
    struct world_options o = options_of(seed, 3, false);
    o.plant = plant;
    o.log_rows = 40;
    o.agents = 0;
    o.grows = false;
    o.trouble_ms = 15000;
    o.faults = (struct faults){0};
    o.heal_ms = 60000;
    switch (plant) {
    case PLANT_TWO_LEADERS:
        o.nodes = 5;
        o.faults = (struct faults){.process = 900, .split = 900, .delay = 400};
        break;
    case PLANT_LOST:
        o.nodes = 1;
        o.faults = (struct faults){.process = 300, .lose = 1000};
        break;
    case PLANT_LIE:
        o.faults = (struct faults){.split = 600, .process = 900};
        break;
    case PLANT_STALE_READ:
        o.faults = (struct faults){.cut = 600};
        break;
    case PLANT_GROWTH:
        o.log_rows = 4;
        o.trouble_ms = 60000;
        break;
    case PLANT_EXIT:
        o.faults = (struct faults){.error = 10};
        break;
    case PLANT_TIMID:
        o.grows = true;
        break;
    default:
        break;
    }
    return o;
}

static bool plant_is_found(enum plant plant)
{
    struct world w;
    for (uint64_t seed = 1; seed <= PLANT_SEEDS; seed++) {
        const struct world_options o = options_of_plant(plant, seed);
        bool fine = world_play(&o, &w) == 0;
        bool found = !fine && strstr(w.failure, plant_sign(plant)) != NULL;
        if (!fine)
            printf("%s: seed %llu: %s\n", plant_name(plant), (unsigned long long)seed, w.failure);
        world_close(&w);
        if (found) {
            printf("ok it is found that %s\n", plant_name(plant));
            return true;
        }
    }
    return false;
}

/* Each in a process of its own: some break so much that an assertion ends it. */
static bool is_found_apart(enum plant plant)
{
    int status = 1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        bool found = plant_is_found(plant);
        fflush(stdout);
        _exit(found ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        printf("not ok it is found that %s\n", plant_name(plant));
        return false;
    }
    return true;
}

static bool plants_are_found(const char *only)
{
    bool fine = true;
    for (enum plant plant = PLANT_NONE + 1; plant < N_PLANTS; plant++)
        if (only == NULL || strstr(plant_name(plant), only) != NULL)
            fine = is_found_apart(plant) && fine;
    return fine;
}

/* What the arguments ask for; false: they make no sense. */
struct arguments {
    uint64_t first, last;
    int nodes, agents, calm_s; /* agents -1: by the seed */
    int hours, jobs;           /* of a day */
    bool plain, plants, verbose;
    const char *scene, *plant, *day; /* plant: part of its name */
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
        if (str_eq(argv[i], "--plants")) {
            a->plants = true;
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
        } else if (str_eq(argv[i], "--agents")) {
            a->agents = atoi(value);
        } else if (str_eq(argv[i], "--scene")) {
            a->scene = value;
        } else if (str_eq(argv[i], "--plant")) {
            a->plants = true;
            a->plant = value;
        } else if (str_eq(argv[i], "--day")) {
            a->day = value;
        } else if (str_eq(argv[i], "--days")) {
            a->hours = 24 * atoi(value);
        } else if (str_eq(argv[i], "--hours")) {
            a->hours = atoi(value);
        } else if (str_eq(argv[i], "--jobs")) {
            a->jobs = atoi(value);
        } else if (str_eq(argv[i], "--calm")) {
            a->calm_s = atoi(value);
        } else {
            return false;
        }
        i++;
    }
    return a->nodes <= MASTERS_MAX && a->agents <= WORLD_NODES_MAX - MASTERS_MAX;
}

static struct world_options options_for(const struct arguments *a, uint64_t seed)
{
    struct world_options o = options_of(seed, a->nodes, a->verbose);
    o.plain = a->plain;
    if (a->agents >= 0)
        o.agents = a->agents;
    if (a->calm_s > 0) {
        o.faults = (struct faults){0};
        o.grows = false;
        o.trouble_ms = a->calm_s * 1000;
        o.wish_ms = 200;
    }
    return o;
}

/* Zones put their clocks on or back in each of these days. */
static int64_t day_begins(uint64_t seed)
{
    static const int64_t begins[] = {
        INT64_C(1772913600000), /* 2026-03-07T20:00Z: North America */
        INT64_C(1774699200000), /* 2026-03-28T12:00Z: Europe */
        INT64_C(1775296800000), /* 2026-04-04T10:00Z: Australia and Chile */
        INT64_C(1791000000000), /* 2026-10-03T04:00Z: Australia */
        INT64_C(1792843200000), /* 2026-10-24T12:00Z: Europe */
        INT64_C(1793476800000), /* 2026-10-31T20:00Z: North America */
    };
    return begins[seed % (sizeof begins / sizeof begins[0])];
}

static bool play_day(const struct arguments *a, uint64_t seed)
{
    struct world w;
    const struct day_options day = {day_begins(seed), a->jobs, a->day, day_plant_of(a->plant)};
    const struct world_options o = {.seed = seed,
                                    .nodes = 3,
                                    .agents = 2,
                                    .trouble_ms = a->hours * INT64_C(3600000),
                                    .heal_ms = 120000,
                                    .log_rows = 5000,
                                    .day = &day,
                                    .verbose = a->verbose};
    bool fine = day_play(&o, &w) == 0;
    if (!fine)
        printf("%s at %lld ms\n", w.failure, (long long)w.mono);
    printf("%s seed %llu: %d hours of %d jobs, turns %lld, kills %lld, trace %016llx\n",
           fine ? "ok" : "not ok", (unsigned long long)seed, a->hours, a->jobs, (long long)w.turns,
           (long long)w.crashes, (unsigned long long)w.trace);
    tell_pace(w.mono);
    world_close(&w);
    return fine;
}

int main(int argc, char **argv)
{
    struct arguments a = {.first = 1, .last = 20, .agents = -1, .hours = 24, .jobs = 1000};
    int64_t virtual_ms = 0;
    bool fine = true;
    if (!read_arguments(argc, argv, &a)) {
        fprintf(stderr,
                "usage: sim [--seeds A-B | --seed N] [--nodes N] [--agents N] [--calm SECONDS] "
                "[--plain] [--plants | --plant TEXT] [--verbose]\n"
                "       sim --day FOLDER [--seed N] [--days N | --hours N] [--jobs N] "
                "[--plant TEXT] [--verbose]\n");
        return 2;
    }
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD); /* nobody else is here */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (a.verbose)
        log_set_sink(show_line, NULL, LOG_DEBUG);
    if (a.scene != NULL)
        return scene_play(a.scene, a.verbose) == 0 ? 0 : 1;
    if (a.day != NULL)
        return play_day(&a, a.first) ? 0 : 1;
    if (a.plants)
        return plants_are_found(a.plant) ? 0 : 1;
    for (uint64_t seed = a.first; seed <= a.last; seed++) {
        const struct world_options o = options_for(&a, seed);
        fine = play(&o, &virtual_ms) && fine;
    }
    tell_pace(virtual_ms);
    return fine ? 0 : 1;
}
