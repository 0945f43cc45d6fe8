/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_test.c - the monitor's client against a peer that follows, or breaks, the protocol
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <glib-unix.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "qemu/qmp.h"

static const char greeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 2, \"minor\": 0, \"major\": 10}, "
    "\"package\": \"\"}, \"capabilities\": []}}\n";

struct talk {
    Qmp *qmp;
    int peer;
    GString *heard; /* names of events and results of replies, with a space behind */
    int closed;     /* how often */
};

static void on_event(const char *name, JsonObject *arguments, gpointer data)
{
    struct talk *talk = data;

    g_string_append_printf(talk->heard, "%s:%s ", name, json_get_text(arguments, "reason", "-"));
}

static void on_closed(const GError *error, gpointer data)
{
    struct talk *talk = data;

    assert_non_null(error);
    assert_int_equal(error->domain, DMORE_ERROR);
    talk->closed++;
}

static const QmpEvents events = {on_event, on_closed};

static void on_reply(JsonNode *result, const GError *error, gpointer data)
{
    struct talk *talk = data;

    g_string_append(talk->heard, result != NULL ? "reply " : "failure ");
}

static int setup(void **state)
{
    struct talk *talk = g_new0(struct talk, 1);
    struct timeval limit = {5, 0};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    talk->peer = fds[1];
    talk->heard = g_string_new(NULL);
    talk->qmp = qmp_new("VM one", fds[0], &events, talk);
    *state = talk;
    return 0;
}

static int teardown(void **state)
{
    struct talk *talk = *state;

    qmp_free(talk->qmp);
    if (talk->peer >= 0)
        close(talk->peer);
    g_string_free(talk->heard, TRUE);
    g_free(talk);
    return 0;
}

/* say() - the peer writes */
static void say(struct talk *talk, const char *text)
{
    assert_int_equal(write(talk->peer, text, strlen(text)), strlen(text));
}

/* hear() - the peer reads one line, compares, and forgets its number
 * @expected: the JSON text without the member "id"
 */
static void hear(struct talk *talk, const char *expected)
{
    g_autoptr(GString) line = g_string_new(NULL);
    g_autoptr(JsonNode) node = NULL;
    g_autofree char *text = NULL;
    char byte = 0;

    while (byte != '\n') {
        assert_int_equal(read(talk->peer, &byte, 1), 1);
        g_string_append_c(line, byte);
    }
    node = json_from_string(line->str, NULL);
    assert_non_null(node);
    assert_true(json_object_has_member(json_node_get_object(node), "id"));
    json_object_remove_member(json_node_get_object(node), "id");
    text = json_to_string(node, FALSE);
    assert_string_equal(text, expected);
}

static gboolean is_ready(gpointer data)
{
    return qmp_ready(((struct talk *)data)->qmp);
}

static gboolean is_closed(gpointer data)
{
    return ((struct talk *)data)->closed > 0;
}

static gboolean has_heard(gpointer data)
{
    return ((struct talk *)data)->heard->len > 0;
}

static void await_condition(struct talk *talk, AwaitCondition condition)
{
    assert_true(await(condition, talk, 5000, NULL, "the condition", NULL));
}

/* begin() - the peer behaves as QEMU does at first; the next command has the number 2 */
static void begin(struct talk *talk)
{
    say(talk, greeting);
    hear(talk, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}");
    assert_false(qmp_ready(talk->qmp));
    say(talk, "{\"return\": {}, \"id\": 1}\n");
    await_condition(talk, is_ready);
}

static void test_begin(void **state)
{
    struct talk *talk = *state;

    assert_null(qmp_version(talk->qmp));
    begin(talk);
    assert_string_equal(qmp_version(talk->qmp), "10.0.2");
    assert_null(qmp_closed(talk->qmp));
}

static void test_arguments(void **state)
{
    struct talk *talk = *state;

    begin(talk);
    qmp_send(talk->qmp, "a",
             g_variant_new_parsed("{'text': <%s>, 'number': <%t>, 'list': <[{'on': <%b>}]>}",
                                  "x, \"y\"", (guint64)1 << 40, TRUE),
             -1, NULL, NULL);
    hear(talk, "{\"execute\":\"a\",\"arguments\":{\"text\":\"x, \\\"y\\\"\","
               "\"number\":1099511627776,\"list\":[{\"on\":true}]}}");
}

