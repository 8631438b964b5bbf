#include "executor/docker_pull.h"

#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"

#define LINE_MAX_BYTES (64 << 10)

static void count_layer(struct docker_pull *p, const char *id, int64_t current, int64_t total)
{
    uint64_t hash = hash64(id, strlen(id), 0);
    unsigned i = 0;
    while (i < p->layers_n && p->layers[i].id != hash)
        i++;
    if (i == PULL_LAYERS)
        return;
    if (i == p->layers_n)
        p->layers_n++;
    p->layers[i].id = hash;
    p->layers[i].current = current;
    p->layers[i].total = total > 0 ? total : 0;
}

static int percent_of(const struct docker_pull *p)
{
    double current = 0, total = 0;
    for (unsigned i = 0; i < p->layers_n; i++) {
        current += (double)p->layers[i].current;
        total += (double)p->layers[i].total;
    }
    return total <= 0 || current <= 0 ? 0 : current >= total ? 100 : (int)(100 * current / total);
}

/* {"status":"Downloading","id":"c0ffee","progressDetail":{"current":1,"total":2}}, {"error":"…"} */
static void take_line(struct docker_pull *p, struct slice line)
{
    struct error ignored;
    struct json *j = json_parse(line, &ignored);
    const struct json *detail = json_get(j, "progressDetail");
    const char *status = json_str(json_get(j, "status"), ""), *id = json_str(json_get(j, "id"), "");
    const char *failure = json_str(json_get(j, "error"), NULL);
    if (failure != NULL)
        str_copy(p->failure, sizeof(p->failure), failure);
    if (str_eq(status, "Downloading") && json_get(detail, "total") != NULL)
        count_layer(p, id, json_int(json_get(detail, "current"), 0),
                    json_int(json_get(detail, "total"), 0));
    p->percent = percent_of(p);
    json_free(j);
}

void docker_pull_feed(struct docker_pull *p, struct slice bytes)
{
    if (p->line.max == 0)
        buf_init(&p->line, LINE_MAX_BYTES);
    while (bytes.len > 0) {
        const char *end = memchr(bytes.p, '\n', bytes.len);
        size_t n = end != NULL ? (size_t)(end - bytes.p) : bytes.len;
        buf_put(&p->line, bytes.p, n);
        n += end != NULL;
        bytes.p += n;
        bytes.len -= n;
        if (end == NULL)
            continue;
        if (p->line.len > 0 && !buf_full(&p->line))
            take_line(p, buf_slice(&p->line));
        buf_close(&p->line);
        buf_init(&p->line, LINE_MAX_BYTES);
    }
}

void docker_pull_close(struct docker_pull *p)
{
    buf_close(&p->line);
}
