/* Agents' sessions: who is there, what they are told, what they report (DESIGN 6). */
#include "desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static struct desk d;

static int begin(void **unused)
{
    (void)unused;
    desk_open(&d);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    desk_close(&d);
    return 0;
}

static size_t seen_n(void)
{
    struct agent_seen *seen;
    size_t n = master_seen(d.master, &seen);
    mem_free(seen);
    return n;
}

#define expect_told(text) assert_string_equal(desk_told(&d), text)

/* n1 to n<n> are there: agents 0 to n-1. */
static void crew(int n)
{
    for (int i = 1; i <= n; i++)
        desk_register(&d, i, "");
    desk_turn(&d);
    desk_told(&d);
}

/* ---- registering */

static void a_new_agent_is_welcome_once_that_is_committed(void **unused)
{
    (void)unused;
    d.held = true;
    desk_register(&d, 1, "");
    desk_turn(&d);
    expect_told("");
    assert_false(master_is_live(d.master, 0, d.now));
    desk_release(&d);
    expect_told("0 welcome id=0\n");
    assert_true(master_is_live(d.master, 0, d.now));
    assert_int_equal(master_node_of(d.master, 0), 10);
}

static void who_is_known_as_it_is_costs_no_commit(void **unused)
{
    (void)unused;
    crew(1);
    int64_t drafts = d.drafts;
    desk_register(&d, 1, "");
    desk_lead(&d, true);
    desk_register(&d, 1, "");
    desk_turn(&d);
    assert_int_equal(d.drafts, drafts);
    expect_told("0 welcome id=0\n0 welcome id=0\n");
}

static void whatever_has_changed_is_committed(void **unused)
{
    static const char *const changes[] = {
        "'boot':'c'",
        "'hostname':'other'",
        "'address':'10.9.9.9'",
        "'port':1",
        "'version':'2'",
        "'docker':''",
        "'docker_reason':'gone'",
        "'attributes':{'rack':'a'}",
        "'resources':'cpus:1;mem:65536;disk:65536;ports:[31000-32000]'",
        "'resources':'cpus:64;mem:1;disk:65536;ports:[31000-32000]'",
        "'resources':'cpus:64;mem:65536;disk:1;ports:[31000-32000]'",
        "'resources':'cpus:64;mem:65536;disk:65536;ports:[31000-31999]'",
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(changes); i++) {
        char message[1024];
        desk_register(&d, 1, "");
        int64_t drafts = d.drafts;
        snprintf(message, sizeof message, /* of two members of one name the last counts */
                 "{'m':'register','uid':1,'boot':'b','hostname':'n1','address':'10.0.0.1','port':"
                 "5051,'version':'1','resources':'cpus:64;mem:65536;disk:65536;ports:[31000-32000]'"
                 ",'attributes':{},'docker':'24','docker_reason':'','tasks':[],%s}",
                 changes[i]);
        desk_say(&d, 1, message);
        if (d.drafts != drafts + 1)
            fail_msg("%s: %d drafts", changes[i], (int)(d.drafts - drafts));
        desk_say(&d, 1, message);
        assert_int_equal(d.drafts, drafts + 1);
    }
}

static void a_registration_that_makes_no_sense_is_refused(void **unused)
{
    (void)unused;
    desk_say(&d, 1, "{'m':'register','uid':0,'resources':'cpus:1'}");
    desk_say(&d, 1, "{'m':'register','uid':5,'resources':'cpus:many'}");
    desk_say(&d, 1, "{'m':'register','uid':5,'resources':'cpus:1','hostname':'a\\nb'}");
    desk_say(&d, 1, "{'m':'register','uid':5,'resources':'cpus:1','port':65536}");
    char text[1500], longer[1026];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    snprintf(text, sizeof text, "{'m':'register','uid':5,'resources':'cpus:1','boot':'%s'}",
             longer);
    desk_say(&d, 1, text);
    assert_int_equal(d.drafts, 0);
    expect_told("");
}

static void count_warnings(void *data, enum log_level level, const char *line)
{
    if (level == LOG_WARN && strstr(line, "refused") != NULL)
        ++*(int *)data;
}

