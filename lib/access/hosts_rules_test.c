/* hosts_rules_test - hosts_access(5), pattern by pattern, and what is at fault */
#include "access/hosts_rules.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct str faults;

static void keep(void *arg, unsigned line, const char *text)
{
    (void)arg;
    str_addf(&faults, "%u: %s\n", line, text);
}

/* Two files there are. */
static bool read_named(void *arg, struct view path, struct arena *a, struct view *text,
                       struct error *e)
{
    (void)arg;
    (void)a;
    if (view_eq(path, VIEW("/friends")))
        *text = VIEW("192.0.2.0/24\n.friend.example, [2001:db8::]/32\n");
    else if (view_eq(path, VIEW("/loop")))
        *text = VIEW("/loop");
    else
        error_set(e, "4.3.5", "no such file");
    return !error_is_set(e);
}

static const struct hosts_reader reader = {.fault = keep, .read = read_named};

/* The line of the rule of TEXT that fits; 0: none, below zero: it denies. */
static int ask(const char *text, bool is_deny_file, const char *name, const char *address)
{
    const struct view names[] = {VIEW("smtpd"), VIEW("submission")};
    const bool is_paranoid = view_eq(view_of(name), VIEW("paranoid"));
    const struct hosts_client client = {.services = names,
                                        .n_services = 2,
                                        .name = view_of(is_paranoid ? "unknown" : name),
                                        .is_paranoid = is_paranoid,
                                        .address = view_of(address),
                                        .server_address = VIEW("198.51.100.1")};
    str_clear(&faults);
    struct hosts_rules *r = hosts_rules_parse(view_of(text), is_deny_file, &reader);
    const struct hosts_rule *rule = hosts_rules_find(r, &client);
    int line = !rule ? 0 : rule->denies ? -(int)rule->line : (int)rule->line;
    hosts_rules_free(r);
    return line;
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *name, *address;
        bool fits;
    } cases[] = {
        {"ALL: ALL", "unknown", "192.0.2.7", true},
        {"all : all", "unknown", "192.0.2.7", true},
        {"smtpd: 192.0.2.7", "unknown", "192.0.2.7", true},
        {"submission: 192.0.2.7", "unknown", "192.0.2.7", true},
        {"popd, sub*: 192.0.2.7", "unknown", "192.0.2.7", true},
        {"popd imapd: ALL", "unknown", "192.0.2.7", false},
        {"ALL EXCEPT smtpd: ALL", "unknown", "192.0.2.7", false},
        {"ALL EXCEPT popd: ALL", "unknown", "192.0.2.7", true},
        {"smtpd@198.51.100.1: ALL", "unknown", "192.0.2.7", true},
        {"smtpd@198.51.100.2: ALL", "unknown", "192.0.2.7", false},
        {"smtpd: 192.0.2.", "unknown", "192.0.2.7", true},
        {"smtpd: 192.0.2.", "unknown", "192.0.20.7", false},
        {"smtpd: 192.0.2.0/255.255.255.0", "unknown", "192.0.2.7", true},
        {"smtpd: 192.0.2.0/255.255.254.0", "unknown", "192.0.3.7", true},
        {"smtpd: 192.0.2.0/25", "unknown", "192.0.2.200", false},
        {"smtpd: [2001:db8::]/32", "unknown", "2001:db8::1", true},
        {"smtpd: [2001:db8::1]", "unknown", "2001:db8:0::1", true},
        {"smtpd: [2001:db8::]/32", "unknown", "2001:db9::1", false},
        {"smtpd: .example.com", "mx.Example.COM", "192.0.2.7", true},
        {"smtpd: .example.com", "example.com", "192.0.2.7", false},
        {"smtpd: .example.com", "badexample.com", "192.0.2.7", false},
        {"smtpd: mx.example.com", "mx.example.com", "192.0.2.7", true},
        {"smtpd: m?.*.com", "mx.example.com", "192.0.2.7", true},
        {"smtpd: *.org", "mx.example.com", "192.0.2.7", false},
        {"smtpd: 192.0.*7", "unknown", "192.0.2.7", true},
        {"smtpd: LOCAL", "pchris", "192.0.2.7", true},
        {"smtpd: LOCAL", "unknown", "192.0.2.7", false},
        {"smtpd: LOCAL", "pchris.maison.mrs", "192.0.2.7", false},
        {"smtpd: KNOWN", "pchris.maison.mrs", "192.0.2.7", true},
        {"smtpd: KNOWN", "unknown", "192.0.2.7", false},
        {"smtpd: KNOWN", "paranoid", "192.0.2.7", false},
        {"smtpd: UNKNOWN", "unknown", "192.0.2.7", true},
        {"smtpd: UNKNOWN", "paranoid", "192.0.2.7", false},
        {"smtpd: PARANOID", "paranoid", "192.0.2.7", true},
        {"smtpd: PARANOID", "unknown", "192.0.2.7", false},
        {"smtpd: 192.0.2. EXCEPT 192.0.2.7", "unknown", "192.0.2.7", false},
        {"smtpd: 192.0.2. EXCEPT 192.0.2.7", "unknown", "192.0.2.8", true},
        {"smtpd: ALL EXCEPT 192.0.2. EXCEPT 192.0.2.7", "unknown", "192.0.2.7", true},
        {"smtpd: ALL EXCEPT 192.0.2. EXCEPT 192.0.2.7", "unknown", "192.0.2.8", false},
        {"smtpd: ALL EXCEPT 192.0.2. EXCEPT 192.0.2.7", "unknown", "192.0.9.8", true},
        {"smtpd: /friends", "unknown", "192.0.2.7", true},
        {"smtpd: /friends", "a.friend.example", "192.0.9.7", true},
        {"smtpd: /friends", "unknown", "2001:db8::9", true},
        {"smtpd: ALL EXCEPT /friends", "unknown", "192.0.2.7", false},
        {"# smtpd: ALL\n\n  \nsmtpd: 192.0.9.9 \\\n  192.0.2.7", "unknown", "192.0.2.7",
         true},
        {"\\127.0.0.1\\:25 smtpd : 192.0.2.7", "unknown", "192.0.2.7", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int line = ask(cases[i].rule, false, cases[i].name, cases[i].address);
        if ((line != 0) != cases[i].fits || faults.n > 0)
            fail_msg("%s for %s[%s]: %d %s", cases[i].rule, cases[i].name,
                     cases[i].address, line, str_cstr(&faults));
    }
}

