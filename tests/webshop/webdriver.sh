# Sourced: a headless Chromium, spoken to as WebDriver says (W3C), by curl.
element_key=element-6066-11e4-a52e-4f735466cecf

# wd METHOD PATH [JSON]: the answer's value, as JSON.
wd() {
	curl -s --max-time 30 -X "$1" -H 'Content-Type: application/json' \
		${3+--data-binary "$3"} "$driver_url$2" | jq -c .value
}

driver_port() {
	sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' "$scratch/driver.out"
}

has_driver_port() {
	[ -n "$(driver_port)" ]
}

capabilities() { # BINARY PROFILE
	jq -n --arg binary "$1" --arg profile "$2" '{capabilities: {alwaysMatch: {
		browserName: "chrome", "goog:chromeOptions": {binary: $binary, args: [
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--hide-scrollbars",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--force-color-profile=srgb", "--user-data-dir=" + $profile]}}}}'
}

start_browser() {
	chromedriver --port=0 >"$scratch/driver.out" 2>&1 &
	driver=$!
	until_true 30 has_driver_port || {
		cat "$scratch/driver.out"
		complain "chromedriver does not start"
		finish
	}
	driver_url=http://127.0.0.1:$(driver_port)
	answer=$(wd POST /session "$(capabilities "$(command -v chromium)" "$scratch/profile")")
	session=/session/$(echo "$answer" | jq -r .sessionId)
	[ "$session" != /session/null ] && return
	complain "Chromium does not start: $answer"
	finish
}

stop_browser() {
	[ -n "${session-}" ] && wd DELETE "$session" >/dev/null
	session=
	[ -n "${driver-}" ] && kill "$driver" 2>/dev/null && wait "$driver"
	driver=
}

go() { # URL
	wd POST "$session/url" "$(jq -n --arg url "$1" '{url: $url}')" >/dev/null
}

find_element() { # CSS SELECTOR
	wd POST "$session/element" \
		"$(jq -n --arg css "$1" '{using: "css selector", value: $css}')" |
		jq -r ".\"$element_key\" // empty"
}

text_of() { # CSS SELECTOR
	wd GET "$session/element/$(find_element "$1")/text" | jq -r .
}

fill() { # CSS SELECTOR, TEXT
	element=$(find_element "$1")
	wd POST "$session/element/$element/clear" '{}' >/dev/null
	wd POST "$session/element/$element/value" \
		"$(jq -n --arg text "$2" '{text: $text}')" >/dev/null
}

click() { # CSS SELECTOR
	wd POST "$session/element/$(find_element "$1")/click" '{}' >/dev/null
}

back() {
	wd POST "$session/back" '{}' >/dev/null
}

shows() { # TEXT
	text_of body | grep -qF -- "$1"
}

# sees TEXT: the page shows it, at once or soon.
sees() {
	until_true 10 shows "$1" || complain "the page does not show \"$1\": $(text_of body)"
}

cdp() { # COMMAND PARAMETERS
	wd POST "$session/goog/cdp/execute" "{\"cmd\": \"$1\", \"params\": $2}" >/dev/null
}

# A window cannot be as narrow as a phone; what the page sees of it can.
resize() { # WIDTH HEIGHT
	cdp Emulation.setDeviceMetricsOverride \
		"{\"width\": $1, \"height\": $2, \"deviceScaleFactor\": 1, \"mobile\": false}"
}

prefer() { # light OR dark
	cdp Emulation.setEmulatedMedia \
		"{\"features\": [{\"name\": \"prefers-color-scheme\", \"value\": \"$1\"}]}"
}

page_height() {
	wd POST "$session/execute/sync" \
		'{"script": "return document.documentElement.scrollHeight", "args": []}'
}

page_overflows() {
	[ "$(wd POST "$session/execute/sync" '{"script": "return
		document.documentElement.scrollWidth > window.innerWidth", "args": []}')" = true ]
}

# screenshot FILE WIDTH: of the whole page, which must fit into that width.
screenshot() {
	resize "$2" 800
	page_overflows && complain "at $2 pixels the page is wider than the window"
	resize "$2" "$(page_height)"
	wd GET "$session/screenshot" | jq -r . | base64 -d >"$1"
	[ -s "$1" ] || complain "no screenshot $1"
}
