/* session - the IMAP dialogue after login, from its greeting to its end
 *
 * Read a line, take tag and command, call its function, answer.  RFC 9051 2.2.1, 6.
 */
#include "base/log.h"
#include "imap.h"

/* In a row; then the client is sent away. */
#define MAX_BAD_COMMANDS 20
/* Of one reply; what is longer is written piece by piece. */
#define SCRATCH_MAX  ((size_t)1 << 31)
#define SCRATCH_KEPT 4096

enum command_flag {
    NEEDS_MAILBOX = 1 << 0, /* in selected state only */
    HAS_UID_FORM = 1 << 1,
    UID_FORM_ONLY = 1 << 2,
    NO_EXPUNGE = 1 << 3, /* its answers must not renumber, unless it comes with UID */
    HAS_ARGUMENTS = 1 << 4,
    USES_NUMBERS = 1 << 5, /* refused without UID under UIDONLY */
};

static const struct command {
    const char *name;
    imap_command_fn *run;
    unsigned flags;
} commands[] = {
    {"FETCH", command_fetch,
     NEEDS_MAILBOX | HAS_UID_FORM | NO_EXPUNGE | HAS_ARGUMENTS | USES_NUMBERS},
    {"STORE", command_store,
     NEEDS_MAILBOX | HAS_UID_FORM | NO_EXPUNGE | HAS_ARGUMENTS | USES_NUMBERS},
    {"SEARCH", command_search,
     NEEDS_MAILBOX | HAS_UID_FORM | NO_EXPUNGE | HAS_ARGUMENTS | USES_NUMBERS},
    {"NOOP", command_noop, 0},
    {"CHECK", command_noop, NEEDS_MAILBOX},
    {"IDLE", command_idle, 0},
    {"SELECT", command_select, HAS_ARGUMENTS},
    {"EXAMINE", command_examine, HAS_ARGUMENTS},
    {"LIST", command_list, HAS_ARGUMENTS},
    {"LSUB", command_lsub, HAS_ARGUMENTS},
    {"STATUS", command_status, HAS_ARGUMENTS},
    {"APPEND", command_append, HAS_ARGUMENTS},
    {"COPY", command_copy, NEEDS_MAILBOX | HAS_UID_FORM | HAS_ARGUMENTS | USES_NUMBERS},
    {"MOVE", command_move, NEEDS_MAILBOX | HAS_UID_FORM | HAS_ARGUMENTS | USES_NUMBERS},
    {"EXPUNGE", command_expunge, NEEDS_MAILBOX | HAS_UID_FORM},
    {"CLOSE", command_close, NEEDS_MAILBOX},
    {"UNSELECT", command_unselect, NEEDS_MAILBOX},
    {"SORT", command_sort,
     NEEDS_MAILBOX | HAS_UID_FORM | NO_EXPUNGE | HAS_ARGUMENTS | USES_NUMBERS},
    {"THREAD", command_thread,
     NEEDS_MAILBOX | HAS_UID_FORM | NO_EXPUNGE | HAS_ARGUMENTS | USES_NUMBERS},
    {"REPLACE", command_replace,
     NEEDS_MAILBOX | HAS_UID_FORM | HAS_ARGUMENTS | USES_NUMBERS},
    {"CREATE", command_create, HAS_ARGUMENTS},
    {"DELETE", command_delete, HAS_ARGUMENTS},
    {"RENAME", command_rename, HAS_ARGUMENTS},
    {"SUBSCRIBE", command_subscribe, HAS_ARGUMENTS},
    {"UNSUBSCRIBE", command_unsubscribe, HAS_ARGUMENTS},
    {"CAPABILITY", command_capability, 0},
    {"ENABLE", command_enable, HAS_ARGUMENTS},
    {"ID", command_id, HAS_ARGUMENTS},
    {"NAMESPACE", command_namespace, 0},
    {"NOTIFY", command_notify, HAS_ARGUMENTS},
    {"COMPRESS", command_compress, HAS_ARGUMENTS},
    {"GETACL", command_getacl, HAS_ARGUMENTS},
    {"SETACL", command_setacl, HAS_ARGUMENTS},
    {"DELETEACL", command_deleteacl, HAS_ARGUMENTS},
    {"LISTRIGHTS", command_listrights, HAS_ARGUMENTS},
    {"MYRIGHTS", command_myrights, HAS_ARGUMENTS},
    {"GETQUOTA", command_getquota, HAS_ARGUMENTS},
    {"GETQUOTAROOT", command_getquotaroot, HAS_ARGUMENTS},
    {"SETQUOTA", command_setquota, HAS_ARGUMENTS},
    {"GETMETADATA", command_getmetadata, HAS_ARGUMENTS},
    {"SETMETADATA", command_setmetadata, HAS_ARGUMENTS},
    {"UNAUTHENTICATE", command_unauthenticate, 0},
    {"LOGOUT", command_logout, 0},
};

