/* policy_test - policies from tables and from main.cf */
#include "tls/policy.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena *arena;
static struct str log_text = STR_INIT(65536);

static void keep(enum log_level level, const char *text)
{
    (void)level;
    str_addf(&log_text, "%s\n", text);
}

static bool logged(const char *text)
{
    return view_find_view(str_view(&log_text), view_of(text)) != VIEW_NPOS;
}

static struct conf *load(const char *text)
{
    struct conf *c;
    struct error e = ERROR_INIT;
    assert_true(conf_load_text("/", view_of(text), NULL, 0, &c, &e));
    str_clear(&log_text);
    return c;
}

/* The level for NEXTHOP and HOST under the settings TEXT; "!" when there is none. */
static const char *level(const char *text, const char *nexthop, const char *host,
                         struct tls_policy *p)
{
    static struct conf *c;
    struct error e = ERROR_INIT;
    struct tls_policy scratch;
    if (c)
        conf_free(c);
    c = load(text);
    struct tls_policies *t = tls_policies_new(c, false, &e);
    if (!t)
        return "?";
    enum result r =
        tls_policy_find(t, view_of(nexthop), view_of(host), arena, p ? p : &scratch, &e);
    const char *name = r == OK ? tls_level_name((p ? p : &scratch)->level) : "!";
    if (r != OK)
        assert_string_equal(e.status, "4.7.5");
    tls_policies_free(t);
    return name;
}

#define LEVEL(text, nexthop) level(text, nexthop, "mx.example", NULL)

static void main_cf(void **state)
{
    (void)state;
    assert_string_equal(LEVEL("compatibility_level = 3.7", "x.example"), "none");
    assert_string_equal(LEVEL("smtp_use_tls = yes", "x.example"), "may");
    assert_string_equal(LEVEL("smtp_enforce_tls = yes", "x.example"), "verify");
    assert_string_equal(
        LEVEL("smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no", "x.example"),
        "encrypt");
    assert_string_equal(LEVEL("smtp_tls_security_level = Encrypt", "x.example"),
                        "encrypt");
    assert_string_equal(LEVEL("smtp_tls_security_level = half-dane", "x.example"), "?");
    assert_string_equal(LEVEL("smtp_tls_security_level = maybe", "x.example"), "?");
    /* A mistake must not lead to mail in clear. */
    assert_string_equal(LEVEL("smtp_use_tls = yes\nsmtp_tls_protocols = >=TLSv7", "x"),
                        "!");
    assert_string_equal(LEVEL("smtp_use_tls = yes\nsmtp_tls_ciphers = best", "x"), "!");
    assert_string_equal(LEVEL("smtp_tls_security_level = fingerprint", "x"), "!");
    assert_true(logged("no fingerprints to match"));
}

#define TABLE                                                                            \
    "smtp_tls_security_level = may\n"                                                    \
    "smtp_tls_policy_maps = inline:{ {a.example=none} {.a.example=encrypt}"              \
    " {[mx.a.example]:587=secure match=nexthop:.b.example} {s.example=secure} "          \
    "{f.example=fingerprint match=AA:BB|cc match=DD} {bad.example=strong} "              \
    "{v.example=verify ciphers=high protocols=>=TLSv1.3 exclude=RC4 servername=hostname" \
    " connection_reuse=yes} }\n"

static void tables(void **state)
{
    struct tls_policy p;
    (void)state;
    assert_string_equal(LEVEL(TABLE, "other.example"), "may");
    assert_string_equal(LEVEL(TABLE, "A.example"), "none");
    assert_string_equal(LEVEL(TABLE, "x.y.a.example"), "encrypt");
    /* Explicit destinations match as they are, never by their parents. */
    assert_string_equal(LEVEL(TABLE, "[x.a.example]"), "may");
    assert_string_equal(LEVEL(TABLE, "x.a.example:25"), "may");
    assert_string_equal(level(TABLE, "[mx.a.example]:587", "h", &p), "secure");
    assert_int_equal(p.n_match, 2);
    assert_true(view_eq(p.match[0], VIEW("nexthop")));
    assert_true(view_eq(p.match[1], VIEW(".b.example")));
    assert_string_equal(level(TABLE, "s.example", "h", &p), "secure");
    assert_true(view_eq(p.match[1], VIEW("dot-nexthop")));
    assert_string_equal(level(TABLE, "f.example", "h", &p), "fingerprint");
    assert_int_equal(p.n_match, 3);
    assert_string_equal(LEVEL(TABLE, "bad.example"), "!");
    assert_true(logged("invalid security level \"strong\""));
    assert_string_equal(level(TABLE, "v.example", "h", &p), "verify");
    assert_int_equal(p.grade, TLS_GRADE_HIGH);
    assert_int_equal(p.protocols.least, 0x0304);
    assert_true(view_eq(p.own_exclude, VIEW("RC4")));
    assert_true(view_eq(p.servername, VIEW("hostname")));
    assert_true(p.reuse);
}

