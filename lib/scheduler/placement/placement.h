/* lib/scheduler/placement/placement.h - which agent takes one more task, and if none does, why.
 *
 * A view over the agents as they stand in the state, less what was placed since and is not yet
 * committed. The first check that an agent fails is its reason, in the order of spec/marathon.md
 * 9.4. The same code explains: on a reader, over a snapshot. Pure. */
#pragma once

#include "base/rng.h"
#include "model/app.h"
#include "model/job.h"
#include "state/state.h"

/* In the order of the checks, but for the last, which stands beside MAINTENANCE; words as
 * spec/marathon.md 9.1 has them, those from DOCKER on are ours. Then what is said of one agent, and
 * of several. */
#define REASONS(X)                                                                              \
    X(REASON_ROLE, "UnfulfilledRole", "has nothing that is reserved for its role",              \
      "have nothing that is reserved for its role")                                             \
    X(REASON_CONSTRAINT, "UnfulfilledConstraint", "does not meet its constraints",              \
      "do not meet its constraints")                                                            \
    X(REASON_RESERVATION, "NoCorrespondingReservationFound", "has no reservation for it",       \
      "have no reservation for it")                                                             \
    X(REASON_MAINTENANCE, "AgentMaintenance", "is draining", "are draining")                    \
    X(REASON_CPUS, "InsufficientCpus", "has too few cpus free", "have too few cpus free")       \
    X(REASON_MEM, "InsufficientMemory", "has too little memory free",                           \
      "have too little memory free")                                                            \
    X(REASON_DISK, "InsufficientDisk", "has too little disk free", "have too little disk free") \
    X(REASON_GPUS, "InsufficientGpus", "has no gpus", "have no gpus")                           \
    X(REASON_PORTS, "InsufficientPorts", "has not the ports free", "have not the ports free")   \
    X(REASON_SCARCE, "DeclinedScarceResources", "keeps its gpus for others",                    \
      "keep their gpus for others")                                                             \
    X(REASON_DOCKER, "DockerUnavailable", "has no Docker engine", "have no Docker engine")      \
    X(REASON_FETCH, "UnknownUriScheme", "cannot fetch what it needs",                           \
      "cannot fetch what it needs")                                                             \
    X(REASON_SILENT, "AgentSilent", "is not heard", "are not heard")

enum reason {
#define X(name, word, one, many) name,
    REASONS(X)
#undef X
        REASONS_N,
    REASON_NONE = REASONS_N,
};
const char *reason_word(enum reason r);
const char *reason_text(enum reason r, int64_t agents); /* what is said of so many */

struct placement; /* the agents with their free resources, as of one turn */

/* Which READY agents the leader hears, as far as whoever asks for a place knows. */
struct hearing {
    /* Since so many ms it is silent and gets no tasks; -1: it may get some. */
    int64_t (*silence)(const void *data, int64_t agent);
    const void *data;
};
#define ALL_HEARD ((struct hearing){NULL, NULL})

/* Keeps state; reads the agents when it is first asked for a place. */
struct placement *placement_new(struct state *state, struct hearing hearing);
void placement_free(struct placement *p); /* accepts NULL */

/* Begins another turn: the agents are read anew. What was given in earlier turns, proposed, and is
 * not settled counts as used: it is on its way through the log. */
void placement_turn(struct placement *p);
/* The turn's commands are proposed: a number to say again to placement_settled(), once they have
 * been applied or are lost. Entries are settled in the order in which they were proposed. */
uint64_t placement_proposed(struct placement *p);
void placement_settled(struct placement *p, uint64_t proposed);

struct demand {                      /* one task's */
    struct resources needs;          /* cpus, mem, disk, gpus; its ports are ignored */
    const struct ports *fixed_ports; /* these very ones, or NULL */
    size_t any_ports;                /* and so many others */
    const struct constraints *constraints;
    int64_t app;        /* whose instances count for constraints; 0: a job's run */
    int64_t wanted;     /* of that app */
    struct wall config; /* of that app: instances that are older do not count */
    bool docker;
    const char *unknown_uri; /* that it needs and no agent can fetch; NULL: there is none */
    const char *role;        /* whose reserved resources it must have; NULL: it takes any */
    const int64_t *spared;   /* an agent that is taken only if no other will do; NULL: none is */
    const int64_t *kept;     /* the agent where its data is, and room for it: no other will do, and
                              * nothing else is asked of that one; NULL: there is none */
};

struct place {
    int64_t agent;        /* -1: none would do */
    const char *hostname; /* borrowed from the placement */
    uint16_t *ports; /* fixed ones first, in the order asked, then the others; owned: mem_free */
    size_t ports_n;
};

#define EXAMPLE_SIZE 256

/* Why not: how many agents fell out at each check. Zeroed by place(). */
struct funnel {
    int64_t considered, declined[REASONS_N];
    char example[REASONS_N][EXAMPLE_SIZE]; /* one agent's numbers: "node2: 0.1 of 1 cpus free" */
};

/* "3 nodes considered: 2 have too few cpus free (n1: 0.1 cpus free, 1 asked), 1 is draining (n2)"
 */
void funnel_text(const struct funnel *f, char *dst, size_t size);

/* True: *out is an agent with room, which the view counts as used from now on. Spreads: among those
 * that will do, the least used; ties by chance, the spared one last. False: the funnel says why. */
bool place(struct placement *p, const struct demand *d, struct rng *rng, struct place *out,
           struct funnel *funnel);
/* The same question without taking anything. */
bool place_explain(struct placement *p, const struct demand *d, struct funnel *funnel);

/* Each agent that would not do, by id: which check it failed first, and what it has free. */
typedef void declined_fn(void *data, int64_t agent, enum reason why, const struct resources *free);
void place_declined(struct placement *p, const struct demand *d, declined_fn *told, void *data);

/* Keeps the app's constraints, role and URIs; `fixed` is the caller's to close, out->needs too. */
void demand_of_app(const struct app *a, const struct app_row *row, struct demand *out,
                   struct ports *fixed);
void demand_of_job(const struct job *j, struct demand *out);
