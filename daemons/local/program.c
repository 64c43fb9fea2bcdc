/* program - delivery to |command, and mailbox_command
 *
 * Without characters that mean something to a shell, and with a program of that name to
 * be found, the command is run directly; else by /bin/sh -c, or by local_command_shell
 * when that is set.  Source: local(8), EXTERNAL COMMAND DELIVERY.
 */
#include "local.h"

#include "agent/command.h"
#include "base/log.h"
#include "store/mbox.h"

#include <limits.h>
#include <paths.h>
#include <stdio.h>
#include <unistd.h>

/* What a command may consist of to be run without a shell. */
static const struct view plain_bytes =
    VIEW("1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyz"
         "ABCDEFGHIJKLMNOPQRSTUVWXYZ \t");

static bool needs_shell(struct view command)
{
    for (size_t i = 0; i < command.n; i++)
        if (!view_has(plain_bytes, command.p[i]))
            return true;
    return false;
}

/* Is NAME a program, by itself or in the standard PATH? */
static bool can_be_found(struct view name)
{
    struct view rest = view_of(_PATH_DEFPATH), directory;
    struct str path = STR_INIT(PATH_MAX);
    bool found = view_has(name, '/');

    while (!found && view_token(&rest, VIEW(":"), &directory)) {
        str_setf(&path, "%.*s/%.*s", VIEW_FMT(directory), VIEW_FMT(name));
        found = access(str_cstr(&path), X_OK) == 0;
    }
    str_done(&path);
    return found;
}

/* The words of TEXT, with EXTRA empty places and the end behind them. */
static const char **split(struct arena *a, struct view text, size_t extra, size_t *n)
{
    const char **words = arena_alloc_array(a, text.n / 2 + 2 + extra, sizeof *words);
    struct view word;

    *n = 0;
    while (view_token(&text, VIEW(" \t\r\n"), &word))
        words[(*n)++] = arena_cstr(a, word);
    return words;
}

static const char *const *make_argv(const struct conf *conf, struct arena *a,
                                    struct view command)
{
    struct view shell = conf_view(conf, P_local_command_shell);
    const char **argv;
    size_t n;

    if (shell.n == 0 && !needs_shell(command)) {
        argv = split(a, command, 0, &n);
        if (n > 0 && can_be_found(view_of(argv[0])))
            return argv;
    }
    argv = split(a, shell.n > 0 ? shell : VIEW("/bin/sh -c"), 1, &n);
    argv[n] = arena_cstr(a, command);
    return argv;
}

static const char *const *make_environment(struct work *w, const struct context *c,
                                           const struct identity *user)
{
    const struct conf *conf = w->local->conf;
    const struct envelope *env = &w->d->envelope;
    struct view filter = conf_view(conf, P_command_expansion_filter), local, domain;

    address_split(c->recipient.address, &local, &domain);
    struct command_variable all[] = {{"SHELL", user ? user->shell : VIEW_NONE},
                                     {"HOME", user ? user->home : VIEW_NONE},
                                     {"USER", c->user},
                                     {"EXTENSION", c->extension},
                                     {"DOMAIN", domain},
                                     {"LOGNAME", c->user},
                                     {"LOCAL", c->local},
                                     {"ORIGINAL_RECIPIENT", c->recipient.original},
                                     {"RECIPIENT", c->recipient.address},
                                     {"SENDER", c->sender},
                                     {"CLIENT_ADDRESS", env->client_address},
                                     {"CLIENT_HELO", env->helo_name},
                                     {"CLIENT_HOSTNAME", env->client_name},
                                     {"CLIENT_PROTOCOL", env->protocol_name},
                                     {"SASL_METHOD", env->sasl_method},
                                     {"SASL_SENDER", env->sasl_sender},
                                     {"SASL_USERNAME", env->sasl_username}};
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        /* What is not known is not set; but these always are. */
        if (all[i].value.n == 0 && strcmp(all[i].name, "SENDER") != 0 &&
            strcmp(all[i].name, "DOMAIN") != 0)
            continue;
        all[n++] = (struct command_variable){
            all[i].name, macro_filter(w->d->arena, all[i].value, filter)};
    }
    return command_environment(conf, w->d->arena, all, n);
}

/* command_execution_directory; NULL stays in the queue directory. */
static bool find_directory(struct work *w, const struct context *c,
                           const char **directory, struct error *e)
{
    const struct conf *conf = w->local->conf;
    struct view text = conf_view(conf, P_command_execution_directory);
    struct str path = STR_INIT(PATH_MAX);

    *directory = NULL;
    if (text.n == 0)
        return true;
    bool ok = macro_expand(w, c, c->identity, text,
                           conf_view(conf, P_execution_directory_expansion_filter), &path,
                           NULL, e);
    if (ok && path.n > 0)
        *directory = arena_cstr(w->d->arena, str_view(&path));
    str_done(&path);
    return ok;
}

/* The From_ line and the headers. */
static struct view make_headers(struct work *w, const struct context *c)
{
    struct view rest = work_headers(w, c, IN_COMMAND);
    struct str out = STR_INIT(rest.n + 2 * (size_t)ADDRESS_QUOTED_MAX);

    mbox_from_line(work_from_sender(w, c), clock_wall(), &out);
    str_add(&out, rest);
    struct view headers = arena_dup(w->d->arena, str_view(&out));
    str_done(&out);
    return headers;
}

static enum result run(struct work *w, const struct context *c, struct view text,
                       struct view *output, struct error *e)
{
    const struct conf *conf = w->local->conf;
    const struct identity *rights = work_rights(w, c);
    struct copy_source content;
    struct command command = {.argv = make_argv(conf, w->d->arena, text),
                              .env = make_environment(w, c, c->identity),
                              .shown = arena_cstr(w->d->arena, text),
                              .set_ids = w->local->acts_for_users,
                              .uid = rights->uid,
                              .gid = rights->gid,
                              .file_size_limit =
                                  (uint64_t)conf_int(conf, P_mailbox_size_limit),
                              .time_limit = conf_time(conf, P_command_time_limit),
                              .headers = make_headers(w, c),
                              .content = &content};

    copy_filter_init(&command.filter, VIEW("\n"));
    if (!find_directory(w, c, &command.directory, e) ||
        !delivery_content(w->d, &content, e))
        return error_result(e);
    (void)slots_take(&w->local->children, CLOCK_NEVER);
    enum result result = command_run(&command, w->d->arena, output, e);
    slots_give(&w->local->children);
    return result;
}

void command_step(struct work *w, const struct context *c, struct view text)
{
    const struct identity *rights = work_rights(w, c);
    struct error e = ERROR_INIT;
    struct view output = VIEW_NONE;

    if (work_seen(w, "command %.*s:%ld %.*s", VIEW_FMT(c->local), (long)rights->uid,
                  VIEW_FMT(text)))
        return;
    if (c->source && !(w->local->allow_commands & c->source))
        work_refused(w, c, "5.7.1", "mail to command is restricted");
    else if (delivery_is_probe(w->d))
        work_sent(w, c, "delivers to command: %.*s", VIEW_FMT(text));
    else if (run(w, c, text, &output, &e) == OK)
        work_sent(w, c, "delivered to command: %.*s", VIEW_FMT(text));
    else
        work_command_failed(w, c, &e, output);
}
