/*
 * How to call with success what cannot be derived from the row.
 */
#include <json.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/random.h"
#include "tests/harness/contract.h"
#include "tests/harness/fakeec2.h"
#include "tests/harness/mariadb.h"

#define KEYS "{\"access_key\":\"" FAKE_ACCESS_KEY "\",\"secret_key\":\"" \
	FAKE_SECRET_KEY "\"}"
/* SHA-256 of {}, the plan of the approvals below. */
#define EMPTY_DIGEST "44136fa355b3678a1146ad16f7e8649e" \
	"94fb4fc21fe77e8310c060f61caaff8a"
#define NEW_PASSWORD "\"another password\""

const struct recipe contract_recipes[] = {
	/* ---- auth ---- */
	{ .id = "auth.session.login",
	    .body = "{\"identifier\":\"$email\",\"password\":\"$password\"}" },
	{ .id = "auth.session.refresh", .flags = CT_FRESH,
	    .body = "{\"refresh_token\":\"$refresh\"}" },
	{ .id = "auth.session.logout", .flags = CT_FRESH },
	{ .id = "auth.session.step_up", .flags = CT_FRESH,
	    .body = "{\"password\":\"$password\"}" },
	{ .id = "auth.session.list", .flags = CT_VOLATILE },
	{ .id = "auth.session.delete", .path = "id=$session",
	    .flags = CT_FRESH },
	{ .id = "auth.user.profile", .flags = CT_VOLATILE },
	{ .id = "auth.user.profile_patch", .flags = CT_FRESH },
	{ .id = "auth.user.set_roles", .body = "{\"roles\":[\"client\"]}" },
	{ .id = "auth.password.change", .flags = CT_FRESH,
	    .body = "{\"current_password\":\"$password\","
	    "\"new_password\":" NEW_PASSWORD "}" },
	{ .id = "auth.password.reset",
	    .body = "{\"token\":\"$reset\",\"new_password\":" NEW_PASSWORD
	    "}" },
	{ .id = "auth.apikey.create", .body = "{\"name\":\"same $n\","
	    "\"scopes\":[\"auth:self\"]}" },
	{ .id = "auth.invite.create", .body = "{\"roles\":[\"viewer\"],"
	    "\"days\":3}" },
	{ .id = "auth.user.create", .body = "{\"email\":"
	    "\"$t$n@example.test\",\"username\":\"$t-$n\",\"password\":"
	    "\"long enough\",\"full_name\":\"Same $n\","
	    "\"roles\":[\"viewer\"]}" },
	{ .id = "auth.user.update", .body = "{\"full_name\":\"New name\"}" },
	{ .id = "auth.tenant.create", .body = "{\"name\":\"Same $n\"}",
	    .flags = CT_SHARED },
	{ .id = "auth.tenant.update", .body = "{\"name\":\"Renamed\"}",
	    .flags = CT_SHARED },
	{ .id = "auth.tenant.list", .flags = CT_SHARED },
	{ .id = "auth.tenant.get", .flags = CT_SHARED },
	{ .id = "auth.audit.verify", .flags = CT_FRESH | CT_SHARED },
	{ .id = "auth.audit.list", .flags = CT_VOLATILE },
	/* browsers only: tests/e2e/test_browser.c */
	{ .id = "auth.cookie.page", .flags = CT_OUTSIDE | CT_SHARED },
	{ .id = "auth.cookie.login", .flags = CT_OUTSIDE },
	{ .id = "auth.cookie.logout", .flags = CT_FRESH },
	{ .id = "auth.cookie.step_up", .flags = CT_OUTSIDE },

	/* ---- platform ---- */
	{ .id = "ui.home", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "ui.page", .path = "page=system/jobs",
	    .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "health.get", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "health.root", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "health.ready", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "health.db", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "health.redis", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "health.services", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "metrics.get", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.status.get", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.process.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.route.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.log.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.component.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.component.act", .flags = CT_SHARED,
	    .path = "name=spot.discover&action=pause" },
	{ .id = "system.dependency.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.dependency.act", .flags = CT_SHARED,
	    .path = "name=alertmanager&action=close",
	    .body = "{\"reason\":\"contract\"}" },
	{ .id = "system.decision.get", .path = "id=$decision" },
	{ .id = "system.approval.get", .path = "id=$approval" },
	{ .id = "system.approval.approve", .path = "id=$approval",
	    .body = "{\"digest\":\"" EMPTY_DIGEST "\"}" },
	{ .id = "system.approval.reject", .path = "id=$approval",
	    .body = "{\"comment\":\"no\"}" },
	{ .id = "system.switch.list", .flags = CT_VOLATILE },
	{ .id = "system.switch.stop",
	    .body = "{\"scope\":\"account\",\"name\":\"a-$n\"}" },
	{ .id = "system.switch.release",
	    .body = "{\"scope\":\"account\",\"name\":\"a-$n\"}" },
	{ .id = "system.model.list", .flags = CT_VOLATILE },
	{ .id = "system.model.create", .body = "{\"module\":\"spot\","
	    "\"name\":\"m-$n\",\"format\":\"logistic.json\","
	    "\"content\":{\"coef\":[1,2]},"
	    "\"vectors\":[{\"x\":[0,0],\"y\":0.5}]}" },
	{ .id = "system.job.bulk", .body = "{\"jobs\":[{\"type\":\"report\","
	    "\"ref\":\"first\"},{\"type\":\"report\",\"needs\":"
	    "[\"#first\"]}]}" },
	{ .id = "system.job.retry", .path = "id=$cancelled" },
	{ .id = "system.job.act", .body = "{\"action\":\"cancel\",\"filter\":"
	    "{\"type\":\"none\"},\"reason\":\"contract\"}" },
	{ .id = "system.work.heartbeat", .path = "id=$held",
	    .body = "{\"token\":$token}" },
	{ .id = "system.work.progress", .path = "id=$held",
	    .body = "{\"token\":$token,\"progress\":500}" },
	{ .id = "system.work.complete", .path = "id=$held",
	    .body = "{\"token\":$token}" },
	{ .id = "system.work.fail", .path = "id=$held",
	    .body = "{\"token\":$token,\"error\":\"as planned\"}" },
	{ .id = "system.work.release", .path = "id=$held",
	    .body = "{\"token\":$token}" },
	{ .id = "system.queue.list", .flags = CT_VOLATILE },
	{ .id = "system.lease.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.queue.get", .path = "name=$queue",
	    .flags = CT_VOLATILE },
	{ .id = "system.schedule.create", .body = "{\"name\":\"same-$n\","
	    "\"spec\":\"30 3 * * *\",\"type\":\"report\"}" },
	{ .id = "system.schedule.preview", .query = "spec=30+3+*+*+*" },
	{ .id = "system.event.list", .flags = CT_VOLATILE },
	{ .id = "system.topic.list", .flags = CT_SHARED },
	{ .id = "system.metrics.now", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.metrics.history", .query = "metric=contract",
	    .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.error.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "system.error.get", .flags = CT_SHARED },
	{ .id = "system.error.act", .flags = CT_SHARED,
	    .path = "id=$id:system.error&action=mute" },
	{ .id = "system.alert.list", .flags = CT_SHARED },
	{ .id = "system.alert.get", .flags = CT_SHARED },
	{ .id = "system.alert_rule.list", .flags = CT_SHARED },
	{ .id = "system.alert_rule.create", .flags = CT_SHARED,
	    .body = "{\"name\":\"Same$t$n\",\"expr\":\"disk_free_ratio < "
	    "0.2\",\"summary\":\"Same\"}" },
	{ .id = "system.alert_rule.get", .flags = CT_SHARED },
	{ .id = "system.alert_rule.update", .flags = CT_SHARED,
	    .body = "{\"severity\":\"info\"}" },
	{ .id = "system.alert_rule.delete", .flags = CT_SHARED },
	{ .id = "system.silence.list", .flags = CT_SHARED },
	{ .id = "system.silence.create", .flags = CT_SHARED,
	    .body = "{\"rule\":\"DiskFree\",\"comment\":\"same\"}" },
	{ .id = "system.silence.get", .flags = CT_SHARED },
	{ .id = "system.silence.end", .flags = CT_SHARED },
	{ .id = "docs.static", .path = "file=docs/docs.js" },

	/* ---- spot ---- */
	{ .id = "spot.account.credentials", .path = "id=$keys",
	    .body = KEYS },
	{ .id = "spot.summary.get", .flags = CT_VOLATILE },
	{ .id = "spot.account.template", .path = "id=$role" },
	{ .id = "spot.scan.get", .path = "id=$scan" },
	{ .id = "spot.scan.list", .path = "id=$cloud" },
	{ .id = "spot.scan.request", .path = "id=$id:spot.account" },
	{ .id = "spot.price.pull", .path = "id=$id:spot.account" },
	{ .id = "spot.price.list", .query = "market=simulated" },
	{ .id = "spot.pool.list", .flags = CT_VOLATILE | CT_SHARED },
	{ .id = "spot.price.create", .flags = CT_SHARED },
	{ .id = "spot.price.import", .flags = CT_SHARED,
	    .type = "application/json", .body = "{\"SpotPriceHistory\":[{"
	    "\"AvailabilityZone\":\"us-east-1a\",\"InstanceType\":"
	    "\"m5.large\",\"ProductDescription\":\"Linux/UNIX\","
	    "\"SpotPrice\":\"0.0345\",\"Timestamp\":"
	    "\"2026-11-20T01:02:03+00:00\"}]}" },
	{ .id = "spot.source.list", .flags = CT_VOLATILE },
	{ .id = "spot.source.create",
	    .body = "{\"account_id\":\"$id:spot.account\",\"kind\":"
	    "\"webhook\"}" },
	{ .id = "spot.notice.sns", .path = "id=$id:spot.source",
	    .flags = CT_OUTSIDE },
	{ .id = "spot.notice.webhook", .path = "id=$id:spot.source",
	    .flags = CT_OUTSIDE },
	{ .id = "spot.notice.policy", .path = "id=$cloud" },
	{ .id = "spot.notice.policy_put", .path = "id=$cloud" },
	{ .id = "spot.interruption.totals", .flags = CT_VOLATILE },
	{ .id = "spot.interruption.get", .path = "id=$interruption" },
	{ .id = "spot.interruption.rehearse", .path = "id=$cloud",
	    .body = "{\"instance_id\":\"$spotted\"}", .flags = CT_VOLATILE },
	{ .id = "spot.move.list", .flags = CT_VOLATILE },
	{ .id = "spot.move.create", .flags = CT_VOLATILE,
	    .body = "{\"instance_id\":\"$spotted\"}" },
	{ .id = "spot.move.get", .path = "id=$move" },
	{ .id = "spot.move.start", .path = "id=$move" },
	{ .id = "spot.move.cancel", .path = "id=$move" },
	{ .id = "spot.move.resume", .path = "id=$parked" },
	{ .id = "spot.budget.get", .path = "id=$cloud" },
	{ .id = "spot.budget.put", .path = "id=$cloud",
	    .body = "{\"max_launches\":-1,\"max_spend\":-1}" },
	{ .id = "spot.risk.pool", .path = "id=$pool",
	    .flags = CT_SHARED | CT_VOLATILE },
	{ .id = "spot.signal.list", .path = "id=$pool",
	    .flags = CT_SHARED | CT_VOLATILE },
	{ .id = "spot.signal.hours", .path = "id=$pool",
	    .flags = CT_SHARED | CT_VOLATILE },
	{ .id = "spot.signal.create", .flags = CT_SHARED },
	{ .id = "spot.risk.get", .flags = CT_SHARED },
	{ .id = "spot.policy.account", .path = "id=$cloud" },
	{ .id = "spot.policy.account_put", .path = "id=$cloud" },
	{ .id = "spot.policy.account_reset", .path = "id=$ruled" },
	{ .id = "spot.plan.create", .body = "{\"account_id\":\"$cloud\"}",
	    .flags = CT_VOLATILE },
	{ .id = "spot.decide", .path = "id=$cloud" },
	{ .id = "spot.advisor.import", .flags = CT_SHARED,
	    .type = "application/json", .body = "{\"spot_advisor\":{"
	    "\"us-east-1\":{\"Linux\":{\"m5.large\":{\"r\":1,"
	    "\"s\":60}}}}}" },
	{ .id = "spot.od_price.import", .flags = CT_SHARED,
	    .type = "application/json",
	    .body = "{\"us-east-1\":{\"m5.large\":0.096}}" },
	{ .id = "spot.batch.create", .body = "{\"name\":\"same $n\","
	    "\"market\":\"simulated\",\"region\":\"us-east-1\","
	    "\"instance_type\":\"m5.large\",\"work_s\":36000,"
	    "\"deadline_s\":86400}" },
	{ .id = "spot.batch.get", .flags = CT_VOLATILE },
	{ .id = "spot.batch.list", .flags = CT_VOLATILE },
	{ .id = "spot.batch.tick", .body = "{\"done_s\":0}" },
	{ .id = "spot.recommendation.list", .flags = CT_VOLATILE },
	{ .id = "spot.recommendation.get", .path = "id=$recommendation" },
	{ .id = "spot.recommendation.approve",
	    .path = "id=$recommendation" },
	{ .id = "spot.recommendation.dismiss",
	    .path = "id=$recommendation" },
	{ .id = "spot.compat.remove", .path = "aws_account=$aws" },
	{ .id = "spot.compat.connect", .body = KEYS, .flags = CT_ONCE },
	{ .id = "spot.account.summary", .path = "id=$cloud",
	    .flags = CT_VOLATILE },
	{ .id = "spot.account.export", .path = "id=$cloud" },
	{ .id = "spot.asset.list", .flags = CT_VOLATILE },
	{ .id = "spot.group.list", .flags = CT_VOLATILE },
	{ .id = "spot.waste.get", .path = "id=$waste" },
	{ .id = "spot.waste.ignore", .path = "id=$waste",
	    .body = "{\"reason\":\"kept\"}" },
	{ .id = "spot.waste.mind", .path = "id=$waste" },
	{ .id = "spot.governance.audit", .flags = CT_VOLATILE },
	{ .id = "spot.governance.review", .flags = CT_VOLATILE },
	{ .id = "spot.governance.authorize", .path = "id=$rogue" },
	{ .id = "spot.governance.revoke", .path = "id=$rogue" },
	{ .id = "spot.governance.terminate", .path = "id=$rogue",
	    .body = "{\"reason\":\"nobody claims it\"}" },
	{ .id = "spot.termination.get", .path = "id=$termination" },
	{ .id = "spot.saving.report", .query = "month=2026-10" },
	{ .id = "spot.saving.report_csv", .query = "month=2026-10" },
	{ .id = "spot.saving.report_text", .query = "month=2026-10" },
	{ .id = "spot.saving.get", .flags = CT_VOLATILE },
	{ .id = "spot.compat.waste", .flags = CT_VOLATILE },
	{ .id = "spot.compat.waste_scan", .flags = CT_VOLATILE },
	{ .id = "spot.compat.volumes", .flags = CT_VOLATILE },
	{ .id = "spot.compat.snapshots", .flags = CT_VOLATILE },
	{ .id = "spot.compat.active", .flags = CT_VOLATILE },
	{ .id = "spot.compat.rate", .flags = CT_VOLATILE },
	{ .id = "spot.compat.saved", .flags = CT_VOLATILE },
	{ .id = "spot.compat.funnel", .flags = CT_VOLATILE },
	{ .id = "spot.compat.apply", .type = "application/json",
	    .body = "[{\"instance_id\":\"i-none\",\"action\":"
	    "\"authorize\"}]", .flags = CT_VOLATILE },
	{ .id = "spot.compat.discovery", .path = "id=$cloud" },
	{ .id = "spot.compat.rediscover", .path = "id=$cloud" },
	{ .id = "spot.compat.overview", .path = "id=$cloud" },

	/* ---- trade ---- */
	{ .id = "trade.login.link", .flags = CT_VOLATILE },
	{ .id = "trade.login.enter", .body = "{\"broker\":\"paper\"}" },
	/* with a broker behind them: tests/e2e/test_trade_broker.c */
	{ .id = "trade.login.back", .flags = CT_OUTSIDE },
	{ .id = "trade.login.end", .flags = CT_OUTSIDE },
	{ .id = "trade.broker.orders", .flags = CT_OUTSIDE },
	{ .id = "trade.broker.trades", .flags = CT_OUTSIDE },
	{ .id = "trade.broker.positions", .flags = CT_OUTSIDE },
	{ .id = "trade.broker.holdings", .flags = CT_OUTSIDE },
	{ .id = "trade.broker.funds", .flags = CT_OUTSIDE },
	{ .id = "trade.broker.postback", .flags = CT_OUTSIDE },
	{ .id = "trade.difference.accept", .flags = CT_OUTSIDE,
	    .path = "id=00000000-0000-7000-8000-000000000000" },
	{ .id = "trade.reconciliation.list", .flags = CT_OUTSIDE },
	{ .id = "trade.reconciliation.ask", .flags = CT_OUTSIDE },
	{ .id = "trade.instrument.put", .body = "{\"symbol\":\"S$n\"}" },
	{ .id = "trade.instrument.delete", .path = "id=$instrument" },
	{ .id = "trade.bar.list", .query = "symbol=SAME" },
	{ .id = "trade.bar.put", .body = "{\"symbol\":\"SAME\",\"bars\":[{"
	    "\"at\":\"2026-01-02T00:00:00Z\",\"open\":10,\"high\":12,"
	    "\"low\":9,\"close\":11,\"volume\":5}]}" },
	{ .id = "trade.bar.import", .query = "symbol=SAME",
	    .type = "text/csv", .body = "date,open,high,low,close,volume\n"
	    "2026-01-03,10,12,9,11,5\n" },
	{ .id = "trade.strategy.create", .body = "{\"name\":\"same $n\","
	    "\"spec\":{\"entry_long\":1}}" },
	{ .id = "trade.strategy.update", .body = "{\"name\":\"other $n\","
	    "\"version\":1,\"spec\":{\"entry_long\":1}}" },
	{ .id = "trade.backtest.request", .body = "{\"symbol\":\"SAME\","
	    "\"spec\":{\"entry_long\":1}}" },
	{ .id = "trade.backtest.get", .path = "id=$backtest" },
	{ .id = "trade.backtest.trades", .path = "id=$backtest" },
	{ .id = "trade.backtest.equity", .path = "id=$backtest" },
	{ .id = "trade.backtest.trades_csv", .path = "id=$backtest" },
	{ .id = "trade.backtest.equity_csv", .path = "id=$backtest" },
	{ .id = "trade.backtest.compare", .query = "ids=$backtest,$backtest",
	  .flags = CT_VOLATILE },
	{ .id = "trade.pattern.list", .query = "symbol=SAME" },
	{ .id = "trade.chart.list", .query = "symbol=SAME" },
	{ .id = "trade.order.create", .body = "{\"symbol\":\"SAME\",\"side\":"
	    "\"buy\",\"type\":\"limit\",\"limit_price\":10.5,\"quantity\":"
	    "1$n,\"client_order_id\":\"same-$n\"}" },
	{ .id = "trade.order.preview", .body = "{\"symbol\":\"SAME\","
	    "\"side\":\"buy\",\"quantity\":1}" },
	{ .id = "trade.order.basket", .body = "{\"orders\":[{\"symbol\":"
	    "\"SAME\",\"side\":\"buy\",\"type\":\"limit\","
	    "\"limit_price\":10.6,\"quantity\":1$n,\"twice\":true}]}",
	    .flags = CT_VOLATILE },
	{ .id = "trade.order.pair", .body = "{\"first\":{\"symbol\":"
	    "\"SAME\",\"side\":\"sell\",\"type\":\"limit\","
	    "\"limit_price\":11.3,\"quantity\":1},\"second\":{\"symbol\":"
	    "\"SAME\",\"side\":\"sell\",\"type\":\"stop\","
	    "\"stop_price\":10.4,\"quantity\":1}}", .flags = CT_VOLATILE },
	{ .id = "trade.order.replace", .path = "id=$order",
	    .body = "{\"limit_price\":10.55}" },
	{ .id = "trade.order.fills", .path = "id=$order" },
	{ .id = "trade.limit.put", .body = "{\"name\":\"max_quantity\","
	    "\"value\":500000}" },
	{ .id = "trade.limit.list" },
	{ .id = "trade.session.list", .flags = CT_VOLATILE },
	{ .id = "trade.hit.list", .flags = CT_VOLATILE },
	{ .id = "trade.books.list" },
	{ .id = "trade.order.get", .path = "id=$order" },
	{ .id = "trade.order.events", .path = "id=$order" },
	{ .id = "trade.order.cancel", .path = "id=$order" },
	{ .id = "trade.paper.terms_set", .body = "{\"spread_ppm\":200}" },
	{ .id = "trade.paper.hashes", .flags = CT_VOLATILE },
	{ .id = "trade.paper.replay", .body = "{}", .flags = CT_VOLATILE },
	{ .id = "trade.session.state", .body = "{\"state\":\"active\"}" },
	{ .id = "trade.session.get", .flags = CT_VOLATILE },
	{ .id = "trade.cash.list", .flags = CT_VOLATILE },
	{ .id = "trade.fill.list", .flags = CT_VOLATILE },
	{ .id = "trade.position.list", .flags = CT_VOLATILE },
	{ .id = "trade.holding.list", .flags = CT_VOLATILE },
	{ .id = "trade.quote.put", .body = "{\"symbol\":\"SAME\",\"bid\":"
	    "10.9,\"ask\":11}" },
	{ .id = "trade.bar.joined",
	    .query = "symbol=SAME&to_timeframe=1w" },
	{ .id = "trade.bar.join", .body = "{\"symbol\":\"SAME\","
	    "\"to_timeframe\":\"1w\"}" },
	{ .id = "trade.bar.missing", .query = "symbol=SAME" },
	{ .id = "trade.feed.create", .body = "{\"name\":\"same $n\","
	    "\"kind\":\"replay\",\"start\":false,\"spec\":{\"symbols\":["
	    "\"SAME\"]}}" },
	{ .id = "trade.feed.get", .path = "id=$feed" },
	{ .id = "trade.feed.update", .path = "id=$feed", .body =
	    "{\"spec\":{\"symbols\":[\"SAME\"],\"speed\":2}}" },
	{ .id = "trade.feed.delete", .path = "id=$feed" },
	{ .id = "trade.feed.start", .path = "id=$feed" },
	{ .id = "trade.feed.pause", .path = "id=$running" },
	{ .id = "trade.feed.stop", .path = "id=$feed" },
	{ .id = "trade.tick.post", .body = "{\"ticks\":[{\"symbol\":"
	    "\"SAME\",\"last\":11,\"volume\":5}]}" },
	{ .id = "trade.news.post", .body = "{\"items\":[{\"title\":"
	    "\"SAME profit falls $n %\"}]}" },
	{ .id = "trade.news.get", .path = "id=$news" },
	{ .id = "trade.news.delete", .path = "id=$news" },
	{ .id = "trade.news.list", .flags = CT_VOLATILE },
	{ .id = "trade.alias.put", .body = "{\"alias\":\"Same $n\","
	    "\"symbol\":\"SAME\"}" },
	{ .id = "trade.alias.delete", .path = "alias=$alias" },
	{ .id = "trade.alias.list", .flags = CT_VOLATILE },
	{ .id = "trade.sentiment.analyze", .body = "{\"text\":\"SAME profit "
	    "falls\"}" },
	{ .id = "trade.sentiment.list", .flags = CT_VOLATILE },
	{ .id = "trade.sentiment.seed", .flags = CT_VOLATILE },
	{ .id = "trade.sentiment.seed_one", .path = "symbol=SAME",
	    .flags = CT_VOLATILE },
	{ .id = "trade.signal.get", .path = "id=$signal" },
	{ .id = "trade.arming.create", .body = "{\"name\":\"same $n\","
	    "\"symbols\":[\"SAME\"],\"follow\":\"x\",\"sizing\":\"units\","
	    "\"size\":1}" },
	{ .id = "trade.arming.get", .path = "id=$arming" },
	{ .id = "trade.arming.arm", .path = "id=$arming" },
	{ .id = "trade.arming.live", .path = "id=$arming" },
	{ .id = "trade.arming.pause", .path = "id=$arming" },
	{ .id = "trade.arming.disarm", .path = "id=$arming" },
	{ .id = "trade.arming.delete", .path = "id=$disarmed" },
	{ .id = "trade.trip.list", .path = "id=$arming" },
	{ .id = "trade.arming.list", .flags = CT_VOLATILE },
	{ .id = "trade.signal.list", .flags = CT_VOLATILE },
	{ .id = "trade.signal.seed_list", .flags = CT_VOLATILE },
	{ .id = "trade.leaderboard.seed", .flags = CT_VOLATILE },
	{ .id = "trade.prediction.get", .path = "id=$prediction" },
	{ .id = "trade.engine.decide", .body = "{\"signals\":[{\"symbol\":"
	    "\"SAME\",\"score\":0.9}]}" },
	{ .id = "trade.engine.forecast", .body = "{\"symbol\":\"SAME\","
	    "\"history\":[10,10.5,10.2]}", .flags = CT_VOLATILE },
	{ .id = "trade.engine.infer", .body = "{\"window\":[0.5,0.7]}" },
	{ .id = "trade.reward.submit", .body = "{\"symbol\":\"SAME\","
	    "\"model\":\"m\",\"reward\":1.5}" },
	{ .id = "trade.portfolio.get", .flags = CT_VOLATILE },
	{ .id = "trade.portfolio.lots", .flags = CT_VOLATILE },
	{ .id = "trade.portfolio.gains", .flags = CT_VOLATILE },
	{ .id = "trade.portfolio.risk", .flags = CT_VOLATILE },
	{ .id = "trade.portfolio.tax", .flags = CT_VOLATILE },
	{ .id = "trade.portfolio.history", .flags = CT_VOLATILE },
	{ .id = "trade.portfolio.trades", .flags = CT_VOLATILE },
	{ .id = "trade.compat.portfolio", .flags = CT_VOLATILE },
	{ .id = "trade.compat.tax", .flags = CT_VOLATILE },
	{ .id = "trade.compat.rules", .flags = CT_VOLATILE },
	{ .id = "trade.compat.stocks", .flags = CT_VOLATILE },
	{ .id = "trade.compat.status", .flags = CT_VOLATILE },
	{ .id = "trade.corporate.create", .body = "{\"symbol\":\"SAME\","
	    "\"kind\":\"dividend\",\"amount\":0.5,\"ex_at\":"
	    "\"2090-01-01T00:00:00.$nZ\"}" },
	{ .id = "trade.corporate.list", .flags = CT_VOLATILE },
	{ .id = "trade.corporate.delete", .path = "id=$corporate" },
	{ .id = "trade.corporate.entries", .path = "id=$corporate" },
	{ .id = "trade.bar.adjusted", .query = "symbol=SAME",
	    .flags = CT_VOLATILE },
	{ .id = "trade.indicator.get", .path = "kind=sma",
	    .query = "symbol=SAME&params=1" },
	{ .id = NULL }
};

