/* lib/net/mail_text.c - what a mail is written like. */
#include <stdio.h>
#include <string.h>

#include "base/addressee.h"
#include "base/base64.h"
#include "base/str.h"
#include "net/mail.h"

#define WORD_BYTES 42 /* of text in one encoded word: it has 75 characters at most */
#define LINE_BYTES 57 /* of text in one line of 76 */

int mail_address(struct slice text, const char *domain, struct buf *out, struct error *err)
{
    char quoted[80];
    struct slice a;
    enum addressee is = addressee_parse(text, &a);
    if (is == ADDRESSEE_NONE || (is == ADDRESSEE_LOCAL && *domain == '\0'))
        return error_set(err, ERR_INVALID, "got %s, need an address like ann@example.com",
                         str_quote(quoted, sizeof quoted, text.p, text.len));
    buf_put_slice(out, a);
    if (is == ADDRESSEE_LOCAL)
        buf_printf(out, "@%s", domain);
    return 0;
}

/* Encoded words of whole characters (RFC 2047), each on a line of its own: so nothing in the text
 * is a header, or the end of one. */
static void put_subject(struct buf *out, const char *text)
{
    size_t left = strlen(text);
    buf_puts(out, "Subject:");
    do {
        size_t n = 0;
        while (n < left) {
            size_t one = str_utf8_len(text + n, left - n);
            one = one == 0 ? 1 : one;
            if (n + one > WORD_BYTES)
                break;
            n += one;
        }
        buf_puts(out, " =?utf-8?B?");
        base64_put(out, (struct slice){text, n}, BASE64);
        buf_puts(out, left > n ? "?=\r\n" : "?=");
        text += n;
        left -= n;
    } while (left > 0);
    buf_puts(out, "\r\n");
}

/* What most mails have is left readable. */
static bool is_plain(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
            return false;
    return strlen(text) <= 60 && strstr(text, "=?") == NULL;
}

static void put_date(struct buf *out, struct wall at)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t s = at.ms / 1000, day = s / 86400, year;
    int month, date;
    civil_from_days(day, &year, &month, &date);
    buf_printf(out, "Date: %s, %d %s %lld %02d:%02d:%02d +0000\r\n", days[day % 7], date,
               months[month - 1], (long long)year, (int)(s % 86400 / 3600), (int)(s % 3600 / 60),
               (int)(s % 60));
}

static void put_text(struct buf *out, struct slice text)
{
    struct buf lines;
    buf_init(&lines, 2 * text.len + 2);
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == '\n')
            buf_puts(&lines, "\r\n");
        else if (text.p[i] != '\r')
            buf_putc(&lines, text.p[i]);
    buf_puts(&lines, "\r\n");
    for (size_t i = 0; i < lines.len; i += LINE_BYTES) {
        size_t n = lines.len - i < LINE_BYTES ? lines.len - i : LINE_BYTES;
        base64_put(out, (struct slice){lines.data + i, n}, BASE64);
        buf_puts(out, "\r\n");
    }
    buf_close(&lines);
}

void mail_write(const struct mail *m, struct buf *out)
{
    buf_printf(out, "From: <%s>\r\nTo: <%s>\r\n", m->from, m->to);
    if (is_plain(m->subject))
        buf_printf(out, "Subject: %s\r\n", m->subject);
    else
        put_subject(out, m->subject);
    put_date(out, m->at);
    buf_printf(out,
               "Message-ID: <%s>\r\nX-Mesolith-Notice: %s\r\nAuto-Submitted: auto-generated\r\n"
               "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\n",
               m->id, m->notice);
    put_text(out, m->text);
}
