/* pipe - what the files of the pipe program share
 *
 * The attributes of a master.cf entry (flags=, user=, argv= ...) are read once at the
 * start into a struct pipe_setup.  Source: pipe(8).
 */
#ifndef PIPE_PIPE_H
#define PIPE_PIPE_H

#include "agent/agent.h"
#include "base/arena.h"
#include "format/address.h"

#include <sys/types.h>

#define PIPE_BLANK_END    1    /* B */
#define PIPE_DELIVERED_TO 2    /* D */
#define PIPE_FROM_LINE    4    /* F */
#define PIPE_ORIGINAL_TO  8    /* O */
#define PIPE_RETURN_PATH  16   /* R */
#define PIPE_FINAL        32   /* X */
#define PIPE_FOLD_HOST    64   /* h */
#define PIPE_QUOTE        128  /* q */
#define PIPE_FOLD_USER    256  /* u */
#define PIPE_STUFF_DOTS   512  /* . */
#define PIPE_QUOTE_FROM   1024 /* > */

struct pipe_setup {
    unsigned flags; /* PIPE_... */
    struct view null_sender;
    struct view line_end;
    uint64_t size_limit;            /* 0 none */
    const char *directory, *chroot; /* NULL none */
    bool set_ids;
    uid_t uid;
    gid_t gid;
    const struct view *argv; /* with macros */
    size_t argc;
    struct address_delimiters delimiters;
};

/* Read the N attributes ARGS of service S; False with *E as pipe(8) complains. */
bool pipe_setup_read(const struct service *s, struct arena *a, struct pipe_setup *out,
                     struct error *e) MUST_CHECK;

/* The command line for D, NULL-terminated, in its arena: macros expanded, an argument
 * with a macro of recipients repeated for each.  NULL with *E (4.3.5) for an unknown
 * macro or too many bytes. */
const char *const *pipe_expand(const struct pipe_setup *p, struct delivery *d,
                               struct error *e);

/* Append V with its escapes (\n, \r, \ddd ...) resolved to OUT. pipe(8), eol=. */
bool pipe_unescape(struct view v, struct str *out);

agent_deliver_fn pipe_deliver;

#endif
