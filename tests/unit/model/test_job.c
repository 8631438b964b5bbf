#include "unit.h"

#include "cases.h"
#include "model/job.h"

static struct job parsed(const char *body, enum job_face face, enum job_kind kind)
{
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct job j;
    struct json *tree = tree_of(body);
    if (job_parse(&rules, tree, face, kind, false, &j, &problems) != 0)
        fail_msg("%s: %s", body, text_of_problems(&problems));
    json_free(tree);
    return j;
}

static struct job job_of(const char *body)
{
    return parsed(body, JOB_FACE_2, JOB_SCHEDULED);
}

static char *text_of(const struct job *j, bool fill)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    job_write(j, fill, &w);
    return buf_take(&b, NULL);
}

static char *stored(const struct job *j)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    job_store(j, &w);
    return buf_take(&b, NULL);
}

static char *problems_of(const char *body, enum job_face face, enum job_kind kind)
{
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct job j = {0};
    struct json *tree = tree_of(body);
    int result = job_parse(&rules, tree, face, kind, false, &j, &problems);
    assert_int_equal(result, problems.n > 0 ? -1 : 0);
    char *text = text_of_problems(&problems);
    problems_close(&problems);
    json_free(tree);
    job_close(&j);
    return text;
}

/* ---- the demo (spec/chronos.md 9) */

#define DEMO                                                                                       \
    "{'schedule':'R\\/2014-09-25T17:22:00Z\\/PT2M','name':'date','container':{'type':'DOCKER',"    \
    "'image':'library/busybox:latest'},'cpus':'0.1','mem':'64','uris':[],'command':'echo `Running" \
    " Chronos Job :D`; date -u +%T'}"

static void prints_the_demo_as_chronos_does(void **unused)
{
    (void)unused;
    struct job j = job_of(DEMO);
    j.success_count = 1;
    struct error err;
    assert_int_equal(wall_parse("2026-03-01T10:08:01.212Z", &j.last_success, &err), 0);
    struct wall now;
    assert_int_equal(wall_parse("2026-03-01T10:08:30.000Z", &now, &err), 0);
    j.cursor.index = schedule_last_due(&j.schedule, now) + 1;
    j.cursor.moved = true;
    char *got = text_of(&j, false);
    char *want = unquoted(
        "{'name':'date','command':'echo `Running Chronos Job :D`; date -u +%T','shell':true,"
        "'epsilon':'PT60S','executor':'','executorFlags':'','taskInfoData':'','retries':2,"
        "'owner':'','ownerName':'','description':'','async':false,'successCount':1,'errorCount':0,"
        "'lastSuccess':'2026-03-01T10:08:01.212Z','lastError':'','cpus':0.1,'disk':256.0,"
        "'mem':64.0,'disabled':false,'softError':false,'dataProcessingJobType':false,"
        "'errorsSinceLastSuccess':0,'fetch':[],'uris':[],'environmentVariables':[],'arguments':[],"
        "'highPriority':false,'runAsUser':'root','concurrent':false,'maxCompletionTime':0,"
        "'container':{'type':'DOCKER','image':'library/busybox:latest','network':'HOST',"
        "'networkInfos':[],'volumes':[],'forcePullImage':false,'parameters':[]},'constraints':[],"
        "'schedule':'R/2026-03-01T10:10:00.000Z/PT2M','scheduleTimeZone':''}");
    assert_string_equal(got, want);
    mem_free(got);
    mem_free(want);
    job_close(&j);
}

/* Every member that Chronos has, in its order. */
static const char EVERYTHING[] =
    "{'name':'all','command':'c','shell':false,'epsilon':'PT15M','executor':'e',"
    "'executorFlags':'f','taskInfoData':'t','retries':0,'owner':'a@b','ownerName':'o',"
    "'description':'d','async':true,'successCount':3,'errorCount':4,"
    "'lastSuccess':'2026-03-01T10:08:01.212Z','lastError':'2026-03-01T10:08:02.000Z','cpus':1.5,"
    "'disk':1.0,'mem':2.0,'disabled':true,'softError':true,'dataProcessingJobType':true,"
    "'errorsSinceLastSuccess':5,'fetch':[{'uri':'u','executable':true,'cache':true,"
    "'extract':false,'output_file':'x'}],'uris':[],'environmentVariables':[{'name':'A','value':"
    "'1'},{'name':'A','value':'2'}],'arguments':['-a','1'],'highPriority':true,'runAsUser':'me',"
    "'concurrent':true,'maxCompletionTime':60,'container':{'type':'mesos','image':'i',"
    "'network':'USER','networkName':'n','networkInfos':[{'name':'n','protocol':'IPv4','labels':["
    "{'key':'k','value':'v'}],'portMappings':[{'hostPort':'31000','containerPort':'80',"
    "'protocol':'tcp'}]}],'volumes':[{'hostPath':'/h','containerPath':'/c','mode':'ro',"
    "'external':{'name':'n','provider':'p','options':[{'key':'k','value':'v'}]}}],"
    "'forcePullImage':true,'parameters':[{'key':'env','value':'A=1'},{'key':'env','value':'B=2'}]},"
    "'constraints':[['rack','LIKE','a.*'],['os','EQUALS','linux']],"
    "'schedule':'R5/2030-03-01T00:00:00+02:00/P1M','scheduleTimeZone':'Europe/Paris',"
    "'retryDelaySeconds':5,'retryBackoff':2.0,'overlap':'skip','missed':'window',"
    "'startUncertain':'hold'}";

