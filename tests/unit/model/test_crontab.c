/* Crontabs as jobs, and back. */
#include "unit.h"

#include "cases.h"
#include "model/crontab.h"
#include "model/job.h"

static const struct crontab_rules ann = {.user = "ann", .zone = "Europe/Berlin"};
static const struct crontab_rules whole_machine = {.system = true, .zone = "Europe/Berlin"};

static struct crontab read_as(const struct crontab_rules *rules, const char *text)
{
    struct crontab c;
    crontab_read(slice_of(text), rules, &c);
    return c;
}

/* The only job of a text without problems. */
static struct crontab one(const struct crontab_rules *rules, const char *text)
{
    struct crontab c = read_as(rules, text);
    if (c.problems_n > 0)
        fail_msg("%s: %zu:%zu: %s", text, c.problems[0].line, c.problems[0].column,
                 c.problems[0].text);
    assert_int_equal(c.n, 1);
    return c;
}

/* One job as JSON. The caller frees. */
static char *json_of(const struct crontab_entry *e)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    json_object(&w);
    crontab_write_job(e, &w);
    json_object_end(&w);
    return buf_take(&b, NULL);
}

/* ---- reading */

static void a_line_is_a_job(void **unused)
{
    (void)unused;
    struct crontab c = one(&ann, "30 2 * * 1-5\t/usr/local/bin/backup.sh --full\n");
    char *json = json_of(&c.entries[0]);
    assert_string_equal(
        json, "{\"name\":\"backup.sh-full-220d\",\"cron\":\"30 2 * * 1-5\","
              "\"scheduleTimeZone\":\"Europe/Berlin\","
              "\"command\":\"cd || exit; /usr/local/bin/backup.sh --full\",\"runAsUser\":\"ann\","
              "\"retries\":0,\"concurrent\":true,\"missed\":\"window\"}");
    mem_free(json);
    crontab_close(&c);
}

static void variables_hold_for_the_lines_below(void **unused)
{
    (void)unused;
    struct crontab c = read_as(&ann, "# of ann\n"
                                     "\n"
                                     "0 1 * * * first\n"
                                     "SHELL=/bin/bash\n"
                                     "MAILTO = \"ann@example.org\"\n"
                                     "  PATH=/opt/bin:/bin  \n"
                                     "\"EMPTY\"=''\n"
                                     "CRON_TZ=America/New_York\n"
                                     "RANDOM_DELAY=5\n"
                                     "  0 2 * * * second\n"
                                     "SHELL=/bin/sh\r\n"
                                     "MAILTO=\"\"\n"
                                     "RANDOM_DELAY=0\n"
                                     "PATH=/bin\n"
                                     "@daily third");
    assert_int_equal(c.problems_n, 0);
    assert_int_equal(c.n, 3);
    const struct crontab_entry *e = &c.entries[0];
    assert_int_equal(e->line, 3);
    assert_int_equal(e->env.n, 0);
    assert_null(e->shell);
    assert_string_equal(e->owner, "");
    assert_string_equal(e->zone, "Europe/Berlin");
    e = &c.entries[1];
    assert_int_equal(e->line, 10);
    assert_int_equal(e->column, 3);
    assert_string_equal(e->shell, "/bin/bash");
    assert_string_equal(e->owner, "ann@example.org");
    assert_string_equal(e->zone, "America/New_York");
    assert_int_equal(e->jitter_s, 300);
    assert_int_equal(e->env.n, 2);
    assert_string_equal(pairs_get(&e->env, "PATH"), "/opt/bin:/bin");
    assert_string_equal(pairs_get(&e->env, "EMPTY"), "");
    char *json = json_of(e);
    assert_non_null(strstr(json, "\"command\":\"/bin/bash\",\"shell\":false,"
                                 "\"arguments\":[\"-c\",\"cd || exit; second\"]"));
    mem_free(json);
    e = &c.entries[2];
    assert_null(e->shell);
    assert_string_equal(e->owner, "");
    assert_int_equal(e->jitter_s, 0);
    assert_string_equal(e->when, "@daily");
    assert_string_equal(pairs_get(&e->env, "PATH"), "/bin");
    crontab_close(&c);
}

