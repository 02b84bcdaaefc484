/*
 * Shape of a gauge's one row.
 */
#include "db/table.h"
#include "schema/schema.h"

static const struct field fields[] = {
	FIELD(struct gauge_value, value, .flags = FF_NULLABLE,
	    .doc = "The number; null counts as 0"),
	FIELD_END
};
const struct schema gauge_value_schema = {
	.name = "GaugeValue", .doc = "What a gauge's statement returns",
	.size = sizeof(struct gauge_value), .fields = fields
};
