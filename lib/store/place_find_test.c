/* place_find_test - where mail is, by table and by account; places as bytes */
#include "store/place_find.h"

#include "base/log.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static struct conf *conf;
static struct arena *arena;

static struct places *open_places(const char *main_cf, bool acts)
{
    struct error e = ERROR_INIT;

    assert_true(conf_load_text("/nowhere", view_of(main_cf), NULL, 0, &conf, &e));
    struct places *p = places_open(conf, acts, &e);
    if (!p)
        fail_msg("%s", error_cstr(&e));
    arena = arena_new();
    return p;
}

static void done(struct places *p)
{
    places_close(p);
    conf_free(conf);
    arena_free(arena);
}

static void test_virtual(void **state)
{
    struct place_found f;
    struct error e = ERROR_INIT;
    struct places *p = open_places(
        "virtual_mailbox_base = /var/vmail\nvirtual_uid_maps = static:5000\n"
        "virtual_gid_maps = static:5001\nmyhostname = gw1.maison.mrs\n"
        "virtual_mailbox_maps = inline:{jo@a.example=a/jo/, ko@a.example=a/ko}\n"
        "store_quota_messages = 7\n"
        "store_quota_maps = inline:{{jo@a.example=10M 1000}, ko@a.example=1G}\n",
        true);

    (void)state;
    assert_true(places_find(p, VIEW("Jo@A.example"), arena, &f, &e));
    assert_int_equal(f.place.format, PLACE_MAILDIR);
    assert_string_equal(f.place.root, "/var/vmail/a/jo");
    assert_string_equal(f.area, "/var/vmail");
    assert_int_equal(f.uid, 5000);
    assert_int_equal(f.gid, 5001);
    assert_null(f.account);
    assert_int_equal(f.place.quota_bytes, 10 * 1024 * 1024);
    assert_int_equal(f.place.quota_messages, 1000);
    assert_true(places_find(p, VIEW("ko@a.example"), arena, &f, &e));
    assert_int_equal(f.place.format, PLACE_MBOX);
    assert_string_equal(f.place.inbox, "/var/vmail/a/ko");
    assert_int_equal(f.place.quota_bytes, 1 << 30);
    assert_int_equal(f.place.quota_messages, 7);
    assert_false(places_find(p, VIEW("nobody@a.example"), arena, &f, &e));
    assert_string_equal(e.status, "5.1.1");
    assert_false(places_find(p, VIEW("../etc/passwd"), arena, &f, &e));
    done(p);
}

static void test_accounts(void **state)
{
    struct place_found f;
    struct error e = ERROR_INIT;
    struct passwd *daemon = getpwnam("daemon");
    struct places *p = open_places(
        "mail_spool_directory = /var/mail\nstore_folder_directory = Folders\n", true);

    (void)state;
    assert_non_null(daemon);
    assert_true(places_find(p, VIEW("daemon"), arena, &f, &e));
    assert_int_equal(f.place.format, PLACE_MBOX);
    assert_string_equal(f.place.inbox, "/var/mail/daemon");
    assert_int_equal(f.uid, daemon->pw_uid);
    assert_string_equal(f.account, "daemon");
    assert_true(view_ends(view_of(f.place.root), VIEW("/Folders")));
    assert_true(f.place.lock.dotlock_may_fail);
    assert_false(places_find(p, VIEW("root"), arena, &f, &e));
    assert_string_equal(e.status, "5.7.1");
    assert_false(places_find(p, VIEW("no-such-account"), arena, &f, &e));
    assert_string_equal(e.status, "5.1.1");
    done(p);
}

static void test_home(void **state)
{
    static const struct {
        const char *value;
        enum place_format format;
        const char *root, *inbox; /* below the home directory */
    } cases[] = {{"Maildir/", PLACE_MAILDIR, "Maildir", NULL},
                 {"Mail/inbox/.", PLACE_MH, "Mail", "Mail/inbox"},
                 {"mbox", PLACE_MBOX, "mail", "mbox"}};
    struct passwd *daemon = getpwnam("daemon");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place_found f;
        struct error e = ERROR_INIT;
        char text[200], path[200];
        (void)snprintf(text, sizeof text, "store_home_mailbox = %s\n", cases[i].value);
        struct places *p = open_places(text, true);
        assert_true(places_find(p, VIEW("daemon"), arena, &f, &e));
        assert_int_equal(f.place.format, cases[i].format);
        (void)snprintf(path, sizeof path, "%s/%s", daemon->pw_dir, cases[i].root);
        assert_string_equal(f.place.root, path);
        if (cases[i].inbox) {
            (void)snprintf(path, sizeof path, "%s/%s", daemon->pw_dir, cases[i].inbox);
            assert_string_equal(f.place.inbox, path);
        }
        done(p);
    }
}

/* Not started by root: no account but the caller's. */
static void test_not_root(void **state)
{
    struct place_found f;
    struct error e = ERROR_INIT;
    struct places *p = open_places("virtual_mailbox_base = /v\n"
                                   "virtual_mailbox_maps = inline:{jo@a.example=jo/}\n",
                                   false);

    (void)state;
    assert_true(places_find(p, VIEW("jo@a.example"), arena, &f, &e));
    assert_int_equal(f.uid, geteuid());
    assert_false(
        places_find(p, geteuid() == 1 ? VIEW("bin") : VIEW("daemon"), arena, &f, &e));
    assert_string_equal(e.status, "5.7.1");
    done(p);
}

static void test_bad_quota(void **state)
{
    static const char *const bad[] = {"x", "10Q", "1 2 3", "99999999999T"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct place_found f;
        struct error e = ERROR_INIT;
        char text[400];
        (void)snprintf(text, sizeof text,
                       "virtual_mailbox_maps = inline:{jo@a.example=jo/}\n"
                       "virtual_uid_maps = static:5000\nvirtual_gid_maps = static:5000\n"
                       "store_quota_maps = inline:{{jo@a.example=%s}}\n",
                       bad[i]);
        struct places *p = open_places(text, true);
        assert_false(places_find(p, VIEW("jo@a.example"), arena, &f, &e));
        assert_string_equal(e.status, "4.3.5");
        done(p);
    }
}

static void test_bytes(void **state)
{
    struct place in = {.format = PLACE_MBOX,
                       .root = "/home/jo/mail",
                       .inbox = "/var/mail/jo",
                       .owner = "jo",
                       .host = "gw1",
                       .quota_bytes = 1,
                       .quota_messages = 2,
                       .lock = {.use_fcntl = true, .attempts = 20, .delay = 5}},
                 out;
    struct str bytes = STR_INIT(16384);
    struct arena *a = arena_new();

    (void)state;
    assert_true(place_pack(&in, &bytes));
    assert_true(place_unpack(str_view(&bytes), a, &out));
    assert_string_equal(out.inbox, in.inbox);
    assert_string_equal(out.root, in.root);
    assert_string_equal(out.owner, in.owner);
    assert_null(out.index);
    assert_int_equal(out.format, PLACE_MBOX);
    assert_int_equal(out.quota_messages, 2);
    assert_true(out.lock.use_fcntl && !out.lock.use_dotlock);
    assert_int_equal(out.lock.attempts, 20);
    for (size_t n = 0; n < bytes.n; n++)
        assert_false(place_unpack(view_sub(str_view(&bytes), 0, n), a, &out));
    str_add(&bytes, VIEW("x"));
    assert_false(place_unpack(str_view(&bytes), a, &out));
    str_done(&bytes);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_virtual),   cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_home),      cmocka_unit_test(test_not_root),
        cmocka_unit_test(test_bad_quota), cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
