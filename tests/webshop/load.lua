-- For wrk: orders, each under a name of its own; every tenth is sent twice, as
-- by a visitor who clicks twice. What the shop has acknowledged is written to
-- the files $ORDERS.1, $ORDERS.2 and so on.
local threads = 0

function setup(thread)
	threads = threads + 1
	thread:set("number", threads)
end

function init(args)
	acknowledged = io.open(os.getenv("ORDERS") .. "." .. number, "w")
	run = os.getenv("RUN")
	counter = 0
	refused = 0
	wrk.method = "POST"
	wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end

function request()
	if counter % 10 ~= 9 or repeated then
		counter = counter + 1
		repeated = false
	else
		repeated = true
	end
	return wrk.format(nil, "/order", nil, string.format(
		"token=%04x%04x%024x&good=%d&quantity=%d&customer=wrk",
		run, number, counter, counter % 4 + 1, counter % 3 + 1))
end

function response(status, headers)
	local token = status == 303 and headers["Location"]:match("/order/(%x+)")
	if token then
		acknowledged:write(token, "\n")
		acknowledged:flush()
	else
		refused = refused + 1
	end
end
