/* conf_test - reading main.cf */
#include "conf/conf.h"

#include "conf/conf_check.h"
#include "conf/expand.h"
#include "conf/parameter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *load(const char *text)
{
    struct conf *c;
    struct error e = ERROR_INIT;

    if (!conf_load_text("/cf", view_of(text), NULL, 0, &c, &e))
        fail_msg("%s", error_cstr(&e));
    return c;
}

/* TEXT must not load, for the reason and at the place given. */
static void refuse(const char *text, const char *place, const char *reason)
{
    struct conf *c;
    struct error e = ERROR_INIT;

    assert_false(conf_load_text("/cf", view_of(text), NULL, 0, &c, &e));
    assert_null(c);
    assert_string_equal(e.place, place);
    if (view_find_view(view_of(e.text), view_of(reason)) == VIEW_NPOS)
        fail_msg("\"%s\" is not in \"%s\"", reason, e.text);
}

static void assert_named(const struct conf *c, const char *name, const char *value)
{
    bool found;
    struct view v = conf_named(c, view_of(name), &found);

    assert_true(found);
    assert_string_equal(v.p, value);
}

/* S129: comments anywhere, inside a continued line too. S138: continuation lines. S130:
 * separators. */
static void test_s129_s130_s138_lines(void **state)
{
    struct conf *c = load("# head\n"
                          "mynetworks = 192.168.102.0/24,\n"
                          "#inet_interfaces = 192.168.102.101\n"
                          "  # more\n"
                          "\n"
                          "\t127.0.0.0/8\n"
                          "   10.0.0.0/8 , 172.16.0.0/12\n"
                          "mydomain = isima.fr\n");
    static const char *const networks[] = {"192.168.102.0/24", "127.0.0.0/8",
                                           "10.0.0.0/8", "172.16.0.0/12"};
    struct view rest = conf_view(c, P_mynetworks), element;
    size_t n = 0;

    (void)state;
    while (conf_list_next(&rest, &element))
        assert_true(n < 4 && view_eq(element, view_of(networks[n++])));
    assert_int_equal(n, 4);
    assert_string_equal(conf_cstr(c, P_mydomain), "isima.fr");
    assert_string_equal(conf_cstr(c, P_inet_interfaces), "all");
    assert_int_equal(conf_entry(c, 1)->line, 8);
    conf_free(c);
}

/* T6: a continuation that lost its leading space. */
static void test_t6_missing_equals(void **state)
{
    (void)state;
    refuse("debug_peer_level = 2\ndebugger_command =\n"
           "PATH=/usr/bin:/usr/X11R6/bin\n"
           "xxgdb $daemon_directory/$process_name $process_id & sleep 5\n",
           "/cf/main.cf:4", "missing '=' after attribute name: \"xxgdb ");
    refuse("a = b\n\n= 3\n", "/cf/main.cf:3", "missing attribute name");
}

/* S107: the main.cf at the end of the course, with the two lines of T6 indented as its
 * author had them. */
static const char course[] =
    "command_directory = /usr/sbin\n"
    "daemon_directory = /usr/lib/postfix\n"
    "alias_maps = hash:/etc/postfix/aliases\n"
    "\n"
    "mail_spool_directory = /var/spool/mail\n"
    "mailbox_command = /usr/bin/procmail -Y -a $DOMAIN\n"
    "\n"
    "smtpd_banner = ESMTP $mail_name\n"
    "debug_peer_level = 2\n"
    "debugger_command =\n"
    "\t PATH=/usr/bin:/usr/X11R6/bin\n"
    "\t xxgdb $daemon_directory/$process_name $process_id & sleep 5\n"
    "delay_warning_time = 4\n"
    "sendmail_path = /usr/sbin/sendmail.postfix\n"
    "newaliases_path = /usr/bin/newaliases.postfix\n"
    "mailq_path = /usr/bin/mailq.postfix\n"
    "setgid_group = postdrop\n"
    "manpage_directory = /usr/share/man\n"
    "sample_directory = /usr/share/doc/postfix-1.1.11/samples\n"
    "readme_directory = /usr/share/doc/postfix-1.1.11/README_FILES\n"
    "alias_database = hash:/etc/postfix/aliases\n"
    "transport_maps = hash:/etc/postfix/transport_maps\n"
    "mydestination = gw1.maison.mrs, localhost.maison.mrs, maison.mrs\n"
    "myorigin = gw1.maison.mrs\n"
    "sender_canonical_maps = hash:/etc/postfix/sender-canonical\n"
    "header_checks = regexp:/etc/postfix/header_checks\n";

