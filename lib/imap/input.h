/* input - take the parts of a command from a line with literals
 *
 * A pull lexer: the session reads a line (without its CR LF) and the functions
 * here take tag, atoms, strings, lists ... from its front.  Where the line ends
 * with "{n}" the lexer calls the session back, which sends "+ ...", reads n
 * bytes and the next line, and goes on there; so a parser reads from top to
 * bottom as the grammar does, and suspends only where the session's callback
 * does.
 *
 * Each imap_take_x() takes exactly x and gives true, or gives false with
 * `error` set to the text for a BAD reply ("BAD" and space not in it); the
 * place is then somewhere within the command, and the session goes on after
 * imap_input_skip().  Views that come out point into the line, the literal or
 * the arena, so the session keeps lines and literals until the command is done
 * (it reads them into the arena).
 *
 * RFC 9051 9, RFC 3501 9, RFC 7888 (literals without waiting), RFC 3516 and
 * RFC 6855 ("~{n}", "UTF8 (...)").
 */
#ifndef IMAP_INPUT_H
#define IMAP_INPUT_H

#include "base/arena.h"
#include "base/view.h"
#include "flags.h"
#include "sequence.h"

#include <stdint.h>

#define IMAP_LINE_MAX    65536 /* longest line that a session reads, without CR LF */
#define IMAP_LITERAL_MAX 65536 /* longest literal as a string, RFC 7888 4 and safety */
#define IMAP_LITERALS    1000  /* most literals as strings in one command */
#define IMAP_TAG_MAX     256
#define IMAP_MAILBOX_MAX 4096 /* bytes of a mailbox name as UTF-8 */

/* What "{12+}" at the end of a line says. */
struct imap_literal {
    uint64_t size;
    bool is_sync;   /* the client waits for "+ ..." */
    bool is_binary; /* "~{n}" */
};

struct imap_input {
    struct view line;    /* current line, without CR LF */
    size_t at;           /* what has been taken of it */
    const char *error;   /* text for BAD; NULL while all is well */
    struct arena *arena; /* for what must be copied, one command long */
    bool utf8;           /* ENABLE UTF8=ACCEPT or IMAP4rev2: names are UTF-8 */
    bool bad_charset;    /* error is NO [BADCHARSET], RFC 9051 7.1 */
    bool too_big;        /* error is a literal past literal_max: NO [TOOBIG] */
    bool has_failed;     /* the callback failed: the session is over */
    size_t literal_max;  /* bytes of a literal that is taken as a string */
    unsigned literals;   /* taken so far */
    /* Get the SIZE bytes of a literal and the line behind them.  Not called for
     * more than literal_max bytes.  False: the connection is gone.  NULL: the
     * input is in memory, `rest` holds what follows the line. */
    bool (*literal)(void *context, const struct imap_literal *literal, struct view *bytes,
                    struct view *next_line);
    void *context;
    struct view rest; /* in memory only */
};

/* A session's input for one command: LINE is its first line. */
void imap_input_init(struct imap_input *in, struct arena *arena, struct view line);
/* Input in memory: lines end with CR LF or LF, literals stand in between. */
void imap_input_memory(struct imap_input *in, struct arena *arena, struct view bytes);
/* Does LINE end with a literal's head?  For skipping a command that failed. */
bool imap_line_literal(struct view line, struct imap_literal *literal);
/* A failed command ends: as long as the line ends with a literal that the client sends
 * unasked ("{n+}"), take it and the line behind it.  A literal that it waits with
 * is not sent after BAD.  False: has_failed, or an unasked literal is longer
 * than literal_max (the session should say BYE). */
bool imap_input_skip(struct imap_input *in);
/* Go on with LINE, after the session itself read a literal (APPEND). */
void imap_input_continue(struct imap_input *in, struct view line);
/* Note TEXT as the error, unless there is one; false. */
bool imap_fail(struct imap_input *in, const char *text);

/* The next byte, -1 at the end of the line. */
static inline int imap_peek(const struct imap_input *in)
{
    return in->at < in->line.n ? (unsigned char)in->line.p[in->at] : -1;
}
/* Take C if it is next; no error if not. */
bool imap_accept(struct imap_input *in, char c);
/* Take WORD in any case if it is next, as a whole atom; no error if not. */
bool imap_accept_word(struct imap_input *in, const char *word);
/* Take C, which must be next. */
bool imap_take_char(struct imap_input *in, char c);
bool imap_take_space(struct imap_input *in);
/* Nothing may be left. */
bool imap_take_end(struct imap_input *in);

/* RFC 9051: tag (astring bytes but "+"), at most IMAP_TAG_MAX bytes. */
bool imap_take_tag(struct imap_input *in, struct view *tag);
bool imap_take_atom(struct imap_input *in, struct view *atom);
/* Letters, digits, "-", ".", "=", "/", "_": names of commands, items, options. */
bool imap_take_word(struct imap_input *in, struct view *word);
bool imap_take_string(struct imap_input *in, struct view *string);
bool imap_take_astring(struct imap_input *in, struct view *string);
/* NIL gives VIEW_NONE (p NULL); "" has p not NULL. */
bool imap_take_nstring(struct imap_input *in, struct view *string);
/* astring or "~{n}" (literal8), for METADATA: NIL allowed, bytes may hold NUL. */
bool imap_take_nstring8(struct imap_input *in, struct view *string);
/* A mailbox name as UTF-8; INBOX in any case gives "INBOX" (only as the whole
 * name).  Without `utf8` it must be modified UTF-7, with it UTF-8. */
bool imap_take_mailbox(struct imap_input *in, struct view *name);
/* A pattern of LIST as UTF-8: list-mailbox, "%" and "*" stay. */
bool imap_take_pattern(struct imap_input *in, struct view *pattern);
/* Digits up to 4294967295, or 2^63-1. */
bool imap_take_number(struct imap_input *in, uint32_t *number);
bool imap_take_number64(struct imap_input *in, uint64_t *number);
/* The same, not 0. */
bool imap_take_nz_number(struct imap_input *in, uint32_t *number);
bool imap_take_nz_number64(struct imap_input *in, uint64_t *number);
/* sequence-set ("*" and "$" allowed) or with WITH_STAR false a uid-set. */
bool imap_take_set(struct imap_input *in, bool with_star, struct imap_set *set);
/* "(\Seen key)", for APPEND.  \Recent and unknown \Flags are refused. */
bool imap_take_flag_list(struct imap_input *in, struct imap_flags *flags);
/* As imap_take_flag_list, or flags with spaces and no parentheses (STORE). */
bool imap_take_flags(struct imap_input *in, struct imap_flags *flags);
/* "1-Feb-1994" with or without quotes: days since 1970-01-01. */
bool imap_take_date(struct imap_input *in, int32_t *day);
/* "\" 1-Feb-1994 21:52:25 -0800\"": seconds since 1970 UTC, offset in minutes. */
bool imap_take_date_time(struct imap_input *in, int64_t *seconds, int *offset);
/* "{n}", "{n+}", "~{n}" at the end of the line, not read: the session streams
 * it, then calls imap_input_continue(). */
bool imap_take_literal_head(struct imap_input *in, struct imap_literal *literal);

/* RFC 9394 partial-range: "1:500" or "-1:-100". */
struct imap_partial {
    uint32_t low, high; /* 1-based, low <= high */
    bool from_end;      /* counted from the last: -1 is the last */
};
bool imap_take_partial(struct imap_input *in, struct imap_partial *partial);
/* Append "1:500" or "-1:-100" as the client wrote it. */
bool imap_write_partial(const struct imap_partial *partial, struct str *out);

#endif
