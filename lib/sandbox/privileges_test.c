/* privileges_test - root rights given up, for good or for a while
 *
 * Children do the work; most of it needs root to start from.
 */
#include "sandbox/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The exit status of a child that runs FN. */
static int result_of(int (*fn)(void))
{
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Each CHECK that fails gives its line, modulo 200, as exit status. */
#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition))                                                                \
            return 1 + __LINE__ % 200;                                                   \
    } while (0)

static int drop_to_nobody(void)
{
    struct error e = ERROR_INIT;
    const struct passwd *nobody = getpwnam("nobody");

    CHECK(nobody != NULL);
    CHECK(privileges_drop("nobody", NULL, &e));
    CHECK(getuid() == nobody->pw_uid && geteuid() == nobody->pw_uid);
    CHECK(getgid() == nobody->pw_gid);
    CHECK(setuid(0) < 0 && setgid(0) < 0);
    CHECK(!privileges_are_root());
    /* Now an ordinary user: nothing to drop. */
    CHECK(privileges_drop("root", NULL, &e));
    CHECK(getuid() == nobody->pw_uid);
    CHECK(privileges_chroot("/nonexistent", &e));
    return 0;
}

static int drop_with_group(void)
{
    struct error e = ERROR_INIT;
    const struct group *mail = getgrnam("mail");
    gid_t groups[64];

    CHECK(mail != NULL);
    gid_t gid = mail->gr_gid;
    CHECK(privileges_drop("nobody", "mail", &e));
    CHECK(getgid() == gid && getegid() == gid);
    int n = getgroups(64, groups);
    CHECK(n == 1 && groups[0] == gid);
    return 0;
}

static int drop_to_unknown(void)
{
    struct error e = ERROR_INIT;

    CHECK(!privileges_drop("no-such-user-here", NULL, &e));
    CHECK(strcmp(e.text, "unknown user: no-such-user-here") == 0);
    CHECK(!privileges_drop("nobody", "no-such-group", &e));
    CHECK(getuid() == 0);
    return 0;
}

static int become_and_back(void)
{
    struct error e = ERROR_INIT;
    gid_t before[64], after[64];
    int n = getgroups(64, before);

    CHECK(privileges_become(65534, 65534, NULL, &e));
    CHECK(geteuid() == 65534 && getegid() == 65534 && getuid() == 0);
    CHECK(access("/etc/shadow", F_OK) == 0);
    CHECK(eaccess("/etc/shadow", R_OK) < 0);
    privileges_back();
    CHECK(geteuid() == 0 && getegid() == 0);
    CHECK(getgroups(64, after) == n);
    CHECK(n <= 0 || memcmp(before, after, (size_t)n * sizeof before[0]) == 0);
    privileges_back();
    return 0;
}

static int become_without_root(void)
{
    struct error e = ERROR_INIT;
    uid_t uid = geteuid() ? geteuid() : 65534;

    CHECK(privileges_drop_ids(65534, 65534, NULL, &e));
    CHECK(privileges_become(uid, getegid(), NULL, &e));
    privileges_back();
    CHECK(!privileges_become(uid + 1, getegid(), NULL, &e));
    CHECK(e.saved_errno == EPERM);
    return 0;
}

static int go_to_chroot(void)
{
    struct error e = ERROR_INIT;
    char directory[256];

    CHECK(!privileges_chroot("/nonexistent", &e));
    CHECK(e.saved_errno == ENOENT);
    CHECK(privileges_chroot("/usr", &e));
    CHECK(getcwd(directory, sizeof directory) != NULL && strcmp(directory, "/") == 0);
    CHECK(access("/bin", F_OK) == 0 && access("/usr", F_OK) < 0);
    return 0;
}

static void as_root(int (*fn)(void))
{
    if (geteuid() != 0)
        skip();
    assert_int_equal(result_of(fn), 0);
}

static void dropped_rights_do_not_come_back(void **state)
{
    (void)state;
    as_root(drop_to_nobody);
}
static void a_group_can_be_named(void **state)
{
    (void)state;
    as_root(drop_with_group);
}
static void unknown_names_are_errors(void **state)
{
    (void)state;
    as_root(drop_to_unknown);
}
static void acting_for_a_user_ends(void **state)
{
    (void)state;
    as_root(become_and_back);
}
static void an_ordinary_user_acts_for_nobody_else(void **state)
{
    (void)state;
    assert_int_equal(result_of(become_without_root), 0);
}
static void chroot_moves_the_root(void **state)
{
    (void)state;
    as_root(go_to_chroot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_rights_do_not_come_back),
        cmocka_unit_test(a_group_can_be_named),
        cmocka_unit_test(unknown_names_are_errors),
        cmocka_unit_test(acting_for_a_user_ends),
        cmocka_unit_test(an_ordinary_user_acts_for_nobody_else),
        cmocka_unit_test(chroot_moves_the_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
