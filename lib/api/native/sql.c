/* One question to the state in SQL, on a connection that can only read. */
#include "api/native/private.h"
#include "base/limits.h"
#include "base/str.h"

#define SQL_BYTES_MAX (16 << 20) /* of the rows of one answer */

static void put_blob(struct slice bytes, struct json_writer *w)
{
    struct buf text;
    char two[3];
    buf_init(&text, 2 * (size_t)LIMIT_ANSWER_BYTES);
    for (size_t i = 0; i < bytes.len; i++) {
        hex_encode(two, bytes.p + i, 1);
        buf_puts(&text, two);
    }
    json_put_slice(w, buf_slice(&text));
    buf_close(&text);
}

static void put_value(struct stmt *q, int column, struct json_writer *w)
{
    switch (stmt_type(q, column)) {
    case STMT_NULL:
        json_put_null(w);
        break;
    case STMT_INTEGER:
        json_put_int(w, stmt_i64(q, column));
        break;
    case STMT_REAL:
        json_put_double(w, stmt_double(q, column));
        break;
    case STMT_TEXT:
        json_put_slice(w, stmt_text(q, column));
        break;
    case STMT_BLOB:
        put_blob(stmt_blob(q, column), w);
        break;
    }
}

static void put_columns(struct stmt *q, struct json_writer *w)
{
    json_key(w, "columns");
    json_array(w);
    for (int i = 0; i < stmt_columns(q); i++)
        json_put_str(w, stmt_column_name(q, i));
    json_array_end(w);
}

static void put_row(struct stmt *q, struct json_writer *w)
{
    json_array(w);
    for (int i = 0; i < stmt_columns(q); i++)
        put_value(q, i, w);
    json_array_end(w);
}

/* True if there were more than may be shown. */
static bool put_rows(struct call *c, struct stmt *q, struct json_writer *w)
{
    int n = 0;
    bool more;
    json_key(w, "rows");
    json_array(w);
    while ((more = stmt_row(q)) && n++ < LIMIT_SQL_ROWS && c->reply->body.len < SQL_BYTES_MAX)
        put_row(q, w);
    json_array_end(w);
    return more;
}

void native_ask_sql(struct call *c)
{
    struct error err;
    struct json_writer w;
    const struct json *body = call_body(c);
    if (body == NULL)
        return;
    char got[80];
    const struct json *query = json_get(body, "query");
    if (!json_is(query, JSON_STRING)) {
        call_fail(c, ERR_INVALID, "query: got %s, need a text like \"select path from apps\"",
                  json_quote(got, sizeof got, query));
        return;
    }
    struct stmt *q = db_query_reading(state_db(c->view->state), json_slice(query), &err);
    if (q == NULL) {
        call_error(c, &err);
        return;
    }
    call_json(c, 200, &w);
    json_object(&w);
    put_columns(q, &w);
    bool clipped = put_rows(c, q, &w);
    json_member_bool(&w, "clipped", clipped);
    json_object_end(&w);
    stmt_free(q);
}
