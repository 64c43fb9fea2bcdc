/* thread - THREAD's algorithms; see thread.h
 *
 * Until the end there are only links from child to parent: a dummy vanishes by being
 * skipped on the way up, a merge is a new parent.  The lists of children are
 * made last, from one array in the order of dates.
 */
#include "thread.h"

#include "base/hash.h"
#include "format/message_id.h"
#include "imap_private.h"

#include <stdlib.h>

/* Of one References field; the last ones count. */
#define REFERENCES_MAX 100
/* How far up a loop is looked for; where it could be deeper nothing is linked. */
#define DEPTH_MAX 1000

struct node {
    struct imap_thread thread; /* the result */
    struct node *parent;
    const struct imap_thread_message *message; /* NULL: a dummy */
    struct node *older;                        /* all nodes, newest first */
    struct node *merged; /* a dummy whose children became those of another */
    int64_t date;
    uint32_t order; /* number; of a dummy that of its first child */
    size_t children;
    struct view subject;
    bool is_reply;
    bool was_parent; /* else it is above no other */
};

struct threader {
    struct arena *arena;
    struct hash *ids;
    struct node *newest;
    size_t count;
};

bool imap_take_thread(struct imap_input *in, enum imap_thread_algorithm *algorithm,
                      struct imap_search *search)
{
    struct view charset;
    *search = (struct imap_search){0};
    *algorithm = IMAP_THREAD_REFERENCES;
    if (imap_accept_word(in, "ORDEREDSUBJECT"))
        *algorithm = IMAP_THREAD_ORDEREDSUBJECT;
    else if (!imap_accept_word(in, "REFERENCES"))
        return imap_fail(in, "no such threading algorithm");
    return imap_take_space(in) && imap_take_astring(in, &charset) &&
           imap_take_space(in) && imap_take_search_keys(in, charset, search);
}