static void test_s107_course(void **state)
{
    struct conf *c = load(course);
    struct arena *a = arena_new();
    struct conf_notes notes;

    (void)state;
    assert_int_equal(conf_time(c, P_delay_warning_time), INT64_C(4) * 3600 * 1000000);
    assert_string_equal(conf_cstr(c, P_mailbox_command),
                        "/usr/bin/procmail -Y -a $DOMAIN");
    assert_string_equal(conf_cstr(c, P_smtpd_banner), "ESMTP Postfix");
    assert_string_equal(conf_cstr(c, P_myorigin), "gw1.maison.mrs");
    conf_check(c, NULL, a, &notes);
    for (size_t i = 0; i < notes.n; i++)
        assert_true(view_find_view(view_of(notes.items[i].text), VIEW("unknown")) ==
                    VIEW_NPOS);
    arena_free(a);
    conf_free(c);
}

/* The finding about the first entry of TEXT. */
static void assert_finding(const char *text, const char *place, const char *finding)
{
    struct conf *c = load(text);
    struct arena *a = arena_new();
    struct conf_notes notes;
    bool seen = false;

    conf_check(c, NULL, a, &notes);
    for (size_t i = 0; i < notes.n; i++)
        if (strcmp(notes.items[i].text, finding) == 0) {
            seen = true;
            assert_string_equal(notes.items[i].place, place);
        }
    if (!seen)
        fail_msg("no finding \"%s\" (of %zu, first \"%s\")", finding, notes.n,
                 notes.n ? notes.items[0].text : "");
    arena_free(a);
    conf_free(c);
}

/* S137, T5: a misspelt name is told, with the right one. */
static void test_s137_t5_misspelt(void **state)
{
    (void)state;
    assert_finding("Myhostname = gargamel.isima.fr\n", "/cf/main.cf:1",
                   "unknown parameter `Myhostname'; did you mean `myhostname'?");
    assert_finding("\nheaders_checks = regexp:/x\n", "/cf/main.cf:2",
                   "unknown parameter `headers_checks'; did you mean `header_checks'?");
    assert_finding("mynetwroks = 127.0.0.0/8\n", "/cf/main.cf:1",
                   "unknown parameter `mynetwroks'; did you mean `mynetworks'?");
    assert_finding("purple = yes\n", "/cf/main.cf:1",
                   "unknown parameter `purple', and nothing uses it; delete it");
    struct conf *c = load("biff = no\nbiff = yes\n");
    assert_int_equal(conf_load_notes(c)->n, 1);
    assert_string_equal(conf_load_notes(c)->items[0].text,
                        "overriding earlier entry: biff=no");
    assert_string_equal(conf_load_notes(c)->items[0].place, "/cf/main.cf:2");
    conf_free(c);
}

/* What is set and has no effect is told, unless it is the default. */
static void test_without_effect(void **state)
{
    struct conf *c = load("html_directory = no\nberkeley_db_read_buffer_size = 131072\n");
    struct arena *a = arena_new();
    struct conf_notes notes;

    (void)state;
    conf_check(c, NULL, a, &notes);
    assert_int_equal(notes.n, 0);
    conf_free(c);
    arena_free(a);
    assert_finding("berkeley_db_read_buffer_size = 1\n", "/cf/main.cf:1",
                   "parameter `berkeley_db_read_buffer_size' has no effect here: "
                   "buffer of Berkeley DB, which is not used here");
    assert_finding("transport_time_limit = 1\n", "/cf/main.cf:1",
                   "`transport_time_limit' stands for one parameter per service; say "
                   "SERVICE_time_limit");
}

static void test_used_names(void **state)
{
    struct conf *c = load("purple = x\nmyorigin = ${purple}.org\n"
                          "smtpd_restriction_classes = mine\nmine = permit\n"
                          "slow_destination_rate_delay = 2s\n");
    struct arena *a = arena_new();
    struct conf_notes notes;

    (void)state;
    conf_check(c, NULL, a, &notes);
    for (size_t i = 0; i < notes.n; i++)
        assert_true(view_find_view(view_of(notes.items[i].text), VIEW("unknown")) ==
                    VIEW_NPOS);
    assert_true(conf_is_used(c, NULL, VIEW("mine")));
    assert_false(conf_is_used(c, NULL, VIEW("yours")));
    arena_free(a);
    conf_free(c);
}

