/* master_cf_test - reading master.cf */
#include "conf/master_cf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* S108: the services of a stock master.cf, chrooted as Debian does, its columns in their
 * order. */
static const char stock[] =
    "# service type  private unpriv  chroot  wakeup  maxproc command + args\n"
    "smtp      inet  n       -       y       -       -       smtpd\n"
    "#smtp      inet  n       -       y       -       1       postscreen\n"
    "#  -o syslog_name=postfix/submission\n"
    "pickup    unix  n       -       y       60      1       pickup\n"
    "cleanup   unix  n       -       y       -       0       cleanup\n"
    "qmgr      unix  n       -       n       300     1       qmgr\n"
    "tlsmgr    unix  -       -       y       1000?   1       tlsmgr\n"
    "rewrite   unix  -       -       y       -       -       trivial-rewrite\n"
    "bounce    unix  -       -       y       -       0       bounce\n"
    "defer     unix  -       -       y       -       0       bounce\n"
    "trace     unix  -       -       y       -       0       bounce\n"
    "verify    unix  -       -       y       -       1       verify\n"
    "flush     unix  n       -       y       1000?   0       flush\n"
    "proxymap  unix  -       -       n       -       -       proxymap\n"
    "proxywrite unix -       -       n       -       1       proxymap\n"
    "smtp      unix  -       -       y       -       -       smtp\n"
    "relay     unix  -       -       y       -       -       smtp\n"
    "        -o syslog_name=postfix/$service_name\n"
    "#       -o smtp_helo_timeout=5 -o smtp_connect_timeout=5\n"
    "showq     unix  n       -       y       -       -       showq\n"
    "error     unix  -       -       y       -       -       error\n"
    "retry     unix  -       -       y       -       -       error\n"
    "discard   unix  -       -       y       -       -       discard\n"
    "local     unix  -       n       n       -       -       local\n"
    "virtual   unix  -       n       n       -       -       virtual\n"
    "lmtp      unix  -       -       y       -       -       lmtp\n"
    "anvil     unix  -       -       y       -       1       anvil\n"
    "scache    unix  -       -       y       -       1       scache\n"
    "postlog   unix-dgram n  -       n       -       1       postlogd\n"
    "\n"
    "# pipes of other software\n"
    "maildrop  unix  -       n       n       -       -       pipe\n"
    "  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}\n"
    "uucp      unix  -       n       n       -       -       pipe\n"
    "  flags=Fqhu user=uucp argv=uux -r -n -z -a$sender - $nexthop!rmail ($recipient)\n";

static struct master_cf parse(struct arena *a, const char *text)
{
    struct master_cf m;
    struct error e = ERROR_INIT;

    if (!master_cf_parse("/cf/master.cf", view_of(text), a, &m, &e))
        fail_msg("%s", error_cstr(&e));
    return m;
}

static void test_s108_stock(void **state)
{
    struct arena *a = arena_new();
    struct master_cf m = parse(a, stock);
    const struct master_service *s;

    (void)state;
    assert_int_equal(m.n, 27);
    s = master_cf_find(&m, VIEW("smtp"));
    assert_int_equal(s->type, SERVICE_INET);
    assert_false(s->is_private);
    assert_true(s->unprivileged && s->chroot);
    assert_int_equal(s->maxproc, -1);
    assert_int_equal(s->line, 2);
    s = master_cf_find(&m, VIEW("smtp/unix"));
    assert_true(view_eq(s->command, VIEW("smtp")));
    assert_true(s->is_private);
    s = master_cf_find(&m, VIEW("tlsmgr"));
    assert_int_equal(s->wakeup, 1000);
    assert_true(s->wakeup_only_if_used);
    s = master_cf_find(&m, VIEW("qmgr"));
    assert_int_equal(s->wakeup, 300);
    assert_false(s->wakeup_only_if_used);
    assert_false(s->chroot);
    assert_int_equal(s->maxproc, 1);
    s = master_cf_find(&m, VIEW("relay"));
    assert_int_equal(s->n_overrides, 1);
    assert_string_equal(s->overrides[0], "syslog_name=postfix/$service_name");
    s = master_cf_find(&m, VIEW("postlog/unix-dgram"));
    assert_int_equal(s->type, SERVICE_UNIX_DGRAM);
    s = master_cf_find(&m, VIEW("local"));
    assert_false(s->unprivileged);
    assert_null(master_cf_find(&m, VIEW("nobody")));
    assert_null(master_cf_find(&m, VIEW("qmgr/inet")));
    arena_free(a);
}

/* The arguments of a pipe stay as they are, the - and -r behind argv= too. */
static void test_pipe_arguments(void **state)
{
    struct arena *a = arena_new();
    struct master_cf m = parse(a, stock);
    const struct master_service *s = master_cf_find(&m, VIEW("uucp"));
    static const char *const args[] = {
        "flags=Fqhu", "user=uucp", "argv=uux",       "-r",          "-n", "-z",
        "-a$sender",  "-",         "$nexthop!rmail", "($recipient)"};

    (void)state;
    assert_int_equal(s->n_args, 10);
    assert_int_equal(s->n_overrides, 0);
    for (size_t i = 0; i < 10; i++)
        assert_string_equal(s->args[i].p, args[i]);
    arena_free(a);
}

