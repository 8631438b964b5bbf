/* cmd/mesolith/demo_server.h - the sample app: a small web server that runs on a bare machine and
 * shows what the cluster does with it (mesolith demo-server --help). */
#pragma once

int demo_server_main(int argc, char **argv);
