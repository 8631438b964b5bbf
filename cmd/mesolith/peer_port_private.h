/* cmd/mesolith/peer_port_private.h - what the files of the peer port share. */
#pragma once

#include "base/log.h"
#include "peer_port.h"

struct peer_node {
    int64_t id, store; /* store 0: not known here */
    unsigned modes;
    bool gone;
    bool removed_us; /* so it said, and has not let us in since */
    char address[ADDRESS_SIZE];
};

/* ---- peer_port.c */
struct peer_node *peer_port_find(const struct peer_port *p, int64_t id); /* NULL: not known */
void peer_port_save(struct peer_port *p);                                /* node.json */

/* ---- peer_port_frames.c */
extern const struct peers_events peer_port_peers_events;
extern const struct snapshots_events peer_port_snapshots_events;
void peer_port_on_knock(uv_timer_t *timer);
/* Anybody can knock as often as he likes: so many lines of that are enough. */
enum log_level peer_port_stranger_level(struct peer_port *p);

/* ---- peer_port_door.c */
extern const struct door_events peer_port_door_events;
extern const struct renewal_events peer_port_renewal_events;
void peer_port_found_next(struct peer_port *p, uint64_t ms);