/* The agent says it again every two seconds, for as long as somebody leaves it so. */
static void what_is_refused_again_and_again_is_logged_once(void **unused)
{
    int warnings = 0;
    (void)unused;
    log_set_sink(count_warnings, &warnings, LOG_WARN);
    for (int i = 0; i < 50; i++) {
        desk_say(&d, 1, "{'m':'register','uid':5,'resources':'cpus:many'}");
        desk_say(&d, 2, "{'m':'register','uid':6,'resources':'cpus:few'}");
    }
    assert_int_equal(warnings, 2); /* of two nodes */
    d.refuse = true;
    for (int i = 0; i < 50; i++)
        desk_register(&d, 1, "");
    assert_int_equal(warnings, 3); /* for another reason */
    desk_run_ms(&d, 11 * 60 * 1000, 0);
    desk_register(&d, 1, "");
    assert_int_equal(warnings, 4); /* after a while */
    log_set_sink(NULL, NULL, LOG_ERROR);
}

static void a_refused_registration_is_only_forgotten(void **unused)
{
    (void)unused;
    d.refuse = true;
    desk_register(&d, 1, "");
    expect_told("");
    d.refuse = false;
    desk_register(&d, 1, "");
    expect_told("0 welcome id=0\n");
}

static void a_stranger_is_asked_to_register(void **unused)
{
    (void)unused;
    crew(1);
    desk_pong(&d, 2, 5);
    expect_told("-22 again\n");
    desk_say(&d, 9, "{'m':'pong','uid':1,'seq':1}"); /* n1's, from another node */
    expect_told("-92 again\n");
    assert_int_equal(master_pong(d.master, 0), 0);
    desk_pong(&d, 1, 5);
    expect_told("");
    assert_int_equal(master_pong(d.master, 0), 5);
}

/* A process that began anew counts its pongs anew. */
static void a_new_registration_has_no_pong_yet(void **unused)
{
    (void)unused;
    crew(1);
    desk_pong(&d, 1, 500);
    desk_register(&d, 1, "");
    assert_int_equal(master_pong(d.master, 0), 0);
}

static void messages_of_the_other_direction_are_refused(void **unused)
{
    (void)unused;
    crew(1);
    desk_say(&d, 1, "{'m':'run','uid':1}");
    desk_say(&d, 1, "{'m':'welcome','uid':1}");
    desk_turn(&d);
    expect_told("");
}

/* ---- orders */

static void a_staged_task_is_ordered_until_it_is_reported(void **unused)
{
    (void)unused;
    crew(1);
    int64_t app = desk_app(&d, "/web", "");
    int64_t task = desk_launch(&d, app, 0);
    desk_run_ms(&d, 4900, 1);
    expect_told("0 run 1 pong=7\n");
    desk_run_ms(&d, 200, 1);
    expect_told("0 run 1 pong=7\n"); /* the same pong: that of the decision */
    desk_status(&d, 1, task, 1, "starting");
    desk_run_ms(&d, 20000, 1);
    expect_told("0 ack 1:1\n");
}

static void an_agent_gets_only_its_own_orders(void **unused)
{
    (void)unused;
    crew(2);
    int64_t app = desk_app(&d, "/web", "");
    desk_launch(&d, app, 1);
    desk_launch(&d, app, 0);
    desk_turn(&d);
    expect_told("1 run 1 pong=7\n0 run 2 pong=7\n");
}

static void a_kill_comes_after_the_last_route_and_is_repeated(void **unused)
{
    (void)unused;
    crew(1);
    int64_t task = desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_status(&d, 1, task, 1, "running");
    desk_turn(&d);
    desk_told(&d);
    desk_kill(&d, task);
    desk_run_ms(&d, 90, 1);
    expect_told("");
    desk_run_ms(&d, 4900, 1);
    expect_told("0 kill 1 test\n");
    desk_run_ms(&d, 200, 1);
    expect_told("0 kill 1 test\n");
    desk_status(&d, 1, task, 2, "killed");
    desk_run_ms(&d, 60000, 1);
    expect_told("0 ack 1:2\n");
}

