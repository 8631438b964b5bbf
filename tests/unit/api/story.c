#include "unit.h"

#include "story.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define KEPT_MAX 64

struct kept {
    char name[32], value[256];
};

struct story {
    struct world w;
    const char *path, *listener;
    char **lines;
    size_t n, at; /* at: the next line to read */
    struct kept kept[KEPT_MAX];
    size_t kept_n;
    char *answer; /* the newest body, to be shown when something differs */
};

static void complain(struct story *s, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fail_msg("%s:%zu: %s\nThe answer:\n%s", s->path, s->at, text,
             s->answer != NULL ? s->answer : "");
}

/* ---- what placeholders stand for */

static const char *kept_value(const struct story *s, const char *name)
{
    for (size_t i = 0; i < s->kept_n; i++)
        if (str_eq(s->kept[i].name, name))
            return s->kept[i].value;
    return NULL;
}

/* A name that is used again stands for the newest. */
static void keep(struct story *s, const char *name, const char *value, size_t len)
{
    size_t i = 0;
    while (i < s->kept_n && !str_eq(s->kept[i].name, name))
        i++;
    assert_true(i < KEPT_MAX && len < sizeof s->kept[0].value);
    s->kept_n = i == s->kept_n ? i + 1 : s->kept_n;
    str_copy(s->kept[i].name, sizeof s->kept[i].name, name);
    snprintf(s->kept[i].value, sizeof s->kept[i].value, "%.*s", (int)len, value);
}

/* "<kind name>": false when the text is none. */
struct hole {
    char kind[32], name[32];
    size_t len;
};

static bool hole_at(const char *text, struct hole *out)
{
    *out = (struct hole){0};
    const char *end = text[0] == '<' ? strchr(text, '>') : NULL;
    if (end == NULL || end - text > 40)
        return false;
    out->len = (size_t)(end - text) + 1;
    return sscanf(text, "<%31[A-Za-z0-9] %31[A-Za-z0-9]>", out->kind, out->name) >= 1;
}

static size_t uuid_len(const char *text)
{
    struct uuid u;
    char copy[UUID_TEXT_SIZE];
    snprintf(copy, sizeof copy, "%.36s", text);
    return uuid_parse(copy, &u) ? 36 : 0;
}

static size_t time_len(const char *text)
{
    struct wall t;
    struct error err;
    char copy[32], again[TIME_TEXT_SIZE];
    snprintf(copy, sizeof copy, "%.24s", text);
    return wall_parse(copy, &t, &err) == 0 && str_eq(wall_text(t, again), copy) ? 24 : 0;
}

static size_t int_len(const char *text)
{
    return strspn(text, "-0123456789");
}

/* How much of `text` fills the hole; SIZE_MAX: it does not. */
static size_t fill(struct story *s, const struct hole *h, const char *text)
{
    const char *kept = kept_value(s, h->kind);
    size_t len = str_eq(h->kind, "uuid")                  ? uuid_len(text)
                 : str_eq(h->kind, "time")                ? time_len(text)
                 : str_eq(h->kind, "int")                 ? int_len(text)
                 : str_eq(h->kind, "any")                 ? strlen(text) + 1
                 : kept != NULL && str_starts(text, kept) ? strlen(kept)
                                                          : 0;
    if (len == 0)
        return SIZE_MAX;
    if (str_eq(h->kind, "any"))
        len--;
    if (h->name[0] != '\0')
        keep(s, h->name, text, len);
    return len;
}

static bool text_matches(struct story *s, const char *wanted, const char *got)
{
    struct hole h;
    while (*wanted != '\0') {
        if (*wanted == '\n' && got[0] == '\r') {
            got++; /* then its line feed */
        } else if (str_starts(wanted, "<TAB>") && *got == '\t') {
            wanted += 5;
            got++;
        } else if (hole_at(wanted, &h)) {
            size_t len = fill(s, &h, got);
            if (len == SIZE_MAX)
                return false;
            wanted += h.len;
            got += len;
        } else if (*wanted++ != *got++) {
            return false;
        }
    }
    return *got == '\0';
}

/* What was kept put into a request's text. The caller frees. */
static char *filled_in(const struct story *s, const char *text)
{
    struct buf out;
    struct hole h;
    buf_init(&out, 8 << 20);
    while (*text != '\0') {
        const char *value = hole_at(text, &h) ? kept_value(s, h.kind) : NULL;
        if (value != NULL) {
            buf_puts(&out, value);
            text += h.len;
        } else {
            buf_putc(&out, *text++);
        }
    }
    return buf_take(&out, NULL);
}

/* ---- JSON */

static void compare(struct story *s, const char *path, const struct json *wanted,
                    const struct json *got);

