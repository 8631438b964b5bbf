/* Silence: whose tasks are out of reach (DESIGN 6). */
#include "base/log.h"
#include "master/private.h"

#define RETRY_MS 100     /* a decision that was refused */
#define SUSPECT_MS 75000 /* so many silent at once that the leader suspects itself */

static struct mono silent_at(const struct master *m, const struct session *s)
{
    return mono_after(s->heard, s->state == SESSION_CLOSED ? CLOSED_MS : m->options.unreachable_ms);
}

int64_t master_patience_ms(const struct master *m, int64_t agent, bool hurried, struct now now)
{
    const struct session *s = map_get(m->sessions, (uint64_t)agent);
    if (s == NULL) /* it is given up, and will register anew */
        return m->options.unreachable_ms;
    struct mono until = hurried ? mono_after(s->heard, m->options.unreachable_ms) : silent_at(m, s);
    int64_t left = until.ms - now.mono.ms;
    return left > 0 ? left : 0;
}

/* More than a third and at least three of them at once: it is rather the leader that hears nothing.
 * True while it is not to be believed. */
static bool suspects_itself(struct master *m, size_t silent, struct now now)
{
    size_t all = map_count(m->sessions);
    if (silent < 3 || silent * 3 <= all) {
        m->suspect_until = MONO_NEVER;
        return false;
    }
    if (m->suspect_until.ms == INT64_MAX) {
        m->suspect_until = mono_after(now.mono, SUSPECT_MS);
        log_warn("many agents silent at once", "silent=%zu of=%zu waiting_ms=%d", silent, all,
                 SUSPECT_MS);
    }
    m->due = mono_earlier(m->due, m->suspect_until);
    return now.mono.ms < m->suspect_until.ms;
}

static void propose_unreachable(struct master *m, struct now now, struct outbox *out)
{
    struct session *s;
    struct json_writer w;
    m->liveness_in_flight = true;
    outbox_draft(out, COMMAND_AGENT_STATE, (struct origin){.kind = ORIGIN_MASTER}, &w);
    json_key(&w, "set");
    json_array(&w);
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        if (silent_at(m, s).ms > now.mono.ms)
            continue;
        json_object(&w);
        json_member_int(&w, "agent", s->id);
        json_member_int(&w, "state", AGENT_UNREACHABLE);
        json_member_str(&w, "reason", "nothing heard from it");
        json_object_end(&w);
    }
    json_array_end(&w);
    outbox_draft_end(out, &w);
}

void liveness_check(struct master *m, struct now now, struct outbox *out)
{
    struct session *s;
    size_t silent = 0;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        struct mono at = silent_at(m, s);
        if (at.ms > now.mono.ms)
            m->due = mono_earlier(m->due, at);
        else
            silent++;
    }
    if (!m->liveness_in_flight && !suspects_itself(m, silent, now) && silent > 0)
        propose_unreachable(m, now, out);
}

void liveness_outcome(struct master *m, struct now now)
{
    m->liveness_in_flight = false; /* done, or refused: then they are still silent */
    m->due = mono_earlier(m->due, mono_after(now.mono, RETRY_MS));
}
