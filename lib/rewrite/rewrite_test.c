/* rewrite_test - the form of addresses and their destinations
 *
 * Rows S082 S083 S096 S124 S125 S126 S152 S153.  The expected values were taken from
 * trivial-rewrite(8), transport(5) and ADDRESS_CLASS_README.
 */
#include "rewrite/recipients.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct conf *conf;
static struct rewrite *rewrite;
static struct arena *arena;

static const char base[] = "compatibility_level = 3.6\n"
                           "myhostname = gw1.maison.mrs\n"
                           "mydomain = maison.mrs\n"
                           "inet_interfaces = 127.0.0.1\n"
                           "proxy_interfaces = 192.0.2.77\n"
                           "mydestination = $myhostname, $mydomain\n";

static unsigned n_logged;

static void quiet(enum log_level level, const char *text)
{
    (void)level;
    (void)text;
    n_logged++;
}

/* Start over with MORE behind the common settings. */
static void use(const char *more)
{
    static char text[8192];
    struct error e = ERROR_INIT;
    rewrite_free(rewrite);
    conf_free(conf);
    arena_free(arena);
    snprintf(text, sizeof text, "%s%s", base, more);
    if (!conf_load_text("/nonexistent", view_of(text), NULL, 0, &conf, &e))
        fail_msg("%s", error_cstr(&e));
    rewrite = rewrite_new(conf);
    arena = arena_new();
}

static int teardown(void **state)
{
    (void)state;
    rewrite_free(rewrite);
    conf_free(conf);
    arena_free(arena);
    return 0;
}

static void form(enum rewrite_context context, const char *from, const char *to)
{
    struct view got = rewrite_address(rewrite, context, view_of(from), arena);
    if (!view_eq(got, view_of(to)))
        fail_msg("<%s> became <%.*s>, not <%s>", from, VIEW_FMT(got), to);
}

/* SENDER and FROM give "transport|nexthop|recipient". */
static void goes(const char *sender, const char *from, const char *to)
{
    struct resolved r;
    struct error e = ERROR_INIT;
    char text[1024];
    if (resolve_address(rewrite, view_of(sender), view_of(from), arena, &r, &e) != OK)
        fail_msg("<%s>: %s", from, error_cstr(&e));
    snprintf(text, sizeof text, "%.*s|%.*s|%.*s", VIEW_FMT(r.transport),
             VIEW_FMT(r.nexthop), VIEW_FMT(r.recipient));
    assert_string_equal(text, to);
}

/* S082 S096 S125: chris, user@host, bang paths. */
static void test_local_form(void **state)
{
    (void)state;
    use("append_dot_mydomain = yes\n");
    form(REWRITE_LOCAL, "", "");
    form(REWRITE_LOCAL, "@", "@");
    form(REWRITE_LOCAL, "@[IPv6:::1]", "@[IPv6:::1]");
    form(REWRITE_LOCAL, "chris", "chris@gw1.maison.mrs");
    form(REWRITE_LOCAL, "user@host", "user@host.maison.mrs");
    form(REWRITE_LOCAL, "user@host.", "user@host");
    form(REWRITE_LOCAL, "user@host.org.", "user@host.org");
    form(REWRITE_LOCAL, "user@host..", "user@host..");
    form(REWRITE_LOCAL, "user@.", "user@.");
    form(REWRITE_LOCAL, "user@[1.2.3.4]", "user@[1.2.3.4]");
    form(REWRITE_LOCAL, "user@", "user@");
    form(REWRITE_LOCAL, "host!user", "user@host.maison.mrs");
    form(REWRITE_LOCAL, "a.org!b!user", "b!user@a.org");
    form(REWRITE_LOCAL, "host!user@x.org", "host!user@x.org");
    form(REWRITE_LOCAL, "user%x.org", "user@x.org");
    form(REWRITE_LOCAL, "user%x.org%y.org", "user%x.org@y.org");
    form(REWRITE_LOCAL, "two words!x", "two words!x@gw1.maison.mrs");
    form(REWRITE_LOCAL, "@a,@b:user@c.org", "user@c.org");
    form(REWRITE_NONE, "chris", "chris");
}

/* S126, and what is switched off. */
static void test_form_settings(void **state)
{
    (void)state;
    use("myorigin = $mydomain\nappend_dot_mydomain = no\n"
        "swap_bangpath = no\nallow_percent_hack = no\n");
    form(REWRITE_LOCAL, "root", "root@maison.mrs");
    form(REWRITE_LOCAL, "user@host", "user@host");
    form(REWRITE_LOCAL, "host!user", "host!user@maison.mrs");
    form(REWRITE_LOCAL, "user%host", "user%host@maison.mrs");
    use("append_at_myorigin = no\n");
    form(REWRITE_LOCAL, "chris", "chris");
}

