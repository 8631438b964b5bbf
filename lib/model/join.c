#include "model/join.h"

#include <string.h>

#include "base/rng.h"
#include "base/str.h"

#define PEM_BEGIN "-----BEGIN "

static const char *const asks[] = {[JOIN_NEW] = "join", [JOIN_RENEW] = "renew", [JOIN_KEY] = "key"};

#define ASKS (sizeof asks / sizeof asks[0])

/* ---- members that must be there */

static int need(const char *field, const char *what, struct error *err)
{
    return error_set(err, ERR_INVALID, "%s: need %s", field, what);
}

static int take_id(const struct json *v, const char *field, int64_t *out, struct error *err)
{
    int64_t id;
    if (!json_i64(json_get(v, field), &id) || id <= 0)
        return need(field, "a positive number", err);
    *out = id;
    return 0;
}

static int take_text(const struct json *v, const char *field, size_t max, const char **out,
                     struct error *err)
{
    const char *text = json_str(json_get(v, field), "");
    size_t len = strlen(text);
    if (len == 0 || len > max)
        return error_set(err, ERR_INVALID, "%s: got %zu bytes, need 1 to %zu", field, len, max);
    if (str_has_control(text))
        return need(field, "a text without control characters", err);
    *out = text;
    return 0;
}

static int take_pem(const struct json *v, const char *field, const char **out, struct error *err)
{
    const char *text = json_str(json_get(v, field), "");
    if (!str_starts(text, PEM_BEGIN) || strlen(text) > LIMIT_CERTIFICATE_BYTES)
        return error_set(err, ERR_INVALID, "%s: need PEM of at most %d bytes", field,
                         LIMIT_CERTIFICATE_BYTES);
    *out = text;
    return 0;
}

static int take_modes(const struct json *v, unsigned *out, struct error *err)
{
    const char *text = json_str(json_get(v, "modes"), "");
    char quoted[60];
    if (modes_parse(text, out))
        return 0;
    return error_set(err, ERR_INVALID, "modes: got %s, need some of master,scheduler,agent",
                     str_quote(quoted, sizeof quoted, text, strlen(text)));
}

static int take_address(const struct json *v, char out[ADDRESS_SIZE], struct error *err)
{
    struct address a;
    if (address_parse(json_str(json_get(v, "address"), ""), &a, err) != 0)
        return -1;
    address_text(&a, out);
    return 0;
}

static struct json *parse(struct slice text, const char *what, struct error *err)
{
    if (text.len > LIMIT_JOIN_BYTES) {
        error_set(err, ERR_LIMIT, "%s: got %zu bytes, need at most %d", what, text.len,
                  LIMIT_JOIN_BYTES);
        return NULL;
    }
    struct json *root = json_parse(text, err);
    if (root == NULL)
        error_wrap(err, "%s", what);
    return root;
}

static int check_version(const struct json *v, const char *who, struct error *err)
{
    int64_t version;
    if (!json_i64(json_get(v, "v"), &version) || version < 1)
        return need("v", "the version of these messages", err);
    if (version != JOIN_PROTOCOL)
        return error_set(err, ERR_CONFLICT,
                         "v: %s speaks version %lld of joining, this one version %d: install one "
                         "version of mesolith on both",
                         who, (long long)version, JOIN_PROTOCOL);
    return 0;
}

/* ---- the request */

void join_request_write(const struct join_request *r, struct buf *out)
{
    struct json_writer w;
    char hex[2 * TOKEN_SECRET_SIZE + 1], id[TOKEN_ID_SIZE], modes[MODES_TEXT_SIZE];
    json_begin(&w, out);
    json_object(&w);
    json_member_str(&w, "m", asks[r->ask]);
    json_member_int(&w, "v", JOIN_PROTOCOL);
    if (r->ask == JOIN_NEW) {
        hex_encode(hex, r->secret, TOKEN_SECRET_SIZE);
        json_member_str(&w, "token", token_id_text(r->token, id));
        json_member_str(&w, "secret", hex);
        json_member_int(&w, "id", r->id);
        json_member_int(&w, "store", r->store);
        json_member_str(&w, "name", r->name);
        json_member_str(&w, "address", r->address);
        json_member_str(&w, "modes", modes_text(r->modes, modes));
        json_member_int(&w, "level", r->level);
        json_member_str(&w, "version", r->version);
    }
    if (r->ask != JOIN_KEY)
        json_member_str(&w, "request", r->request);
    json_object_end(&w);
}

