/* Crontabs as strangers write them; the first byte chooses whether lines name a user. Of what is
 * read each place is in the text, each job is one that a job may be, and what can be written again
 * is read again as the same. */
#include <string.h>

#include "base/assert.h"
#include "base/cron.h"
#include "base/json.h"
#include "model/crontab.h"
#include "model/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_BYTES (16 << 20)

static struct json *job_of(const struct crontab_entry *e)
{
    struct buf text;
    struct json_writer w;
    struct error err;
    buf_init(&text, TEXT_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    crontab_write_job(e, &w);
    json_object_end(&w);
    struct json *job = json_parse(buf_slice(&text), &err);
    ASSERT(job != NULL);
    buf_close(&text);
    return job;
}

static void check_places(const struct crontab *c, size_t size)
{
    for (size_t i = 0; i < c->n; i++)
        ASSERT(c->entries[i].line >= 1 && c->entries[i].column >= 1);
    for (size_t i = 0; i < c->problems_n; i++) {
        const struct crontab_problem *p = &c->problems[i];
        ASSERT(p->line >= 1 && p->line <= size + 1 && p->column >= 1 && p->column <= size + 1);
        ASSERT(p->text[0] != '\0');
    }
}

/* The name may be refused, which a node says when it is asked. */
static void check_job(const struct crontab_entry *e)
{
    struct cron cron;
    struct error err;
    ASSERT(cron_parse(e->when, e->name, &cron, &err) == 0);
    ASSERT(strlen(e->name) <= JOB_NAME_MAX && e->command[0] != '\0');
}

static void check_again(const struct crontab *c, const struct crontab_rules *rules)
{
    struct crontab_writer w;
    struct crontab again;
    struct buf out;
    struct error err;
    size_t n = 0;
    buf_init(&out, TEXT_BYTES);
    crontab_begin(&w, rules, &out);
    struct json **written = NULL;
    struct arena arena = {0};
    written = arena_alloc(&arena, c->n * sizeof(*written));
    for (size_t i = 0; i < c->n; i++) {
        struct json *job = job_of(&c->entries[i]);
        if (crontab_put(&w, job, &err) == 0) {
            written[n++] = job;
        } else {
            ASSERT(err.code == ERR_INVALID && err.text[0] != '\0');
            json_free(job);
        }
    }
    crontab_end(&w);
    if (out.len <= CRONTAB_BYTES_MAX) {
        crontab_read(buf_slice(&out), rules, &again);
        ASSERT(again.n == n && again.problems_n == 0);
        for (size_t i = 0; i < n; i++) {
            struct json *job = job_of(&again.entries[i]);
            ASSERT(json_equal(job, written[i]));
            json_free(job);
        }
        crontab_close(&again);
    }
    for (size_t i = 0; i < n; i++)
        json_free(written[i]);
    arena_close(&arena);
    buf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crontab c;
    if (size == 0)
        return 0;
    const struct crontab_rules rules = {
        .system = data[0] == '1', .user = "ann", .zone = "Europe/Berlin"};
    crontab_read((struct slice){(const char *)data + 1, size - 1}, &rules, &c);
    check_places(&c, size);
    for (size_t i = 0; i < c.n; i++)
        check_job(&c.entries[i]);
    check_again(&c, &rules);
    crontab_close(&c);
    return 0;
}