/* ---- around the routes ------------------------------------------------------ */

static struct fake cloud;

void
contract_stack(struct stack *st)
{
	static struct arena *a;
	const char *settings[9];

	if (a == NULL)
		a = arena_new(1 << 20);
	stack_user();
	fakeec2_start(&cloud, a, NULL);
	settings[0] = arena_printf(a, "aws.endpoint=%s", cloud.url);
	settings[1] = arena_printf(a, "aws.sts_endpoint=%s", cloud.url);
	settings[2] = "aws.access_key=" FAKE_ACCESS_KEY;
	settings[3] = "aws.secret_key=" FAKE_SECRET_KEY;
	settings[4] = "webhooks.max=10000";
	settings[5] = "trade.orders_per_second=10000";
	settings[6] = "trade.orders_per_minute=100000";
	settings[7] = "trade.max_open_orders=5000";
	settings[8] = NULL;
	stack_start(st, &(struct stack_options){ .web = "nginx",
	    .settings = settings });
}

void
contract_end(void)
{
	fake_stop(&cloud);
}

static const char *
post_id(struct world *w, struct twin *t, const char *path, const char *body)
{
	const struct reply *r = http_send(w->st, "POST", path,
	    t->admin.token, body);

	if (r->status / 100 != 2)
		ct_bad(w, "POST %s: %d %.300s", path, r->status, r->body);
	return arena_strdup(w->st->a, json_text_at(r->json, "id"));
}

