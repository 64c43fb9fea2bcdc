/* account_test - rights, annotations, shared mailboxes, limits of an account */
#include "store/namespace.h"
#include "store/store_test_help.h"

#include "conf/conf.h"

#include <stdio.h>
#include <sys/stat.h>

static struct account *anna;
static struct arena *arena;
static struct error e;
static char shares[100];

static void letters(void)
{
    char out[ACL_RIGHTS_MAX];
    unsigned rights;

    assert_true(acl_parse(VIEW("lrsdc"), &rights));
    acl_format(rights, out);
    assert_string_equal(out, "lrskxte");
    assert_true(acl_parse(VIEW(ACL_RIGHTS), &rights));
    assert_int_equal(rights, ACL_ALL);
    assert_false(acl_parse(VIEW("lz"), &rights));
}

static void rights(void)
{
    struct acl_entry *acl;
    size_t n;

    CHECK_OK(account_open(&help_place, &anna, &e));
    arena = arena_new();
    CHECK_OK(account_create(anna, VIEW("Work"), 0, &e));
    CHECK_OK(
        account_acl_set(anna, VIEW("Work"), VIEW("bert"), ACL_LOOKUP | ACL_READ, &e));
    CHECK_OK(
        account_acl_set(anna, VIEW("Work"), VIEW("anyone"), ACL_LOOKUP | ACL_POST, &e));
    CHECK_OK(account_acl_set(anna, VIEW("Work"), VIEW("-bert"), ACL_POST, &e));
    assert_int_equal(account_acl_set(anna, VIEW("Work"), VIEW("anna"), 0, &e),
                     STORE_CANNOT);
    assert_int_equal(account_acl_set(anna, VIEW("No"), VIEW("bert"), 1, &e),
                     STORE_NONEXISTENT);
    assert_int_equal(account_rights(anna, VIEW("Work"), VIEW("anna")), ACL_ALL);
    assert_int_equal(account_rights(anna, VIEW("Work"), VIEW("bert")),
                     ACL_LOOKUP | ACL_READ);
    assert_int_equal(account_rights(anna, VIEW("Work"), VIEW("carl")),
                     ACL_LOOKUP | ACL_POST);
    assert_int_equal(account_rights(anna, VIEW("Work/new"), VIEW("carl")),
                     ACL_LOOKUP | ACL_POST);
    assert_int_equal(account_rights(anna, VIEW("INBOX"), VIEW("bert")), 0);
    CHECK_OK(account_acl_get(anna, VIEW("Work"), arena, &acl, &n, &e));
    assert_int_equal(n, 4);
    assert_string_equal(acl[0].identifier.p, "anna");
    CHECK_OK(account_create(anna, VIEW("Work/Sub"), 0, &e));
    assert_int_equal(account_rights(anna, VIEW("Work/Sub"), VIEW("bert")),
                     ACL_LOOKUP | ACL_READ);
    CHECK_OK(account_acl_set(anna, VIEW("Work"), VIEW("bert"), 0, &e));
    assert_int_equal(account_rights(anna, VIEW("Work"), VIEW("bert")), ACL_LOOKUP);
    account_close(anna);
    arena_free(arena);
}

static void annotations(void)
{
    struct account_entry *entries;
    size_t n;

    CHECK_OK(account_open(&help_place, &anna, &e));
    arena = arena_new();
    store_options.metadata_size = 10;
    store_options.metadata_count = 2;
    struct view entry = VIEW("/private/comment");
    CHECK_OK(account_metadata_set(anna, VIEW("INBOX"), entry, VIEW("a\tb\n\\\0c"), &e));
    CHECK_OK(account_metadata_set(anna, VIEW(""), VIEW("/shared/admin"), VIEW("x"), &e));
    assert_int_equal(
        account_metadata_set(anna, VIEW("INBOX"), entry, VIEW("12345678901"), &e),
        STORE_LIMIT);
    CHECK_OK(account_metadata_set(anna, VIEW("INBOX"), VIEW("/private/b"), VIEW(""), &e));
    assert_int_equal(
        account_metadata_set(anna, VIEW("INBOX"), VIEW("/private/c"), VIEW("1"), &e),
        STORE_LIMIT);
    account_close(anna);
    account_close_unused();
    CHECK_OK(account_open(&help_place, &anna, &e));
    CHECK_OK(account_metadata_get(anna, VIEW("INBOX"), arena, &entries, &n, &e));
    assert_int_equal(n, 2);
    assert_string_equal(entries[0].name.p, "/private/comment");
    assert_int_equal(entries[0].value.n, 7);
    assert_memory_equal(entries[0].value.p, "a\tb\n\\\0c", 7);
    CHECK_OK(account_metadata_set(anna, VIEW("INBOX"), entry, VIEW_NONE, &e));
    CHECK_OK(account_metadata_get(anna, VIEW("INBOX"), arena, &entries, &n, &e));
    assert_int_equal(n, 1);
    CHECK_OK(account_metadata_get(anna, VIEW(""), arena, &entries, &n, &e));
    assert_int_equal(n, 1);
    account_close(anna);
    arena_free(arena);
    store_options.metadata_size = 65536;
    store_options.metadata_count = 100;
}

static bool place_of(struct namespace_resolver *r, struct view user, struct arena *a,
                     struct place *place)
{
    (void)r;
    (void)a;
    *place = help_place;
    return view_eq(user, VIEW("anna"));
}

