/* batch - some messages of one command, and what is known of each without its file
 *
 * FETCH, SEARCH, SORT and THREAD walk over the messages a few hundred at a time: the
 * pieces that the index holds are read in one go; what is missing is made from the file
 * and remembered.
 */
#ifndef STORE_IMAP_BATCH_H
#define STORE_IMAP_BATCH_H

#include "imap.h"
#include "message/structure.h"

#define BATCH_MESSAGES 256
#define KIND(kind)     (1u << (kind))

struct batch_message {
    uint32_t uid;
    struct view pieces[CACHE_KINDS]; /* p NULL: not known yet */
};

struct batch {
    struct imap *imap;
    struct mailbox *box;
    struct arena *arena; /* of the pieces */
    size_t n;
    struct batch_message *messages;
    /* The one whose file is open. */
    size_t open; /* SIZE_MAX: none */
    struct mailbox_bytes bytes;
    struct message_part *root;
    enum store_result result; /* of the last call that gave false */
    struct error error;
};

void batch_init(struct batch *b, struct imap *s, struct mailbox *box);
void batch_done(struct batch *b);
/* Begin with the messages UIDS (rising, at most BATCH_MESSAGES) and read the pieces of
 * KINDS, bits made by KIND(). */
void batch_load(struct batch *b, const uint32_t *uids, size_t n, unsigned kinds);
/* The bytes of message I, as its file holds them; valid until another message is opened.
 * False with b->result: gone, or it cannot be read. */
bool batch_bytes(struct batch *b, size_t i, struct view *out);
/* The tree of message I; valid as long as its bytes. */
bool batch_structure(struct batch *b, size_t i, const struct message_part **root);
/* Does CACHE_FIELDS hold the header field NAME, in any case of letters? Does not suspend.
 */
bool batch_has_field(struct view name);
/* A piece of message I; made when it is not there. */
bool batch_piece(struct batch *b, size_t i, enum mailbox_cache_kind kind,
                 struct view *out);

#endif
