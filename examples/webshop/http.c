#include "http.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <microhttpd.h>

#include "page.h"
#include "shop.h"

enum { FORM_BYTES = 8192, ATTEMPTS = 5 };

/* One request and its answer. */
struct exchange {
	struct MHD_Connection *connection;
	const char *method;
	const char *url;
	struct MHD_PostProcessor *post;
	size_t uploaded;
	struct order order; /* of the form */
	bool wants_panel;   /* below the page */

	unsigned status;
	const char *type;
	const char *title; /* of a page; NULL: the content is the whole answer */
	char location[64]; /* "": no redirect */
	char *content;
	size_t size;
};

/* Writes the answer's content, and sets its status if that is not 200. Negative:
 * a call into the library has failed. */
typedef int handler(struct sqla_request *rq, struct exchange *x, FILE *out);

/* ---- pages ---------------------------------------------------------------------- */

/* An order's name is made with its form: whoever sends the form twice has
 * ordered once. */
static int make_token(char ret_token[SHOP_TOKEN + 1])
{
	unsigned char bytes[SHOP_TOKEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return SQLA_ENOMEM;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret_token + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int get_goods(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	struct good goods[SHOP_GOODS];
	char tokens[SHOP_GOODS][SHOP_TOKEN + 1];
	int n = shop_goods(rq, goods);
	int status = n < 0 ? n : 0;

	x->title = "Shop";
	for (int i = 0; i < n && status == 0; i++)
		status = make_token(tokens[i]);
	if (status == 0)
		page_goods(out, goods, n, tokens);
	return status;
}

static int get_orders(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	struct order orders[SHOP_RECENT];
	int n = shop_recent(rq, orders);

	x->title = "Orders";
	if (n >= 0)
		page_orders(out, orders, n);
	return n < 0 ? n : 0;
}

static int get_order(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	struct order order;
	int found = shop_find(rq, x->url + strlen("/order/"), &order);

	x->title = "Order";
	if (found > 0) {
		page_order(out, &order);
	} else if (found == 0) {
		x->status = MHD_HTTP_NOT_FOUND;
		page_trouble(out, "No such order",
			     "If you have just ordered: it did not go "
			     "through, and you can order again.",
			     NULL);
	}
	return found < 0 ? found : 0;
}

static bool is_token(const char *text)
{
	return strlen(text) == SHOP_TOKEN && strspn(text, "0123456789abcdef") == SHOP_TOKEN;
}

static bool is_complete(const struct order *order)
{
	return is_token(order->token) && order->good > 0 && order->quantity > 0 &&
	       order->quantity <= 999 && *order->customer;
}

static int post_order(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	int answer;

	x->title = "Order";
	if (!is_complete(&x->order)) {
		x->status = MHD_HTTP_BAD_REQUEST;
		page_trouble(out, "Something is missing",
			     "An order needs your name and a number from 1 to 999.", NULL);
		return 0;
	}
	answer = shop_order(rq, &x->order);
	if (answer == SHOP_TOO_FEW) {
		x->status = MHD_HTTP_CONFLICT;
		page_trouble(out, "Not enough in stock",
			     "We do not have so many. Nothing was ordered.", x->order.name);
	} else if (answer == SHOP_NO_SUCH_GOOD) {
		x->status = MHD_HTTP_NOT_FOUND;
		page_trouble(out, "Not in our orchard", "We do not sell that.", NULL);
	} else if (answer >= 0) {
		x->status = MHD_HTTP_SEE_OTHER;
		(void)snprintf(x->location, sizeof(x->location), "/order/%s", x->order.token);
	}
	return answer < 0 ? answer : 0;
}

static int get_style(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	(void)rq;
	x->type = "text/css; charset=utf-8";
	(void)fputs(page_style, out);
	return 0;
}

/* ---- the panel ------------------------------------------------------------------- */

typedef char *reading(const struct sqla_panel *panel);

static int put_panel(struct sqla_request *rq, reading *read, FILE *out)
{
	struct sqla_panel *panel;
	int status = sqla_panel_take(rq, &panel);
	char *text;

	if (status < 0)
		return status;
	text = read(panel);
	sqla_panel_free(panel);
	if (!text)
		return sqla_error_last()->status;
	(void)fputs(text, out);
	free(text);
	return 0;
}

static int get_panel(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	x->title = "Panel";
	return put_panel(rq, sqla_panel_html, out);
}

static int get_panel_json(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	x->type = "application/json";
	return put_panel(rq, sqla_panel_json, out);
}

static int get_metrics(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	x->type = "text/plain; version=0.0.4";
	return put_panel(rq, sqla_panel_prometheus, out);
}

/* ---- routes ---------------------------------------------------------------------- */

static const struct route {
	const char *method;
	const char *path; /* one that ends with a slash: all below, unless it is alone */
	handler *handle;
} routes[] = {
	{ "GET", "/", get_goods },
	{ "GET", "/orders", get_orders },
	{ "GET", "/order/", get_order },
	{ "POST", "/order", post_order },
	{ "GET", "/style.css", get_style },
	{ "GET", "/_sqlassist", get_panel },
	{ "GET", "/_sqlassist.json", get_panel_json },
	{ "GET", "/metrics", get_metrics },
};

static bool is_path(const char *path, const char *url)
{
	size_t length = strlen(path);

	if (length > 1 && path[length - 1] == '/')
		return strncmp(path, url, length) == 0;
	return strcmp(path, url) == 0;
}

static int no_route(struct sqla_request *rq, struct exchange *x, FILE *out)
{
	(void)rq;
	x->title = "Not found";
	x->status = MHD_HTTP_NOT_FOUND;
	page_trouble(out, "Nothing grows here", "There is no such page.", NULL);
	return 0;
}

static handler *find_route(const struct exchange *x)
{
	const char *method = strcmp(x->method, "HEAD") == 0 ? "GET" : x->method;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(routes[i].method, method) == 0 && is_path(routes[i].path, x->url))
			return routes[i].handle;
	return no_route;
}

/* ---- a transaction around it -------------------------------------------------------- */

/* What is answered as an error is not committed. */
static bool is_error(void *app_request, void *arg)
{
	const struct exchange *x = app_request;

	(void)arg;
	return x->status >= 400;
}

static void forget_answer(struct exchange *x)
{
	free(x->content);
	x->content = NULL;
	x->status = MHD_HTTP_OK;
	x->type = "text/html; charset=utf-8";
	x->title = NULL;
	x->location[0] = '\0';
}

/* Begins, works, and ends with a commit or an abort; then the answer stands. */
static int attempt(struct exchange *x, handler *handle)
{
	const struct sqla_request_options options = { .bound = SQLA_YES, .veto = is_error };
	struct sqla_request *rq;
	char note[128];
	FILE *out;
	int status;

	forget_answer(x);
	status = sqla_request_begin_with(x, &options, &rq);
	if (status < 0)
		return status;
	(void)snprintf(note, sizeof(note), "%s %s", x->method, x->url);
	(void)txn_note(txn_current(), note);
	out = open_memstream(&x->content, &x->size);
	status = out ? handle(rq, x, out) : SQLA_ENOMEM;
	if (status == 0 && x->wants_panel && x->title)
		status = put_panel(rq, sqla_panel_html, out);
	if (out && fclose(out) != 0)
		status = SQLA_ENOMEM;
	status = sqla_request_end(rq, status);
	sqla_request_free(rq);
	/* The veto's doing, and told by the page that is there. */
	return x->status >= 400 && status == SQLA_EABORTED ? 0 : status;
}

/* The page for a request that the library has not let through. */
static void apologize(struct exchange *x, int status)
{
	FILE *out;

	(void)fprintf(stderr, "webshop: %s %s: %s: %s\n", x->method, x->url, sqla_strerror(status),
		      sqla_error_last()->message);
	forget_answer(x);
	x->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	x->title = "Sorry";
	out = open_memstream(&x->content, &x->size);
	if (!out)
		return;
	if (status == SQLA_EINDOUBT)
		page_trouble(
			out, "We do not know yet",
			"The line broke just as your order was being written down. Go back and "
			"order once more in a minute: you will get it once in any case.",
			x->order.token);
	else
		page_trouble(out, "Something went wrong",
			     "Nothing was ordered. Please try again in a moment.", NULL);
	(void)fclose(out);
}

static void work(struct exchange *x)
{
	handler *handle = find_route(x);
	int status = SQLA_ERETRY;

	for (int i = 0; i < ATTEMPTS && status == SQLA_ERETRY; i++)
		status = attempt(x, handle);
	if (status < 0)
		apologize(x, status);
}

/* ---- answering ------------------------------------------------------------------------ */

/* Puts head and foot around a page. */
static int frame(struct exchange *x)
{
	char *page = NULL;
	size_t size;
	FILE *out;

	if (!x->title)
		return 0;
	out = open_memstream(&page, &size);
	if (!out)
		return -1;
	page_open(out, x->title);
	if (x->content)
		(void)fwrite(x->content, 1, x->size, out);
	page_close(out);
	if (fclose(out) != 0) {
		free(page);
		return -1;
	}
	free(x->content);
	x->content = page;
	x->size = size;
	return 0;
}

static void add_headers(struct MHD_Response *response, const struct exchange *x)
{
	(void)MHD_add_response_header(response, "Content-Type", x->type);
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "Referrer-Policy", "same-origin");
	(void)MHD_add_response_header(response, "Content-Security-Policy",
				      "default-src 'none'; style-src 'self' 'unsafe-inline'; "
				      "img-src data:; form-action 'self'; base-uri 'none'; "
				      "frame-ancestors 'none'");
	if (strcmp(x->url, "/style.css") != 0)
		(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	if (*x->location)
		(void)MHD_add_response_header(response, "Location", x->location);
}

static enum MHD_Result answer(struct exchange *x)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (frame(x) < 0 || !x->content)
		return MHD_NO;
	response = MHD_create_response_from_buffer(x->size, x->content, MHD_RESPMEM_MUST_FREE);
	if (!response)
		return MHD_NO;
	x->content = NULL; /* the response's now */
	add_headers(response, x);
	result = MHD_queue_response(x->connection, x->status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- forms ------------------------------------------------------------------------------ */

static void append(char *to, size_t size, const char *data, uint64_t offset, size_t length)
{
	if (offset < size)
		(void)snprintf(to + offset, size - offset, "%.*s", (int)length, data);
}

static enum MHD_Result read_field(void *cls, enum MHD_ValueKind kind, const char *key,
				  const char *filename, const char *content_type,
				  const char *transfer_encoding, const char *data, uint64_t offset,
				  size_t length)
{
	struct order *order = &((struct exchange *)cls)->order;

	(void)kind, (void)filename, (void)content_type, (void)transfer_encoding;
	if (strcmp(key, "token") == 0)
		append(order->token, sizeof(order->token), data, offset, length);
	else if (strcmp(key, "customer") == 0)
		append(order->customer, sizeof(order->customer), data, offset, length);
	else if (strcmp(key, "good") == 0 && offset == 0)
		order->good = strtoll(data, NULL, 10);
	else if (strcmp(key, "quantity") == 0 && offset == 0)
		order->quantity = strtoll(data, NULL, 10);
	return MHD_YES;
}

/* A form of somebody else's page must not order in the visitor's name. */
static bool is_own_form(struct MHD_Connection *connection)
{
	const char *origin = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	const char *name = origin ? strstr(origin, "://") : NULL;

	return !origin || (name && host && strcmp(name + 3, host) == 0);
}

static enum MHD_Result refuse(struct exchange *x, unsigned status, const char *text)
{
	FILE *out;

	forget_answer(x);
	x->title = "Refused";
	x->status = status;
	out = open_memstream(&x->content, &x->size);
	if (!out)
		return MHD_NO;
	page_trouble(out, "Refused", text, NULL);
	(void)fclose(out);
	return answer(x);
}

/* ---- libmicrohttpd ----------------------------------------------------------------------- */

static struct exchange *begin(struct MHD_Connection *connection, const char *url,
			      const char *method)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->connection = connection;
	x->method = method;
	x->url = url;
	x->wants_panel = MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "panel",
						       strlen("panel"), NULL, NULL) == MHD_YES;
	if (strcmp(method, "POST") == 0)
		x->post = MHD_create_post_processor(connection, 1024, read_field, x);
	return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **ret_x)
{
	struct exchange *x = *ret_x;

	(void)cls, (void)version;
	if (!x) {
		*ret_x = begin(connection, url, method);
		return *ret_x ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		x->uploaded += *size;
		if (x->post && x->uploaded <= FORM_BYTES)
			(void)MHD_post_process(x->post, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (x->uploaded > FORM_BYTES)
		return refuse(x, MHD_HTTP_CONTENT_TOO_LARGE, "That is too much to read.");
	if (strcmp(method, "POST") == 0 && !is_own_form(connection))
		return refuse(x, MHD_HTTP_FORBIDDEN, "That form was not ours.");
	work(x);
	return answer(x);
}

static void on_end(void *cls, struct MHD_Connection *connection, void **ret_x,
		   enum MHD_RequestTerminationCode how)
{
	struct exchange *x = *ret_x;

	(void)cls, (void)connection, (void)how;
	if (!x)
		return;
	if (x->post)
		(void)MHD_destroy_post_processor(x->post);
	free(x->content);
	free(x);
	*ret_x = NULL;
}

int http_start(unsigned short port, unsigned threads, struct MHD_Daemon **ret_daemon)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, port, NULL, NULL,
				 on_request, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
				 MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE,
				 threads, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
				 MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_END);
	const union MHD_DaemonInfo *info;

	if (!daemon)
		return -1;
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	*ret_daemon = daemon;
	return info ? info->port : port;
}
