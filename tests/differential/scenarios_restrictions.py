"""Each restriction name, asked of both servers with facts that make it speak and that do not.

A policy server chooses the case by the port of the client.  A case is a list of restrictions with the clients, HELO names, senders and recipients that it is
asked about; XCLIENT tells both servers the same of the client.
"""

ZONE = {
    "good.example": {"MX": ["10 mail.good.example"], "NS": ["ns.good.example"]},
    "mail.good.example": {"A": ["127.30.0.1"]},
    "ns.good.example": {"A": ["127.30.0.53"]},
    "127.30.0.1": {"PTR": ["mail.good.example"]},
    "bad.example": {"MX": ["10 mx.bad.example"], "NS": ["ns.bad.example"], "A": ["127.30.0.68"]},
    "mx.bad.example": {"A": ["127.30.0.66"]},
    "ns.bad.example": {"A": ["127.30.0.67"]},
    "127.30.0.2": {"PTR": ["bad.example"]},
    "nomail.example": {"MX": ["0 ."]},
    "address.example": {"A": ["127.30.0.5"]},
    "amiss.example": {"fail": "servfail"},
    "backup.example": {"MX": ["10 primary.example", "20 gw1.maison.mrs"]},
    "primary.example": {"A": ["127.30.0.9"]},
    "gw1.maison.mrs": {"A": ["127.0.0.1"]},
    "2.0.30.127.rbl.example": {"A": ["127.0.0.3"], "TXT": ["listed, see https://rbl.example"]},
    "1.0.30.127.wl.example": {"A": ["127.0.0.2"]},
    "bad.example.rhsbl.example": {"A": ["127.0.0.2"]},
    **{f"{n}.0.30.127.mute.example": {"fail": "servfail"} for n in (1, 2, 3, 4, 68)},
    "bad.example.mute.example": {"fail": "servfail"}, "mail.good.example.mute.example": {"fail": "servfail"},
    "mail.good.example.rhswl.example": {"A": ["127.0.0.2"]},
}

CLIENTS = {
    "good": "NAME=mail.good.example REVERSE_NAME=mail.good.example ADDR=127.30.0.1",
    "tim": "NAME=mail.good.example REVERSE_NAME=mail.good.example ADDR=127.30.0.1 LOGIN=tim",
    "forged": "NAME=[UNAVAILABLE] REVERSE_NAME=bad.example ADDR=127.30.0.2",
    "listed": "NAME=bad.example REVERSE_NAME=bad.example ADDR=127.30.0.68",
    "nameless": "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=127.30.0.3",
    "unsure": "NAME=[TEMPUNAVAIL] REVERSE_NAME=[TEMPUNAVAIL] ADDR=127.30.0.4",
    "inside": "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=127.32.0.1",
}
HELOS = ["mail.good.example", "bad.example", "short", "[127.30.0.3]", "127.30.0.3", "-bad-.example",
         "nowhere.example", "amiss.example"]
SENDERS = ["a@good.example", "a@bad.example", "", "bare", "a@short", "a@nowhere.example",
           "a@nomail.example", "a@amiss.example", "owned@good.example", "other@good.example",
           "no@maison.mrs"]
RECIPIENTS = ["case@maison.mrs", "case@good.example", "case@bad.example", "case@nowhere.example",
              "case@amiss.example", "case@backup.example", "case@nomail.example", "no@maison.mrs"]

ADDRESSES = "inline:{{127.30.0.1=REJECT good}, {127.30.0.66=REJECT mx of bad}, " \
            "{127.30.0.67=REJECT ns of bad}, {127.30.0.68=REJECT a of bad}, {127.30.0.53=REJECT ns of good}}"
NAMES = "inline:{{good.example=REJECT domain}, {mail.good.example=REJECT name}, {tim=REJECT login}, " \
        "{127.30.0=REJECT network}, {bad.example=DEFER}, {a@=REJECT local}, {<>=REJECT null}}"

# access(5): all that a table may answer.
ACTIONS = ["OK", "RELAY", "12345", "DUNNO", "REJECT", "REJECT 5.7.9 go away", "DEFER", "DEFER later",
           "DEFER_IF_PERMIT 4.7.9 maybe", "DEFER_IF_REJECT 4.7.9 maybe not", "450 4.2.1 busy", "550 no",
           "421 4.3.2 bye", "521 5.3.2 never", "HOLD on", "DISCARD gone", "FILTER smtp:[127.0.0.1]:9",
           "REDIRECT other@maison.mrs", "BCC copy@maison.mrs", "PREPEND X-Seen: yes", "WARN look",
           "INFO note", "reject_unauth_destination, reject", "PREPEND nonsense", "NONSENSE x", "FILTER", "BCC"]

LOGINS = ["good", "tim"]
LOGIN_SENDERS = ["a@good.example", "owned@good.example", "other@good.example", ""]