/* A simulated account with an inventory; the same in both tenants. */
static const char *
fleet(struct world *w, struct twin *t)
{
	if (t->cloud == NULL)
		t->cloud = post_id(w, t, "/api/spot/accounts",
		    "{\"name\":\"fleet\",\"connection_method\":"
		    "\"simulated\"}");
	return t->cloud;
}

/* An instrument with a bar; the same in both tenants. */
static void
market(struct world *w, struct twin *t)
{
	const struct reply *r = http_send(w->st, "PUT",
	    "/api/trade/instruments", t->admin.token,
	    "{\"symbol\":\"SAME\"}");

	if (r->status == 200)
		r = http_send(w->st, "POST", "/api/trade/bars",
		    t->admin.token, "{\"symbol\":\"SAME\",\"bars\":[{"
		    "\"at\":\"2026-01-01T00:00:00Z\",\"open\":10,"
		    "\"high\":12,\"low\":9,\"close\":11}]}");
	if (r->status == 200)
		r = http_send(w->st, "POST", "/api/trade/sessions",
		    t->admin.token, "{\"cash\":900000000}");
	if (r->status == 200)
		r = http_send(w->st, "POST", "/api/trade/quotes",
		    t->admin.token, "{\"symbol\":\"SAME\",\"bid\":10.9,"
		    "\"ask\":11}");
	/* something to close, for the routes that make exits */
	if (r->status == 200)
		r = http_send(w->st, "POST", "/api/trade/orders",
		    t->admin.token, "{\"symbol\":\"SAME\",\"side\":\"buy\","
		    "\"quantity\":1000}");
	if (r->status != 200 && r->status != 201)
		ct_bad(w, "market: %d %.300s", r->status, r->body);
}

