/* Mails: what they are written like, and a server that says exactly what a story tells it to. */
#include "net_unit.h"

#include <stdio.h>

#include "base/str.h"
#include "net/mail.h"

static struct story {
    struct world world;
    struct listener listener;
    struct stream *peer;
    struct mail_server server;
    struct mail_call call;
    const char *const *says; /* after each line it hears the next; "" is nothing */
    struct buf heard;
    bool greeted, in_text, peer_closed, stopped, done;
    struct error err;
    char out[1024];
} s;

static void server_says(void)
{
    const char *text = *s.says != NULL ? *s.says++ : "";
    snprintf(s.out, sizeof s.out, "%s", text);
    uv_buf_t b = uv_buf_init(s.out, (unsigned)strlen(s.out));
    if (*text != '\0')
        stream_try_write(s.peer, &b, 1);
}

/* After each command, and after the lone dot of a text. */
static void on_read(struct stream *stream, struct slice data)
{
    (void)stream;
    buf_put_slice(&s.heard, data);
    const char *all = buf_str(&s.heard);
    if (s.in_text && !str_ends(all, "\r\n.\r\n"))
        return;
    s.in_text = str_ends(all, "DATA\r\n");
    if (str_ends(all, "\r\n"))
        server_says();
}

static void on_peer_closed(struct stream *stream)
{
    (void)stream;
    s.peer_closed = true;
}

static void on_end(struct stream *stream, const struct error *err)
{
    (void)err;
    stream_close(stream, on_peer_closed);
}

static void on_written(struct stream *stream, const struct error *err)
{
    (void)stream;
    (void)err;
}

static const struct stream_events peer_talk = {on_read, on_end, on_written};

static void on_stream(struct listener *l, struct stream *stream)
{
    (void)l;
    s.peer = stream;
    stream->events = &peer_talk;
    stream_read(stream, true);
    server_says();
}

static void on_stopped(struct listener *l)
{
    (void)l;
    s.stopped = true;
}

static void on_done(struct mail_call *c, const struct error *err)
{
    (void)c;
    s.done = true;
    s.err = err != NULL ? *err : (struct error){0};
}

static void send_mail(const char *const *says, const char *user, const char *text)
{
    struct error err;
    s = (struct story){.says = says, .server = {.host = "127.0.0.1", .hello = "n1"}};
    world_begin(&s.world);
    buf_init(&s.heard, 1 << 20);
    assert_int_equal(listener_start(&s.listener, &s.world.loop, "127.0.0.1", 0, on_stream, &err),
                     0);
    s.server.port = s.listener.port;
    s.server.user = user;
    s.server.password = "secret";
    assert_int_equal(mail_call_start(&s.call, &s.world.loop, &s.server, "me@x", "ann@x",
                                     slice_of(text), PATIENCE_MS, on_done, &err),
                     0);
}

static void end_mail(void)
{
    UNTIL(&s.world, s.done && (s.peer == NULL || s.peer_closed));
    listener_stop(&s.listener, on_stopped);
    UNTIL(&s.world, s.stopped);
    buf_close(&s.heard);
    world_end(&s.world);
}

static void a_mail_is_handed_over(void **unused)
{
    (void)unused;
    static const char *const says[] = {"220 here\r\n",
                                       "250-here\r\n250-SIZE 1000\r\n250 HELP\r\n",
                                       "250 ok\r\n",
                                       "250 ok\r\n",
                                       "354 go\r\n",
                                       "250 taken\r\n",
                                       NULL};
    send_mail(says, "", "A: b\r\n\r\n.\r\n..two\r\nlast");
    UNTIL(&s.world, s.done);
    assert_int_equal(s.err.code, ERR_NONE);
    UNTIL(&s.world, s.peer_closed);
    assert_string_equal(buf_str(&s.heard),
                        "EHLO n1\r\nMAIL FROM:<me@x>\r\nRCPT TO:<ann@x>\r\nDATA\r\n"
                        "A: b\r\n\r\n..\r\n...two\r\nlast\r\n.\r\nQUIT\r\n");
    end_mail();
}

