/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credentials.c - a console's keys, certificate and password, made with GnuTLS
 */
#include "pair/credentials.h"

#include <gio/gio.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

#define RSA_BITS 2048 /* what RSA-AES clients are known to take */
#define DAY 86400
#define LIFETIME_DAYS 3650 /* of a pair that is never taken down: nothing renews it meanwhile */
#define SERIAL_BYTES 16
#define PASSWORD_LENGTH 16

typedef struct gnutls_x509_privkey_int X509Key;
typedef struct gnutls_x509_crt_int X509Certificate;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509Key, gnutls_x509_privkey_deinit)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509Certificate, gnutls_x509_crt_deinit)

/* Turn a result of GnuTLS into an error; TRUE when it is none. */
static gboolean check(int result, const char *what, GError **error)
{
    if (result >= 0)
        return TRUE;
    g_set_error(error, DMORE_ERROR, DMORE_ERROR_FAILED, "cannot %s: %s", what,
                gnutls_strerror(result));
    return FALSE;
}

static X509Key *make_key(gnutls_pk_algorithm_t algorithm, unsigned int bits, GError **error)
{
    g_autoptr(X509Key) key = NULL;

    if (!check(gnutls_x509_privkey_init(&key), "make a key", error) ||
        !check(gnutls_x509_privkey_generate(key, algorithm, bits, 0), "make a key", error))
        return NULL;
    return g_steal_pointer(&key);
}

static char *take_text(gnutls_datum_t *datum)
{
    char *text = g_strndup((const char *)datum->data, datum->size);

    gnutls_memset(datum->data, 0, datum->size);
    gnutls_free(datum->data);
    return text;
}

static char *key_text(X509Key *key, GError **error)
{
    gnutls_datum_t text;

    /* The form for RSA keys is PKCS#1, "BEGIN RSA PRIVATE KEY". */
    if (!check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &text), "write a key", error))
        return NULL;
    return take_text(&text);
}

/* Note an address in the certificate, so that a client can check it against what it connected to.
 */
static gboolean note_address(X509Certificate *certificate, const char *network_address,
                             GError **error)
{
    g_autofree char *text = g_strndup(network_address, strcspn(network_address, "/"));
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(text);

    if (!address)
        return TRUE; /* "dhcp" */
    return check(gnutls_x509_crt_set_subject_alt_name(
                     certificate, GNUTLS_SAN_IPADDRESS, g_inet_address_to_bytes(address),
                     (unsigned int)g_inet_address_get_native_size(address), GNUTLS_FSAN_APPEND),
                 "write a certificate's address", error);
}

static char *make_certificate(X509Key *key, const char *name, const char *address,
                              const char *address6, GError **error)
{
    static const char what[] = "make a certificate";
    g_autoptr(X509Certificate) certificate = NULL;
    guint8 serial[SERIAL_BYTES];
    gnutls_datum_t text;
    time_t now = time(NULL);

    if (!check(gnutls_x509_crt_init(&certificate), what, error) ||
        !check(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)), what, error))
        return NULL;
    serial[0] &= 0x7f; /* a positive number, RFC 5280, 4.1.2.2 */
    serial[0] |= 0x40;

    /* From yesterday on: a client's clock may be behind. */
    if (!check(gnutls_x509_crt_set_version(certificate, 3), what, error) ||
        !check(gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial)), what, error) ||
        !check(gnutls_x509_crt_set_activation_time(certificate, now - DAY), what, error) ||
        !check(gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)LIFETIME_DAYS * DAY),
               what, error) ||
        !check(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                             (unsigned int)strlen(name)),
               what, error) ||
        !check(gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name,
                                                    (unsigned int)strlen(name), GNUTLS_FSAN_SET),
               what, error) ||
        (address && !note_address(certificate, address, error)) ||
        (address6 && !note_address(certificate, address6, error)) ||
        !check(gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE), what,
               error) ||
        !check(gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0), what,
               error) ||
        !check(gnutls_x509_crt_set_key(certificate, key), what, error) ||
        !check(gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0), what,
               error) ||
        !check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text), what, error))
        return NULL;
    return take_text(&text);
}

Credentials *credentials_generate(const char *name, const char *address, const char *address6,
                                  GError **error)
{
    g_autoptr(X509Key) tls =
        make_key(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), error);
    g_autoptr(X509Key) rsa = tls ? make_key(GNUTLS_PK_RSA, RSA_BITS, error) : NULL;
    g_autofree char *certificate =
        rsa ? make_certificate(tls, name, address, address6, error) : NULL;
    g_autofree char *tls_key = certificate ? key_text(tls, error) : NULL;
    g_autofree char *rsa_key = tls_key ? key_text(rsa, error) : NULL;

    if (!rsa_key)
        return NULL;

    Credentials *credentials = g_new(Credentials, 1);

    *credentials = (Credentials){
        .tls_key = g_steal_pointer(&tls_key),
        .tls_certificate = g_steal_pointer(&certificate),
        .rsa_key = g_steal_pointer(&rsa_key),
    };
    return credentials;
}

static void free_secret(char *secret)
{
    if (secret)
        gnutls_memset(secret, 0, strlen(secret));
    g_free(secret);
}

void credentials_free(Credentials *credentials)
{
    free_secret(credentials->tls_key);
    g_free(credentials->tls_certificate);
    free_secret(credentials->rsa_key);
    g_free(credentials);
}

char *credentials_password(GError **error)
{
    /* 32 characters, none of which looks like another: a byte's lower five bits choose evenly. */
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";
    guint8 bytes[PASSWORD_LENGTH];
    char password[PASSWORD_LENGTH + 1] = {0};

    G_STATIC_ASSERT(sizeof(alphabet) == 32 + 1);
    if (!check(gnutls_rnd(GNUTLS_RND_KEY, bytes, sizeof(bytes)), "make a password", error))
        return NULL;
    for (gsize i = 0; i < sizeof(bytes); i++)
        password[i] = alphabet[bytes[i] & 31];
    return g_strdup(password);
}
