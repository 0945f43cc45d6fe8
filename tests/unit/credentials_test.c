/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credentials_test.c - keys, certificate and password of a console; the key that hosts share
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "base/error.h"
#include "pair/credentials.h"
#include "pair/psk.h"

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){(unsigned char *)text, (unsigned int)strlen(text)};
}

/* A TLS server takes key and certificate, as VeNCrypt's X509 loads them. */
static void test_tls(void **state)
{
    g_autoptr(Credentials) made = credentials_generate("web1", "10.0.0.5/24", "fd00::5/64", NULL);
    gnutls_datum_t key = datum(made->tls_key);
    gnutls_datum_t certificate = datum(made->tls_certificate);
    gnutls_certificate_credentials_t server;
    gnutls_x509_crt_t parsed;

    assert_int_equal(gnutls_certificate_allocate_credentials(&server), 0);
    assert_int_equal(
        gnutls_certificate_set_x509_key_mem(server, &certificate, &key, GNUTLS_X509_FMT_PEM), 0);
    gnutls_certificate_free_credentials(server);

    assert_int_equal(gnutls_x509_crt_init(&parsed), 0);
    assert_int_equal(gnutls_x509_crt_import(parsed, &certificate, GNUTLS_X509_FMT_PEM), 0);
    assert_true(gnutls_x509_crt_check_hostname(parsed, "web1"));
    assert_true(gnutls_x509_crt_check_hostname(parsed, "10.0.0.5"));
    assert_true(gnutls_x509_crt_check_hostname(parsed, "fd00::5"));
    assert_false(gnutls_x509_crt_check_hostname(parsed, "10.0.0.6"));
    assert_true(gnutls_x509_crt_get_activation_time(parsed) < time(NULL));
    assert_true(gnutls_x509_crt_get_expiration_time(parsed) > time(NULL) + (time_t)365 * 86400);
    gnutls_x509_crt_deinit(parsed);
}

/* PKCS#1, which GnuTLS would read in other forms, too, but neatvnc would not. */
static void test_rsa(void **state)
{
    static const char head[] = "-----BEGIN RSA PRIVATE KEY-----\n";
    g_autoptr(Credentials) made = credentials_generate("web1", "dhcp", NULL, NULL);
    gnutls_datum_t key = datum(made->rsa_key);
    gnutls_x509_privkey_t parsed;
    unsigned int bits = 0;

    assert_true(g_str_has_prefix(made->rsa_key, head));
    assert_int_equal(gnutls_x509_privkey_init(&parsed), 0);
    assert_int_equal(gnutls_x509_privkey_import(parsed, &key, GNUTLS_X509_FMT_PEM), 0);
    assert_int_equal(gnutls_x509_privkey_verify_params(parsed), 0);
    assert_int_equal(gnutls_x509_privkey_get_pk_algorithm2(parsed, &bits), GNUTLS_PK_RSA);
    assert_int_equal(bits, 2048);
    gnutls_x509_privkey_deinit(parsed);
}

static void test_password(void **state)
{
    g_autofree char *first = credentials_password(NULL);
    g_autofree char *second = credentials_password(NULL);

    assert_int_equal(strlen(first), 16);
    assert_int_equal(strspn(first, "abcdefghijkmnpqrstuvwxyz23456789"), 16);
    assert_string_not_equal(first, second);
}

static void test_shared_key(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *top = g_dir_make_tmp("dmore-psk-XXXXXX", NULL);
    g_autofree char *directory = g_build_filename(top, "key", NULL);
    g_autofree char *path = g_build_filename(directory, PSK_FILE, NULL);
    g_autofree char *other = g_build_filename(directory, "other", NULL);
    g_autofree char *key = NULL;
    struct stat status;

    assert_null(psk_read(path, &error));
    assert_non_null(strstr(error->message, "dmore keygen"));
    g_clear_error(&error);

    assert_true(psk_generate(path, &error));
    assert_int_equal(g_stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    key = psk_read(path, &error);
    assert_non_null(key);
    assert_int_equal(strlen(key), 64);

    assert_false(psk_generate(path, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_BUSY));
    g_clear_error(&error);
    assert_false(psk_generate(other, &error));
    assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_USAGE));
    g_clear_error(&error);

    assert_int_equal(g_chmod(path, 0640), 0);
    assert_null(psk_read(path, &error));
    assert_non_null(strstr(error->message, "chmod 600"));
    g_clear_error(&error);
    assert_int_equal(g_chmod(path, 0600), 0);

    const char *const wrong[] = {"",
                                 "dmore:",
                                 "dmore:0011",
                                 "qemu:00112233445566778899aabbccddeeff",
                                 "dmore:00112233445566778899aabbccddeefg",
                                 "dmore:00112233445566778899aabbccddeeff\nx:00"};

    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        assert_true(g_file_set_contents(path, wrong[i], -1, NULL));
        assert_int_equal(g_chmod(path, 0600), 0);
        assert_null(psk_read(path, &error));
        assert_true(g_error_matches(error, DMORE_ERROR, DMORE_ERROR_HOST));
        g_clear_error(&error);
    }

    /* QEMU would read on behind the end of the text. */
    static const char hidden[] = "dmore:00112233445566778899aabbccddeeff\0"
                                 "00";
    assert_true(g_file_set_contents(path, hidden, sizeof(hidden), NULL));
    assert_int_equal(g_chmod(path, 0600), 0);
    assert_null(psk_read(path, NULL));

    g_remove(path);
    g_rmdir(directory);
    g_rmdir(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_rsa),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_shared_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