static void what_goes_wrong_is_said(void **unused)
{
    (void)unused;
    static const struct {
        const char *says[8], *user;
        enum error_code code;
        const char *text;
    } rows[] = {
        {{"HTTP/1.1 400 no\r\n"}, "", ERR_UNAVAILABLE, "it is no mail server"},
        {{"554 go away\r\n"}, "", ERR_UNAVAILABLE, "\"554 go away\" to its greeting"},
        {{"220 a\r\n", "250 a\r\n", "250 a\r\n", "550 who?\r\n"},
         "",
         ERR_INVALID,
         "\"550 who?\" to RCPT TO"},
        {{"220 a\r\n", "250 a\r\n", "250 a\r\n", "450 later\r\n"},
         "",
         ERR_UNAVAILABLE,
         "\"450 later\" to RCPT TO"},
        {{"220 a\r\n", "250 a\r\n", "250 a\r\n", "250 a\r\n", "354 a\r\n", "451 full\r\n"},
         "",
         ERR_UNAVAILABLE,
         "\"451 full\" to the mail"},
        {{"220 a\r\n", "250 AUTH PLAIN\r\n"},
         "me",
         ERR_UNAVAILABLE,
         "a password is not sent without"},
        {{"220 a\r\n", "250 STARTTLS\r\n", "220 go\r\n250 more\r\n"},
         "",
         ERR_UNAVAILABLE,
         "goes on without TLS"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        send_mail(rows[i].says, rows[i].user != NULL ? rows[i].user : "", "text\r\n");
        UNTIL(&s.world, s.done);
        assert_int_equal(s.err.code, rows[i].code);
        assert_non_null(strstr(s.err.text, rows[i].text));
        assert_null(strstr(buf_str(&s.heard), "AUTH"));
        end_mail();
    }
}

static void who_says_nothing_is_left(void **unused)
{
    (void)unused;
    static const char *const says[] = {"", NULL};
    send_mail(says, "", "text\r\n");
    UNTIL(&s.world, s.peer != NULL);
    mail_call_cancel(&s.call);
    UNTIL(&s.world, s.done);
    assert_int_equal(s.err.code, ERR_CANCELED);
    end_mail();
}

static char *written(const char *subject, const char *text)
{
    const struct mail m = {.from = "me@x",
                           .to = "ann@x",
                           .subject = subject,
                           .id = "7.0.c@mesolith",
                           .notice = "7.0.c",
                           .at = {1767225600000},
                           .text = slice_of(text)};
    struct buf out;
    buf_init(&out, 1 << 20);
    mail_write(&m, &out);
    return buf_take(&out, NULL);
}

static void a_mail_has_its_headers(void **unused)
{
    (void)unused;
    char *text = written("[c] [Chronos] job 'a' failed!", "hi\n");
    assert_string_equal(text, "From: <me@x>\r\nTo: <ann@x>\r\n"
                              "Subject: [c] [Chronos] job 'a' failed!\r\n"
                              "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
                              "Message-ID: <7.0.c@mesolith>\r\nX-Mesolith-Notice: 7.0.c\r\n"
                              "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                              "Content-Type: text/plain; charset=utf-8\r\n"
                              "Content-Transfer-Encoding: base64\r\n\r\naGkNCg0K\r\n");
    mem_free(text);
}

static void nothing_in_a_subject_is_a_header(void **unused)
{
    (void)unused;
    char *text = written("a\r\nBcc: eve@x", "");
    assert_null(strstr(text, "Bcc"));
    assert_non_null(strstr(text, "Subject: =?utf-8?B?YQ0KQmNjOiBldmVAeA==?=\r\n"));
    mem_free(text);
}

static void long_subjects_break_between_characters(void **unused)
{
    (void)unused;
    char *text = written("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                         "\xc3\xa4\xc3\xa4x\xc3\xa4",
                         "");
    /* 41 bytes fit, and half of the next character would */
    assert_non_null(strstr(text, "pHg=?=\r\n =?utf-8?B?w6Q=?=\r\n"));
    mem_free(text);
}

static void no_line_is_too_long(void **unused)
{
    (void)unused;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    char *all = written(text, text);
    for (const char *line = all; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 78);
    mem_free(all);
}

static void addresses_are_looked_at(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *address; /* NULL: refused */
        const char *domain;         /* of local names; NULL: none is known */
    } rows[] = {
        {"ann@x", "ann@x", NULL},
        {"Ann B. <ann@x>", "ann@x", NULL},
        {"<ann@x>", "ann@x", NULL},
        {"ann", NULL, NULL},
        {"root", "root@example.com", "example.com"},
        {"Ann <ann>", "ann@example.com", "example.com"},
        {"not an address", NULL, "example.com"},
        {"a@x; b@x", NULL, "example.com"},
        {"@x", NULL, NULL},
        {"ann@", NULL, NULL},
        {"a@x>\r\nRCPT TO:<b@x", NULL, NULL},
        {"a b@x", NULL, NULL},
        {"", NULL, NULL},
        {"\xc3\xa4@x", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf out;
        struct error err;
        buf_init(&out, 300);
        int result = mail_address(slice_of(rows[i].text),
                                  rows[i].domain != NULL ? rows[i].domain : "", &out, &err);
        assert_int_equal(result, rows[i].address != NULL ? 0 : -1);
        assert_string_equal(buf_str(&out), rows[i].address != NULL ? rows[i].address : "");
        buf_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_handed_over),
        cmocka_unit_test(what_goes_wrong_is_said),
        cmocka_unit_test(who_says_nothing_is_left),
        cmocka_unit_test(a_mail_has_its_headers),
        cmocka_unit_test(nothing_in_a_subject_is_a_header),
        cmocka_unit_test(long_subjects_break_between_characters),
        cmocka_unit_test(no_line_is_too_long),
        cmocka_unit_test(addresses_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
