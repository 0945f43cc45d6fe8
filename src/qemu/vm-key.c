/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm-key.c - the key of a migration: TLS with a pre-shared key
 *
 * QEMU takes the key from the file keys.psk in a directory. It also wants parameters for an old
 * kind of key exchange from there, dh-params.pem, although nobody uses that kind any more; without
 * the file it makes some itself, for which it stands still for up to three seconds, each time. So
 * the file is written when it is missing. It holds a published constant (RFC 7919, ffdhe2048).
 */
#include "qemu/vm-internal.h"

#include <string.h>

#include <gnutls/gnutls.h>

#include "base/json.h"

#define PARAMETERS_FILE "dh-params.pem"
#define KEY_OBJECT "dmore-migration-key"
#define KEY_USER "dmore" /* the name before the colon in keys.psk */

/* make_parameters() - the text of the file; NULL when GnuTLS has no memory for it */
static char *make_parameters(void)
{
    gnutls_dh_params_t parameters;
    gnutls_datum_t text = {NULL, 0};
    char *copy = NULL;

    if (gnutls_dh_params_init(&parameters) < 0)
        return NULL;
    if (gnutls_dh_params_import_raw2(parameters, &gnutls_ffdhe_2048_group_prime,
                                     &gnutls_ffdhe_2048_group_generator,
                                     gnutls_ffdhe_2048_key_bits) == 0 &&
        gnutls_dh_params_export2_pkcs3(parameters, GNUTLS_X509_FMT_PEM, &text) == 0)
        copy = g_strndup((const char *)text.data, text.size);
    gnutls_free(text.data);
    gnutls_dh_params_deinit(parameters);
    return copy;
}

/* write_parameters() - see to it that @key_dir has them; without them it works too, only slower */
static void write_parameters(const char *key_dir)
{
    g_autofree char *path = g_build_filename(key_dir, PARAMETERS_FILE, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    if (g_file_test(path, G_FILE_TEST_EXISTS) || (text = make_parameters()) == NULL)
        return;
    if (!g_file_set_contents(path, text, -1, &error))
        g_info("QEMU has to make its own key exchange parameters: %s", error->message);
}

/* find_object() - whether QEMU has an object @name that was added by its user */
static gboolean find_object(Vm *vm, const char *name, gboolean *found, GError **error)
{
    g_autoptr(JsonNode) result =
        qmp_ask(vm->qmp, "qom-list", g_variant_new_parsed("{'path': <'/objects'>}"),
                JSON_NODE_ARRAY, error);

    if (result == NULL)
        return FALSE;

    JsonArray *objects = json_node_get_array(result);

    *found = FALSE;
    for (guint i = 0; i < json_array_get_length(objects); i++) {
        JsonObject *object = json_item(objects, i);

        if (object != NULL && strcmp(json_get_text(object, "name", ""), name) == 0)
            *found = TRUE;
    }
    return TRUE;
}

/* drop_object() - the object of an earlier migration: the key may be another one by now */
static gboolean drop_object(Vm *vm, GError **error)
{
    gboolean found;

    return find_object(vm, KEY_OBJECT, &found, error) &&
           (!found ||
            qmp_do(vm->qmp, "object-del", g_variant_new_parsed("{'id': <%s>}", KEY_OBJECT), error));
}

static gboolean add_object(Vm *vm, const char *key_dir, gboolean server, GError **error)
{
    g_autoptr(GVariantDict) object = g_variant_dict_new(NULL);

    g_variant_dict_insert(object, "qom-type", "s", "tls-creds-psk");
    g_variant_dict_insert(object, "id", "s", KEY_OBJECT);
    g_variant_dict_insert(object, "dir", "s", key_dir);
    g_variant_dict_insert(object, "endpoint", "s", server ? "server" : "client");
    if (!server)
        g_variant_dict_insert(object, "username", "s", KEY_USER);
    return qmp_do(vm->qmp, "object-add", g_variant_dict_end(object), error);
}

gboolean vm_set_key(Vm *vm, const char *key_dir, gboolean server, GError **error)
{
    if (!drop_object(vm, error))
        return FALSE;
    if (key_dir != NULL && server)
        write_parameters(key_dir);
    if (key_dir != NULL && !add_object(vm, key_dir, server, error))
        return FALSE;
    return qmp_do(vm->qmp, "migrate-set-parameters",
                  g_variant_new_parsed("{'tls-creds': <%s>}", key_dir != NULL ? KEY_OBJECT : ""),
                  error);
}
