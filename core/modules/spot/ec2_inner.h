/*
 * Shared by the files that read EC2's answers: tags, and the lists of assets
 * and groups.
 */
#ifndef SPOT_EC2_INNER_H
#define SPOT_EC2_INNER_H

#include "modules/spot/ec2_wire.h"

/* Tags of a row while it is read. */
struct spot_ec2_tags {
	const char *key, *value;		/* of the open tag */
	struct pair *v;
	size_t n;
};

/* One text below "tagSet/item" (or another path that ends in key and value);
 * true when it belonged to the tags. */
bool spot_ec2_tag_other(struct arena *, struct spot_ec2_tags *,
    const char *path, const char *set, const char *text, size_t len);
/* The tag's value, or "". */
const char *spot_ec2_tag(const struct spot_ec2_tags *, const char *key);
/* All of them as a JSON object. */
const char *spot_ec2_tags_json(struct arena *, const struct spot_ec2_tags *);

/* Lists of the calls from EC2_GROUPS on, by call; and what makes the rows
 * public: ec2_group or ec2_asset, closed up. */
const struct aws_list *spot_ec2_asset_list(enum ec2_call);
void spot_ec2_asset_strip(struct arena *, enum ec2_call, struct list *rows);

#endif
