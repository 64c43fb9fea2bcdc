/* sasl_test - both ends of each mechanism against each other, and against liars */
#include "sasl/sasl.h"

#include "base/memory.h"
#include "sasl/password.h"
#include "sasl/private.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct world {
    struct arena *arena;
    struct sasl_server server;
    struct sasl_client client;
    struct view stored;        /* of "tim"; nobody else exists */
    const struct view *script; /* answers instead of the client's */
    size_t script_n, asked;
    bool is_down;
};

static bool ask(void *arg, struct view challenge, struct view *answer)
{
    struct world *w = arg;
    struct error e = ERROR_INIT;
    size_t step = w->asked++;
    if (w->script != NULL) {
        *answer = step < w->script_n ? w->script[step] : VIEW_NONE;
        return step < w->script_n;
    }
    return sasl_client_answer(&w->client, challenge, answer, &e);
}

static enum result look_up(void *arg, struct view user, struct view *stored,
                           struct error *e)
{
    struct world *w = arg;
    (void)e;
    if (w->is_down)
        return TEMPFAIL;
    *stored = w->stored;
    return view_eq(user, VIEW("tim")) ? OK : PERMFAIL;
}

static enum result check(void *arg, struct view user, struct view password,
                         struct error *e)
{
    struct view stored;
    enum result r = look_up(arg, user, &stored, e);
    if (r == OK && password_check(stored, password, e) != PASSWORD_MATCHES)
        r = PERMFAIL;
    return r;
}

static enum result check_token(void *arg, struct view user, struct view token,
                               struct view *owner, struct error *e)
{
    (void)arg;
    (void)user;
    (void)e;
    *owner = VIEW("tim");
    return view_eq(token, VIEW("tanstaaftanstaaf")) ? OK : PERMFAIL;
}

static void set_up(struct world *w)
{
    *w = (struct world){.arena = arena_new(), .stored = VIEW("{PLAIN}tanstaaftanstaaf")};
    w->server = (struct sasl_server){.arena = w->arena,
                                     .host = VIEW("mail.example"),
                                     .ask = ask,
                                     .look_up = look_up,
                                     .check = check,
                                     .check_token = check_token,
                                     .arg = w};
    w->client = (struct sasl_client){.arena = w->arena,
                                     .user = VIEW("tim"),
                                     .password = VIEW("tanstaaftanstaaf"),
                                     .host = VIEW("mail.example"),
                                     .port = VIEW("587")};
}

static void bind_channel(struct world *w, const char *server, const char *client)
{
    w->server.bindings[0] = (struct sasl_binding){VIEW("tls-exporter"), view_of(server)};
    w->client.bindings[0] = (struct sasl_binding){VIEW("tls-exporter"), view_of(client)};
    w->server.n_bindings = w->client.n_bindings = 1;
    w->server.offers_plus = w->client.server_offers_plus = true;
}

static enum sasl_outcome run(struct world *w, struct view name)
{
    struct error e = ERROR_INIT;
    assert_true(sasl_client_start(&w->client, sasl_mechanism(name),
                                  &w->server.has_initial, &w->server.initial, &e));
    return sasl_serve(&w->server, name);
}

static void test_all_mechanisms(void **state)
{
    (void)state;
    size_t n;
    const struct sasl_mechanism *m = sasl_mechanisms(&n);
    for (size_t i = 0; i < n; i++) {
        struct world w;
        set_up(&w);
        if (m[i].properties & SASL_NEEDS_BINDING)
            bind_channel(&w, "same", "same");
        w.server.certified = VIEW("tim");
        assert_int_equal(run(&w, m[i].name), SASL_PROVED);
        assert_true(view_eq(w.server.user, VIEW("tim")));
        assert_true(sasl_client_is_done(&w.client));
        arena_free(w.arena);
    }
}

