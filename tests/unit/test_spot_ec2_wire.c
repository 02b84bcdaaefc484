/*
 * EC2 and STS on the wire without a network: recorded answers against the
 * values another client read from them, error classes, refusals, requests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/number.h"
#include "base/str.h"
#include "modules/spot/ec2_wire.h"
#include "modules/spot/sts_wire.h"
#include "tests/harness/tar.h"

#define BOTOCORE "aws/ec2_response_parsing_botocore.dev.tar.gz"

static json_object *
at(json_object *o, const char *name)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, name, &v);
	return v;
}

static const char *
text_at(json_object *o, const char *name)
{
	json_object *v = at(o, name);

	return v != NULL ? json_object_get_string(v) : "";
}

static const struct tar_file *
need(const struct tar *t, const char *path)
{
	const struct tar_file *f = tar_find(t, path);

	if (f == NULL)
		fail_msg("no %s", path);
	return f;
}

static void
same_time(struct utc got, const char *want)
{
	struct utc t;

	assert_int_equal(clock_parse(want, &t), 0);
	assert_int_equal(got.us, t.us);
}

static void
compare_tags(const char *got, json_object *want)
{
	json_object *o = json_tokener_parse(got);
	size_t n = want != NULL ? json_object_array_length(want) : 0;

	assert_true(json_object_is_type(o, json_type_object));
	assert_int_equal(json_object_object_length(o), n);
	for (size_t i = 0; i < n; i++) {
		json_object *tag = json_object_array_get_idx(want, i);

		assert_string_equal(text_at(o, text_at(tag, "Key")),
		    text_at(tag, "Value"));
	}
	json_object_put(o);
}

static void
compare_instance(const struct ec2_instance *i, json_object *want)
{
	json_object *place = at(want, "Placement");
	const char *platform = text_at(want, "Platform");

	assert_string_equal(i->instance_id, text_at(want, "InstanceId"));
	assert_string_equal(i->instance_type, text_at(want, "InstanceType"));
	assert_string_equal(i->az, text_at(place, "AvailabilityZone"));
	assert_string_equal(i->tenancy, text_at(place, "Tenancy"));
	assert_string_equal(i->state, text_at(at(want, "State"), "Name"));
	same_time(i->launched_at, text_at(want, "LaunchTime"));
	assert_string_equal(i->image_id, text_at(want, "ImageId"));
	assert_string_equal(i->architecture, text_at(want, "Architecture"));
	assert_string_equal(i->private_ip, text_at(want, "PrivateIpAddress"));
	assert_string_equal(i->public_ip, text_at(want, "PublicIpAddress"));
	assert_string_equal(i->subnet_id, text_at(want, "SubnetId"));
	assert_string_equal(i->vpc_id, text_at(want, "VpcId"));
	assert_string_equal(i->root_device, text_at(want, "RootDeviceType"));
	assert_int_equal(i->ebs_optimized,
	    json_object_get_boolean(at(want, "EbsOptimized")));
	assert_string_equal(i->product, *platform != '\0' ? "Windows" :
	    "Linux/UNIX");
	assert_string_equal(i->lifecycle, "on-demand");
	compare_tags(i->tags, at(want, "Tags"));
}

static void
test_instances(void **state)
{
	struct arena *a = arena_new(64 << 20);
	json_object *want, *groups, *ones;
	const struct tar_file *f;
	struct ec2_page page;
	struct err err = { 0 };
	struct tar t;
	size_t k = 0;

	(void)state;
	if (tar_read(a, BOTOCORE, &t) == -1) {
		arena_free(a);
		skip();
	}
	f = need(&t, "responses/ec2-describe-instances.xml");
	assert_int_equal(spot_ec2_parse(a, EC2_INSTANCES, f->text, f->n, &page,
	    &err), 0);
	want = json_tokener_parse(need(&t,
	    "responses/ec2-describe-instances.json")->text);
	groups = at(want, "Reservations");
	for (size_t i = 0; i < json_object_array_length(groups); i++) {
		ones = at(json_object_array_get_idx(groups, i), "Instances");
		for (size_t j = 0; j < json_object_array_length(ones); j++) {
			assert_true(k < page.rows.n);
			compare_instance(EC2_ROW(&page, ec2_instance, k++),
			    json_object_array_get_idx(ones, j));
		}
	}
	assert_int_equal(k, page.rows.n);
	assert_int_equal(k, 2);
	assert_string_equal(page.next_token, "");
	json_object_put(want);
	arena_free(a);
}

static void
test_prices(void **state)
{
	struct arena *a = arena_new(64 << 20);
	json_object *want, *rows;
	const struct tar_file *f;
	struct ec2_page page;
	struct err err = { 0 };
	struct dec price;
	struct tar t;

	(void)state;
	if (tar_read(a, BOTOCORE, &t) == -1) {
		arena_free(a);
		skip();
	}
	f = need(&t, "responses/ec2-describe-spot-price-history.xml");
	assert_int_equal(spot_ec2_parse(a, EC2_PRICES, f->text, f->n, &page, &err),
	    0);
	want = json_tokener_parse(need(&t,
	    "responses/ec2-describe-spot-price-history.json")->text);
	assert_string_equal(page.next_token, text_at(want, "NextToken"));
	rows = at(want, "SpotPriceHistory");
	assert_int_equal(page.rows.n, json_object_array_length(rows));
	assert_true(page.rows.n >= 900);
	for (size_t i = 0; i < page.rows.n; i++) {
		const struct ec2_price *p = EC2_ROW(&page, ec2_price, i);
		json_object *o = json_object_array_get_idx(rows, i);
		const char *text = text_at(o, "SpotPrice");

		assert_string_equal(p->instance_type,
		    text_at(o, "InstanceType"));
		assert_string_equal(p->az, text_at(o, "AvailabilityZone"));
		assert_string_equal(p->product,
		    text_at(o, "ProductDescription"));
		same_time(p->at, text_at(o, "Timestamp"));
		assert_int_equal(dec_parse(text, strlen(text), &price), 0);
		assert_int_equal(p->price.e8, price.e8);
	}
	f = need(&t, "errors/ec2-describe-instances.xml");
	assert_int_equal(spot_ec2_parse(a, EC2_INSTANCES, f->text, f->n, &page,
	    &err), -1);
	assert_string_equal(err.code, "aws_bug");
	assert_string_equal(err.detail,
	    "AWS: InvalidInstanceID.Malformed: Invalid id: \"foobar\"");
	json_object_put(want);
	arena_free(a);
}

/* Every recorded answer is read by every parser: rows or a typed error. */
static void
test_recorded(void **state)
{
	struct arena *a = arena_new(64 << 20);
	struct ec2_page page;
	struct err err;
	struct tar t;
	size_t rows = 0, typed = 0;

	(void)state;
	if (tar_read(a, "aws/ec2_api_xml_libcloud.tar.gz", &t) == -1) {
		arena_free(a);
		skip();
	}
	for (size_t i = 0; i < t.n; i++)
		for (int c = EC2_REGIONS; c <= EC2_PRICES; c++) {
			err_clear(&err);
			if (spot_ec2_parse(a, (enum ec2_call)c, t.v[i].text,
			    t.v[i].n, &page, &err) == 0) {
				rows += page.rows.n;
				continue;
			}
			typed++;
			if (strstr(t.v[i].text, "IdempotentParameter") != NULL)
				assert_string_equal(err.code, "aws_mismatch");
			else if (strstr(t.v[i].text, ".NotFound") != NULL)
				assert_string_equal(err.code, "aws_gone");
			else if (strstr(t.v[i].text, "<Errors>") != NULL)
				assert_string_equal(err.code, "aws_bug");
			else if (strcmp(err.code, "aws_malformed") != 0)
				fail_msg("%s: %s", t.v[i].path, err.detail);
			assert_true(err.detail[0] != '\0');
		}
	assert_int_equal(t.n, 84);
	assert_int_equal(rows, 2);	/* the instances of one file */
	assert_int_equal(typed, 84 * 4 - 1);
	arena_free(a);
}

