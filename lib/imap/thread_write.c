/* thread_write - the reply of THREAD: "(1 2 (3 4)(5))" (RFC 5256 4); see thread.h
 *
 * A chain of only children is a row of numbers; two and more children are
 * threads of their own.  The stack is on the heap: threads may be deep.
 */
#include "base/memory.h"
#include "thread.h"

struct stack {
    const struct imap_thread **lists; /* what is left of each list of siblings */
    size_t count, cap;
};

static void push(struct stack *s, const struct imap_thread *list)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->lists = memory_resize(s->lists, s->cap * sizeof *s->lists);
    }
    s->lists[s->count++] = list;
}

/* Write the row that starts with THREAD.  At its end either it is closed or its
 * children are pushed. */
static bool write_row(const struct imap_thread *thread, struct stack *s, struct str *out)
{
    bool ok = str_add_char(out, '(');
    bool some = false;
    for (;; thread = thread->child) {
        if (thread->number > 0) {
            ok = str_addf(out, some ? " %u" : "%u", thread->number) && ok;
            some = true;
        }
        if (thread->child == NULL)
            return str_add_char(out, ')') && ok;
        if (thread->child->next)
            break;
    }
    push(s, thread->child);
    return (!some || str_add_char(out, ' ')) && ok;
}

bool imap_write_threads(const struct imap_thread *threads, struct str *out)
{
    struct stack s = {.count = 0};
    bool ok = true;
    push(&s, threads);
    while (ok && s.count > 0) {
        const struct imap_thread *next = s.lists[s.count - 1];
        if (next) {
            s.lists[s.count - 1] = next->next;
            ok = write_row(next, &s, out);
        } else if (--s.count > 0) {
            ok = str_add_char(out, ')');
        }
    }
    memory_free(s.lists);
    return ok;
}
