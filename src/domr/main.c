/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - domr: the console of one user VM
 *
 * In Domain R it is the first process and finds all it needs by itself. On a host it is an ordinary
 * process that serves a region in a file, for tests and benchmarks. And it is what the DHCP client
 * in Domain R runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aml.h>

#include "domr/init.h"
#include "domr/log.h"
#include "domr/net.h"
#include "domr/serve.h"
#include "domr/status.h"

static const char usage[] =
    "Usage: domr --region FILE --kick SOCKET [--listen ADDRESS]\n"
    "Serves the console of the user VM whose screen and input are in a region.\n"
    "\n"
    "  -r, --region FILE     the region, a file that the host shares\n"
    "  -k, --kick SOCKET     Unix socket on which the host waits for kicks\n"
    "  -l, --listen ADDRESS  where VNC clients connect, as 127.0.0.1:5900 or [::1]:5900;\n"
    "                        else all addresses and the port of the region's settings\n"
    "  -h, --help            this help\n"
    "  -V, --version         the version\n"
    "\n"
    "As the first process of Domain R it needs no options.\n";

#define LARGE (256 * 1024) /* bytes; a picture, and no message */

/* In Domain R there is one of each. */
static struct region region;
static struct settings settings;

static int set_up_main_loop(void)
{
    struct aml *aml = aml_new();

    if (!aml) {
        log_error("no memory for the main loop");
        return -ENOMEM;
    }
    aml_set_default(aml);
    return 0;
}

static void watch_children(void)
{
    int pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        net_child_ended(pid);
    net_start_dhcp(&settings);
}

static int run_domain(void)
{
    char kick[INIT_KICK_SIZE];
    struct serve_options options = {
        .region = &region,
        .settings = &settings,
        .kick = kick,
        .watch_children = watch_children,
    };
    int status = init_hardware(kick);

    if (status == 0)
        status = settings_read(&settings, &region);
    if (status == 0)
        status = net_configure(&settings);
    if (status == 0)
        status = net_start_dhcp(&settings);
    if (status == 0)
        status = set_up_main_loop();
    return status == 0 ? serve(&options) : status;
}

/* The first process must not end: the kernel would panic, and nobody would read why. */
static void be_init(void)
{
    int status;

    init_mounts();
    status = init_region(&region);
    if (status == 0) {
        status_set_state(&region, REGION_STATE_STARTING, "");
        status = run_domain();
        if (status < 0)
            status_set_state(&region, REGION_STATE_FAILED, log_last_error());
    }
    init_power_off();
}

static int map_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat file;
    void *base;
    int status;

    if (fd < 0 || fstat(fd, &file) < 0) {
        log_error("cannot open the region %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -EIO;
    }
    base = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (base == MAP_FAILED) {
        log_error("cannot map the region %s: %s", path, strerror(errno));
        return -EIO;
    }
    status = region_open(&region, base, (size_t)file.st_size);
    if (status < 0)
        log_error("%s is no region that domr %s can use: %s", path, DMORE_VERSION,
                  strerror(-status));
    return status;
}

static int run_on_host(const char *path, const char *kick, const char *listen)
{
    struct serve_options options = {
        .region = &region, .settings = &settings, .kick = kick, .listen = listen};
    int status = map_file(path);

    if (status < 0)
        return status;
    status_set_state(&region, REGION_STATE_STARTING, "");
    status = settings_read(&settings, &region);
    if (status == 0)
        status = set_up_main_loop();
    if (status == 0)
        status = serve(&options);
    if (status < 0)
        status_set_state(&region, REGION_STATE_FAILED, log_last_error());
    return status;
}

/* A picture's memory goes back to the system when it has been sent. Left to itself malloc keeps it,
 * once for each thread, and soon that is all there is in Domain R.
 */
static void keep_no_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, LARGE);
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"region", required_argument, NULL, 'r'},
        {"kick", required_argument, NULL, 'k'},
        {"listen", required_argument, NULL, 'l'},
        {"dhcp-event", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    const char *path = NULL;
    const char *kick = NULL;
    const char *listen = NULL;
    int option;

    keep_no_memory();
    if (getpid() == 1)
        be_init();
    while ((option = getopt_long(argc, argv, "r:k:l:hV", long_options, NULL)) != -1) {
        switch (option) {
        case 'r':
            path = optarg;
            break;
        case 'k':
            kick = optarg;
            break;
        case 'l':
            listen = optarg;
            break;
        case 'd': /* the script's path is its argument; the action follows */
            return argc > optind && net_dhcp_event(argv[optind]) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        case 'V':
            printf("domr %s\n", DMORE_VERSION);
            return EXIT_SUCCESS;
        default:
            fputs("Try domr --help\n", stderr);
            return EXIT_FAILURE;
        }
    }
    if (!path || !kick || optind != argc) {
        fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    return run_on_host(path, kick, listen) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