#define I_HEAD "<DescribeInstancesResponse><reservationSet><item>" \
	"<ownerId>1</ownerId><instancesSet>"
#define I_TAIL "</instancesSet></item></reservationSet>" \
	"<nextToken>tok==</nextToken></DescribeInstancesResponse>"
#define I_MUST "<instanceId>i-1</instanceId><instanceType>m5.large" \
	"</instanceType><placement><availabilityZone>eu-west-1a" \
	"</availabilityZone></placement><instanceState><name>running</name>" \
	"</instanceState><launchTime>2026-11-21T09:00:00.000Z</launchTime>"

static int
parse_text(struct arena *a, enum ec2_call which, const char *text,
    struct ec2_page *page, struct err *err)
{
	err_clear(err);
	return spot_ec2_parse(a, which, text, strlen(text), page, err);
}

static void
test_details(void **state)
{
	static const char text[] = I_HEAD "<item>" I_MUST
	    "<new><unknown>x</unknown></new>"
	    "<instanceLifecycle>spot</instanceLifecycle>"
	    "<spotInstanceRequestId>sir-1</spotInstanceRequestId>"
	    "<platformDetails>Windows with SQL Server Standard"
	    "</platformDetails><operator><managed>true</managed></operator>"
	    "<ebsOptimized>true</ebsOptimized><tagSet>"
	    "<item><key>Name</key><value> a\"b&lt;\n</value></item>"
	    "<item><value>g</value><key>aws:autoscaling:groupName</key></item>"
	    "<item><key>empty</key><value/></item>"
	    "<item><key>Name</key><value>second</value></item>"
	    "<item><value>no key</value></item></tagSet></item>"
	    "<item>" I_MUST "</item>" I_TAIL;
	struct arena *a = arena_new(8 << 20);
	const struct ec2_instance *i;
	struct ec2_page page;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse_text(a, EC2_INSTANCES, text, &page, &err), 0);
	assert_int_equal(page.rows.n, 2);
	assert_string_equal(page.next_token, "tok==");
	i = EC2_ROW(&page, ec2_instance, 0);
	assert_string_equal(i->lifecycle, "spot");
	assert_string_equal(i->spot_request_id, "sir-1");
	assert_string_equal(i->product, "Windows with SQL Server Standard");
	assert_true(i->managed && i->ebs_optimized);
	assert_string_equal(i->name, " a\"b<\n");
	assert_string_equal(i->asg, "g");
	assert_string_equal(i->tags, "{\"Name\":\" a\\\"b<\\n\","
	    "\"aws:autoscaling:groupName\":\"g\",\"empty\":\"\"}");
	i++;
	assert_string_equal(i->name, "");
	assert_string_equal(i->asg, "");
	assert_string_equal(i->tags, "{}");
	assert_string_equal(i->vpc_id, "");
	assert_false(i->managed);
	assert_string_equal(i->lifecycle, "on-demand");
	arena_free(a);
}

