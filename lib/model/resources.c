#include "model/resources.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/value.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* ---- amounts */

int64_t cpus_to_milli(double cpus)
{
    return llround(cpus * 1000);
}

int64_t mib_to_bytes(double mib)
{
    return llround(mib * (double)MIB);
}

double milli_to_cpus(int64_t milli)
{
    return (double)milli / 1000;
}

double bytes_to_mib(int64_t bytes)
{
    return round((double)bytes * 1000 / (double)MIB) / 1000;
}

/* ---- all of them together: one row a scalar */

static const struct scalar {
    const char *name;
    size_t offset;
    enum resource_name bit;
    int64_t (*in)(double amount);
    double (*out)(int64_t amount);
    double max;
} SCALARS[] = {
    {"cpus", offsetof(struct resources, cpus_milli), RESOURCE_CPUS, cpus_to_milli, milli_to_cpus,
     1e9},
    {"mem", offsetof(struct resources, mem_bytes), RESOURCE_MEM, mib_to_bytes, bytes_to_mib, 1e12},
    {"disk", offsetof(struct resources, disk_bytes), RESOURCE_DISK, mib_to_bytes, bytes_to_mib,
     1e12},
    {"gpus", offsetof(struct resources, gpus), RESOURCE_GPUS, NULL, NULL, 1e6},
};
#define SCALARS_N (sizeof(SCALARS) / sizeof(*SCALARS))

static int64_t *amount_of(struct resources *r, const struct scalar *s)
{
    return (int64_t *)(void *)((char *)r + s->offset);
}

static int64_t amount(const struct resources *r, const struct scalar *s)
{
    return *(const int64_t *)(const void *)((const char *)r + s->offset);
}

static double amount_out(const struct resources *r, const struct scalar *s)
{
    return s->out == NULL ? (double)amount(r, s) : s->out(amount(r, s));
}

static int64_t sum(int64_t a, int64_t b) /* saturates */
{
    int64_t c;
    return __builtin_add_overflow(a, b, &c) ? INT64_MAX : c;
}

void resources_close(struct resources *r)
{
    ports_close(&r->ports);
    *r = (struct resources){0};
}

void resources_add(struct resources *r, const struct resources *more)
{
    for (size_t i = 0; i < SCALARS_N; i++)
        *amount_of(r, &SCALARS[i]) = sum(amount(r, &SCALARS[i]), amount(more, &SCALARS[i]));
    for (size_t i = 0; i < more->ports.n; i++)
        ports_add(&r->ports, more->ports.ranges[i].begin, more->ports.ranges[i].end);
}

void resources_subtract(struct resources *r, const struct resources *less)
{
    for (size_t i = 0; i < SCALARS_N; i++) {
        int64_t left = amount(r, &SCALARS[i]) - amount(less, &SCALARS[i]);
        *amount_of(r, &SCALARS[i]) = left > 0 ? left : 0;
    }
    for (size_t i = 0; i < less->ports.n; i++)
        ports_remove(&r->ports, less->ports.ranges[i].begin, less->ports.ranges[i].end);
}

/* ---- taking in an amount, whichever form it came in */

static const struct scalar *find_scalar(struct slice name)
{
    for (size_t i = 0; i < SCALARS_N; i++)
        if (slice_is(name, SCALARS[i].name))
            return &SCALARS[i];
    return NULL;
}

static int unknown_name(struct slice name, struct error *err)
{
    char quoted[64];
    return error_set(err, ERR_INVALID, "got the resource %s, need cpus, mem, disk, gpus or ports",
                     str_quote(quoted, sizeof(quoted), name.p, name.len));
}

static int put_scalar(struct resources *r, const struct scalar *s, double value, struct error *err)
{
    if (!(value >= 0 && value <= s->max))
        return error_set(err, ERR_INVALID, "%s: got %.15g, need 0 to %.15g", s->name, value,
                         s->max);
    if (s->in == NULL && value != floor(value))
        return error_set(err, ERR_INVALID, "%s: got %.15g, need a whole number", s->name, value);
    int64_t more = s->in == NULL ? (int64_t)value : s->in(value);
    if (more == 0 && value != 0)
        return error_set(err, ERR_INVALID, "%s: got %.15g, need at least 0.001", s->name, value);
    *amount_of(r, s) = sum(*amount_of(r, s), more);
    return 0;
}

static int put_range(struct resources *r, int64_t begin, int64_t end, struct error *err)
{
    if (begin < 0 || end > UINT16_MAX || begin > end)
        return error_set(err, ERR_INVALID, "ports: got %lld-%lld, need a range within 0-65535",
                         (long long)begin, (long long)end);
    size_t before = ports_count(&r->ports);
    ports_add(&r->ports, (uint16_t)begin, (uint16_t)end);
    if (ports_count(&r->ports) != before + (size_t)(end - begin) + 1)
        return error_set(err, ERR_INVALID, "ports: got %lld-%lld, which overlaps another range",
                         (long long)begin, (long long)end);
    if (r->ports.n > PORT_RANGES_MAX)
        return error_set(err, ERR_INVALID, "ports: more than %d ranges", PORT_RANGES_MAX);
    return 0;
}

