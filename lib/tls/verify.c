/* verify - let the handshake go on whatever the certificate, and remember what was wrong
 *
 * Who must be refused is refused in words of SMTP, not by a broken handshake.
 */
#include "tls/private.h"

#include <openssl/x509.h>

static int note_result(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_layer *t = SSL_get_app_data(ssl);
    if (!good && t->verify_error == X509_V_OK)
        t->verify_error = X509_STORE_CTX_get_error(store);
    /* OpenSSL's limit, one above ours, does not count the root. */
    if (X509_STORE_CTX_get_error_depth(store) >= SSL_get_verify_depth(ssl) &&
        t->verify_error == X509_V_OK)
        t->verify_error = X509_V_ERR_CERT_CHAIN_TOO_LONG;
    /* The session keeps the result for when it is resumed. */
    if (t->verify_error != X509_V_OK)
        X509_STORE_CTX_set_error(store, (int)t->verify_error);
    return 1;
}

void tls_verify_leniently(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_PEER, note_result);
}

long tls_verify_result(SSL *ssl)
{
    struct tls_layer *t = SSL_get_app_data(ssl);
    return t->verify_error != X509_V_OK ? t->verify_error : SSL_get_verify_result(ssl);
}
