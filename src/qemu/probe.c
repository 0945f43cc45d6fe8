/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - what this host's hypervisor can do
 *
 * QEMU is started once without a machine and asked over its monitor, on standard input and output,
 * for its version and all types it has; types that are in modules count only when the module is
 * installed.
 */
#include "qemu/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "qemu/inquiry.h"
#include "qemu/probe-kvm.h"

#define DEFAULT_BINARY "qemu-system-x86_64"
#define MAJOR_MIN 10

/* What a pair's command lines use, and the Debian package it is in. */
static const struct {
    const char *type;
    const char *package;
} needs[] = {
    {"qemu-xhci", "qemu-system-x86"},
    {"VGA", "qemu-system-x86"},
    {"nvdimm", "qemu-system-x86"},
    {"virtio-serial-pci", "qemu-system-x86"},
    {"virtserialport", "qemu-system-x86"},
    {"virtio-rng-pci", "qemu-system-x86"},
    {"virtio-net-pci", "qemu-system-x86"},
    {"virtio-blk-pci", "qemu-system-x86"},
    {"virtio-scsi-pci", "qemu-system-x86"},
    {"tls-creds-psk", "qemu-system-x86"},
    {"usb-redir", "qemu-system-common"},
    {"virtio-vga", "qemu-system-common"},
    {"dbus-display", "qemu-system-modules-opengl"},
};

static char *find_binary(const char *name, GError **error)
{
    char *path = g_find_program_in_path(name);

    if (path == NULL)
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                    "there is no QEMU here: %s is not found; install the Debian package "
                    "qemu-system-x86, version %d.0 or later",
                    name, MAJOR_MIN);
    return path;
}

/* open_questions() - a file to be QEMU's standard input; a pipe could break and take us with it */
static int open_questions(GError **error)
{
    static const char questions[] = "{\"execute\": \"qmp_capabilities\"}\n"
                                    "{\"execute\": \"qom-list-types\", \"id\": \"types\"}\n"
                                    "{\"execute\": \"quit\"}\n";
    const gssize size = sizeof(questions) - 1;
    int fd = memfd_create("dmore-questions", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, questions, (gsize)size) == size && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "cannot write to memory: %s",
                g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* interview() - what QEMU's monitor answers, an object a line */
static char *interview(const char *binary, GCancellable *cancellable, GError **error)
{
    const char *arguments[] = {binary,     "-machine", "none", "-nodefaults", "-no-user-config",
                               "-display", "none",     "-S",   "-qmp",        "stdio",
                               NULL};
    int questions = open_questions(error);

    return questions >= 0 ? inquire(arguments, questions, cancellable, error) : NULL;
}

static JsonObject *parse_line(JsonParser *parser, const char *line)
{
    JsonNode *root =
        json_parser_load_from_data(parser, line, -1, NULL) ? json_parser_get_root(parser) : NULL;

    return root != NULL && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
}

static void read_greeting(Probe *probe, JsonObject *greeting)
{
    JsonObject *version = json_get_object(greeting, "version");
    JsonObject *number = version != NULL ? json_get_object(version, "qemu") : NULL;

    if (number == NULL)
        return;
    probe->major = (int)json_get_integer(number, "major", 0);
    g_free(probe->version);
    probe->version =
        g_strdup_printf("%d.%d.%d", probe->major, (int)json_get_integer(number, "minor", 0),
                        (int)json_get_integer(number, "micro", 0));
}

static void read_types(GHashTable *types, JsonArray *list)
{
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonNode *item = json_array_get_element(list, i);

        if (JSON_NODE_HOLDS_OBJECT(item))
            g_hash_table_add(types,
                             g_strdup(json_get_text(json_node_get_object(item), "name", "")));
    }
}

/* read_answers() - version and types, as far as @answers tell them */
static void read_answers(Probe *probe, GHashTable *types, const char *answers)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    g_auto(GStrv) lines = g_strsplit(answers, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        JsonObject *object = parse_line(parser, *line);

        if (object == NULL)
            continue;

        JsonObject *greeting = json_get_object(object, "QMP");
        JsonArray *list = json_get_array(object, "return");

        if (greeting != NULL)
            read_greeting(probe, greeting);
        if (list != NULL && strcmp(json_get_text(object, "id", ""), "types") == 0)
            read_types(types, list);
    }
}

/* check_needs() - whether all types are there that a pair needs; the error names all that are not
 */
static gboolean check_needs(const Probe *probe, GHashTable *types, GError **error)
{
    g_autoptr(GString) missing = g_string_new(NULL);
    g_autoptr(GString) packages = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (g_hash_table_contains(types, needs[i].type))
            continue;
        g_string_append_printf(missing, "%s%s", missing->len > 0 ? ", " : "", needs[i].type);
        if (strstr(packages->str, needs[i].package) == NULL)
            g_string_append_printf(packages, " %s", needs[i].package);
    }
    if (missing->len == 0)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "%s (%s) has no %s: install, from where QEMU came from, the Debian package%s%s",
                probe->binary, probe->version, missing->str,
                strchr(packages->str + 1, ' ') != NULL ? "s" : "", packages->str);
    return FALSE;
}

static gboolean check_version(const Probe *probe, GError **error)
{
    if (probe->version == NULL) {
        g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST, "%s does not answer like QEMU's monitor",
                    probe->binary);
        return FALSE;
    }
    if (probe->major >= MAJOR_MIN)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_HOST,
                "%s is version %s, and %d.0 or later is needed: install qemu-system-x86 from "
                "Debian 13, or from bookworm-backports on Debian 12",
                probe->binary, probe->version, MAJOR_MIN);
    return FALSE;
}

/* fill_probe() - find out everything, into an empty @probe */
static gboolean fill_probe(Probe *probe, const char *binary, GCancellable *cancellable,
                           GError **error)
{
    g_autoptr(GHashTable) types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *answers = NULL;

    probe->binary = find_binary(binary != NULL ? binary : DEFAULT_BINARY, error);
    if (probe->binary == NULL || (answers = interview(probe->binary, cancellable, error)) == NULL)
        return FALSE;
    read_answers(probe, types, answers);
    if (!check_version(probe, error) || !check_needs(probe, types, error))
        return FALSE;
    probe->kvm = probe_kvm(probe->binary, &probe->accelerator_note);
    return TRUE;
}

Probe *probe_qemu(const char *binary, GCancellable *cancellable, GError **error)
{
    Probe *probe = g_new0(Probe, 1);

    if (!fill_probe(probe, binary, cancellable, error))
        g_clear_pointer(&probe, probe_free);
    return probe;
}

void probe_free(Probe *probe)
{
    if (probe == NULL)
        return;
    g_free(probe->binary);
    g_free(probe->version);
    g_free(probe->accelerator_note);
    g_free(probe);
}

const char *probe_accelerator(const Probe *probe)
{
    return probe->kvm ? "kvm" : "tcg";
}
