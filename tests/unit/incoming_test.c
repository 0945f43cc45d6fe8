/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incoming_test.c - connections to dmored: each gets a process, strangers are limited
 *
 * The process is a shell script in dmore-pair's place. It says "taken" on its connection, reports
 * on its pipe when it is sent "report", and ends when it is sent "end" or the connection closes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gstdio.h>

#include "base/await.h"
#include "base/error.h"
#include "dmored/incoming.h"

static const char script[] = "#!/bin/sh\n"
                             "trap '' PIPE\n"
                             "echo taken >&3\n"
                             "while read -r word <&3; do\n"
                             "    case $word in\n"
                             "    report) echo '{\"result\": {}}' >&4; exec 4>&-; echo ok >&3 ;;\n"
                             "    end) exit 0 ;;\n"
                             "    esac\n"
                             "done\n";

struct server {
    char *directory;
    char *program;
    HostConfig host;
    Incoming *incoming;
};

/* A port that is free now. */
static guint16 free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int start_server(void **state)
{
    struct server *server = g_new0(struct server, 1);
    g_autoptr(GError) error = NULL;

    server->directory = g_dir_make_tmp("dmore-incoming-XXXXXX", NULL);
    server->program = g_build_filename(server->directory, "pair", NULL);
    assert_true(g_file_set_contents(server->program, script, -1, NULL));
    assert_int_equal(g_chmod(server->program, 0700), 0);
    server->host.path = server->program;
    server->host.listen_address = (char *)"127.0.0.1";
    server->host.listen_port = free_port();
    server->incoming = incoming_new(&server->host, server->program, &error);
    if (!server->incoming)
        fail_msg("%s", error->message);
    *state = server;
    return 0;
}

static int stop_server(void **state)
{
    struct server *server = *state;

    g_clear_pointer(&server->incoming, incoming_free);
    g_remove(server->program);
    g_rmdir(server->directory);
    g_free(server->program);
    g_free(server->directory);
    g_free(server);
    return 0;
}

static int connect_to(const struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server->host.listen_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static gboolean has_word(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
}

static gboolean on_word(int fd, GIOCondition condition, gpointer data)
{
    int *come = data;

    *come = TRUE;
    return G_SOURCE_REMOVE;
}

/* Wait for a word; "" when the connection has been closed. */
static void assert_word(int fd, const char *expected)
{
    char word[16] = "";
    int come = FALSE;

    g_unix_fd_add(fd, G_IO_IN, on_word, &come);
    assert_true(await_flag(&come, 10000, NULL, "a word", NULL));
    /* The shell's writes come whole: a word is one. */
    assert_true(recv(fd, word, sizeof(word) - 1, 0) >= 0);
    assert_string_equal(g_strchomp(word), expected);
}

static void say(int fd, const char *word)
{
    assert_int_equal(send(fd, word, strlen(word), MSG_NOSIGNAL), strlen(word));
}

static void test_each_gets_a_process(void **state)
{
    int first = connect_to(*state);
    int second = connect_to(*state);

    assert_word(first, "taken");
    assert_word(second, "taken");
    say(first, "end\n");
    assert_word(first, "");
    say(second, "report\n");
    assert_word(second, "ok");
    close(first);
    close(second);
}

static void test_strangers_are_limited(void **state)
{
    int fds[INCOMING_STRANGERS + 2];

    for (int i = 0; i < INCOMING_STRANGERS; i++) {
        fds[i] = connect_to(*state);
        assert_word(fds[i], "taken");
    }
    /* Two more wait: nothing that happens here takes them. */
    fds[INCOMING_STRANGERS] = connect_to(*state);
    fds[INCOMING_STRANGERS + 1] = connect_to(*state);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    assert_false(has_word(fds[INCOMING_STRANGERS]));

    /* One reports: it is no stranger any more, and one that waits is taken. */
    say(fds[0], "report\n");
    assert_word(fds[INCOMING_STRANGERS], "taken");
    assert_word(fds[0], "ok");
    assert_false(has_word(fds[INCOMING_STRANGERS + 1]));

    /* Another ends. */
    say(fds[1], "end\n");
    assert_word(fds[INCOMING_STRANGERS + 1], "taken");

    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
}

/* Nobody may have more descriptors than are open now. */
static struct rlimit forbid_descriptors(void)
{
    struct rlimit before;
    struct rlimit now;
    int next = dup(STDIN_FILENO);

    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    now = (struct rlimit){(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* The connection waits, and neither it nor dmored is kept busy with it. */
static void test_no_descriptor(void **state)
{
    int fd = connect_to(*state);
    struct rlimit before = forbid_descriptors();
    int turns = 0;

    while (g_main_context_iteration(NULL, FALSE) && turns < 100)
        turns++;
    assert_true(turns < 100);
    assert_false(has_word(fd));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_word(fd, "taken");
    say(fd, "end\n");
    assert_word(fd, "");
    close(fd);
}

/* The processes outlive dmored. */
static void test_end_leaves_pairs_alone(void **state)
{
    struct server *server = *state;
    int fd = connect_to(server);

    assert_word(fd, "taken");
    g_clear_pointer(&server->incoming, incoming_free);
    say(fd, "report\n");
    assert_word(fd, "ok");
    say(fd, "end\n");
    assert_word(fd, "");
    close(fd);
}

static void test_address_in_use(void **state)
{
    const struct server *server = *state;
    g_autoptr(GError) error = NULL;

    assert_null(incoming_new(&server->host, server->program, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_server(test_each_gets_a_process), with_server(test_strangers_are_limited),
        with_server(test_no_descriptor),       with_server(test_end_leaves_pairs_alone),
        with_server(test_address_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