/* As child_process() of Vixie's cron takes a line apart. */
static void what_is_behind_a_percent_is_input(void **unused)
{
    (void)unused;
    static const struct {
        const char *line, *command;
    } cases[] = {
        {"date +\\%F", "date +%F"},
        {"a\\\\%b", "{ a\\\\\n} <<'EOF'\nb\nEOF\n"}, /* "\\" is one of a pair: the "%" is free */
        {"a\\b \\\\c", "a\\b \\\\c"},
        {"mail ann%hello%%bye", "{ mail ann\n} <<'EOF'\nhello\n\nbye\nEOF\n"},
        {"cat%100\\% \\\\% \\n\\", "{ cat\n} <<'EOF'\n100% \\% \\n\\\nEOF\n"},
        {"cat%EOF%EOF_%x", "{ cat\n} <<'EOF__'\nEOF\nEOF_\nx\nEOF__\n"},
        {"cat%xEOF", "{ cat\n} <<'EOF'\nxEOF\nEOF\n"},
        {"true%", "true"},
        {"cat%%", "{ cat\n} <<'EOF'\n\nEOF\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[128];
        snprintf(line, sizeof line, "* * * * * %s\n", cases[i].line);
        struct crontab c = one(&ann, line);
        assert_memory_equal(c.entries[0].command, "cd || exit; ", 12);
        assert_string_equal(c.entries[0].command + 12, cases[i].command);
        crontab_close(&c);
    }
}

static void a_system_crontab_names_the_user(void **unused)
{
    (void)unused;
    struct crontab c =
        read_as(&whole_machine, "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n"
                                "@weekly www-data  true\n"
                                "@weekly www-data\n");
    assert_int_equal(c.n, 2);
    assert_string_equal(c.entries[0].user, "root");
    assert_string_equal(c.entries[0].when, "17 * * * *");
    assert_string_equal(c.entries[0].command,
                        "cd || exit; cd / && run-parts --report /etc/cron.hourly");
    assert_memory_equal(c.entries[0].name, "cd-run-parts-report-cron.hourly-", 32);
    assert_string_equal(c.entries[1].user, "www-data");
    assert_int_equal(c.problems_n, 1);
    assert_string_equal(c.problems[0].text, "need a command behind the time and the user");
    crontab_close(&c);
}

/* ---- names */

static void names_are_readable_and_stay(void **unused)
{
    (void)unused;
    static const struct {
        const char *command, *name;
    } cases[] = {
        {"/usr/bin/find /tmp -mtime +7 -delete > /dev/null 2>&1", "find-tmp-mtime-7-delete-"},
        {"cd /srv/shop && ./bin/report >>/var/log/x", "cd-shop-report-"},
        {"[ -x /usr/bin/x ] && x", "x-x-x-"},
        {"test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.monthly; }",
         "test-x-anacron-cd-run-parts-report-cron.monthly-"},
        {"\"!\"", "cron-"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[128];
        snprintf(line, sizeof line, "@daily %s\n", cases[i].command);
        struct crontab c = one(&ann, line);
        const char *name = c.entries[0].name;
        assert_int_equal(strlen(name), strlen(cases[i].name) + 4);
        assert_memory_equal(name, cases[i].name, strlen(cases[i].name));
        crontab_close(&c);
    }
    /* lines alike are numbered; another time or place in the file changes no name, another user
     * does */
    struct crontab a = read_as(&ann, "@daily x\n@hourly x\n@daily y\n");
    struct crontab b = read_as(&ann, "@daily y\n@monthly x\n");
    struct crontab bob = read_as(&whole_machine, "@daily bob x\n");
    assert_string_equal(a.entries[0].name, b.entries[1].name);
    assert_string_equal(a.entries[2].name, b.entries[0].name);
    assert_memory_equal(a.entries[1].name, a.entries[0].name, strlen(a.entries[0].name));
    assert_string_equal(a.entries[1].name + strlen(a.entries[0].name), "-2");
    assert_string_not_equal(a.entries[0].name, bob.entries[0].name);
    crontab_close(&a);
    crontab_close(&b);
    crontab_close(&bob);
}

/* As many as a crontab has room for, which takes no longer a line than a few do. */
static void lines_alike_are_numbered_however_many_they_are(void **unused)
{
    (void)unused;
    const char line[] = "@daily x\n";
    struct buf text;
    struct crontab c;
    char last[32];
    buf_init(&text, CRONTAB_BYTES_MAX);
    while (text.len + strlen(line) <= CRONTAB_BYTES_MAX)
        buf_puts(&text, line);
    crontab_read(buf_slice(&text), &ann, &c);
    assert_int_equal(c.problems_n, 0);
    assert_int_equal(c.n, text.len / strlen(line));
    snprintf(last, sizeof last, "%s-%zu", c.entries[0].name, c.n);
    assert_string_equal(c.entries[c.n - 1].name, last);
    crontab_close(&c);
    buf_close(&text);
}

static void a_comment_names_the_next_line_only(void **unused)
{
    (void)unused;
    struct crontab c = read_as(&ann, "# job: nightly\n"
                                     "@daily a\n"
                                     "# job: nightly\n"
                                     "\n"
                                     "@daily b\n"
                                     "# jobs: nightly backup\n"
                                     "@daily c\n"
                                     "# job: nightly\n"
                                     "@daily d\n");
    assert_int_equal(c.n, 3);
    assert_string_equal(c.entries[0].name, "nightly");
    assert_memory_equal(c.entries[1].name, "b-", 2);
    assert_memory_equal(c.entries[2].name, "c-", 2);
    assert_int_equal(c.problems_n, 1);
    assert_int_equal(c.problems[0].line, 9);
    assert_string_equal(c.problems[0].text,
                        "nightly: a line above is called so, need another name");
    crontab_close(&c);
}

/* ---- what cannot be */

static void says_where_what_and_what_to_do(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        size_t line, column;
        const char *problem, *cure;
    } cases[] = {
        {"\n @reboot x\n", 2, 2,
         "@reboot: got the start of a machine, need a time: a job is not of one machine",
         "an app runs whenever its machine does: mesolith app create FILE"},
        {"@fortnightly x\n", 1, 1,
         "got \"@fortnightly\", need @yearly, @annually, @monthly, @weekly, @daily, @midnight, "
         "@hourly or @every 90s",
         ""},
        {"0 2 * *\n", 1, 8, "got 4 words, need minute, hour, day, month, weekday and a command",
         ""},
        {"0\n", 1, 2, "got 1 word, need minute, hour, day, month, weekday and a command", ""},
        {"0 2 * * 1\n", 1, 10, "need a command behind the time", ""},
        {"0 2 * * 1 %x\n", 1, 11, "need a command behind the time", ""},
        {"0  25 * * * x\n", 1, 4,
         "hour: got \"25\", need 0 to 23 as in \"*\", \"2\", \"8-17\", \"*/6\" or \"~\"", ""},
        {"0 1 * * 1,monday x\n", 1, 9,
         "weekday: got \"monday\", need 0 to 7 as in \"*\", \"1\", \"MON-FRI\", \"FRI#2\" or "
         "\"FRIL\"",
         ""},
        {"7/15 * * * * x\n", 1, 1,
         "minute: got 7/15, which crons read otherwise each, need a range before the slash, as in "
         "7-59/15",
         ""},
        {"0 0 30 feb * x\n", 1, 5,
         "day: no year has that day of that month in \"0 0 30 feb *\", so it would never run", ""},
        {"0 0 * * * \xff\n", 1, 1, "got bytes that are no text in UTF-8", ""},
        {"SHELL = /usr/bin/perl\n", 1, 9,
         "SHELL: got \"/usr/bin/perl\", need the path of sh, dash, bash, ash, ksh, mksh or zsh",
         "have /bin/sh, and call the program in the command"},
        {"HOST=db\n", 1, 6, "HOST: each run is told its own by mesolith, need another name",
         "call the variable otherwise"},
        {"RANDOM_DELAY=soon\n", 1, 14, "RANDOM_DELAY: got \"soon\", need minutes, 0 to 1440", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct crontab c = read_as(&ann, cases[i].text);
        assert_int_equal(c.n, 0);
        assert_int_equal(c.problems_n, 1);
        assert_string_equal(c.problems[0].text, cases[i].problem);
        assert_string_equal(c.problems[0].cure, cases[i].cure);
        assert_int_equal(c.problems[0].line, cases[i].line);
        assert_int_equal(c.problems[0].column, cases[i].column);
        crontab_close(&c);
    }
}

static void a_wrong_variable_keeps_what_is_below_it_from_running(void **unused)
{
    (void)unused;
    struct crontab c = read_as(&ann, "CRON_TZ=Europe/Berlyn\n"
                                     "0 1 * * * a\n"
                                     "CRON_TZ=Europe/Paris\n"
                                     "0 2 * * * b\n");
    assert_int_equal(c.n, 1);
    assert_string_equal(c.entries[0].zone, "Europe/Paris");
    assert_int_equal(c.problems_n, 2);
    assert_int_equal(c.problems[0].column, 9);
    assert_int_equal(c.problems[1].line, 2);
    assert_string_equal(c.problems[1].text, "CRON_TZ of line 1 holds here, too");
    crontab_close(&c);
}

/* ---- there and back */

static struct json *job_of(const struct crontab_entry *e)
{
    struct error err;
    char *json = json_of(e);
    struct json *tree = json_parse(slice_of(json), &err);
    assert_non_null(tree);
    mem_free(json);
    return tree;
}

/* What reading made is written as it stood, and is the same when it is read again. */
static void what_was_read_is_written_as_it_was(void **unused)
{
    (void)unused;
    static const char text[] = "@daily first --now\n"
                               "MAILTO=ops@example.org\n"
                               "PATH=/opt/bin:/bin\n"
                               "GREETING=\" hi \"\n"
                               "*/5 8-17 * jan,MAR mon-fri date +\\%F > /dev/null\n"
                               "*/5 8-17 * jan,MAR mon-fri date +\\%F > /dev/null\n"
                               "CRON_TZ=America/New_York\n"
                               "SHELL=/bin/bash\n"
                               "RANDOM_DELAY=10\n"
                               "# job: letters\n"
                               "0 9 1 * * mail ann%Dear ann,%%100\\% is too much.\n"
                               "PATH=/bin\n"
                               "0 9 2 * * mail ann%%\n"
                               "0 9 3 * * mail ann%a%%\n"
                               "30 4 * * 0 echo a\\\\b%EOF%x\\\\%y\n";
    struct crontab c = read_as(&ann, text), again;
    struct crontab_writer w;
    struct buf out;
    struct error err;
    assert_int_equal(c.problems_n, 0);
    buf_init(&out, 1 << 20);
    crontab_begin(&w, &ann, &out);
    for (size_t i = 0; i < c.n; i++) {
        struct json *job = job_of(&c.entries[i]);
        if (crontab_put(&w, job, &err) != 0)
            fail_msg("%s: %s", c.entries[i].name, err.text);
        json_free(job);
    }
    crontab_end(&w);
    char *expected = mem_strdup(text);
    assert_string_equal(buf_str(&out), expected);
    again = read_as(&ann, buf_str(&out));
    assert_int_equal(again.n, c.n);
    for (size_t i = 0; i < c.n; i++) {
        struct json *a = job_of(&c.entries[i]), *b = job_of(&again.entries[i]);
        assert_true(json_equal(a, b));
        json_free(a);
        json_free(b);
    }
    mem_free(expected);
    buf_close(&out);
    crontab_close(&c);
    crontab_close(&again);
}

#define NIGHTLY "'name':'x','cron':'0 1 * * *','runAsUser':'ann'"

static void says_what_no_crontab_can_say(void **unused)
{
    (void)unused;
    static const struct {
        const char *job, *why;
    } cases[] = {
        {"{'name':'x','schedule':'R//PT1H','command':'y','runAsUser':'ann'}",
         "has no cron expression, and a crontab knows no other times"},
        {"{'name':'x','cron':'0 0 1 * * *','command':'y','runAsUser':'ann'}",
         "cron: got 0 0 1 * * *, and a crontab knows no seconds"},
        {"{'name':'x','cron':'0 0 1 * * 1/2','command':'y','runAsUser':'ann'}",
         "cron: got 0 0 1 * * 1/2, and a crontab knows no seconds"},
        {"{'name':'x','cron':'0  1  *  *  1/2','command':'y','runAsUser':'ann'}",
         "cron: weekday: got 1/2, which crons read otherwise each, need a range before the slash, "
         "as in 7-59/15"},
        {"{'name':'x','cron':'@every 90s','command':'y','runAsUser':'ann'}",
         "cron: got @every 90s, which a crontab cannot say"},
        {"{'name':'x','cron':'0 1 L * *','command':'y','runAsUser':'ann'}",
         "cron: got 0 1 L * *, which a crontab cannot say"},
        {"{'name':'x','cron':'0 1 * * FRI#2','command':'y','runAsUser':'ann'}",
         "cron: got 0 1 * * FRI#2, which a crontab cannot say"},
        {"{'name':'x','cron':'5/15 * * * *','command':'y','runAsUser':'ann'}",
         "cron: minute: got 5/15, which crons read otherwise each, need a range before the slash, "
         "as in 7-59/15"},
        {"{'name':'x','parents':['y'],'command':'y','runAsUser':'ann'}",
         "parents: it waits for other jobs, and cron for none"},
        {"{" NIGHTLY ",'command':'y','disabled':true}", "disabled: a crontab has only what runs"},
        {"{" NIGHTLY ",'container':{'image':'x'}}", "container: cron starts none"},
        {"{" NIGHTLY ",'command':'y','uris':['http://x/y']}", "uris: cron fetches nothing"},
        {"{" NIGHTLY ",'command':'y','arguments':['z']}",
         "arguments: a crontab has none beside the command"},
        {"{" NIGHTLY ",'command':'y','shell':false}", "shell: cron starts each command by a shell"},
        {"{" NIGHTLY ",'command':'a\\nb'}",
         "command: a crontab cannot say its lines, or its \"\\%\": put it into a script, and call "
         "that"},
        {"{" NIGHTLY ",'command':'date +\\\\%F'}",
         "command: a crontab cannot say its lines, or its \"\\%\": put it into a script, and call "
         "that"},
        {"{" NIGHTLY ",'command':' y'}", "command: need one that begins with no blank"},
        {"{" NIGHTLY ",'command':'y','jitterSeconds':5}",
         "jitterSeconds: cron knows whole minutes"},
        {"{" NIGHTLY ",'command':'y','environmentVariables':[{'name':'MAILTO','value':'z'}]}",
         "environmentVariables: MAILTO means something else in a crontab"},
        {"{" NIGHTLY ",'command':'y','environmentVariables':[{'name':'A-B','value':'z'}]}",
         "environmentVariables: a crontab cannot say A-B: need a name of letters, digits and "
         "\"_\", and a value of one line"},
        {"{'name':'x','cron':'0 1 * * *','command':'y','runAsUser':'bob'}",
         "runAsUser: it is bob's, and this is ann's crontab; try: --user bob, or --system for all"},
        {"{'name':'a b','cron':'0 1 * * *','command':'y','runAsUser':'ann'}",
         "name: need letters, digits, \"_\", \".\" and \"-\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct crontab_writer w;
        struct buf out;
        struct error err;
        struct json *job = tree_of(cases[i].job);
        buf_init(&out, 1 << 20);
        crontab_begin(&w, &ann, &out);
        assert_int_equal(crontab_put(&w, job, &err), -1);
        assert_string_equal(err.text, cases[i].why);
        assert_int_equal(out.len, 0);
        crontab_end(&w);
        buf_close(&out);
        json_free(job);
    }
}

/* A variable that holds for one would hold for all below it. */
static void a_variable_is_not_given_to_who_has_none(void **unused)
{
    (void)unused;
    struct crontab_writer w;
    struct buf out;
    struct error err;
    struct json *with = tree_of("{'name':'x','cron':'0 1 * * *','runAsUser':'ann','command':'y',"
                                "'environmentVariables':[{'name':'A','value':'b'},"
                                "{'name':'A','value':'second'}]}");
    struct json *without =
        tree_of("{'name':'z','cron':'0 1 * * *','runAsUser':'ann','command':'y'}");
    buf_init(&out, 1 << 20);
    crontab_begin(&w, &ann, &out);
    assert_int_equal(crontab_put(&w, with, &err), 0);
    assert_int_equal(crontab_put(&w, without, &err), -1);
    assert_string_equal(err.text, "environmentVariables: A of another job's holds here, too, and a "
                                  "crontab cannot take it back");
    assert_string_equal(buf_str(&out), "CRON_TZ=UTC\nA=b\n# job: x\n0 1 * * * y\n");
    crontab_end(&w);
    buf_close(&out);
    json_free(with);
    json_free(without);
}

static void a_name_that_is_none_is_said_where_it_stands(void **unused)
{
    (void)unused;
    struct crontab c = read_as(&ann, "# job: the nightly one\n"
                                     "0 1 * * * a\n"
                                     "  # job: \"x\"\n"
                                     "\n"
                                     "# job: ..\n"
                                     "0 2 * * * b\n"
                                     "# jobs: others\n"
                                     "0 3 * * * c\n");
    assert_int_equal(c.problems_n, 3);
    assert_int_equal(c.problems[0].line, 1);
    assert_int_equal(c.problems[0].column, 8);
    assert_string_equal(c.problems[0].text,
                        "# job: got \"the nightly one\", need 1 to 255 letters, "
                        "digits, \"_\", \".\" or \"-\", but neither \".\" nor \"..\"");
    assert_int_equal(c.problems[1].line, 3);
    assert_int_equal(c.problems[1].column, 10);
    assert_int_equal(c.problems[2].line, 5);
    assert_int_equal(c.n, 1); /* the first is not called as nobody wants */
    crontab_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_job),
        cmocka_unit_test(variables_hold_for_the_lines_below),
        cmocka_unit_test(what_is_behind_a_percent_is_input),
        cmocka_unit_test(a_system_crontab_names_the_user),
        cmocka_unit_test(names_are_readable_and_stay),
        cmocka_unit_test(lines_alike_are_numbered_however_many_they_are),
        cmocka_unit_test(a_comment_names_the_next_line_only),
        cmocka_unit_test(a_name_that_is_none_is_said_where_it_stands),
        cmocka_unit_test(says_where_what_and_what_to_do),
        cmocka_unit_test(a_wrong_variable_keeps_what_is_below_it_from_running),
        cmocka_unit_test(what_was_read_is_written_as_it_was),
        cmocka_unit_test(says_what_no_crontab_can_say),
        cmocka_unit_test(a_variable_is_not_given_to_who_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