static void test_options(void **state)
{
    struct arena *a = arena_new();
    struct master_cf m = parse(
        a, "587 inet n - - - - smtpd -v -vD\n"
           "\t-o syslog_name=postfix/submission -osmtpd_sasl_auth_enable=yes\n"
           "# a comment inside\n"
           "  -o { smtpd_recipient_restrictions = permit_sasl_authenticated, reject }\n"
           "filter unix - n n - 10 pipe\n"
           "  flags=Rq user=filter argv={/usr/bin/my filter} {a b}\n");
    const struct master_service *s = &m.items[0];

    (void)state;
    assert_int_equal(s->verbose, 2);
    assert_true(s->debug);
    assert_int_equal(s->n_overrides, 3);
    assert_string_equal(s->overrides[1], "smtpd_sasl_auth_enable=yes");
    assert_string_equal(s->overrides[2],
                        "smtpd_recipient_restrictions=permit_sasl_authenticated, reject");
    assert_int_equal(s->n_args, 0);
    assert_string_equal(m.items[1].args[2].p, "argv={/usr/bin/my filter}");
    assert_string_equal(m.items[1].args[3].p, "a b");
    assert_int_equal(m.items[1].maxproc, 10);
    arena_free(a);
}

static void test_last_line_counts(void **state)
{
    struct arena *a = arena_new();
    struct master_cf m = parse(a, "smtp inet n - - - - smtpd\nx unix - - - - - error\n"
                                  "smtp inet n - - - 1 postscreen\n");

    (void)state;
    assert_int_equal(m.n, 2);
    assert_true(view_eq(m.items[0].command, VIEW("postscreen")));
    assert_int_equal(m.items[0].line, 3);
    arena_free(a);
}

static void test_disabled(void **state)
{
    static const struct {
        const char *list;
        bool smtp_inet, other_inet, smtp_unix;
    } cases[] = {
        {"", false, false, false},
        {"inet", true, true, false},
        {"smtp/inet", true, false, false},
        {"smtp.inet, unix", true, false, true},
        {"!smtp/inet, inet", false, true, false},
        {"127.0.0.1:25/inet", false, true, false},
    };
    const struct master_service smtp_inet = {.name = VIEW("smtp"), .type = SERVICE_INET};
    const struct master_service other = {.name = VIEW("127.0.0.1:25"),
                                         .type = SERVICE_INET};
    const struct master_service smtp_unix = {.name = VIEW("smtp"), .type = SERVICE_UNIX};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view list = view_of(cases[i].list);
        assert_int_equal(master_service_is_disabled(&smtp_inet, list),
                         cases[i].smtp_inet);
        assert_int_equal(master_service_is_disabled(&other, list), cases[i].other_inet);
        assert_int_equal(master_service_is_disabled(&smtp_unix, list),
                         cases[i].smtp_unix);
    }
}

static void refuse(const char *text, const char *place, const char *reason)
{
    struct arena *a = arena_new();
    struct master_cf m;
    struct error e = ERROR_INIT;

    assert_false(master_cf_parse("/cf/master.cf", view_of(text), a, &m, &e));
    assert_string_equal(e.place, place);
    if (view_find_view(view_of(e.text), view_of(reason)) == VIEW_NPOS)
        fail_msg("\"%s\" is not in \"%s\"", reason, e.text);
    arena_free(a);
}

static void test_faults(void **state)
{
    (void)state;
    refuse("\nsmtp inet n - - -\n", "/cf/master.cf:2", "missing \"process limit\" field");
    refuse("smtp inet n - - - -\n", "/cf/master.cf:1", "missing \"command\" field");
    refuse("smtp tcp n - - - - smtpd\n", "/cf/master.cf:1", "bad transport type field");
    refuse("smtp inet y - - - - smtpd\n", "/cf/master.cf:1", "can't be private");
    refuse("smtp inet n x - - - smtpd\n", "/cf/master.cf:1", "bad unprivileged field");
    refuse("q unix n - - 3x 1 qmgr\n", "/cf/master.cf:1", "bad wakeup time field");
    refuse("q unix n - - 3 -1 qmgr\n", "/cf/master.cf:1", "bad process limit field");
    refuse("q unix n - - 3 1 qmgr -o\n", "/cf/master.cf:1", "-o without");
    refuse("q unix n - - 3 1 qmgr -o x\n", "/cf/master.cf:1", "missing '='");
    refuse("q unix n - - 3 1 qmgr -o {x=y\n", "/cf/master.cf:1", "missing '}'");
    refuse("  q unix n - - 3 1 qmgr\n", "/cf/master.cf:1", "white space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s108_stock), cmocka_unit_test(test_pipe_arguments),
        cmocka_unit_test(test_options),    cmocka_unit_test(test_last_line_counts),
        cmocka_unit_test(test_faults),     cmocka_unit_test(test_disabled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