static void
test_types(void **state)
{
	static const char text[] = "<DescribeInstanceTypesResponse>"
	    "<instanceTypeSet><item><instanceType>g4dn.xlarge</instanceType>"
	    "<currentGeneration>true</currentGeneration>"
	    "<supportedUsageClasses><item>on-demand</item><item>spot</item>"
	    "</supportedUsageClasses><bareMetal>false</bareMetal>"
	    "<hypervisor>nitro</hypervisor><processorInfo>"
	    "<supportedArchitectures><item>i386</item><item>x86_64</item>"
	    "</supportedArchitectures><sustainedClockSpeedInGhz>2.5"
	    "</sustainedClockSpeedInGhz></processorInfo>"
	    "<vCpuInfo><defaultVCpus>4</defaultVCpus><defaultCores>2"
	    "</defaultCores></vCpuInfo><memoryInfo><sizeInMiB>16384"
	    "</sizeInMiB></memoryInfo><instanceStorageInfo><totalSizeInGB>125"
	    "</totalSizeInGB></instanceStorageInfo><ebsInfo>"
	    "<ebsOptimizedInfo><baselineBandwidthInMbps>950"
	    "</baselineBandwidthInMbps><maximumBandwidthInMbps>3500"
	    "</maximumBandwidthInMbps></ebsOptimizedInfo></ebsInfo>"
	    "<networkInfo><networkPerformance>Up to 25 Gigabit"
	    "</networkPerformance><networkCards><item><peakBandwidthInGbps>25.0"
	    "</peakBandwidthInGbps></item></networkCards></networkInfo>"
	    "<gpuInfo><gpus><item><name>T4</name><count>1</count><memoryInfo>"
	    "<sizeInMiB>16384</sizeInMiB></memoryInfo></item></gpus>"
	    "<totalGpuMemoryInMiB>16384</totalGpuMemoryInMiB></gpuInfo>"
	    "<burstablePerformanceSupported>false"
	    "</burstablePerformanceSupported></item></instanceTypeSet>"
	    "</DescribeInstanceTypesResponse>";
	struct arena *a = arena_new(8 << 20);
	const struct ec2_type *t;
	struct ec2_page page;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse_text(a, EC2_TYPES, text, &page, &err), 0);
	assert_int_equal(page.rows.n, 1);
	t = EC2_ROW(&page, ec2_type, 0);
	assert_string_equal(t->type, "g4dn.xlarge");
	assert_string_equal(t->arch, "i386,x86_64");
	assert_string_equal(t->usage, "on-demand,spot");
	assert_string_equal(t->network, "Up to 25 Gigabit");
	assert_string_equal(t->gpu_name, "T4");
	assert_int_equal(t->vcpu, 4);
	assert_int_equal(t->cores, 2);
	assert_int_equal(t->mem_mib, 16384);
	assert_int_equal(t->gpu, 1);
	assert_int_equal(t->gpu_mem_mib, 16384);
	assert_int_equal(t->nvme_gb, 125);
	assert_int_equal(t->ebs_mbps, 3500);
	assert_int_equal(t->ebs_base_mbps, 950);
	assert_true(t->clock_ghz > 2.49 && t->clock_ghz < 2.51);
	assert_true(t->net_gbps > 24.9 && t->net_gbps < 25.1);
	assert_true(t->spot && t->current && !t->bare_metal && !t->burstable);
	arena_free(a);
}

