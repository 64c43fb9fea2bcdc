/* mechanisms - their list, their properties, who runs which */
#include "sasl/private.h"

#include <openssl/hmac.h>

#define WEAK (SASL_DICTIONARY | SASL_ACTIVE | SASL_NO_FORWARD | SASL_NO_MUTUAL)

/* Strongest first: a client takes the first that it can. */
static const struct sasl_mechanism list[] = {
    {VIEW("EXTERNAL"), SASL_NEEDS_CERTIFICATE},
    {VIEW("SCRAM-SHA-256-PLUS"), SASL_NO_FORWARD | SASL_NEEDS_BINDING},
    {VIEW("SCRAM-SHA-256"), SASL_NO_FORWARD | SASL_DICTIONARY},
    {VIEW("SCRAM-SHA-1-PLUS"), SASL_NO_FORWARD | SASL_NEEDS_BINDING},
    {VIEW("SCRAM-SHA-1"), SASL_NO_FORWARD | SASL_DICTIONARY},
    {VIEW("OAUTHBEARER"), SASL_PLAINTEXT | WEAK},
    {VIEW("XOAUTH2"), SASL_PLAINTEXT | WEAK},
    {VIEW("CRAM-MD5"), WEAK},
    {VIEW("PLAIN"), SASL_PLAINTEXT | WEAK},
    {VIEW("LOGIN"), SASL_PLAINTEXT | WEAK},
};

const struct sasl_mechanism *sasl_mechanisms(size_t *n)
{
    *n = sizeof list / sizeof list[0];
    return list;
}

const struct sasl_mechanism *sasl_mechanism(struct view name)
{
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (view_eq_case(list[i].name, name))
            return &list[i];
    return NULL;
}

bool sasl_security_parse(struct view options, unsigned *unwanted, struct view *word)
{
    static const struct {
        struct view name;
        unsigned bits;
    } words[] = {
        {VIEW("noplaintext"), SASL_PLAINTEXT},
        {VIEW("noactive"), SASL_ACTIVE},
        {VIEW("nodictionary"), SASL_DICTIONARY},
        {VIEW("noanonymous"), SASL_ANONYMOUS},
        {VIEW("mutual_auth"), SASL_NO_MUTUAL},
        {VIEW("forward_secrecy"), SASL_NO_FORWARD},
    };
    *unwanted = 0;
    while (view_token(&options, VIEW(", \t\r\n"), word)) {
        size_t i = 0;
        while (i < sizeof words / sizeof words[0] && !view_eq_case(words[i].name, *word))
            i++;
        if (i == sizeof words / sizeof words[0])
            return false;
        *unwanted |= words[i].bits;
    }
    return true;
}

const struct sasl_binding *sasl_find_binding(const struct sasl_binding *b, size_t n,
                                             struct view type)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq(b[i].type, type))
            return &b[i];
    return NULL;
}

bool sasl_is_name(struct view name)
{
    if (name.n == 0 || name.n > SASL_NAME_MAX || !view_is_utf8(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    return true;
}

bool sasl_first(struct sasl_server *s, struct view *answer)
{
    if (!s->has_initial)
        return s->ask(s->arg, VIEW_NONE, answer);
    *answer = s->initial;
    return true;
}

enum sasl_outcome sasl_outcome_of(enum result r)
{
    return r == OK ? SASL_PROVED : r == TEMPFAIL ? SASL_UNAVAILABLE : SASL_REFUSED;
}

enum sasl_outcome sasl_check(struct sasl_server *s, struct view password)
{
    if (view_is_empty(password))
        return SASL_REFUSED;
    return sasl_outcome_of(s->check(s->arg, s->user, password, &s->error));
}

bool sasl_cram_md5(struct view password, struct view challenge, char out[33])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (HMAC(EVP_md5(), password.p ? password.p : "", (int)password.n,
             (const unsigned char *)challenge.p, challenge.n, raw, &n) == NULL ||
        n != 16)
        return false;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", raw[i]);
    return true;
}

enum sasl_outcome sasl_serve(struct sasl_server *s, struct view mechanism)
{
    error_clear(&s->error);
    const struct sasl_mechanism *m = sasl_mechanism(mechanism);
    if (m == NULL)
        return SASL_MALFORMED;
    bool is_plus = (m->properties & SASL_NEEDS_BINDING) != 0;
    if (view_starts(m->name, VIEW("SCRAM-SHA-256")))
        return sasl_serve_scram(s, SCRAM_SHA_256, is_plus);
    if (view_starts(m->name, VIEW("SCRAM-SHA-1")))
        return sasl_serve_scram(s, SCRAM_SHA_1, is_plus);
    if (view_eq(m->name, VIEW("PLAIN")))
        return sasl_serve_plain(s);
    if (view_eq(m->name, VIEW("LOGIN")))
        return sasl_serve_login(s);
    if (view_eq(m->name, VIEW("CRAM-MD5")))
        return sasl_serve_cram_md5(s);
    if (view_eq(m->name, VIEW("XOAUTH2")))
        return sasl_serve_xoauth2(s);
    if (view_eq(m->name, VIEW("OAUTHBEARER")))
        return sasl_serve_oauthbearer(s);
    return sasl_serve_external(s);
}
