#include "page.h"

#include <string.h>
#include <time.h>

static void put(FILE *out, const char *text)
{
	for (; *text; text++) {
		const char *entity = *text == '&'  ? "&amp;" :
				     *text == '<'  ? "&lt;" :
				     *text == '>'  ? "&gt;" :
				     *text == '"'  ? "&quot;" :
				     *text == '\'' ? "&#39;" :
						     NULL;

		if (entity)
			(void)fputs(entity, out);
		else
			(void)fputc(*text, out);
	}
}

static void put_price(FILE *out, int64_t cents)
{
	(void)fprintf(out, "%lld.%02lld&nbsp;&euro;", (long long)cents / 100,
		      (long long)cents % 100);
}

static void put_time(FILE *out, int64_t unix_s)
{
	time_t seconds = (time_t)unix_s;
	struct tm parts;
	char text[32];

	if (gmtime_r(&seconds, &parts) && strftime(text, sizeof(text), "%F %H:%M UTC", &parts))
		(void)fprintf(out, "<time>%s</time>", text);
}

/* ---- head and foot ---------------------------------------------------------- */

void page_open(FILE *out, const char *title)
{
	(void)fprintf(out,
		      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		      "<meta name=\"color-scheme\" content=\"light dark\">\n"
		      "<title>%s &middot; Orchard</title>\n"
		      "<link rel=\"icon\" href=\"data:,\">\n"
		      "<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n"
		      "<a class=\"skip\" href=\"#main\">Skip to content</a>\n"
		      "<header class=\"top\"><a class=\"brand\" href=\"/\">"
		      "<svg viewBox=\"0 0 32 32\" width=\"28\" height=\"28\" aria-hidden=\"true\">"
		      "<circle cx=\"16\" cy=\"18\" r=\"11\" fill=\"#7aa13c\"/>"
		      "<path d=\"M16 9c0-4 3-7 8-7 0 5-3 8-8 8z\" fill=\"#3f6b2a\"/></svg>"
		      "Orchard</a><nav aria-label=\"Main\"><a href=\"/\">Shop</a>"
		      "<a href=\"/orders\">Orders</a><a href=\"/_sqlassist\">Panel</a></nav>"
		      "</header>\n<main id=\"main\">\n",
		      title);
}

void page_close(FILE *out)
{
	(void)fputs("</main>\n<footer>An example of libsqlassist: stock and orders live in two "
		    "databases, and an order changes both or none.</footer>\n</body>\n</html>\n",
		    out);
}

/* ---- goods ------------------------------------------------------------------- */

/* Skin, shade and leaf of the drawings, one for each good of the first stock. */
static const char *const colours[][2] = {
	{ "#b9b445", "#8c8a2c" },
	{ "#d0463c", "#9c2b24" },
	{ "#54488f", "#3a3069" },
	{ "#f0c52e", "#c79a12" },
};

static void put_picture(FILE *out, int64_t id)
{
	size_t n = sizeof(colours) / sizeof(colours[0]);
	const char *const *colour = colours[(size_t)(id - 1) % n];

	(void)fprintf(out,
		      "<svg class=\"picture\" viewBox=\"0 0 120 72\" aria-hidden=\"true\">"
		      "<ellipse cx=\"60\" cy=\"66\" rx=\"34\" ry=\"4\" fill=\"#0002\"/>"
		      "<circle cx=\"60\" cy=\"42\" r=\"24\" fill=\"%s\"/>"
		      "<path d=\"M60 66a24 24 0 0 0 20-37 26 26 0 0 1-36 31 24 24 0 0 0 16 6z\" "
		      "fill=\"%s\"/><path d=\"M60 20c0-6 2-10 5-14\" fill=\"none\" "
		      "stroke=\"#6b4a2b\" stroke-width=\"3\" stroke-linecap=\"round\"/>"
		      "<path d=\"M62 16c4-8 12-10 20-8-2 8-10 12-20 8z\" fill=\"#5c8f3a\"/>"
		      "<circle cx=\"51\" cy=\"34\" r=\"5\" fill=\"#fff6\"/></svg>",
		      colour[0], colour[1]);
}