struct bad {
	enum ec2_call which;
	const char *text, *why;
};

#define P(type, az, product, price, at) "<R><spotPriceHistorySet><item>" \
	type az product price at "</item></spotPriceHistorySet></R>"
#define P_TYPE "<instanceType>t</instanceType>"
#define P_AZ "<availabilityZone>z</availabilityZone>"
#define P_PRODUCT "<productDescription>p</productDescription>"
#define P_PRICE "<spotPrice>0.1</spotPrice>"
#define P_AT "<timestamp>2026-11-21T09:00:00Z</timestamp>"
#define PX(price) P(P_TYPE, P_AZ, P_PRODUCT, "<spotPrice>" price \
	"</spotPrice>", P_AT)

static const struct bad bads[] = {
	{ EC2_INSTANCES, I_HEAD "<item><instanceId>i-1</instanceId></item>"
	    I_TAIL, "<instanceType> is missing or empty (line 1 column 1" },
	{ EC2_INSTANCES, I_HEAD "<item>\n<instanceId/></item>" I_TAIL,
	    "<instanceId> is missing or empty (line 2 column 14)" },
	{ EC2_INSTANCES, I_HEAD "<item>" I_MUST "<ebsOptimized>maybe"
	    "</ebsOptimized></item>" I_TAIL,
	    "<ebsOptimized> has an impossible value" },
	{ EC2_INSTANCES, I_HEAD "<item>" I_MUST "<vpcId>aaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</vpcId>"
	    "</item>" I_TAIL, "<vpcId> is too long" },
	{ EC2_INSTANCES, I_HEAD "<item>" I_MUST "<launchTime>yesterday"
	    "</launchTime></item>" I_TAIL, "<launchTime> has an impossible" },
	{ EC2_INSTANCES, "<DescribeInstancesResponse/>",
	    "<reservationSet> is missing" },
	{ EC2_INSTANCES, "<html><body>Welcome</body></html>",
	    "<reservationSet> is missing" },
	{ EC2_INSTANCES, "Welcome", "XML line 1 column 1" },
	{ EC2_INSTANCES, I_HEAD "<item>" I_MUST "</item>", "XML line 1" },
	{ EC2_INSTANCES, "", "XML line 1" },
	{ EC2_PRICES, P(P_TYPE, P_AZ, P_PRODUCT, "", P_AT),
	    "<spotPrice> is missing" },
	{ EC2_PRICES, PX("-0.1"), "<spotPrice> has an impossible value" },
	{ EC2_PRICES, PX("NaN"), "<spotPrice> has an impossible value" },
	{ EC2_PRICES, PX("1e400"), "<spotPrice> has an impossible value" },
	{ EC2_PRICES, PX("0.1234567891"), "<spotPrice> has an impossible" },
	{ EC2_PRICES, PX("<b>1</b>"), "<spotPrice> is missing" },
	{ EC2_PRICES, P(P_TYPE, "", P_PRODUCT, P_PRICE, P_AT),
	    "<availabilityZone> is missing" },
	{ EC2_REGIONS, "<R><regionInfo><item><regionEndpoint>x"
	    "</regionEndpoint></item></regionInfo></R>",
	    "<regionName> is missing" },
	{ EC2_REGIONS, "<!DOCTYPE R [<!ENTITY a 'b'>]><R><regionInfo/></R>",
	    "document types" },
};