/* Of thousands that end slowly each would else be told, and tell it, every five seconds. */
static void a_kill_that_was_heard_is_repeated_later(void **unused)
{
    (void)unused;
    crew(1);
    int64_t task = desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_status(&d, 1, task, 1, "running");
    desk_kill(&d, task);
    desk_run_ms(&d, 200, 1);
    desk_told(&d);
    desk_status(&d, 1, task, 2, "killing");
    desk_run_ms(&d, 29000, 1);
    expect_told("0 ack 1:2\n");
    desk_run_ms(&d, 2000, 1);
    expect_told("0 kill 1 test\n");
    desk_run_ms(&d, 3500, 1);
    expect_told("");
    desk_run_ms(&d, 2500, 1);
    expect_told("0 kill 1 test\n");
}

static void what_has_no_ports_is_killed_at_once(void **unused)
{
    char args[256];
    struct app_row row;
    (void)unused;
    crew(1);
    int64_t app = desk_app(&d, "/web", "");
    assert_true(state_app_by_id(d.state, app, &row));
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':9,'salt':5,'agent':0,'ports':[],'cpus':"
             "1,'mem':1,'disk':0,'pong':7}]}",
             (long long)app, (long long)row.config.ms);
    desk_command(&d, COMMAND_TASK_LAUNCH, args);
    desk_turn(&d);
    desk_kill(&d, 1);
    desk_turn(&d);
    expect_told("0 run 1 pong=7\n0 kill 1 test\n");
}

/* It may have lost what it was told before. */
static void who_registers_again_is_told_everything_at_once(void **unused)
{
    (void)unused;
    crew(1);
    int64_t app = desk_app(&d, "/web", "");
    int64_t first = desk_launch(&d, app, 0);
    desk_launch(&d, app, 0);
    desk_turn(&d);
    desk_kill(&d, first);
    desk_run_ms(&d, 200, 1);
    desk_told(&d);
    desk_register(&d, 1, "{'task':1,'state':'staging','seq':0}");
    desk_turn(&d);
    expect_told("0 welcome id=0\n0 kill 1 test\n0 run 2 pong=7\n");
}

static void a_new_leader_gives_the_orders_that_the_old_one_gave(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_told(&d);
    desk_lead(&d, true);
    desk_turn(&d);
    expect_told(""); /* nobody has registered with it */
    desk_register(&d, 1, "");
    desk_turn(&d);
    expect_told("0 welcome id=0\n0 run 1 pong=7\n");
}

static void what_has_no_definition_any_more_is_ended(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/gone", ""), 0);
    desk_turn(&d);
    expect_told("0 kill 1 its definition is gone\n");
}

/* ---- reports */

static void reports_are_acknowledged_once_they_are_committed(void **unused)
{
    (void)unused;
    crew(2);
    int64_t app = desk_app(&d, "/web", "");
    desk_launch(&d, app, 0);
    desk_launch(&d, app, 1);
    desk_turn(&d);
    desk_told(&d);
    d.held = true;
    int64_t drafts = d.drafts;
    desk_status(&d, 1, 1, 1, "running");
    desk_status(&d, 2, 2, 1, "running");
    desk_turn(&d);
    assert_int_equal(d.drafts, drafts + 1); /* all of a turn are one command */
    expect_told("");
    desk_release(&d);
    expect_told("0 ack 1:1\n1 ack 2:1\n");
    assert_int_equal(desk_state(&d, 2), TASK_RUNNING);
}

static void what_was_not_committed_is_not_acknowledged(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_told(&d);
    d.refuse = true;
    desk_status(&d, 1, 1, 1, "running");
    desk_turn(&d);
    expect_told("");
    d.refuse = false;
    desk_status(&d, 1, 1, 1, "running");
    desk_turn(&d);
    expect_told("0 ack 1:1\n");
}

/* Its agent would say it again in two seconds only, and be given up at about that time. */
static void what_could_not_be_committed_is_asked_for_again(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_told(&d);
    d.refuse = true;
    desk_status(&d, 1, 1, 1, "running");
    desk_run_ms(&d, 190, 1);
    expect_told("");
    desk_run_ms(&d, 20, 1);
    expect_told("0 again\n");
    desk_run_ms(&d, 1000, 1);
    expect_told(""); /* it has been asked */
}

