#include "proxy/ports.h"

#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

struct inherited {
    union proxy_address address;
    int fd; /* -1: used */
};

void proxy_ports_init(struct proxy_ports *p, struct forwarder *f, const struct proxy_settings *s)
{
    *p = (struct proxy_ports){.forwarder = f, .settings = s, .by_port = map_new()};
}

void proxy_ports_close(struct proxy_ports *p)
{
    size_t cursor = 0;
    struct service *s;
    while ((s = balance_each(&p->forwarder->balance, &cursor)) != NULL)
        proxy_ports_release(p, s);
    proxy_ports_end_inheritance(p);
    map_free(p->by_port);
}

/* ---- inheritance */

void proxy_ports_inherit(struct proxy_ports *p, const union proxy_address *a, int fd)
{
    p->inherited = mem_realloc(p->inherited, (p->n_inherited + 1) * sizeof(struct inherited));
    p->inherited[p->n_inherited++] = (struct inherited){*a, fd};
}

void proxy_ports_end_inheritance(struct proxy_ports *p)
{
    for (size_t i = 0; i < p->n_inherited; i++)
        if (p->inherited[i].fd >= 0)
            close(p->inherited[i].fd);
    mem_free(p->inherited);
    p->inherited = NULL;
    p->n_inherited = 0;
}

static struct proxy_listener *take_inherited(struct proxy_ports *p, const union proxy_address *a)
{
    for (size_t i = 0; i < p->n_inherited; i++) { /* they come in the order of the services */
        struct inherited *in = &p->inherited[(p->next_inherited + i) % p->n_inherited];
        if (in->fd < 0 || !proxy_address_equal(&in->address, a))
            continue;
        int fd = in->fd;
        in->fd = -1;
        p->next_inherited = (size_t)(in - p->inherited) + 1;
        return proxy_listener_adopt(fd, a);
    }
    return NULL;
}

/* ---- what is in the way */

/* One of its own instances sits on the port: a listener of ours would forward to itself. */
static const struct backend *backend_behind(struct service *s, const union proxy_address *a)
{
    size_t cursor = 0;
    const struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        if (!be->removed && proxy_address_reaches(a, &be->address))
            return be;
    return NULL;
}

/* 0, or -1 with a sentence; *later: it may pass by itself. */
static int check_free(struct proxy_ports *p, struct service *s, const union proxy_address *a,
                      bool *later, struct error *err)
{
    char text[PROXY_ADDRESS_TEXT_SIZE];
    const struct service *owner = map_get(p->by_port, s->port);
    const struct backend *be = backend_behind(s, a);
    const char *holder = proxy_settings_holder(p->settings, a);
    proxy_address_text(a, text);
    *later = false;
    if (!s->tcp)
        return error_set(err, ERR_INVALID, "only TCP is forwarded, not UDP");
    if (holder != NULL)
        return error_set(err, ERR_CONFLICT, "%s is held by %s", text, holder);
    if (be != NULL)
        return error_set(err, ERR_CONFLICT, "%s is where task %.80s itself listens", text,
                         be->task);
    *later = true;
    if (owner != NULL && owner != s)
        return error_set(err, ERR_CONFLICT, "service port %u is held by app %.120s", s->port,
                         owner->app);
    return 0;
}

/* ---- binding */

static void set_state(struct proxy_ports *p, struct service *s, enum service_state state,
                      const char *why)
{
    pthread_mutex_lock(&p->forwarder->lock);
    service_set_state(s, state, why);
    pthread_mutex_unlock(&p->forwarder->lock);
}

static const char *remark(const struct service *s)
{
    return s->udp ? "only TCP is forwarded, not UDP" : NULL;
}

static void attach(struct proxy_ports *p, struct service *s, struct proxy_listener *l)
{
    pthread_mutex_lock(&p->forwarder->lock);
    l->service = s;
    s->listener = l;
    service_set_state(s, SERVICE_BOUND, remark(s));
    pthread_mutex_unlock(&p->forwarder->lock);
    map_put(p->by_port, s->port, s);
    forwarder_listen(p->forwarder, l);
    log_debug("service port bound", "port=%u app=%s", s->port, s->app);
}

void proxy_ports_release(struct proxy_ports *p, struct service *s)
{
    struct proxy_listener *l = s->listener;
    if (l == NULL)
        return;
    pthread_mutex_lock(&p->forwarder->lock);
    l->service = NULL;
    s->listener = NULL;
    service_set_state(s, SERVICE_UNBOUND, NULL);
    pthread_mutex_unlock(&p->forwarder->lock);
    map_remove(p->by_port, s->port);
    forwarder_unlisten(p->forwarder, l);
    proxy_listener_release(l);
    log_debug("service port closed", "port=%u app=%s", s->port, s->app);
}

void proxy_ports_cease(struct proxy_ports *p)
{
    size_t cursor = 0;
    struct service *s;
    while ((s = balance_each(&p->forwarder->balance, &cursor)) != NULL) {
        struct proxy_listener *l = s->listener;
        if (l == NULL)
            continue;
        s->listener = NULL;
        map_remove(p->by_port, s->port);
        forwarder_unlisten(p->forwarder, l);
        proxy_listener_release(l);
    }
}

static void refuse(struct proxy_ports *p, struct service *s, const struct error *why)
{
    if (s->state != SERVICE_REFUSED)
        log_warn("service port not bound", "port=%u app=%s reason=%s", s->port, s->app, why->text);
    set_state(p, s, SERVICE_REFUSED, why->text);
}

/* Wants what is free; NULL with a sentence. */
static struct proxy_listener *open_listener(struct proxy_ports *p, const union proxy_address *a,
                                            bool *later, struct error *err)
{
    struct proxy_listener *l = take_inherited(p, a);
    return l != NULL ? l : proxy_listener_open(a, later, err);
}

void proxy_ports_settle(struct proxy_ports *p, struct service *s)
{
    union proxy_address a;
    struct error err;
    bool later = false;
    if (proxy_address_parse(p->settings->service_address, s->port, &a, &err) != 0) {
        refuse(p, s, &err);
        return;
    }
    pthread_mutex_lock(&p->forwarder->lock); /* of the backends */
    int free = check_free(p, s, &a, &later, &err);
    pthread_mutex_unlock(&p->forwarder->lock);
    if (s->listener != NULL && (free != 0 || !proxy_address_equal(&s->listener->address, &a)))
        proxy_ports_release(p, s);
    if (s->listener != NULL) {
        set_state(p, s, SERVICE_BOUND, remark(s));
        return;
    }
    struct proxy_listener *l = free == 0 ? open_listener(p, &a, &later, &err) : NULL;
    if (l != NULL) {
        attach(p, s, l);
        return;
    }
    refuse(p, s, &err);
    p->may_bind_later |= later;
}

void proxy_ports_settle_all(struct proxy_ports *p)
{
    size_t cursor = 0;
    struct service *s;
    p->may_bind_later = false;
    while ((s = balance_each(&p->forwarder->balance, &cursor)) != NULL)
        proxy_ports_settle(p, s);
}

void proxy_ports_retry(struct proxy_ports *p)
{
    size_t cursor = 0;
    struct service *s;
    p->may_bind_later = false;
    while ((s = balance_each(&p->forwarder->balance, &cursor)) != NULL)
        if (s->state == SERVICE_REFUSED)
            proxy_ports_settle(p, s);
}
