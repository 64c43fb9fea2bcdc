/* role - the parameters of each side; see role.h */
#include "tls/role.h"

#include "base/log.h"
#include "base/number.h"

/* tools/parameters finds the names by the form of these macros. */
#define SERVER(field, name) .field = P_smtpd_##name
#define SMTP(field, name)   .field = P_smtp_##name
#define LMTP(field, name)   .field = P_lmtp_##name

const struct tls_role tls_role_server = {
    .prefix = "smtpd_tls",
    .is_server = true,
    SERVER(chain_files, tls_chain_files),
    SERVER(cert_file, tls_cert_file),
    SERVER(key_file, tls_key_file),
    SERVER(dcert_file, tls_dcert_file),
    SERVER(dkey_file, tls_dkey_file),
    SERVER(eccert_file, tls_eccert_file),
    SERVER(eckey_file, tls_eckey_file),
    SERVER(ca_file, tls_CAfile),
    SERVER(ca_path, tls_CApath),
    SERVER(verify_depth, tls_ccert_verifydepth),
    SERVER(protocols, tls_protocols),
    SERVER(mandatory_protocols, tls_mandatory_protocols),
    SERVER(ciphers, tls_ciphers),
    SERVER(mandatory_ciphers, tls_mandatory_ciphers),
    SERVER(exclude, tls_exclude_ciphers),
    SERVER(mandatory_exclude, tls_mandatory_exclude_ciphers),
    SERVER(fingerprint_digest, tls_fingerprint_digest),
    SERVER(session_cache, tls_session_cache_database),
    SERVER(session_timeout, tls_session_cache_timeout),
    SERVER(loglevel, tls_loglevel),
    SERVER(loglevel_maps, tls_loglevel_maps),
    SERVER(trace_size, tls_trace_size_limit),
};

const struct tls_role tls_role_smtp = {
    .prefix = "smtp_tls",
    SMTP(chain_files, tls_chain_files),
    SMTP(cert_file, tls_cert_file),
    SMTP(key_file, tls_key_file),
    SMTP(dcert_file, tls_dcert_file),
    SMTP(dkey_file, tls_dkey_file),
    SMTP(eccert_file, tls_eccert_file),
    SMTP(eckey_file, tls_eckey_file),
    SMTP(ca_file, tls_CAfile),
    SMTP(ca_path, tls_CApath),
    SMTP(verify_depth, tls_scert_verifydepth),
    SMTP(protocols, tls_protocols),
    SMTP(mandatory_protocols, tls_mandatory_protocols),
    SMTP(ciphers, tls_ciphers),
    SMTP(mandatory_ciphers, tls_mandatory_ciphers),
    SMTP(exclude, tls_exclude_ciphers),
    SMTP(mandatory_exclude, tls_mandatory_exclude_ciphers),
    SMTP(fingerprint_digest, tls_fingerprint_digest),
    SMTP(session_cache, tls_session_cache_database),
    SMTP(session_timeout, tls_session_cache_timeout),
    SMTP(loglevel, tls_loglevel),
    SMTP(loglevel_maps, tls_loglevel_maps),
    SMTP(trace_size, tls_trace_size_limit),
};

const struct tls_role tls_role_lmtp = {
    .prefix = "lmtp_tls",
    LMTP(chain_files, tls_chain_files),
    LMTP(cert_file, tls_cert_file),
    LMTP(key_file, tls_key_file),
    LMTP(dcert_file, tls_dcert_file),
    LMTP(dkey_file, tls_dkey_file),
    LMTP(eccert_file, tls_eccert_file),
    LMTP(eckey_file, tls_eckey_file),
    LMTP(ca_file, tls_CAfile),
    LMTP(ca_path, tls_CApath),
    LMTP(verify_depth, tls_scert_verifydepth),
    LMTP(protocols, tls_protocols),
    LMTP(mandatory_protocols, tls_mandatory_protocols),
    LMTP(ciphers, tls_ciphers),
    LMTP(mandatory_ciphers, tls_mandatory_ciphers),
    LMTP(exclude, tls_exclude_ciphers),
    LMTP(mandatory_exclude, tls_mandatory_exclude_ciphers),
    LMTP(fingerprint_digest, tls_fingerprint_digest),
    LMTP(session_cache, tls_session_cache_database),
    LMTP(session_timeout, tls_session_cache_timeout),
    LMTP(loglevel, tls_loglevel),
    LMTP(loglevel_maps, tls_loglevel_maps),
    LMTP(trace_size, tls_trace_size_limit),
};

const struct tls_client_role tls_client_role_smtp = {
    SMTP(security_level, tls_security_level),
    SMTP(use_tls, use_tls),
    SMTP(enforce_tls, enforce_tls),
    SMTP(enforce_peername, tls_enforce_peername),
    SMTP(policy_maps, tls_policy_maps),
    SMTP(per_site, tls_per_site),
    SMTP(verify_match, tls_verify_cert_match),
    SMTP(secure_match, tls_secure_cert_match),
    SMTP(fingerprint_match, tls_fingerprint_cert_match),
    SMTP(trust_anchor_file, tls_trust_anchor_file),
    SMTP(servername, tls_servername),
    SMTP(connection_reuse, tls_connection_reuse),
};

const struct tls_client_role tls_client_role_lmtp = {
    LMTP(security_level, tls_security_level),
    LMTP(use_tls, use_tls),
    LMTP(enforce_tls, enforce_tls),
    LMTP(enforce_peername, tls_enforce_peername),
    LMTP(policy_maps, tls_policy_maps),
    LMTP(per_site, tls_per_site),
    LMTP(verify_match, tls_verify_cert_match),
    LMTP(secure_match, tls_secure_cert_match),
    LMTP(fingerprint_match, tls_fingerprint_cert_match),
    LMTP(trust_anchor_file, tls_trust_anchor_file),
    LMTP(servername, tls_servername),
    LMTP(connection_reuse, tls_connection_reuse),
};

int tls_loglevel(const struct conf *c, const struct tls_role *role, struct maps *maps,
                 struct view name, struct view address)
{
    struct view value;
    struct error e = ERROR_INIT;
    int level = (int)conf_int(c, role->loglevel);
    if (!maps || maps_is_empty(maps))
        return level;
    struct arena *a = arena_new();
    enum table_result found = maps_get(maps, name, a, &value, &e);
    if (found == TABLE_NOT_FOUND)
        found = maps_get(maps, address, a, &value, &e);
    if (found == TABLE_ERROR)
        log_warning("%s_loglevel_maps: %s", role->prefix, e.text);
    else if (found == TABLE_FOUND && !number_parse_int(value, 0, 4, &level))
        log_warning("%s_loglevel_maps: bad level \"%.*s\"", role->prefix,
                    VIEW_FMT(value));
    arena_free(a);
    return level;
}