static void bad_attributes(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"", "invalid empty policy"},
        {"may match=x", "attribute \"match\" invalid at security level \"may\""},
        {"encrypt tafile=/x", "attribute \"tafile\" invalid"},
        {"may ciphers", "malformed attribute/value pair \"ciphers\""},
        {"may ciphers=", "attribute \"ciphers\" has empty value"},
        {"may ciphers=high ciphers=low", "specified multiple times"},
        {"may protocols=x", "attribute \"protocols\" has bad value: \"x\""},
        {"may connection_reuse=often", "has bad value"},
        {"may colour=red", "invalid attribute name: \"colour\""},
    };
    struct conf *c = load("");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_policy p;
        struct error e = ERROR_INIT;
        str_clear(&log_text);
        assert_int_equal(tls_policy_parse(c, false, VIEW("x.example"),
                                          view_of(cases[i].text), arena, &p, &e),
                         TEMPFAIL);
        assert_true(logged(cases[i].said));
    }
    struct tls_policy p;
    struct error e = ERROR_INIT;
    assert_int_equal(
        tls_policy_parse(c, false, VIEW("x"), VIEW("none match=y"), arena, &p, &e), OK);
    assert_true(logged("ignoring attribute \"match=y\" with TLS disabled"));
    conf_free(c);
}

#define SITES(main)                                                                      \
    main "\nsmtp_tls_per_site = inline:{ {n=NONE} {m=MAY} {p=MUST_NOPEERMATCH} {t=MUST}" \
         " {w=WHAT} }"
static const char *site(const char *text, const char *nexthop, const char *host)
{
    return level(text, nexthop, host, NULL);
}

/* postconf(5), smtp_tls_per_site. */
static void per_site(void **state)
{
    (void)state;
    assert_string_equal(site(SITES("smtp_use_tls = yes"), "x", "n"), "none");
    assert_string_equal(site(SITES(""), "m", "x"), "may");
    assert_string_equal(site(SITES(""), "m", "n"), "none");
    assert_string_equal(site(SITES(""), "n", "m"), "none");
    assert_string_equal(site(SITES("smtp_enforce_tls = yes"), "m", "x"), "verify");
    assert_string_equal(site(SITES("smtp_enforce_tls = yes"), "p", "x"), "encrypt");
    assert_string_equal(site(SITES(""), "n", "t"), "verify");
    assert_string_equal(site(SITES(""), "p", "t"), "verify");
    assert_string_equal(site(SITES(""), "t", "p"), "verify");
    assert_string_equal(site(SITES(""), "w", "x"), "!");
    assert_true(logged("unknown TLS policy 'WHAT'"));
}

/* What the peer proves, against what is asked. */
static void acceptance(void **state)
{
    struct error e = ERROR_INIT;
    struct tls_policy p = {.level = TLS_LEVEL_SECURE};
    struct tls_facts f = {.peer = TLS_PEER_TRUSTED};
    (void)state;
    assert_false(tls_policy_accepts(&p, &f, &e));
    assert_string_equal(e.text, "Server certificate not verified");
    f.peer = TLS_PEER_VERIFIED;
    assert_true(tls_policy_accepts(&p, &f, &e));
    p.level = TLS_LEVEL_ENCRYPT;
    f.peer = TLS_PEER_ANONYMOUS;
    assert_true(tls_policy_accepts(&p, &f, &e));
    p.level = TLS_LEVEL_HALF_DANE;
    f.peer = TLS_PEER_UNTRUSTED;
    assert_false(tls_policy_accepts(&p, &f, &e));
    f.peer = TLS_PEER_TRUSTED;
    assert_true(tls_policy_accepts(&p, &f, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_cf),    cmocka_unit_test(tables),
        cmocka_unit_test(per_site),   cmocka_unit_test(bad_attributes),
        cmocka_unit_test(acceptance),
    };
    arena = arena_new();
    log_set_hook(keep);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    str_done(&log_text);
    return failed;
}
