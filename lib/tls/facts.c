/* facts - the words of a TLS session for logs and headers; see facts.h */
#include "tls/facts.h"

#include "base/log.h"

static void add_strength(struct view curve, int bits, struct str *out)
{
    if (curve.n > 0)
        str_addf(out, " (%.*s)", VIEW_FMT(curve));
    else if (bits > 0)
        str_addf(out, " (%d bits)", bits);
}

static void add_signature(const struct tls_signature *s, const char *side,
                          struct str *out)
{
    if (s->name.n == 0)
        return;
    str_addf(out, " %s-signature %.*s", side, VIEW_FMT(s->name));
    add_strength(s->curve, s->bits, out);
    if (s->digest.n > 0)
        str_addf(out, " %s-digest %.*s", side, VIEW_FMT(s->digest));
}

void tls_facts_cipher(const struct tls_facts *f, struct str *out)
{
    str_addf(out, "%.*s with cipher %.*s (%d/%d bits)", VIEW_FMT(f->protocol),
             VIEW_FMT(f->cipher), f->bits, f->all_bits);
}

void tls_facts_exchange(const struct tls_facts *f, struct str *out)
{
    if (f->exchange.n == 0)
        return;
    str_addf(out, "key-exchange %.*s", VIEW_FMT(f->exchange));
    add_strength(f->exchange_curve, f->exchange_bits, out);
    add_signature(&f->server, "server", out);
    add_signature(&f->client, "client", out);
}

static const char *peer_word(enum tls_peer_status status)
{
    switch (status) {
    case TLS_PEER_VERIFIED:
        return "Verified";
    case TLS_PEER_TRUSTED:
        return "Trusted";
    case TLS_PEER_UNTRUSTED:
        return "Untrusted";
    case TLS_PEER_ANONYMOUS:
        break;
    }
    return "Anonymous";
}

void tls_facts_log(const struct tls_facts *f, const char *direction, struct view peer)
{
    struct str text = STR_INIT(1024);
    tls_facts_cipher(f, &text);
    if (f->exchange.n > 0)
        str_add_char(&text, ' ');
    tls_facts_exchange(f, &text);
    log_info("%s TLS connection established %s %.*s%s%.*s: %s", peer_word(f->peer),
             direction, VIEW_FMT(peer), f->server_name.n > 0 ? " to " : "",
             VIEW_FMT(f->server_name), str_cstr(&text));
    str_done(&text);
}

static void add_exchange_lines(const struct tls_facts *f, struct str *out)
{
    if (f->exchange.n == 0)
        return;
    str_addf(out, "\n\t key-exchange %.*s", VIEW_FMT(f->exchange));
    add_strength(f->exchange_curve, f->exchange_bits, out);
    add_signature(&f->server, "server", out);
    if (f->client.name.n > 0)
        str_add(out, VIEW("\n\t"));
    add_signature(&f->client, "client", out);
}

void tls_facts_received(const struct tls_facts *f, struct str *out)
{
    str_add(out, VIEW("\t(using "));
    tls_facts_cipher(f, out);
    add_exchange_lines(f, out);
    str_add(out, VIEW(")\n"));
    if (f->peer != TLS_PEER_ANONYMOUS)
        str_addf(out, "\t(Client CN \"%.*s\", Issuer \"%.*s\" (%s))\n",
                 VIEW_FMT(f->subject), VIEW_FMT(f->issuer),
                 f->peer == TLS_PEER_UNTRUSTED ? "not verified" : "verified OK");
    else if (f->asked)
        str_add(out, VIEW("\t(Client did not present a certificate)\n"));
    else
        str_add(out, VIEW("\t(No client certificate requested)\n"));
}