static void test_remote_form(void **state)
{
    (void)state;
    use("append_dot_mydomain = yes\n");
    form(REWRITE_REMOTE, "chris", "chris");
    form(REWRITE_REMOTE, "host!user", "host!user");
    use("append_dot_mydomain = yes\nremote_header_rewrite_domain = domain.invalid\n");
    form(REWRITE_REMOTE, "chris", "chris@domain.invalid");
    form(REWRITE_REMOTE, "chris@x", "chris@x.domain.invalid");
    form(REWRITE_REMOTE, "host.org!user", "user@host.org");
}

/* S124: both names of this host reach the same mailbox. */
static void test_local_class(void **state)
{
    (void)state;
    use("");
    goes("", "chris@maison.mrs", "local|gw1.maison.mrs|chris@maison.mrs");
    goes("", "chris@GW1.maison.mrs.", "local|gw1.maison.mrs|chris@GW1.maison.mrs");
    goes("", "chris", "local|gw1.maison.mrs|chris@gw1.maison.mrs");
    goes("", "", "local|gw1.maison.mrs|MAILER-DAEMON@gw1.maison.mrs");
    goes("", "chris@[127.0.0.1]", "local|gw1.maison.mrs|chris@[127.0.0.1]");
    goes("", "chris@[192.0.2.77]", "local|gw1.maison.mrs|chris@[192.0.2.77]");
    goes("", "chris@[192.0.2.78]", "smtp|[192.0.2.78]|chris@[192.0.2.78]");
}

static void test_hidden_destinations(void **state)
{
    (void)state;
    use("");
    goes("", "u%x.org@maison.mrs", "smtp|x.org|u@x.org");
    goes("", "x.org!u@maison.mrs", "smtp|x.org|u@x.org");
    goes("", "u@x.org@maison.mrs", "smtp|x.org|u@x.org");
    goes("", "a b@x.org@maison.mrs", "smtp|x.org|a b@x.org");
    goes("", "u%maison.mrs@gw1.maison.mrs", "local|gw1.maison.mrs|u@maison.mrs");
    goes("", "u%x.org@other.org", "smtp|other.org|u%x.org@other.org");
    use("resolve_dequoted_address = no\n");
    goes("", "u@x.org@maison.mrs", "local|gw1.maison.mrs|u@x.org@maison.mrs");
}

static void test_invalid(void **state)
{
    (void)state;
    const char *bad[] = {"u@a..b",       "u@1.2.3.4", "u@",     "-u@x.org",
                         "u@[1.2.3]",    "@",         "%",      "!",
                         "@@maison.mrs", "u@-a.org",  "u@x\xff"};
    use("");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct resolved r;
        assert_int_equal(
            resolve_address(rewrite, VIEW(""), view_of(bad[i]), arena, &r, NULL), OK);
        if (!r.is_error || !view_eq(r.nexthop, VIEW("5.1.3 bad address syntax")))
            fail_msg("<%s> went to %.*s", bad[i], VIEW_FMT(r.transport));
    }
    use("resolve_null_domain = yes\nresolve_numeric_domain = yes\nallow_min_user = "
        "yes\n");
    goes("", "u@", "local|gw1.maison.mrs|u@gw1.maison.mrs");
    goes("", "u@1.2.3.4", "smtp|[1.2.3.4]|u@[1.2.3.4]");
    goes("", "u@127.0.0.1", "local|gw1.maison.mrs|u@[127.0.0.1]");
    goes("", "-u@x.org", "smtp|x.org|-u@x.org");
}

static void test_classes(void **state)
{
    (void)state;
    use("virtual_alias_domains = alias.org\n"
        "virtual_mailbox_domains = inline:{ box.org=x }\n"
        "relay_domains = relay.org\n"
        "parent_domain_matches_subdomains = relay_domains\n"
        "relayhost = [smart.org]:587\n");
    goes("", "u@alias.org",
         "error|5.1.1 User unknown in virtual alias table|u@alias.org");
    goes("", "u@BOX.org", "virtual|BOX.org|u@BOX.org");
    goes("", "u@relay.org", "relay|[smart.org]:587|u@relay.org");
    goes("", "u@sub.relay.org", "relay|[smart.org]:587|u@sub.relay.org");
    goes("", "u@else.org", "smtp|[smart.org]:587|u@else.org");
    use("relay_domains = relay.org\nrelay_transport = lmtp:unix:sock\n"
        "default_transport = smtp:[x]:26\nrelayhost = smart.org\n");
    goes("", "u@relay.org", "lmtp|unix:sock|u@relay.org");
    goes("", "u@else.org", "smtp|[x]:26|u@else.org");
}

