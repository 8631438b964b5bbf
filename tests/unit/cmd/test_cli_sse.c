#include "unit.h"

#include <string.h>

#include "cli_sse.h"

/* Each event becomes "name[id]=data;", line ends in the data shown as '|'. */
static void on_event(void *data, const struct sse_event_in *e)
{
    struct buf *out = data;
    buf_printf(out, "%s[%s]=", e->event, e->id);
    for (size_t i = 0; i < e->data.len; i++)
        buf_putc(out, e->data.p[i] == '\n' ? '|' : e->data.p[i]);
    buf_putc(out, ';');
}

/* In pieces of `step` bytes. */
static void read_in_steps(const char *text, size_t step, struct buf *out)
{
    struct sse_reader r;
    size_t len = strlen(text);
    buf_init(out, 1000);
    sse_reader_init(&r);
    for (size_t at = 0; at < len; at += step)
        sse_read(&r, (struct slice){text + at, at + step < len ? step : len - at}, on_event, out);
    sse_reader_close(&r);
}

static void events_are_read_whole_however_they_come(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *events;
    } cases[] = {
        {"data: x\n\n", "message[]=x;"},
        {"id: 7\nevent: change\ndata: {\"a\": 1}\n\n", "change[7]={\"a\": 1};"},
        {"data:x\r\ndata: y\r\n\r\n", "message[]=x|y;"},
        {"data: x\r\rdata: y\r\r", "message[]=x;message[]=y;"},
        {": comment\n\ndata: x\n\n", "message[]=x;"},
        {"id: 1\ndata: x\n\ndata: y\n\n", "message[1]=x;message[1]=y;"}, /* ids stay */
        {"event: e\n\ndata: x\n\n", "message[]=x;"},                     /* names do not */
        {"data\n\n", "message[]=;"},
        {"data:  two blanks\n\n", "message[]= two blanks;"},
        {"data: cut off\n", ""},
        {"\r\n\r\n", ""},
        {"retry: 5\nid\ndata: x\n\n", "message[]=x;"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 1; step < 9; step++) {
            struct buf out;
            read_in_steps(cases[i].text, step, &out);
            assert_string_equal(buf_str(&out), cases[i].events);
            buf_close(&out);
        }
    }
}

static void a_new_connection_keeps_the_id_only(void **unused)
{
    (void)unused;
    struct sse_reader r;
    struct buf out;
    buf_init(&out, 1000);
    sse_reader_init(&r);
    sse_read(&r, SLICE("id: 9\ndata: x\n\nevent: e\ndata: ha"), on_event, &out);
    sse_reader_restart(&r);
    assert_string_equal(r.id, "9");
    sse_read(&r, SLICE("data: y\n\n"), on_event, &out);
    assert_string_equal(buf_str(&out), "message[9]=x;message[9]=y;");
    sse_reader_close(&r);
    buf_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_whole_however_they_come),
        cmocka_unit_test(a_new_connection_keeps_the_id_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
