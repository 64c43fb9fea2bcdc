/* password_test - every scheme against known values, and what is made against itself */
#include "sasl/password.h"

#include "base/memory.h"
#include "sasl/scram_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static enum password_match check(const char *stored, const char *password)
{
    struct error e = ERROR_INIT;
    enum password_match m = password_check(view_of(stored), view_of(password), &e);
    if (m == PASSWORD_UNUSABLE)
        assert_true(error_is_set(&e));
    return m;
}

/* Values that other programs made. */
static void test_known_values(void **state)
{
    (void)state;
    static const struct {
        const char *stored, *password;
    } known[] = {
        {"{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
         "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
         "Hello world!"},
        {"{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
         "Hello world!"},
        {"{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99", "password"},
        {"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "password"},
        {"{SHA.HEX}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "password"},
        {"{SHA256}XohImNooBHFR0OVvjcYpJ3NgPQ1qq73WKhHvch0VQtg=", "password"},
        {"{PLAIN}pass word", "pass word"},
        {"{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
         "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtb"
         "sT4qY=,wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
         "pencil"}, /* RFC 7677 3 */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(check(known[i].stored, known[i].password), PASSWORD_MATCHES);
        assert_int_equal(check(known[i].stored, "other"), PASSWORD_DIFFERS);
        assert_int_equal(check(known[i].stored, ""), PASSWORD_DIFFERS);
    }
}

static void test_made_values(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ARGON2ID",    "PLAIN",         "CRYPT",   "SHA512-CRYPT", "BLF-CRYPT",
        "MD5-CRYPT",   "SSHA",          "SMD5",    "SSHA256",      "SSHA512.HEX",
        "SCRAM-SHA-1", "SCRAM-SHA-256", "LDAP-MD5"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error e = ERROR_INIT;
        struct str first = STR_INIT(PASSWORD_STORED_MAX), second = STR_INIT(4096);
        assert_true(
            password_make(view_of(names[i]), VIEW("s3cret \xc3\xa9"), &first, &e));
        assert_true(password_is_of(str_view(&first), view_of(names[i])));
        assert_int_equal(check(str_cstr(&first), "s3cret \xc3\xa9"), PASSWORD_MATCHES);
        assert_int_equal(check(str_cstr(&first), "s3cret"), PASSWORD_DIFFERS);
        assert_true(
            password_make(view_of(names[i]), VIEW("s3cret \xc3\xa9"), &second, &e));
        bool is_salted = i != 1 && i != 12;
        assert_int_equal(view_eq(str_view(&first), str_view(&second)), !is_salted);
        str_done(&first);
        str_done(&second);
    }
}

/* One user, several forms: each mechanism finds its own. */
static void test_several_values(void **state)
{
    (void)state;
    struct view value;
    struct str clear = STR_INIT(100);
    struct view stored = VIEW("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g= {PLAIN}a b");
    struct error e = ERROR_INIT;
    assert_int_equal(password_check(stored, VIEW("password"), &e), PASSWORD_MATCHES);
    assert_int_equal(password_check(stored, VIEW("a b"), &e), PASSWORD_MATCHES);
    assert_int_equal(password_check(stored, VIEW("a"), &e), PASSWORD_DIFFERS);
    assert_true(password_find_clear(stored, &clear));
    assert_string_equal(str_cstr(&clear), "a b");
    assert_true(password_find(stored, VIEW("sha"), &value));
    assert_false(password_find(stored, VIEW("SCRAM-SHA-1"), &value));
    str_done(&clear);
}

static void test_unusable_values(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{SHA",
                                      "{NONE-SUCH}x",
                                      "{SHA}%%",
                                      "{SSHA}",
                                      "{ARGON2ID}x",
                                      "{SHA.OCT}17",
                                      "{CRYPT}*",
                                      "{SCRAM-SHA-256}0,AA==,AA==,AA==",
                                      "{PLAIN-MD5}5f4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_not_equal(check(bad[i], "x"), PASSWORD_MATCHES);
    assert_int_equal(check("{NONE-SUCH}x", "x"), PASSWORD_UNUSABLE);
    struct error e = ERROR_INIT;
    struct str out = STR_INIT(100);
    assert_false(password_make(VIEW("NONE-SUCH"), VIEW("x"), &out, &e));
    assert_non_null(strstr(e.text, "NONE-SUCH"));
    str_done(&out);
}

/* A password of any length costs no more than the limit allows. */
static void test_long_password(void **state)
{
    (void)state;
    struct error e = ERROR_INIT;
    char *long_one = memory_alloc(2 * PASSWORD_MAX);
    memset(long_one, 'x', 2 * PASSWORD_MAX);
    assert_int_equal(
        password_check(VIEW("{PLAIN}x"), (struct view){long_one, 2 * PASSWORD_MAX}, &e),
        PASSWORD_DIFFERS);
    memory_free(long_one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),   cmocka_unit_test(test_made_values),
        cmocka_unit_test(test_several_values), cmocka_unit_test(test_unusable_values),
        cmocka_unit_test(test_long_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
