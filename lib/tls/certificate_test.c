/* certificate_test - names, prints and self-signed certificates */
#include "tls/expiry.h"
#include "tls/private.h"
#include "tls/self_signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena *arena;

static bool matches(const char *name, const char *pattern, bool many)
{
    return tls_name_matches(view_of(name), view_of(pattern), many);
}

/* RFC 6125 6.4; smtp_tls_verify_cert_match. */
static void names(void **state)
{
    (void)state;
    assert_true(matches("mx.example", "MX.Example", false));
    assert_true(matches("mx.example.", "mx.example", false));
    assert_false(matches("mx.example", "x.example", false));
    assert_true(matches("a.b.example", ".example", false));
    assert_false(matches("example", ".example", false));
    assert_false(matches("badexample", ".example", false));
    assert_true(matches("*.example", "mx.example", false));
    assert_false(matches("*.example", "example", false));
    assert_false(matches("*.example", "a.mx.example", false));
    assert_true(matches("*.example", "a.mx.example", true));
    assert_false(matches("*", "example", true));
    assert_false(matches("*.", "example", true));
    assert_false(matches("m*.example", "mx.example", true));
    assert_false(matches("", "", true));
    assert_false(matches("x", ".", true));
}

static X509 *made(const char *name)
{
    struct str text = STR_INIT(65536);
    struct error e = ERROR_INIT;
    assert_true(tls_self_signed_make(name, 30, &text, &e));
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    str_done(&text);
    assert_non_null(x);
    return x;
}

static void own_certificate(void **state)
{
    (void)state;
    X509 *x = made("mail.example");
    assert_true(
        view_eq(tls_certificate_subject(x, VIEW("p"), arena), VIEW("mail.example")));
    assert_true(tls_certificate_matches(x, VIEW("mail.example"), true, arena));
    assert_false(tls_certificate_matches(x, VIEW("other.example"), true, arena));
    X509_free(x);
    char name[101] = "";
    memset(name, 'a', 100); /* longer than a common name may be */
    memcpy(name + 50, ".", 1);
    x = made(name);
    assert_true(tls_certificate_matches(x, view_of(name), true, arena));
    X509_free(x);
}

static void prints(void **state)
{
    (void)state;
    X509 *x = made("mail.example");
    const EVP_MD *sha256 = tls_digest(VIEW("sha256"));
    struct view whole = tls_certificate_fingerprint(x, sha256, arena);
    struct view key = tls_certificate_key_fingerprint(x, sha256, arena);
    struct str bare = STR_INIT(200);
    assert_int_equal(whole.n, 32 * 3 - 1);
    assert_false(view_eq(whole, key));
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] != ':')
            str_add_char(&bare, (char)ascii_lower(key.p[i]));
    struct view list[] = {VIEW("00:11"), str_view(&bare)};
    assert_true(tls_fingerprint_is_listed(x, sha256, list, 2, arena));
    assert_false(tls_fingerprint_is_listed(x, sha256, list, 1, arena));
    list[0] = whole;
    assert_true(tls_fingerprint_is_listed(x, sha256, list, 1, arena));
    list[0] = view_sub(whole, 0, whole.n - 1);
    assert_false(tls_fingerprint_is_listed(x, sha256, list, 1, arena));
    list[0] = VIEW_NONE;
    assert_false(tls_fingerprint_is_listed(x, sha256, list, 1, arena));
    assert_null(tls_digest(VIEW("sha3000")));
    str_done(&bare);
    X509_free(x);
}

static struct str told = STR_INIT(4096);

static void hear(struct view text, void *arg)
{
    (void)arg;
    str_add(&told, text);
}

/* What is told of a certificate with DAYS to live. */
static const char *told_of(int days)
{
    struct str text = STR_INIT(65536), settings = STR_INIT(2048);
    struct error e = ERROR_INIT;
    struct conf *c;
    char path[] = "/tmp/certificate_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && tls_self_signed_make("old.example", days, &text, &e));
    assert_int_equal(write(fd, text.p, text.n), text.n);
    str_addf(&settings, "smtpd_tls_chain_files = %s\n", path);
    assert_true(conf_load_text("/", str_view(&settings), NULL, 0, &c, &e));
    str_clear(&told);
    tls_expiry_check(c, &tls_role_server, hear, NULL);
    conf_free(c);
    close(fd);
    (void)unlink(path);
    str_done(&settings);
    str_done(&text);
    return str_cstr(&told);
}

static void end_in_sight(void **state)
{
    (void)state;
    assert_string_equal(told_of(16), "");
    assert_non_null(strstr(told_of(10), "certificate /CN=old.example in /tmp/"));
    assert_non_null(strstr(str_cstr(&told), " days ("));
    assert_non_null(strstr(told_of(-1), "has ended ("));
    str_done(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(own_certificate),
        cmocka_unit_test(prints),
        cmocka_unit_test(end_in_sight),
    };
    arena = arena_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