static void takes_back_what_it_printed(void **unused)
{
    (void)unused;
    static const char *const BODIES[] = {
        EVERYTHING, DEMO, "{'name':'r','parents':['a','b'],'command':'x','schedule':'ignored'}"};
    for (size_t i = 0; i < sizeof(BODIES) / sizeof(*BODIES); i++) {
        enum job_kind kind = i == 2 ? JOB_DEPENDENT : JOB_SCHEDULED;
        struct job_rules rules = job_rules_default();
        struct job j = parsed(BODIES[i], JOB_FACE_2, kind), again, loaded;
        struct problems problems = {0};
        struct error err;
        char *first = text_of(&j, false);
        if (i == 0) {
            char *want = unquoted(EVERYTHING);
            assert_string_equal(first, want);
            mem_free(want);
        }
        struct json *tree = json_parse(slice_of(first), &err);
        assert_int_equal(job_parse(&rules, tree, JOB_FACE_2, kind, true, &again, &problems), 0);
        char *second = text_of(&again, false), *kept = stored(&j);
        assert_string_equal(first, second);
        if (job_load(slice_of(kept), &loaded, &err) != 0)
            fail_msg("%s", err.text);
        char *third = text_of(&loaded, false), *kept_again = stored(&loaded);
        assert_string_equal(first, third);
        assert_string_equal(kept, kept_again);
        assert_int_equal(loaded.window_ms, j.window_ms);
        json_free(tree);
        job_close(&j);
        job_close(&again);
        job_close(&loaded);
        mem_free(first);
        mem_free(second);
        mem_free(third);
        mem_free(kept);
        mem_free(kept_again);
    }
}

/* ---- coercion (2.3): the table, cell by cell */

