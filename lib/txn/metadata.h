/* What the application says about a transaction: texts and pointers. */
#ifndef TXN_METADATA_H
#define TXN_METADATA_H

struct metadata;

/* NULL is allowed. */
void metadata_free(struct metadata *metadata);

#endif
