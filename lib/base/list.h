/* list - a doubly linked list whose links live inside its members
 *
 *     struct thing { struct list_link in_queue; ... };
 *     LIST_FOR_EACH(struct thing, t, &queue, in_queue) { ... }
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *prev, *next; /* NULL when in no list */
};
struct list {
    struct list_link head; /* ring */
};

#define CONTAINER_OF(ptr, type, member)                                                  \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->head.prev = l->head.next = &l->head;
}
static inline bool list_is_empty(const struct list *l)
{
    return l->head.next == &l->head;
}
static inline bool list_is_linked(const struct list_link *k)
{
    return k->next != NULL;
}
static inline void list_insert_before(struct list_link *at, struct list_link *k)
{
    k->prev = at->prev;
    k->next = at;
    at->prev->next = k;
    at->prev = k;
}
static inline void list_append(struct list *l, struct list_link *k)
{
    list_insert_before(&l->head, k);
}
static inline void list_prepend(struct list *l, struct list_link *k)
{
    list_insert_before(l->head.next, k);
}
/* Unlink; does nothing when in no list. */
static inline void list_remove(struct list_link *k)
{
    if (k->next == NULL)
        return;
    k->prev->next = k->next;
    k->next->prev = k->prev;
    k->prev = k->next = NULL;
}
static inline struct list_link *list_first(const struct list *l)
{
    return l->head.next == &l->head ? NULL : l->head.next;
}
/* Unlink and return the first link, NULL when empty. */
static inline struct list_link *list_pop(struct list *l)
{
    struct list_link *k = list_first(l);
    if (k)
        list_remove(k);
    return k;
}
/* Unlink and return the first link of a list that is not empty. */
static inline struct list_link *list_take(struct list *l)
{
    struct list_link *k = l->head.next;
    list_remove(k);
    return k;
}
#define LIST_FIRST(type, l, member)                                                      \
    (list_is_empty(l) ? NULL : CONTAINER_OF((l)->head.next, type, member))
/* The body must not unlink the current member; use LIST_FOR_EACH_SAFE then. */
#define LIST_FOR_EACH(type, it, l, member)                                               \
    for (type *it = CONTAINER_OF((l)->head.next, type, member);                          \
         &it->member != &(l)->head; it = CONTAINER_OF(it->member.next, type, member))
#define LIST_FOR_EACH_SAFE(type, it, l, member)                                          \
    for (type *it = CONTAINER_OF((l)->head.next, type, member),                          \
              *it##_next = CONTAINER_OF(it->member.next, type, member);                  \
         &it->member != &(l)->head;                                                      \
         it = it##_next, it##_next = CONTAINER_OF(it->member.next, type, member))

#endif
