/* paths_test - which directories the sandbox must open for the tables */
#include "table/paths.h"
#include "table/table_test_help.h"

#include "base/memory.h"

/* Is WANTED among PATHS? */
static bool has(const char *const *paths, const char *wanted)
{
    for (; *paths; paths++)
        if (strcmp(*paths, wanted) == 0)
            return true;
    return false;
}

/* A daemon keeps them for its life. */
static void drop(const char *const *paths)
{
    for (size_t i = 0; paths[i]; i++)
        memory_free((char *)(uintptr_t)paths[i]);
    memory_free((void *)(uintptr_t)paths);
}

static void test_paths(void **state)
{
    struct room *r =
        room_open("alias_maps = hash:/a/aliases\n"
                  "transport_maps = regexp:/b/one, unionmap:{proxy:cdb:/c/x, hash:/d/y}\n"
                  "mydestination = /e/domains\n"
                  "my_class = check_sender_access hash:/f/own\n"
                  "virtual_alias_maps = mysql:/g/my.cf, sqlite:db\n"
                  "db_dbpath = /h/db\n"
                  "db_domain = hash:/i/domains\n"
                  "local_recipient_maps = proxy:unix:passwd.byname\n");

    (void)state;
    const char *const *paths = table_paths(r->conf);
    static const char *const wanted[] = {"/a", "/b", "/c", "/d",  "/e",
                                         "/f", "/h", "/i", "/etc"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!has(paths, wanted[i]))
            fail_msg("%s is missing", wanted[i]);
    assert_true(has(paths, r->directory));
    assert_false(has(paths, "/g")); /* with a password: proxymap's */
    drop(paths);
    paths = table_paths_of_servers(r->conf);
    assert_true(has(paths, "/g"));
    drop(paths);
    room_close(r);
}

static void test_files_of_definitions(void **state)
{
    struct room *r = room_open("virtual_alias_maps = proxy:memcache:/x/mem.cf, "
                               "ldap:directory\n"
                               "directory_tls_ca_cert_file = /y/ca.pem\n"
                               "directory_domain = hash:/z/domains\n");

    (void)state;
    const char *const *paths = table_paths_of_servers(r->conf);
    assert_true(has(paths, "/x") && has(paths, "/y") && has(paths, "/z"));
    drop(paths);
    room_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_files_of_definitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
