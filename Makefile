# Quincunx. `make run` on a bare Debian 12 installs what is missing, builds and
# serves; `make test` runs everything CI runs. `make help` lists the rest.
# Local overrides go into config.mk (not tracked).
-include config.mk

CC      ?= gcc
SAN     ?=
COV     ?=
SHARED  ?= ../shared
PORT    ?= 8080
BUILD   ?= build$(if $(SAN),/san)$(if $(COV),/cov)
VERSION := 0.1.0

PKGS    := fcgi hiredis json-c libmariadb openssl libconfig libcurl expat libarchive zlib libargon2
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes \
	   -Wstrict-prototypes -Wvla -Wpointer-arith -Wwrite-strings
HARDEN  := -fstack-protector-strong -fPIE
OPT     := $(if $(SAN),-O1 -fsanitize=$(SAN) -fno-omit-frame-pointer,-O2 -D_FORTIFY_SOURCE=2)
CFLAGS  ?= -g
QCFLAGS  = -std=c11 -D_GNU_SOURCE -DQX_VERSION='"$(VERSION)"' \
	   $(if $(CONF),-DQX_CONF='"$(CONF)"') $(OPT) $(HARDEN) $(WARN) \
	   $(if $(WERROR),-Werror) $(if $(COV),--coverage) -Icore -I. \
	   $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDFLAGS += -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(if $(COV),--coverage)
LDLIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcrypt -lm

