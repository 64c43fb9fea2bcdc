/* encoding_fuzz - base64, quoted-printable, UTF-7 and xtext: decode anything, and encode
 * and decode back to the same bytes */
#include "base64.h"
#include "quoted_printable.h"
#include "utf7.h"
#include "xtext.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(struct view v)
{
    struct str coded = STR_INIT(200000);
    struct str back = STR_INIT(200000);
    assert(base64_encode(v, &coded) && base64_decode(str_view(&coded), &back));
    assert(view_eq(str_view(&back), v));
    str_clear(&back);
    if (base64_decode(v, &back)) {
        struct str again = STR_INIT(200000);
        base64_encode(str_view(&back), &again);
        assert(again.n == v.n);
        str_done(&again);
    }
    struct base64_decoder d;
    base64_decoder_init(&d);
    assert(base64_decoder_feed(&d, v, &back));
    str_done(&coded);
    str_done(&back);
}

/* Lines of V, encoded one by one and decoded in pieces of CHUNK. */
static void check_qp(struct view v, size_t chunk)
{
    struct str coded = STR_INIT(400000);
    struct str back = STR_INIT(400000);
    struct qp_encoder e;
    struct qp_decoder d;
    qp_encoder_init(&e);
    qp_decoder_init(&d);
    struct view rest = v;
    bool more = true;
    while (more) {
        struct view line;
        more = view_cut(rest, '\n', &line, &rest);
        assert(qp_encoder_line(&e, line, true, &coded));
    }
    for (size_t at = 0; at < coded.n; at += chunk)
        assert(qp_decoder_feed(&d, view_sub(str_view(&coded), at, chunk), &back));
    assert(qp_decoder_end(&d, &back));
    assert(back.n == v.n + 1 && view_starts(str_view(&back), v));
    str_clear(&back);
    qp_decoder_init(&d);
    assert(qp_decoder_feed(&d, v, &back) && qp_decoder_end(&d, &back));
    str_done(&coded);
    str_done(&back);
}

static void check_utf7(struct view v)
{
    struct str coded = STR_INIT(200000);
    struct str back = STR_INIT(200000);

    if (view_is_utf8(v)) {
        assert(utf7_encode(v, &coded) && utf7_decode(str_view(&coded), &back));
        assert(view_eq(str_view(&back), v));
    }
    str_clear(&coded);
    str_clear(&back);
    if (utf7_decode(v, &back)) {
        assert(utf7_encode(str_view(&back), &coded));
        assert(view_eq(str_view(&coded), v));
    }
    str_done(&coded);
    str_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = {(const char *)data, size > 30000 ? 30000 : size};
    check_base64(v);
    check_utf7(v);
    check_qp(v, size % 7 + 1);
    struct str coded = STR_INIT(400000);
    struct str back = STR_INIT(400000);
    assert(xtext_encode(v, VIEW("@"), &coded) && xtext_decode(str_view(&coded), &back));
    assert(view_eq(str_view(&back), v));
    str_clear(&coded);
    str_clear(&back);
    if (!memchr(data, 0, v.n) && uxtext_encode(v, VIEW(""), &coded)) {
        assert(uxtext_decode(str_view(&coded), &back));
        assert(view_eq(str_view(&back), v));
    }
    str_clear(&back);
    (void)!xtext_decode(v, &back);
    (void)!uxtext_decode(v, &back);
    str_done(&coded);
    str_done(&back);
    struct view type, rest;
    orcpt_split(v, &type, &rest);
    return 0;
}
