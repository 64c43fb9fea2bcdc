/* command - deliver a message to an external command */
#include "agent/command.h"

#include "agent/exit_status.h"
#include "base/log.h"
#include "base/memory.h"
#include "format/dsn_code.h"
#include "net/stream.h"
#include "run/loop.h"
#include "run/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define END_GRACE (5 * CLOCK_SECOND)

/* One run of a command. */
struct run {
    const struct command *command;
    int64_t deadline;
    struct stream *input; /* to its standard input */
    bool is_fed;
    struct waitq fed;
    struct error feed_error; /* set when the content could not be read */
};

/* --- in the child, before it runs the program: bare system calls only --- */

static void __attribute__((noreturn)) refuse(const char *what)
{
    const char *reason = strerrordesc_np(errno);
    ssize_t n = write(2, what, strlen(what));

    if (n > 0 && reason)
        n = write(2, reason, strlen(reason));
    _exit(n < 0 ? EX_OSERR : EX_TEMPFAIL);
}

static void enter(void *arg)
{
    const struct command *c = arg;
    gid_t gid = c->gid;
    struct rlimit limit = {c->file_size_limit, c->file_size_limit};

    if (c->file_size_limit > 0 && setrlimit(RLIMIT_FSIZE, &limit) < 0)
        refuse("cannot limit the file size: ");
    if (c->chroot && (chroot(c->chroot) < 0 || chdir("/") < 0))
        refuse("cannot change the root directory: ");
    if (c->set_ids && (syscall(SYS_setgroups, 1, &gid) < 0 ||
                       syscall(SYS_setresgid, gid, gid, gid) < 0 ||
                       syscall(SYS_setresuid, c->uid, c->uid, c->uid) < 0))
        refuse("cannot become the user: ");
    if (c->directory && chdir(c->directory) < 0)
        refuse("cannot change the working directory: ");
}

/* --- input --- */

/* Send headers and content; what the command does not read is its own matter. */
static bool feed(struct run *run)
{
    const struct command *c = run->command;
    struct copy_filter filter = c->filter, plain;
    struct str out = STR_INIT(4 * COPY_PIECE + 3 * c->headers.n + 64);
    char *buf = memory_alloc(COPY_PIECE);
    uint64_t offset = 0;
    ptrdiff_t n;

    copy_filter_init(&plain, filter.line_end);
    bool ok = copy_filter_add(&plain, c->headers, &out);
    while (ok && (n = copy_source_read(c->content, offset, buf, COPY_PIECE)) != 0) {
        ok = n > 0 && copy_filter_add(&filter, (struct view){buf, (size_t)n}, &out);
        if (!ok) {
            error_set_errno(&run->feed_error, "4.3.0", "cannot read the message");
            break;
        }
        offset += (uint64_t)n;
        stream_write(run->input, str_view(&out));
        str_clear(&out);
        if (stream_unsent(run->input) > COPY_PIECE)
            ok = stream_flush(run->input) == STREAM_OK;
    }
    ok = ok && copy_filter_end(&filter, &out);
    stream_write(run->input, str_view(&out));
    ok = ok && stream_flush(run->input) == STREAM_OK;
    memory_free(buf);
    str_done(&out);
    return ok;
}

static void feed_fiber(void *arg)
{
    struct run *run = arg;

    if (!feed(run))
        log_debug("%s: did not read all of its input", run->command->shown);
    stream_close(run->input);
    run->is_fed = true;
    waitq_wake_all(&run->fed);
}

/* --- output --- */

/* Read to the end; what is beyond the limit is thrown away.  False when time is up. */
static bool collect(struct stream *from, struct str *text)
{
    for (;;) {
        struct view piece;
        enum stream_result result = stream_read_some(from, COPY_PIECE, &piece);
        if (result == STREAM_TIMEOUT)
            return false;
        if (result != STREAM_OK)
            return true;
        str_add(text, piece);
    }
}

/* How many bytes at the start of V can be shown as they are. */
static size_t showable(struct view v)
{
    unsigned char c = (unsigned char)v.p[0];

    if (c < 0x80)
        return c >= ' ' && c != 0x7f;
    return view_utf8_length(v);
}

/* On one line, printable: ends of lines and tabs become blanks, as Postfix logs it. */
static struct view tidy(struct arena *a, struct view text)
{
    struct view v = arena_dup(a, text);
    char *p = arena_cstr(a, v);
    size_t n;

    for (size_t i = 0; i<v.n; i += n> 0 ? n : 1) {
        n = showable(view_from((struct view){p, v.n}, i));
        if (n == 0)
            p[i] = p[i] == '\n' || p[i] == '\t' ? ' ' : '_';
    }
    return (struct view){p, v.n};
}

/* --- the verdict --- */

static void add_output(struct error *e, const char *status, struct view text,
                       struct view output)
{
    error_set(e, status, "%.*s%s%.*s", VIEW_FMT(text),
              output.n > 0 ? ". Command output: " : "", VIEW_FMT(output));
}

/* What WAIT_STATUS, not a clean end, says.  pipe(8), DIAGNOSTICS. */
static void judge(const struct command *c, struct arena *a, int wait_status,
                  struct view output, struct error *e)
{
    char status[DSN_CODE_MAX];
    int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    const struct exit_status *known = exit_status_find(code);
    struct view text = dsn_code_split(output, "", status);

    if (!WIFEXITED(wait_status)) {
        text = arena_printf(a, "Command died with signal %d: \"%s\"",
                            WTERMSIG(wait_status), c->shown);
        add_output(e, "4.3.0", text, output);
    } else if (status[0] == '4' || status[0] == '5') {
        error_set(e, status, "%.*s", VIEW_FMT(text));
    } else if (known) {
        add_output(e, known->status, view_of(known->text), output);
    } else {
        text = arena_printf(a, "Command died with status %d: \"%s\"", code, c->shown);
        add_output(e, "5.3.0", text, output);
    }
}

/* The command could not even be started. */
static enum result not_started(const struct command *c, struct error *e)
{
    struct error why = *e;

    error_set(e, "4.3.0", "temporary failure. Command output: %s: fatal: %s", c->shown,
              why.text);
    return TEMPFAIL;
}

/* Out of time: end it and all that it started. */
static enum result too_late(const struct command *c, struct arena *a, pid_t pid,
                            struct view output, struct error *e)
{
    struct view text = arena_printf(a, "Command time limit exceeded: \"%s\"", c->shown);

    process_end(pid, END_GRACE);
    add_output(e, "5.3.0", text, output);
    return PERMFAIL;
}

/* Feed the running command, collect what it writes, wait for its end. */
static enum result attend(struct run *run, pid_t pid, struct stream *from,
                          struct arena *a, struct view *output, struct error *e)
{
    struct str text = STR_INIT(COMMAND_OUTPUT_MAX);
    int status = 0;

    fiber_spawn("command input", feed_fiber, run);
    bool in_time = collect(from, &text);
    *output = tidy(a, str_view(&text));
    str_done(&text);
    in_time = in_time && process_wait(pid, run->deadline, &status) == WAKE_OK;
    enum result result = OK;
    if (!in_time)
        result = too_late(run->command, a, pid, *output, e);
    while (!run->is_fed) /* it uses what is ours */
        if (waitq_wait(&run->fed, CLOCK_NEVER) != WAKE_OK)
            fiber_yield();
    if (!in_time)
        return result;
    if (error_is_set(&run->feed_error)) {
        *e = run->feed_error;
        return TEMPFAIL;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return OK;
    judge(run->command, a, status, *output, e);
    return error_result(e);
}

static bool make_pipes(int in[2], int out[2], struct error *e)
{
    in[0] = in[1] = out[0] = out[1] = -1;
    if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0)
        return true;
    error_set_errno(e, "4.3.0", "pipe");
    if (in[0] >= 0) {
        close(in[0]);
        close(in[1]);
    }
    return false;
}

enum result command_run(const struct command *c, struct arena *a, struct view *output,
                        struct error *e)
{
    struct run run = {.command = c, .deadline = clock_in(c->time_limit)};
    union {
        const struct command *in;
        void *out;
    } arg = {.in = c};
    struct process_setup setup = {.argv = c->argv,
                                  .env = c->env,
                                  .new_session = true,
                                  .before_exec = enter,
                                  .before_exec_arg = arg.out};
    int in[2], out[2];

    *output = VIEW_NONE;
    if (!make_pipes(in, out, e))
        return TEMPFAIL;
    setup.fds[0] = in[0];
    setup.fds[1] = setup.fds[2] = out[1];
    pid_t pid = process_start(&setup, e);
    close(in[0]);
    close(out[1]);
    if (pid < 0) {
        close(in[1]);
        close(out[0]);
        return not_started(c, e);
    }
    run.input = stream_open_fd(in[1]);
    stream_set_timeout(run.input, c->time_limit);
    stream_set_deadline(run.input, run.deadline);
    WAITQ_INIT(&run.fed);
    struct stream *from = stream_open_fd(out[0]);
    stream_set_timeout(from, c->time_limit);
    stream_set_deadline(from, run.deadline);
    enum result result = attend(&run, pid, from, a, output, e);
    stream_close(from);
    return result;
}

void command_diagnostic(struct delivery_recipient *r, struct arena *a, struct view output,
                        const struct error *e)
{
    bool is_coded = dsn_code_length(output) > 0;

    r->diagnostic_type = VIEW("x-unix");
    r->diagnostic = output.n > 0 && !is_coded ? output : arena_dup(a, view_of(e->text));
}
