/* Whatever the bytes, at both faces and both endpoints, and by our own API: they are refused in
 * plain words, or what came of them reads back the same when stored, and may be sent again as it
 * was shown. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/job.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wall NOW = {INT64_C(1772359681212)};

static void check_problems(const struct problems *problems)
{
    ASSERT(problems->n > 0);
    for (size_t i = 0; i < problems->n; i++) {
        const char *text = problems->items[i].text;
        ASSERT(problems->items[i].path[0] == '/' && text[0] != '\0');
        ASSERT(str_utf8_valid(text, strlen(text)) && strchr(text, '\n') == NULL);
    }
}

static char *text_of(const struct job *j, bool stored)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 64 << 20);
    json_begin(&w, &b);
    if (stored)
        job_store(j, &w);
    else
        job_write(j, false, &w);
    return buf_take(&b, NULL);
}

static void check_same(const struct job *j, const struct job *other, bool stored)
{
    char *text = text_of(j, stored), *again = text_of(other, stored);
    ASSERT(str_eq(text, again));
    mem_free(text);
    mem_free(again);
}

static void check_stored(const struct job *j)
{
    struct job loaded;
    struct error err;
    char *text = text_of(j, true);
    int result = job_load(slice_of(text), &loaded, &err);
    ASSERT(result == 0);
    check_same(j, &loaded, true);
    ASSERT(loaded.schedule.first.ms == j->schedule.first.ms);
    job_close(&loaded);
    mem_free(text);
}

static void check_sent_again(const struct job *j, enum job_face face, bool own)
{
    struct job_rules rules = job_rules_default();
    rules.own = own;
    struct job again;
    struct error err;
    struct problems problems = {0};
    char *text = text_of(j, false);
    struct json *tree = json_parse(slice_of(text), &err);
    ASSERT(tree != NULL && strchr(text, '\n') == NULL);
    int result = job_parse(&rules, tree, face, j->kind, true, &again, &problems);
    ASSERT(result == 0);
    check_same(j, &again, false);
    if (j->kind == JOB_SCHEDULED)
        ASSERT(job_replacing(&again, j) == REPLACE_KEEPS);
    job_close(&again);
    json_free(tree);
    mem_free(text);
}

static void check_run(const struct job *j)
{
    struct job_run run = {.due = NOW, .attempt = 1, .run_id = "r", .host = "h", .arguments = NULL};
    struct job_task_ref ref;
    struct error err;
    struct arena arena = {0};
    struct strings argv;
    struct env_vars env;
    char id[JOB_TASK_ID_SIZE];
    int result = job_task_id_parse(job_task_id(j, &run, id), &ref, &err);
    ASSERT(result == 0 && str_eq(ref.name, j->name) && ref.due.ms == NOW.ms);
    job_argv(j, &run, &arena, &argv);
    job_task_env(j, &run, &arena, &env);
    arena_close(&arena);
}

static void check(const struct json *tree, enum job_face face, enum job_kind kind, bool own)
{
    struct job_rules rules = job_rules_default();
    struct job j;
    rules.own = own;
    struct problems problems = {0};
    if (job_parse(&rules, tree, face, kind, false, &j, &problems) == 0) {
        job_start_now(&j, NOW);
        check_stored(&j);
        check_sent_again(&j, face, own);
        check_run(&j);
        job_close(&j);
    } else {
        check_problems(&problems);
    }
    problems_close(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct json *tree = json_parse((struct slice){(const char *)data, size}, &err);
    if (tree == NULL)
        return 0;
    check(tree, JOB_FACE_2, JOB_SCHEDULED, false);
    check(tree, JOB_FACE_2, JOB_DEPENDENT, false);
    check(tree, JOB_FACE_3, JOB_SCHEDULED, false);
    check(tree, JOB_FACE_3, JOB_DEPENDENT, false);
    check(tree, JOB_FACE_3, JOB_SCHEDULED, true);
    check(tree, JOB_FACE_3, JOB_DEPENDENT, true);
    json_free(tree);
    return 0;
}