static const struct {
    const char *member, *shows;
} COERCIONS[] = {
    /* to string */
    {"'owner':'a'", "{'owner':'a'}"},
    {"'owner':7", "{'owner':'7'}"},
    {"'owner':1.0", "{'owner':'1.0'}"},
    {"'owner':0.5", "{'owner':'0.5'}"},
    {"'owner':9007199254740993", "{'owner':'9007199254740993'}"},
    {"'owner':true", "{'owner':'true'}"},
    {"'owner':false", "{'owner':'false'}"},
    {"'owner':1e22", "{'owner':'1.0E22'}"},
    {"'owner':null", "{'owner':''}"},
    {"'owner':['a']", "{'owner':''}"},
    {"'owner':{'a':1}", "{'owner':''}"},
    /* to bool */
    {"'disabled':'true'", "{'disabled':true}"},
    {"'disabled':' true\\t'", "{'disabled':true}"},
    {"'disabled':'TRUE'", "{'disabled':false}"},
    {"'disabled':'1'", "{'disabled':false}"},
    {"'disabled':'yes'", "{'disabled':false}"},
    {"'shell':'false'", "{'shell':false}"},
    {"'disabled':0", "{'disabled':false}"},
    {"'disabled':2", "{'disabled':true}"},
    {"'disabled':-1", "{'disabled':true}"},
    {"'disabled':null", "{'disabled':false}"},
    {"'disabled':1.0", "{'disabled':false}"},
    {"'disabled':0.5", "{'disabled':false}"},
    {"'shell':null", "{'shell':true}"},
    {"'shell':[]", "{'shell':false}"},
    /* to int */
    {"'retries':'3'", "{'retries':3}"},
    {"'retries':' +3 '", "{'retries':3}"},
    {"'retries':'-1'", "{'retries':-1}"},
    {"'retries':''", "{'retries':0}"},
    {"'retries':'2.9'", "{'retries':2}"},
    {"'retries':'-2.9e0'", "{'retries':-2}"},
    {"'retries':2.9", "{'retries':2}"},
    {"'retries':'1e2'", "{'retries':100}"},
    {"'retries':true", "{'retries':1}"},
    {"'retries':false", "{'retries':0}"},
    {"'retries':[]", "{'retries':0}"},
    {"'retries':null", "{'retries':2}"},
    {"'retries':{}", "{'retries':0}"},
    {"'successCount':9007199254740993", "{'successCount':9007199254740993}"},
    /* to double, and the rule of resources */
    {"'cpus':'0.5'", "{'cpus':0.5}"},
    {"'cpus':' .5f '", "{'cpus':0.5}"},
    {"'cpus':'5.'", "{'cpus':5}"},
    {"'cpus':'1e-1D'", "{'cpus':0.1}"},
    {"'mem':'+1E+1'", "{'mem':10}"},
    {"'mem':64", "{'mem':64}"},
    {"'cpus':true", "{'cpus':1}"},
    {"'cpus':false", "{'cpus':0.1}"},
    {"'cpus':''", "{'cpus':0.1}"},
    {"'cpus':0", "{'cpus':0.1}"},
    {"'mem':-5", "{'mem':128}"},
    {"'disk':null", "{'disk':256}"},
    /* arrays */
    {"'uris':'u'", "{'uris':[]}"},
    {"'uris':[1,true,'u',null]", "{'uris':['1','true','u']}"},
    {"'arguments':{}", "{'arguments':[]}"},
    {"'arguments':null", "{'arguments':[]}"},
    {"'environmentVariables':5", "{'environmentVariables':[]}"},
    {"'fetch':'u'", "{'fetch':[]}"},
    {"'fetch':[{}]", "{'fetch':[{'uri':'','executable':false,'cache':false,'extract':true}]}"},
    {"'constraints':'x'", "{'constraints':[]}"},
    /* odds */
    {"'epsilon':''", "{'epsilon':'PT60S'}"},
    {"'epsilon':null", "{'epsilon':'PT60S'}"},
    {"'scheduleTimeZone':null", "{'scheduleTimeZone':'UTC'}"},
    {"'scheduleTimeZone':'null'", "{'scheduleTimeZone':'UTC'}"},
    {"'container':{'image':'i','forcePullImage':'TRUE'}",
     "{'container':{'type':'DOCKER','image':'i','network':'HOST','networkInfos':[],'volumes':[],"
     "'forcePullImage':true,'parameters':[]}}"},
    {"'container':null", "{'container':null}"},
    {"'timeoutSeconds':'9'", "{'maxCompletionTime':9,'timeoutSeconds':null}"},
    {"'dataJob':true,'unknown':1", "{'dataProcessingJobType':false,'unknown':null}"},
    {"'disabled':true,'disabled':false", "{'disabled':false}"},
};

static void coerces_as_chronos_did(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(COERCIONS) / sizeof(*COERCIONS); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "{'name':'j','command':'x','schedule':'R/2030-01-01T00:00:00Z/P1D',%s}",
                 COERCIONS[i].member);
        struct job j = job_of(body);
        char *text = text_of(&j, false);
        assert_members(COERCIONS[i].member, text, COERCIONS[i].shows);
        mem_free(text);
        job_close(&j);
    }
}

static void names_may_be_numbers(void **unused)
{
    (void)unused;
    struct job j = job_of("{'name':17,'command':'x'}");
    assert_string_equal(j.name, "17");
    job_close(&j);
}

/* ---- what is refused */

#define AT " 'schedule':'R/2030-01-01T00:00:00Z/P1D'"