static void shared(void)
{
    struct namespace_resolver resolver = {.place_of = place_of};
    struct account *bert;
    struct account_folder *list;
    struct namespace_target target;
    size_t n;
    char root[100];
    struct place place = help_place;

    snprintf(shares, sizeof shares, "%s/shares", help_root);
    snprintf(root, sizeof root, "%s/Bert", help_root);
    assert_int_equal(mkdir(shares, 0700), 0);
    place.root = root;
    place.owner = "bert";
    arena = arena_new();
    CHECK_OK(account_open(&help_place, &anna, &e));
    CHECK_OK(account_open(&place, &bert, &e));
    CHECK_OK(account_create(anna, VIEW("Work"), 0, &e));
    struct namespace of_anna = {anna, VIEW("anna"), &resolver, shares};
    struct namespace of_bert = {bert, VIEW("bert"), &resolver, shares};
    CHECK_OK(namespace_list(&of_bert, arena, &list, &n, &e));
    assert_int_equal(n, 1);
    assert_int_equal(
        namespace_resolve(&of_bert, VIEW("Other Users/anna/Work"), arena, &target, &e),
        STORE_NONEXISTENT);
    CHECK_OK(namespace_acl_set(&of_anna, anna, VIEW("Work"), VIEW("bert"),
                               ACL_LOOKUP | ACL_READ, &e));
    CHECK_OK(namespace_list(&of_bert, arena, &list, &n, &e));
    assert_int_equal(n, 4);
    assert_string_equal(list[1].name.p, "Other Users");
    assert_string_equal(list[2].name.p, "Other Users/anna");
    assert_string_equal(list[3].name.p, "Other Users/anna/Work");
    CHECK_OK(
        namespace_resolve(&of_bert, VIEW("Other Users/anna/Work"), arena, &target, &e));
    assert_ptr_equal(target.account, anna);
    assert_string_equal(target.name.p, "Work");
    assert_int_equal(target.rights, ACL_LOOKUP | ACL_READ);
    account_close(target.account);
    assert_int_equal(
        namespace_resolve(&of_bert, VIEW("Other Users/anna/INBOX"), arena, &target, &e),
        STORE_NONEXISTENT);
    CHECK_OK(namespace_resolve(&of_bert, VIEW("inbox"), arena, &target, &e));
    assert_string_equal(target.name.p, "INBOX");
    account_close(target.account);
    CHECK_OK(namespace_acl_set(&of_anna, anna, VIEW("Work"), VIEW("bert"), 0, &e));
    CHECK_OK(namespace_list(&of_bert, arena, &list, &n, &e));
    assert_int_equal(n, 1);
    account_close(anna);
    account_close(bert);
    arena_free(arena);
}

/* store_mailbox_limit, store_message_size_limit and the others come from main.cf. */
static void limits(void)
{
    struct conf *conf;
    struct mailbox *b;
    struct mailbox_append *p;
    struct mailbox_append_message m = {.received = -1};
    struct store_options before = store_options;
    struct view text = VIEW("store_mailbox_limit = 2\nstore_message_size_limit = 10\n"
                            "store_metadata_entry_limit = 3\nstore_linger_time = 0\n"
                            "store_metadata_size_limit = 4\nstore_poll_interval = 7s\n"
                            "store_vanished_limit = 5\n");

    assert_true(conf_load_text("/etc", text, NULL, 0, &conf, &e));
    store_configure(conf);
    conf_free(conf);
    assert_int_equal(store_options.metadata_count, 3);
    assert_int_equal(store_options.metadata_size, 4);
    assert_int_equal(store_options.poll_interval, 7000000);
    assert_int_equal(store_options.vanished_limit, 5);
    CHECK_OK(account_open(&help_place, &anna, &e));
    CHECK_OK(account_create(anna, VIEW("A"), 0, &e));
    assert_int_equal(account_create(anna, VIEW("B"), 0, &e), STORE_LIMIT);
    CHECK_OK(mailbox_open(anna, VIEW("A"), &b, &e));
    CHECK_OK(mailbox_append_begin(b, &p, &e));
    CHECK_OK(mailbox_append_message(p, &m, &e));
    assert_int_equal(mailbox_append_bytes(p, VIEW("12345678901"), &e), STORE_LIMIT);
    mailbox_append_abort(p);
    /* The history of expunged messages is cut. */
    struct uid_list *l;
    for (int i = 0; i < 8; i++)
        help_append(b, "x\r\n", 0, "");
    l = mailbox_uids(b);
    uint64_t modseq = mailbox_modseq(b);
    for (size_t i = 0; i < l->n; i++)
        CHECK_OK(mailbox_expunge(b, &l->uids[i], 1, NULL, &e));
    uid_list_release(l);
    uint32_t *gone;
    size_t n;
    bool complete;
    arena = arena_new();
    CHECK_OK(mailbox_vanished(b, modseq, arena, &gone, &n, &complete, &e));
    assert_false(complete);
    assert_int_equal(n, 5);
    arena_free(arena);
    mailbox_close(b);
    account_close(anna);
    store_options = before;
}

#define TEST(name)                                                                       \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        (void)state;                                                                     \
        help_run(name);                                                                  \
    }
TEST(letters)
TEST(rights)
TEST(annotations)
TEST(shared)
TEST(limits)
#define ENTRY(name)                                                                      \
    cmocka_unit_test_setup_teardown(test_##name, help_set_up, help_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENTRY(letters), ENTRY(rights), ENTRY(annotations), ENTRY(shared), ENTRY(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
