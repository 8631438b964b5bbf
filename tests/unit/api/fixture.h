/* tests/unit/api/fixture.h - a client of a world with one agent, and the answer it got last. */
#pragma once

#include "unit.h"

#include "world.h"

struct fixture {
    struct world w;
    const char *listener; /* that it calls; "marathon" */
    struct reply r;
};

int set_up(void **data); /* agent 0: 10.0.0.1 */
int tear_down(void **data);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* As world_play(); the answer is f->r. */
void play(struct fixture *f, const char *line, const char *headers, const char *body);
const char *answer(const struct fixture *f); /* its body */
void assert_header(const struct fixture *f, const char *name, const char *value);