static const struct {
    enum job_face face;
    enum job_kind kind;
    const char *body, *problem; /* its beginning */
} REFUSALS[] = {
    {2, JOB_SCHEDULED, "[]", "/: got an array, need one object: a job"},
    {2, JOB_SCHEDULED, "{'command':'x'}", "/name: missing, need the job`s name"},
    {2, JOB_SCHEDULED, "{'name':'','command':'x'}", "/name: missing"},
    {2, JOB_SCHEDULED, "{'name':'a:b','command':'x'}",
     "/name: got 'a:b', need letters, digits and '_', '.', '-', '#', blanks only"},
    {2, JOB_SCHEDULED, "{'name':'a b.c-d#e_1','command':'x'}", ""},
    {2, JOB_SCHEDULED, "{'name':'..','command':'x'}",
     "/name: got '..', need another: in a URL it is no name, but a folder"},
    {3, JOB_SCHEDULED, "{'name':'.','command':'x'}", "/name: got '.', need another"},
    {3, JOB_SCHEDULED, "{'name':'...','command':'x'}", ""},
    {2, JOB_SCHEDULED, "{'name':'a\\tb','command':'x'}", "/name: "},
    {3, JOB_SCHEDULED, "{'name':'a b','command':'x'}",
     "/name: got 'a b', need letters, digits and '_', '.', '-' only"},
    {3, JOB_SCHEDULED, "{'name':'a.b-c_1','command':'x'}", ""},

    {2, JOB_SCHEDULED, "{'name':'a','command':'x','parents':['b']}",
     "/parents: a job with parents"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','parents':[]}", "/parents: a job with parents"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','parents':[]," AT "}", ""},
    {2, JOB_DEPENDENT, "{'name':'a','command':'x'," AT "}", "/schedule: a job with a schedule"},
    {2, JOB_DEPENDENT, "{'name':'a','command':'x'}", "/parents: missing, need the names of jobs"},
    {2, JOB_DEPENDENT, "{'name':'a','command':'x','parents':[]}",
     "/parents: got none, need at least one job`s name"},
    {2, JOB_DEPENDENT, "{'name':'a','command':'x','parents':['b','a']}",
     "/parents: got the job`s own name among them"},

    {2, JOB_SCHEDULED, "{'name':'a','command':'x','cpus':'lots'}",
     "/cpus: got 'lots', need a number"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','cpus':'NaN'}",
     "/cpus: got 'NaN', need a number"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','cpus':'0x10'}", "/cpus: got '0x10'"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','cpus':'Infinity'}", "/cpus: got 'Infinity'"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','cpus':[]}", "/cpus: got an array"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','retries':'many'}",
     "/retries: got 'many', need a whole number"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','mem':{}}", "/mem: got an object"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','mem':'.'}", "/mem: got '.', need a number"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','retries':'99999999999'}",
     "/retries: got '99999999999', need -2147483648 to 2147483647"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','retries':2147483648}",
     "/retries: got 2147483648, need -2147483648 to 2147483647"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','successCount':'9223372036854775808'}",
     "/successCount: got '9223372036854775808', need a whole number"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','fetch':['u']}",
     "/fetch(0): got 'u', need an object"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','environmentVariables':[{'name':'A'}]}",
     "/environmentVariables(0)/value: missing, need a value"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','lastError':'yesterday'}",
     "/lastError: got 'yesterday', need '' or a time"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','retryBackoff':0.5}",
     "/retryBackoff: got 0.5, need at least 1"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','overlap':'never'}",
     "/overlap: got 'never', need one of wait, skip, kill"},

    {2, JOB_SCHEDULED, "{'name':'a','command':'x','schedule':'daily'}", "/schedule: got 'daily'"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','schedule':'R/1969-01-01T00:00:00Z/P1D'}",
     "/schedule: "},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x'," AT ",'scheduleTimeZone':'Mars/Base'}",
     "/scheduleTimeZone: "},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x'," AT ",'epsilon':'soon'}", "/epsilon: "},
    {3, JOB_SCHEDULED, "{'name':'R0','command':'x','schedule':'R0/2014-01-01T00:00:00Z/PT60M'}",
     ""},

    {2, JOB_SCHEDULED, "{'name':'a','command':'x','uris':['u'],'fetch':[{'uri':'v'}]}",
     "/uris: got both 'uris' and 'fetch', need one of them"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','uris':['u'],'fetch':[{'uri':'u'}]}", ""},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','container':{}}",
     "/container/image: need the name of an image"},
    {2, JOB_SCHEDULED,
     "{'name':'a','command':'x','container':{'image':'i','parameters':[{'key':'memory',"
     "'value':'lots'}]}}",
     "/container/parameters: docker parameter memory: got 'lots', which is no value for it"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','container':'busybox'}",
     "/container: got 'busybox', need an object"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','container':{'image':'i','type':'LXC'}}",
     "/container/type: got 'LXC', need DOCKER or MESOS"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','container':{'image':'i','network':'NONE'}}",
     "/container/network: got 'NONE', need HOST, BRIDGE or USER"},
    {2, JOB_SCHEDULED,
     "{'name':'a','command':'x','container':{'image':'i','volumes':[{'hostPath':'/h'}]}}",
     "/container/volumes(0)/containerPath: missing, need a value"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','constraints':[['rack','NEAR','x']]}",
     "/constraints(0): got the operator 'NEAR', need EQUALS, LIKE or UNLIKE"},
    {2, JOB_SCHEDULED, "{'name':'a','command':'x','constraints':[['rack','LIKE','(']]}",
     "/constraints(0): LIKE: got the pattern '('"},

    {2, JOB_SCHEDULED, "{'name':'a'}", "/command: need a command, or a container with an image"},
    {3, JOB_SCHEDULED, "{'name':'a','command':''}", "/command: need"},
    {2, JOB_SCHEDULED, "{'name':'a','container':{'image':'i'}}", ""},
};