/* Expansion, each case as Postfix 3.7 prints it. */
static void test_expansion(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"$x", "XX"},
        {"${x}y", "XXy"},
        {"$(x)y", "XXy"},
        {"${ x }", "XX"},
        {"$$x", "$x"},
        {"${x}$${x}", "XX${x}"},
        {"{$x}", "{XX}"},
        {"a}b", "a}b"},
        {"$nobody.", "."},
        {"${x?}z", "z"},
        {"${x?a:b}", "a:b"},
        {"${x:b}.", "."},
        {"${empty:b}.", "b."},
        {"${x ? {a} : {b} }", "a"},
        {"${x?{a}:{b}}", "a"},
        {"${x?{a}:b}", "a"},
        {"${empty?{a}:{b}}", "b"},
        {"${empty?{a}:b}", "b"},
        {"${empty:{a}}", "a"},
        {"${empty?{a}}.", "."},
        {"[${x?{ a b }}]", "[ a b ]"},
        {"[${x? a b }]", "[ a b ]"},
        {"${x?$empty}.", "."},
        {"$(x?y)", "y"},
        {"${x?a}b}", "ab}"},
        {"${{$x}=={XX}?{1}:{2}}", "1"},
        {"${ {$x} == {XX}?{1} }", "1"},
        {"${{$x} == {XX}}", "true"},
        {"${{$x} == {YY}}.", "."},
        {"${{a} != {b} : {no}}.", "."},
        {"${{ $x } == {XX}? y }.", "."},
        {"${{10} > {9} ? {num} : {str}}", "num"},
        {"${{a10} > {a9} ? {num} : {str}}", "str"},
        {"${{05} == {5}}", "true"},
        {"${{-5} < {3}}", "true"},
        {"${{$n} < {10} ? yes}", " yes"},
        {"${{3.10} >level {3.9} ? {later} : {earlier}}", "later"},
        {"${{3.6} ==level {3.6.0}}", "true"},
    };
    struct conf *c = load("x = XX\nempty =\nn = 5\n");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str out = STR_INIT(1000);
        struct error e = ERROR_INIT;
        if (!conf_expand(c, view_of(cases[i].text), NULL, NULL, &out, &e))
            fail_msg("%s: %s", cases[i].text, e.text);
        assert_string_equal(str_cstr(&out), cases[i].value);
        str_done(&out);
    }
    conf_free(c);
}

static void test_expansion_faults(void **state)
{
    (void)state;
    refuse("a = b\nmyorigin = a$\n", "/cf/main.cf:2", "empty macro name: \"$\"");
    refuse("myorigin = a$-b\n", "/cf/main.cf:1", "empty macro name");
    refuse("myorigin = ${x\n", "/cf/main.cf:1", "truncated macro reference: \"${x\"");
    refuse("myorigin = $(x\n", "/cf/main.cf:1", "truncated macro reference");
    refuse("myorigin = ${}\n", "/cf/main.cf:1", "empty macro name: \"${}\"");
    refuse("myorigin = ${x-y}\n", "/cf/main.cf:1", "attribute name syntax error");
    refuse("myorigin = ${x?{a}{b}}\n", "/cf/main.cf:1", "\":\" expected");
    refuse("myorigin = ${x?{a}:{b}c}\n", "/cf/main.cf:1", "unexpected input");
    refuse("myorigin = ${{a}}\n", "/cf/main.cf:1", "expected");
    refuse("myorigin = ${{a} = {b}?c}\n", "/cf/main.cf:1", "expected");
    refuse("myorigin = ${{a} <level {3}?c}\n", "/cf/main.cf:1",
           "malformed compatibility level");
    refuse("myorigin = $myorigin\n", "/cf/main.cf:1", "unreasonable macro call nesting");
    refuse("\nmydomain = $b\nb = $c\nc = x$mydomain\n", "/cf/main.cf:2",
           "\"mydomain\" refers to itself");
}

/* A value that grows without end is refused, not computed. */
static void test_expansion_growth(void **state)
{
    struct str text = STR_INIT(100000);

    (void)state;
    str_add_cstr(&text, "a0 = 0123456789abcdef\n");
    for (int i = 1; i < 60; i++)
        str_addf(&text, "a%d = $a%d$a%d\n", i, i - 1, i - 1);
    struct conf *c;
    struct error e = ERROR_INIT;
    assert_false(conf_load_text("/cf", str_view(&text), NULL, 0, &c, &e));
    assert_true(view_starts(view_of(e.text), VIEW("longer than")));
    str_done(&text);
}