static const struct command *command_find(struct view name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (view_eq_case(name, view_of(commands[i].name)))
            return &commands[i];
    }
    return NULL;
}

/* BAD, or NO where the arguments were right but cannot be obeyed. */
static void answer_failure(struct imap *s)
{
    const char *text = s->in.error ? s->in.error : "Wrong arguments";
    struct view tag = s->tag.n > 0 ? s->tag : VIEW("*");
    const char *answer = s->in.bad_charset ? "NO [BADCHARSET (UTF-8)]"
                         : s->in.too_big   ? "NO [TOOBIG]"
                                           : "BAD";

    s->bad_commands++;
    if (s->is_closing)
        return;
    if (!imap_input_skip(&s->in)) {
        imap_untagged(s, "BYE %s", text);
        s->is_closing = true;
        return;
    }
    stream_printf(s->stream, "%.*s %s %s\r\n", VIEW_FMT(tag), answer, text);
    if (s->bad_commands >= MAX_BAD_COMMANDS) {
        imap_untagged(s, "BYE Too many wrong commands");
        s->is_closing = true;
    }
}

/* Take "tag SP [UID SP] command"; the arguments are next. */
static const struct command *take_command(struct imap *s)
{
    struct view name;

    s->tag = VIEW_NONE;
    s->is_uid = false;
    if (!imap_take_tag(&s->in, &s->tag) || !imap_take_space(&s->in) ||
        !imap_take_word(&s->in, &name))
        return NULL;
    if (view_eq_case(name, VIEW("UID"))) {
        s->is_uid = true;
        if (!imap_take_space(&s->in) || !imap_take_word(&s->in, &name))
            return NULL;
    }
    const struct command *c = command_find(name);
    if (!c || (s->is_uid && !(c->flags & HAS_UID_FORM)))
        (void)imap_fail(&s->in, "Unknown command");
    else if (c->flags & NEEDS_MAILBOX && !s->selected)
        (void)imap_fail(&s->in, "No mailbox is selected");
    else if (c->flags & USES_NUMBERS && !s->is_uid && s->enabled & ENABLED_UIDONLY)
        (void)imap_fail(&s->in, "[UIDREQUIRED] Message numbers are not used any more");
    else if (c->flags & HAS_ARGUMENTS)
        (void)imap_take_space(&s->in);
    return s->in.error ? NULL : c;
}

static void run_line(struct imap *s, struct view line)
{
    imap_input_init(&s->in, s->arena, line);
    s->in.utf8 = imap_names_are_utf8(s);
    s->in.literal_max = IMAP_LITERAL_MAX;
    s->in.literal = imap_read_literal;
    s->in.context = s;
    s->may_expunge = false;
    const struct command *c = take_command(s);
    if (c) {
        s->may_expunge = s->is_uid || !(c->flags & NO_EXPUNGE);
        if (c->run(s))
            s->bad_commands = 0;
        else
            answer_failure(s);
    } else {
        answer_failure(s);
    }
}

static void read_commands(struct imap *s)
{
    struct view line;

    while (!s->is_closing) {
        if (s->notify) {
            teller_listen(s);
            teller_start(s);
        }
        if (!imap_read_line(s, &line))
            break;
        run_line(s, line);
        arena_reset(s->arena);
        if (s->scratch.cap > SCRATCH_KEPT) {
            str_done(&s->scratch);
            str_init(&s->scratch, SCRATCH_MAX);
        }
    }
}

static void greet(struct imap *s)
{
    s->tag = s->session->tag;
    str_addf(&s->scratch, "%.*s OK [CAPABILITY ", VIEW_FMT(s->tag));
    imap_add_capabilities(s);
    str_add_cstr(&s->scratch, "] Logged in\r\n");
    imap_send_scratch(s);
}

static bool place_of(struct namespace_resolver *r, struct view user, struct arena *arena,
                     struct place *place)
{
    struct imap *s = (struct imap *)((char *)r - offsetof(struct imap, resolver));
    struct error e = ERROR_INIT;

    return worker_find_place(s->session->worker, user, arena, place, &e);
}

enum session_end imap_session(struct store_session *session)
{
    struct imap s = {.session = session,
                     .stream = session->stream,
                     .arena = arena_new(),
                     .resolver = {.place_of = place_of}};

    str_init(&s.scratch, SCRATCH_MAX);
    s.names = (struct namespace){.own = session->account,
                                 .login = session->user,
                                 .resolver = session->worker ? &s.resolver : NULL,
                                 .shares = session->shares};
    teller_init(&s);
    stream_set_timeout(s.stream, conf_time(session->conf, P_imap_timeout));
    greet(&s);
    read_commands(&s);
    if (session->ending)
        imap_untagged(&s, "BYE %s", session->ending);
    notify_end(&s);
    view_close(&s);
    (void)!stream_flush(s.stream);
    str_done(&s.scratch);
    arena_free(s.arena);
    return s.is_unauthenticated ? SESSION_UNAUTHENTICATED : SESSION_ENDED;
}