static void compare_objects(struct story *s, const char *path, const struct json *wanted,
                            const struct json *got)
{
    char below[512];
    bool more = json_get_null(wanted, "…") != NULL;
    JSON_EACH (member, got)
        if (!more && json_get_null(wanted, json_name(member)) == NULL)
            complain(s, "%s/%s should not be there", path, json_name(member));
    JSON_EACH (member, wanted) {
        if (str_eq(json_name(member), "…"))
            continue;
        const struct json *its = json_get_null(got, json_name(member));
        snprintf(below, sizeof below, "%s/%s", path, json_name(member));
        if (its == NULL)
            complain(s, "%s is missing", below);
        compare(s, below, member, its);
    }
}

static void compare_arrays(struct story *s, const char *path, const struct json *wanted,
                           const struct json *got)
{
    char below[512];
    size_t i = 0;
    if (json_count(wanted) != json_count(got))
        complain(s, "%s has %zu elements, wanted %zu", path, json_count(got), json_count(wanted));
    const struct json *its = json_first(got);
    JSON_EACH (element, wanted) {
        snprintf(below, sizeof below, "%s(%zu)", path, i++);
        compare(s, below, element, its);
        its = json_next(its);
    }
}

static void compare(struct story *s, const char *path, const struct json *wanted,
                    const struct json *got)
{
    const char *text = json_str(wanted, "");
    if (str_eq(text, "<any>") || (str_eq(text, "<int>") && json_is(got, JSON_NUMBER)))
        return;
    if (json_kind(wanted) != json_kind(got))
        complain(s, "%s is %s, wanted %s", path, json_kind_word(got), json_kind_word(wanted));
    switch (json_kind(wanted)) {
    case JSON_OBJECT:
        compare_objects(s, path, wanted, got);
        break;
    case JSON_ARRAY:
        compare_arrays(s, path, wanted, got);
        break;
    case JSON_STRING:
        if (!text_matches(s, text, json_str(got, "")))
            complain(s, "%s is \"%s\", wanted \"%s\"", path, json_str(got, ""), text);
        break;
    case JSON_NULL:
    case JSON_BOOL:
    case JSON_NUMBER:
        if (!json_equal(wanted, got))
            complain(s, "%s differs", path);
    }
}

static void compare_texts(struct story *s, struct slice wanted, struct slice got)
{
    struct error err;
    struct json *w = json_parse(wanted, &err), *g = json_parse(got, &err);
    if (w != NULL && g != NULL)
        compare(s, "", w, g);
    else if (w != NULL)
        complain(s, "the answer is not JSON: %s", err.text);
    json_free(g);
    if (w != NULL) {
        json_free(w);
        return;
    }
    char *a = slice_dup(wanted), *b = slice_dup(got);
    if (!text_matches(s, a, b))
        complain(s, "the answer differs, wanted:\n%s", a);
    mem_free(a);
    mem_free(b);
}

/* ---- lines */

static const char *peek(const struct story *s)
{
    return s->at < s->n ? s->lines[s->at] : NULL;
}

static bool at_end_of_part(const struct story *s)
{
    const char *line = peek(s);
    return line == NULL || str_starts(line, "---") || str_starts(line, "###");
}

/* Lines up to a blank one, which is read too, or to the end of the part. */
static void read_headers(struct story *s, struct buf *out)
{
    while (!at_end_of_part(s)) {
        const char *line = s->lines[s->at++];
        if (line[0] == '\0')
            return;
        buf_puts(out, line);
        buf_puts(out, "\r\n");
    }
}

static void read_body(struct story *s, struct buf *out)
{
    while (!at_end_of_part(s)) {
        buf_puts(out, s->lines[s->at++]);
        buf_putc(out, '\n');
    }
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == '\r'))
        s.len--;
    return s;
}

/* ---- requests */

static void check_headers(struct story *s, struct slice wanted, const struct reply *r)
{
    struct slice name, value;
    for (size_t at = 0; header_each(wanted, &at, &name, &value);) {
        char *n = slice_dup(name), *v = slice_dup(value);
        struct slice its = slice_is_nocase(name, "Content-Type")
                               ? slice_of(r->content_type)
                               : header_get(buf_slice(&r->headers), n);
        char *got = slice_dup(its);
        if (str_eq(v, "-") ? its.p != NULL : !text_matches(s, v, got))
            complain(s, "header %s is \"%s\", wanted \"%s\"", n, got, v);
        mem_free(n);
        mem_free(v);
        mem_free(got);
    }
}