static void test_wrong_password_and_user(void **state)
{
    (void)state;
    size_t n;
    const struct sasl_mechanism *m = sasl_mechanisms(&n);
    for (size_t i = 0; i < n; i++) {
        struct world w;
        if (m[i].properties & SASL_NEEDS_CERTIFICATE)
            continue;
        for (int wrong = 0; wrong < 2; wrong++) {
            set_up(&w);
            if (m[i].properties & SASL_NEEDS_BINDING)
                bind_channel(&w, "same", "same");
            if (wrong)
                w.client.password = VIEW("guess");
            else if (m[i].name.p[0] == 'X' || m[i].name.p[0] == 'O')
                w.client.password = VIEW("other token");
            else
                w.client.user = VIEW("tom");
            assert_int_equal(run(&w, m[i].name), SASL_REFUSED);
            arena_free(w.arena);
        }
    }
}

/* S034: SCRAM from keys that were stored, without the password. */
static void test_scram_from_stored_keys(void **state)
{
    (void)state;
    struct world w;
    struct error e = ERROR_INIT;
    struct str made = STR_INIT(PASSWORD_STORED_MAX);
    set_up(&w);
    assert_true(password_make(VIEW("SCRAM-SHA-256"), w.client.password, &made, &e));
    w.stored = str_view(&made);
    assert_int_equal(run(&w, VIEW("SCRAM-SHA-256")), SASL_PROVED);
    assert_int_equal(run(&w, VIEW("SCRAM-SHA-1")), SASL_REFUSED); /* no such keys */
    assert_int_equal(run(&w, VIEW("CRAM-MD5")), SASL_REFUSED);    /* no clear text */
    str_done(&made);
    arena_free(w.arena);
}

/* Somebody in the middle: another channel, or the -PLUS offer taken away. */
static void test_scram_binding(void **state)
{
    (void)state;
    struct world w;
    set_up(&w);
    bind_channel(&w, "ours", "theirs");
    assert_int_equal(run(&w, VIEW("SCRAM-SHA-256-PLUS")), SASL_REFUSED);
    w.client.server_offers_plus = false;
    assert_int_equal(run(&w, VIEW("SCRAM-SHA-256")), SASL_MALFORMED);
    arena_free(w.arena);
}

/* The server must prove itself too. */
static void test_scram_false_server(void **state)
{
    (void)state;
    struct world w;
    struct error e = ERROR_INIT;
    struct view answer;
    bool has;
    set_up(&w);
    assert_true(sasl_client_start(&w.client, sasl_mechanism(VIEW("SCRAM-SHA-256")), &has,
                                  &answer, &e));
    assert_false(
        sasl_client_answer(&w.client, VIEW("r=other,s=QUJD,i=4096"), &answer, &e));
    assert_true(sasl_client_start(&w.client, sasl_mechanism(VIEW("SCRAM-SHA-256")), &has,
                                  &answer, &e));
    struct view first =
        arena_printf(w.arena, "r=%.*sx,s=QUJD,i=4096", VIEW_FMT(w.client.nonce));
    assert_true(sasl_client_answer(&w.client, first, &answer, &e));
    assert_false(sasl_client_is_done(&w.client));
    assert_false(sasl_client_answer(&w.client, VIEW("v=QUJD"), &answer, &e));
    arena_free(w.arena);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        struct view mechanism, first;
    } cases[] = {
        {VIEW("PLAIN"), VIEW("tim")},
        {VIEW("PLAIN"), VIEW("\0\0x")},
        {VIEW("PLAIN"), VIEW("\0tim\0x\0y")},
        {VIEW("PLAIN"), VIEW("\0t\nm\0x")},
        {VIEW("SCRAM-SHA-256"), VIEW("n,,n=tim")},
        {VIEW("SCRAM-SHA-256"), VIEW("n,,m=x,n=tim,r=abc")},
        {VIEW("SCRAM-SHA-256"), VIEW("n,,n=t=4Am,r=abc")},
        {VIEW("SCRAM-SHA-256"), VIEW("p=tls-unique,,n=tim,r=abc")},
        {VIEW("SCRAM-SHA-256-PLUS"), VIEW("n,,n=tim,r=abc")},
        {VIEW("XOAUTH2"), VIEW("user=tim\1auth=Basic x\1\1")},
        {VIEW("OAUTHBEARER"), VIEW("n,a=tim\1auth=Bearer\1\1")},
        {VIEW("NONE-SUCH"), VIEW("x")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w;
        set_up(&w);
        w.server.has_initial = true;
        w.server.initial = cases[i].first;
        w.script = &cases[i].first;
        assert_int_equal(sasl_serve(&w.server, cases[i].mechanism), SASL_MALFORMED);
        arena_free(w.arena);
    }
}

