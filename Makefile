# Quincunx. `make run` on a bare Debian 12 installs what is missing, builds and
# serves; `make test` runs everything CI runs. `make help` lists the rest.
# Local overrides go into config.mk (not tracked).
-include config.mk

CC      ?= gcc
SAN     ?=
COV     ?=
SHARED  ?= ../shared
PORT    ?= 8080
VARIANT := $(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)
comma   := ,
BUILD   ?= build$(if $(SAN),/san)$(if $(COV),/cov)
VERSION := 0.1.0

PKGS    := fcgi json-c libmariadb openssl libconfig libcurl expat libarchive zlib libargon2
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes \
	   -Wstrict-prototypes -Wvla -Wpointer-arith -Wwrite-strings
HARDEN  := -fstack-protector-strong -fPIE
OPT     := $(if $(SAN),-O1 -fsanitize=$(SAN) -fno-omit-frame-pointer,-O2 -D_FORTIFY_SOURCE=2)
CFLAGS  ?= -g
QCFLAGS  = -std=c11 -D_GNU_SOURCE -DQX_VERSION='"$(VERSION)"' $(OPT) $(HARDEN) $(WARN) \
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
DBT     := $(patsubst tests/db/%.c,$(BUILD)/tests/db/%,$(wildcard tests/db/test_*.c))
E2E     := $(patsubst tests/e2e/%.c,$(BUILD)/tests/e2e/%,$(wildcard tests/e2e/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all
all: $(PROGS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(QCFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The archive is rebuilt whole: `ar r` would keep members of deleted files.
$(LIB): $(OBJ)
	@rm -f $@
	@ar rcsP $@ $(OBJ)

$(BUILD)/bin/%: $(BUILD)/obj/cgi/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(HARNESS) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.SECONDARY:
