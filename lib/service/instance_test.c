/* instance_test - configuration directory, log file, owner, trigger */
#include "base/log.h"
#include "ipc/ipc.h"
#include "net/listen.h"
#include "service/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char place[64];

static int make_place(void **state)
{
    (void)state;
    snprintf(place, sizeof place, "/tmp/instance_test.XXXXXX");
    return mkdtemp(place) && chdir(place) == 0 && mkdir("public", 0700) == 0 &&
                   mkdir("pid", 0700) == 0
               ? 0
               : -1;
}

static int remove_place(void **state)
{
    static const char *const names[] = {"public/pickup", "pid/master.pid", "log"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(names[i]);
    (void)rmdir("public");
    (void)rmdir("pid");
    return chdir("/") == 0 ? rmdir(place) : -1;
}

/* A configuration with TEXT; "%s" in it is the test's directory. */
static struct conf *load(const char *format)
{
    struct str text = STR_INIT(4096);
    struct error e = ERROR_INIT;
    struct conf *c;

    for (const char *p = format; *p; p++) {
        if (p[0] == '@')
            str_add_cstr(&text, place);
        else
            str_add_char(&text, *p);
    }
    assert_true(conf_load_text("/etc/postfix", str_view(&text), NULL, 0, &c, &e));
    str_done(&text);
    return c;
}

static void test_directory(void **state)
{
    struct error e = ERROR_INIT;

    (void)state;
    unsetenv("MAIL_CONFIG");
    assert_string_equal(instance_directory(NULL, &e), INSTANCE_DEFAULT_DIRECTORY);
    setenv("MAIL_CONFIG", place, 1);
    assert_string_equal(instance_directory(NULL, &e), place);
    assert_string_equal(instance_directory("public", &e) + strlen(place), "/public");
    assert_null(instance_directory("/no/such/directory", &e));
    assert_non_null(strstr(error_cstr(&e), "/no/such/directory"));
    unsetenv("MAIL_CONFIG");
}

static void test_log_file(void **state)
{
    struct error e = ERROR_INIT;
    struct stat st;
    struct conf *c = load("maillog_file = @/log\nmaillog_file_prefixes = @\n");
    int fd = instance_log_file(c, &e);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x\n", 2), 2);
    assert_int_equal(stat("log", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(fcntl(fd, F_GETFL) & O_APPEND);
    close(fd);
    conf_free(c);

    c = load("maillog_file = @/log\n");
    assert_int_equal(instance_log_file(c, &e), -1);
    assert_non_null(
        strstr(error_cstr(&e), "does not match any prefix in maillog_file_prefixes"));
    conf_free(c);

    error_clear(&e);
    c = load("");
    assert_int_equal(instance_log_file(c, &e), -1);
    assert_false(error_is_set(&e));
    conf_free(c);
}

static void test_owner(void **state)
{
    struct error e = ERROR_INIT;
    struct instance_owner o;
    struct conf *c = load("mail_owner = nosuchuser\n");

    (void)state;
    if (geteuid() != 0) {
        assert_true(instance_owner(c, &o, &e));
        assert_int_equal(o.mail_uid, getuid());
    } else {
        assert_false(instance_owner(c, &o, &e));
        assert_non_null(strstr(error_cstr(&e), "useradd"));
    }
    conf_free(c);
    if (geteuid() != 0)
        return;
    c = load("mail_owner = root\n");
    assert_false(instance_owner(c, &o, &e));
    conf_free(c);
    c = load("mail_owner = nobody\nsetgid_group = nogroup\n");
    assert_true(instance_owner(c, &o, &e));
    assert_true(o.is_root && o.mail_uid != 0);
    conf_free(c);
}

/* One message, in the form that ipc_receive takes. */
static void test_trigger(void **state)
{
    struct error e = ERROR_INIT;
    struct arena *a = arena_new();
    char bytes[1024];

    (void)state;
    assert_false(instance_trigger("public", "pickup", "W", &e));
    int listening = listen_unix("public/pickup", SOCK_SEQPACKET, 0600, 8, &e);
    assert_true(instance_trigger("public", "pickup", "W", &e));
    int fd = accept(listening, NULL, NULL);
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);
    assert_true(n > 0);
    struct ipc_message *m = ipc_message_parse(a, (struct view){bytes, (size_t)n}, 0, &e);
    assert_non_null(m);
    assert_int_equal(ipc_message_type(m), IPC_TRIGGER);
    assert_true(view_eq(ipc_get_view(m, IPC_ATTR_REQUEST), VIEW("W")));
    close(fd);
    close(listening);
    arena_free(a);
}

/* A pid file counts only while somebody holds its lock. */
static void test_master_pid(void **state)
{
    struct conf *c = load("queue_directory = @\n");
    int fd = open("pid/master.pid", O_RDWR | O_CREAT | O_TRUNC, 0600);

    (void)state;
    assert_int_equal(dprintf(fd, "%32d\n", 4711), 33);
    assert_int_equal(instance_master_pid(c), 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(instance_master_pid(c), 4711);
    close(fd);
    assert_int_equal(instance_master_pid(c), 0);
    conf_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory),  cmocka_unit_test(test_log_file),
        cmocka_unit_test(test_owner),      cmocka_unit_test(test_trigger),
        cmocka_unit_test(test_master_pid),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}