static int check_role(struct slice role, struct error *err)
{
    char quoted[64];
    if (role.len == 0 || slice_is(role, "*"))
        return 0;
    return error_set(err, ERR_INVALID,
                     "got resources reserved for the role %s, need unreserved ones",
                     str_quote(quoted, sizeof(quoted), role.p, role.len));
}

/* ---- text */

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && isspace((unsigned char)s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && isspace((unsigned char)s.p[s.len - 1]))
        s.len--;
    return s;
}

/* Cuts off what stands before the next `sign` (or all that is left) and steps over it. */
static struct slice cut(struct slice *rest, char sign)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->p, sign, rest->len);
    struct slice part = {rest->p, end == NULL ? rest->len : (size_t)(end - rest->p)};
    size_t taken = part.len + (end != NULL);
    rest->p += taken;
    rest->len -= taken;
    return trimmed(part);
}

static bool slice_to_i64(struct slice s, int64_t *out)
{
    char text[24];
    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return str_to_i64(text, out);
}

static bool slice_to_double(struct slice s, double *out)
{
    char text[64];
    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return str_to_double(text, out);
}

static int parse_ranges(struct slice value, struct resources *r, struct error *err)
{
    char quoted[64];
    str_quote(quoted, sizeof(quoted), value.p, value.len);
    if (value.len < 2 || value.p[0] != '[' || value.p[value.len - 1] != ']')
        return error_set(err, ERR_INVALID, "ports: got %s, need ranges like [31000-32000]", quoted);
    struct slice rest = trimmed((struct slice){value.p + 1, value.len - 2});
    while (rest.len > 0) {
        struct slice range = cut(&rest, ',');
        struct slice first = cut(&range, '-');
        int64_t begin, end;
        if (!slice_to_i64(first, &begin) || !slice_to_i64(trimmed(range), &end))
            return error_set(err, ERR_INVALID, "ports: got %s, need ranges like [31000-32000]",
                             quoted);
        if (put_range(r, begin, end, err) != 0)
            return -1;
    }
    return 0;
}

/* "mem(*):1024" */
static int parse_part(struct slice part, struct resources *r, unsigned *named, struct error *err)
{
    char quoted[64];
    struct slice value = part, name = cut(&value, ':');
    if (name.len == part.len || name.len == 0)
        return error_set(err, ERR_INVALID, "got %s, need resources like \"cpus:4;mem:1024\"",
                         str_quote(quoted, sizeof(quoted), part.p, part.len));
    value = trimmed(value);
    if (name.p[name.len - 1] == ')') {
        struct slice role = name;
        name = cut(&role, '(');
        role.len -= role.len > 0;
        if (check_role(trimmed(role), err) != 0)
            return -1;
    }
    if (slice_is(name, "ports")) {
        *named |= RESOURCE_PORTS;
        return parse_ranges(value, r, err);
    }
    const struct scalar *s = find_scalar(name);
    double number;
    if (s == NULL)
        return unknown_name(name, err);
    if (!slice_to_double(value, &number))
        return error_set(err, ERR_INVALID, "%s: got %s, need a number", s->name,
                         str_quote(quoted, sizeof(quoted), value.p, value.len));
    *named |= s->bit;
    return put_scalar(r, s, number, err);
}

static int parse_json(struct slice text, struct resources *out, unsigned *named_out,
                      struct error *err)
{
    struct json *list = json_parse(text, err);
    if (list == NULL)
        return -1;
    int result = resources_read(list, out, named_out, err);
    json_free(list);
    return result;
}

int resources_parse(const char *text, struct resources *out, unsigned *named_out, struct error *err)
{
    struct slice rest = trimmed(slice_of(text));
    if (rest.len > 0 && rest.p[0] == '[')
        return parse_json(rest, out, named_out, err);
    struct resources r = {0};
    unsigned named = 0;
    while (rest.len > 0) {
        struct slice part = cut(&rest, ';');
        if (part.len > 0 && parse_part(part, &r, &named, err) != 0) {
            resources_close(&r);
            return -1;
        }
    }
    *out = r;
    *named_out = named;
    return 0;
}

void resources_text(const struct resources *r, struct buf *out)
{
    char number[DOUBLE_TEXT_SIZE];
    size_t before = out->len;
    for (size_t i = 0; i < SCALARS_N; i++)
        if (amount(r, &SCALARS[i]) != 0)
            buf_printf(out, "%s%s:%s", out->len == before ? "" : ";", SCALARS[i].name,
                       double_text(amount_out(r, &SCALARS[i]), number));
    if (r->ports.n > 0) {
        buf_printf(out, "%sports:", out->len == before ? "" : ";");
        ports_text(&r->ports, out);
    }
}

/* ---- Mesos's JSON */

static bool number_in(const struct json *v, double *out)
{
    if (json_is(v, JSON_STRING))
        return str_to_double(json_str(v, ""), out);
    *out = json_double(v, NAN);
    return json_is(v, JSON_NUMBER) && isfinite(*out);
}

