/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonline_test.c - JSON lines over a real socket pair: cut, joined, wrong, with descriptors
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/await.h"
#include "base/error.h"
#include "base/json.h"
#include "base/jsonline.h"

/* One end is the JsonLine, the other a plain descriptor on which the test plays the peer. */
struct talk {
    JsonLine *line;
    int own; /* the line's descriptor, which it owns */
    int peer;
    GString *heard; /* member "n" of each object, with a space behind */
    int closed;     /* how often */
    int code;       /* of the error it closed with; 0: plainly */
    char *message;
    int free_after; /* free the line inside of this received callback (1: the first); 0: never */
    int received;
    gboolean free_when_closed;
    gboolean await_inside; /* the first received callback awaits the second */
};

static void on_received(JsonLine *line, JsonObject *object, gpointer data)
{
    struct talk *talk = data;
    int number = ++talk->received;

    assert_ptr_equal(line, talk->line);
    g_string_append_printf(talk->heard, "%d ", (int)json_object_get_int_member(object, "n"));
    if (talk->await_inside && number == 1) {
        assert_true(await_flag(&talk->closed, 5000, NULL, "the end", NULL));
        g_string_append(talk->heard, "awaited ");
    }
    if (number == talk->free_after)
        g_clear_pointer(&talk->line, jsonline_free);
}

static void on_closed(JsonLine *line, const GError *error, gpointer data)
{
    struct talk *talk = data;

    talk->closed++;
    talk->code = error != NULL ? error->code : 0;
    g_free(talk->message);
    talk->message = error != NULL ? g_strdup(error->message) : NULL;
    if (error != NULL)
        assert_int_equal(error->domain, DMORE_ERROR);
    if (talk->free_when_closed)
        g_clear_pointer(&talk->line, jsonline_free);
}

static int setup(void **state)
{
    struct talk *talk = g_new0(struct talk, 1);
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    talk->own = fds[0];
    talk->peer = fds[1];
    talk->heard = g_string_new(NULL);
    talk->line = jsonline_new(fds[0], on_received, on_closed, talk);
    *state = talk;
    return 0;
}

static int teardown(void **state)
{
    struct talk *talk = *state;

    jsonline_free(talk->line);
    if (talk->peer >= 0)
        close(talk->peer);
    g_string_free(talk->heard, TRUE);
    g_free(talk->message);
    g_free(talk);
    return 0;
}

/* settle() - let everything happen that can happen without anybody doing something new */
static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void say(struct talk *talk, const char *text)
{
    assert_int_equal(write(talk->peer, text, strlen(text)), strlen(text));
}

static void hang_up(struct talk *talk)
{
    close(talk->peer);
    talk->peer = -1;
}

static JsonObject *numbered(int number)
{
    JsonObject *object = json_object_new();

    json_object_set_int_member(object, "n", number);
    return object;
}

static void send_numbered(JsonLine *line, int number, int fd)
{
    g_autoptr(JsonObject) object = numbered(number);

    jsonline_send(line, object, fd);
}

static void line_in_pieces_is_one_object(void **state)
{
    struct talk *talk = *state;

    for (const char *c = "{\"n\": 42}\r"; *c != '\0'; c++) {
        assert_int_equal(write(talk->peer, c, 1), 1);
        settle();
        assert_string_equal(talk->heard->str, "");
    }
    say(talk, "\n");
    settle();
    assert_string_equal(talk->heard->str, "42 ");
    assert_int_equal(talk->closed, 0);
}

static void lines_in_one_read_come_in_order(void **state)
{
    struct talk *talk = *state;

    say(talk, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\"");
    settle();
    assert_string_equal(talk->heard->str, "1 2 3 ");
    say(talk, ":4}\n");
    settle();
    assert_string_equal(talk->heard->str, "1 2 3 4 ");
}

static void plain_end_comes_once_and_after_the_last_line(void **state)
{
    struct talk *talk = *state;

    say(talk, "{\"n\":1}\n{\"n\":2}\n");
    hang_up(talk);
    settle();
    assert_string_equal(talk->heard->str, "1 2 ");
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, 0);

    send_numbered(talk->line, 1, -1);
    settle();
    assert_int_equal(talk->closed, 1);
}

static void end_inside_of_a_line_is_an_error(void **state)
{
    struct talk *talk = *state;

    say(talk, "{\"n\":1}\n{\"n\":2}");
    hang_up(talk);
    settle();
    assert_string_equal(talk->heard->str, "1 ");
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, DMORE_ERROR_PEER);
}

