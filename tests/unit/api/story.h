/* tests/unit/api/story.h - plays files of requests and the exact answers they must get.
 *
 *     # a comment
 *     ! agent 10.0.0.7                 a directive: see story.c
 *
 *     POST /v2/apps?force=true         a request: its line, headers, a blank line, its body
 *     Content-Type: application/json
 *
 *     {"id": "web", "cmd": "sleep 9"}
 *     --- 201                          the answer: status, headers that must be there ("Name: -":
 *     Location: http://h/web           that must not), a blank line, the whole body
 *     Marathon-Deployment-Id: <uuid d>
 *
 *     {"id": "/web", "version": "<time>", …}
 *     ###
 *
 * JSON is compared by value, whatever the order of members; anything else as text, but for the
 * kind of line ends, and those at its end. Texts may hold <uuid> <time> <int> <any>; with a name
 * (<uuid d>) what they met is kept, and <d> stands for it from then on, in requests too. "<int>"
 * stands for a number,
 * "<any>" for any value. <TAB> is a tab. Each request comes a second after the one before. */
#pragma once

#include "world.h"

/* Each file of that folder whose name ends in .http, in a world of its own. */
void story_play_folder(const char *folder, const char *listener);
