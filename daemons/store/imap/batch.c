/* batch - some messages of one command, and what is known of each without its file */
#include "batch.h"

#include "imap/write.h"
#include "message/header.h"
#include "message/preview.h"
#include "message/sketch.h"

/* Longer headers are not kept in the index. */
#define HEADERS_MAX 65536

/* CACHE_FIELDS: without trace and signatures a header is a third of its size.  Indexes
 * hold these: a new name needs a new kind. */
static const struct view listed_fields[] = {
#define FIELD(name)                                                                      \
    {                                                                                    \
        name, sizeof(name) - 1                                                           \
    }
    FIELD("From"),       FIELD("To"),          FIELD("Cc"),         FIELD("Bcc"),
    FIELD("Subject"),    FIELD("Date"),        FIELD("Sender"),     FIELD("Reply-To"),
    FIELD("Message-ID"), FIELD("In-Reply-To"), FIELD("References"), FIELD("Content-Type"),
    FIELD("X-Priority"), FIELD("Priority"),    FIELD("Importance"), FIELD("List-Id"),
    FIELD("List-Post"),  FIELD("Newsgroups"),
#undef FIELD
};
#define N_LISTED (sizeof listed_fields / sizeof listed_fields[0])

void batch_init(struct batch *b, struct imap *s, struct mailbox *box)
{
    *b = (struct batch){.imap = s, .box = box, .open = SIZE_MAX};
    b->arena = arena_new();
}

static void close_message(struct batch *b)
{
    if (b->open != SIZE_MAX)
        mailbox_bytes_release(&b->bytes);
    b->open = SIZE_MAX;
    b->root = NULL;
}

void batch_done(struct batch *b)
{
    close_message(b);
    mailbox_cache_flush(b->box);
    arena_free(b->arena);
}

struct walk {
    struct batch *batch;
    enum mailbox_cache_kind kind;
    size_t at;
};

/* Pieces come by rising UID, as the messages of the batch stand. */
static bool take_piece(uint32_t uid, struct view bytes, void *arg)
{
    struct walk *w = arg;
    struct batch *b = w->batch;

    while (w->at < b->n && b->messages[w->at].uid < uid)
        w->at++;
    if (w->at < b->n && b->messages[w->at].uid == uid)
        b->messages[w->at].pieces[w->kind] = arena_dup(b->arena, bytes);
    return w->at < b->n;
}

void batch_load(struct batch *b, const uint32_t *uids, size_t n, unsigned kinds)
{
    close_message(b);
    arena_reset(b->arena);
    b->n = n;
    b->messages = arena_alloc_array(b->arena, n + 1, sizeof b->messages[0]);
    for (size_t i = 0; i < n; i++)
        b->messages[i].uid = uids[i];
    for (unsigned k = 0; k < CACHE_KINDS && n > 0; k++) {
        struct walk w = {.batch = b, .kind = (enum mailbox_cache_kind)k};
        if (kinds & KIND(k))
            mailbox_cache_walk(b->box, w.kind, uids[0], uids[n - 1], take_piece, &w);
    }
}

bool batch_bytes(struct batch *b, size_t i, struct view *out)
{
    if (b->open != i) {
        close_message(b);
        b->result = mailbox_bytes(b->box, b->messages[i].uid, &b->bytes, &b->error);
        if (b->result != STORE_OK)
            return false;
        b->open = i;
    }
    *out = b->bytes.v;
    return true;
}

bool batch_structure(struct batch *b, size_t i, const struct message_part **root)
{
    struct view bytes;

    if (!batch_bytes(b, i, &bytes))
        return false;
    if (!b->root)
        b->root = message_parse(b->arena, bytes, &MESSAGE_LIMITS_DEFAULT);
    *root = b->root;
    return true;
}

bool batch_has_field(struct view name)
{
    for (size_t i = 0; i < N_LISTED; i++) {
        if (view_eq_case(name, listed_fields[i]))
            return true;
    }
    return false;
}

/* Make the piece KIND of message I in OUT. */
static bool make(struct batch *b, size_t i, enum mailbox_cache_kind kind, struct str *out)
{
    const struct message_part *root = NULL;
    struct view bytes;

    if (!batch_bytes(b, i, &bytes))
        return false;
    bool of_parts =
        kind == CACHE_BODY || kind == CACHE_BODYSTRUCTURE || kind == CACHE_PREVIEW;
    if (of_parts && !batch_structure(b, i, &root))
        return false;
    switch (kind) {
    case CACHE_ENVELOPE:
        imap_write_envelope(message_header(bytes), out);
        break;
    case CACHE_HEADERS:
        str_add(out, message_header(bytes));
        break;
    case CACHE_BODY:
    case CACHE_BODYSTRUCTURE:
        imap_write_body(bytes, root, kind == CACHE_BODYSTRUCTURE, out);
        break;
    case CACHE_PREVIEW:
        message_preview(bytes, root, out);
        break;
    case CACHE_FIELDS:
        message_header_select(message_header(bytes), listed_fields, N_LISTED, false, out);
        break;
    case CACHE_SKETCH:
        message_sketch(bytes, out);
        break;
    case CACHE_KINDS:
        break;
    }
    return true;
}

bool batch_piece(struct batch *b, size_t i, enum mailbox_cache_kind kind,
                 struct view *out)
{
    struct batch_message *m = &b->messages[i];
    struct str made = STR_INIT((size_t)1 << 28);

    if (!m->pieces[kind].p) {
        if (!make(b, i, kind, &made)) {
            str_done(&made);
            return false;
        }
        m->pieces[kind] = arena_dup(b->arena, str_view(&made));
        if (!made.overflow && (kind != CACHE_HEADERS || made.n <= HEADERS_MAX))
            mailbox_cache_put(b->box, kind, m->uid, m->pieces[kind]);
        str_done(&made);
    }
    *out = m->pieces[kind];
    return true;
}