static void
test_malformed(void **state)
{
	struct arena *a = arena_new(8 << 20);
	struct ec2_page page;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < NITEMS(bads); i++) {
		if (parse_text(a, bads[i].which, bads[i].text, &page, &err) !=
		    -1)
			fail_msg("row %zu was accepted", i);
		assert_string_equal(err.code, "aws_malformed");
		if (strstr(err.detail, bads[i].why) == NULL)
			fail_msg("row %zu: %s", i, err.detail);
	}
	assert_int_equal(parse_text(a, EC2_INSTANCES, "<R><reservationSet/>"
	    "<nextToken/></R>", &page, &err), 0);
	assert_int_equal(page.rows.n, 0);
	assert_string_equal(page.next_token, "");
	arena_free(a);
}

/* ---- errors --------------------------------------------------------------- */
struct failure {
	int status;
	const char *code, *message, *class;
};

static const struct failure failures[] = {
	{ 503, "RequestLimitExceeded", "m", "aws_throttle" },
	{ 400, "Throttling", "m", "aws_throttle" },
	{ 400, "ThrottlingException", "m", "aws_throttle" },
	{ 400, "ThrottledException", "m", "aws_throttle" },
	{ 400, "RequestThrottledException", "m", "aws_throttle" },
	{ 400, "ProvisionedThroughputExceededException", "", "aws_throttle" },
	{ 503, "EC2ThrottledException", "m", "aws_throttle" },
	{ 503, "SlowDown", "m", "aws_throttle" },
	{ 509, "BandwidthLimitExceeded", "m", "aws_throttle" },
	{ 429, "Whatever", "m", "aws_throttle" },
	{ 503, "Whatever", "m", "aws_throttle" },
	{ 500, "InternalError", "m", "aws_transient" },
	{ 503, "ServiceUnavailable", "m", "aws_transient" },
	{ 503, "Unavailable", "m", "aws_transient" },
	{ 400, "RequestTimeout", "m", "aws_transient" },
	{ 502, "Whatever", "m", "aws_transient" },
	{ 401, "AuthFailure", "m", "aws_auth" },
	{ 403, "InvalidClientTokenId", "m", "aws_auth" },
	{ 403, "SignatureDoesNotMatch", "m", "aws_auth" },
	{ 403, "ExpiredToken", "m", "aws_auth" },
	{ 400, "IncompleteSignature", "m", "aws_auth" },
	{ 401, "Whatever", "m", "aws_auth" },
	{ 403, "UnauthorizedOperation", "m", "aws_denied" },
	{ 403, "Client.UnauthorizedOperation", "m", "aws_denied" },
	{ 403, "AccessDenied", "m", "aws_denied" },
	{ 403, "Whatever", "m", "aws_denied" },
	{ 403, "OptInRequired", "m", "aws_optin" },
	{ 400, "InvalidNextToken", "m", "aws_token" },
	{ 400, "RequestExpired", "m", "aws_clock" },
	{ 403, "RequestTimeTooSkewed", "m", "aws_clock" },
	{ 403, "SignatureDoesNotMatch", "Signature expired: 20261121T",
	    "aws_clock" },
	{ 403, "SignatureDoesNotMatch", "Signature not yet current: 2026",
	    "aws_clock" },
	{ 400, "InvalidParameterValue", "m", "aws_bug" },
	{ 400, "UnknownParameter", "m", "aws_bug" },
	{ 404, "Whatever", "m", "aws_bug" },
	{ 302, "Moved", "m", "aws_bug" },
};

