/* command - the arguments of the smaller commands
 *
 * Each takes what follows the command's name and a space, to the end of the
 * line unless it says otherwise.
 */
#ifndef IMAP_COMMAND_H
#define IMAP_COMMAND_H

#include "input.h"

/* SELECT, EXAMINE: mailbox [SP "(" params ")"].  RFC 7162 3.1.8 and 3.2.5. */
struct imap_select {
    struct view mailbox;
    bool condstore;
    bool qresync;
    uint32_t uidvalidity;
    uint64_t modseq;
    bool has_known_uids;
    struct imap_set known_uids;
    bool has_match;             /* sequence match data */
    struct imap_set match_seqs; /* two sets of the same size */
    struct imap_set match_uids;
};
bool imap_take_select(struct imap_input *in, struct imap_select *select);

/* STORE, UID STORE behind the set: [(UNCHANGEDSINCE n)] +FLAGS.SILENT ... */
enum imap_store_how { IMAP_STORE_SET, IMAP_STORE_ADD, IMAP_STORE_REMOVE };
struct imap_store {
    enum imap_store_how how;
    bool is_silent;
    bool has_unchanged_since;
    uint64_t unchanged_since;
    struct imap_flags flags;
};
bool imap_take_store(struct imap_input *in, struct imap_store *store);

/* ENABLE, and names of that kind (ID's are imap_take_id's): words in upper case. */
struct imap_words {
    struct view *words;
    size_t count;
};
bool imap_take_words(struct imap_input *in, struct imap_words *words);

/* ID: NIL or a list of names and values (RFC 2971: at most 30, names of 30,
 * values of 1024 bytes).  A value NIL is VIEW_NONE. */
struct imap_pair {
    struct view name, value;
};
struct imap_pairs {
    struct imap_pair *pairs;
    size_t count;
};
bool imap_take_id(struct imap_input *in, struct imap_pairs *pairs);

/* CREATE: mailbox [SP "(" "USE" SP "(" \Sent ... ")" ")"].  RFC 6154 3. */
struct imap_create {
    struct view mailbox;
    struct view *uses; /* "\Sent" ... as written */
    size_t use_count;
};
bool imap_take_create(struct imap_input *in, struct imap_create *create);

/* SETQUOTA: root SP "(" STORAGE 512 MESSAGE 10 ")".  RFC 9208 4.1.3. */
struct imap_quota_limit {
    struct view resource; /* as written */
    uint64_t limit;
};
struct imap_quota {
    struct view root;
    struct imap_quota_limit *limits;
    size_t count;
};
bool imap_take_setquota(struct imap_input *in, struct imap_quota *quota);

/* Rights of RFC 4314 as bits. */
enum imap_right {
    IMAP_RIGHT_LOOKUP = 1 << 0,         /* l */
    IMAP_RIGHT_READ = 1 << 1,           /* r */
    IMAP_RIGHT_SEEN = 1 << 2,           /* s */
    IMAP_RIGHT_WRITE = 1 << 3,          /* w */
    IMAP_RIGHT_INSERT = 1 << 4,         /* i */
    IMAP_RIGHT_POST = 1 << 5,           /* p */
    IMAP_RIGHT_CREATE = 1 << 6,         /* k */
    IMAP_RIGHT_DELETE_MAILBOX = 1 << 7, /* x */
    IMAP_RIGHT_DELETE = 1 << 8,         /* t */
    IMAP_RIGHT_EXPUNGE = 1 << 9,        /* e */
    IMAP_RIGHT_ADMIN = 1 << 10,         /* a */
};
#define IMAP_RIGHTS_ALL 0x7ffu
enum imap_rights_how { IMAP_RIGHTS_SET, IMAP_RIGHTS_ADD, IMAP_RIGHTS_REMOVE };
/* "+lrs", "-x", "lrswipkxtea"; the old c is k and x, the old d is x, t and e
 * (RFC 4314 2.1.1).  False: a letter that is no right. */
bool imap_rights_parse(struct view text, enum imap_rights_how *how, unsigned *rights);
/* Append "lrs", and when OBSOLETE is set c and d where what they stand for is there. */
bool imap_write_rights(unsigned rights, bool obsolete, struct str *out);
/* SETACL: mailbox SP identifier SP rights. */
struct imap_setacl {
    struct view mailbox, identifier;
    enum imap_rights_how how;
    unsigned rights;
};
bool imap_take_setacl(struct imap_input *in, struct imap_setacl *setacl);

/* GETMETADATA, RFC 5464 4.2: [options SP] mailbox SP entry or "(" entries ")";
 * options also behind the mailbox, as old clients have them. */
struct imap_getmetadata {
    struct view mailbox; /* "" for the server */
    struct view *entries;
    size_t count;
    bool has_max_size;
    uint32_t max_size;
    unsigned depth; /* 0, 1, or UINT_MAX for infinity */
};
bool imap_take_getmetadata(struct imap_input *in, struct imap_getmetadata *get);
/* SETMETADATA, 4.3: mailbox SP "(" entry SP value ... ")"; VIEW_NONE removes. */
struct imap_setmetadata {
    struct view mailbox;
    struct imap_pair *pairs;
    size_t count;
};
bool imap_take_setmetadata(struct imap_input *in, struct imap_setmetadata *set);
/* An entry name: "/shared/..." or "/private/...", no "*", "%", "//", end "/",
 * controls or 8-bit bytes. */
bool imap_metadata_entry_is_valid(struct view entry);

#endif
