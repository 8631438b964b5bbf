/* lib/model/crontab_private.h - what reading a crontab and writing one share. */
#pragma once

#include "model/crontab.h"

#define CRONTAB_HOME "cd || exit; " /* before each command: cron begins in the user's home */
#define CRONTAB_INPUT_OPEN "{ "     /* COMMAND "\n} <<'" MARK "'\n" INPUT MARK "\n" */
#define CRONTAB_INPUT_MARK "\n} <<'"
#define CRONTAB_CALLED "# job: "
#define CRONTAB_NAME_MAX 255 /* bytes */

/* Whether a shell reads that "cd" and a here-document, and knows "-c". */
bool crontab_shell_known(const char *path);
/* Is it the environment's, and neither a member of the job nor set by us? */
bool crontab_is_variable(const char *name);
bool crontab_name_fits(const char *name, size_t len);
/* The name of a job without one; of several jobs alike the later ones are numbered. `names` has
 * those that are taken, and gets this one. Lives in `arena`. */
const char *crontab_choose_name(struct map *names, struct arena *arena, const char *user,
                                const char *command);
/* ERR_INVALID where cron and we would read a field otherwise, or one of both not at all. */
int crontab_check_when(const char *when, struct error *err) MUST_CHECK;
