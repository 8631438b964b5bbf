/* How this process logs and is set (spec/marathon.md 14.10). Each node answers for itself; asking
 * it to log more or less changes nothing but that. */
#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

/* ---- /logging: there is one log, whatever a logger is called */

/* Marathon's words. Nobody is kept from hearing of errors. */
static const struct {
    const char *word;
    enum log_level level;
} levels[] = {
    {"trace", LOG_DEBUG}, {"debug", LOG_DEBUG}, {"info", LOG_INFO},
    {"warn", LOG_WARN},   {"error", LOG_ERROR}, {"off", LOG_ERROR},
};
#define LEVELS (sizeof levels / sizeof levels[0])

static const char *const shown[] = {
    [LOG_ERROR] = "ERROR", [LOG_WARN] = "WARN", [LOG_INFO] = "INFO", [LOG_DEBUG] = "DEBUG"};

void marathon_ask_logging(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "ROOT", shown[log_level_now()]);
    json_object_end(&w);
}

static bool level_of(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (slice_is_nocase(slice_of(word), levels[i].word)) {
            *out = levels[i].level;
            return true;
        }
    return false;
}

struct change_of_level {
    const char *logger, *word;
    enum log_level level;
    int64_t seconds; /* 0: for good */
};

static void read_level(const struct json *body, struct change_of_level *out, struct problems *p)
{
    out->logger = json_str(json_get(body, "logger"), "");
    out->word = json_str(json_get(body, "level"), "");
    const struct json *seconds = json_get(body, "durationSeconds");
    if (out->logger[0] == '\0')
        problems_add(p, PROBLEM_RULE, "/logger", "is missing or empty, need a logger's name: ROOT");
    if (!level_of(out->word, &out->level))
        problems_add(p, PROBLEM_RULE, "/level",
                     "got \"%.100s\", need trace, debug, info, warn, error or off", out->word);
    if (seconds != NULL && !json_i64(seconds, &out->seconds))
        problems_add_coded(p, "error.expected.int", "/durationSeconds",
                           "got %s, need a whole number of seconds", json_kind_word(seconds));
    else if (out->seconds < 0 || out->seconds > LIMIT_LOGGING_S)
        problems_add(p, PROBLEM_RULE, "/durationSeconds", "got %lld, need 0 (for good) to %d",
                     (long long)out->seconds, LIMIT_LOGGING_S);
}

void marathon_post_logging(struct call *c)
{
    const struct json *body = marathon_body(c);
    struct problems problems = {0};
    struct change_of_level to = {0};
    struct json_writer w;
    if (body == NULL)
        return;
    read_level(body, &to, &problems);
    if (problems.n > 0) {
        call_problems(c, &problems);
        return;
    }
    log_set_level_until(to.level, to.seconds > 0 ? mono_after(c->view->now.mono, to.seconds * 1000)
                                                 : (struct mono){0});
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "logger", to.logger);
    json_member_str(&w, "level", to.word);
    if (to.seconds > 0)
        json_member_int(&w, "durationSeconds", to.seconds);
    json_object_end(&w);
}

/* ---- GET /config */

void marathon_ask_config(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    marathon_put_options(c->view->facts, &w);
    json_member_int(&w, "max_running_deployments", LIMIT_DEPLOYMENTS);
    json_member_int(&w, "event_stream_max_outstanding_bytes", LIMIT_SUBSCRIBER_BYTES);
    json_member_int(&w, "zk_max_versions", LIMIT_APP_VERSIONS);
    json_object_end(&w);
}
