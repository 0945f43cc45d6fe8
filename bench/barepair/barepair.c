/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * barepair.c - a pair of which the benchmarks see the inside: every kick passes through here
 *
 * Theory of operation
 *
 * It is the product's pair, built by its own functions. Only the kick is taken apart: between the
 * two sides that would be connected stands this program, which copies each byte on and prints when
 * it came. So it is seen how long a key takes through Domain R, through the user VM, and the
 * picture through Domain R again. With --host Domain R's VM stays switched off, and its program,
 * the same binary, is to be started on the host on the same region; the difference is what the VM
 * costs. Both ways pay the same few microseconds for the copying.
 *
 * Prints "ready PID", the user VM's process, then a line a kick: "from TIME" Domain R, "to TIME"
 * it, on the monotonic clock in us. Ends with standard input.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>

#include "base/await.h"
#include "base/log.h"
#include "pair/pair.h"

#define CONSOLE_MS 60000

typedef struct {
    const char *direction;
    int from;
    int *to;
} Way;

static int open_socket(const char *path, gboolean listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    const struct sockaddr *place = (const struct sockaddr *)&address;
    if (listens)
        unlink(path);
    if (fd < 0 || (listens ? bind(fd, place, sizeof(address)) || listen(fd, 1)
                           : connect(fd, place, sizeof(address)))) {
        g_printerr("barepair: %s: %s\n", path, g_strerror(errno));
        exit(EXIT_FAILURE);
    }
    return fd;
}

static gboolean copy(gint fd, GIOCondition condition, gpointer data)
{
    const Way *way = data;
    gint64 now = g_get_monotonic_time();
    char bytes[256];
    ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n == 0)
        return G_SOURCE_REMOVE;
    /* A full socket holds a kick already. */
    if (n > 0 && send(*way->to, bytes, (gsize)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN)
        return G_SOURCE_REMOVE;
    if (n > 0) {
        printf("%s %" G_GINT64_FORMAT "\n", way->direction, now);
        fflush(stdout);
    }
    return G_SOURCE_CONTINUE;
}

static int pair_side;
static int domain_r_side;

static void begin_copying(void)
{
    static Way from = {"from", 0, &pair_side};
    static Way to = {"to", 0, &domain_r_side};
    from.from = domain_r_side;
    to.from = pair_side;
    g_unix_fd_add(domain_r_side, G_IO_IN, copy, &from);
    g_unix_fd_add(pair_side, G_IO_IN, copy, &to);
}

static void on_kicked(gpointer data)
{
    relay_kicked(((Pair *)data)->relay);
}

/* Put this program between the pair and @domain_r_kick: where Domain R's hypervisor listens, or
 * where domr on the host connects to. */
static gboolean take_kick_apart(Pair *pair, const char *domain_r_kick, gboolean on_host,
                                GError **error)
{
    g_autofree char *ours = g_strconcat(domain_r_kick, ".pair", NULL);
    int listener = open_socket(ours, TRUE);
    Kick *kick = kick_connect(ours, on_kicked, pair, error);
    if (!kick)
        return FALSE;
    pair_side = accept(listener, NULL, NULL);
    close(listener);
    kick_free(pair->kick);
    pair->kick = kick;
    relay_set_kick(pair->relay, kick);
    screen_feed_set_kick(pair->feed, kick);
    if (on_host) {
        listener = open_socket(domain_r_kick, TRUE);
        printf("kick %s\n", domain_r_kick);
        fflush(stdout);
        domain_r_side = accept(listener, NULL, NULL);
        close(listener);
    } else {
        domain_r_side = open_socket(domain_r_kick, FALSE);
    }
    begin_copying();
    return TRUE;
}

static gboolean console_is_ready(gpointer data)
{
    const Pair *pair = data;
    return region_status(&pair->region->region)->state == REGION_STATE_READY;
}

static gboolean start(Pair *pair, gboolean on_host, GError **error)
{
    g_autofree char *kick = pair_path(pair, RUN_KICK);
    g_autofree char *host_kick = g_strconcat(kick, ".host", NULL);
    if (!pair_claim(pair, FALSE, error) || !pair_build(pair, NULL, error) ||
        !take_kick_apart(pair, on_host ? host_kick : kick, on_host, error))
        return FALSE;
    if (!on_host)
        return pair_start(pair, NULL, error);
    relay_thaw(pair->relay);
    return await(console_is_ready, pair, CONSOLE_MS, NULL, "domr on the host", error) &&
           vm_resume(pair->user_vm, error);
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
    char bytes[256];
    if (read(fd, bytes, sizeof(bytes)) > 0)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
    gboolean on_host = FALSE;
    g_autofree char *config_path = NULL;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &config_path, "the host's configuration", "FILE"},
        {"host", 0, 0, G_OPTION_ARG_NONE, &on_host, "domr runs on the host", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("PAIR-FILE");
    g_autoptr(GError) error = NULL;
    log_setup("barepair");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2) {
        g_printerr("barepair: %s\n", error ? error->message : "PAIR-FILE is missing");
        return 2;
    }
    g_autoptr(HostConfig) host = host_config_load(config_path, &error);
    PairConfig *config = host ? pair_config_load(argv[1], &error) : NULL;
    g_autoptr(Pair) pair = config ? pair_new(host, config, NULL, NULL, &error) : NULL;
    if (!pair || !start(pair, on_host, &error)) {
        g_printerr("barepair: %s\n", error->message);
        if (pair)
            pair_end(pair);
        return EXIT_FAILURE;
    }
    printf("ready %d\n", vm_pid(pair->user_vm));
    fflush(stdout);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, loop);
    g_main_loop_run(loop);
    pair_end(pair);
    return EXIT_SUCCESS;
}
