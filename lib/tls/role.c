/* role - the parameters of each side; see role.h */
#include "tls/role.h"

#include "base/log.h"
#include "base/number.h"

#define ROLE(name)                                                                       \
    .prefix = #name, .chain_files = P_##name##_chain_files,                              \
    .cert_file = P_##name##_cert_file, .key_file = P_##name##_key_file,                  \
    .dcert_file = P_##name##_dcert_file, .dkey_file = P_##name##_dkey_file,              \
    .eccert_file = P_##name##_eccert_file, .eckey_file = P_##name##_eckey_file,          \
    .ca_file = P_##name##_CAfile, .ca_path = P_##name##_CApath,                          \
    .protocols = P_##name##_protocols,                                                   \
    .mandatory_protocols = P_##name##_mandatory_protocols,                               \
    .ciphers = P_##name##_ciphers, .mandatory_ciphers = P_##name##_mandatory_ciphers,    \
    .exclude = P_##name##_exclude_ciphers,                                               \
    .mandatory_exclude = P_##name##_mandatory_exclude_ciphers,                           \
    .fingerprint_digest = P_##name##_fingerprint_digest,                                 \
    .session_cache = P_##name##_session_cache_database,                                  \
    .session_timeout = P_##name##_session_cache_timeout,                                 \
    .loglevel = P_##name##_loglevel, .loglevel_maps = P_##name##_loglevel_maps

const struct tls_role tls_role_server = {
    ROLE(smtpd_tls), .verify_depth = P_smtpd_tls_ccert_verifydepth, .is_server = true};
const struct tls_role tls_role_smtp = {ROLE(smtp_tls),
                                       .verify_depth = P_smtp_tls_scert_verifydepth};
const struct tls_role tls_role_lmtp = {ROLE(lmtp_tls),
                                       .verify_depth = P_lmtp_tls_scert_verifydepth};

#define CLIENT_ROLE(name)                                                                \
    .security_level = P_##name##_tls_security_level, .use_tls = P_##name##_use_tls,      \
    .enforce_tls = P_##name##_enforce_tls,                                               \
    .enforce_peername = P_##name##_tls_enforce_peername,                                 \
    .policy_maps = P_##name##_tls_policy_maps, .per_site = P_##name##_tls_per_site,      \
    .verify_match = P_##name##_tls_verify_cert_match,                                    \
    .secure_match = P_##name##_tls_secure_cert_match,                                    \
    .fingerprint_match = P_##name##_tls_fingerprint_cert_match,                          \
    .trust_anchor_file = P_##name##_tls_trust_anchor_file,                               \
    .servername = P_##name##_tls_servername,                                             \
    .connection_reuse = P_##name##_tls_connection_reuse

const struct tls_client_role tls_client_role_smtp = {CLIENT_ROLE(smtp)};
const struct tls_client_role tls_client_role_lmtp = {CLIENT_ROLE(lmtp)};

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
