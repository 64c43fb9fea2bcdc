/* macro_test - attributes and macros of pipe services */
#include "pipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *arena;
static struct conf *conf;

static int set_up(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    arena = arena_new();
    return conf_load_text("/",
                          VIEW("recipient_delimiter = +\n"
                               "vmail_destination_recipient_limit = 1\n"),
                          NULL, 0, &conf, &e)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    conf_free(conf);
    arena_free(arena);
    return 0;
}

static bool read_setup(const char *transport, const char *const *args,
                       struct pipe_setup *p, struct error *e)
{
    struct service s = {
        .name = transport, .transport = transport, .conf = conf, .args = args};

    while (args[s.n_args])
        s.n_args++;
    return pipe_setup_read(&s, arena, p, e);
}

static struct delivery make_delivery(struct delivery_recipient *r, size_t n)
{
    return (struct delivery){.arena = arena,
                             .id = {"4F1A2B"},
                             .content_size = 1234,
                             .nexthop = VIEW("Backup.UUCP"),
                             .envelope = {.sender = VIEW("eme 13@enprovence.com"),
                                          .client_name = VIEW("client.example"),
                                          .client_address = VIEW("192.0.2.9")},
                             .recipients = r,
                             .n_recipients = n};
}

static void expect_args(const char *const *got, const char *const *expected)
{
    assert_non_null(got);
    for (; *expected; expected++, got++)
        assert_string_equal(*got, *expected);
    assert_null(*got);
}

/* S095: the command line of master.cf's uucp service is Postfix's. */
static void s095_uucp_service(void **state)
{
    (void)state;
    static const char *const args[] = {
        "flags=Fqhu", "user=uucp", "argv=uux",       "-r",           "-n", "-z",
        "-a$sender",  "-",         "$nexthop!rmail", "($recipient)", NULL};
    static const char *const expected[] = {"uux",
                                           "-r",
                                           "-n",
                                           "-z",
                                           "-a\"eme 13\"@enprovence.com",
                                           "-",
                                           "backup.uucp!rmail",
                                           "(chris@garp.isima.fr)",
                                           "(\"b b\"@garp.isima.fr)",
                                           NULL};
    struct delivery_recipient r[2] = {{.in.address = VIEW("Chris@GARP.isima.fr")},
                                      {.in.address = VIEW("B B@garp.isima.fr")}};
    struct delivery d = make_delivery(r, 2);
    struct pipe_setup p;
    struct error e = ERROR_INIT;

    assert_true(read_setup("uucp", args, &p, &e));
    assert_int_equal(p.flags,
                     PIPE_FROM_LINE | PIPE_QUOTE | PIPE_FOLD_HOST | PIPE_FOLD_USER);
    expect_args(pipe_expand(&p, &d, &e), expected);
}

/* S087: all macros. */
static void s087_every_macro(void **state)
{
    (void)state;
    static const char *const args[] = {"user=x",
                                       "null_sender=",
                                       "argv=cmd",
                                       "${user}/${extension}/$mailbox/$(domain)",
                                       "$original_recipient",
                                       "$client_address,$client_helo,$client_hostname",
                                       "${queue_id}:$size$$",
                                       "$sender",
                                       "-d${recipient}",
                                       NULL};
    static const char *const expected[] = {"cmd",
                                           "a/x/a+x/B.c",
                                           "d//d/e.f",
                                           "o@p",
                                           "q@r",
                                           "192.0.2.9,,client.example",
                                           "4F1A2B:1234$",
                                           "",
                                           "-da+x@B.c",
                                           "-dd@e.f",
                                           NULL};
    struct delivery_recipient r[2] = {
        {.in = {.address = VIEW("a+x@B.c"), .original = VIEW("o@p")}},
        {.in = {.address = VIEW("d@e.f"), .original = VIEW("q@r")}}};
    struct delivery d = make_delivery(r, 2);
    struct pipe_setup p;
    struct error e = ERROR_INIT;

    assert_true(read_setup("filter", args, &p, &e));
    d.envelope.sender = VIEW_NONE;
    expect_args(pipe_expand(&p, &d, &e), expected);
}

static void null_sender_has_a_name(void **state)
{
    (void)state;
    static const char *const args[] = {"user=x", "argv=cmd", "$sender", NULL};
    static const char *const expected[] = {"cmd", "MAILER-DAEMON", NULL};
    struct delivery_recipient r[1] = {{.in.address = VIEW("a@b")}};
    struct delivery d = make_delivery(r, 1);
    struct pipe_setup p;
    struct error e = ERROR_INIT;

    assert_true(read_setup("x", args, &p, &e));
    d.envelope.sender = VIEW_NONE;
    expect_args(pipe_expand(&p, &d, &e), expected);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *const args[4];
        const char *text;
    } cases[] = {
        {{"user=x", NULL}, "missing argv="},
        {{"argv=cmd", NULL}, "missing user="},
        {{"user=x", "colour=red", "argv=cmd", NULL}, "unknown attribute name: colour"},
        {{"user=x", "size=many", "argv=cmd", NULL}, "bad size= value: many"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pipe_setup p;
        struct error e = ERROR_INIT;
        assert_false(read_setup("box", cases[i].args, &p, &e));
        assert_non_null(strstr(e.text, cases[i].text));
    }
}

static void unknown_macros_are_errors(void **state)
{
    (void)state;
    static const char *const args[] = {"flags=DRhu", "user=x", "argv=cmd", "${colour}",
                                       NULL};
    struct delivery_recipient r[1] = {{.in.address = VIEW("a@b")}};
    struct delivery d = make_delivery(r, 1);
    struct pipe_setup p;
    struct error e = ERROR_INIT;

    assert_true(read_setup("vmail", args, &p, &e));
    assert_null(pipe_expand(&p, &d, &e));
    assert_string_equal(e.text, "unknown macro name: \"colour\"");
}

static void escapes(void **state)
{
    (void)state;
    struct str out = STR_INIT(20);

    assert_true(pipe_unescape(VIEW("\\r\\n\\t\\\\\\012\\0x\\q\\"), &out));
    assert_int_equal(out.n, 9);
    assert_memory_equal(out.p, "\r\n\t\\\n\0xq\\", 9);
    str_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s095_uucp_service),         cmocka_unit_test(s087_every_macro),
        cmocka_unit_test(null_sender_has_a_name),    cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(unknown_macros_are_errors), cmocka_unit_test(escapes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
