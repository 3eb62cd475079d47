-- Asks for the paths of $BENCH_PATHS (one a line) by turns, with the headers of $BENCH_HEADERS (one a line).
local paths, headers, turn = {}, {}, 0
for path in os.getenv("BENCH_PATHS"):gmatch("[^\n]+") do paths[#paths + 1] = path end
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^\n:]+): ([^\n]+)") do headers[name] = value end

function request()
  turn = turn % #paths + 1
  return wrk.format("GET", paths[turn], headers)
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("requests/s %.2f failed %d\n", summary.requests / summary.duration * 1e6, failed))
end