static void names_what_is_wrong(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(*REFUSALS); i++) {
        char *got = problems_of(REFUSALS[i].body, REFUSALS[i].face, REFUSALS[i].kind);
        char *want = unquoted(REFUSALS[i].problem);
        if (want[0] == '\0' ? got[0] != '\0' : !str_starts(got, want))
            fail_msg("%s\n got  %s\n need %s", REFUSALS[i].body, got, want);
        mem_free(got);
        mem_free(want);
    }
}

/* Linux takes no longer argument: of a shell's line the job's arguments are a part. */
static void what_no_program_can_be_started_with_is_refused(void **unused)
{
    static const struct {
        const char *before, *after;
        size_t beside; /* counted, too, and not in the value */
        const char *problem;
    } PLACES[] = {
        {"{'name':'a','command':'", "'}", 0,
         "/command: got 131072 bytes with its arguments, need "},
        {"{'name':'a','arguments':['b;'],'command':'", "'}", 2, "/command: got 131072 bytes with "},
        {"{'name':'a','shell':false,'command':'x','arguments':['", "']}", 0,
         "/command: got 131072 bytes in one argument, need at most 131071: put what is longer "},
        {"{'name':'a','command':'x','environmentVariables':[{'name':'B','value':'", "'}]}", 2,
         "/environmentVariables: got 131072 bytes of \"B\", need at most 131071: put what is "},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(*PLACES); i++)
        for (size_t over = 0; over < 2; over++) {
            struct buf body;
            size_t n = LIMIT_ARGUMENT_BYTES - PLACES[i].beside + over;
            buf_init(&body, 1 << 20);
            buf_puts(&body, PLACES[i].before);
            while (n-- > 0)
                buf_putc(&body, 'y');
            buf_puts(&body, PLACES[i].after);
            char *got = problems_of(buf_str(&body), 2, JOB_SCHEDULED);
            if (over > 0 ? !str_starts(got, PLACES[i].problem) : got[0] != '\0')
                fail_msg("%s: %s", PLACES[i].before, got);
            mem_free(got);
            buf_close(&body);
        }
}

/* Its run would be lost without a word: the order did not fit into a frame. */
static void what_its_agent_is_told_has_an_end(void **unused)
{
    static const struct {
        const char *before, *after, *path;
    } PLACES[] = {
        {"{'name':'a','command':'x','uris':['", "']}", "/uris: "},
        {"{'name':'a','command':'x','fetch':[{'uri':'", "'}]}", "/fetch: "},
        {"{'name':'a','container':{'image':'x','parameters':[{'key':'label','value':'", "'}]}}",
         "/container: "},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(*PLACES); i++)
        for (int over = 0; over < 2; over++) {
            struct buf body;
            buf_init(&body, 1 << 20);
            buf_puts(&body, PLACES[i].before);
            for (int n = over > 0 ? LIMIT_TASK_BYTES : LIMIT_TASK_BYTES - 100; n > 0; n--)
                buf_putc(&body, 'y');
            buf_puts(&body, PLACES[i].after);
            char *got = problems_of(buf_str(&body), 2, JOB_SCHEDULED);
            if (over > 0 ? !str_starts(got, PLACES[i].path) : got[0] != '\0')
                fail_msg("%s: %s", PLACES[i].before, got);
            mem_free(got);
            buf_close(&body);
        }
}

static void what_people_read_has_an_end(void **unused)
{
    (void)unused;
    for (int over = 0; over < 2; over++) {
        struct buf body;
        buf_init(&body, 1 << 20);
        buf_printf(&body,
                   "{'name':'a','command':'x','description':'%0*d','owner':'%0*d',"
                   "'ownerName':'%0*d'}",
                   LIMIT_ABOUT_BYTES + over, 0, LIMIT_NOTICE_OWNERS_BYTES - 1 + over, 0,
                   LIMIT_ABOUT_BYTES + over, 0);
        char *got = problems_of(buf_str(&body), 2, JOB_SCHEDULED);
        assert_string_equal(got, over > 0 ? "/description: got 4097 bytes, need at most 4096\n"
                                            "/owner: got 4096 bytes, need at most 4095\n"
                                            "/ownerName: got 4097 bytes, need at most 4096"
                                          : "");
        mem_free(got);
        buf_close(&body);
    }
}