static void test_sender_dependent(void **state)
{
    (void)state;
    use("sender_dependent_relayhost_maps = inline:{ a@x.org=[a.org] @y.org=DUNNO "
        "{<>=[null.org]} }\n"
        "sender_dependent_default_transport_maps = inline:{ b@x.org=slow:hop }\n"
        "relayhost = [smart.org]\n");
    goes("a@x.org", "u@else.org", "smtp|[a.org]|u@else.org");
    goes("q@y.org", "u@else.org", "smtp|else.org|u@else.org");
    goes("", "u@else.org", "smtp|[null.org]|u@else.org");
    goes("b@x.org", "u@else.org", "slow|hop|u@else.org");
    goes("c@x.org", "u@else.org", "smtp|[smart.org]|u@else.org");
}

/* S152 S153: aol.com, .aol.com, transport results. */
static void test_transport_maps(void **state)
{
    (void)state;
    use("recipient_delimiter = +\nparent_domain_matches_subdomains =\nrelayhost = "
        "[smart.org]\n"
        "transport_maps = inline:{ {aol.com=smtp:smtp.wanadoo.fr} "
        "{.aol.com=:[sub.org]:25}\n"
        "  {slow.org=slow:} {same.org=:} {u@same.org=special} {err.org=error:} \n"
        "  {u+x@same.org=plus:p} {gw1.maison.mrs=uucp:} }\n");
    goes("", "u@aol.com", "smtp|smtp.wanadoo.fr|u@aol.com");
    goes("", "u@sub.aol.com", "smtp|[sub.org]:25|u@sub.aol.com");
    goes("", "u@slow.org", "slow|slow.org|u@slow.org");
    goes("", "v@same.org", "smtp|[smart.org]|v@same.org");
    goes("", "u@same.org", "special|same.org|u@same.org");
    goes("", "u+y@same.org", "special|same.org|u+y@same.org");
    goes("", "u+x@same.org", "plus|p|u+x@same.org");
    goes("", "u@err.org", "error|Address is undeliverable|u@err.org");
    goes("", "chris", "uucp|gw1.maison.mrs|chris@gw1.maison.mrs");
    use("transport_maps = inline:{ {aol.com=smtp:w} {*=smtp:[rest]} }\n"
        "parent_domain_matches_subdomains = transport_maps\n");
    goes("", "u@sub.aol.com", "smtp|w|u@sub.aol.com");
    goes("", "u@else.org", "smtp|[rest]|u@else.org");
}

static void test_relocated(void **state)
{
    (void)state;
    use("relocated_maps = inline:{ {gone@maison.mrs=new@x.org} {left=y@z.org} }\n");
    goes("", "gone@maison.mrs",
         "error|5.1.6 User has moved to new@x.org|gone@maison.mrs");
    goes("", "left@gw1.maison.mrs",
         "error|5.1.6 User has moved to y@z.org|left@gw1.maison.mrs");
    goes("", "here@maison.mrs", "local|gw1.maison.mrs|here@maison.mrs");
}

static void test_probe(void **state)
{
    (void)state;
    struct resolved r;
    use("address_verify_relayhost = [probe.org]\nrelayhost = [smart.org]\n");
    assert_int_equal(resolve_probe(rewrite, VIEW(""), VIEW("u@x.org"), arena, &r, NULL),
                     OK);
    assert_true(view_eq(r.nexthop, VIEW("[probe.org]")));
    goes("", "u@x.org", "smtp|[smart.org]|u@x.org");
}

/* Names for what has none. */
static void test_empty_addresses(void **state)
{
    (void)state;
    use("empty_address_recipient = nobody\nlocal_transport = local\n"
        "empty_address_relayhost_maps_lookup_key = null\n"
        "sender_dependent_relayhost_maps = inline:{ null=[null.org] <>=[other.org] }\n");
    goes("a@x.org", "", "local|gw1.maison.mrs|nobody@gw1.maison.mrs");
    goes("", "u@x.org", "smtp|[null.org]|u@x.org");
    goes("a@x.org", "u@x.org", "smtp|x.org|u@x.org");
}