static const char *const envelopes[] = {
	"<Response><Errors><Error><Code>%s</Code><Message>%s</Message>"
	"</Error></Errors><RequestID>x</RequestID></Response>",
	"<ErrorResponse xmlns='u'><Error><Type>Sender</Type><Code>%s</Code>"
	"<Message>%s</Message></Error></ErrorResponse>",
	"<Error><Code>%s</Code><Message>%s</Message></Error>"
};

static void
check_reply(struct arena *a, const struct aws_client *c, struct net_reply *r,
    const char *body, struct utc at_time, struct err *err)
{
	r->body = body;
	r->len = strlen(body);
	err_clear(err);
	assert_int_equal(spot_aws_check(a, c, r, at_time, err), -1);
}

static void
test_classes(void **state)
{
	struct arena *a = arena_new(16 << 20);
	struct aws_client c = { 0 };
	struct err err;
	struct utc now = { 1700000000 * US_PER_S };

	(void)state;
	for (size_t i = 0; i < NITEMS(failures); i++)
		for (size_t e = 0; e < NITEMS(envelopes); e++) {
			const struct failure *f = &failures[i];
			struct net_reply r = { .status = f->status,
			    .retry_after_s = 3 };
			struct str s;

			str_init(&s, a);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			str_addf(&s, envelopes[e], f->code, f->message);
#pragma GCC diagnostic pop
			check_reply(a, &c, &r, s.p, now, &err);
			if (strcmp(err.code, f->class) != 0)
				fail_msg("%d %s: %s", f->status, f->code,
				    err.code);
			assert_non_null(strstr(err.detail, f->code));
			assert_int_equal(err.native, f->status);
			assert_int_equal(err.retry_after_s, 3);
			assert_int_equal(spot_aws_retryable(&err), strcmp(f->class,
			    "aws_throttle") == 0 || strcmp(f->class,
			    "aws_transient") == 0);
		}
	arena_free(a);
}

/* Bodies that are not AWS's, and the clock behind other errors. */
static void
test_odd_errors(void **state)
{
	static const char auth[] = "<Response><Errors><Error><Code>AuthFailure"
	    "</Code></Error></Errors></Response>";
	static const char expired[] = "<Response><Errors><Error><Code>"
	    "RequestExpired</Code></Error></Errors></Response>";
	struct arena *a = arena_new(16 << 20);
	struct aws_client c = { 0 };
	struct utc now = { 1700000000 * US_PER_S };
	struct net_reply r = { .status = 502 };
	struct str s;
	struct err err;

	(void)state;
	check_reply(a, &c, &r, "<html><h1>Bad gateway<br></html>", now, &err);
	assert_string_equal(err.code, "aws_transient");
	r.status = 400;
	check_reply(a, &c, &r, "<!DOCTYPE a [<!ENTITY x 'y'>]><Error/>", now,
	    &err);
	assert_string_equal(err.code, "aws_bug");
	str_init(&s, a);
	str_add(&s, "<Error><Code>E\xc2\x9b\x7f</Code><Message>\n ");
	for (int i = 0; i < 1000; i++)
		str_add(&s, "\xc3\xa9&#9;");
	str_add(&s, "</Message></Error>");
	check_reply(a, &c, &r, s.p, now, &err);
	assert_true(strlen(err.detail) < sizeof(err.detail));
	for (const char *p = err.detail; *p != '\0'; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	r.status = 401;
	r.date.us = now.us + 100 * US_PER_S;
	check_reply(a, &c, &r, auth, now, &err);
	assert_string_equal(err.code, "aws_auth");
	r.date.us = now.us + 1000 * US_PER_S;
	check_reply(a, &c, &r, auth, now, &err);
	assert_string_equal(err.code, "aws_clock");
	assert_true(spot_aws_clock_correct(&c, &r, now));
	assert_int_equal(c.clock_skew_us, 1000 * US_PER_S);
	assert_false(spot_aws_clock_correct(&c, &r, now));
	check_reply(a, &c, &r, auth, now, &err);
	assert_string_equal(err.code, "aws_auth");
	check_reply(a, &c, &r, expired, now, &err);
	assert_string_equal(err.code, "aws_clock");
	c.key.session_token = "t";	/* the session has ended */
	check_reply(a, &c, &r, expired, now, &err);
	assert_string_equal(err.code, "aws_auth");
	r.date.us = 0;
	assert_false(spot_aws_clock_correct(&c, &r, now));
	arena_free(a);
}

static void
test_net_errors(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_set(&err, 504, "net_timeout", "x");
	spot_aws_net_failed(&err);
	assert_string_equal(err.code, "aws_transient");
	assert_int_equal(err.status, 504);
	err_set(&err, 502, "net_refused", "x");
	spot_aws_net_failed(&err);
	assert_string_equal(err.code, "net_refused");
}

static void
test_backoff(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 70; n++) {
		int64_t top = n < 8 ? 100000 << n : 20000000;

		assert_int_equal(spot_aws_backoff_us(n, 0), 0);
		assert_int_equal(spot_aws_backoff_us(n, (uint64_t)top), top);
		assert_int_equal(spot_aws_backoff_us(n, (uint64_t)top + 1), 0);
	}
}