static int take_token(const struct json *v, struct join_request *r, struct error *err)
{
    int64_t id;
    if (!token_id_parse(json_str(json_get(v, "token"), ""), &id))
        return need("token", "its id of 8 hexadecimal digits", err);
    if (!hex_decode(r->secret, TOKEN_SECRET_SIZE, json_str(json_get(v, "secret"), "")))
        return need("secret", "40 hexadecimal digits", err);
    r->token = (uint32_t)id;
    return 0;
}

static int take_node(const struct json *v, struct join_request *r, struct error *err)
{
    int64_t level;
    if (take_token(v, r, err) != 0 || take_id(v, "id", &r->id, err) != 0 ||
        take_id(v, "store", &r->store, err) != 0 ||
        take_text(v, "name", JOIN_NAME_MAX, &r->name, err) != 0 ||
        take_text(v, "version", JOIN_NAME_MAX, &r->version, err) != 0 ||
        take_address(v, r->address, err) != 0 || take_modes(v, &r->modes, err) != 0)
        return -1;
    if (!json_i64(json_get(v, "level"), &level) || level < 1 || level > INT32_MAX)
        return need("level", "the newest level of the state that the node knows", err);
    r->level = (int)level;
    return 0;
}

static int take_request(const struct json *v, struct join_request *r, struct error *err)
{
    const char *word = json_str(json_get(v, "m"), "");
    char quoted[48];
    size_t ask = 0;
    while (ask < ASKS && !str_eq(word, asks[ask]))
        ask++;
    if (ask == ASKS)
        return error_set(err, ERR_INVALID, "m: got %s, need \"join\", \"renew\" or \"key\"",
                         str_quote(quoted, sizeof quoted, word, strlen(word)));
    *r = (struct join_request){.ask = (enum join_ask)ask};
    if (check_version(v, "the node", err) != 0 ||
        (r->ask != JOIN_KEY && take_pem(v, "request", &r->request, err) != 0))
        return -1;
    return r->ask == JOIN_NEW ? take_node(v, r, err) : 0;
}

int join_request_parse(struct slice text, struct json **root_out, struct join_request *out,
                       struct error *err)
{
    struct join_request r;
    struct json *root = parse(text, "join request", err);
    if (root == NULL)
        return -1;
    if (take_request(root, &r, err) != 0) {
        json_free(root);
        return error_wrap(err, "join request");
    }
    *out = r;
    *root_out = root;
    return 0;
}

int join_check_level(const struct join_request *r, int state_level, struct error *err)
{
    if (r->level >= state_level)
        return 0;
    return error_set(err, ERR_CONFLICT,
                     "level: the cluster's state is at level %d, mesolith %s on %s knows %d: "
                     "install the cluster's version there",
                     state_level, r->version, r->name, r->level);
}

/* ---- the answer */

static void write_member(const struct join_member *m, struct json_writer *w)
{
    char modes[MODES_TEXT_SIZE];
    json_object(w);
    json_member_int(w, "id", m->id);
    json_member_str(w, "address", m->address);
    json_member_str(w, "modes", modes_text(m->modes, modes));
    json_object_end(w);
}

void join_answer_write(const struct join_answer *a, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    json_member_str(&w, "m", "joined");
    json_member_int(&w, "v", JOIN_PROTOCOL);
    json_member_str(&w, "cluster", a->cluster);
    json_member_int(&w, "id", a->id);
    json_member_str(&w, "certificate", a->certificate);
    json_member_str(&w, "ca", a->ca);
    json_member_int(&w, "until", a->until.ms);
    json_key(&w, "members");
    json_array(&w);
    for (size_t i = 0; i < a->n; i++)
        write_member(&a->members[i], &w);
    json_array_end(&w);
    json_object_end(&w);
}

void join_key_write(struct slice key, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    json_member_str(&w, "m", "ca-key");
    json_member_int(&w, "v", JOIN_PROTOCOL);
    json_key(&w, "key");
    json_put_slice(&w, key);
    json_object_end(&w);
}