static bool whole_in(const struct json *v, int64_t *out)
{
    return json_is(v, JSON_STRING) ? str_to_i64(json_str(v, ""), out) : json_i64(v, out);
}

static int read_ranges(const struct json *entry, struct resources *r, struct error *err)
{
    const struct json *ranges = json_get(json_get(entry, "ranges"), "range");
    const struct json *first = json_is(ranges, JSON_OBJECT) ? ranges : json_first(ranges);
    for (const struct json *v = first; v != NULL; v = v == ranges ? NULL : json_next(v)) {
        int64_t begin, end;
        if (!whole_in(json_get(v, "begin"), &begin) || !whole_in(json_get(v, "end"), &end))
            return error_set(err, ERR_INVALID, "ports: need \"begin\" and \"end\" in each range");
        if (put_range(r, begin, end, err) != 0)
            return -1;
    }
    return 0;
}

static int read_entry(const struct json *entry, struct resources *r, unsigned *named,
                      struct error *err)
{
    struct slice name = json_slice(json_get(entry, "name"));
    const char *type = json_str(json_get(entry, "type"), "");
    double value;
    if (check_role(json_slice(json_get(entry, "role")), err) != 0)
        return -1;
    if (json_count(json_get(entry, "reservations")) > 0)
        return error_set(err, ERR_INVALID, "got reserved resources, need unreserved ones");
    bool ports = slice_is(name, "ports");
    const struct scalar *s = find_scalar(name);
    if (!ports && s == NULL)
        return unknown_name(name, err);
    if (!str_eq(type, ports ? "RANGES" : "SCALAR") ||
        json_get(entry, ports ? "scalar" : "ranges") != NULL || json_get(entry, "set") != NULL)
        return error_set(err, ERR_INVALID, "%s: need the type %s and its value only",
                         ports ? "ports" : s->name, ports ? "RANGES" : "SCALAR");
    *named |= ports ? RESOURCE_PORTS : s->bit;
    if (ports)
        return read_ranges(entry, r, err);
    if (!number_in(json_get(json_get(entry, "scalar"), "value"), &value))
        return error_set(err, ERR_INVALID, "%s: need a number in scalar.value", s->name);
    return put_scalar(r, s, value, err);
}

int resources_read(const struct json *list, struct resources *out, unsigned *named_out,
                   struct error *err)
{
    struct resources r = {0};
    unsigned named = 0;
    if (!json_is(list, JSON_ARRAY))
        return error_set(err, ERR_INVALID, "resources: got %s, need an array",
                         json_kind_word(list));
    JSON_EACH (entry, list) {
        if (read_entry(entry, &r, &named, err) != 0) {
            resources_close(&r);
            return -1;
        }
    }
    *out = r;
    *named_out = named;
    return 0;
}

static void put_double(struct json_writer *w, double value)
{
    char text[DOUBLE_TEXT_SIZE];
    json_put_raw(w, slice_of(double_text(value, text)));
}

static void begin_entry(struct json_writer *w, const char *name, const char *type)
{
    json_object(w);
    json_member_str(w, "name", name);
    json_member_str(w, "type", type);
}

static void end_entry(struct json_writer *w, struct resource_dress dress)
{
    if (dress.role != NULL)
        json_member_str(w, "role", dress.role);
    if (dress.allocated_role != NULL) {
        json_key(w, "allocation_info");
        json_object(w);
        json_member_str(w, "role", dress.allocated_role);
        json_object_end(w);
    }
    json_object_end(w);
}

static void write_ranges(const struct ports *p, struct json_writer *w)
{
    json_key(w, "ranges");
    json_object(w);
    json_key(w, "range");
    json_array(w);
    for (size_t i = 0; i < p->n; i++) {
        json_object(w);
        json_member_int(w, "begin", p->ranges[i].begin);
        json_member_int(w, "end", p->ranges[i].end);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

void resources_write(const struct resources *r, struct resource_dress dress, struct json_writer *w)
{
    json_array(w);
    for (size_t i = 0; i < SCALARS_N; i++) {
        if (amount(r, &SCALARS[i]) == 0)
            continue;
        begin_entry(w, SCALARS[i].name, "SCALAR");
        json_key(w, "scalar");
        json_object(w);
        json_key(w, "value");
        put_double(w, amount_out(r, &SCALARS[i]));
        json_object_end(w);
        end_entry(w, dress);
    }
    if (r->ports.n > 0) {
        begin_entry(w, "ports", "RANGES");
        write_ranges(&r->ports, w);
        end_entry(w, dress);
    }
    json_array_end(w);
}

void resources_write_sums(const struct resources *r, struct json_writer *w)
{
    struct buf ports;
    json_object(w);
    for (size_t i = 0; i < SCALARS_N; i++) {
        json_key(w, SCALARS[i].name);
        put_double(w, amount_out(r, &SCALARS[i]));
    }
    if (r->ports.n > 0) {
        buf_init(&ports, PORT_RANGES_MAX * 16);
        ports_text(&r->ports, &ports);
        json_member_str(w, "ports", buf_str(&ports));
        buf_close(&ports);
    }
    json_object_end(w);
}
