/* structure - the tree of parts of a message
 *
 * One pass over the bytes (LF or CR LF line ends), no copy but of parameter
 * values that had to be unquoted.  It never fails: what is not understood is a
 * leaf.  All offsets count bytes of the view that was parsed; all sizes count
 * line ends as CR LF, as IMAP does.  The tree lives in the arena and points
 * into the bytes: both must outlive it.  RFC 2045, RFC 2046 5.1 and 5.2.1,
 * RFC 2183, RFC 2231, RFC 3282, RFC 2557 (Content-Location), RFC 1864
 * (Content-MD5).
 *
 * Rules for what is broken: a multipart without a usable boundary is
 * text/plain; a multipart in which no boundary is met has no children; an
 * unended multipart ends with its parent; a header that a delimiter cuts off
 * keeps its last line end.  A message/rfc822 in base64, and any container below
 * the deepest level or past the number of parts, is a leaf
 * application/octet-stream; one that claims to be quoted-printable is parsed as
 * it lies (RFC 2046 5.2.1 forbids both).
 */
#ifndef MESSAGE_STRUCTURE_H
#define MESSAGE_STRUCTURE_H

#include "base/arena.h"
#include "base/str.h"
#include "base/view.h"
#include "format/mime.h"
#include "lines.h"

struct message_limits {
    size_t depth;  /* levels of containers below the root */
    size_t parts;  /* parts in all; later siblings are left out of the tree */
    size_t fields; /* header fields of one part that are looked at */
};
#define MESSAGE_LIMITS_DEFAULT ((struct message_limits){64, 10000, 2000})

/* name=value of Content-Type or Content-Disposition, in the order and form in
 * which they are written (RFC 2231's "name*0*" stays as it is). */
struct message_parameter {
    struct message_parameter *next;
    struct view name;
    struct view value; /* unquoted, unfolded */
};

struct message_part {
    struct message_part *parent, *next, *child;
    size_t header, body, end;        /* header block, body, and where it ends: offsets */
    struct message_size header_size; /* with its empty line */
    struct message_size body_size;
    bool is_multipart;         /* children, if any, are its parts */
    bool is_message;           /* message/rfc822 or message/global: one child */
    struct view type, subtype; /* as written; "text", "plain" by default */
    struct message_parameter *parameters;
    enum mime_encoding encoding;
    struct view encoding_name;                  /* as written; "" when absent */
    struct view id, description, md5, location; /* values; VIEW_NONE when absent */
    struct view language;    /* "en, fr" as written; VIEW_NONE when absent */
    struct view disposition; /* "attachment"; VIEW_NONE when absent */
    struct message_parameter *disposition_parameters;
    struct view content_type, content_disposition; /* the fields' values; VIEW_NONE */
};

/* The tree of MESSAGE in ARENA. */
struct message_part *message_parse(struct arena *arena, struct view message,
                                   const struct message_limits *limits)
    __attribute__((returns_nonnull));

/* IMAP's part number 1.2.3 (RFC 9051 6.4.5.1) below ROOT; NULL when there is no
 * such part.  The 1 of a message that is no multipart is the message itself
 * (its body).  For a message/rfc822 part the numbers go on inside it.  COUNT 0
 * gives ROOT. */
const struct message_part *message_part_find(const struct message_part *root,
                                             const uint32_t *numbers, size_t count);
/* Part TYPE/SUBTYPE (any case)?  SUBTYPE NULL means any. */
bool message_part_is(const struct message_part *part, const char *type,
                     const char *subtype);
/* The part's bytes in MESSAGE. */
static inline struct view message_part_header(struct view message,
                                              const struct message_part *part)
{
    return (struct view){message.p + part->header, part->body - part->header};
}
static inline struct view message_part_body(struct view message,
                                            const struct message_part *part)
{
    return (struct view){message.p + part->body, part->end - part->body};
}

/* The raw value of parameter NAME; VIEW_NONE when absent. */
struct view message_parameter_find(const struct message_parameter *list,
                                   struct view name);
/* Append parameter NAME of BODY (content_type or content_disposition of a part) as
 * UTF-8 to OUT: RFC 2231 pieces joined and decoded, and (as many write them)
 * RFC 2047 words decoded.  False: absent, or OUT is full. */
bool message_parameter_text(struct view body, struct view name, struct str *out);
/* Append the name of an attachment (filename, else name) as UTF-8; false when
 * it has none. */
bool message_part_filename(const struct message_part *part, struct str *out);
/* A part that a reader offers to save: disposition attachment, or inline with
 * a type that is neither text nor image nor multipart (row S075). */
bool message_part_is_attachment(const struct message_part *part);

#endif
