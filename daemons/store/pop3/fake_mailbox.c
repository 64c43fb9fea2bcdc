/* fake_mailbox - tests: an INBOX in memory, behind mailbox.h */
#include "fake_mailbox.h"

#include "store/mailbox.h"

struct view fake_texts[FAKE_MESSAGES];
unsigned fake_expunged, fake_seen, fake_lost;

static struct mailbox_message messages[FAKE_MESSAGES];

static uint64_t wire_size(struct view text)
{
    uint64_t n = text.n;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

void fake_mailbox_fill(void)
{
    static const uint32_t uids[FAKE_MESSAGES] = {2, 5, 9};

    fake_expunged = fake_seen = fake_lost = 0;
    fake_texts[0] = VIEW("Subject: one\n\nhello\n.dot\n");
    fake_texts[1] = VIEW("Subject: two\n\n");
    fake_texts[2] = VIEW("Subject: three\n\n1\n2\n3\n");
    for (size_t i = 0; i < FAKE_MESSAGES; i++)
        messages[i] = (struct mailbox_message){.uid = uids[i],
                                               .size = i == 1 ? MAILBOX_SIZE_UNKNOWN
                                                              : wire_size(fake_texts[i])};
}

static size_t index_of(uint32_t uid)
{
    for (size_t i = 0; i < FAKE_MESSAGES; i++)
        if (messages[i].uid == uid)
            return i;
    return FAKE_MESSAGES;
}

enum store_result mailbox_open(struct account *a, struct view name, struct mailbox **out,
                               struct error *e)
{
    (void)a;
    (void)name;
    (void)e;
    *out = NULL;
    return STORE_OK;
}

void mailbox_close(struct mailbox *b)
{
    (void)b;
}

size_t mailbox_count(const struct mailbox *b)
{
    (void)b;
    return FAKE_MESSAGES;
}

const struct mailbox_message *mailbox_at(const struct mailbox *b, size_t i)
{
    (void)b;
    return i < FAKE_MESSAGES ? &messages[i] : NULL;
}

const struct mailbox_message *mailbox_find(const struct mailbox *b, uint32_t uid)
{
    return mailbox_at(b, index_of(uid));
}

uint32_t mailbox_uidvalidity(const struct mailbox *b)
{
    (void)b;
    return 0x1234;
}

enum store_result mailbox_sizes(struct mailbox *b, uint32_t first, uint32_t last,
                                struct error *e)
{
    (void)b;
    (void)first;
    (void)last;
    (void)e;
    for (size_t i = 0; i < FAKE_MESSAGES; i++)
        messages[i].size = wire_size(fake_texts[i]);
    return STORE_OK;
}

enum store_result mailbox_bytes(struct mailbox *b, uint32_t uid,
                                struct mailbox_bytes *out, struct error *e)
{
    size_t i = index_of(uid);
    (void)b;
    (void)e;

    if (i == FAKE_MESSAGES || fake_lost & 1u << i)
        return STORE_EXPUNGED;
    *out = (struct mailbox_bytes){.v = fake_texts[i]};
    return STORE_OK;
}

void mailbox_bytes_release(struct mailbox_bytes *bytes)
{
    (void)bytes;
}

enum store_result mailbox_flag(struct mailbox *b, const uint32_t *uids, size_t n,
                               struct mailbox_flag_change *c, struct error *e)
{
    (void)b;
    (void)c;
    (void)e;
    for (size_t i = 0; i < n; i++)
        fake_seen |= 1u << index_of(uids[i]);
    return STORE_OK;
}

enum store_result mailbox_expunge(struct mailbox *b, const uint32_t *uids, size_t n,
                                  size_t *removed, struct error *e)
{
    (void)b;
    (void)e;
    for (size_t i = 0; i < n; i++)
        fake_expunged |= 1u << index_of(uids[i]);
    *removed = n;
    return STORE_OK;
}
