/* sandbox_test - what is forbidden fails, what is needed works
 *
 * Each case runs in a child that locks itself in; its exit status is the answer.
 */
#include "sandbox/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64]; /* a directory with open/ shut/ work/, each with a file f */
static char path_open[128], path_shut[128], path_work[128];

static const char *const open_list[] = {path_open, NULL};
static const char *const work_list[] = {path_work, NULL};

static void make_file(const char *directory)
{
    char path[256];

    assert_int_equal(mkdir(directory, 0755), 0);
    snprintf(path, sizeof path, "%s/f", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static int make_tree(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/sandbox_test.XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(path_open, sizeof path_open, "%s/open", root);
    snprintf(path_shut, sizeof path_shut, "%s/shut", root);
    snprintf(path_work, sizeof path_work, "%s/work", root);
    make_file(path_open);
    make_file(path_shut);
    make_file(path_work);
    return 0;
}

static int remove_tree(void **state)
{
    const char *const directories[] = {path_open, path_shut, path_work};
    char path[256];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/f", directories[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s/log", directories[i]);
        unlink(path);
        rmdir(directories[i]);
    }
    return rmdir(root);
}

/* The wait status of a child that enters PROFILE and then exits with FN(). */
static int status_of(const struct sandbox_profile *profile, int (*fn)(void))
{
    struct error e = ERROR_INIT;
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (!sandbox_enter(profile, &e)) {
            dprintf(STDERR_FILENO, "%s\n", error_cstr(&e));
            _exit(250);
        }
        _exit(fn());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int result_of(const struct sandbox_profile *profile, int (*fn)(void))
{
    int status = status_of(profile, fn);

    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* 0, or the errno of opening DIRECTORY/NAME. */
static int try_open(const char *directory, const char *name, int flags)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int read_open(void)
{
    return try_open(path_open, "f", O_RDONLY);
}
static int write_open(void)
{
    return try_open(path_open, "f", O_WRONLY);
}
static int read_shut(void)
{
    return try_open(path_shut, "f", O_RDONLY);
}
static int read_passwd(void)
{
    return try_open("/etc", "passwd", O_RDONLY);
}
static int write_null(void)
{
    return try_open("/dev", "null", O_RDWR);
}
static int write_work(void)
{
    char from[256], to[256];
    int code = try_open(path_work, "new", O_WRONLY | O_CREAT);

    snprintf(from, sizeof from, "%s/new", path_work);
    snprintf(to, sizeof to, "%s/newer", path_work);
    if (code == 0 && rename(from, to) < 0)
        code = errno;
    if (code == 0 && unlink(to) < 0)
        code = errno;
    return code;
}
static int create_shut(void)
{
    return try_open(path_shut, "new", O_WRONLY | O_CREAT);
}
static int unlink_open(void)
{
    char path[256];

    snprintf(path, sizeof path, "%s/f", path_open);
    return unlink(path) < 0 ? errno : 0;
}

static void only_named_paths_can_be_opened(void **state)
{
    const struct sandbox_profile p = {
        .name = "test", .readable = open_list, .writable = work_list};

    (void)state;
    assert_int_equal(result_of(&p, read_open), 0);
    assert_int_equal(result_of(&p, write_open), EACCES);
    assert_int_equal(result_of(&p, read_shut), EACCES);
    assert_int_equal(result_of(&p, read_passwd), EACCES);
    assert_int_equal(result_of(&p, create_shut), EACCES);
    assert_int_equal(result_of(&p, unlink_open), EACCES);
    assert_int_equal(result_of(&p, write_work), 0);
    assert_int_equal(result_of(&p, write_null), 0);
}

static void without_writable_paths_nothing_is_changed(void **state)
{
    const struct sandbox_profile p = {.name = "test", .readable = open_list};

    (void)state;
    assert_int_equal(result_of(&p, unlink_open), EPERM);
}

static void a_missing_path_is_no_error(void **state)
{
    static const char *const list[] = {"/nonexistent/path", path_open, NULL};
    const struct sandbox_profile p = {.name = "test", .readable = list};

    (void)state;
    assert_int_equal(result_of(&p, read_open), 0);
}

static int run_true(void)
{
    char *const argv[] = {NULL};

    execve("/bin/true", argv, argv);
    return errno;
}
static int trace_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? errno : 0;
}
static int mount_something(void)
{
    return mount("none", path_open, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static void what_only_intruders_call_is_deadly(void **state)
{
    const struct sandbox_profile p = {.name = "test", .network = true, .may_fork = true};
    int (*const calls[])(void) = {run_true, trace_parent, mount_something};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        int status = status_of(&p, calls[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

static void who_may_exec_can(void **state)
{
    const struct sandbox_profile p = {.name = "test", .may_exec = true};

    (void)state;
    assert_int_equal(result_of(&p, run_true), 0);
}

static int fork_and_reap(void)
{
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(0);
    return waitpid(pid, &status, 0) == pid ? status : 251;
}

static void children_are_for_those_who_may_fork(void **state)
{
    const struct sandbox_profile alone = {.name = "test"};
    const struct sandbox_profile parent = {.name = "test", .may_fork = true};

    (void)state;
    assert_int_equal(result_of(&alone, fork_and_reap), EPERM);
    assert_int_equal(result_of(&parent, fork_and_reap), 0);
}

static int open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}
static int socket_inet(void)
{
    return open_socket(AF_INET);
}
static int socket_inet6(void)
{
    int code = open_socket(AF_INET6);

    return code == EAFNOSUPPORT ? 0 : code; /* hosts without IPv6 */
}
static int socket_unix(void)
{
    return open_socket(AF_UNIX);
}
static int socket_packet(void)
{
    return open_socket(AF_PACKET);
}

static void the_network_is_for_those_who_face_it(void **state)
{
    const struct sandbox_profile inside = {.name = "test"};
    const struct sandbox_profile outside = {.name = "test", .network = true};

    (void)state;
    assert_int_equal(result_of(&inside, socket_inet), EPERM);
    assert_int_equal(result_of(&inside, socket_inet6), EPERM);
    assert_int_equal(result_of(&inside, socket_unix), 0);
    assert_int_equal(result_of(&outside, socket_inet), 0);
    assert_int_equal(result_of(&outside, socket_inet6), 0);
    assert_int_equal(result_of(&outside, socket_packet), EPERM);
}

static void *add_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}
static int use_threads(void)
{
    pthread_t thread;
    int value = 41, code = pthread_create(&thread, NULL, add_one, &value);

    if (code == 0)
        code = pthread_join(thread, NULL);
    return code ? code : value;
}
static int change_user(void)
{
    return setuid(getuid()) < 0 ? errno : 0;
}

static void threads_work_and_ids_stay(void **state)
{
    const struct sandbox_profile p = {.name = "test"};
    const struct sandbox_profile changer = {.name = "test", .may_change_ids = true};

    (void)state;
    assert_int_equal(result_of(&p, use_threads), 42);
    assert_int_equal(result_of(&p, change_user), EPERM);
    assert_int_equal(result_of(&changer, change_user), 0);
}

static int enter_again(void)
{
    const struct sandbox_profile tighter = {.name = "tighter"};
    struct error e = ERROR_INIT;

    return sandbox_enter(&tighter, &e) ? try_open(path_open, "f", O_RDONLY) : 252;
}

static void a_tighter_profile_can_follow(void **state)
{
    const struct sandbox_profile p = {.name = "test", .readable = open_list};

    (void)state;
    assert_int_equal(result_of(&p, enter_again), EACCES);
}

static char log_path[256];

static int log_a_line(void)
{
    log_set_socket_path(log_path); /* so that it is opened from within */
    log_open("postfix/test", LOG_SINK_SYSLOG);
    log_warning("from inside");
    return 0;
}

static void logging_goes_on_inside(void **state)
{
    const struct sandbox_profile p = {.name = "test"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char line[512] = "";

    (void)state;
    snprintf(log_path, sizeof log_path, "%s/log", path_work);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", log_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(result_of(&p, log_a_line), 0);
    assert_true(recv(fd, line, sizeof line - 1, 0) > 0);
    close(fd);
    assert_int_equal(strncmp(line, "<20>", 4), 0);
    assert_non_null(strstr(line, " postfix/test["));
    assert_non_null(strstr(line, "]: warning: from inside"));
}

static int soft_limit_is_raised(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return errno;
    return limit.rlim_cur == limit.rlim_max || limit.rlim_cur >= 1024 * 1024 ? 0 : 1;
}

static void the_limit_of_open_files_is_raised(void **state)
{
    const struct sandbox_profile p = {.name = "test"};

    (void)state;
    assert_int_equal(result_of(&p, soft_limit_is_raised), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_named_paths_can_be_opened),
        cmocka_unit_test(without_writable_paths_nothing_is_changed),
        cmocka_unit_test(a_missing_path_is_no_error),
        cmocka_unit_test(what_only_intruders_call_is_deadly),
        cmocka_unit_test(who_may_exec_can),
        cmocka_unit_test(children_are_for_those_who_may_fork),
        cmocka_unit_test(the_network_is_for_those_who_face_it),
        cmocka_unit_test(threads_work_and_ids_stay),
        cmocka_unit_test(a_tighter_profile_can_follow),
        cmocka_unit_test(logging_goes_on_inside),
        cmocka_unit_test(the_limit_of_open_files_is_raised),
    };

    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
