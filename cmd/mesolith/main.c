/* mesolith - one binary: nodes, the proxy, the demo's server, and the command line. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli.h"
#include "cli_help.h"
#include "config.h"
#include "demo_server.h"
#include "executor/launcher.h"
#include "newcomer.h"
#include "notify.h"
#include "proxy/proxy.h"
#include "serve.h"
#include "stop.h"

#define LAUNCHER true

/* jemalloc's, which release builds link: two threads share an arena, and a megabyte is saved. */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1";

static int proxy_verb(int argc, char **argv)
{
    if (argc != 1) {
        fprintf(stderr, "usage: mesolith proxy FOLDER (a node starts it by itself)\n");
        return error_exit_status(ERR_SYNTAX);
    }
    const struct proxy_options options = {.folder = argv[0], .version = VERSION};
    return proxy_main(&options);
}

static int version_verb(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("mesolith %s\n", VERSION);
    return 0;
}

/* What does not ask a node. Processes that run tasks fork their launcher first of all, before
 * threads and libraries: from a small process a fork costs little (DESIGN 3). */
static const struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    bool launcher;
} verbs[] = {
    {"dev", dev_main, LAUNCHER},
    {"init", init_main, LAUNCHER},
    {"join", join_main, false}, /* its own, once the token is out of the environment */
    {"serve", serve_main, LAUNCHER},
    {"stop", stop_main, LAUNCHER}, /* the executor wants one, though it starts no task */
    {"proxy", proxy_verb, false},
    {"demo-server", demo_server_main, false},
    {"config", config_main, false},
    {"version", version_verb, false},
    {"--version", version_verb, false},
};

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))
            return true;
    return argc > 0 && str_eq(argv[0], "help");
}

/* Whoever starts us may have closed them; then a file of ours would get the number, and what we say
 * would be written into it. */
static void open_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

int main(int argc, char **argv)
{
    open_standard_streams();
    notify_init();
    /* Until the process ends; unread as it is, it must not be optimized away, or it is a leak. */
    static char **words __attribute__((used));
    argv = words = config_hide_secrets(argc, argv);
    cli_put_noun_first(argc - 1, argv + 1);
    const char *name = argc > 1 ? argv[1] : "help";
    if (asks_for_help(argc - 2, argv + 2) && help_other(name))
        return 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct error err;
        if (!str_eq(name, verbs[i].name))
            continue;
        if (verbs[i].launcher && launcher_fork(NULL, &serve_launcher, &err) != 0) {
            fprintf(stderr, "error: %s\n", err.text);
            return error_exit_status(err.code);
        }
        return verbs[i].run(argc - 2, argv + 2);
    }
    return cli_main(argc - 1, argv + 1);
}
