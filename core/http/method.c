/*
 * Names of HTTP methods and reason phrases: one table each.
 */
#include <string.h>

#include "base/check.h"
#include "http/response.h"
#include "http/route.h"

static const char *const methods[] = {
	[HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
	[HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
	[HTTP_OPTIONS] = "OPTIONS", [HTTP_HEAD] = "HEAD"
};

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
	{ 204, "No Content" }, { 302, "Found" }, { 303, "See Other" },
	{ 304, "Not Modified" }, { 307, "Temporary Redirect" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
	{ 404, "Not Found" }, { 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 412, "Precondition Failed" }, { 413, "Content Too Large" },
	{ 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Entity" }, { 428, "Precondition Required" },
	{ 429, "Too Many Requests" }, { 500, "Internal Server Error" },
	{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }
};

const char *
method_name(enum method m)
{
	ASSERT(m > 0 && m < NITEMS(methods));
	return methods[m];
}

enum method
method_parse(const char *s)
{
	for (size_t i = 1; i < NITEMS(methods); i++)
		if (strcmp(methods[i], s) == 0)
			return (enum method)i;
	return 0;
}

const char *
status_phrase(int status)
{
	for (size_t i = 0; i < NITEMS(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

/* Values of the metrics label; the first stands for all others. */
const char *const http_codes[] = {
	"other", "200", "201", "202", "204", "302", "304", "307", "400", "401",
	"403", "404", "405", "409", "413", "415", "422", "429", "500", "502",
	"503", "504", NULL
};

size_t
status_index(int status)
{
	for (size_t i = 1; http_codes[i] != NULL; i++)
		if (http_codes[i][0] - '0' == status / 100 &&
		    http_codes[i][1] - '0' == status / 10 % 10 &&
		    http_codes[i][2] - '0' == status % 10)
			return i;
	return 0;
}
