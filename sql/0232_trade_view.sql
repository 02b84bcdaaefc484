-- Accounts, results, orders and fills as document 002 names them: read only, for reports and old scripts. No secrets.
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW users AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(id, 1, 4)), HEX(SUBSTR(id, 5, 2)), HEX(SUBSTR(id, 7, 2)), HEX(SUBSTR(id, 9, 2)), HEX(SUBSTR(id, 11)))) AS id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(tenant_id, 1, 4)), HEX(SUBSTR(tenant_id, 5, 2)), HEX(SUBSTR(tenant_id, 7, 2)), HEX(SUBSTR(tenant_id, 9, 2)), HEX(SUBSTR(tenant_id, 11)))) AS tenant_id,
  username, email, role_names AS role, active, created_at
FROM auth_user
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW backtest_results AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(id, 1, 4)), HEX(SUBSTR(id, 5, 2)), HEX(SUBSTR(id, 7, 2)), HEX(SUBSTR(id, 9, 2)), HEX(SUBSTR(id, 11)))) AS id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(job_id, 1, 4)), HEX(SUBSTR(job_id, 5, 2)), HEX(SUBSTR(job_id, 7, 2)), HEX(SUBSTR(job_id, 9, 2)), HEX(SUBSTR(job_id, 11)))) AS job_id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(tenant_id, 1, 4)), HEX(SUBSTR(tenant_id, 5, 2)), HEX(SUBSTR(tenant_id, 7, 2)), HEX(SUBSTR(tenant_id, 9, 2)), HEX(SUBSTR(tenant_id, 11)))) AS tenant_id,
  symbol, timeframe, stats AS metrics, CONCAT('/api/trade/backtests/', LOWER(CONCAT_WS('-', HEX(SUBSTR(id, 1, 4)), HEX(SUBSTR(id, 5, 2)), HEX(SUBSTR(id, 7, 2)), HEX(SUBSTR(id, 9, 2)), HEX(SUBSTR(id, 11)))), '/equity') AS timeseries_path, created_at
FROM trade_backtest
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW orders AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(o.id, 1, 4)), HEX(SUBSTR(o.id, 5, 2)), HEX(SUBSTR(o.id, 7, 2)), HEX(SUBSTR(o.id, 9, 2)), HEX(SUBSTR(o.id, 11)))) AS id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(o.tenant_id, 1, 4)), HEX(SUBSTR(o.tenant_id, 5, 2)), HEX(SUBSTR(o.tenant_id, 7, 2)), HEX(SUBSTR(o.tenant_id, 9, 2)), HEX(SUBSTR(o.tenant_id, 11)))) AS tenant_id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(s.user_id, 1, 4)), HEX(SUBSTR(s.user_id, 5, 2)), HEX(SUBSTR(s.user_id, 7, 2)), HEX(SUBSTR(s.user_id, 9, 2)), HEX(SUBSTR(s.user_id, 11)))) AS user_id,
  o.tag AS strategy_id, o.client_order_id AS order_id, o.broker_order_id, o.mode, o.symbol, o.side, o.type, o.quantity AS qty,
  o.limit_price AS price, o.state AS status, o.created_at, o.updated_at, o.filled AS filled_qty, NULLIF(o.avg_price, 0) AS fill_price
FROM trade_order o JOIN trade_session s ON s.id = o.session_id
-- step
CREATE OR REPLACE SQL SECURITY INVOKER VIEW fills AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(f.id, 1, 4)), HEX(SUBSTR(f.id, 5, 2)), HEX(SUBSTR(f.id, 7, 2)), HEX(SUBSTR(f.id, 9, 2)), HEX(SUBSTR(f.id, 11)))) AS id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(f.tenant_id, 1, 4)), HEX(SUBSTR(f.tenant_id, 5, 2)), HEX(SUBSTR(f.tenant_id, 7, 2)), HEX(SUBSTR(f.tenant_id, 9, 2)), HEX(SUBSTR(f.tenant_id, 11)))) AS tenant_id,
  LOWER(CONCAT_WS('-', HEX(SUBSTR(f.order_id, 1, 4)), HEX(SUBSTR(f.order_id, 5, 2)), HEX(SUBSTR(f.order_id, 7, 2)), HEX(SUBSTR(f.order_id, 9, 2)), HEX(SUBSTR(f.order_id, 11)))) AS order_id,
  f.broker_fill_id AS trade_id, f.symbol, f.side, f.quantity AS qty, f.price, f.fee, f.at AS `timestamp`
FROM trade_fill f
