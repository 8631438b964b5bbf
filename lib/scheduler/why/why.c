#include "scheduler/why/private.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Causes: an id, and what to do. The sentences are filled where the cause is found. */
static const struct cause {
    const char *id, *so;
} causes[] = {
    {"suspended", "Scale it up to start it: mesolith app scale %s 1"},
    {"backoff",
     "Look at what it said (mesolith logs --err %s), mend it, and update or restart the app: that "
     "ends the delay."},
    {"no-agents", "Start an agent, or look why none is ready: mesolith node list"},
    {"starting", "Wait; a slow start is ended after 300 s and tried again."},
    {"unhealthy",
     "Look at its output (mesolith logs %s) and at the path that its health check asks."},
    {"waits-for-health",
     "Look at the new instances' output (mesolith logs %s); roll back if they never get well."},
    {"waits-for-readiness",
     "Look at the new instances' output (mesolith logs %s) and at the path that their readiness "
     "check asks; roll back if they never get ready."},
    {"stuck",
     "Look at what they said (mesolith logs --err %s) and at the path that their health check "
     "asks; mend it and update the app, or roll the deployment back."},
    {"no-service-port",
     "Give the app another service port (0: a free one), or stop what holds it."},
    {"stopping", "Wait; it is killed when its grace period is over."},
    {"no-role", "Have its acceptedResourceRoles take \"*\" too: nothing is reserved for a role."},
    {"no-constraint", "Loosen the constraints, or add a node that meets them."},
    {"no-reservation", "Make the reservation, or leave the persistent volume out."},
    {"waits-for-node", "Bring that node back; or give its data up, and a new instance starts "
                       "elsewhere: mesolith task "
                       "kill %s --wipe"},
    {"draining", "End the drain, or add a node."},
    {"no-cpus", "Ask for fewer cpus, stop something, or add a node."},
    {"no-memory", "Ask for less memory, stop something, or add a node."},
    {"no-disk", "Ask for less disk, stop something, or add a node."},
    {"no-gpus", "Leave gpus out: no node has any."},
    {"no-port", "Stop what holds the port, or ask for a random one: \"port\": 0."},
    {"node-silent", "Start its node again, or add another one: mesolith node list"},
    {"scarce", "Ask for gpus, or add a node without."},
    {"no-docker", "Install and start Docker (docker.io) on a node, or run it without an image."},
    {"no-fetcher", "Have it fetch from http://, https://, file:// or an absolute path."},
    {"broken", "Post it again, or run the version of mesolith that stored it."},
    {"clock",
     "Wait, or run it now: mesolith job run %s; if the clock is right, see mesolith status"},
    {"early", "Wait, or put it again with an earlier \"startsAt\", or without."},
    {"over", "Put it again with a later \"endsAt\", or delete it: mesolith job delete %s"},
    {"excluded", "Wait; or take the calendar out of \"excludeCalendars\", or put it into "
                 "\"onlyCalendars\": mesolith calendar list"},
    {"excluded-all",
     "Change the calendar, or the job's schedule or calendars: mesolith calendar list"},
    {"disabled", "To have it run again: mesolith job resume %s"},
    {"exhausted", "Run it now, or give it a schedule with times to come if it should go on."},
    {"failing", "Look at the output of its last run: mesolith logs %s, and with --err"},
    {"late", "Look what it waits for below, or allow more time: \"epsilon\"."},
    {"no-mail", "Put it again with another \"owner\": mesolith job show %s"},
    {"parent-disabled", "Enable it, or run it or this one now: mesolith job enable %s"},
    {"waits-for-parents", "Wait, or run it now: mesolith job run %s"},
    {"spread", "Wait, or run it now: mesolith job run %s"},
    {"not-begun", "Mend that on its node, where it is tried again every few seconds."},
    {"overlap", "Wait for the active run to end, or allow both: \"overlap\": \"allow\"."},
    {"retrying", "Wait, or mend it: its output is kept (mesolith logs %s)."},
    {"node-restarting",
     "Wait, or start it on its machine; when that time is over, its tasks are unreachable."},
    {"unreachable",
     "Look at that machine and its network; its tasks are replaced by their strategy."},
    {"node-draining",
     "Wait; what does not go on tells mesolith why NAME. To end the drain: mesolith node undrain "
     "%s"},
    {"node-drained", "When it is to run tasks again: mesolith node undrain %s"},
    {"ended", "Nothing; what replaced it is listed with its app."},
};

static const char *const reason_ids[REASONS_N] = {
    [REASON_ROLE] = "no-role",
    [REASON_CONSTRAINT] = "no-constraint",
    [REASON_RESERVATION] = "no-reservation",
    [REASON_MAINTENANCE] = "draining",
    [REASON_CPUS] = "no-cpus",
    [REASON_MEM] = "no-memory",
    [REASON_DISK] = "no-disk",
    [REASON_GPUS] = "no-gpus",
    [REASON_PORTS] = "no-port",
    [REASON_SCARCE] = "scarce",
    [REASON_DOCKER] = "no-docker",
    [REASON_FETCH] = "no-fetcher",
    [REASON_SILENT] = "node-silent",
};

struct sentence *why_add(struct why *w, const char *id, const char *name)
{
    if (w->n == WHY_MAX)
        return NULL;
    struct sentence *s = &w->sentences[w->n++];
    *s = (struct sentence){.id = id};
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (!str_eq(causes[i].id, id))
            continue;
        const char *gap = strstr(causes[i].so, "%s");
        if (gap == NULL)
            str_copy(s->so, sizeof s->so, causes[i].so);
        else
            snprintf(s->so, sizeof s->so, "%.*s%s%s", (int)(gap - causes[i].so), causes[i].so, name,
                     gap + 2);
    }
    w->ok = false;
    return s;
}
/* ---- words */

bool why_passes(const struct sentence *e)
{
    static const char *const ids[] = {
        "starting", "waits-for-health", "waits-for-readiness", "stopping",
        "overlap",  "retrying",         "suspended",           "spread"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (str_eq(e->id, ids[i]))
            return true;
    return false;
}
/* ---- placement */

static enum reason worst(const struct funnel *f)
{
    enum reason most = REASON_NONE;
    for (int r = 0; r < REASONS_N; r++)
        if (f->declined[r] > 0 && (most == REASON_NONE || f->declined[r] > f->declined[most]))
            most = (enum reason)r;
    if (most == REASON_CONSTRAINT && f->declined[REASON_SILENT] > 0)
        return REASON_SILENT; /* that one meets them, and is back before others do */
    return most;
}

void why_place(struct placement *p, const struct demand *d, const char *name, const char *what,
               struct why *out)
{
    struct funnel funnel;
    if (place_explain(p, d, &funnel))
        return; /* it is being launched right now */
    enum reason r = worst(&funnel);
    struct sentence *t = why_add(out, r == REASON_NONE ? "no-agents" : reason_ids[r], name);
    if (t == NULL)
        return;
    SAY(t->what, "%s", what);
    funnel_text(&funnel, t->because, sizeof t->because);
}
/* ---- how it ended */

const char *end_hint(const char *message)
{
    return str_ends(message, "exited with status 127") ? " (command not found?)" : "";
}

/* What helps is not always in the output: what never began has none. */
void why_advise_end(struct sentence *t, const struct task_row *task, const char *message)
{
    if (str_starts(message, "Memory limit exceeded"))
        SAY(t->so, "Give it more memory: its \"mem\" is %lld MiB.",
            (long long)(task->mem_bytes >> 20));
    else if (task->started.ms == 0)
        SAY(t->so, "Mend what is said there and update it; it never began, so it has no output.");
}