static const char *
resting(struct world *w, struct twin *t)
{
	return post_id(w, t, "/api/trade/orders", arena_printf(w->st->a,
	    "{\"symbol\":\"SAME\",\"side\":\"buy\",\"type\":\"limit\","
	    "\"limit_price\":10.5,\"quantity\":%u}", 1 + t->n++));
}

static const char *
told(struct world *w, struct twin *t)
{
	const struct reply *r = http_send(w->st, "POST", "/api/trade/news",
	    t->admin.token, arena_printf(w->st->a, "{\"items\":[{\"title\":"
	    "\"SAME shares rise %u times\",\"body\":\"It is the %u. of its "
	    "kind.\"}]}", t->n, t->n + 7));

	t->n++;
	return arena_strdup(w->st->a, json_text_at(r->json, "items.0.id"));
}

static const char *
announced(struct world *w, struct twin *t)
{
	unsigned n = t->n++;

	return post_id(w, t, "/api/trade/corporate-actions",
	    arena_printf(w->st->a, "{\"symbol\":\"SAME\",\"kind\":"
	    "\"split\",\"ratio\":2,\"ex_at\":\"2091-%02u-%02uT%02u:%02u:"
	    "00Z\"}", n / 28 % 12 + 1, n % 28 + 1, n / 336 % 24, n / 8064 %
	    60));
}

