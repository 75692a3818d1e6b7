/* codegen/simt_fetch.c: how elements of a factor come into shared memory, for emit_simt.c.
 *
 * They are copied behind the threads' backs, or through registers where one block has all of a graph. Where maps
 * make of them what is multiplied (a convolution's prologue, passes/prologue.c), each thread changes what it has
 * copied itself, once it is there and before others may read it: so copies take as long to come as they do without,
 * behind the sums of the step before. What is padding stays zero, whatever the maps make of zeros: its bit in
 * inside_a or inside_b is 0. */
#include "codegen/simt.h"
#include <string.h>

long long simt_fetched(const Simt *s, const Factor *f)
{
    return (long long)(f->lines * s->step / s->k->threads);
}

/* A thread fetches elements of one line, or of one k: where that is in the tile, and where the i-th
 * of the others. */
static const char *own(const Simt *s, const Factor *f)
{
    return text(s->e, "(int)threadIdx.x %% %lld", (long long)(f->along ? s->step : f->lines));
}

static const char *ith(const Simt *s, const Factor *f)
{
    long long side = (long long)(f->along ? s->step : f->lines), apart = s->k->threads / side;
    return text(s->e, "(int)threadIdx.x / %lld%s", side,
                simt_fetched(s, f) == 1 ? "" : text(s->e, " + %lld * i", apart));
}

bool simt_is_copied(const Simt *s) { return !s->k->g->one_block && s->e->m->real == DT_f32; }

static void open_fetched(Simt *s, const Factor *f)
{
    out_line(s->o, simt_is_copied(s) ? "#pragma unroll TWO_TURNS" : "#pragma unroll");
    out_open(s->o, "for (int i = 0; i < %lld; i++)", simt_fetched(s, f));
}

static void write_line(Simt *s, const Factor *f, const char *place)
{
    out_line(s->o, "const %s %s = %s0 + %s;", s->index, f->line, f->line, place);
    if (f->of_line) f->of_line(s, f);
}

static void write_k(Simt *s, const Factor *f, const char *place)
{
    out_line(s->o, "const %s k = k0 + %s;", s->index, place);
    if (f->of_k) f->of_k(s, f);
}

void simt_line(Simt *s, const Factor *f) { write_line(s, f, own(s, f)); }

/* Where in shared memory the i-th goes. */
static const char *put_text(Simt *s, const Factor *f)
{
    const char *line = f->along ? ith(s, f) : own(s, f), *deep = f->along ? own(s, f) : ith(s, f);
    return text(s->e, "shared->%c[half][%s][%s]", f->name, deep, line);
}

/* Are all steps whole? Copies are made before the end of k alone. */
static bool ends_whole(const Simt *s)
{
    return simt_is_copied(s) && s->parts == 1 && !s->depth.n && s->depth.k % s->step == 0;
}

void simt_fetch(Simt *s, const Factor *f)
{
    const char *inside, *ends = ends_whole(s) ? "" : text(s->e, " && k < %s", s->last);
    if (f->along) {
        out_open(s->o, "%s", "");
        write_k(s, f, own(s, f));
    }
    open_fetched(s, f);
    if (f->along) write_line(s, f, ith(s, f));
    else write_k(s, f, ith(s, f));
    const char *place = f->place(s, f, &inside);
    const char *there = text(s->e, "%s < %s%s%s%s", f->line, extent_text(s->e, f->size), ends,
                             *inside ? " && " : "", inside);
    if (f->mapped) there = mapped_fetch(s, f, &place, there);
    if (simt_is_copied(s)) {
        out_line(s->o, "copy_4(&%s,", put_text(s, f));
        out_line(s->o, "       &%s[%s],", factor_name(s, f), place);
        out_line(s->o, "       %s);", there);
    } else {
        out_line(s->o, "next_%c[i] = %s", f->name, there);
        out_line(s->o, "          ? %s[%s] : 0;", factor_name(s, f), place);
    }
    out_close(s->o, "");
    if (f->along) out_close(s->o, "");
}

