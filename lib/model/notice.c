#include "model/notice.h"

#include <stdio.h>
#include <string.h>

#include "base/addressee.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/job_private.h"

static const struct {
    const char *word, *says;
} notices[NOTICE_KINDS] = {
#define X(name, word, says) {word, says},
    NOTICES(X)
#undef X
};

static const char *const channels[NOTICE_CHANNELS_N] = {
#define X(name, word) word,
    NOTICE_CHANNELS(X)
#undef X
};

const char *notice_word(enum notice n)
{
    return notices[n].word;
}

bool notice_parse(const char *word, enum notice *out)
{
    for (int i = 0; i < NOTICE_KINDS; i++) {
        if (str_eq(word, notices[i].word)) {
            *out = (enum notice)i;
            return true;
        }
    }
    return false;
}

/* Of a deleted job Chronos says "Your job". Without a cluster's name the blank stays in front. */
void notice_subject(enum notice n, const char *cluster, const char *job, struct buf *out)
{
    if (cluster[0] != '\0')
        buf_printf(out, "[%s]", cluster);
    buf_printf(out, " [Chronos] %s '%s' %s", n == NOTICE_DELETED ? "Your job" : "job", job,
               notices[n].says);
}

const char *notice_channel_word(enum notice_channel c)
{
    return channels[c];
}

bool notice_channel_parse(const char *word, enum notice_channel *out)
{
    for (int i = 0; i < NOTICE_CHANNELS_N; i++) {
        if (str_eq(word, channels[i])) {
            *out = (enum notice_channel)i;
            return true;
        }
    }
    return false;
}

bool notice_channels_have(const char *all, const char *word)
{
    while (*all != '\0') {
        struct slice next = {all, strcspn(all, ",")};
        if (slice_is(next, word))
            return true;
        all += next.len + (all[next.len] == ',');
    }
    return false;
}

static const char *past_gaps(const char *s)
{
    return s + strspn(s, ", \t\r\n");
}

struct slice notice_owner_next(const char **rest)
{
    const char *from = past_gaps(*rest);
    struct slice owner = {from, strcspn(from, ",")};
    const char *next = past_gaps(from + owner.len);
    *rest = *next != '\0' ? next : NULL;
    while (owner.len > 0 && strchr(" \t\r\n", owner.p[owner.len - 1]) != NULL)
        owner.len--;
    return owner;
}

bool notice_owner_doubt(const char *owners, char doubt[NOTICE_DOUBT_SIZE])
{
    char quoted[80];
    struct slice address;
    for (const char *rest = owners; rest != NULL;) {
        struct slice owner = notice_owner_next(&rest);
        if (owner.len == 0 || addressee_parse(owner, &address) != ADDRESSEE_NONE)
            continue;
        snprintf(doubt, NOTICE_DOUBT_SIZE,
                 "owner: %s is no mail address, so no mail reaches it: need one like "
                 "ann@example.com, and commas between several",
                 str_quote(quoted, sizeof quoted, owner.p, owner.len));
        return true;
    }
    return false;
}

bool notice_is_for_nobody(const char *channel, const char *owners)
{
    return str_eq(channel, channels[CHANNEL_MAIL]) && notice_owner_next(&owners).len == 0;
}

/* ---- a job's member */

static void notices_init(const struct field *f, void *to)
{
    (void)f;
    *(int64_t *)to = NOT_GIVEN;
}

static void notices_read(const struct reader *r, const struct path *at, const struct field *f,
                         const struct json *v, void *to)
{
    int64_t set = 0;
    enum notice n;
    size_t i = 0;
    if (!reader_expects_items(r, at, v, JSON_ARRAY, f))
        return;
    JSON_EACH (word, v) {
        struct path here = {.up = at, .index = i++};
        if (!notice_parse(json_str(word, ""), &n) || n >= NOTICES_OF_JOBS)
            reader_wrong(r, &here, "", word,
                         "failed, disabled, deleted, recovered, missed, late or unplaced");
        else
            set |= 1 << n;
    }
    *(int64_t *)to = set;
}

static void notices_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    json_array(w);
    for (int i = 0; i < NOTICES_OF_JOBS; i++)
        if ((*(const int64_t *)from & 1 << i) != 0)
            json_put_str(w, notices[i].word);
    json_array_end(w);
}

static bool notices_are_set(const struct field *f, const void *from)
{
    (void)f;
    return *(const int64_t *)from != NOT_GIVEN;
}

static bool notices_equal(const struct field *f, const void *a, const void *b)
{
    (void)f;
    return *(const int64_t *)a == *(const int64_t *)b;
}

const struct field_type FIELD_NOTICES = {notices_init, notices_read, notices_write, notices_are_set,
                                         notices_equal};

/* ---- what is told of a job */

bool job_notifies(const struct job *j, enum notice n)
{
    int64_t wanted = j->notices;
    if (wanted == NOT_GIVEN)
        wanted = NOTICES_DEFAULT | (j->late_s != NOT_GIVEN ? 1 << NOTICE_LATE : 0);
    return n == NOTICE_TEST || (wanted & 1 << n) != 0;
}

static void put_number(struct json_writer *w, const char *name, double v)
{
    char text[DOUBLE_TEXT_SIZE];
    json_member_str(w, name, double_text(v, text));
}

static void put_int(struct json_writer *w, const char *name, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    json_member_str(w, name, text);
}

static void put_flag(struct json_writer *w, const char *name, bool v)
{
    json_member_str(w, name, v ? "true" : "false");
}

static void put_instant(struct json_writer *w, const char *name, struct wall at)
{
    char text[TIME_TEXT_SIZE];
    json_member_str(w, name, at.ms == 0 ? "" : wall_text(at, text));
}

static void put_cut(struct json_writer *w, const char *name, const char *text)
{
    char cut[LIMIT_NOTICE_TEXT_BYTES];
    str_copy(cut, sizeof cut, text);
    json_member_str(w, name, cut);
}

static void put_uris(struct json_writer *w, const struct strings *uris)
{
    struct buf all;
    buf_init(&all, LIMIT_NOTICE_TEXT_BYTES * 2);
    for (size_t i = 0; i < uris->n; i++)
        buf_printf(&all, "%s%s", i == 0 ? "" : ",", uris->items[i]);
    put_cut(w, "uris", buf_str(&all));
    buf_close(&all);
}

void job_write_notice(const struct job *j, struct json_writer *w)
{
    json_member_str(w, "job", j->name);
    put_cut(w, "command", j->command);
    put_number(w, "cpus", j->cpus);
    put_flag(w, "softError", j->soft_error);
    put_int(w, "errorCount", j->error_count);
    put_int(w, "errorsSinceLastSuccess", j->errors_since_success);
    put_cut(w, "executor", j->executor);
    put_cut(w, "executorFlags", j->executor_flags);
    put_instant(w, "lastError", j->last_error);
    put_instant(w, "lastSuccess", j->last_success);
    put_number(w, "mem", j->mem);
    put_int(w, "retries", j->retries);
    put_int(w, "successCount", j->success_count);
    put_uris(w, &j->uris);
    put_flag(w, "async", j->async);
    json_member_str(w, "epsilon", j->epsilon != NULL ? j->epsilon : "");
}