static void an_old_leaders_reports_are_not_acknowledged(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    d.held = true;
    desk_status(&d, 1, 1, 1, "running");
    desk_turn(&d);
    desk_told(&d);
    desk_lead(&d, true);
    desk_release(&d);
    expect_told("");
}

static void what_nobody_wants_any_more_is_ended_when_it_reports(void **unused)
{
    (void)unused;
    crew(2);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_told(&d);
    desk_status(&d, 2, 1, 1, "running"); /* it is n1's */
    desk_turn(&d);
    expect_told("1 kill 1 it was replaced\n"); /* and is to say so again */
    assert_int_equal(desk_state(&d, 1), TASK_STAGING);
    desk_status(&d, 2, 99, 1, "running");
    desk_turn(&d);
    expect_told("1 kill 99 it was replaced\n");
    desk_status(&d, 2, 99, 2, "killed");
    desk_turn(&d);
    expect_told("1 ack 99:2\n");
    assert_int_equal(d.drafts, 2); /* the registrations */
}

/* However much an agent tells in one turn: what acknowledges it fits a message. */
static void acknowledgements_are_no_longer_than_a_message(void **unused)
{
    (void)unused;
    struct buf message;
    buf_init(&message, LIMIT_FRAME_BYTES);
    crew(1);
    int64_t task = 1000000;
    for (int i = 0; i < 5; i++) { /* ends of what is nobody's */
        buf_clear(&message);
        buf_puts(&message, "{'m':'status','uid':1,'statuses':[");
        for (int k = 0; k < 20000; k++)
            buf_printf(&message, "%s{'task':%lld,'seq':1,'state':'killed','at':1}",
                       k > 0 ? "," : "", (long long)task++);
        buf_puts(&message, "]}");
        assert_string_equal(desk_told(&d), "");
        desk_say(&d, 1, buf_str(&message));
    }
    assert_int_equal(strncmp(desk_told(&d), "0 ack 1000000:1 ", 16), 0); /* before the tick */
    buf_close(&message);
}

/* The order came after the kill that was to end it: it runs, and the state has closed it already
 * when the report of that is committed. */
static void what_ends_while_its_report_is_committed_is_ended_too(void **unused)
{
    (void)unused;
    crew(1);
    int64_t task = desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_kill(&d, task);
    desk_run_ms(&d, 200, 1);
    desk_told(&d);
    desk_status(&d, 1, task, INT64_C(1) << 40, "killed"); /* there is no such task */
    desk_status(&d, 1, task, 1, "running");
    desk_turn(&d);
    expect_told("0 ack 1:1099511627776 1:1\n0 kill 1 it was replaced\n");
    desk_run_ms(&d, 6000, 1);
    expect_told("0 again\n"); /* until it is gone */
}

static void reports_that_are_none_do_not_come_again(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_told(&d);
    desk_say(&d, 1,
             "{'m':'status','uid':1,'statuses':[7,{},{'task':1,'seq':4,'state':'flying'},{'task':1,"
             "'seq':5,'state':'running','health':9}]}");
    desk_turn(&d);
    expect_told("0 ack 0:0 0:0 1:4 1:5\n");
    assert_int_equal(desk_state(&d, 1), TASK_STAGING);
}

/* Ten thousand agents come back at once: their reports are several commands, none too large. */
static void reports_of_any_number_fit_the_log(void **unused)
{
    char *message = malloc(2 << 20);
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_turn(&d);
    desk_told(&d);
    int64_t drafts = d.drafts;
    for (int i = 0; i < 8; i++) {
        size_t len = (size_t)sprintf(message, "{'m':'status','uid':1,'statuses':[");
        for (int k = 0; k < 1000; k++)
            len += (size_t)sprintf(
                message + len, "%s{'task':1,'seq':%d,'state':'running','at':1,'message':'%900d'}",
                k > 0 ? "," : "", i * 1000 + k + 1, 0);
        sprintf(message + len, "]}");
        desk_say(&d, 1, message);
    }
    desk_turn(&d);
    assert_in_range(d.drafts - drafts, 28, 40); /* each soon applied */
    assert_int_equal(desk_state(&d, 1), TASK_RUNNING);
    free(message);
}

/* ---- silence */