static struct node *add_node(struct threader *t, const struct imap_thread_message *m)
{
    struct node *node = ARENA_NEW(t->arena, struct node);
    node->older = t->newest;
    t->newest = node;
    t->count++;
    node->message = m;
    if (m) {
        node->thread.number = m->number;
        node->date = m->date;
        node->order = m->number;
        node->subject = m->subject;
        node->is_reply = m->is_reply;
    }
    return node;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a;
    const struct node *y = *(struct node *const *)b;
    if (x->date != y->date)
        return x->date < y->date ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* All nodes in the order of dates. */
static struct node **sorted(const struct threader *t)
{
    struct node **all = arena_alloc_array(t->arena, t->count + 1, sizeof *all);
    size_t n = 0;
    for (struct node *node = t->newest; node; node = node->older)
        all[n++] = node;
    if (n > 1)
        qsort(all, n, sizeof *all, compare_nodes);
    return all;
}

/* Count children, and let dummies have the date, subject and number of their
 * first child. */
static void count_children(struct threader *t)
{
    for (struct node *node = t->newest; node; node = node->older)
        node->children = 0;
    for (struct node *node = t->newest; node; node = node->older) {
        struct node *parent = node->parent;
        if (parent == NULL)
            continue;
        bool first = parent->children++ == 0;
        if (parent->message == NULL && (first || compare_nodes(&node, &parent) < 0)) {
            parent->date = node->date;
            parent->order = node->order;
            parent->subject = node->subject;
        }
    }
}

/* Make lists of the links.  Gives the first root. */
static struct imap_thread *build(struct threader *t)
{
    count_children(t);
    struct node **all = sorted(t);
    struct imap_thread *roots = NULL;
    for (size_t i = t->count; i-- > 0;) {
        struct node *node = all[i];
        if (node->message == NULL && node->children == 0)
            continue;
        struct imap_thread **list = node->parent ? &node->parent->thread.child : &roots;
        node->thread.next = *list;
        *list = &node->thread;
    }
    return roots;
}

/* Is A on the way up from NODE, or NODE itself?  True also when the way is too
 * long. */
static bool is_above(const struct node *a, const struct node *node)
{
    for (size_t i = 0; node; node = node->parent)
        if (node == a || ++i > DEPTH_MAX)
            return true;
    return false;
}

static void link_nodes(struct node *parent, struct node *child)
{
    if (child == parent || (child->was_parent && is_above(child, parent)))
        return;
    child->parent = parent;
    parent->was_parent = true;
}

static struct node *node_of_id(struct threader *t, struct view id)
{
    struct node *node = hash_get(t->ids, id);
    if (node)
        return node;
    node = add_node(t, NULL);
    hash_put(t->ids, id, node);
    return node;
}

/* The node of a message: that of its ID, when no other message has it. */
static struct node *node_of_message(struct threader *t,
                                    const struct imap_thread_message *m)
{
    struct view rest = m->message_id;
    struct view id;
    struct node *known = NULL;
    bool has_id = message_id_next(&rest, &id);
    if (has_id)
        known = hash_get(t->ids, id);
    if (known && known->message == NULL) {
        known->message = m;
        known->thread.number = m->number;
        known->date = m->date;
        known->order = m->number;
        known->subject = m->subject;
        known->is_reply = m->is_reply;
        return known;
    }
    struct node *node = add_node(t, m);
    if (has_id && known == NULL)
        hash_put(t->ids, id, node);
    return node;
}

/* The references of M in order: at most the last REFERENCES_MAX. */
static size_t references_of(const struct imap_thread_message *m, struct view *ids)
{
    struct view rest = m->references;
    struct view id;
    size_t n = 0;
    while (message_id_next(&rest, &id)) {
        if (n == REFERENCES_MAX)
            memmove(ids, ids + 1, --n * sizeof *ids);
        ids[n++] = id;
    }
    rest = m->in_reply_to;
    if (n == 0 && message_id_next(&rest, &id))
        ids[n++] = id;
    return n;
}

/* Step 1: link a message below its references. */
static void add_message(struct threader *t, const struct imap_thread_message *m,
                        struct view *ids)
{
    struct node *last = NULL;
    struct node *node = node_of_message(t, m);
    size_t count = references_of(m, ids);
    for (size_t i = 0; i < count; i++) {
        struct node *reference = node_of_id(t, ids[i]);
        if (last && reference->parent == NULL)
            link_nodes(last, reference);
        last = reference;
    }
    node->parent = NULL;
    if (last)
        link_nodes(last, node);
}

/* Step 3: a message hangs below the next message above it, or below a dummy
 * that is a root and has more than one child. */
static void prune(struct threader *t)
{
    for (struct node *node = t->newest; node; node = node->older) {
        if (node->message == NULL)
            continue;
        struct node *up = node->parent;
        while (up && up->message == NULL && up->parent)
            up = up->parent;
        /* Shorten the way for those that come after. */
        for (struct node *d = node->parent; d && d != up;) {
            struct node *above = d->parent;
            d->parent = up;
            d = above;
        }
        node->parent = up;
    }
    for (struct node *node = t->newest; node; node = node->older)
        if (node->message == NULL && node->parent)
            node->parent = NULL; /* no message hangs here any more */
    count_children(t);
    for (struct node *node = t->newest; node; node = node->older)
        if (node->parent && node->parent->message == NULL && node->parent->children == 1)
            node->parent = NULL;
    count_children(t);
}

/* Step 5 A and B: is NODE to stand for its subject rather than KNOWN? */
static bool is_better(const struct node *known, const struct node *node)
{
    if (known->message == NULL)
        return false;
    return node->message == NULL || (known->is_reply && !node->is_reply);
}

static bool is_root(const struct node *node)
{
    return node->parent == NULL && (node->message || node->children > 0);
}

/* Step 5 C: put NODE and KNOWN, roots of one subject, together. */
static void merge(struct threader *t, struct hash *subjects, struct node *known,
                  struct node *node)
{
    if (known->message == NULL && node->message == NULL) {
        node->merged = known;
    } else if (known->message == NULL || (node->is_reply && !known->is_reply)) {
        node->parent = known;
    } else {
        struct node *dummy = add_node(t, NULL);
        dummy->subject = known->subject;
        dummy->children = 2;
        known->parent = dummy;
        node->parent = dummy;
        hash_put(subjects, dummy->subject, dummy);
    }
}

/* Step 5: roots of the same subject become one thread. */
static void gather_subjects(struct threader *t)
{
    struct hash *subjects = hash_new();
    struct node **all = sorted(t);
    size_t count = t->count;
    for (size_t i = 0; i < count; i++) {
        if (!is_root(all[i]) || all[i]->subject.n == 0)
            continue;
        struct node *known = hash_get(subjects, all[i]->subject);
        if (known == NULL || is_better(known, all[i]))
            hash_put(subjects, all[i]->subject, all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_root(all[i]) || all[i]->subject.n == 0)
            continue;
        struct node *known = hash_get(subjects, all[i]->subject);
        if (known != all[i])
            merge(t, subjects, known, all[i]);
    }
    hash_free(subjects, NULL);
    for (struct node *node = t->newest; node; node = node->older)
        if (node->parent && node->parent->merged)
            node->parent = node->parent->merged;
}

static void link_references(struct threader *t,
                            const struct imap_thread_message *messages, size_t count)
{
    struct view *ids = arena_alloc_array(t->arena, REFERENCES_MAX, sizeof *ids);
    t->ids = hash_new();
    for (size_t i = 0; i < count; i++)
        add_message(t, &messages[i], ids);
    hash_free(t->ids, NULL);
    prune(t);
    gather_subjects(t);
}

/* RFC 5256 3, ORDEREDSUBJECT: the oldest message of a subject has all others
 * below it. */
static void link_subjects(struct threader *t, const struct imap_thread_message *messages,
                          size_t count)
{
    struct hash *subjects = hash_new();
    for (size_t i = 0; i < count; i++)
        add_node(t, &messages[i]);
    struct node **all = sorted(t);
    for (size_t i = 0; i < t->count; i++) {
        all[i]->parent = hash_get(subjects, all[i]->subject);
        if (all[i]->parent == NULL)
            hash_put(subjects, all[i]->subject, all[i]);
    }
    hash_free(subjects, NULL);
}

struct imap_thread *imap_thread(struct arena *arena, enum imap_thread_algorithm algorithm,
                                const struct imap_thread_message *messages, size_t count)
{
    struct threader t = {.arena = arena};
    if (algorithm == IMAP_THREAD_REFERENCES)
        link_references(&t, messages, count);
    else
        link_subjects(&t, messages, count);
    return build(&t);
}