static void test_types(void **state)
{
    struct conf *c =
        load("biff = NO\nmax_idle = 2m\nqueue_file_threshold = 2M\ndebug_peer_level = 7\n"
             "mynetworks_style = class\nbounce_queue_lifetime = 2\n");

    (void)state;
    assert_false(conf_bool(c, P_biff));
    assert_int_equal(conf_time(c, P_max_idle), INT64_C(120) * 1000000);
    assert_int_equal(conf_int(c, P_queue_file_threshold), 2 << 20);
    assert_int_equal(conf_int(c, P_debug_peer_level), 7);
    assert_int_equal(conf_choice(c, P_mynetworks_style), 0);
    assert_int_equal(conf_time(c, P_bounce_queue_lifetime), INT64_C(172800) * 1000000);
    assert_true(conf_is_set(c, P_biff));
    assert_false(conf_is_set(c, P_max_use));
    assert_int_equal(conf_int(c, P_max_use), 100);
    conf_free(c);
    refuse("\nbiff = maybe\n", "/cf/main.cf:2",
           "bad boolean configuration: biff = maybe");
    refuse("max_idle = abc\n", "/cf/main.cf:1", "bad time value or unit: abc");
    refuse("max_idle = 0\n", "/cf/main.cf:1", "invalid max_idle parameter value 0 < 1");
    refuse("in_flow_delay = 11s\n", "/cf/main.cf:1", "11 > 10");
    refuse("debug_peer_level = 1x\n", "/cf/main.cf:1", "bad numerical configuration");
    refuse("mail_name =\n", "/cf/main.cf:1", "bad string length");
    refuse("mynetworks_style = wide\n", "/cf/main.cf:1", "choices: class|subnet|host");
    refuse("slow_destination_rate_delay = x\n", "/cf/main.cf:1", "bad time value");
    refuse("slow_destination_recipient_limit = x\n", "/cf/main.cf:1", "bad numerical");
}

/* postconf and check go on with what is there, and tell every mistake. */
static void test_lenient(void **state)
{
    char directory[] = "/tmp/conf_test.XXXXXX", path[64];
    struct conf *c;
    struct error e = ERROR_INIT;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/main.cf", directory);
    FILE *f = fopen(path, "w");
    assert_true(
        fputs("max_idle = soon\nbiff = maybe\na = $b\nb = $a\nmail_name = x\n", f) > 0);
    fclose(f);
    assert_false(conf_load(directory, NULL, 0, &c, &e));
    assert_true(conf_load_lenient(directory, NULL, 0, &c, &e));
    assert_int_equal(conf_load_notes(c)->n, 3);
    assert_string_equal(conf_cstr(c, P_max_idle), "soon");
    assert_string_equal(conf_cstr(c, P_mail_name), "x");
    conf_free(c);
    unlink(path);
    rmdir(directory);
}

static void test_transport_parameters(void **state)
{
    struct conf *c = load("default_destination_recipient_limit = 40\n"
                          "slow_destination_recipient_limit = 3\n"
                          "slow_destination_rate_delay = 2m\n"
                          "slow_initial_destination_concurrency = 2\n"
                          "filter_time_limit = 10\n");

    (void)state;
    enum parameter limit = P_default_destination_recipient_limit;
    assert_int_equal(conf_transport_int(c, VIEW("slow"), limit), 3);
    assert_int_equal(conf_transport_int(c, VIEW("smtp"), limit), 40);
    assert_int_equal(conf_transport_int(c, VIEW("local"), limit), 1);
    assert_int_equal(
        conf_transport_int(c, VIEW("slow"), P_initial_destination_concurrency), 2);
    assert_int_equal(
        conf_transport_time(c, VIEW("slow"), P_default_destination_rate_delay),
        INT64_C(120) * 1000000);
    assert_int_equal(conf_transport_time(c, VIEW("filter"), P_command_time_limit),
                     INT64_C(10) * 1000000);
    assert_string_equal(
        conf_transport_view(c, VIEW("x"),
                            P_default_destination_concurrency_positive_feedback)
            .p,
        "1");
    conf_free(c);
}

static void test_overrides(void **state)
{
    static const char *const overrides[] = {"syslog_name=postfix/$service_name",
                                            "service_name = relay", "biff=no"};
    struct conf *c;
    struct error e = ERROR_INIT;

    (void)state;
    assert_true(conf_load_text("/cf", VIEW("biff = yes\nsyslog_name = x\n"), overrides, 3,
                               &c, &e));
    assert_string_equal(conf_cstr(c, P_syslog_name), "postfix/relay");
    assert_false(conf_bool(c, P_biff));
    conf_free(c);
    static const char *const bad[] = {"nothing"};
    assert_false(conf_load_text("/cf", VIEW(""), bad, 1, &c, &e));
}