void join_refusal_write(const struct error *why, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    json_member_str(&w, "m", "refused");
    json_member_int(&w, "v", JOIN_PROTOCOL);
    json_member_str(&w, "code", error_name(why->code));
    json_member_str(&w, "text", why->text);
    json_object_end(&w);
}

static enum error_code code_named(const char *name)
{
#define X(code, http, exit)  \
    if (str_eq(name, #code)) \
        return code;
    ERROR_CODES(X)
#undef X
    return ERR_INVALID; /* of a newer build */
}

/* What does not print becomes a blank: it is shown on a terminal. */
static int take_refusal(const struct json *v, struct error *err)
{
    char text[sizeof err->text];
    str_copy(text, sizeof text, json_str(json_get(v, "text"), ""));
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return error_set(err, code_named(json_str(json_get(v, "code"), "")), "the cluster refused: %s",
                     text);
}

static int take_key(const struct json *v, struct join_answer *a, struct error *err)
{
    *a = (struct join_answer){0};
    return check_version(v, "the cluster", err) != 0 || take_pem(v, "key", &a->key, err) != 0 ? -1
                                                                                              : 0;
}

static int take_members(const struct json *v, struct join_answer *a, struct error *err)
{
    const struct json *list = json_get(v, "members");
    if (!json_is(list, JSON_ARRAY) || json_count(list) == 0 || json_count(list) > LIMIT_SERVERS)
        return error_set(err, ERR_INVALID, "members: need a list of 1 to %d", LIMIT_SERVERS);
    JSON_EACH (item, list) {
        struct join_member *m = &a->members[a->n];
        if (take_id(item, "id", &m->id, err) != 0 || take_address(item, m->address, err) != 0 ||
            take_modes(item, &m->modes, err) != 0)
            return error_wrap(err, "members(%zu)", a->n);
        a->n++;
    }
    return 0;
}

static int take_answer(const struct json *v, struct join_answer *a, struct error *err)
{
    struct uuid cluster;
    char quoted[48];
    *a = (struct join_answer){.cluster = json_str(json_get(v, "cluster"), "")};
    if (check_version(v, "the cluster", err) != 0)
        return -1;
    if (!uuid_parse(a->cluster, &cluster))
        return error_set(err, ERR_INVALID, "cluster: got %s, need a UUID",
                         str_quote(quoted, sizeof quoted, a->cluster, strlen(a->cluster)));
    if (take_id(v, "id", &a->id, err) != 0 || take_id(v, "until", &a->until.ms, err) != 0 ||
        take_pem(v, "certificate", &a->certificate, err) != 0 ||
        take_pem(v, "ca", &a->ca, err) != 0)
        return -1;
    return take_members(v, a, err);
}

bool join_is_answer(struct slice text)
{
    static const char *const answers[] = {"joined", "ca-key", "refused"};
    struct error ignored;
    struct json *root = text.len <= LIMIT_JOIN_BYTES ? json_parse(text, &ignored) : NULL;
    const char *word = json_str(json_get(root, "m"), "");
    bool is = false;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        is = is || str_eq(word, answers[i]);
    json_free(root);
    return is;
}

int join_answer_parse(struct slice text, struct json **root_out, struct join_answer *out,
                      struct error *err)
{
    struct json *root = parse(text, "answer to the join request", err);
    if (root == NULL)
        return -1;
    const char *word = json_str(json_get(root, "m"), "");
    char quoted[48];
    int rc;
    if (str_eq(word, "refused")) {
        rc = take_refusal(root, err);
    } else if (!str_eq(word, "joined") && !str_eq(word, "ca-key")) {
        error_set(err, ERR_INVALID, "m: got %s, need \"joined\", \"ca-key\" or \"refused\"",
                  str_quote(quoted, sizeof quoted, word, strlen(word)));
        rc = error_wrap(err, "answer to the join request");
    } else if ((rc = str_eq(word, "ca-key") ? take_key(root, out, err)
                                            : take_answer(root, out, err)) != 0) {
        error_wrap(err, "answer to the join request");
    }
    if (rc != 0)
        json_free(root);
    else
        *root_out = root;
    return rc;
}