static void what_is_too_much_together_is_refused(void **unused)
{
    (void)unused;
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_puts(&body, "{'name':'a','command':'x','environmentVariables':[");
    for (int i = 0; i < 6; i++)
        buf_printf(&body, "%s{'name':'V%d','value':'%0100000d'}", i > 0 ? "," : "", i, 0);
    buf_puts(&body, "]}");
    char *got = problems_of(buf_str(&body), 2, JOB_SCHEDULED);
    assert_string_equal(got, "/environmentVariables: got 600013 bytes together with the command, "
                             "need at most 524288: put what is longer into a file that is fetched");
    mem_free(got);
    buf_close(&body);
}

/* Whether a run of its own words counts them, and not its job's. */
static void what_a_run_is_given_has_an_end(void **unused)
{
    (void)unused;
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct error err;
    struct job job;
    struct buf words;
    struct json *variable = tree_of("{'A':'b'}");
    struct json *body = tree_of("{'name':'a','command':'x','shell':false,'arguments':['y']}");
    assert_int_equal(job_parse(&rules, body, JOB_FACE_3, JOB_SCHEDULED, false, &job, &problems), 0);
    buf_init(&words, 1 << 20);
    while (words.len < LIMIT_TASK_BYTES - 1)
        buf_putc(&words, words.len % 2 == 0 ? 'w' : ' ');
    assert_int_equal(job_check_wish(&job, buf_str(&words), NULL, &err), 0);
    assert_int_equal(job_check_wish(&job, " ", variable, &err), 0);
    assert_int_equal(job_check_wish(&job, buf_str(&words), variable, &err), -1);
    assert_string_equal(err.text, "environment: got 524291 bytes together with the job's own and "
                                  "its command, need at most 524288");
    buf_putc(&words, 'w');
    assert_int_equal(job_check_wish(&job, buf_str(&words), NULL, &err), -1);
    assert_string_equal(err.text, "arguments: got 524289 bytes together with the job's own and its "
                                  "command, need at most 524288");
    buf_close(&words);
    json_free(variable);
    json_free(body);
    job_close(&job);
}

static void an_unknown_zone_may_be_let_pass(void **unused)
{
    (void)unused;
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct job j, again;
    struct error err;
    rules.lenient_zones = true;
    struct json *tree = tree_of("{'name':'a','command':'x','scheduleTimeZone':'Mars/Base'," AT "}");
    assert_int_equal(job_parse(&rules, tree, 2, JOB_SCHEDULED, false, &j, &problems), 0);
    assert_string_equal(j.schedule_zone, "Mars/Base");
    char *kept = stored(&j);
    assert_int_equal(job_load(slice_of(kept), &again, &err), 0);
    assert_true(again.zone_let_pass);
    job_close(&again);
    static const char member[] = ",\"zoneLetPass\":true"; /* earlier builds kept no such thing */
    char *at = strstr(kept, member);
    assert_non_null(at);
    memmove(at, at + strlen(member), strlen(at + strlen(member)) + 1);
    assert_int_equal(job_load(slice_of(kept), &again, &err), 0);
    assert_true(again.zone_let_pass);
    mem_free(kept);
    json_free(tree);
    job_close(&j);
    job_close(&again);
}

/* ---- faces, windows, starts */

static void the_faces_differ_in_epsilon_and_async(void **unused)
{
    (void)unused;
    static const char BODY[] = "{'name':'a','command':'x','async':true}";
    struct job two = parsed(BODY, JOB_FACE_2, JOB_SCHEDULED);
    struct job three = parsed(BODY, JOB_FACE_3, JOB_SCHEDULED);
    assert_string_equal(two.epsilon, "PT60S");
    assert_null(three.epsilon);
    assert_true(two.async);
    assert_false(three.async);
    job_close(&two);
    job_close(&three);
}

static void knows_how_long_a_window_is(void **unused)
{
    (void)unused;
    static const struct {
        enum job_face face;
        const char *members;
        int64_t ms;
    } ROWS[] = {
        {2, "", 60000},
        {3, "", -1},
        {3, ",'epsilon':'PT30S'", 30000},
        {3, ",'epsilon':'PT0.5S'", 1000},
        {3, ",'epsilon':'P1Y'", INT64_C(365) * 86400000},
        {3, ",'epsilon':'P1000Y'", INT64_C(36500) * 86400000},
        {2, ",'missed':'catchup'", -1},
        {3, ",'missed':'window'", 60000},
        {3, ",'missed':'window','epsilon':'PT5S'", 5000},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{'name':'a','command':'x'%s}", ROWS[i].members);
        struct job j = parsed(body, ROWS[i].face, JOB_SCHEDULED);
        assert_int_equal(job_window_ms(&j), ROWS[i].ms);
        job_close(&j);
    }
}