static void test_error_service(void **state)
{
    (void)state;
    use("error_service_name = refuse\nvirtual_alias_domains = alias.org\n"
        "transport_maps = inline:{ t.org=refuse: }\n"
        "relocated_maps = inline:{ m@maison.mrs=n@x.org }\n");
    goes("", "a@alias.org",
         "refuse|5.1.1 User unknown in virtual alias table|a@alias.org");
    goes("", "m@maison.mrs", "refuse|5.1.6 User has moved to n@x.org|m@maison.mrs");
    goes("", "u@t.org", "refuse|Address is undeliverable|u@t.org");
}

static void test_helpful_warnings(void **state)
{
    (void)state;
#define TWICE "virtual_alias_domains = maison.mrs\nlocal_transport = local\n"
    use(TWICE);
    n_logged = 0;
    goes("", "a@maison.mrs", "local|maison.mrs|a@maison.mrs");
    assert_int_equal(n_logged, 1);
    use(TWICE "helpful_warnings = no\n");
    goes("", "a@maison.mrs", "local|maison.mrs|a@maison.mrs");
    assert_int_equal(n_logged, 1);
}

static void test_table_error(void **state)
{
    (void)state;
    struct resolved r;
    struct error e = ERROR_INIT;
    use("transport_maps = fail:x\n");
    assert_int_equal(resolve_address(rewrite, VIEW(""), VIEW("u@x.org"), arena, &r, &e),
                     TEMPFAIL);
    assert_string_equal(e.status, "4.3.0");
    assert_string_equal(e.text, "address resolver failure");
}

static void check(struct recipients *list, const char *address, bool known, int code,
                  const char *text)
{
    struct recipient_check c;
    assert_int_equal(recipients_check(list, view_of(address), arena, &c, NULL), OK);
    if (c.known != known ||
        (!known && (c.code != code || !view_eq(c.text, view_of(text)))))
        fail_msg("<%s>: known %d, %d %s %.*s", address, c.known, c.code, c.status,
                 VIEW_FMT(c.text));
}

static void test_recipients(void **state)
{
    (void)state;
    use("local_recipient_maps = inline:{ chris=x }\nrecipient_delimiter = +\n"
        "virtual_alias_domains = alias.org\n"
        "virtual_alias_maps = inline:{ a@alias.org=chris @catch.org=chris }\n"
        "virtual_mailbox_domains = box.org\nvirtual_mailbox_maps = inline:{ b@box.org=b/ "
        "}\n"
        "relay_domains = relay.org, any.org\nrelay_recipient_maps = inline:{ "
        "r@relay.org=x }\n"
        "canonical_maps = inline:{ c@maison.mrs=chris }\n"
        "unknown_relay_recipient_reject_code = 551\n"
        "relocated_maps = inline:{ m@maison.mrs=n@x.org }\n");
    struct recipients *list = recipients_new(conf, rewrite);
    check(list, "chris@maison.mrs", true, 0, "");
    check(list, "chris+x@maison.mrs", true, 0, "");
    check(list, "postmaster", true, 0, "");
    check(list, "double-bounce@maison.mrs", true, 0, "");
    check(list, "c@maison.mrs", true, 0, "");
    check(list, "bob@maison.mrs", false, 550, "User unknown in local recipient table");
    check(list, "a@alias.org", true, 0, "");
    check(list, "x@alias.org", false, 550, "User unknown in virtual alias table");
    check(list, "b@box.org", true, 0, "");
    check(list, "x@box.org", false, 550, "User unknown in virtual mailbox table");
    check(list, "r@relay.org", true, 0, "");
    check(list, "x@relay.org", false, 551, "User unknown in relay recipient table");
    check(list, "x@else.org", true, 0, "");
    check(list, "m@maison.mrs", false, 550, "User has moved to n@x.org");
    recipients_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_form),
        cmocka_unit_test(test_form_settings),
        cmocka_unit_test(test_remote_form),
        cmocka_unit_test(test_local_class),
        cmocka_unit_test(test_hidden_destinations),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_sender_dependent),
        cmocka_unit_test(test_transport_maps),
        cmocka_unit_test(test_relocated),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_empty_addresses),
        cmocka_unit_test(test_error_service),
        cmocka_unit_test(test_helpful_warnings),
        cmocka_unit_test(test_table_error),
        cmocka_unit_test(test_recipients),
    };
    log_set_hook(quiet);
    return cmocka_run_group_tests(tests, NULL, teardown);
}