void simt_put(Simt *s, const Factor *f)
{
    open_fetched(s, f);
    out_line(s->o, "%s = next_%c[i];", put_text(s, f), f->name);
    out_close(s->o, "");
}

void simt_change(Simt *s, const Factor *f)
{
    mapped_unroll(s, f);
    out_open(s->o, "for (int i = 0; i < %lld; i++)", simt_fetched(s, f));
    mapped_change(s, f, &(MappedAt){ .line = f->along ? ith(s, f) : own(s, f),
                                     .k = f->along ? own(s, f) : ith(s, f), .k0 = "k0", .bit = "i",
                                     .to = put_text(s, f) });
    out_close(s->o, "");
}

/* ---- what maps change ---- */

/* Tensors of the factor's elements that its maps read, each once. */
typedef struct Images { Val v[4]; int n; } Images;

static bool is_image(const Simt *s, const Factor *f, Val v)
{
    const Shape *a = &ir_type(s->k->g, v)->shape, *b = &ir_type(s->k->g, f->operand)->shape;
    return !value_in(s->k, v) && extent_eq(extent_of(a, 0, a->rank), extent_of(b, 0, b->rank));
}

/* Is v a map that makes the factor, or leads to one? */
static bool is_before(const Simt *s, const Factor *f, Val v)
{
    bool before = ir_val_eq(v, f->operand);
    for (int i = 0; i < s->k->k->n_member && !before; i++) {
        const Val to = s->k->k->member[i];
        const Node *x = ir_node(s->k->g, to);
        for (int j = 0; to.i > v.i && to.i < s->k->root.i && j < x->n_in && !before; j++)
            before = ir_val_eq(ir_view_base(s->k->g, x->in[j]), v) && is_before(s, f, to);
    }
    return before;
}

static Images images_of(const Simt *s, const Factor *f)
{
    Images all = { .n = 0 };
    for (int i = 0; i < s->k->k->n_member; i++) {
        const Node *x = ir_node(s->k->g, s->k->k->member[i]);
        for (int j = 0; is_before(s, f, s->k->k->member[i]) && j < x->n_in; j++) {
            Val base = ir_view_base(s->k->g, x->in[j]);
            bool taken = !is_image(s, f, base);
            for (int n = 0; n < all.n; n++) taken = taken || ir_val_eq(all.v[n], base);
            if (taken) continue;
            if (all.n == (int)(sizeof all.v / sizeof *all.v))
                ir_die(s->e->m, "kernel k%d of %s has maps of too many tensors before it", s->k->index,
                       s->k->g->name);
            all.v[all.n++] = base;
        }
    }
    return all;
}

const char *factor_name(Simt *s, const Factor *f)
{
    Images all = { .v = { f->operand } };
    if (f->mapped) all = images_of(s, f);
    return slot_read(s->k, all.v[0]);
}

/* Registers for those after the first. */
static const char *other_name(const Simt *s, const Factor *f, int image)
{
    return text(s->e, "beside_%c%d", f->name, image);
}

/* More than some instructions? */
static bool is_dear(const ExPool *p, Ex e)
{
    const ExNode *x = ex_node(p, e);
    bool simple = x->op == EX_abs || x->op == EX_max || x->op == EX_min;
    bool dear = (x->op >= EX_exp && !simple) || x->op == EX_DIV;
    for (int i = 0; i < 3; i++) dear = dear || (x->in[i].i && is_dear(p, x->in[i]));
    return dear;
}

/* All of it takes the fewest instructions, but what is dear long to compile, and tensors for each channel registers,
 * of which tensor cores have none left. */
void mapped_unroll(Simt *s, const Factor *f)
{
    bool dear = false;
    for (int i = 0; i < s->k->k->n_member; i++) {
        const Val v = s->k->k->member[i];
        const Node *x = ir_node(s->k->g, v);
        if (!is_before(s, f, v)) continue;
        dear = dear || is_dear(s->k->pool, ir_scalar_expr(s->k->pool, x));
        for (int j = 0; ir_is_mma(s->k->k->algo) && j < x->n_in; j++) {
            const Val base = ir_view_base(s->k->g, x->in[j]);
            dear = dear || (!value_in(s->k, base) && !is_image(s, f, base) && ir_type(s->k->g, x->in[j])->shape.rank);
        }
    }
    out_line(s->o, dear && images_of(s, f).n == 1 ? "#pragma unroll TWO_TURNS" : "#pragma unroll");
}

