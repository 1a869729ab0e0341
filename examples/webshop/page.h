/* The shop's pages. Everything that came from outside is escaped here. */
#ifndef WEBSHOP_PAGE_H
#define WEBSHOP_PAGE_H

#include <stdio.h>

#include "shop.h"

extern const char page_style[]; /* the style sheet */

/* Head and foot of every page. TITLE is ours. */
void page_open(FILE *out, const char *title);
void page_close(FILE *out);

/* Goods with a form each; TOKENS name the orders that may come of them. */
void page_goods(FILE *out, const struct good goods[], int n, char (*tokens)[SHOP_TOKEN + 1]);

void page_orders(FILE *out, const struct order orders[], int n);
void page_order(FILE *out, const struct order *order);

/* Something went wrong: HEADING and TEXT are ours, DETAIL is anybody's or NULL. */
void page_trouble(FILE *out, const char *heading, const char *text, const char *detail);

#endif
