/* policy_request - the attributes that a policy server is told (SMTPD_POLICY_README) */
#include "access/policy_private.h"

#include "format/xtext.h"

/* "name=value": a line end in VALUE would begin an attribute of its own. */
static void put(struct str *out, const char *name, struct view value)
{
    str_add_cstr(out, name);
    str_add_char(out, '=');
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        str_add_char(out, c == '\n' || c == '\r' || c == '\0' ? '?' : c);
    }
    str_add_char(out, '\n');
}

/* Names of certificates are any text: in xtext. */
static void put_encoded(struct str *out, const char *name, struct view value)
{
    struct str text = STR_INIT(8192);
    (void)xtext_encode(value, VIEW_NONE, &text);
    put(out, name, str_view(&text));
    str_done(&text);
}

static void put_number(struct str *out, const char *name, uint64_t value)
{
    str_addf(out, "%s=%llu\n", name, (unsigned long long)value);
}

static void put_client(const struct access_subject *s, struct str *out)
{
    put(out, "client_address", s->client_address);
    put(out, "client_name", s->client_name);
    put(out, "client_port", s->client_port);
    put(out, "reverse_client_name", s->reverse_name);
    put(out, "server_address", s->server_address);
    put(out, "server_port", s->server_port);
    put(out, "helo_name", s->helo_name);
}

static void put_message(const struct access_subject *s, struct str *out)
{
    bool counted =
        s->where && (strcmp(s->where, "DATA") == 0 || strcmp(s->where, "BDAT") == 0 ||
                     strcmp(s->where, "END-OF-MESSAGE") == 0);
    put(out, "sender", s->sender);
    put(out, "recipient", s->recipient);
    put_number(out, "recipient_count", counted ? s->recipients : 0);
    put(out, "queue_id", s->queue_id);
    put(out, "instance", s->instance);
    put_number(out, "size", s->size);
    put(out, "etrn_domain", s->etrn_domain);
}

static void put_identity(const struct access_subject *s, struct str *out)
{
    put(out, "sasl_method", s->sasl_method);
    put(out, "sasl_username", s->sasl_username);
    put(out, "sasl_sender", s->sasl_sender);
    put_encoded(out, "ccert_subject", s->ccert_subject);
    put_encoded(out, "ccert_issuer", s->ccert_issuer);
    put_encoded(out, "ccert_fingerprint", s->ccert_fingerprint);
    put_encoded(out, "ccert_pubkey_fingerprint", s->ccert_pubkey_fingerprint);
    put(out, "encryption_protocol", s->tls_protocol);
    put(out, "encryption_cipher", s->tls_cipher);
    put_number(out, "encryption_keysize", s->tls_keysize);
    put(out, "tls_sni", s->tls_sni);
}

void policy_request_write(const struct policy_service *p, const struct access_subject *s,
                          struct str *out)
{
    /* The content is told as DATA however it comes. */
    const char *where = s->where ? s->where : s->command;
    put(out, "request", VIEW("smtpd_access_policy"));
    put(out, "protocol_state", view_of(strcmp(where, "BDAT") == 0 ? "DATA" : where));
    put(out, "protocol_name", s->protocol);
    put_client(s, out);
    put_message(s, out);
    put_identity(s, out);
    put(out, "stress", conf_view(p->conf, P_stress));
    put(out, "policy_context", p->context);
    put(out, "compatibility_level", conf_view(p->conf, P_compatibility_level));
    put(out, "mail_version", conf_view(p->conf, P_mail_version));
    str_add_char(out, '\n');
}