static void a_silent_agent_is_unreachable_after_its_time(void **unused)
{
    (void)unused;
    crew(2);
    int64_t task = desk_launch(&d, desk_app(&d, "/web", ""), 1);
    desk_run_ms(&d, 4900, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
    desk_run_ms(&d, 200, 1);
    assert_int_equal(desk_agent(&d, 0), AGENT_READY);
    assert_int_equal(desk_agent(&d, 1), AGENT_UNREACHABLE);
    assert_int_equal(desk_state(&d, task), TASK_UNREACHABLE);
    assert_false(master_is_live(d.master, 1, d.now));
    int64_t drafts = d.drafts;
    desk_run_ms(&d, 100000, 1);
    assert_int_equal(d.drafts, drafts); /* it is said once */
}

static void who_comes_back_goes_on(void **unused)
{
    (void)unused;
    crew(2);
    int64_t task = desk_launch(&d, desk_app(&d, "/web", ""), 1);
    desk_turn(&d);
    desk_status(&d, 2, task, 1, "running");
    desk_run_ms(&d, 6000, 1);
    assert_int_equal(desk_state(&d, task), TASK_UNREACHABLE);
    desk_told(&d);
    desk_pong(&d, 2, 9);
    expect_told("-22 again\n");
    desk_register(&d, 2, "{'task':1,'state':'running','seq':1}");
    desk_turn(&d);
    expect_told("1 welcome id=1\n");
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
    assert_int_equal(desk_state(&d, task), TASK_RUNNING);
    desk_status(&d, 2, task, 2, "running"); /* and what it says later counts */
    desk_turn(&d);
    expect_told("1 ack 1:2\n");
}

static void who_comes_back_too_late_ends_what_was_replaced(void **unused)
{
    (void)unused;
    crew(2);
    int64_t task = desk_launch(&d, desk_app(&d, "/web", ""), 1);
    desk_run_ms(&d, 6000, 1);
    desk_kill(&d, task); /* forgotten */
    desk_told(&d);
    desk_register(&d, 2, "{'task':1,'state':'running','seq':1},{'task':77,'state':'running'}");
    desk_turn(&d);
    expect_told("1 welcome id=1\n"
                "1 kill 1 it was replaced while its agent was away\n"
                "1 kill 77 it was replaced while its agent was away\n");
}

static void a_closed_session_of_a_live_host_has_longer(void **unused)
{
    (void)unused;
    crew(2);
    master_closed(d.master, 20, d.now, &d.out);
    assert_false(master_is_live(d.master, 1, d.now));
    desk_run_ms(&d, 4000, 1);
    assert_in_range(master_patience_ms(d.master, 1, true, d.now), 1, 1000);
    desk_run_ms(&d, 70000, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
    assert_in_range(master_patience_ms(d.master, 1, false, d.now), 1, 1000);
    assert_int_equal(master_patience_ms(d.master, 1, true, d.now), 0);
    desk_run_ms(&d, 2000, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_UNREACHABLE);
}

static void it_is_shown_as_closed_until_it_is_back(void **unused)
{
    (void)unused;
    struct agent_seen *seen;
    crew(2);
    assert_int_equal(seen_n(), 0);
    uint64_t version = master_seen_version(d.master);
    master_closed(d.master, 20, d.now, &d.out);
    assert_true(master_seen_version(d.master) != version);
    assert_int_equal(master_seen(d.master, &seen), 1);
    assert_int_equal(seen->agent, 1);
    assert_int_equal(seen->closed.ms, d.now.wall.ms);
    assert_int_equal(seen->silent.ms, d.now.wall.ms);
    assert_int_equal(seen->kept_until.ms, d.now.wall.ms + 75000);
    assert_false(seen->timed);
    mem_free(seen);
    version = master_seen_version(d.master);
    desk_register(&d, 2, "");
    desk_turn(&d);
    assert_true(master_seen_version(d.master) != version);
    assert_int_equal(seen_n(), 0);
}

static void pong_of_clock(int64_t ahead_ms)
{
    char message[128];
    snprintf(message, sizeof message, "{'m':'pong','uid':1,'seq':9,'routes':-1,'wall':%lld}",
             (long long)(d.now.wall.ms + ahead_ms));
    desk_say(&d, 1, message);
}

static int64_t shown_offset(void)
{
    struct agent_seen *seen;
    assert_int_equal(master_seen(d.master, &seen), 1);
    assert_true(seen->timed);
    int64_t offset_ms = seen->offset_ms;
    mem_free(seen);
    return offset_ms;
}

/* A pong that was long under way tells little; a clock that was set is shown soon. */
static void a_clock_is_read_from_the_pongs_that_came_soonest(void **unused)
{
    (void)unused;
    crew(1);
    pong_of_clock(-2000);
    assert_int_equal(shown_offset(), -2000);
    for (int i = 0; i < 16; i++)
        pong_of_clock(i % 8 == 3 ? -3 : -400 - i);
    assert_int_equal(shown_offset(), -3);
    uint64_t version = master_seen_version(d.master);
    for (int i = 0; i < 16; i++)
        pong_of_clock(-20 - i); /* no news */
    assert_true(master_seen_version(d.master) == version);
    for (int i = 0; i < 16; i++)
        pong_of_clock(90000);
    assert_int_equal(shown_offset(), 90000);
    for (int i = 0; i < 24; i++)
        pong_of_clock(-90000);
    assert_int_equal(shown_offset(), -90000);
}

static void who_reconnects_in_time_loses_nothing(void **unused)
{
    (void)unused;
    crew(2);
    master_closed(d.master, 20, d.now, &d.out);
    desk_run_ms(&d, 30000, 1);
    int64_t drafts = d.drafts;
    desk_register(&d, 2, "");
    desk_run_ms(&d, 100000, 2);
    assert_int_equal(d.drafts, drafts);
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
}

/* Of those that a new leader does not hear from, silence counts from its election on. */
static void a_new_leader_waits_for_those_who_ought_to_come(void **unused)
{
    (void)unused;
    crew(2);
    desk_run_ms(&d, 3000, 1);
    desk_lead(&d, true);
    desk_register(&d, 1, "");
    desk_run_ms(&d, 4900, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
    desk_run_ms(&d, 200, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_UNREACHABLE);
}

static void when_too_many_are_silent_the_leader_suspects_itself(void **unused)
{
    static const struct {
        int all, alive;
        bool waits;
    } rows[] = {
        {4, 2, false}, /* two are silent */
        {9, 6, false}, /* three of nine: no more than a third */
        {8, 5, true},
        {3, 0, true},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        desk_close(&d);
        desk_open(&d);
        crew(rows[i].all);
        desk_run_ms(&d, 5500, rows[i].alive);
        int64_t last = rows[i].all - 1;
        assert_int_equal(desk_agent(&d, last), rows[i].waits ? AGENT_READY : AGENT_UNREACHABLE);
        desk_run_ms(&d, 74000, rows[i].alive);
        assert_int_equal(desk_agent(&d, last), rows[i].waits ? AGENT_READY : AGENT_UNREACHABLE);
        desk_run_ms(&d, 2000, rows[i].alive);
        assert_int_equal(desk_agent(&d, last), AGENT_UNREACHABLE);
    }
}

/* Nothing new is given to those, suspicion or not. */
static void who_is_silent_is_not_used(void **unused)
{
    (void)unused;
    crew(3);
    desk_run_ms(&d, 4900, 0);
    assert_true(master_is_live(d.master, 0, d.now));
    assert_in_range(master_patience_ms(d.master, 0, false, d.now), 1, 200);
    desk_run_ms(&d, 200, 0);
    assert_int_equal(desk_agent(&d, 0), AGENT_READY);
    assert_false(master_is_live(d.master, 0, d.now));
    assert_int_equal(master_patience_ms(d.master, 0, false, d.now), 0);
}

static void a_suspicion_ends_with_the_silence(void **unused)
{
    (void)unused;
    crew(6);
    desk_run_ms(&d, 6000, 0); /* all of them */
    desk_run_ms(&d, 10000, 6);
    desk_run_ms(&d, 80000, 6);
    desk_run_ms(&d, 6000, 0); /* and again: it waits again */
    for (int i = 0; i < 6; i++)
        assert_int_equal(desk_agent(&d, i), AGENT_READY);
}

/* The process was stopped for a while, and with it its ears. */
static void the_leaders_own_pause_is_nobodys_silence(void **unused)
{
    (void)unused;
    crew(2);
    desk_run_ms(&d, 2000, 2);
    d.now.mono.ms += 60000;
    d.now.wall.ms += 60000;
    desk_turn(&d);
    desk_run_ms(&d, 500, 0);
    assert_int_equal(desk_agent(&d, 0), AGENT_READY);
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
    desk_run_ms(&d, 6000, 1);
    assert_int_equal(desk_agent(&d, 0), AGENT_READY);
    assert_int_equal(desk_agent(&d, 1), AGENT_UNREACHABLE);
}

static void a_refused_decision_is_taken_again(void **unused)
{
    (void)unused;
    crew(2);
    desk_run_ms(&d, 4800, 1);
    d.refuse = true;
    desk_run_ms(&d, 1000, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_READY);
    d.refuse = false;
    desk_run_ms(&d, 500, 1);
    assert_int_equal(desk_agent(&d, 1), AGENT_UNREACHABLE);
}

static void several_are_given_up_at_once_and_only_once(void **unused)
{
    (void)unused;
    crew(20);
    int64_t drafts = d.drafts;
    desk_run_ms(&d, 100000, 15);
    for (int i = 15; i < 20; i++)
        assert_int_equal(desk_agent(&d, i), AGENT_UNREACHABLE);
    assert_int_equal(d.drafts, drafts + 1);
}

static void who_does_not_lead_does_nothing(void **unused)
{
    (void)unused;
    crew(1);
    desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_lead(&d, false);
    assert_int_equal(master_due(d.master).ms, INT64_MAX);
    assert_false(master_is_live(d.master, 0, d.now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_new_agent_is_welcome_once_that_is_committed),
        TEST(who_is_known_as_it_is_costs_no_commit),
        TEST(whatever_has_changed_is_committed),
        TEST(a_registration_that_makes_no_sense_is_refused),
        TEST(what_is_refused_again_and_again_is_logged_once),
        TEST(a_refused_registration_is_only_forgotten),
        TEST(a_stranger_is_asked_to_register),
        TEST(a_new_registration_has_no_pong_yet),
        TEST(messages_of_the_other_direction_are_refused),
        TEST(a_staged_task_is_ordered_until_it_is_reported),
        TEST(an_agent_gets_only_its_own_orders),
        TEST(a_kill_comes_after_the_last_route_and_is_repeated),
        TEST(a_kill_that_was_heard_is_repeated_later),
        TEST(what_has_no_ports_is_killed_at_once),
        TEST(who_registers_again_is_told_everything_at_once),
        TEST(a_new_leader_gives_the_orders_that_the_old_one_gave),
        TEST(what_has_no_definition_any_more_is_ended),
        TEST(reports_are_acknowledged_once_they_are_committed),
        TEST(what_was_not_committed_is_not_acknowledged),
        TEST(what_could_not_be_committed_is_asked_for_again),
        TEST(an_old_leaders_reports_are_not_acknowledged),
        TEST(what_nobody_wants_any_more_is_ended_when_it_reports),
        TEST(acknowledgements_are_no_longer_than_a_message),
        TEST(what_ends_while_its_report_is_committed_is_ended_too),
        TEST(reports_that_are_none_do_not_come_again),
        TEST(reports_of_any_number_fit_the_log),
        TEST(a_silent_agent_is_unreachable_after_its_time),
        TEST(who_comes_back_goes_on),
        TEST(who_comes_back_too_late_ends_what_was_replaced),
        TEST(a_closed_session_of_a_live_host_has_longer),
        TEST(it_is_shown_as_closed_until_it_is_back),
        TEST(a_clock_is_read_from_the_pongs_that_came_soonest),
        TEST(who_reconnects_in_time_loses_nothing),
        TEST(a_new_leader_waits_for_those_who_ought_to_come),
        TEST(when_too_many_are_silent_the_leader_suspects_itself),
        TEST(who_is_silent_is_not_used),
        TEST(a_suspicion_ends_with_the_silence),
        TEST(the_leaders_own_pause_is_nobodys_silence),
        TEST(a_refused_decision_is_taken_again),
        TEST(several_are_given_up_at_once_and_only_once),
        TEST(who_does_not_lead_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