static void put_form(FILE *out, const struct good *good, const char *token)
{
	long long id = (long long)good->id;

	(void)fprintf(out,
		      "<form method=\"post\" action=\"/order\">"
		      "<input type=\"hidden\" name=\"good\" value=\"%lld\">"
		      "<input type=\"hidden\" name=\"token\" value=\"%s\">"
		      "<p><label for=\"who%lld\">Your name</label><input id=\"who%lld\" "
		      "name=\"customer\" required maxlength=\"50\" autocomplete=\"name\"></p>"
		      "<div class=\"row\"><p><label for=\"many%lld\">How many</label>"
		      "<input id=\"many%lld\" name=\"quantity\" type=\"number\" "
		      "inputmode=\"numeric\" min=\"1\" max=\"999\" value=\"1\" required></p>"
		      "<button type=\"submit\">Order</button></div></form>",
		      id, token, id, id, id, id);
}

void page_goods(FILE *out, const struct good goods[], int n, char (*tokens)[SHOP_TOKEN + 1])
{
	(void)fputs("<h1>Fruit from the orchard</h1>\n<p class=\"lead\">Picked this morning, "
		    "at your door tomorrow.</p>\n<ul class=\"goods\">\n",
		    out);
	for (int i = 0; i < n; i++) {
		const struct good *good = &goods[i];

		(void)fprintf(out, "<li class=\"card\" data-good=\"%lld\">", (long long)good->id);
		put_picture(out, good->id);
		(void)fputs("<h2>", out);
		put(out, good->name);
		(void)fputs("</h2><p class=\"facts\"><strong>", out);
		put_price(out, good->cents);
		(void)fprintf(out,
			      "</strong> <span><span class=\"stock\">%lld</span> in stock"
			      "</span></p>",
			      (long long)good->quantity);
		if (good->quantity > 0)
			put_form(out, good, tokens[i]);
		else
			(void)fputs("<p>Sold out.</p>", out);
		(void)fputs("</li>\n", out);
	}
	(void)fputs("</ul>\n", out);
}

/* ---- orders ------------------------------------------------------------------ */

void page_orders(FILE *out, const struct order orders[], int n)
{
	(void)fputs("<h1>Latest orders</h1>\n", out);
	if (n == 0)
		(void)fputs("<p class=\"lead\">None yet.</p>\n", out);
	else
		(void)fputs("<ul class=\"orders\">\n", out);
	for (int i = 0; i < n; i++) {
		(void)fprintf(out, "<li class=\"card\"><a href=\"/order/%s\">%lld &times; ",
			      orders[i].token, (long long)orders[i].quantity);
		put(out, orders[i].name);
		(void)fputs("</a><span>for ", out);
		put(out, orders[i].customer);
		(void)fputs("</span><span class=\"dim\">", out);
		put_time(out, orders[i].ordered_at);
		(void)fputs("</span></li>\n", out);
	}
	if (n > 0)
		(void)fputs("</ul>\n", out);
}

void page_order(FILE *out, const struct order *order)
{
	(void)fputs("<section class=\"card big\"><h1>Thank you, ", out);
	put(out, order->customer);
	(void)fputs(
		"!</h1>\n<p class=\"lead\">Your order is on its way.</p>\n<dl><dt>Order</dt><dd>"
		"<code>",
		out);
	put(out, order->token);
	(void)fprintf(out, "</code></dd><dt>Goods</dt><dd>%lld &times; ",
		      (long long)order->quantity);
	put(out, order->name);
	(void)fputs("</dd><dt>Total</dt><dd>", out);
	put_price(out, order->cents);
	(void)fputs("</dd><dt>Ordered</dt><dd>", out);
	put_time(out, order->ordered_at);
	(void)fputs("</dd></dl>\n<p><a class=\"button\" href=\"/\">Back to the shop</a></p>"
		    "</section>\n",
		    out);
}

void page_trouble(FILE *out, const char *heading, const char *text, const char *detail)
{
	(void)fprintf(out,
		      "<section class=\"card big trouble\" role=\"alert\"><h1>%s</h1>\n"
		      "<p class=\"lead\">%s</p>\n",
		      heading, text);
	if (detail && *detail) {
		(void)fputs("<p class=\"dim\">", out);
		put(out, detail);
		(void)fputs("</p>\n", out);
	}
	(void)fputs("<p><a class=\"button\" href=\"/\">Back to the shop</a></p></section>\n", out);
}