void mapped_declare(Simt *s, const Factor *f, long long each)
{
    for (int i = 1; i < images_of(s, f).n; i++)
        out_line(s->o, "%s %s[%lld];", s->real, other_name(s, f, i), each);
    out_line(s->o, "uint32_t inside_%c = 0;", f->name);
}

const char *mapped_fetch(Simt *s, const Factor *f, const char **place, const char *there)
{
    Images all = images_of(s, f);
    out_line(s->o, "const bool there = %s;", there);
    out_line(s->o, "inside_%c |= (uint32_t)there << i;", f->name);
    if (all.n > 1) {
        out_line(s->o, "const %s at = %s;", s->index, *place);
        *place = "at";
    }
    for (int i = 1; i < all.n; i++)
        out_line(s->o, "%s[i] = there ? %s[at] : 0;", other_name(s, f, i), slot_read(s->k, all.v[i]));
    return "there";
}

void mapped_age(Simt *s, const Factor *f, long long each)
{
    out_line(s->o, "inside_%c <<= %lld;", f->name, each);
    for (int i = 1; i < images_of(s, f).n; i++) {
        const char *name = other_name(s, f, i);
        out_line(s->o, "#pragma unroll");
        out_line(s->o, "for (int i = 0; i < %lld; i++) %s[i + %lld] = %s[i];", each, name, each, name);
    }
}

/* at = place / size. */
static void write_share(Simt *s, const char *at, const char *from, const char *place, int64_t size,
                        const char *role)
{
    const char *all = text(s->e, "%s + %s", from, place);
    if (size == 1) out_line(s->o, "const %s %s = %s;", s->index, at, all);
    else out_line(s->o, "const %s %s = (%s) / %s;", s->index, at, all,
                  role ? size_text(s->e, size, role) : text(s->e, "%lld", (long long)size));
}

void mapped_change(Simt *s, const Factor *f, const MappedAt *at)
{
    Kern *own = s->k;
    Images all = images_of(s, f);
    const Shape *x = &ir_type(own->g, f->operand)->shape;
    const bool of_k = f->channel_of_k, named = !f->along && !ir_is_mma(own->k->algo);     /* by simt_line */
    const char *bit = at->bit[0] == '(' ? text(s->e, "%.*s", (int)strlen(at->bit) - 2, at->bit + 1) : at->bit;
    const char **before = names_save(own), *line0 = text(s->e, "%s0", f->line), *channel = "channel";
    if (s->groups > 1) channel = text_add(s->e, text_mul(s->e, s->group, extent(f->channels, 0)), channel);
    const Nest nest = { 3, { { extent_of(x, 0, 1), "image" }, { extent_of(x, 1, 2), channel },
                             { extent_of(x, 2, x->rank), "0" } } };
    for (int i = 1; i < all.n; i++) own->name[all.v[i].i] = text(s->e, "%s[%s]", other_name(s, f, i), bit);
    out_open(s->o, "if (inside_%c >> %s & 1)", f->name, at->bit);
    const char *element = local_name(own, "a");
    out_line(s->o, "const %s %s = %s;", s->real, element, at->to);
    own->name[all.v[0].i] = element;
    Out *body = out_beside(s->e->a, s->o);
    const char *value = value_emit(own, body, f->operand, &nest);
    if (out_mentions(out_text(body), "channel"))
        write_share(s, "channel", of_k ? at->k0 : line0, of_k ? at->k : at->line, f->taps, NULL);
    if (out_mentions(out_text(body), "image") && !named)
        write_share(s, "image", of_k ? line0 : at->k0, of_k ? at->line : at->k, f->pixels, "pixels");
    out_raw(s->o, out_text(body));
    out_line(s->o, "%s = %s;", at->to, value);
    out_close(s->o, "");
    names_restore(own, before);
}