CORE    := $(wildcard core/*/*.c core/modules/*/*.c)
OBJ     := $(CORE:%.c=$(BUILD)/obj/%.o)
LIB     := $(BUILD)/libcore.a
PROGS   := $(patsubst cgi/%.c,$(BUILD)/bin/%,$(wildcard cgi/*.c))
HARNESS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/harness/*.c))
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
HOST    := $(patsubst tests/host/%.c,$(BUILD)/tests/host/%,$(wildcard tests/host/test_*.c))
DBT     := $(patsubst tests/db/%.c,$(BUILD)/tests/db/%,$(wildcard tests/db/test_*.c))
E2E     := $(patsubst tests/e2e/%.c,$(BUILD)/tests/e2e/%,$(wildcard tests/e2e/test_*.c))
# Other programs are driven here (a browser, two hosts, the clock of alerts), or leases waited out:
# minutes under sanitizers, without code of ours that the others do not run (the worker's: tests of
# the database and test_work). They run plain only, unless PLAIN= is said.
PLAIN   := test_browser test_hosts test_alerts test_worker
E2E     := $(if $(SAN),$(filter-out $(PLAIN:%=$(BUILD)/tests/e2e/%),$(E2E)),$(E2E))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all
all: $(PROGS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(QCFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Loops over millions of bars. None of these flags changes a value: no reordering, no contraction.
HOT := indicator indicator_bar indicator_mean candle candle_filter candle_short candle_three \
	candle_long strategy sim sim_fill sim_run stats stats_curve
$(HOT:%=$(BUILD)/obj/core/modules/trade/%.o): OPT += $(if $(SAN)$(COV),,-O3 -fno-math-errno -fno-trapping-math)

# The archive is rebuilt whole: `ar r` would keep members of deleted files.
$(LIB): $(OBJ)
	@rm -f $@
	@ar rcsP $@ $(OBJ)

$(BUILD)/bin/%: $(BUILD)/obj/cgi/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Files that are inside of the programs.
$(BUILD)/obj/core/modules/trade/lexicon_data.o: $(wildcard static/lexicon/*.txt)

# Only the gateway needs libwebsockets.
$(BUILD)/bin/quincunx-live: LDLIBS += -lwebsockets

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(HARNESS) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The product with one more module, under the names of its programs.
CHAOS := $(addprefix $(BUILD)/chaos/bin/,quincunx quincunx.fcgi quincunx-worker)
$(CHAOS): $(BUILD)/obj/tests/chaos/program.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/tests/chaos/chaos: $(addprefix $(BUILD)/obj/tests/chaos/,chaos.o proxy.o clients.o judge.o) \
		$(HARNESS) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
# Loaded into the database server: never with a sanitizer.
$(BUILD)/chaos/full.so: tests/chaos/full.c tests/chaos/control.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -fPIC -shared -I. -o $@ $< -ldl

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.SECONDARY:

# ---- running it ---------------------------------------------------------------

.PHONY: deps run start stop status logs dev
deps:
	@packaging/deps.sh run
	@packaging/vendor.sh run

# Browser libraries that Debian does not have, by pinned digest.
.PHONY: vendor
vendor:
	@packaging/vendor.sh test

# The variables that need pkg-config are evaluated by a make of its own, after
# the packages are there.
run: deps
	@$(MAKE) --no-print-directory -s -j2 all
	@PORT="$(PORT)" packaging/serve.sh run

start: deps
	@$(MAKE) --no-print-directory -s -j2 all
	@PORT="$(PORT)" packaging/serve.sh start

stop status logs:
	@packaging/serve.sh $@

# Rebuild and reload (SIGHUP: new children serve before old ones leave).
dev:
	@packaging/deps.sh dev
	@PORT="$(PORT)" packaging/dev.sh

# ---- checks -----------------------------------------------------------------------
# check     pure tests, fuzz corpora replayed: under ten seconds once built
# check-host processes, sockets, the shared segment: no database
# check-db  models against a private MariaDB
# check-e2e through real web servers
# test      everything CI runs, with what it needs installed

.PHONY: check-package
check-package:
	@tests/package/run.sh

.PHONY: test-deps check check-host check-db check-e2e check-fake lint format test coverage fuzz
test-deps:
	@packaging/deps.sh test
	@packaging/vendor.sh test

export SHARED
RUNTEST = tests/harness/run.sh

# The programs under test: harnesses start them from here.
export QX_BIN = $(abspath $(BUILD))/bin

check: $(UNIT) $(FUZZ)
	@JOBS=$$(nproc) $(RUNTEST) unit $(UNIT)
	@for f in $(FUZZ); do \
		echo $$f tests/fuzz/corpus/$$(basename $$f | sed s/^fuzz_//); done | \
		xargs -P $$(nproc) -L 1 sh -c '"$$0" "$$@" >/dev/null 2>&1 || { "$$0" "$$@"; exit 255; }'

check-host: $(HOST) $(PROGS)
	@RETRY=1 $(RUNTEST) host $(HOST)

check-fake:
	@/usr/bin/python3 -B tests/harness/test_fake_ec2.py
	@/usr/bin/python3 -B tests/harness/test_fake_acts.py

# Backtests of random strategies, against a slow second account in Python.
.PHONY: check-reference
check-reference: $(PROGS)
	@/usr/bin/python3 -B tests/harness/test_backtest_differential.py $(or $(SPECS),200) $(or $(SEED),1)

check-db: $(DBT) $(PROGS)
	@RETRY=1 $(RUNTEST) db $(DBT)

check-e2e: $(E2E) $(PROGS)
	@RETRY=1 $(RUNTEST) e2e $(E2E)

# Kills, stops and lost COMMITs under load: make chaos ROUNDS=200 SEED=1
.PHONY: chaos chaos-programs
chaos-programs: $(BUILD)/tests/chaos/chaos $(CHAOS) $(BUILD)/chaos/full.so
chaos: chaos-programs
	@QX_BIN=$(abspath $(BUILD))/chaos/bin QX_CHAOS_FULL=$(abspath $(BUILD))/chaos/full.so \
	$(RUNTEST) chaos $(BUILD)/tests/chaos/chaos

# Nine planted faults: the chaos run must fail with each. About fifteen minutes.
.PHONY: chaos-selftest
chaos-selftest: all
	@/usr/bin/python3 -B tests/chaos/selftest.py

lint:
	@tests/lint/lint.sh

format:
	clang-format -i $$(git ls-files 'core/*.[ch]' 'cgi/*.c' 'tests/*.[ch]')

# Everything with the plain build first, then all tiers again under the
# sanitizers. The two builds lie side by side.
test: test-deps
	@tests/run.sh

coverage:
	@packaging/deps.sh bench
	@$(MAKE) COV=1 check check-host check-db check-e2e
	@lcov -q -c -d build/cov -o build/cov/all.info --rc lcov_branch_coverage=1 2>/dev/null
	@genhtml -q build/cov/all.info -o build/cov/html 2>/dev/null && echo build/cov/html/index.html

# Coverage-guided: make fuzz T=json SECONDS=60
fuzz:
	@mkdir -p build/fuzz
	clang -g -O1 -fsanitize=fuzzer,address,undefined -std=gnu11 -D_GNU_SOURCE \
	    -DQX_VERSION='"fuzz"' -Icore -I. $$(pkg-config --cflags $(PKGS)) \
	    tests/fuzz/fuzz_$(T).c $(CORE) -o build/fuzz/$(T) $(LDLIBS) -lwebsockets
	build/fuzz/$(T) -max_total_time=$(or $(SECONDS),60) -rss_limit_mb=512 tests/fuzz/corpus/$(T)

compile_commands.json: Makefile
	@bear -- $(MAKE) -B all >/dev/null 2>&1 || true

.PHONY: bench-http bench-discover bench-relay bench-queue bench-queue-core bench-worker \
    bench-ws bench-shm bench-decide bench-interrupt bench-order bench-book \
    bench-feed bench-backtest
bench-worker: all $(BUILD)/tests/bench/worker
	@$(BUILD)/tests/bench/worker $(JOBS)
bench-shm: $(BUILD)/tests/bench/shm
	@$<
bench-decide: $(BUILD)/tests/bench/decide
	@$(BUILD)/tests/bench/decide
bench-order: $(BUILD)/tests/bench/order
	@$(BUILD)/tests/bench/order 2>/dev/null
bench-book: $(BUILD)/tests/bench/book
	@$< $(N)
bench-feed: all $(BUILD)/tests/bench/feed
	@packaging/deps.sh bench
	@$(BUILD)/tests/bench/feed $(RATE)
bench-interrupt: $(BUILD)/tests/bench/interrupt
	@$< $(N) $(PROCESSES)
bench-backtest: $(BUILD)/tests/bench/backtest
	@$< $(N)
bench-relay: $(BUILD)/tests/bench/relay
	@$< $(ROWS) $(TENANTS)
bench-http: all
	@packaging/deps.sh bench
	@tests/bench/http.sh
bench-discover: all
	@tests/bench/discover.sh
bench-ws: all $(BUILD)/tests/bench/wsfan
	@packaging/deps.sh bench
	@tests/bench/ws.sh $(CONNECTIONS)
bench-queue-core: $(BUILD)/tests/bench/queue
	@packaging/deps.sh bench
	@tests/bench/queue.sh core $(JOBS)
bench-queue: $(BUILD)/tests/bench/queue
	@packaging/deps.sh bench
	@tests/bench/queue.sh all $(REPS)

# ---- installing ---------------------------------------------------------------------
# Programs, data, units and what belongs to them; nothing is enabled, no user
# is made: `quincunx setup` does that. Configuration that is there is kept.
PREFIX  ?= /usr/local
SYSCONF ?= /etc
.PHONY: install deb clean help man
# build/man: pages and completion, made by the programs themselves.
man: all
	@packaging/man.sh $(BUILD)/bin build/man

install: all man
	@BIN="$(PROGS)" DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" SYSCONF="$(SYSCONF)" \
	    packaging/install.sh

# build/quincunx_VERSION_ARCH.deb and its siblings; nothing outside build/.
deb:
	@packaging/deps.sh deb
	@VERSION="$(VERSION)" packaging/deb.sh

# The container image, of the package. DOCKER=docker, BASE=another Debian 12.
.PHONY: image check-container
image: deb
	@packaging/image.sh "$(VERSION)" $(BASE)

# The image, run as the compose file says, beside a MariaDB of Debian; the chart
# against Kubernetes' schemas. Needs root, podman and a mirror; minutes.
check-container:
	@packaging/deps.sh container
	@packaging/vendor.sh chart
	@tests/package/container.sh

clean:
	rm -rf build

help:
	@echo "make run|start|stop|status|logs|dev   serve from this checkout (PORT=8080)"
	@echo "make test|check|check-host|check-db|check-e2e|lint|format|coverage|fuzz"
	@echo "make bench-http|discover|relay|queue-core|ws|shm|decide|order|book|feed  figures, against the peers"
	@echo "make man                              manual pages and completion into build/man/"
	@echo "make deb|image                        Debian packages into build/, a container image of them"
	@echo "make check-package|check-container    both in clean rooms: installed, used, upgraded, killed, purged"
	@echo "make install DESTDIR= PREFIX=         SAN=address,undefined for any of them"
