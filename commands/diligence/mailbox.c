/* mailbox - look after users' mailboxes, also while they are in use
 *
 * Usage: diligence mailbox WORD USER [ARGUMENT]...
 *
 * USER is a login name, or "-": one name a line of standard input (`diligence user list |
 * diligence mailbox backup - DIRECTORY`).  Started by root, each user's part is done by a
 * child with that user's rights.
 */
#include "mailbox.h"

#include "base/log.h"
#include "run/process.h"
#include "store/place_find.h"

#include <grp.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_MAX_BYTES 512

static const struct word {
    const char *name;
    bool (*run)(struct mail_user *u, struct error *e);
    int min_arguments, max_arguments; /* behind the user's name */
    const char *usage;
} words[] = {
    {"list", mailbox_list, 0, 0, "list USER"},
    {"create", mailbox_create, 1, 2, "create USER NAME [SPECIAL-USE]"},
    {"rename", mailbox_rename, 2, 2, "rename USER OLD NEW"},
    {"delete", mailbox_delete, 1, 1, "delete USER NAME"},
    {"acl", mailbox_acl, 1, 3, "acl USER NAME [WHO RIGHTS]"},
    {"quota", mailbox_quota, 0, 0, "quota USER"},
    {"import", mailbox_import, 1, 2, "import USER maildir|mbox|mh:PATH [NAME]"},
    {"export", mailbox_export, 1, 2, "export USER maildir|mbox|mh:PATH [NAME]"},
    {"backup", mailbox_backup, 1, 1, "backup USER DIRECTORY"},
    {"restore", mailbox_restore, 3, 3, "restore USER DIRECTORY NAME MESSAGE-ID"},
};
/* `diligence store`: no account is opened, its index is made anew. */
static const struct word rebuild = {"rebuild", NULL, 0, 0, "rebuild USER"};

static void usage(void)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        log_error("usage: mailbox %s", words[i].usage);
    log_fatal("USER is a login name, or - for names on standard input");
}

static const struct word *find_word(const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    }
    usage();
    return NULL;
}

/* --- one user --- */

struct task {
    const struct word *word;
    struct mail_user user;
};

static bool become(const struct place_found *f, struct error *e)
{
    int groups = f->account ? initgroups(f->account, f->gid) : setgroups(1, &f->gid);

    if (groups == 0 && setgid(f->gid) == 0 && setuid(f->uid) == 0)
        return true;
    error_set_errno(e, "4.3.0", "cannot take the rights of uid %ld", (long)f->uid);
    return false;
}

static bool with_account(struct task *t, const struct place *place, struct error *e)
{
    if (account_open(place, &t->user.account, e) != STORE_OK)
        return false;
    bool is_done = t->word->run(&t->user, e);
    account_close(t->user.account);
    account_close_unused();
    return is_done;
}

static bool run_for_user(struct task *t, struct error *e)
{
    struct mail_user *u = &t->user;
    const struct control *c = u->control;
    struct place_found found;
    struct places *places = places_open(c->conf, c->owner.is_root, e);

    if (!places)
        return false;
    bool is_done = places_find(places, u->name, u->arena, &found, e) &&
                   (!c->owner.is_root || become(&found, e));
    store_configure(c->conf);
    if (is_done && t->word->run)
        is_done = with_account(t, &found.place, e);
    else if (is_done)
        is_done = store_rebuild(&found.place, e) == STORE_OK;
    places_close(places);
    return is_done;
}

/* The exit status of one user's part. */
static int perform(void *arg)
{
    struct task *t = arg;
    struct error e = ERROR_INIT;

    t->user.arena = arena_new();
    bool is_done = run_for_user(t, &e);
    if (!is_done)
        log_error("%.*s: %s", VIEW_FMT(t->user.name), error_cstr(&e));
    arena_free(t->user.arena);
    fflush(stdout);
    return is_done ? 0 : 1;
}

/* In a child where rights are given up for good. */
static int perform_apart(struct task *t)
{
    struct error e = ERROR_INIT;
    int status;

    if (!t->user.control->owner.is_root)
        return perform(t);
    fflush(stdout);
    pid_t pid = process_fork(perform, t, &e);
    if (pid < 0)
        log_fatal("%s", error_cstr(&e));
    if (waitpid(pid, &status, 0) < 0)
        log_fatal("the child was lost");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* --- the users --- */

static int each_line(struct task *t)
{
    char line[NAME_MAX_BYTES];
    int worst = 0;

    while (fgets(line, sizeof line, stdin)) {
        struct view rest = view_of(line);
        if (!view_token(&rest, VIEW(" \t\r\n"), &t->user.name))
            continue;
        int status = perform_apart(t);
        worst = status > worst ? status : worst;
    }
    return worst;
}

static int run_word(struct control *c, const struct word *word)
{
    struct task t = {.word = word,
                     .user = {.control = c,
                              .name = view_of(c->argv[1]),
                              .argc = c->argc - 2,
                              .argv = c->argv + 2}};

    if (t.user.argc < word->min_arguments || t.user.argc > word->max_arguments)
        log_fatal("usage: mailbox %s", word->usage);
    return view_eq(t.user.name, VIEW("-")) ? each_line(&t) : perform_apart(&t);
}

int mailbox(struct control *c)
{
    if (c->argc < 2)
        usage();
    return run_word(c, find_word(c->argv[0]));
}

int store_care(struct control *c)
{
    if (c->argc != 2 || strcmp(c->argv[0], rebuild.name) != 0)
        log_fatal("usage: store rebuild USER");
    return run_word(c, &rebuild);
}
