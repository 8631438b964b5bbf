/* mesolith import crontab - a job for each line. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/zone.h"
#include "import.h"
#include "model/crontab.h"

/* ---- what the machine says */

/* The zone that cron on this machine means: NULL if it has no name. */
static const char *zone_of_machine(struct arena *arena)
{
    char target[PATH_MAX];
    const char *said = getenv("TZ");
    if (said != NULL && *said != '\0')
        return arena_strdup(arena, said + (*said == ':' ? 1 : 0));
    ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT ? "UTC" : NULL;
    target[n] = '\0';
    const char *name = strstr(target, "zoneinfo/");
    return name != NULL ? arena_strdup(arena, name + strlen("zoneinfo/")) : NULL;
}

static bool is_of_system(const char *file)
{
    return str_eq(file, "/etc/crontab") || str_starts(file, "/etc/cron.d/");
}

int import_rules(struct cli *c, const char *file, struct arena *arena, struct crontab_rules *out,
                 struct error *err)
{
    struct zone zone;
    const char *user = cli_flag_text(c, FLAG_USER), *said = cli_flag_text(c, FLAG_ZONE);
    bool system = cli_on(c, FLAG_SYSTEM) || is_of_system(file);
    if (system && user != NULL)
        return error_set(err, ERR_SYNTAX, "--user: a system crontab names the users itself");
    if (said == NULL)
        said = zone_of_machine(arena);
    if (said == NULL)
        return error_set(err, ERR_INVALID,
                         "this machine's time zone has no name, need it in --zone");
    if (zone_find(said, &zone, err) != 0)
        return error_wrap(err, "zone");
    if (user == NULL && !system) {
        const struct passwd *who = getpwuid(geteuid());
        if (who == NULL)
            return error_set(err, ERR_INVALID, "user %u has no name here, need one in --user",
                             (unsigned)geteuid());
        user = arena_strdup(arena, who->pw_name);
    }
    *out = (struct crontab_rules){system, user, said};
    return 0;
}

/* ---- each line */

static void put_entry(const void *entry, struct json_writer *w)
{
    crontab_write_job(entry, w);
}

static void add(struct import *i, const struct crontab_entry *e)
{
    struct json *job = import_object(put_entry, e);
    struct import_job *j = &i->jobs[i->n++];
    *j = (struct import_job){
        .name = e->name, .line = e->line, .column = e->column, .body = import_body(i, job)};
    j->when = import_when(i, j->body);
    json_free(job);
}

int import_crontab(struct cli *c, struct error *err)
{
    struct import i;
    struct buf text;
    struct crontab crontab;
    struct crontab_rules rules;
    if (import_begin(&i, c, err) != 0)
        return -1;
    if (import_rules(c, c->args.names[0], &i.arena, &rules, err) != 0 ||
        cli_read_file(c->args.names[0], &text, err) != 0) {
        import_end(&i);
        return -1;
    }
    crontab_read(buf_slice(&text), &rules, &crontab);
    import_room(&i, crontab.n);
    for (size_t k = 0; k < crontab.n; k++)
        add(&i, &crontab.entries[k]);
    for (size_t k = 0; k < crontab.problems_n; k++) {
        const struct crontab_problem *p = &crontab.problems[k];
        import_problem(&i, p->line, p->column, p->cure, "%s", p->text);
    }
    int rc = import_run(&i, err);
    import_end(&i);
    crontab_close(&crontab);
    buf_close(&text);
    return rc;
}