/* The defaults that compatibility_level decides. */
static void test_compatibility_level(void **state)
{
    struct conf *old = load(""), *new = load("compatibility_level = 3.11\n");

    (void)state;
    assert_true(conf_bool(old, P_append_dot_mydomain));
    assert_false(conf_bool(new, P_append_dot_mydomain));
    assert_string_equal(conf_cstr(old, P_mynetworks_style), "subnet");
    assert_string_equal(conf_cstr(new, P_mynetworks_style), "host");
    assert_string_equal(conf_cstr(old, P_smtp_tls_security_level), "");
    assert_string_equal(conf_cstr(new, P_smtp_tls_security_level), "may");
    conf_free(old);
    conf_free(new);
    refuse("compatibility_level = two\n", "/cf/main.cf", "malformed compatibility level");
}

static void test_machine_defaults(void **state)
{
    struct conf *c = load("myhostname = mx.example.org\nmynetworks_style = host\n"
                          "inet_interfaces = loopback-only\ninet_protocols = ipv4\n");
    struct conf *plain = load("");
    size_t n;

    (void)state;
    assert_string_equal(conf_cstr(c, P_mydomain), "example.org");
    assert_string_equal(conf_cstr(c, P_mynetworks), "127.0.0.1/32");
    assert_string_equal(conf_cstr(c, P_mydestination),
                        "mx.example.org, localhost.example.org, localhost");
    assert_non_null(conf_interfaces(c, &n));
    assert_int_equal(n, 1);
    assert_int_equal(conf_interfaces(c, &n)[0].bits, 8);
    assert_true(view_has(conf_view(plain, P_myhostname), '.'));
    assert_string_equal(conf_cstr(plain, P_config_directory), "/cf");
    assert_true(conf_view(plain, P_daemon_directory).n > 0);
    conf_free(c);
    conf_free(plain);
    c = load("myhostname = host.$mydomain\n");
    assert_string_equal(conf_cstr(c, P_mydomain), "localdomain");
    assert_string_equal(conf_cstr(c, P_myhostname), "host.localdomain");
    conf_free(c);
    c = load("mydomain = example.org\nmyhostname = host.$mydomain\n");
    assert_string_equal(conf_cstr(c, P_myhostname), "host.example.org");
    conf_free(c);
}

static bool pipe_macro(struct view name, struct str *out, void *arg)
{
    if (!view_eq(name, VIEW("recipient")))
        return false;
    str_add_cstr(out, arg);
    return true;
}

/* Names of the caller win, and what they give is not expanded again. */
static void test_caller_names(void **state)
{
    struct conf *c = load("x = y\n");
    struct str out = STR_INIT(100);
    struct error e = ERROR_INIT;
    char hostile[] = "$x@${x";

    (void)state;
    assert_true(
        conf_expand(c, VIEW("-f ${recipient} $x"), pipe_macro, hostile, &out, &e));
    assert_string_equal(str_cstr(&out), "-f $x@${x y");
    str_done(&out);
    conf_free(c);
}

static void test_lists(void **state)
{
    struct view rest = VIEW(" hash:/a,\n\tinline:{a=b, c = d} x,{ y z }"), element;

    (void)state;
    assert_true(conf_list_next(&rest, &element));
    assert_true(view_eq(element, VIEW("hash:/a")));
    assert_true(conf_list_next(&rest, &element));
    assert_true(view_eq(element, VIEW("inline:{a=b, c = d}")));
    assert_true(conf_list_next(&rest, &element));
    assert_true(view_eq(element, VIEW("x")));
    assert_true(conf_list_next(&rest, &element));
    assert_true(view_eq(element, VIEW("{ y z }")));
    assert_false(conf_list_next(&rest, &element));
}

/* The names that are defined must be found, all of them. */
static void test_registry(void **state)
{
    (void)state;
    for (enum parameter p = 0; p < P_COUNT; p++) {
        enum parameter found = P_COUNT;
        assert_true(parameter_find(view_of(parameter_table[p].name), &found));
        assert_int_equal(found, p);
    }
    enum parameter none;
    assert_false(parameter_find(VIEW("Myhostname"), &none));
    struct conf *c = load("");
    assert_named(c, "mail_name", "Postfix");
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_s129_s130_s138_lines),
        cmocka_unit_test(test_t6_missing_equals),
        cmocka_unit_test(test_s107_course),
        cmocka_unit_test(test_s137_t5_misspelt),
        cmocka_unit_test(test_without_effect),
        cmocka_unit_test(test_used_names),
        cmocka_unit_test(test_expansion),
        cmocka_unit_test(test_expansion_faults),
        cmocka_unit_test(test_expansion_growth),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_lenient),
        cmocka_unit_test(test_transport_parameters),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_compatibility_level),
        cmocka_unit_test(test_machine_defaults),
        cmocka_unit_test(test_caller_names),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_registry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