static const char *
called(struct world *w, struct twin *t)
{
	const char *name = arena_printf(w->st->a, "name%u", t->n++);

	http_send(w->st, "PUT", "/api/trade/aliases", t->admin.token,
	    arena_printf(w->st->a, "{\"alias\":\"%s\",\"symbol\":\"SAME\"}",
	    name));
	return name;
}

static const char *
instrument(struct world *w, struct twin *t)
{
	const struct reply *r = http_send(w->st, "PUT",
	    "/api/trade/instruments", t->admin.token, arena_printf(w->st->a,
	    "{\"symbol\":\"GONE%u\"}", t->n++));

	return arena_strdup(w->st->a, json_text_at(r->json, "id"));
}

static const char *
armed(struct world *w, struct twin *t, bool now)
{
	unsigned n = t->n++;

	return post_id(w, t, "/api/trade/armings", arena_printf(w->st->a,
	    "{\"name\":\"arming %u\",\"symbols\":[\"SAME\"],\"follow\":"
	    "\"x\",\"sizing\":\"units\",\"size\":1,\"arm\":%s}", n,
	    now ? "true" : "false"));
}

/* One of its own for each, so that none drives another's instrument. */
static const char *
feed(struct world *w, struct twin *t, bool start)
{
	unsigned n = t->n++;

	return post_id(w, t, "/api/trade/feeds", arena_printf(w->st->a,
	    "{\"name\":\"feed %u\",\"kind\":\"simulator\",\"start\":%s,"
	    "\"spec\":{\"symbols\":[\"F%u\"]}}", n, start ? "true" :
	    "false", n));
}

