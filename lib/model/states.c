#include "model/states.h"

#include <string.h>

static const struct {
    const char *word;
    enum mode mode;
} mode_words[] = {{"master", MODE_MASTER}, {"scheduler", MODE_SCHEDULER}, {"agent", MODE_AGENT}};
#define MODES (sizeof mode_words / sizeof mode_words[0])

const char *modes_text(unsigned modes, char dst[MODES_TEXT_SIZE])
{
    dst[0] = '\0';
    for (size_t i = 0; i < MODES; i++) {
        if ((modes & mode_words[i].mode) == 0)
            continue;
        if (dst[0] != '\0')
            strcat(dst, ",");
        strcat(dst, mode_words[i].word);
    }
    return dst;
}

static unsigned mode_named(const char *word, size_t len)
{
    for (size_t i = 0; i < MODES; i++)
        if (strlen(mode_words[i].word) == len && memcmp(mode_words[i].word, word, len) == 0)
            return mode_words[i].mode;
    return 0;
}

bool modes_parse(const char *text, unsigned *out)
{
    unsigned modes = 0;
    for (const char *at = text;; at++) {
        size_t len = strcspn(at, ",");
        unsigned mode = mode_named(at, len);
        if (mode == 0 || (modes & mode) != 0)
            return false;
        modes |= mode;
        at += len;
        if (*at == '\0')
            break;
    }
    *out = modes;
    return true;
}

static const struct {
    const char *word, *mesos;
} task_words[TASK_STATES] = {
    [TASK_STAGING] = {"staging", "TASK_STAGING"},
    [TASK_STARTING] = {"starting", "TASK_STARTING"},
    [TASK_RUNNING] = {"running", "TASK_RUNNING"},
    [TASK_KILLING] = {"killing", "TASK_KILLING"},
    [TASK_UNREACHABLE] = {"unreachable", "TASK_UNREACHABLE"},
    [TASK_FINISHED] = {"finished", "TASK_FINISHED"},
    [TASK_FAILED] = {"failed", "TASK_FAILED"},
    [TASK_KILLED] = {"killed", "TASK_KILLED"},
    [TASK_ERROR] = {"error", "TASK_ERROR"},
    [TASK_GONE] = {"gone", "TASK_GONE"},
    [TASK_DROPPED] = {"dropped", "TASK_DROPPED"},
    [TASK_LOST] = {"lost", "TASK_LOST"},
};

const char *task_state_word(enum task_state s)
{
    return task_words[s].word;
}

const char *task_state_mesos(enum task_state s)
{
    return task_words[s].mesos;
}

bool task_state_parse(const char *word, enum task_state *out)
{
    for (int i = 0; i < TASK_STATES; i++) {
        if (strcmp(word, task_words[i].word) == 0 || strcmp(word, task_words[i].mesos) == 0) {
            *out = (enum task_state)i;
            return true;
        }
    }
    return false;
}

const char *agent_state_word(enum agent_state s)
{
    static const char *const words[] = {"ready", "draining", "drained", "unreachable", "gone"};
    return words[s];
}

const char *run_state_word(enum run_state s)
{
    static const char *const words[] = {
        [RUN_QUEUED] = "queued",     [RUN_ASSIGNED] = "starting",   [RUN_RUNNING] = "running",
        [RUN_SUCCESS] = "ok",        [RUN_FAILED] = "failed",       [RUN_KILLED] = "killed",
        [RUN_LOST] = "lost",         [RUN_MISSED] = "missed",       [RUN_RETRY_WAIT] = "retrying",
        [RUN_COALESCED] = "skipped", [RUN_CANCELLED] = "cancelled", [RUN_SUPERSEDED] = "superseded",
        [RUN_EXCLUDED] = "excluded",
    };
    return words[s];
}

const char *run_cause_word(enum run_cause c)
{
    static const char *const words[] = {"schedule", "manual", "dependency", "backfill"};
    return words[c];
}

const char *noun_word(enum noun n)
{
    static const char *const words[] = {"app",        "task",    "job",   "run",     "node",
                                        "deployment", "service", "token", "calendar"};
    return words[n];
}

enum task_state task_state_of_both(enum task_state x, enum task_state y)
{
    static const int ranks[TASK_STATES] = {
        [TASK_ERROR] = 0,   [TASK_FAILED] = 1,      [TASK_GONE] = 2,      [TASK_DROPPED] = 3,
        [TASK_LOST] = 4,    [TASK_UNREACHABLE] = 5, [TASK_KILLING] = 6,   [TASK_STARTING] = 7,
        [TASK_STAGING] = 8, [TASK_RUNNING] = 9,     [TASK_FINISHED] = 10, [TASK_KILLED] = 11,
    };
    return ranks[x] <= ranks[y] ? x : y;
}
