/*
 * Any bytes as an answer of EC2 or STS: complete rows or one typed error. The
 * first byte chooses the call, the second the HTTP status.
 */
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "modules/spot/ec2_wire.h"
#include "modules/spot/sts_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_error(const struct err *err)
{
	ASSERT(err->code != NULL && strncmp(err->code, "aws_", 4) == 0);
	ASSERT(err->detail[0] != '\0');
	ASSERT(utf8_valid(err->detail, strlen(err->detail)));
	for (const char *p = err->detail; *p != '\0'; p++)
		ASSERT((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void
check_instance(const struct ec2_instance *i)
{
	const char *const all[] = { i->lifecycle, i->image_id,
	    i->architecture, i->product, i->subnet_id, i->vpc_id,
	    i->private_ip, i->public_ip, i->spot_request_id, i->tenancy,
	    i->root_device, i->asg, i->name };
	json_object *o;

	ASSERT(*i->instance_id != '\0' && strlen(i->instance_id) <= 64);
	ASSERT(*i->instance_type != '\0' && *i->az != '\0');
	ASSERT(*i->state != '\0');
	for (size_t k = 0; k < NITEMS(all); k++)
		ASSERT(all[k] != NULL && strlen(all[k]) <= 1024);
	o = json_tokener_parse(i->tags);
	ASSERT(json_object_is_type(o, json_type_object));
	json_object_put(o);
}

static void
check_tags(const char *tags)
{
	json_object *o = json_tokener_parse(tags);

	ASSERT(json_object_is_type(o, json_type_object));
	json_object_put(o);
}

static void
check_group(const struct ec2_group *g)
{
	ASSERT(*g->name != '\0' && g->min >= 0 && g->desired >= 0);
	ASSERT(g->in_service <= g->members && g->protected_n <= g->members);
	ASSERT(strlen(g->az) < 2000 && strlen(g->suspended) < 2000);
	check_tags(g->tags);
}

static void
check_asset(const struct ec2_asset *x)
{
	const char *const all[] = { x->name, x->state, x->az, x->subtype,
	    x->attached_to, x->source, x->detail };

	ASSERT(*x->id != '\0' && x->size_gb >= 0 && x->iops >= 0);
	for (size_t k = 0; k < NITEMS(all); k++)
		ASSERT(all[k] != NULL && strlen(all[k]) < 2000);
	check_tags(x->tags);
}

static void
check_rows(enum ec2_call which, const struct ec2_page *page)
{
	ASSERT(page->next_token != NULL);
	for (size_t i = 0; i < page->rows.n; i++)
		switch (which) {
		case EC2_INSTANCES:
			check_instance(EC2_ROW(page, ec2_instance, i));
			break;
		case EC2_TYPES:
			ASSERT(EC2_ROW(page, ec2_type, i)->vcpu >= 0);
			ASSERT(EC2_ROW(page, ec2_type, i)->gpu >= 0);
			ASSERT(EC2_ROW(page, ec2_type, i)->arch != NULL);
			break;
		case EC2_PRICES:
			ASSERT(EC2_ROW(page, ec2_price, i)->price.e8 >= 0);
			ASSERT(*EC2_ROW(page, ec2_price, i)->az != '\0');
			break;
		case EC2_REGIONS:
			ASSERT(*EC2_ROW(page, ec2_region, i)->name != '\0');
			break;
		case EC2_GROUPS:
			check_group(EC2_ROW(page, ec2_group, i));
			break;
		default:
			check_asset(EC2_ROW(page, ec2_asset, i));
			break;
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct arena *a = arena_new(64 << 20);
	struct aws_client c = { 0 };
	struct ec2_page page;
	struct sts_session s;
	struct err err = { 0 };
	struct net_reply r = { 0 };
	enum ec2_call which;

	if (n >= 2) {
		which = (enum ec2_call)(in[0] < 'a' ? in[0] % 4 :
		    EC2_GROUPS + in[0] % (EC2_CALLS - EC2_GROUPS));
		r = (struct net_reply){ .status = 300 + in[1],
		    .body = (const char *)in + 2, .len = n - 2 };
		if (spot_ec2_parse(a, which, in + 2, n - 2, &page, &err) == 0)
			check_rows(which, &page);
		else
			check_error(&err);
		err_clear(&err);
		ASSERT(spot_aws_check(a, &c, &r, (struct utc){ 0 }, &err) == -1);
		check_error(&err);
		err_clear(&err);
		if (spot_sts_session_parse(a, in + 2, n - 2, &s, &err) == -1)
			check_error(&err);
	}
	arena_free(a);
	return 0;
}
