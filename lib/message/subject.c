/* subject - extract the base subject, RFC 5256 2.1; see subject.h */
#include "subject.h"

#include "format/encoded_word.h"

/* Longest subject that is looked at. */
#define SUBJECT_MAX 65536

static struct view skip_blanks(struct view v)
{
    while (v.n > 0 && v.p[0] == ' ')
        v = view_from(v, 1);
    return v;
}

/* Each run of blanks is one space (step 1). */
static void squeeze(struct str *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool blank = ascii_is_space((unsigned char)s->p[i]);
        if (!blank)
            s->p[n++] = s->p[i];
        else if (n == 0 || s->p[n - 1] != ' ')
            s->p[n++] = ' ';
    }
    str_truncate(s, n);
}

/* "(fwd)" and blanks at the end (step 2). */
static bool drop_trailers(struct view *v)
{
    bool marked = false;
    for (;;) {
        if (view_ends(*v, VIEW(" "))) {
            v->n--;
        } else if (view_ends_case(*v, VIEW("(fwd)"))) {
            v->n -= 5;
            marked = true;
        } else {
            return marked;
        }
    }
}

/* Take "[list] " from the front of *V (subj-blob). */
static bool take_blob(struct view *v)
{
    if (v->n == 0 || v->p[0] != '[')
        return false;
    size_t end = view_find_any(view_from(*v, 1), VIEW("[]"));
    if (end == VIEW_NPOS || v->p[1 + end] != ']')
        return false;
    *v = skip_blanks(view_from(*v, end + 2));
    return true;
}

/* Take "Re:", "Fwd [x]:" with blobs in front (step 3). */
static bool take_mark(struct view *v)
{
    struct view rest = *v;
    while (take_blob(&rest))
        ;
    if (view_starts_case(rest, VIEW("re")))
        rest = view_from(rest, 2);
    else if (view_starts_case(rest, VIEW("fwd")))
        rest = view_from(rest, 3);
    else if (view_starts_case(rest, VIEW("fw")))
        rest = view_from(rest, 2);
    else
        return false;
    rest = skip_blanks(rest);
    (void)take_blob(&rest);
    if (rest.n == 0 || rest.p[0] != ':')
        return false;
    *v = skip_blanks(view_from(rest, 1));
    return true;
}

/* Steps 3 to 5: all that stands in front. */
static bool drop_leaders(struct view *v)
{
    bool marked = false;
    *v = skip_blanks(*v);
    while (take_mark(v))
        marked = true;
    /* No mark follows these blobs, however many of them are gone. */
    struct view rest = *v;
    while (take_blob(&rest) && rest.n > 0)
        *v = rest;
    return marked;
}

bool message_base_subject(struct view value, bool *is_reply, struct str *out)
{
    struct str text = STR_INIT(SUBJECT_MAX);
    encoded_word_decode(value, &text);
    squeeze(&text);
    struct view v = str_view(&text);
    bool marked = false;
    for (;;) {
        marked = drop_trailers(&v) || marked;
        marked = drop_leaders(&v) || marked;
        /* Step 6: "[fwd: ...]" */
        if (!view_starts_case(v, VIEW("[fwd:")) || !view_ends(v, VIEW("]")))
            break;
        v = view_sub(v, 5, v.n - 6);
        marked = true;
    }
    if (is_reply)
        *is_reply = marked;
    bool ok = str_add(out, v);
    str_done(&text);
    return ok;
}