/* expect_refused() - @text, whole lines, after a good line: the good one arrives, then the error */
static void expect_refused(void **state, const char *text)
{
    struct talk *talk = *state;

    say(talk, "{\"n\":1}\n");
    say(talk, text);
    say(talk, "{\"n\":3}\n");
    settle();
    assert_string_equal(talk->heard->str, "1 ");
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, DMORE_ERROR_PEER);

    /* Closed indeed: the peer sees the end. */
    char byte;

    assert_int_equal(recv(talk->peer, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN, 1);
}

static void garbage_is_refused(void **state)
{
    expect_refused(state, "GET / HTTP/1.1\n");
}

static void half_an_object_is_refused(void **state)
{
    expect_refused(state, "{\"n\":2\n");
}

static void array_is_refused(void **state)
{
    expect_refused(state, "[{\"n\":2}]\n");
}

static void empty_line_is_refused(void **state)
{
    expect_refused(state, "\n");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    expect_refused(state, "{\"n\":\"\xff\xfe\"}\n");
}

/* nested() - a line with an object and in it arrays, @depth altogether */
static char *nested(int depth)
{
    g_autofree char *opening = g_strnfill(depth - 1, '[');
    g_autofree char *closing = g_strnfill(depth - 1, ']');

    return g_strdup_printf("{\"n\":6,\"a\":%s%s}\n", opening, closing);
}

static void deepest_nesting_is_taken(void **state)
{
    struct talk *talk = *state;
    g_autofree char *text = nested(JSON_DEPTH_MAX);

    say(talk, text);
    settle();
    assert_string_equal(talk->heard->str, "6 ");
}

static void deeper_nesting_is_refused(void **state)
{
    g_autofree char *text = nested(JSON_DEPTH_MAX + 1);

    expect_refused(state, text);
}

static void brackets_in_a_text_are_no_nesting(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GString) text = g_string_new("{\"t\":\"\\\"");

    for (int i = 0; i < 100; i++)
        g_string_append_c(text, '{');
    g_string_append(text, "\",\"n\":5}\n");
    say(talk, text->str);
    settle();
    assert_string_equal(talk->heard->str, "5 ");
}

/* pour() - send what the socket does not hold at once, while the line is served */
static void pour(struct talk *talk, const char *bytes, gsize size)
{
    while (size > 0 && talk->closed == 0) {
        gssize written = send(talk->peer, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (written > 0) {
            bytes += written;
            size -= (gsize)written;
        }
        settle();
    }
}

/* long_line() - {"t":"xxx...","n":9} of @size bytes without its end */
static GString *long_line(gsize size)
{
    static const char tail[] = "\",\"n\":9}";
    GString *text = g_string_new("{\"t\":\"");

    while (text->len < size - strlen(tail))
        g_string_append_c(text, 'x');
    g_string_append(text, tail);
    return text;
}

static void longest_line_is_taken(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GString) text = long_line(JSONLINE_MAX);

    g_string_append_c(text, '\n');
    pour(talk, text->str, text->len);
    assert_string_equal(talk->heard->str, "9 ");
    assert_int_equal(talk->closed, 0);
}

static void longer_line_is_refused(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GString) text = long_line(JSONLINE_MAX + 1);

    g_string_append_c(text, '\n');
    pour(talk, text->str, text->len);
    settle();
    assert_string_equal(talk->heard->str, "");
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, DMORE_ERROR_PEER);
}

static void line_without_end_is_refused(void **state)
{
    struct talk *talk = *state;
    g_autoptr(GString) text = long_line((gsize)4 * JSONLINE_MAX);

    pour(talk, text->str, text->len);
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, DMORE_ERROR_PEER);
}

/* hear_line() - what the peer reads up to the end of a line, as text; and a descriptor with it
 * @fd: set to the descriptor received with the first byte of the line, or -1
 */