# Restrictions: what is varied; l: login and sender.  The rest is the first of each list.
CASES = {
    "permit": "", "reject": "", "defer": "",
    "defer_if_permit": "", "defer_if_reject, reject_unlisted_recipient": "r",
    "warn_if_reject reject": "", "reject_unauth_destination": "r", "defer_unauth_destination": "r",
    "permit_auth_destination, reject": "r", "permit_mynetworks, reject": "c",
    "permit_sasl_authenticated, reject": "c",
    "permit_mx_backup, reject": "r", "permit_tls_clientcerts, reject": "",
    "permit_tls_all_clientcerts, reject": "", "permit_naked_ip_address, reject": "h",
    "reject_plaintext_session": "",
    "reject_unknown_client_hostname": "c", "reject_unknown_client": "c",
    "reject_unknown_reverse_client_hostname": "c",
    "reject_invalid_helo_hostname": "h", "reject_invalid_hostname": "h",
    "reject_non_fqdn_helo_hostname": "h", "reject_non_fqdn_hostname": "h",
    "reject_unknown_helo_hostname": "h", "reject_unknown_hostname": "h",
    "reject_non_fqdn_sender": "s", "reject_unknown_sender_domain": "s", "reject_unknown_address": "s",
    "reject_unlisted_sender": "s", "reject_non_fqdn_recipient": "r",
    "reject_unknown_recipient_domain": "r", "reject_unlisted_recipient": "r",
    "check_relay_domains": "r", "check_recipient_maps": "r",
    "reject_sender_login_mismatch": "l", "reject_authenticated_sender_login_mismatch": "l",
    "reject_known_sender_login_mismatch": "l", "reject_unauthenticated_sender_login_mismatch": "l",
    "reject_rbl_client rbl.example": "c", "reject_rbl_client rbl.example=127.0.0.2": "c",
    "reject_rbl_client rbl.example=127.0.0.[2..9;11]": "c", "reject_maps_rbl": "c",
    "permit_dnswl_client wl.example, reject": "c", "permit_rhswl_client rhswl.example, reject": "c",
    "reject_rhsbl_client rhsbl.example": "c", "reject_rhsbl_reverse_client rhsbl.example": "c",
    "reject_rhsbl_helo rhsbl.example": "h", "reject_rhsbl_sender rhsbl.example": "s",
    "reject_rhsbl_recipient rhsbl.example": "r",
    "reject_rbl_client rbl.example=127.0.[0;2].[3], reject": "c",
    "reject_rbl_client mute.example, reject_rbl_client rbl.example": "c", "reject_rhsbl_sender mute.example": "s",
    "permit_dnswl_client wl.example=127.0.0.[2..4], reject": "c",
    "permit_dnswl_client wl.example=127.0.0.[3..4], reject": "c",
    "permit_dnswl_client mute.example, reject": "c", "permit_rhswl_client mute.example, reject": "c",
    "permit_rhswl_client rhswl.example=127.0.0.3, reject": "c",
    "reject_rhsbl_sender rhsbl.example=127.0.0.[2;4]": "s", "reject_rhsbl_sender rhsbl.example=127.0.0.[3;4]": "s",
    f"check_client_access {NAMES}": "c", f"check_reverse_client_hostname_access {NAMES}": "c",
    f"check_helo_access {NAMES}": "h", f"check_sender_access {NAMES}": "s",
    f"check_recipient_access {NAMES}": "r", f"check_sasl_access {NAMES}": "c",
    f"check_ccert_access {NAMES}": "c",
    f"check_client_a_access {ADDRESSES}": "c", f"check_client_mx_access {ADDRESSES}": "c",
    f"check_client_ns_access {ADDRESSES}": "c",
    f"check_reverse_client_hostname_a_access {ADDRESSES}": "c",
    f"check_reverse_client_hostname_mx_access {ADDRESSES}": "c",
    f"check_reverse_client_hostname_ns_access {ADDRESSES}": "c",
    f"check_helo_a_access {ADDRESSES}": "h", f"check_helo_mx_access {ADDRESSES}": "h",
    f"check_helo_ns_access {ADDRESSES}": "h",
    f"check_sender_a_access {ADDRESSES}": "s", f"check_sender_mx_access {ADDRESSES}": "s",
    f"check_sender_ns_access {ADDRESSES}": "s",
    f"check_recipient_a_access {ADDRESSES}": "r", f"check_recipient_mx_access {ADDRESSES}": "r",
    f"check_recipient_ns_access {ADDRESSES}": "r",
    **{f"check_sender_access inline:{{{{a@good.example={action}}}}}, {end}": ""
       for action in ACTIONS for end in ("permit", "reject")},
}

# They refuse none of these: no session has a certificate, and a warning is for the log.
QUIET = ["warn_if_reject reject", "reject_rbl_client rbl.example=127.0.0.2", "reject_rhsbl_sender mute.example",
         "reject_rhsbl_sender rhsbl.example=127.0.0.[3;4]", f"check_ccert_access {NAMES}"]

SETTINGS = dict(
    mydestination="maison.mrs", local_recipient_maps="inline:{case=x}", local_transport="discard",
    mynetworks="127.32.0.0/16", smtpd_authorized_xclient_hosts="127.0.0.0/8", relay_domains="",
    smtpd_relay_restrictions="", smtpd_error_sleep_time="0", smtpd_hard_error_limit="100",
    smtpd_soft_error_limit="100", smtpd_client_connection_count_limit="0",
    maps_rbl_domains="rbl.example", smtpd_reject_unlisted_recipient="no", biff="no",
    smtpd_junk_command_limit="1000", smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot",
    smtpd_sender_login_maps="inline:{owned@good.example=tim, other@good.example=eve}",
    smtpd_helo_required="yes", smtpd_tls_security_level="none", alias_maps="",
    virtual_alias_maps="", permit_mx_backup_networks="127.0.0.0/8", default_transport="discard",
    smtpd_restriction_classes=", ".join(f"case{i}" for i in range(len(CASES))),
    **{f"case{i}": case for i, case in enumerate(CASES)})
