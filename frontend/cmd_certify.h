/* frontend/cmd_certify.h: what `seqc build`, `emit` and `verify` share: certificates of generated C. */
#ifndef SEQC_CMD_CERTIFY_H
#define SEQC_CMD_CERTIFY_H
#include "frontend/cmd.h"

/* What is proved. */
typedef struct Certified {
    const char *contract;            /* the C file whose functions call it */
    const char *dir;                 /* its folder: files are named as they lie in it */
    const char *name;                /* of the source, NAME.c */
    const char *place;               /* PLACE.certificate.txt and .json are written */
    const char *flags;               /* the compiler's, blanks between them */
    bool program;                    /* else a library */
    bool gone;                       /* source and contract do not stay */
} Certified;

/* Whether seqc can; before anything is written. 0 or an exit code. */
int certify_ready(const Cmd *c);
/* What of it is proved, and what not, as text and JSON. 0, or 1 where a point stays open, or another exit
 * code. */
int certify(const Cmd *c, const Certified *what);
/* Removes certificates of an earlier source at PLACE, and their contract, where that is not null: files of
 * others stay. */
void certify_forget(const Cmd *c, const char *place, const char *contract);
/* cmd_contract.c: the same for each source with a contract in a folder of `seqc build --keep`; *n says how
 * many there are. */
int certify_kept(const Cmd *c, const char *dir, int *n);
#endif