void
contract_prepare(struct world *w)
{
	const char *out;

	w->at = "prepare";
	/* what loops of the worker would have written */
	mariadb_sql(w->st->db, "INSERT INTO platform_series (name, labels, "
	    "kind) VALUES ('contract', '{}', 'gauge'); INSERT INTO "
	    "platform_sample (at, host, body) SELECT NOW(6) - INTERVAL 5 "
	    "MINUTE, 'h', CONCAT('[[', id, ',1.5]]') FROM platform_series; "
	    "INSERT INTO platform_error (id, place, code, message, count, "
	    "first_at, last_at) VALUES (X'0102030405060708090a0b0c0d0e0f10', "
	    "'spot.scan', 'db_down', 'lost', 3, NOW(6), NOW(6)); INSERT INTO "
	    "platform_alert (id, rule, labels, severity, summary, state, "
	    "active_at, fired_at, seen_at, group_id, updated_at) VALUES "
	    "(X'0102030405060708090a0b0c0d0e0f10', 'DiskFree', '{}', "
	    "'critical', 's', 'firing', NOW(6), NOW(6), NOW(6), X'00', "
	    "NOW(6))");
	market(w, &w->a);
	market(w, &w->b);
	fleet(w, &w->a);
	fleet(w, &w->b);
	if (stack_program(w->st, &out, "quincunx-discover",
	    (const char *[]){ NULL }) != 0)
		fail_msg("quincunx-discover: %s", out);
}

static const char *
scan_of(struct world *w, struct twin *t)
{
	const struct reply *r = http_get(w->st, arena_printf(w->st->a,
	    "/api/spot/accounts/%s/scans", fleet(w, t)), t->admin.token);

	return arena_strdup(w->st->a, json_text_at(r->json, "items.0.id"));
}

/* ---- jobs -------------------------------------------------------------------- */

/* Token of the start that $held made last. */
static const char *held_token;

static const char *
job(struct world *w, struct twin *t)
{
	return post_id(w, t, "/api/system/jobs",
	    "{\"type\":\"contract\",\"queue\":\"held\"}");
}

static const char *
held(struct world *w, struct twin *t)
{
	const struct reply *r;

	job(w, t);
	r = http_send(w->st, "POST", "/api/system/jobs/claim",
	    t->admin.token, "{\"queues\":[\"held\"]}");
	if (r->status != 200 || json_at(r->json, "jobs.0") == NULL)
		ct_bad(w, "claim: %d %.300s", r->status, r->body);
	held_token = arena_strdup(w->st->a, json_text_at(r->json,
	    "jobs.0.token"));
	return arena_strdup(w->st->a, json_text_at(r->json, "jobs.0.id"));
}

