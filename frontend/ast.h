/* frontend/ast.h: the syntax tree of the model language. Private to the room.
 *
 * Everything lives in one arena. X_BAD stands where something was refused already: whoever meets
 * it says nothing more. */
#ifndef SEQC_FRONTEND_AST_H
#define SEQC_FRONTEND_AST_H
#include "frontend/lex.h"

typedef enum {
    X_BAD, X_INT, X_FLOAT, X_STR, X_FSTR, X_BYTES, X_NAME, X_TRUE, X_FALSE, X_NONE, X_ELLIPSIS,
    X_TUPLE, X_LIST, X_SET, X_DICT,      /* item; of a dict: key, value, key, value … */
    X_CALL,                              /* of, then arg */
    X_ATTR,                              /* of.name */
    X_INDEX,                             /* of[item[0]] */
    X_SLICE,                             /* item[0]:item[1]:item[2], null where open */
    X_UNARY, X_BINARY, X_AND, X_OR,      /* op; item */
    X_COMPARE,                           /* item[0] op[0] item[1] op[1] … */
    X_COND,                              /* item: value if true, condition, value if false */
    X_STAR,                              /* *item[0] in a display */
    X_LAMBDA,                            /* fn */
    X_COMP,                              /* open, item[0] (a dict: and item[1]), clause */
    X_FIELD,                             /* of an f-string: item[0]!u.i:item[1] or null */
    X_REFUSED                            /* the diagnostic u.i with text, when it is evaluated */
} ExprKind;

typedef enum {
    O_NONE, O_ADD, O_SUB, O_MUL, O_DIV, O_FLOORDIV, O_MOD, O_POW, O_MATMUL, O_SHL, O_SHR, O_BITAND,
    O_BITOR, O_BITXOR, O_NEG, O_POS, O_NOT, O_INVERT, O_LT, O_LE, O_GT, O_GE, O_EQ, O_NE, O_IS,
    O_IS_NOT, O_IN, O_NOT_IN
} Oper;

typedef struct Expr Expr;
typedef struct FuncDef FuncDef;
typedef struct ClassDef ClassDef;
typedef struct Stmt Stmt;
typedef struct Script { Stmt *stmt; int n_stmt, cap_stmt; } Script;
/* for target in iter if cond[0] if cond[1] … */
typedef struct Clause { Expr *target, *iter, **cond; int n_cond; } Clause;
/* stars: 1 for *value, 2 for **value. name null: positional. */
typedef struct Arg { const char *name; Span name_at; int stars; Expr *value; } Arg;

struct Expr {
    ExprKind kind;
    Oper op;
    bool in_brackets;
    int depth;                           /* of the tree below; limited */
    Span at;
    union { int64_t i; double f; } u;
    const char *text;                    /* X_STR, X_NAME, X_ATTR's name */
    uint32_t text_len;
    Span name_at;                        /* X_ATTR: of the name */
    Expr *of;
    Expr **item; int n_item;
    Arg *arg; int n_arg;
    Oper *ops;                           /* X_COMPARE */
    FuncDef *fn;
    char open;                           /* X_COMP: [ list, { set, : dict, ( generator */
    Clause *clause; int n_clause;
};

/* stars: 1 takes the other positional arguments, 2 the other named ones. */
typedef struct ParamDef {
    const char *name; Span at;
    Expr *value;                         /* its default, or null */
    int stars;
    bool by_name;                        /* cannot be given by position */
} ParamDef;

/* A def or lambda. */
struct FuncDef {
    const char *name;                    /* "<lambda>" */
    Span at;
    ParamDef *param; int n_param;
    Script body;
    Expr *result;                        /* of a lambda */
    const char **local; int n_local;     /* names that the body assigns, parameters first */
    Expr **decorator; int n_decorator;
};

/* class name(base, …): body */
struct ClassDef {
    const char *name;
    Span at;                             /* of the name */
    Expr **base; int n_base;
    Script body;
    bool decorated;
};

typedef enum {
    S_EXPR,
    S_ASSIGN,
    S_AUGMENTED,
    S_IMPORT,
    S_FROM,
    S_PASS,
    S_IF,       /* value, body, other */
    S_FOR,      /* target[0], value, body, other */
    S_WHILE,    /* value, body, other */
    S_WITH,     /* value, body */
    S_DEF,      /* fn */
    S_CLASS,    /* cls */
    S_RETURN,   /* value or null */
    S_BREAK,
    S_CONTINUE,
    S_DEL,      /* target */
    S_ASSERT,   /* value, message or null */
    S_RAISE,
    S_REFUSED   /* with the names it would have bound, so that they are not unknown */
} StmtKind;

/* import a.b as c: path "a.b", name "c" (null without `as`). */
typedef struct Import { const char *path, *name; Span at; } Import;

struct Stmt {
    StmtKind kind;
    Span at;
    Expr *value;
    Expr **target; int n_target;         /* a = b = value */
    Oper op;
    const char *from; Span from_at;      /* S_FROM */
    Import *import; int n_import;        /* path "*" for all */
    const char **bound; int n_bound;     /* S_REFUSED */
    DiagId refused;                      /* S_REFUSED: when it runs; DIAG_COUNT: said already */
    const char *word, *help;             /* its argument; or null */
    Script body, other;                  /* S_IF, S_FOR, S_WHILE, S_WITH */
    Expr *message;
    FuncDef *fn;
    ClassDef *cls;
};

extern const char fe_only_runs[];        /* what to do with statements that only run the model */
/* Statements that are there; what is refused is in the diagnostics. */
Script fe_parse(FeDiags *d, uint16_t src, Arena *a);
/* One expression, as in --loss EXPR; X_BAD after a mistake. */
Expr *fe_parse_expr(FeDiags *d, uint16_t src, Arena *a);

/* The inside of the parser: parse.c has statements, parse_expr.c expressions. */
enum { FE_MAX_DEPTH = 64, FE_MAX_TREE = 300, FE_MAX_LOCALS = 1000, FE_MAX_CLAUSES = 16 };
typedef struct Parser {
    FeDiags *diags;
    Arena *arena;
    uint16_t src;
    const Tok *tok;                      /* the current one; a T_END is last */
    int depth;
    bool failed;                         /* this statement is already reported */
    FuncDef *fn;                         /* whose body this is, or null */
    int loops;                           /* around this statement, in the same body */
} Parser;
bool fe_at(const Parser *p, const char *op);
bool fe_accept(Parser *p, const char *op);
Expr *fe_expr(Parser *p);                /* one expression, no bare tuple */
Expr *fe_exprs(Parser *p);               /* with commas: a tuple */
Expr *fe_expr_new(Parser *p, ExprKind kind, Span at);
Expr *fe_simple(Parser *p);              /* without `if … else` at its top */
Expr *fe_targets(Parser *p);             /* of `for` */
void fe_expr_add(Parser *p, Expr *x, Expr *item);
Expr *fe_refused(Parser *p, DiagId id, const char *text);
/* parse_fn.c */
bool fe_comprehension(Parser *p, Expr *x, char open);   /* at `for`: x becomes one */
Expr *fe_lambda(Parser *p);
void fe_params(Parser *p, FuncDef *f, const char *end);
void fe_local(Parser *p, const char *name);             /* is assigned in the body */
/* parse_fstr.c: the tokens from `first` to before `end` have an f-string among them. */
Expr *fe_formatted(Parser *p, const Tok *first, const Tok *end);
void fe_syntax_error(Parser *p, const char *expected); /* at the current token; once a statement */
#endif