static void test_execute(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) error = NULL;

    begin(talk);
    say(talk, "{\"return\": {\"status\": \"running\"}, \"id\": 2}\n");
    g_autoptr(JsonNode) result = qmp_execute(talk->qmp, "query-status", NULL, -1, &error);

    assert_null(error);
    assert_non_null(result);
    assert_string_equal(json_get_text(json_node_get_object(result), "status", ""), "running");
    hear(talk, "{\"execute\":\"query-status\"}");
}

static void test_refusal(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) error = NULL;

    begin(talk);
    say(talk,
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}, \"id\": 2}\n");
    assert_false(qmp_do(talk->qmp, "device_del", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    assert_string_equal(error->message, "VM one: QEMU refuses 'device_del': no such thing");
    assert_int_equal(talk->closed, 0);
}

/* What comes between a command and its answer is told first, and in order. */
static void test_events_in_between(void **state)
{
    struct talk *talk = *state;

    begin(talk);
    qmp_send(talk->qmp, "stop", NULL, -1, on_reply, talk);
    say(talk, "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}\n"
              "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest\"}}\n"
              "{\"return\": {}, \"id\": 2}\n"
              "{\"event\": \"RESUME\"}\n");
    while (strstr(talk->heard->str, "RESUME") == NULL)
        g_main_context_iteration(NULL, TRUE);
    assert_string_equal(talk->heard->str, "STOP:- SHUTDOWN:guest reply RESUME:- ");
}

static void test_forget(void **state)
{
    struct talk *talk = *state;

    begin(talk);
    gint64 number = qmp_send(talk->qmp, "slow", NULL, -1, on_reply, talk);

    qmp_forget(talk->qmp, number);
    say(talk, "{\"return\": {}, \"id\": 2}\n{\"event\": \"END\"}\n");
    await_condition(talk, has_heard);
    assert_string_equal(talk->heard->str, "END:- ");
}

static gboolean is_answered(gpointer data)
{
    return qmp_overdue(((struct talk *)data)->qmp) == NULL;
}

/* While a command is overdue no other one is sent, nor waited for; its late answer ends that. */
static void test_overdue(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) late = NULL;
    g_autoptr(GError) unsent = NULL;

    begin(talk);
    qmp_set_patience(talk->qmp, 20);
    assert_false(qmp_do(talk->qmp, "stop", NULL, &late));
    assert_true(g_error_matches(late, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
    assert_string_equal(qmp_overdue(talk->qmp), "stop");
    hear(talk, "{\"execute\":\"stop\"}");

    qmp_set_patience(talk->qmp, 5000);
    gint64 begun_us = g_get_monotonic_time();
    assert_false(qmp_do(talk->qmp, "cont", NULL, &unsent));
    assert_true(g_get_monotonic_time() - begun_us < (gint64)2 * G_USEC_PER_SEC);
    assert_true(g_error_matches(unsent, DMORE_ERROR, DMORE_ERROR_TIMEOUT));
    assert_string_equal(unsent->message,
                        "VM one: 'cont' was not sent, because QEMU has not answered 'stop' yet");

    say(talk, "{\"return\": {}, \"id\": 2}\n");
    await_condition(talk, is_answered);
    say(talk, "{\"return\": {}, \"id\": 3}\n");
    assert_true(qmp_do(talk->qmp, "query-status", NULL, NULL));
    hear(talk, "{\"execute\":\"query-status\"}");
}

/* The end of the connection says more than that a command is overdue. */
static void test_overdue_and_ended(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) error = NULL;

    begin(talk);
    qmp_set_patience(talk->qmp, 20);
    assert_false(qmp_do(talk->qmp, "stop", NULL, NULL));
    close(talk->peer);
    talk->peer = -1;
    await_condition(talk, is_closed);
    assert_false(qmp_do(talk->qmp, "cont", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
}

static gboolean say_done(gpointer data)
{
    struct talk *talk = data;

    hear(talk, "{\"exec-oob\":\"yank\",\"arguments\":{\"instances\":[]}}");
    say(talk, "{\"return\": {}, \"id\": 3}\n{\"return\": {}, \"id\": 2}\n");
    return G_SOURCE_REMOVE;
}

/* What is done out of band is sent and answered although a command is overdue. */
static void test_out_of_band(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) error = NULL;

    begin(talk);
    qmp_set_patience(talk->qmp, 20);
    assert_false(qmp_do(talk->qmp, "stop", NULL, NULL));
    hear(talk, "{\"execute\":\"stop\"}");

    g_idle_add(say_done, talk);
    qmp_do_oob(talk->qmp, "yank", g_variant_new_parsed("{'instances': <@av []>}"), &error);
    assert_null(error);
    await_condition(talk, is_answered);

    say(talk, "{\"error\": {\"desc\": \"no such instance\"}, \"id\": 4}\n");
    assert_false(qmp_do_oob(talk->qmp, "yank", NULL, &error));
    assert_string_equal(error->message, "VM one: QEMU refuses 'yank': no such instance");
    assert_int_equal(talk->closed, 0);
}

/* The end fails what is awaited, and everything after. */
static void test_end(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) error = NULL;

    begin(talk);
    qmp_send(talk->qmp, "one", NULL, -1, on_reply, talk);
    qmp_send(talk->qmp, "two", NULL, -1, on_reply, talk);
    close(talk->peer);
    talk->peer = -1;
    await_condition(talk, is_closed);
    assert_string_equal(talk->heard->str, "failure failure ");
    assert_false(qmp_do(talk->qmp, "three", NULL, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_FAILED));
    assert_non_null(strstr(error->message, "VM one"));
    assert_non_null(qmp_closed(talk->qmp));
    assert_int_equal(talk->closed, 1);
}

/* Lines that no QEMU sends end the connection instead of being matched with something. */
static void test_broken_protocol(void **state)
{
    static const char *const lines[] = {
        "{\"return\": {}, \"id\": 2}\n",       /* nothing was asked */
        "{\"return\": {}}\n",                  /* no number */
        "{\"QMP\": {}}\n",                     /* a greeting without a version */
        greeting,                              /* a second one */
        "no JSON\n",                           /* */
        "{\"event\": {}, \"QMP\": \"text\"}\n" /* members of wrong types */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        void *own;

        setup(&own);
        begin(own);
        say(own, lines[i]);
        await_condition(own, is_closed);
        assert_int_equal(((struct talk *)own)->closed, 1);
        teardown(&own);
    }
}

/* The command that waits for its answer fails with the connection. */
static void test_wrong_number(void **state)
{
    struct talk *talk = *state;

    begin(talk);
    qmp_send(talk->qmp, "stop", NULL, -1, on_reply, talk);
    say(talk, "{\"return\": {}, \"id\": 3}\n");
    await_condition(talk, is_closed);
    assert_string_equal(talk->heard->str, "failure ");
}

/* receive_fd() - the descriptor that comes with the next bytes; -1: none */
static int receive_fd(int peer)
{
    char text[256];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {text, sizeof(text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int fd = -1;

    assert_true(recvmsg(peer, &message, 0) > 0);

    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (header != NULL && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

static void test_descriptor(void **state)
{
    struct talk *talk = *state;
    struct stat sent;
    struct stat received;

    begin(talk);
    assert_int_equal(fstat(talk->peer, &sent), 0);
    qmp_send(talk->qmp, "getfd", g_variant_new_parsed("{'fdname': <'x'>}"), talk->peer, NULL, NULL);

    int fd = receive_fd(talk->peer);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &received), 0);
    assert_int_equal(received.st_ino, sent.st_ino);
    assert_int_not_equal(fd, talk->peer);
    close(fd);
}

static gboolean take_second(gint peer, GIOCondition condition, gpointer data)
{
    struct talk *talk = data;
    int fd = receive_fd(peer);

    assert_true(fd >= 0);
    close(fd);
    say(talk, "{\"return\": {}, \"id\": 3}\n");
    return G_SOURCE_REMOVE;
}

/* QEMU reads ahead and keeps only the last descriptor: the second one waits for the first. */
static void test_descriptors(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GError) late = NULL;

    begin(talk);
    qmp_send(talk->qmp, "getfd", NULL, talk->peer, NULL, NULL);
    close(receive_fd(talk->peer));
    qmp_set_patience(talk->qmp, 20);
    assert_null(qmp_execute(talk->qmp, "getfd", NULL, talk->peer, &late));
    assert_true(g_error_matches(late, DMORE_ERROR, DMORE_ERROR_TIMEOUT));

    qmp_set_patience(talk->qmp, 5000);
    say(talk, "{\"return\": {}, \"id\": 2}\n");
    g_unix_fd_add(talk->peer, G_IO_IN, take_second, talk);
    g_autoptr(JsonNode) taken = qmp_execute(talk->qmp, "getfd", NULL, talk->peer, NULL);
    assert_non_null(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_begin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_execute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events_in_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overdue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overdue_and_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_band, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end, setup, teardown),
        cmocka_unit_test(test_broken_protocol),
        cmocka_unit_test_setup_teardown(test_wrong_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
    };

    return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