static const char *
cancelled(struct world *w, struct twin *t)
{
	const char *id = job(w, t);
	const struct reply *r = http_send(w->st, "POST",
	    arena_printf(w->st->a, "/api/system/jobs/%s/cancel", id),
	    t->admin.token, NULL);

	if (r->status != 200)
		ct_bad(w, "cancel: %d %.300s", r->status, r->body);
	return id;
}

/* The account that is entered by keys: one per tenant, as the fake cloud has
 * one account. */
static const char *
keyed(struct world *w, struct twin *t)
{
	struct json_object *items;

	http_send(w->st, "POST", "/api/v1/onboarding/connect/credentials",
	    t->admin.token, KEYS);
	items = json_at(http_get(w->st, "/api/spot/accounts?limit=200",
	    t->admin.token)->json, "items");
	for (size_t i = 0; items != NULL &&
	    i < json_object_array_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);

		if (strcmp(json_text_at(o, "connection_method"),
		    "access_keys") == 0)
			return arena_strdup(w->st->a, json_text_at(o, "id"));
	}
	return "";
}

/* What systems make, not people: a row of a noun without a create route. */
static const char *
row_of(struct world *w, struct twin *t, const char *insert)
{
	char id[UUID_TEXT];

	uuid_format(uuid_new(), id);
	mariadb_sql(w->st->db, arena_printf(w->st->a, insert, id,
	    t->tenant));
	return arena_strdup(w->st->a, id);
}

#define BIN(x) "UNHEX(REPLACE('" x "', '-', ''))"
#define DECISION "INSERT INTO platform_decision (id, tenant_id, module, " \
	"kind, subject, subject_id, chosen, reason, refused, inputs, " \
	"expected, created_at) VALUES (" BIN("%s") ", " BIN("%s") ", " \
	"'spot', 'move', 'instance', 'i-1', 'STAY', 'because', '[]', '{}', " \
	"'{}', UTC_TIMESTAMP(6))"
#define APPROVAL "INSERT INTO platform_approval (id, tenant_id, module, " \
	"kind, title, subject, subject_id, risk, plan, digest, author, " \
	"state, expires_at, created_at) VALUES (" BIN("%s") ", " BIN("%s") \
	", 'spot', 'move', 'Move it', 'instance', 'i-1', 'low', '{}', " \
	"UNHEX('" EMPTY_DIGEST "'), 'a program', 'pending', " \
	"UTC_TIMESTAMP(6) + INTERVAL 1 DAY, UTC_TIMESTAMP(6))"

#define SIGNAL "INSERT INTO trade_signal (id, tenant_id, instrument_id, " \
	"symbol, timeframe, bar_at, source, name, side, score, strength, " \
	"price, context, created_at) SELECT " BIN("%%s") ", tenant_id, id, " \
	"symbol, '1d', '2026-01-01', 'contract', 's%u', 'buy', 0.5, 0.5, 10, " \
	"'{}', UTC_TIMESTAMP(6) FROM trade_instrument WHERE tenant_id = " \
	BIN("%%s") " AND symbol = 'SAME'"
#define PREDICTION "INSERT INTO trade_prediction (id, tenant_id, symbol, " \
	"timeframe, model, at, horizon, forecast, confidence, fallback, " \
	"created_at) VALUES (" BIN("%s") ", " BIN("%s") ", 'SAME', '1d', " \
	"'drift', '2026-01-01', 1, '[10]', 0.1, 1, '2026-01-01')"

#define INTERRUPTION "INSERT INTO spot_interruption (id, tenant_id, " \
	"account_id, region, instance_id, kind, source, event_id, state, " \
	"noticed_at, received_at) SELECT " BIN("%s") ", " BIN("%s") ", id, " \
	"'us-east-1', 'i-0123456789abcdef0', 'health', 'sqs', 'e', " \
	"'watched', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) FROM spot_account " \
	"WHERE id = " BIN("%s")

static const char *
interruption(struct world *w, struct twin *t)
{
	const char *account = fleet(w, t);
	char id[UUID_TEXT];

	uuid_format(uuid_new(), id);
	mariadb_sql(w->st->db, arena_printf(w->st->a, INTERRUPTION, id,
	    t->tenant, account));
	return arena_strdup(w->st->a, id);
}

/* A spot machine of the fleet. */
static const char *
spotted(struct world *w, struct twin *t)
{
	const struct reply *r = http_get(w->st, arena_printf(w->st->a,
	    "/api/spot/instances?lifecycle=spot&account_id=%s", fleet(w, t)),
	    t->admin.token);

	return arena_strdup(w->st->a, json_text_at(r->json,
	    "items.0.instance_id"));
}

#define FLEET "(SELECT id FROM spot_account WHERE tenant_id = t.id AND " \
	"name = 'fleet')"
#define WASTE "INSERT INTO spot_waste (id, tenant_id, account_id, region, " \
	"kind, resource_id, monthly_cost, days_unused, reason, state, " \
	"detected_at, seen_at) SELECT x.id, t.id, " FLEET ", 'us-east-1', " \
	"'volume', HEX(x.id), 800000000, 9, 'idle', 'detected', NOW(6), " \
	"NOW(6) FROM (SELECT " BIN("%s") " AS id) x, (SELECT " BIN("%s") \
	" AS id) t"
#define ROGUE "INSERT INTO spot_instance (id, tenant_id, account_id, " \
	"region, az, instance_id, instance_type, lifecycle, state, tags, " \
	"auth_status, seen_generation, first_seen, last_seen) SELECT x.id, " \
	"t.id, " FLEET ", 'eu-north-1', 'eu-north-1a', HEX(x.id), " \
	"'m5.large', 'on-demand', 'running', '{}', 'UNAUTHORIZED', 1, " \
	"NOW(6), NOW(6) FROM (SELECT " BIN("%s") " AS id) x, (SELECT " \
	BIN("%s") " AS id) t"