static void check_answer(struct story *s, const struct reply *r)
{
    struct buf headers, body;
    const char *line = peek(s);
    buf_init(&headers, 64 << 10);
    buf_init(&body, 8 << 20);
    if (line == NULL || !str_starts(line, "--- "))
        complain(s, "a request without an answer");
    s->at++;
    if (atoi(line + 4) != r->status)
        complain(s, "status %d, wanted %s", r->status, line + 4);
    read_headers(s, &headers);
    read_body(s, &body);
    check_headers(s, buf_slice(&headers), r);
    compare_texts(s, trimmed(buf_slice(&body)), trimmed(buf_slice(&r->body)));
    buf_close(&headers);
    buf_close(&body);
}

static void play_request(struct story *s)
{
    struct buf headers, body;
    struct reply r;
    buf_init(&headers, 64 << 10);
    buf_init(&body, 8 << 20);
    char *line = filled_in(s, s->lines[s->at++]);
    read_headers(s, &headers);
    read_body(s, &body);
    struct slice sent = trimmed(buf_slice(&body));
    char *before = slice_dup(sent), *text = filled_in(s, before);
    world_pass(&s->w, 1000);
    world_play(&s->w, s->listener, line, buf_str(&headers), text[0] != '\0' ? text : NULL, &r);
    mem_free(s->answer);
    s->answer = slice_dup(buf_slice(&r.body));
    check_answer(s, &r);
    reply_close(&r);
    mem_free(line);
    mem_free(before);
    mem_free(text);
    buf_close(&headers);
    buf_close(&body);
}

/* ---- directives */

static void do_agent(struct story *s, const char *hostname)
{
    world_agent(&s->w, hostname);
}

static void do_tick(struct story *s, const char *nothing)
{
    (void)nothing;
    world_tick(&s->w);
}

static void do_settle(struct story *s, const char *nothing)
{
    (void)nothing;
    world_settle(&s->w);
}

static void do_work(struct story *s, const char *nothing)
{
    (void)nothing;
    world_agents_work(&s->w);
}

static void do_pass(struct story *s, const char *ms)
{
    world_pass(&s->w, atoll(ms));
}

/* The n-th task of an app that has not ended, from 0, or the only one of a job's run. */
static int64_t task_of(struct story *s, const char *of, int nth)
{
    struct task_row t;
    int64_t found = 0;
    struct stmt *q = state_tasks(s->w.state);
    while (state_task_next(q, &t))
        if (str_eq(t.of, of) && nth-- == 0)
            found = t.id;
    if (found == 0)
        complain(s, "%s has no such task", of);
    return found;
}

static void do_task(struct story *s, const char *words)
{
    char of[256], word[32], message[256] = "";
    int nth;
    enum task_state state;
    if (sscanf(words, "%255s %d %31s %255[^\n]", of, &nth, word, message) < 3 ||
        !task_state_parse(word, &state))
        complain(s, "! task OF N STATE [MESSAGE]: got %s", words);
    world_status(&s->w, task_of(s, of, nth), state, message[0] != '\0' ? message : NULL);
}

static void do_health(struct story *s, const char *words)
{
    char of[256], word[32], results[2048] = "";
    int nth;
    if (sscanf(words, "%255s %d %31s %2047[^\n]", of, &nth, word, results) < 3)
        complain(s, "! health OF N good|bad|unknown [RESULTS]: got %s", words);
    int health = str_eq(word, "good") ? 1 : str_eq(word, "bad") ? 2 : 0;
    world_health(&s->w, task_of(s, of, nth), health, results[0] != '\0' ? results : NULL);
}

static void do_readiness(struct story *s, const char *words)
{
    char of[256], results[2048];
    int nth;
    if (sscanf(words, "%255s %d %2047[^\n]", of, &nth, results) < 3)
        complain(s, "! readiness OF N RESULTS: got %s", words);
    world_readiness(&s->w, task_of(s, of, nth), results);
}

static void do_check(struct story *s, const char *words)
{
    char of[256], kind[32];
    int nth, code;
    if (sscanf(words, "%255s %d %31s %d", of, &nth, kind, &code) != 4)
        complain(s, "! check OF N http|tcp|command CODE: got %s", words);
    enum check_kind asked = str_eq(kind, "http")  ? CHECK_HTTP
                            : str_eq(kind, "tcp") ? CHECK_TCP
                                                  : CHECK_COMMAND;
    world_check(&s->w, task_of(s, of, nth), (struct check_result){asked, code});
}

/* The command's word and its arguments. */
static void do_apply(struct story *s, const char *words)
{
    char word[32];
    enum command_kind kind;
    int used = 0;
    if (sscanf(words, "%31s %n", word, &used) != 1 || !command_parse_word(word, &kind))
        complain(s, "! apply COMMAND ARGUMENTS: got %s", words);
    char *args = filled_in(s, words + used);
    world_apply(&s->w, kind, args, NULL);
    mem_free(args);
}