/* ---- requests -------------------------------------------------------------- */
static const char *
header_value(const struct net_call *call, const char *name)
{
	for (size_t i = 0; i < call->nheaders; i++)
		if (strcmp(call->headers[i].name, name) == 0)
			return call->headers[i].value;
	return "";
}

static void
test_requests(void **state)
{
	static const char *const states[] = { "running", "stopped", NULL };
	static const char *const types[] = { "m5.large", NULL };
	static const char *const products[] = { "Linux/UNIX", NULL };
	struct arena *a = arena_new(8 << 20);
	struct aws_client c = { .key = { "AKIDEXAMPLE", "secret", NULL } };
	struct ec2_query q = { .region = "eu-west-1", .states = states };
	struct utc now = { 1440938160000000 };
	struct net_call call;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spot_ec2_request(a, &c, EC2_INSTANCES, &q, now, &call,
	    &err), 0);
	assert_string_equal(call.url, "https://ec2.eu-west-1.amazonaws.com/");
	assert_string_equal(call.method, "POST");
	assert_string_equal(call.service, "aws");
	assert_string_equal(call.body, "Action=DescribeInstances&"
	    "Version=2016-11-15&Filter.1.Name=instance-state-name&"
	    "Filter.1.Value.1=running&Filter.1.Value.2=stopped&"
	    "MaxResults=1000");
	assert_string_equal(header_value(&call, "Host"),
	    "ec2.eu-west-1.amazonaws.com");
	assert_string_equal(header_value(&call, "X-Amz-Date"),
	    "20150830T123600Z");
	assert_non_null(strstr(header_value(&call, "Authorization"),
	    "Credential=AKIDEXAMPLE/20150830/eu-west-1/ec2/aws4_request, "
	    "SignedHeaders=content-type;host;x-amz-date, Signature="));
	assert_string_equal(header_value(&call, "X-Amz-Security-Token"), "");
	c.key.session_token = "tok";
	c.clock_skew_us = 60 * US_PER_S;
	c.ec2_endpoint = "http://localhost:4566/services/Cloud";
	q = (struct ec2_query){ .region = "us-gov-west-1", .types = types,
	    .products = products, .from = now, .az = "us-gov-west-1a",
	    .next_token = "a+b/c==", .page_size = 5 };
	assert_int_equal(spot_ec2_request(a, &c, EC2_PRICES, &q, now, &call, &err),
	    0);
	assert_string_equal(call.url, "http://localhost:4566/services/Cloud");
	assert_string_equal(header_value(&call, "Host"), "localhost:4566");
	assert_string_equal(header_value(&call, "X-Amz-Date"),
	    "20150830T123700Z");
	assert_string_equal(header_value(&call, "X-Amz-Security-Token"), "tok");
	assert_string_equal(call.body, "Action=DescribeSpotPriceHistory&"
	    "Version=2016-11-15&InstanceType.1=m5.large&"
	    "ProductDescription.1=Linux%2FUNIX&"
	    "StartTime=2015-08-30T12%3A36%3A00Z&"
	    "AvailabilityZone=us-gov-west-1a&MaxResults=5&"
	    "NextToken=a%2Bb%2Fc%3D%3D");
	arena_free(a);
}

