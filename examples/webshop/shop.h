/*
 * shop.h - what the shop does with its two databases. Goods are counted in the
 * engine "stock", orders are kept in the engine "orders"; an order changes both.
 *
 * Functions with a request work on its sessions and commit nothing: the request
 * does, when it ends well.
 */
#ifndef WEBSHOP_SHOP_H
#define WEBSHOP_SHOP_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlassist.h>

enum { SHOP_GOODS = 16, SHOP_RECENT = 20, SHOP_NAME = 64, SHOP_TOKEN = 32 };

struct good {
	int64_t id;
	char name[SHOP_NAME];
	int64_t cents;
	int64_t quantity; /* in stock */
};

struct order {
	char token[SHOP_TOKEN + 1]; /* names the order; made with the form */
	int64_t good;
	int64_t quantity;
	int64_t cents; /* in all */
	int64_t ordered_at;
	char name[SHOP_NAME]; /* of the good */
	char customer[SHOP_NAME];
};

/* Makes the tables, and goods if there are none. */
int shop_set_up(void);

/* Negative, or how many. */
int shop_goods(struct sqla_request *rq, struct good goods[SHOP_GOODS]);
int shop_recent(struct sqla_request *rq, struct order orders[SHOP_RECENT]);

/* The order of that token: 1, 0 for none, or negative. */
int shop_find(struct sqla_request *rq, const char *token, struct order *ret_order);

enum shop_answer { SHOP_ORDERED, SHOP_ALREADY, SHOP_TOO_FEW, SHOP_NO_SUCH_GOOD };

/*
 * Takes ORDER's goods out of stock and notes the order, of which token, good,
 * quantity and customer are given. An enum shop_answer, or negative. An
 * answer but ORDERED and ALREADY leaves work behind that must not be
 * committed: whoever answers so lets the request fail.
 */
int shop_order(struct sqla_request *rq, struct order *order);

#endif
