#include "executor/order.h"

#include <string.h>

/* A frame is the struct as it lies in memory, with the numbers of strings in the lists, then all
 * strings, each with its NUL: name, folder, cwd, user (empty for NULL), argv, env, binds. */
struct head {
    struct order order;
    uint32_t argv_n, env_n, binds_n;
};

static uint32_t count(char *const *list)
{
    uint32_t n = 0;
    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static void put_str(struct buf *out, const char *s)
{
    buf_puts(out, s != NULL ? s : "");
    buf_putc(out, '\0');
}

static void put_list(struct buf *out, char *const *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        put_str(out, list[i]);
}

int order_pack(const struct order *o, struct buf *out, struct error *err)
{
    struct head head = {*o, count(o->argv), count(o->env), count(o->binds)};
    struct buf frame;
    buf_init(&frame, LIMIT_ORDER_BYTES);
    buf_put(&frame, &head, sizeof(head));
    put_str(&frame, o->name);
    put_str(&frame, o->folder);
    put_str(&frame, o->cwd);
    put_str(&frame, o->user);
    put_list(&frame, o->argv, head.argv_n);
    put_list(&frame, o->env, head.env_n);
    put_list(&frame, o->binds, head.binds_n);
    bool full =
        buf_full(&frame) || (uint64_t)head.argv_n + head.env_n + head.binds_n > ORDER_STRINGS;
    uint32_t len = (uint32_t)frame.len;
    if (!full) {
        buf_put(out, &len, sizeof(len));
        buf_put(out, frame.data, frame.len);
    }
    buf_close(&frame);
    if (full)
        return error_set(err, ERR_LIMIT, "command and environment: got more than %d bytes together",
                         (int)LIMIT_ORDER_BYTES);
    return 0;
}

struct cursor {
    const char *p, *end;
    char **lists; /* room for the next */
};

/* NULL when there is none left. */
static const char *take_str(struct cursor *c)
{
    const char *s = c->p;
    const char *nul = c->p < c->end ? memchr(s, '\0', (size_t)(c->end - s)) : NULL;
    if (nul == NULL)
        return NULL;
    c->p = nul + 1;
    return s;
}

static char **take_list(struct cursor *c, uint32_t n)
{
    char **list = c->lists;
    for (uint32_t i = 0; i < n; i++) {
        list[i] = (char *)take_str(c);
        if (list[i] == NULL)
            return NULL;
    }
    list[n] = NULL;
    c->lists += n + 1;
    return list;
}

int order_unpack(char *frame, size_t len, struct order *out, struct error *err)
{
    const struct head *head = (const struct head *)frame; /* no copies: stack is pages, too */
    size_t lists_at = (len + sizeof(char *) - 1) & ~(sizeof(char *) - 1);
    if (len < sizeof(*head))
        return error_set(err, ERR_CORRUPT, "an order of %zu bytes", len);
    struct cursor c = {frame + sizeof(*head), frame + len, (char **)(frame + lists_at)};
    bool fits = (uint64_t)head->argv_n + head->env_n + head->binds_n <= ORDER_STRINGS;
    const char *name = take_str(&c), *folder = take_str(&c), *cwd = take_str(&c);
    const char *user = take_str(&c);
    char **argv = user != NULL && fits ? take_list(&c, head->argv_n) : NULL;
    char **env = argv != NULL ? take_list(&c, head->env_n) : NULL;
    char **binds = env != NULL ? take_list(&c, head->binds_n) : NULL;
    if (binds == NULL || head->order.rlimits_n > ORDER_RLIMITS)
        return error_set(err, ERR_CORRUPT, "an order cut short");
    *out = head->order;
    out->name = name;
    out->folder = folder;
    out->cwd = cwd;
    out->user = user[0] != '\0' ? user : NULL;
    out->argv = argv;
    out->env = env;
    out->binds = binds;
    return 0;
}