static void test_cancel_and_failure(void **state)
{
    (void)state;
    struct world w;
    static const struct view nothing[1];
    set_up(&w);
    w.script = nothing;
    w.server.has_initial = false;
    assert_int_equal(sasl_serve(&w.server, VIEW("LOGIN")), SASL_CANCELLED);
    assert_int_equal(sasl_serve(&w.server, VIEW("SCRAM-SHA-1")), SASL_CANCELLED);
    w.script = NULL;
    w.is_down = true;
    assert_int_equal(run(&w, VIEW("PLAIN")), SASL_UNAVAILABLE);
    assert_int_equal(run(&w, VIEW("SCRAM-SHA-256")), SASL_UNAVAILABLE);
    arena_free(w.arena);
}

/* A name that does not exist gets the same salt each time, as one that does. */
static void test_unknown_user_looks_known(void **state)
{
    (void)state;
    struct world w;
    set_up(&w);
    w.client.user = VIEW("nobody");
    assert_int_equal(run(&w, VIEW("SCRAM-SHA-256")), SASL_REFUSED);
    assert_int_equal(w.asked, 1); /* the challenge was sent, the proof was not taken */
    arena_free(w.arena);
}

static void test_choice(void **state)
{
    (void)state;
    struct world w;
    unsigned unwanted;
    struct view word;
    set_up(&w);
    struct view offered = VIEW("LOGIN PLAIN scram-sha-256 SCRAM-SHA-256-PLUS XOAUTH2");
    assert_true(view_eq(sasl_client_choose(&w.client, offered, 0, VIEW_NONE)->name,
                        VIEW("SCRAM-SHA-256")));
    assert_true(view_eq(sasl_client_choose(&w.client, offered, 0, VIEW("xoauth2"))->name,
                        VIEW("XOAUTH2")));
    bind_channel(&w, "x", "x");
    assert_true(view_eq(sasl_client_choose(&w.client, offered, 0, VIEW_NONE)->name,
                        VIEW("SCRAM-SHA-256-PLUS")));
    assert_true(sasl_security_parse(VIEW("noplaintext, noanonymous"), &unwanted, &word));
    assert_null(sasl_client_choose(&w.client, VIEW("PLAIN LOGIN"), unwanted, VIEW_NONE));
    assert_false(sasl_security_parse(VIEW("noanonymous nosuch"), &unwanted, &word));
    assert_true(view_eq(word, VIEW("nosuch")));
    arena_free(w.arena);
}

/* RFC 2195 2, the example. */
static void test_cram_md5_example(void **state)
{
    (void)state;
    char digest[33];
    assert_true(sasl_cram_md5(VIEW("tanstaaftanstaaf"),
                              VIEW("<1896.697170952@postoffice.reston.mci.net>"),
                              digest));
    assert_string_equal(digest, "b913a602c7eda7a495b4e6e7334d3890");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_mechanisms),
        cmocka_unit_test(test_wrong_password_and_user),
        cmocka_unit_test(test_scram_from_stored_keys),
        cmocka_unit_test(test_scram_binding),
        cmocka_unit_test(test_scram_false_server),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_cancel_and_failure),
        cmocka_unit_test(test_unknown_user_looks_known),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_cram_md5_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
