/* mesolith events - what has changed, and with -f what changes. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "cli_follow.h"

/* ---- one event */

/* "14:05:07", with the day before it unless it is today. */
static void put_clock(struct buf *out, int64_t ms, int64_t now_ms)
{
    char text[32];
    struct tm then, now;
    time_t then_s = ms / 1000, now_s = now_ms / 1000;
    localtime_r(&then_s, &then);
    localtime_r(&now_s, &now);
    bool today = then.tm_yday == now.tm_yday && then.tm_year == now.tm_year;
    strftime(text, sizeof text, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then);
    buf_puts(out, text);
}

static bool is_wanted(const struct cli *c, const struct json *event)
{
    const char *noun = text_of(event, "noun");
    for (size_t i = 0; i < c->args.n; i++)
        if (str_eq(c->args.names[i], noun))
            return true;
    return c->args.n == 0;
}

static void put_event(struct cli *c, const struct json *event)
{
    struct json_writer w;
    if (!is_wanted(c, event))
        return;
    if (cli_on(c, FLAG_JSON)) {
        json_begin(&w, &c->out);
        json_put_value(&w, event);
        buf_putc(&c->out, '\n');
        return;
    }
    buf_puts(&c->out, ink_on(INK_DIM, c->term.color));
    put_clock(&c->out, cli_ms(json_get(event, "at")), c->now.ms);
    buf_printf(&c->out, "  %-10s  ", text_of(event, "noun"));
    buf_puts(&c->out, ink_off(INK_DIM, c->term.color));
    text_clean(&c->out, text_of(event, "text"));
    buf_putc(&c->out, '\n');
}

static void flush(struct cli *c)
{
    fwrite(buf_str(&c->out), 1, c->out.len, stdout);
    fflush(stdout);
    buf_clear(&c->out);
}

/* ---- the last ones: the API has the newest first */

#define SHOWN_MAX 1000

static int put_last(struct cli *c, int64_t *last_id, struct error *err)
{
    struct json *list;
    struct buf path;
    const struct json *events[SHOWN_MAX];
    size_t n = 0;
    int64_t limit = args_number(&c->args, FLAG_TAIL);
    buf_init(&path, PATH_BYTES);
    buf_printf(&path, "/api/events/log?limit=%lld",
               (long long)(limit < 1           ? 1
                           : limit > SHOWN_MAX ? SHOWN_MAX
                                               : limit));
    int rc = api_get(&c->api, buf_str(&path), &list, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    JSON_EACH (event, json_get(list, "items"))
        if (n < SHOWN_MAX)
            events[n++] = event;
    *last_id = n > 0 ? number_of(events[0], "id") : 0;
    for (size_t i = n; i-- > 0 && limit > 0;)
        put_event(c, events[i]);
    json_free(list);
    return 0;
}

/* ---- those to come */

static void on_event(void *data, const struct sse_event_in *e)
{
    struct cli *c = data;
    struct error ignored;
    c->now = cli_time();
    if (str_eq(e->event, "reset")) {
        fprintf(stderr, "(some events are missing here)\n");
        return;
    }
    if (!str_eq(e->event, "change"))
        return;
    struct json *event = json_parse_own(e->data, &ignored);
    if (event != NULL)
        put_event(c, event);
    json_free(event);
    flush(c);
}

struct end {
    struct follow follow;
    struct error err;
    int rc;
};

static void on_ended(struct follow *f, const struct error *err)
{
    struct end *e = (struct end *)f; /* its first member */
    e->rc = err != NULL ? -1 : 0;
    if (err != NULL)
        e->err = *err;
}

static int follow_events(struct cli *c, int64_t after, struct error *err)
{
    struct loop loop;
    struct end e = {.follow.data = c};
    struct buf path;
    if (loop_init(&loop, err) != 0)
        return -1;
    buf_init(&path, PATH_BYTES);
    buf_printf(&path, "/api/events?after=%lld", (long long)after);
    int rc = follow_start(&e.follow, &loop, &c->api, buf_str(&path), on_event, on_ended, err);
    buf_close(&path);
    loop_run(&loop);
    loop_close(&loop);
    if (rc == 0 && e.rc != 0)
        *err = e.err;
    return rc == 0 ? e.rc : -1;
}

static int run(struct cli *c, struct error *err)
{
    int64_t last;
    if (put_last(c, &last, err) != 0)
        return -1;
    if (!cli_on(c, FLAG_FOLLOW)) {
        if (c->out.len == 0 && cli_for_people(c))
            cli_next(c, "Nothing has changed yet.");
        return 0;
    }
    flush(c);
    return follow_events(c, last, err);
}

static const struct cli_verb verbs[] = {
    {
        .name = "",
        .operands = "[NOUN…]",
        .names_max = 8,
        .flags = FLAGS_ASK | F(FOLLOW) | F(TAIL),
        .run = run,
        .about = "Shows what has changed, of these nouns or of all",
        .examples = {"mesolith events -f", "mesolith events app deployment --tail 20"},
    },
};

const struct cli_noun events_noun = {
    .name = "events",
    .about = "what has changed, and with -f what changes",
    .verbs = verbs,
    .n = 1,
};
