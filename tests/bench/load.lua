-- wrk script. Environment: WRK_STACK, WRK_MODE, WRK_TOKEN, and for Quincunx
-- WRK_IDS (a folder with files of ids, one a line).
local stack, mode, token = os.getenv("WRK_STACK"), os.getenv("WRK_MODE"), os.getenv("WRK_TOKEN")
local ours = string.sub(stack, 1, 2) == "qx"
local hdr = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
local bare = { ["Content-Type"] = "application/json" }
local body = '{"kind":"backtest","priority":3,"payload":{"symbol":"BTCUSDT","window":90,"note":"0123456789012345678901234567890123456789"}}'
local function list(name)
  local v = {}
  if ours then for l in io.lines(os.getenv("WRK_IDS") .. "/" .. name) do v[#v + 1] = l end end
  return v
end
local users, instances = list("users"), list("instances")
local zones = { "us-east-1a", "us-east-1b", "us-east-1c" }
local seq = os.time() % 1000000 * 1000
local function price(bad)
  seq = seq + 1
  return string.format('{"availability_zone":"%s","instance_type":"m5.large","product":"Linux/UNIX","price":"0.0%d%s","timestamp":"%s"}',
    zones[seq % 3 + 1], 300 + seq % 90, bad and "x" or "",
    os.date("!2019-%m-%dT%H:%M:%S", 86400 * 30 + seq) .. string.format(".%06dZ", (seq * 7919 + math.random(0, 999999)) % 1000000))
end
math.randomseed(os.time())
function request()
  if mode == "health" then return wrk.format("GET", ours and "/health/live" or "/health") end
  if not ours then
    if mode == "get" then return wrk.format("GET", "/jobs/" .. math.random(1, 10000), hdr) end
    return wrk.format("POST", "/jobs", hdr, body)
  end
  -- the single-row read: one user by id, as the peers' one job by id
  local one = "/api/auth/users/" .. users[math.random(#users)]
  if mode == "get" then return wrk.format("GET", one, hdr) end
  if mode == "priced" then  -- an instance joined with its current prices
    return wrk.format("GET", "/api/spot/instances/" .. instances[math.random(#instances)], hdr)
  end
  if mode == "401" then return wrk.format("GET", one, bare) end
  if mode == "404" then return wrk.format("GET", "/api/spot/nothing-here", hdr) end
  if mode == "422" then return wrk.format("POST", "/api/spot/prices", hdr, price(true)) end
  return wrk.format("POST", "/api/spot/prices", hdr, price(false))
end
function done(s, l, r)
  io.write(string.format('JSON {"n":%d,"dur_us":%d,"p50":%d,"p90":%d,"p99":%d,"max":%d,"err_status":%d,"err_conn":%d,"err_timeout":%d}\n',
    s.requests, s.duration, l:percentile(50), l:percentile(90), l:percentile(99), l.max,
    s.errors.status, s.errors.connect + s.errors.read + s.errors.write, s.errors.timeout))
end