/* Cuts the first event off: its type and its data, NULL at the end. */
static char *next_event(struct slice *text)
{
    static const char before[] = "data: ", after[] = "\r\n\r\n";
    const char *data = memmem(text->p, text->len, before, sizeof before - 1);
    const char *end =
        data != NULL ? memmem(data, text->len - (size_t)(data - text->p), after, sizeof after - 1)
                     : NULL;
    if (end == NULL)
        return NULL;
    data += sizeof before - 1;
    char *event = mem_strndup(data, (size_t)(end - data));
    size_t used = (size_t)(end - text->p) + sizeof after - 1;
    *text = (struct slice){text->p + used, text->len - used};
    return event;
}

static const char *const topic_names[TOPICS] = {
    [TOPIC_MARATHON] = "", [TOPIC_MARATHON_LIGHT] = "light", [TOPIC_NATIVE] = "native"};

/* What was published on a topic since the last such line: one JSON text a line, all and in order.
 * The others forget theirs as well. */
static void do_events(struct story *s, const char *topic)
{
    enum topic which = TOPIC_MARATHON;
    while (which < TOPICS && !str_eq(topic_names[which], topic))
        which++;
    assert_true(which < TOPICS);
    struct slice left = buf_slice(&s->w.published[which]);
    char *event;
    while ((event = next_event(&left)) != NULL) {
        mem_free(s->answer);
        s->answer = event;
        const char *wanted = peek(s);
        if (wanted == NULL || wanted[0] != '{')
            complain(s, "one event more than wanted");
        s->at++;
        compare_texts(s, slice_of(wanted), slice_of(event));
    }
    if (peek(s) != NULL && peek(s)[0] == '{')
        complain(s, "one event less than wanted");
    for (size_t i = 0; i < TOPICS; i++)
        buf_clear(&s->w.published[i]);
}

static void do_forget_events(struct story *s, const char *nothing)
{
    (void)nothing;
    for (size_t i = 0; i < TOPICS; i++)
        buf_clear(&s->w.published[i]);
}

static const struct {
    const char *word;
    void (*act)(struct story *s, const char *rest);
} directives[] = {
    {"agent", do_agent},         /* HOSTNAME: one more, ready */
    {"tick", do_tick},           /* the minds do what they want to */
    {"work", do_work},           /* agents start and end tasks */
    {"settle", do_settle},       /* both, until all is quiet */
    {"pass", do_pass},           /* MILLISECONDS */
    {"task", do_task},           /* OF N STATE [MESSAGE]: an agent tells of a task */
    {"health", do_health},       /* OF N good|bad|unknown [RESULTS] */
    {"readiness", do_readiness}, /* OF N RESULTS */
    {"check", do_check},         /* OF N http|tcp|command CODE; -1: no result */
    {"apply", do_apply},         /* COMMAND ARGUMENTS */
    {"events", do_events},       /* [light|native]: what was published, one JSON text a line */
    {"forget", do_forget_events},
};

static void play_directive(struct story *s)
{
    char word[32] = "";
    int used = 0;
    const char *line = s->lines[s->at++];
    sscanf(line, "! %31s %n", word, &used);
    for (size_t i = 0; i < COUNT(directives); i++) {
        if (!str_eq(directives[i].word, word))
            continue;
        directives[i].act(s, used > 0 ? line + used : "");
        return;
    }
    complain(s, "no directive is called %s", word);
}

/* ---- files */

static void read_lines(struct story *s)
{
    char *line = NULL;
    size_t size = 0, cap = 0;
    FILE *f = fopen(s->path, "r");
    if (f == NULL)
        fail_msg("%s cannot be read", s->path);
    for (ssize_t len; (len = getline(&line, &size, f)) >= 0;) {
        if (len > 0 && line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (s->n == cap) {
            cap = cap == 0 ? 256 : cap * 2;
            s->lines = mem_realloc(s->lines, cap * sizeof s->lines[0]);
        }
        s->lines[s->n++] = mem_strdup(line);
    }
    free(line);
    fclose(f);
}

static void play_file(const char *path, const char *listener)
{
    struct story *s = NEW(struct story);
    s->path = path;
    s->listener = listener;
    read_lines(s);
    world_open(&s->w);
    while (s->at < s->n) {
        const char *line = s->lines[s->at];
        if (line[0] == '\0' || line[0] == '#')
            s->at++;
        else if (line[0] == '!')
            play_directive(s);
        else
            play_request(s);
    }
    world_close(&s->w);
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->lines[i]);
    mem_free(s->lines);
    mem_free(s->answer);
    mem_free(s);
}

static int is_story(const struct dirent *entry)
{
    return str_ends(entry->d_name, ".http");
}

void story_play_folder(const char *folder, const char *listener)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_story, alphasort);
    if (n <= 0)
        fail_msg("%s: no stories there", folder);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        play_file(path, listener);
        free(entries[i]);
    }
    free(entries);
}
