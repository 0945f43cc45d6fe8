/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonline_fuzz.c - what somebody says over a local socket that speaks JSON lines
 *
 * An input is what is said, with a byte 0xff wherever the speaker makes a pause. As many objects
 * arrive as there were good lines before the first bad one, and the end is told once, after them.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/jsonline.h"
#include "fuzz-glib.h"

typedef struct {
    int objects;
    int ends;
    gboolean failed; /* the end had a reason */
} Heard;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_quiet_glib();
    return 0;
}

static void on_received(JsonLine *line, JsonObject *object, gpointer data)
{
    Heard *heard = data;

    CHECK(object != NULL && heard->ends == 0);
    heard->objects++;
    jsonline_send(line, object, -1);
}

static void on_closed(JsonLine *line, const GError *error, gpointer data)
{
    Heard *heard = data;

    heard->ends++;
    heard->failed = error != NULL;
    CHECK(error == NULL || g_utf8_validate(error->message, -1, NULL));
}

static void read_answers(int fd)
{
    char bytes[65536];

    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
}

static void say(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

        read_answers(fd);
        fuzz_settle();
        if (sent < 0)
            return; /* it hears no more */
        bytes += sent;
        size -= (size_t)sent;
    }
}

/* expected() - what has to be heard of @said */
static Heard expected(const GString *said)
{
    Heard heard = {.ends = 1};
    const char *next = said->str;
    const char *end = said->str + said->len;

    while (next < end && !heard.failed) {
        const char *newline = memchr(next, '\n', (gsize)(end - next));
        g_autoptr(JsonObject) object =
            newline != NULL ? json_parse(next, (gsize)(newline - next), NULL) : NULL;

        if (object == NULL)
            heard.failed = TRUE;
        else
            heard.objects++;
        next = newline != NULL ? newline + 1 : end;
    }
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Heard heard = {0};
    g_autoptr(GString) said = g_string_new(NULL);
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    JsonLine *line = jsonline_new(fds[0], on_received, on_closed, &heard);
    while (size > 0) {
        const uint8_t *pause = memchr(bytes, 0xff, size);
        size_t piece = pause != NULL ? (size_t)(pause - bytes) : size;

        say(fds[1], bytes, piece);
        fuzz_settle();
        g_string_append_len(said, (const char *)bytes, (gssize)piece);
        bytes += piece + (pause != NULL);
        size -= piece + (pause != NULL);
    }
    shutdown(fds[1], SHUT_WR);
    read_answers(fds[1]);
    fuzz_settle();

    Heard right = expected(said);

    CHECK(heard.objects == right.objects);
    CHECK(heard.ends == 1 && heard.failed == right.failed);
    jsonline_free(line);
    close(fds[1]);
    return 0;
}