static void order_and_options(void **state)
{
    (void)state;
    static const char rules[] = "smtpd: 192.0.2.7\n"
                                "smtpd: 192.0.2. : deny\n"
                                "smtpd: \\\n 198.51.100. : ALLOW\n"
                                "ALL: ALL\n";
    assert_int_equal(ask(rules, false, "unknown", "192.0.2.7"), 1);
    assert_int_equal(ask(rules, false, "unknown", "192.0.2.8"), -2);
    assert_int_equal(ask(rules, false, "unknown", "198.51.100.9"), 3);
    assert_int_equal(ask(rules, false, "unknown", "10.0.0.1"), 5);
    assert_int_equal(ask(rules, true, "unknown", "192.0.2.7"), -1);
    assert_int_equal(ask(rules, true, "unknown", "198.51.100.9"), 3);
    assert_int_equal(faults.n, 0);
}

/* What is at fault never lets anybody in. */
static void faulty(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int allow, deny; /* what comes of it in either file */
        const char *fault;
    } cases[] = {
        {"smtpd ALL", 0, 0,
         "1: no \":\" between daemons and clients; the line is passed"},
        {"smtpd:", 0, -1, "1: no client\n"},
        {":ALL", 0, -1, "1: no daemon\n"},
        {"smtpd: chris@192.0.2.7", 0, -1, "names of users at clients are not supported"},
        {"smtpd: @group", 0, -1, "netgroups are not supported"},
        {"smtpd: ALL EXCEPT @group", 0, -1, "netgroups are not supported"},
        {"smtpd: 192.0.2.1/24", 0, -1, "bad network: non-null host"},
        {"smtpd: 192.0.2.0/255.0.255.0", 0, -1, "bad mask"},
        {"smtpd: /nowhere", 0, -1, "no such file"},
        {"smtpd: /loop", 0, -1, "too deep"},
        {"smtpd@: ALL", 0, -1, "not of the form daemon@host"},
        {"smtpd: ALL: spawn (rm -rf /) &", -1, -1, "\"spawn\" is not supported"},
        {"smtpd: ALL: twist /bin/echo no", -1, -1, "\"twist\" is not supported"},
        {"smtpd: ALL: severity mail.info: allow", -1, -1, "\"severity\" is not"},
        {"smtpd: ALL: allow: deny", -1, -1, "must be the last"},
        {"smtpd: ALL:", -1, -1, "an empty option"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int allow = ask(cases[i].rule, false, "unknown", "192.0.2.7");
        int deny = ask(cases[i].rule, true, "unknown", "192.0.2.7");
        if (allow != cases[i].allow || deny != cases[i].deny ||
            !strstr(str_cstr(&faults), cases[i].fault))
            fail_msg("%s: %d %d %s", cases[i].rule, allow, deny, str_cstr(&faults));
    }
}

static void bounds(void **state)
{
    (void)state;
    struct str text = STR_INIT(1 << 20);
    str_add_cstr(&text, "smtpd: 192.0.2.7");
    for (int i = 0; i < HOSTS_LINE_MAX / 4; i++)
        str_add_cstr(&text, " a.b.");
    assert_int_equal(ask(str_cstr(&text), false, "unknown", "192.0.2.7"), -1);
    assert_non_null(strstr(str_cstr(&faults), "1: a line of more than 65536 bytes"));
    str_set(&text, VIEW("smtpd: 192.0.2.7 : allow\nsmtpd: ALL"));
    for (int i = 0; i < 100; i++)
        str_add_cstr(&text, " EXCEPT ALL");
    assert_int_equal(ask(str_cstr(&text), true, "unknown", "192.0.2.7"), 1);
    assert_non_null(strstr(str_cstr(&faults), "2: more than 32 times EXCEPT"));
    str_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(order_and_options),
        cmocka_unit_test(faulty),
        cmocka_unit_test(bounds),
    };
    str_init(&faults, 65536);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    str_done(&faults);
    return failed;
}
