/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psk.c - the file with the key that all hosts of a site share
 */
#include "pair/psk.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define KEY_BYTES 32
#define KEY_MIN_DIGITS 32 /* 128 bits */
#define KEY_MAX_DIGITS 128

static gboolean fail(GError **error, DmoreError code, const char *path, const char *sentence)
{
    g_set_error(error, DMORE_ERROR, code, "the key file %s %s", path, sentence);
    return FALSE;
}

static gboolean check_name(const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);

    if (strcmp(name, PSK_FILE) != 0)
        return fail(error, DMORE_ERROR_USAGE, path,
                    "has to be called " PSK_FILE ", because QEMU finds it by that name; give it a "
                    "directory of its own");
    return TRUE;
}

char *psk_read(const char *path, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;
    struct stat status;

    if (!check_name(path, error))
        return NULL;
    if (stat(path, &status) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "cannot read the key file %s: %s; make one with \"dmore keygen\" on one host "
                    "and copy it to the others",
                    path, g_strerror(errno));
        return NULL;
    }
    if (status.st_mode & (S_IRWXG | S_IRWXO)) {
        fail(error, DMORE_ERROR_HOST, path, "is open to others than its owner; chmod 600 it");
        return NULL;
    }
    if (!g_file_get_contents(path, &text, &length, &cause)) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot read the key file %s: %s", path,
                    cause->message);
        return NULL;
    }

    /* A text that ends before the file does is not what QEMU would read there. */
    gboolean whole = strlen(text) == length;
    const char *key =
        g_str_has_prefix(g_strchomp(text), PSK_USER ":") ? text + strlen(PSK_USER ":") : "";
    gsize digits = strspn(key, "0123456789abcdefABCDEF");

    if (!whole || key[digits] != '\0' || digits < KEY_MIN_DIGITS || digits > KEY_MAX_DIGITS ||
        digits % 2) {
        fail(error, DMORE_ERROR_HOST, path,
             "does not hold one line of \"" PSK_USER ":\" and 32 to 128 hexadecimal digits, as "
             "\"dmore keygen\" writes it");
        return NULL;
    }
    return g_strdup(key);
}

gboolean psk_generate(const char *path, GError **error)
{
    g_autofree char *directory = g_path_get_dirname(path);
    g_autoptr(GString) line = g_string_new(PSK_USER ":");
    guint8 key[KEY_BYTES];
    int fd = -1;

    if (!check_name(path, error))
        return FALSE;
    if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof(key)) < 0)
        return fail(error, DMORE_ERROR_FAILED, path, "was not made: no random numbers to be had");
    for (gsize i = 0; i < sizeof(key); i++)
        g_string_append_printf(line, "%02x", key[i]);
    g_string_append_c(line, '\n');

    if (g_mkdir_with_parents(directory, S_IRWXU) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot make the directory %s: %s",
                    directory, g_strerror(errno));
        return FALSE;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 && errno == EEXIST)
        return fail(error, DMORE_ERROR_BUSY, path,
                    "exists already and may be in use; remove it first if you want a new key");
    if (fd < 0 || write(fd, line->str, line->len) != (ssize_t)line->len || fsync(fd) < 0) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot write the key file %s: %s", path,
                    g_strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return FALSE;
    }
    close(fd);
    return TRUE;
}