static void an_empty_start_becomes_the_instant_of_the_commit(void **unused)
{
    (void)unused;
    static const struct {
        const char *members, *shown;
    } ROWS[] = {
        {"", "R1/2026-03-01T10:08:01.212Z/PT24H"}, /* neither schedule nor parents */
        {",'schedule':'R3//P1D'", "R3/2026-03-01T10:08:01.212Z/P1D"},
        {",'schedule':'R//PT1.5S','scheduleTimeZone':'Asia/Tokyo'",
         "R/2026-03-01T19:08:01.212+09:00/PT1.5S"},
        {",'schedule':'R/2030-01-01T00:00:00Z/P1D'", "R/2030-01-01T00:00:00Z/P1D"},
    };
    struct error err;
    struct wall t;
    assert_int_equal(wall_parse("2026-03-01T10:08:01.212Z", &t, &err), 0);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        char body[256], shown[SCHEDULE_TEXT_SIZE];
        snprintf(body, sizeof(body), "{'name':'a','command':'x'%s}", ROWS[i].members);
        struct job j = job_of(body), again;
        job_start_now(&j, t);
        job_start_now(&j, (struct wall){0}); /* once only */
        assert_string_equal(job_schedule_shown(&j, shown), ROWS[i].shown);
        char *kept = stored(&j);
        assert_int_equal(job_load(slice_of(kept), &again, &err), 0);
        assert_string_equal(job_schedule_shown(&again, shown), ROWS[i].shown);
        assert_int_equal(again.schedule.first.ms, j.schedule.first.ms);
        mem_free(kept);
        job_close(&j);
        job_close(&again);
    }
}

static void a_start_that_a_clock_shows_twice_stays_itself(void **unused)
{
    (void)unused;
    struct error err;
    struct wall t; /* the second 01:30 of that night */
    assert_int_equal(wall_parse("2026-11-01T06:30:00Z", &t, &err), 0);
    struct job j = job_of(
        "{'name':'a','command':'x','schedule':'R//PT1H','scheduleTimeZone':'America/New_York'}");
    struct job again;
    job_start_now(&j, t);
    char *kept = stored(&j);
    assert_int_equal(job_load(slice_of(kept), &again, &err), 0);
    assert_int_equal(schedule_target(&again.schedule, 0).ms, t.ms);
    mem_free(kept);
    job_close(&j);
    job_close(&again);
}

