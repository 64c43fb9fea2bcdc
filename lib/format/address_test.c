/* address_test - paths, quoting, host names, extensions */
#include "address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct address_options lenient = {.eight_bit = ADDRESS_8BIT_ANY};
static struct address_options strict = {.strict = true, .eight_bit = ADDRESS_8BIT_NONE};

static void expect_path(const struct address_options *options, const char *path,
                        enum address_fault fault, const char *address)
{
    struct str out = STR_INIT(ADDRESS_MAX);
    enum address_fault got = address_parse_path(view_of(path), options, &out);
    if (got != fault || (got == ADDRESS_OK && strcmp(str_cstr(&out), address) != 0))
        fail_msg("path %s: %s, '%s'", path, address_fault_text(got), str_cstr(&out));
    str_done(&out);
}

/* S022: what the course types after MAIL FROM and RCPT TO, and looser forms. */
static void test_path_lenient(void **state)
{
    static const struct {
        const char *path, *address;
    } good[] = {
        {"<christian.caleca@wanadoo.fr>", "christian.caleca@wanadoo.fr"},
        {" <eme13@enprovence.com>", "eme13@enprovence.com"},
        {"eme13@enprovence.com", "eme13@enprovence.com"},
        {"< a@b >", "a@b"},
        {"<postmaster>", "postmaster"},
        {"<Postmaster>", "Postmaster"},
        {"<@a,@b:user@c>", "user@c"},
        {"<\"a b\"@c>", "a b@c"},
        {"<a\\ b@c>", "a b@c"},
        {"<\"a@b\"@c>", "a@b@c"},
        {"<user%relay@host>", "user%relay@host"},
        {"<host!user@gate>", "host!user@gate"},
        {"<host!user>", "host!user"},
        {"<user@[192.0.2.1]>", "user@[192.0.2.1]"},
        {"<user@[IPv6:2001:db8::1]>", "user@[IPv6:2001:db8::1]"},
        {"Chris <chris@host>", "chris@host"},
        {"<chris@host> (Chris)", "chris@host"},
        {"<user@host.>", "user@host."},
        {"<\xc3\xa9t\xc3\xa9@caf\xc3\xa9.example>",
         "\xc3\xa9t\xc3\xa9@caf\xc3\xa9.example"},
        {"<.a@b>", ".a@b"},
        {"<a..b@c>", "a..b@c"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        expect_path(&lenient, good[i].path, ADDRESS_OK, good[i].address);
    (void)state;
}

static void test_path_refused(void **state)
{
    static const struct {
        const char *path;
        enum address_fault fault;
    } bad[] = {
        {"", ADDRESS_EMPTY},
        {"<>", ADDRESS_EMPTY},
        {"(comment)", ADDRESS_SYNTAX},
        {"<a@b> <c@d>", ADDRESS_SYNTAX},
        {"a b@c", ADDRESS_SYNTAX},
        {"<a b@c>", ADDRESS_SYNTAX},
        {"a@b, c@d", ADDRESS_SYNTAX},
        {"<a@b> extra", ADDRESS_SYNTAX},
        {"<a@b\r\nDATA>", ADDRESS_SYNTAX},
        {"<\"a\nb\"@c>", ADDRESS_SYNTAX},
        {"<a@b\x7f>", ADDRESS_SYNTAX},
        {"<@host>", ADDRESS_SYNTAX},
        {"<a@>", ADDRESS_BAD_DOMAIN},
        {"<a@b..c>", ADDRESS_BAD_DOMAIN},
        {"<a@-b.c>", ADDRESS_BAD_DOMAIN},
        {"<a@1.2.3.4>", ADDRESS_BAD_DOMAIN},
        {"<a@[1.2.3]>", ADDRESS_BAD_DOMAIN},
        {"<a@[IPv6:::g]>", ADDRESS_BAD_DOMAIN},
        {"<a@[2001:db8::1]>", ADDRESS_BAD_DOMAIN},
        {"<a@b@c_d->", ADDRESS_BAD_DOMAIN},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_path(&lenient, bad[i].path, bad[i].fault, "");
    (void)state;
}

static void test_path_strict(void **state)
{
    expect_path(&strict, "<a@b>", ADDRESS_OK, "a@b");
    expect_path(&strict, "<\"a b\"@c>", ADDRESS_OK, "a b@c");
    expect_path(&strict, "<@a:b@c>", ADDRESS_OK, "b@c");
    expect_path(&strict, "a@b", ADDRESS_SYNTAX, "");
    expect_path(&strict, "<a@b> (x)", ADDRESS_SYNTAX, "");
    expect_path(&strict, "<a@b(x)>", ADDRESS_SYNTAX, "");
    expect_path(&strict, "X <a@b>", ADDRESS_SYNTAX, "");
    expect_path(&strict, "<a@caf\xc3\xa9>", ADDRESS_NOT_ASCII, "");
    (void)state;
}

static void test_path_null_and_utf8(void **state)
{
    struct address_options o = {.allow_empty = true, .eight_bit = ADDRESS_8BIT_UTF8};
    expect_path(&o, "<>", ADDRESS_OK, "");
    expect_path(&o, "< >", ADDRESS_OK, "");
    expect_path(&o, "", ADDRESS_EMPTY, "");
    expect_path(&o, "<\xc3\xa9@caf\xc3\xa9>", ADDRESS_OK, "\xc3\xa9@caf\xc3\xa9");
    expect_path(&o, "<\xe9@host>", ADDRESS_NOT_UTF8, "");
    (void)state;
}

static void test_path_length(void **state)
{
    static char path[2 * ADDRESS_QUOTED_MAX];
    memset(path, 'a', sizeof path);
    path[ADDRESS_MAX + 3] = 0;
    expect_path(&lenient, path, ADDRESS_TOO_LONG, "");
    path[ADDRESS_MAX + 3] = 'a';
    path[sizeof path - 1] = 0;
    expect_path(&lenient, path, ADDRESS_TOO_LONG, "");
    (void)state;
}

static void expect_quoted(const char *internal, const char *external)
{
    struct str out = STR_INIT(ADDRESS_QUOTED_MAX);
    assert_true(address_quote_821(view_of(internal), &out));
    assert_string_equal(str_cstr(&out), external);
    str_clear(&out);
    assert_true(address_quote_822(view_of(internal), &out));
    assert_string_equal(str_cstr(&out), external);
    str_clear(&out);
    assert_true(address_unquote(view_of(external), &out));
    assert_string_equal(str_cstr(&out), internal);
    str_done(&out);
}

static void test_quote(void **state)
{
    expect_quoted("", "");
    expect_quoted("a@b", "a@b");
    expect_quoted("plain", "plain");
    expect_quoted("a b@c", "\"a b\"@c");
    expect_quoted("a@b@c", "\"a@b\"@c");
    expect_quoted("a\"b\\c@d", "\"a\\\"b\\\\c\"@d");
    expect_quoted(".a@b", "\".a\"@b");
    expect_quoted("a.@b", "\"a.\"@b");
    expect_quoted("a..b@c", "\"a..b\"@c");
    expect_quoted("@b", "\"\"@b");
    expect_quoted("\xc3\xa9@b", "\xc3\xa9@b");
    (void)state;
}

static void test_split(void **state)
{
    struct view local, domain;
    assert_true(address_split(VIEW("a@b@c"), &local, &domain));
    assert_true(view_eq(local, VIEW("a@b")) && view_eq(domain, VIEW("c")));
    assert_false(address_split(VIEW("chris"), &local, &domain));
    assert_true(view_eq(local, VIEW("chris")) && domain.n == 0);
    assert_true(address_split_external(VIEW("\"a@b\"@c"), &local, &domain));
    assert_true(view_eq(local, VIEW("\"a@b\"")) && view_eq(domain, VIEW("c")));
    assert_false(address_split_external(VIEW("a\\@b"), &local, &domain));
    assert_false(address_split_external(VIEW("\"a@b"), &local, &domain));
    (void)state;
}

static void test_hostname(void **state)
{
    static const char *const good[] = {"a",   "gw1.maison.mrs", "a_b.c",   "1a",
                                       "1-2", "xn--a.b",        "3com.com"};
    static const char *const bad[] = {"",   ".",    "a..b", ".a",
                                      "a.", "-a.b", "a-.b", "1.2.3.4",
                                      "12", "a b",  "a/b",  "caf\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(hostname_is_valid(view_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(hostname_is_valid(view_of(bad[i])));
    assert_true(hostname_is_valid_utf8(VIEW("caf\xc3\xa9.fr")));
    assert_false(hostname_is_valid_utf8(VIEW("caf\xe9.fr")));
    char label[65];
    memset(label, 'a', sizeof label);
    assert_true(hostname_is_valid((struct view){label, 63}));
    assert_false(hostname_is_valid((struct view){label, 64}));
    (void)state;
}

static void test_ip(void **state)
{
    static const char *const good6[] = {"::",
                                        "::1",
                                        "1::",
                                        "1:2:3:4:5:6:7:8",
                                        "::ffff:1.2.3.4",
                                        "1:2:3:4:5:6:1.2.3.4",
                                        "2001:db8::1",
                                        "1:2:3:4:5:6::8"};
    static const char *const bad6[] = {
        "",        ":",       ":::",   "1:",           "1:2:3:4:5:6:7:8:9", "1::2::3",
        "12345::", "::1.2.3", ":1::2", "fe80::1%eth0", "1.2.3.4::",         "::g"};
    static const char *const bad4[] = {"",         "1.2.3",     "256.1.1.1", "1.2.3.4.5",
                                       "0.1.2.3",  "1..2.3",    "1.2.3.4 ",  "a.b.c.d",
                                       "-1.2.3.4", "1.2.3.0004"};
    for (size_t i = 0; i < sizeof good6 / sizeof good6[0]; i++)
        assert_true(ipv6_is_valid(view_of(good6[i])));
    for (size_t i = 0; i < sizeof bad6 / sizeof bad6[0]; i++)
        assert_false(ipv6_is_valid(view_of(bad6[i])));
    for (size_t i = 0; i < sizeof bad4 / sizeof bad4[0]; i++)
        assert_false(ipv4_is_valid(view_of(bad4[i])));
    assert_true(ipv4_is_valid(VIEW("0.0.0.0")) && ipv4_is_valid(VIEW("192.168.0.10")));
    struct view inner;
    assert_true(host_literal_is_valid(VIEW("[IPv6:::1]"), &inner));
    assert_true(view_eq(inner, VIEW("::1")));
    assert_false(host_literal_is_valid(VIEW("[]"), NULL));
    assert_false(host_literal_is_valid(VIEW("[1.2.3.4"), NULL));
    (void)state;
}

static void expect_extension(const char *set, const char *local, const char *user,
                             const char *extension)
{
    struct address_delimiters d = {.set = view_of(set), .ownreq_special = true};
    struct view u, e;
    bool split = address_split_extension(view_of(local), &d, &u, &e);
    assert_int_equal(split, extension != NULL);
    assert_true(view_eq(u, view_of(user)));
    assert_true(view_eq(e, view_of(extension)));
}

/* recipient_delimiter, with postconf(5)'s exceptions. */
static void test_extension(void **state)
{
    expect_extension("+", "user+ext", "user", "ext");
    expect_extension("+", "user", "user", NULL);
    expect_extension("", "user+ext", "user+ext", NULL);
    expect_extension("+", "+ext", "+ext", NULL);
    expect_extension("+", "user+", "user", "");
    expect_extension("+-", "user-a+b", "user", "a+b");
    expect_extension("-", "owner-list", "owner-list", NULL);
    expect_extension("-", "list-request", "list-request", NULL);
    expect_extension("-", "MAILER-DAEMON", "MAILER-DAEMON", NULL);
    expect_extension("-", "double-bounce", "double-bounce", NULL);
    expect_extension("+", "owner-list+x", "owner-list", "x");
    expect_extension("-", "list-request-x", "list", "request-x");
    (void)state;
}

static void test_strip_and_add_extension(void **state)
{
    struct address_delimiters d = {.set = VIEW("+")};
    struct str out = STR_INIT(100);
    struct view extension;
    assert_true(address_strip_extension(VIEW("user+x@host"), &d, &out, &extension));
    assert_string_equal(str_cstr(&out), "user@host");
    assert_true(view_eq(extension, VIEW("+x")));
    str_clear(&out);
    assert_false(address_strip_extension(VIEW("user@host"), &d, &out, &extension));
    assert_string_equal(str_cstr(&out), "user@host");
    str_clear(&out);
    assert_true(address_add_extension(VIEW("other@dom"), VIEW("+x"), &out));
    assert_string_equal(str_cstr(&out), "other+x@dom");
    str_done(&out);
    (void)state;
}

static void test_fold(void **state)
{
    struct str out = STR_INIT(100);
    assert_true(address_fold(
        VIEW("Chris@GW1.Maison.MRS \xc3\x89t\xc3\xa9 \xd0\x96 \xce\xa9"), &out));
    assert_string_equal(str_cstr(&out),
                        "chris@gw1.maison.mrs \xc3\xa9t\xc3\xa9 \xd0\xb6 \xcf\x89");
    str_clear(&out);
    assert_true(address_fold(VIEW("A\xc3"), &out)); /* not UTF-8: bytes stay */
    assert_string_equal(str_cstr(&out), "a\xc3");
    str_done(&out);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_lenient),
        cmocka_unit_test(test_path_refused),
        cmocka_unit_test(test_path_strict),
        cmocka_unit_test(test_path_null_and_utf8),
        cmocka_unit_test(test_path_length),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_hostname),
        cmocka_unit_test(test_ip),
        cmocka_unit_test(test_extension),
        cmocka_unit_test(test_strip_and_add_extension),
        cmocka_unit_test(test_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