static char *hear_line(struct talk *talk, int *fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char byte = 0;

    *fd = -1;
    while (byte != '\n') {
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec vector = {&byte, 1};
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        ssize_t size = recvmsg(talk->peer, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (size < 0 && errno == EAGAIN) {
            settle();
            continue;
        }
        assert_int_equal(size, 1);

        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        if (header != NULL) {
            assert_int_equal(header->cmsg_type, SCM_RIGHTS);
            assert_int_equal(text->len, 0);
            memcpy(fd, CMSG_DATA(header), sizeof(int));
        }
        g_string_append_c(text, byte);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void sent_object_is_one_line(void **state)
{
    struct talk *talk = *state;
    int fd;

    send_numbered(talk->line, 7, -1);
    g_autofree char *text = hear_line(talk, &fd);

    assert_string_equal(text, "{\"n\":7}\n");
    assert_int_equal(fd, -1);
}

/* More than the socket holds, and a descriptor in the middle of it. */
static void everything_queued_arrives_and_the_descriptor_with_its_line(void **state)
{
    struct talk *talk = *state;
    g_autofree char *path = g_strdup("/tmp/jsonline-XXXXXX");
    int sent_fd = g_mkstemp(path);
    const int lines = 50000;
    struct stat sent_stat;
    struct stat got_stat;

    assert_true(sent_fd >= 0);
    assert_int_equal(fstat(sent_fd, &sent_stat), 0);
    unlink(path);
    for (int i = 0; i < lines; i++)
        send_numbered(talk->line, i, i == lines / 2 ? sent_fd : -1);
    close(sent_fd);

    for (int i = 0; i < lines; i++) {
        int fd;
        g_autofree char *expected = g_strdup_printf("{\"n\":%d}\n", i);
        g_autofree char *text = hear_line(talk, &fd);

        assert_string_equal(text, expected);
        assert_int_equal(fd >= 0, i == lines / 2);
        if (fd >= 0) {
            assert_int_equal(fstat(fd, &got_stat), 0);
            assert_int_equal(got_stat.st_ino, sent_stat.st_ino);
            close(fd);
        }
    }
    assert_int_equal(talk->closed, 0);
}

/* A line that the socket takes in pieces carries its descriptor with the first. */
static void long_line_passes_its_descriptor_once(void **state)
{
    struct talk *talk = *state;
    g_autofree char *filling = g_strnfill(100000, 'x');
    g_autoptr(JsonObject) object = numbered(1);
    int small = 4096;
    int fd;

    assert_int_equal(setsockopt(talk->own, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    json_object_set_string_member(object, "t", filling);
    jsonline_send(talk->line, object, STDERR_FILENO);

    g_autofree char *text = hear_line(talk, &fd);

    assert_non_null(strstr(text, filling));
    assert_true(fd >= 0);
    close(fd);
}

static void peer_that_does_not_read_is_given_up(void **state)
{
    struct talk *talk = *state;
    g_autofree char *text = g_strnfill(100000, 'x');
    g_autoptr(JsonObject) object = json_object_new();

    json_object_set_string_member(object, "t", text);
    for (int i = 0; i < 1000 && talk->closed == 0; i++) {
        jsonline_send(talk->line, object, -1);
        assert_int_equal(talk->closed, 0); /* never from inside */
        settle();
    }
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, DMORE_ERROR_PEER);
}

static void descriptor_that_cannot_be_passed_ends_the_connection(void **state)
{
    struct talk *talk = *state;

    send_numbered(talk->line, 1, 1 << 20); /* not open */
    assert_int_equal(talk->closed, 0);
    settle();
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, DMORE_ERROR_HOST);
}

static void peer_gone_is_told_from_the_context_also_when_sending(void **state)
{
    struct talk *talk = *state;

    hang_up(talk);
    send_numbered(talk->line, 1, -1);
    send_numbered(talk->line, 2, -1);
    assert_int_equal(talk->closed, 0);
    settle();
    assert_int_equal(talk->closed, 1);
    assert_int_equal(talk->code, 0);
}

static void free_inside_received_stops_everything(void **state)
{
    struct talk *talk = *state;
    char byte;

    talk->free_after = 2;
    say(talk, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    settle();
    assert_string_equal(talk->heard->str, "1 2 ");
    assert_int_equal(talk->closed, 0);
    assert_int_equal(recv(talk->peer, &byte, 1, MSG_DONTWAIT), 0);
}

static void free_inside_closed_is_allowed(void **state)
{
    struct talk *talk = *state;

    talk->free_when_closed = TRUE;
    hang_up(talk);
    settle();
    assert_int_equal(talk->closed, 1);
    assert_null(talk->line);
}

static void await_inside_received_is_served(void **state)
{
    struct talk *talk = *state;

    talk->await_inside = TRUE;
    talk->free_when_closed = TRUE;
    say(talk, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    hang_up(talk);
    settle();
    assert_string_equal(talk->heard->str, "1 2 3 awaited ");
}

static void free_writes_what_goes(void **state)
{
    struct talk *talk = *state;
    char text[32] = {0};

    send_numbered(talk->line, 1, -1);
    send_numbered(talk->line, 2, -1);
    g_clear_pointer(&talk->line, jsonline_free);
    assert_int_equal(recv(talk->peer, text, sizeof(text), MSG_DONTWAIT), 16);
    assert_string_equal(text, "{\"n\":1}\n{\"n\":2}\n");
}

/* A listening socket at a path of its own. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    return fd;
}

static void connects_to_who_listens(void **state)
{
    struct talk *talk = *state;
    g_autofree char *folder = g_dir_make_tmp("jsonline-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    g_autoptr(GError) error = NULL;

    JsonLine *nobody = jsonline_connect(path, on_received, on_closed, talk, &error);

    assert_null(nobody);
    assert_int_equal(error->code, DMORE_ERROR_NOT_FOUND);
    assert_non_null(strstr(error->message, path));
    g_clear_error(&error);

    int listener = listen_at(path);

    jsonline_free(talk->line);
    talk->line = jsonline_connect(path, on_received, on_closed, talk, &error);
    assert_non_null(talk->line);
    hang_up(talk);
    talk->peer = accept(listener, NULL, NULL);
    say(talk, "{\"n\":1}\n");
    settle();
    assert_string_equal(talk->heard->str, "1 ");

    /* A socket file that nobody listens at any more. */
    close(listener);
    nobody = jsonline_connect(path, on_received, on_closed, talk, &error);
    assert_null(nobody);
    assert_int_equal(error->code, DMORE_ERROR_NOT_FOUND);
    unlink(path);
    rmdir(folder);
}

static void listener_that_does_not_accept_does_not_hold_us(void **state)
{
    struct talk *talk = *state;
    g_autofree char *folder = g_dir_make_tmp("jsonline-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonLine) waiting = NULL;
    int listener = listen_at(path);

    waiting = jsonline_connect(path, on_received, on_closed, talk, &error);
    assert_non_null(waiting);

    JsonLine *refused = jsonline_connect(path, on_received, on_closed, talk, &error);

    assert_null(refused);
    assert_int_equal(error->code, DMORE_ERROR_BUSY);
    close(listener);
    unlink(path);
    rmdir(folder);
}

static void peer_that_has_gone_is_known_before_its_last_line(void **state)
{
    struct talk *talk = *state;

    assert_false(jsonline_peer_has_gone(talk->line));
    say(talk, "{\"n\": 1}\n");
    hang_up(talk);
    assert_true(jsonline_peer_has_gone(talk->line));
    assert_string_equal(talk->heard->str, "");
    assert_int_equal(talk->closed, 0);
}

/* Who only sends no more still reads. */
static void peer_that_sends_no_more_is_there(void **state)
{
    struct talk *talk = *state;

    assert_int_equal(shutdown(talk->peer, SHUT_WR), 0);
    assert_false(jsonline_peer_has_gone(talk->line));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(line_in_pieces_is_one_object),
        TEST(lines_in_one_read_come_in_order),
        TEST(plain_end_comes_once_and_after_the_last_line),
        TEST(end_inside_of_a_line_is_an_error),
        TEST(garbage_is_refused),
        TEST(half_an_object_is_refused),
        TEST(array_is_refused),
        TEST(empty_line_is_refused),
        TEST(bytes_that_are_no_text_are_refused),
        TEST(deepest_nesting_is_taken),
        TEST(deeper_nesting_is_refused),
        TEST(brackets_in_a_text_are_no_nesting),
        TEST(longest_line_is_taken),
        TEST(longer_line_is_refused),
        TEST(line_without_end_is_refused),
        TEST(sent_object_is_one_line),
        TEST(everything_queued_arrives_and_the_descriptor_with_its_line),
        TEST(long_line_passes_its_descriptor_once),
        TEST(peer_that_does_not_read_is_given_up),
        TEST(descriptor_that_cannot_be_passed_ends_the_connection),
        TEST(peer_gone_is_told_from_the_context_also_when_sending),
        TEST(free_inside_received_stops_everything),
        TEST(free_inside_closed_is_allowed),
        TEST(await_inside_received_is_served),
        TEST(free_writes_what_goes),
        TEST(connects_to_who_listens),
        TEST(listener_that_does_not_accept_does_not_hold_us),
        TEST(peer_that_has_gone_is_known_before_its_last_line),
        TEST(peer_that_sends_no_more_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
