/* role - the parameters of each side, by their common meaning
 *
 * smtpd_tls_x, smtp_tls_x and lmtp_tls_x say the same of three roles.
 */
#ifndef TLS_ROLE_H
#define TLS_ROLE_H

#include "table/table.h"

struct tls_role {
    const char *prefix; /* "smtpd_tls" */
    bool is_server;
    enum parameter chain_files;
    enum parameter cert_file, key_file, dcert_file, dkey_file, eccert_file, eckey_file;
    enum parameter ca_file, ca_path, verify_depth;
    enum parameter protocols, mandatory_protocols;
    enum parameter ciphers, mandatory_ciphers, exclude, mandatory_exclude;
    enum parameter fingerprint_digest;
    enum parameter session_cache, session_timeout;
    enum parameter loglevel, loglevel_maps, trace_size;
};

/* What only clients have. */
struct tls_client_role {
    enum parameter security_level, use_tls, enforce_tls, enforce_peername;
    enum parameter policy_maps, per_site;
    enum parameter verify_match, secure_match, fingerprint_match;
    enum parameter trust_anchor_file, servername, connection_reuse;
};

extern const struct tls_role tls_role_server, tls_role_smtp, tls_role_lmtp;
extern const struct tls_client_role tls_client_role_smtp, tls_client_role_lmtp;

/* ROLE's loglevel for this peer: what MAPS (may be NULL) say of NAME, or of ADDRESS, else
 * the parameter.  May suspend. */
int tls_loglevel(const struct conf *c, const struct tls_role *role, struct maps *maps,
                 struct view name, struct view address);

#endif