#define RECOMMENDATION "INSERT INTO spot_recommendation (id, tenant_id, " \
	"account_id, member_id, instance_id, region, decision, from_pool, " \
	"to_pool, pools, score, saving, move_cost, loss_now, loss_then, " \
	"risk, reason, model, decision_id, state, waits, expires_at, " \
	"created_at, updated_at) SELECT x.id, t.id, i.account_id, x.id, " \
	"i.instance_id, i.region, 'SWITCH', 'a', 'b', '[{\"az\":" \
	"\"us-east-1a\",\"instance_type\":\"m5.large\",\"lifecycle\":" \
	"\"spot\",\"price\":0.03}]', 1, 1, 1, 0, 0, 'low', 'r', 'm', " \
	"x.id, 'open', 1, NOW(6) + INTERVAL 2 HOUR, NOW(6), NOW(6) " \
	"FROM (SELECT " BIN("%s") " AS id) x, (SELECT " BIN("%s") \
	" AS id) t, spot_instance i WHERE i.tenant_id = t.id AND " \
	"i.instance_id = '%s' LIMIT 1"

/* A recommendation about a spot machine, with its decision. */
static const char *
recommendation(struct world *w, struct twin *t)
{
	const char *id = row_of(w, t, DECISION);

	mariadb_sql(w->st->db, arena_printf(w->st->a, RECOMMENDATION, id,
	    t->tenant, spotted(w, t)));
	return id;
}

/* An account with a policy of its own. */
static const char *
ruled(struct world *w, struct twin *t)
{
	const char *id = fleet(w, t);

	http_send(w->st, "PUT", arena_printf(w->st->a,
	    "/api/spot/accounts/%s/policy", id), t->admin.token, "{}");
	return id;
}

/* The termination of a new instance that nobody authorized. */
static const char *
termination(struct world *w, struct twin *t)
{
	return post_id(w, t, arena_printf(w->st->a,
	    "/api/spot/instances/%s/terminate", row_of(w, t, ROGUE)),
	    "{\"reason\":\"contract\"}");
}

#define BACKTEST "INSERT INTO trade_backtest (id, tenant_id, job_id, " \
	"symbol, timeframe, request, engine, spec_digest, data_digest, bars, " \
	"first_at, last_at, stats, report, trades, equity, created_at) " \
	"VALUES (" BIN("%s") ", " BIN("%s") ", X'00', 'SAME', '1d', '{}', " \
	"'sim.1', X'00', X'00', 2, NOW(6), NOW(6), '{}', '{}', '[]', '[]', " \
	"UTC_TIMESTAMP(6))"

#define MOVE(state) "INSERT INTO spot_move (id, tenant_id, account_id, " \
	"kind, reason, urgent, region, instance_id, state, pools, places, " \
	"plan, price, created_at) SELECT x.id, t.id, " FLEET ", 'replace', " \
	"'test', FALSE, 'us-east-1', HEX(x.id), '" state "', " \
	"'{\"pools\":[]}', '{\"pools\":[]}', '{}', 0.1, NOW(6) FROM " \
	"(SELECT " BIN("%s") " AS id) x, (SELECT " BIN("%s") " AS id) t"

const char *
contract_word(struct world *w, struct twin *t, const char *word)
{
	if (strcmp(word, "backtest") == 0)
		return row_of(w, t, BACKTEST);
	if (strcmp(word, "feed") == 0 || strcmp(word, "running") == 0)
		return feed(w, t, *word == 'r');
	if (strcmp(word, "order") == 0)
		return resting(w, t);
	if (strcmp(word, "signal") == 0)
		return row_of(w, t, arena_printf(w->st->a, SIGNAL, t->n++));
	if (strcmp(word, "prediction") == 0)
		return row_of(w, t, PREDICTION);
	if (strcmp(word, "arming") == 0 || strcmp(word, "disarmed") == 0)
		return armed(w, t, *word == 'a');
	if (strcmp(word, "news") == 0)
		return told(w, t);
	if (strcmp(word, "corporate") == 0)
		return announced(w, t);
	if (strcmp(word, "alias") == 0)
		return called(w, t);
	if (strcmp(word, "instrument") == 0)
		return instrument(w, t);
	if (strcmp(word, "decision") == 0)
		return row_of(w, t, DECISION);
	if (strcmp(word, "approval") == 0)
		return row_of(w, t, APPROVAL);
	if (strcmp(word, "interruption") == 0)
		return interruption(w, t);
	if (strcmp(word, "spotted") == 0)
		return spotted(w, t);
	if (strcmp(word, "cloud") == 0)
		return fleet(w, t);
	if (strcmp(word, "recommendation") == 0)
		return recommendation(w, t);
	if (strcmp(word, "ruled") == 0)
		return ruled(w, t);
	if (strcmp(word, "pool") == 0)
		return mariadb_value(w->st->a, w->st->db,
		    "SELECT MIN(id) FROM spot_pool");
	if (strcmp(word, "waste") == 0)
		return row_of(w, t, WASTE);
	if (strcmp(word, "rogue") == 0)
		return row_of(w, t, ROGUE);
	if (strcmp(word, "termination") == 0)
		return termination(w, t);
	if (strcmp(word, "move") == 0)
		return row_of(w, t, MOVE("proposed"));
	if (strcmp(word, "parked") == 0)
		return row_of(w, t, MOVE("parked"));
	if (strcmp(word, "scan") == 0)
		return scan_of(w, t);
	if (strcmp(word, "held") == 0)
		return held(w, t);
	if (strcmp(word, "token") == 0)
		return held_token;
	if (strcmp(word, "cancelled") == 0)
		return cancelled(w, t);
	if (strcmp(word, "queue") == 0) {
		job(w, t);
		return "held";
	}
	if (strcmp(word, "role") == 0)
		return post_id(w, t, "/api/spot/accounts", arena_printf(
		    w->st->a, "{\"name\":\"role %u\","
		    "\"connection_method\":\"iam_role\"}", ++t->n));
	if (strcmp(word, "keys") == 0)
		return keyed(w, t);
	if (strcmp(word, "aws") == 0) {
		keyed(w, t);
		return FAKE_ACCOUNT;
	}
	return NULL;
}
