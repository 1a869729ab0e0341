#include "wire/message.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	STARTUP = 196608, /* protocol 3.0 */
	REQUEST_TLS = 80877103,
	REQUEST_GSS = 80877104,
	TYPE_TEXT = 25, /* pg_type.oid */
};

/* ---- reading ------------------------------------------------------------- */

static uint32_t number_at(const unsigned char *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return ntohl(number);
}

size_t wire_size(const unsigned char *bytes, size_t n, bool is_typed)
{
	size_t before = is_typed ? 1 : 0;

	return n < before + 4 ? 0 : before + number_at(bytes + before);
}

static uint32_t code_of(const struct wire_message *m)
{
	return m->type == WIRE_UNTYPED && m->size >= 8 ? number_at(m->bytes + 4) : 0;
}

bool wire_is_encryption_request(const struct wire_message *m)
{
	return code_of(m) == REQUEST_TLS || code_of(m) == REQUEST_GSS;
}

bool wire_is_startup(const struct wire_message *m)
{
	return code_of(m) == STARTUP;
}

bool wire_has(const struct wire_message *m, const char *text)
{
	return memmem(m->bytes, m->size, text, strlen(text));
}

/* ---- writing ------------------------------------------------------------- */

static void put_number(UT_string *out, uint32_t number)
{
	number = htonl(number);
	utstring_bincpy(out, &number, sizeof(number));
}

static void put_short(UT_string *out, unsigned number)
{
	uint16_t word = htons((uint16_t)number);

	utstring_bincpy(out, &word, sizeof(word));
}

/* With its zero. */
static void put_text(UT_string *out, const char *text)
{
	utstring_bincpy(out, text, strlen(text) + 1);
}

void wire_put(UT_string *out, char type, const void *body, size_t n)
{
	utstring_bincpy(out, &type, 1);
	put_number(out, (uint32_t)n + 4);
	utstring_bincpy(out, body, n);
}

static void put_string(UT_string *out, char type, UT_string *body)
{
	wire_put(out, type, utstring_body(body), utstring_len(body));
	utstring_done(body);
}

void wire_put_error(UT_string *out, char type, const char *severity, const char *sqlstate,
		    const char *text)
{
	UT_string body;

	utstring_init(&body);
	utstring_bincpy(&body, "S", 1);
	put_text(&body, severity);
	utstring_bincpy(&body, "V", 1);
	put_text(&body, severity);
	utstring_bincpy(&body, "C", 1);
	put_text(&body, sqlstate);
	utstring_bincpy(&body, "M", 1);
	put_text(&body, text);
	utstring_bincpy(&body, "", 1);
	put_string(out, type, &body);
}

void wire_put_ready(UT_string *out, char status)
{
	wire_put(out, 'Z', &status, 1);
}

void wire_put_tag(UT_string *out, const char *tag)
{
	wire_put(out, 'C', tag, strlen(tag) + 1);
}

void wire_put_parameter(UT_string *out, const char *name, const char *value)
{
	UT_string body;

	utstring_init(&body);
	put_text(&body, name);
	put_text(&body, value);
	put_string(out, 'S', &body);
}

void wire_put_row(UT_string *out, const char *const values[], unsigned n)
{
	UT_string body;

	utstring_init(&body);
	put_short(&body, n);
	for (unsigned i = 0; i < n; i++) {
		size_t length = values[i] ? strlen(values[i]) : 0;

		put_number(&body, values[i] ? (uint32_t)length : UINT32_MAX);
		utstring_bincpy(&body, values[i] ? values[i] : "", length);
	}
	put_string(out, 'D', &body);
}

/* Of no table; -1: of any length and without a modifier. */
void wire_put_columns(UT_string *out, const char *const names[], unsigned n)
{
	UT_string body;

	utstring_init(&body);
	put_short(&body, n);
	for (unsigned i = 0; i < n; i++) {
		put_text(&body, names[i]);
		put_number(&body, 0);
		put_short(&body, 0);
		put_number(&body, TYPE_TEXT);
		put_short(&body, UINT16_MAX);
		put_number(&body, UINT32_MAX);
		put_short(&body, 0);
	}
	put_string(out, 'T', &body);
}

void wire_put_query(UT_string *out, const char *sql)
{
	wire_put(out, 'Q', sql, strlen(sql) + 1);
}

void wire_put_execute(UT_string *out, const char *portal)
{
	UT_string body;

	utstring_init(&body);
	put_text(&body, portal);
	put_number(&body, 0);
	put_string(out, 'E', &body);
}
