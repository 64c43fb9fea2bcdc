/* store_names_fuzz - small texts of a mailbox from disk: names of files in a Maildir,
 * lists of UIDs of other servers, MH sequences, the folder file
 *
 * The first byte chooses the parser.
 */
#include "store/folder_file.h"
#include "store/maildir_driver.h"
#include "store/mh_sequences.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_key(struct view v)
{
    struct maildir_key k;
    struct str name = STR_INIT(4096);

    if (!maildir_key_parse(v, &k))
        return;
    uint32_t flags = maildir_flags_parse(k.flags);
    str_add(&name, VIEW("cur/"));
    str_add(&name, k.base);
    assert(maildir_flags_format(flags, 5, k.flags, &name));
    struct maildir_key again;
    assert(maildir_key_parse(view_from(str_view(&name), 4), &again));
    assert(view_eq(again.base, k.base) && maildir_flags_parse(again.flags) == flags);
    assert(view_eq(maildir_key_base(str_view(&name)), k.base));
    assert(again.email_id == k.email_id && again.size == k.size);
    str_done(&name);
}

static void try_uids(struct view v)
{
    struct hash *uids = hash_new();
    uint32_t validity = 0, next = 0;

    if (maildir_import_dovecot(v, uids, &validity, &next))
        assert(validity > 0);
    hash_free(uids, NULL);
}

static void try_sequences(struct view v)
{
    struct mh_sequences s = {0}, again = {0};
    struct str one = STR_INIT(16 * 1024 * 1024), two = STR_INIT(16 * 1024 * 1024);

    if (mh_sequences_parse(&s, v)) {
        mh_sequences_format(&s, &one);
        assert(mh_sequences_parse(&again, str_view(&one)));
        mh_sequences_format(&again, &two);
        assert(view_eq(str_view(&one), str_view(&two)));
    }
    mh_sequences_done(&s);
    mh_sequences_done(&again);
    str_done(&one);
    str_done(&two);
}

static void try_folders(struct view v)
{
    struct folder_file f, again;
    struct str text = STR_INIT(16 * 1024 * 1024);

    folder_file_init(&f, "/");
    folder_file_init(&again, "/");
    if (folder_file_parse(&f, v)) {
        folder_file_format(&f, &text);
        assert(folder_file_parse(&again, str_view(&text)));
        assert(hash_count(again.records) <= hash_count(f.records));
    }
    folder_file_done(&f);
    folder_file_done(&again);
    str_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data + 1, size > 0 ? size - 1 : 0};

    if (size == 0 || size > 20000)
        return 0;
    switch (data[0] % 4) {
    case 0:
        try_key(v);
        break;
    case 1:
        try_uids(v);
        break;
    case 2:
        try_sequences(v);
        break;
    default:
        try_folders(v);
    }
    return 0;
}
