#include "model/node_facts.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/address.h"
#include "model/join.h"

static int refuse(const char *field, const char *text, const char *need, struct error *err)
{
    char quoted[60];
    return error_set(err, ERR_INVALID, "%s: got %s, need %s", field,
                     str_quote(quoted, sizeof quoted, text, strlen(text)), need);
}

char *node_region(const char *attributes)
{
    struct error err;
    /* mostly there is none, and parsing is dear */
    if (attributes == NULL || strstr(attributes, "\"@region\"") == NULL)
        return NULL;
    struct json *v = json_parse(slice_of(attributes), &err);
    char *region = mem_strdup(json_str(json_get(v, "@region"), NULL));
    json_free(v);
    return region;
}

static int check_text(const char *field, const char *text, struct error *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > JOIN_NAME_MAX)
        return error_set(err, ERR_INVALID, "%s: got %zu bytes, need 1 to %d", field, len,
                         JOIN_NAME_MAX);
    if (str_has_control(text))
        return refuse(field, text, "a text without control characters", err);
    return 0;
}

/* A client is sent on to it: it goes into headers and pages. */
static int check_listener(const char *field, const char *text, struct error *err)
{
    size_t len = strlen(text);
    if (len > NODE_LISTENER_MAX)
        return error_set(err, ERR_INVALID, "%s: got %zu bytes, need at most %d", field, len,
                         NODE_LISTENER_MAX);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"'<>\\`,;", text[i]) != NULL)
            return refuse(field, text, "HOST:PORT", err);
    return 0;
}

int node_facts_check(const struct node_facts *f, struct error *err)
{
    struct address address;
    if (check_text("name", f->name, err) != 0 || check_text("version", f->version, err) != 0 ||
        address_parse(f->address, &address, err) != 0)
        return -1;
    if (f->modes == 0 || (f->modes & ~MODES_ALL) != 0)
        return error_set(err, ERR_INVALID, "modes: need some of master,scheduler,agent");
    if (f->level < 1)
        return error_set(err, ERR_INVALID,
                         "level: need the newest level of the state that the node knows");
    if (f->region[0] != '\0' && check_text("region", f->region, err) != 0)
        return -1;
    if (f->marathon == NULL)
        return 0;
    return check_listener("listeners.marathon", f->marathon, err) != 0 ||
                   check_listener("listeners.chronos", f->chronos, err) != 0 ||
                   check_listener("listeners.mesos", f->mesos, err) != 0
               ? -1
               : 0;
}

void node_facts_write(const struct node_facts *f, struct json_writer *w)
{
    json_member_str(w, "name", f->name);
    json_member_str(w, "address", f->address);
    json_member_int(w, "modes", f->modes);
    json_member_int(w, "level", f->level);
    json_member_str(w, "version", f->version);
    if (f->region[0] != '\0')
        json_member_str(w, "region", f->region);
    if (f->marathon == NULL)
        return;
    json_key(w, "listeners");
    json_object(w);
    json_member_str(w, "marathon", f->marathon);
    json_member_str(w, "chronos", f->chronos);
    json_member_str(w, "mesos", f->mesos);
    json_object_end(w);
}

int node_facts_read(const struct json *v, struct node_facts *out, struct error *err)
{
    const struct json *doors = json_get(v, "listeners");
    int64_t modes = json_int(json_get(v, "modes"), 0), level = json_int(json_get(v, "level"), 0);
    struct node_facts f = {
        .name = json_str(json_get(v, "name"), ""),
        .version = json_str(json_get(v, "version"), ""),
        .address = json_str(json_get(v, "address"), ""),
        .modes = modes > 0 && modes <= MODES_ALL ? (unsigned)modes : 0,
        .region = json_str(json_get(v, "region"), ""),
        .level = level > 0 && level <= INT32_MAX ? (int)level : 0,
    };
    if (json_is(doors, JSON_OBJECT)) {
        f.marathon = json_str(json_get(doors, "marathon"), "");
        f.chronos = json_str(json_get(doors, "chronos"), "");
        f.mesos = json_str(json_get(doors, "mesos"), "");
    }
    if (node_facts_check(&f, err) != 0)
        return -1;
    *out = f;
    return 0;
}