static void
test_refused_requests(void **state)
{
	static const char *const regions[] = { "", "x", "eu-west-1.evil.test/",
	    "eu-west-1@evil", "EU-WEST-1", "-eu-west", "eu-west-", "a b c d",
	    "eu-west-1\n", "abcdefghijklmnopqrstuvwxyzabcdefghijk", NULL };
	static const char *const endpoints[] = { "ftp://x/", "http://u:p@x/",
	    "http://x/?a=b", "http://x/#f", "x", "http://" };
	struct arena *a = arena_new(8 << 20);
	struct aws_client c = { .key = { "AKIDEXAMPLE", "secret", NULL } };
	struct ec2_query q = { 0 };
	struct net_call call;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < NITEMS(regions); i++) {
		q.region = regions[i];
		assert_int_equal(spot_ec2_request(a, &c, EC2_REGIONS, &q,
		    (struct utc){ 1 }, &call, &err), -1);
		assert_string_equal(err.code, "aws_bug");
	}
	q.region = "eu-west-1";
	for (size_t i = 0; i < NITEMS(endpoints); i++) {
		c.ec2_endpoint = endpoints[i];
		assert_int_equal(spot_ec2_request(a, &c, EC2_REGIONS, &q,
		    (struct utc){ 1 }, &call, &err), -1);
		assert_string_equal(err.code, "aws_bug");
	}
	assert_string_equal(spot_aws_domain("cn-north-1"), "amazonaws.com.cn");
	assert_string_equal(spot_aws_domain("us-isob-east-1"), "sc2s.sgov.gov");
	assert_string_equal(spot_aws_domain("us-iso-east-1"), "c2s.ic.gov");
	assert_string_equal(spot_aws_domain("us-gov-west-1"), "amazonaws.com");
	arena_free(a);
}

static void
test_sts(void **state)
{
	static const char identity[] = "<GetCallerIdentityResponse><GetCaller"
	    "IdentityResult><Arn>arn:aws:iam::1:user/x</Arn><UserId>AIDA"
	    "</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
	    "</GetCallerIdentityResponse>";
	static const char session[] = "<AssumeRoleResponse xmlns='u'>"
	    "<AssumeRoleResult><AssumedRoleUser><Arn>arn:x</Arn>"
	    "</AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId>"
	    "<SecretAccessKey>s</SecretAccessKey><SessionToken>t"
	    "</SessionToken><Expiration>2026-11-21T10:00:00Z</Expiration>"
	    "</Credentials></AssumeRoleResult></AssumeRoleResponse>";
	struct arena *a = arena_new(8 << 20);
	struct sts_identity who;
	struct sts_session s;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(spot_sts_identity_parse(a, identity, strlen(identity),
	    &who, &err), 0);
	assert_string_equal(who.account, "123456789012");
	assert_string_equal(who.arn, "arn:aws:iam::1:user/x");
	assert_string_equal(who.user_id, "AIDA");
	assert_int_equal(spot_sts_session_parse(a, session, strlen(session), &s,
	    &err), 0);
	assert_string_equal(s.access_key, "ASIA");
	assert_string_equal(s.session_token, "t");
	same_time(s.expires_at, "2026-11-21T10:00:00Z");
	assert_int_equal(spot_sts_session_parse(a, identity, strlen(identity), &s,
	    &err), -1);
	assert_string_equal(err.code, "aws_malformed");
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_prices),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_odd_errors),
		cmocka_unit_test(test_net_errors),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_refused_requests),
		cmocka_unit_test(test_sts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