static void the_list_fills_fetch_and_uris(void **unused)
{
    (void)unused;
    static const struct {
        const char *members, *shows;
    } ROWS[] = {
        {"'uris':['u']",
         "{'uris':['u'],'fetch':[{'uri':'u','executable':false,'cache':false,'extract':true}]}"},
        {"'fetch':[{'uri':'u','cache':true}]",
         "{'uris':['u'],'fetch':[{'uri':'u','executable':false,'cache':true,'extract':true}]}"},
        {"'uris':[]", "{'uris':[],'fetch':[]}"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{'name':'a','command':'x',%s}", ROWS[i].members);
        struct job j = job_of(body), again;
        char *listed = text_of(&j, true);
        assert_members(body, listed, ROWS[i].shows);
        /* and what was listed may be posted */
        struct job_rules rules = job_rules_default();
        struct problems problems = {0};
        struct error err;
        struct json *tree = json_parse(slice_of(listed), &err);
        assert_int_equal(job_parse(&rules, tree, 2, JOB_SCHEDULED, true, &again, &problems), 0);
        json_free(tree);
        mem_free(listed);
        job_close(&j);
        job_close(&again);
    }
}

/* ---- replacing (2.6) */

static void a_replacement_keeps_resumes_or_begins(void **unused)
{
    (void)unused;
#define OLD "'schedule':'R5/2026-01-31T00:00:00Z/P1M'"
    static const struct {
        const char *old, *new;
        enum job_replacing what;
    } ROWS[] = {
        /* old has run twice: it shows R3/2026-03-31T00:00:00.000Z/P1M */
        {OLD, "'schedule':'R3/2026-03-31T00:00:00.000Z/P1M'", REPLACE_KEEPS},
        {OLD, "'schedule':'R3/2026-03-31T02:00:00+02:00/P1M'",
         REPLACE_KEEPS}, /* the same instant */
        {OLD, "'schedule':'R3/2026-03-31T00:00:00.000Z/P1M','disabled':true", REPLACE_KEEPS},
        {OLD ",'disabled':true", "'schedule':'R3/2026-03-31T00:00:00.000Z/P1M'", REPLACE_RESUMES},
        {OLD, OLD, REPLACE_BEGINS}, /* where it began */
        {OLD, "'schedule':'R4/2026-03-31T00:00:00.000Z/P1M'", REPLACE_BEGINS},
        {OLD, "'schedule':'R3/2026-03-31T00:00:00.000Z/P30D'", REPLACE_BEGINS},
        {OLD, "'schedule':'R3/2026-03-31T00:00:00.000Z/P1M','epsilon':'PT5S'", REPLACE_BEGINS},
        {OLD, "'schedule':'R3/2026-03-31T00:00:00.000Z/P1M','missed':'catchup'", REPLACE_BEGINS},
        {OLD, "'schedule':'R3/2026-03-31T00:00:00.000Z/P1M','scheduleTimeZone':'UTC'",
         REPLACE_BEGINS},
        {OLD, "'schedule':'R3//P1M'", REPLACE_BEGINS},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        char body[256], shown[SCHEDULE_TEXT_SIZE];
        snprintf(body, sizeof(body), "{'name':'a','command':'x',%s}", ROWS[i].old);
        struct job old = job_of(body);
        old.cursor = (struct job_cursor){.index = 2, .remaining = 3, .moved = true};
        snprintf(body, sizeof(body), "{'name':'a','command':'y',%s}", ROWS[i].new);
        struct job j = job_of(body);
        if (job_replacing(&j, &old) != ROWS[i].what)
            fail_msg("%s: got %d", ROWS[i].new, (int)job_replacing(&j, &old));
        job_keep_cursor(&j, &old);
        job_close(&old);
        /* the anchor is the 31st still */
        assert_string_equal(job_schedule_shown(&j, shown), "R3/2026-03-31T00:00:00.000Z/P1M");
        j.cursor.index = 3;
        assert_string_equal(job_schedule_shown(&j, shown), "R3/2026-04-30T00:00:00.000Z/P1M");
        job_close(&j);
    }
}

static void refuses_a_stored_job_that_is_none(void **unused)
{
    (void)unused;
    static const char *const BAD[] = {"", "[]", "{}", "{\"name\":\"a\",\"runAsUser\":\"root\"}",
                                      "{\"name\":\"a\",\"runAsUser\":\"root\",\"schedule\":\"x\"}"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        struct job j;
        struct error err;
        assert_int_equal(job_load(slice_of(BAD[i]), &j, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
}

/* Of each the text that is stored, what is wrong, and the command and parents that it has still. */
static void of_a_broken_job_it_reads_what_it_can(void **unused)
{
    (void)unused;
    static const struct {
        const char *stored, *wrong, *command;
        size_t parents;
    } cases[] = {
        {"{'name':'a','runAsU", "line 1", "", 0},
        {"[1]", "got an array", "", 0},
        {"{'name':'a','command':'x','runAsUser':'r','schedule':'R/2026-01-01T00:00:00/P1D',"
         "'scheduleTimeZone':'Mars/Base','zoneLetPass':false}",
         "Mars/Base", "x", 0},
        {"{'name':'a','command':'x','runAsUser':'r','missed':'often'," AT "}", "missed: ", "x", 0},
        {"{'name':'a','command':'x','parents':['b','c']}", "members are missing", "x", 2},
        {"{'name':'a','command':'x','runAsUser':'r','cron':'99 * * * *'}", "99", "x", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct job j;
        char *text = unquoted(cases[i].stored);
        job_load_any(slice_of(text), &j);
        mem_free(text);
        assert_non_null(j.broken);
        if (strstr(j.broken, cases[i].wrong) == NULL)
            fail_msg("%zu: %s", i, j.broken);
        assert_string_equal(j.command, cases[i].command);
        assert_int_equal(j.parents.n, cases[i].parents);
        job_close(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_the_demo_as_chronos_does),
        cmocka_unit_test(takes_back_what_it_printed),
        cmocka_unit_test(coerces_as_chronos_did),
        cmocka_unit_test(names_may_be_numbers),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(what_no_program_can_be_started_with_is_refused),
        cmocka_unit_test(what_is_too_much_together_is_refused),
        cmocka_unit_test(what_its_agent_is_told_has_an_end),
        cmocka_unit_test(what_people_read_has_an_end),
        cmocka_unit_test(what_a_run_is_given_has_an_end),
        cmocka_unit_test(an_unknown_zone_may_be_let_pass),
        cmocka_unit_test(the_faces_differ_in_epsilon_and_async),
        cmocka_unit_test(knows_how_long_a_window_is),
        cmocka_unit_test(an_empty_start_becomes_the_instant_of_the_commit),
        cmocka_unit_test(a_start_that_a_clock_shows_twice_stays_itself),
        cmocka_unit_test(the_list_fills_fetch_and_uris),
        cmocka_unit_test(a_replacement_keeps_resumes_or_begins),
        cmocka_unit_test(refuses_a_stored_job_that_is_none),
        cmocka_unit_test(of_a_broken_job_it_reads_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
