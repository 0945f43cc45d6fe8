/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credentials.h - what a console needs to prove itself and to ask for a password
 */
#ifndef DMORE_PAIR_CREDENTIALS_H
#define DMORE_PAIR_CREDENTIALS_H

#include <glib.h>

typedef struct {
    char *tls_key;         /* PEM, for VeNCrypt's X509 */
    char *tls_certificate; /* PEM, signed by its own key */
    char *rsa_key;         /* PEM in PKCS#1's form, for RSA-AES */
} Credentials;

/* credentials_generate() - make new keys; takes a few hundred milliseconds, most of it RSA
 * @name: of the pair, the certificate's subject
 * @address: (nullable): the console's address, "10.0.0.5/24" or "dhcp": noted in the certificate
 *	     when it is fixed
 * @address6: (nullable): the same for IPv6
 */
Credentials *credentials_generate(const char *name, const char *address, const char *address6,
                                  GError **error);

void credentials_free(Credentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Credentials, credentials_free)

/* credentials_password() - a random password that is easy to read aloud: 16 characters, 80 bits */
char *credentials_password(GError **error);

#endif
