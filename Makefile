# vmbrowse: plain GNU make. `make` builds ./vmbrowse; `make help` lists the rest.
VARIANT ?= release
CC ?= gcc
PREFIX ?= /usr/local
B := build/$(VARIANT)

PKGS := ncursesw libdw libelf libzstd libpcre2-8 zlib liblzma capstone
# these install them, or need none
ifeq ($(filter demo test screenshots clean layers help,$(MAKECMDGOALS)),)
ifneq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && echo there),there)
$(info not all libraries are there ($(PKGS)): tests/deps.sh build installs them)
endif
endif
CPPFLAGS += -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8 -DKEYMAP_DIR='"$(PREFIX)/share/vmbrowse/keymaps"'
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wvla -Wformat=2 -Wno-format-nonliteral -Wundef
CFLAGS_debug := -O1 -g
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -g -fsanitize=thread
CFLAGS_cov := -O0 -g --coverage
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS += -std=c17 $(WARN) $(CFLAGS_$(VARIANT)) -pthread $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llzo2 -lsnappy -lm -ldl
ifdef WERROR
CFLAGS += -Werror
endif
ifndef V
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
endif

LIB_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard arch/*.c engine/*/*.c engine/*/*/*.c))
TUI_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tui/*.c))
# what of the screen can be tested without main()
TUI_LIB_OBJ := $(filter-out $(B)/tui/main.o,$(TUI_OBJ))
UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
TOOLS := $(B)/tests/tools/screen

all: vmbrowse			## builds ./vmbrowse (VARIANT=release|debug|asan|tsan|cov, WERROR=1, V=1)

vmbrowse: $(B)/vmbrowse
	$(Q)ln -sf $< $@

$(B)/vmbrowse: $(TUI_OBJ) $(B)/libengine.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@.new $^ $(LDLIBS) && mv $@.new $@

$(B)/libengine.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@.new && ar rcs $@.new $^ && mv $@.new $@

$(B)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# which it holds as it stands
$(B)/engine/kern/meaning/builtin.o: engine/kern/meaning/linux.meanings

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(TUI_LIB_OBJ) $(B)/libengine.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(B)/tests/tools/screen: $(patsubst %.c,$(B)/%.o,$(wildcard tests/tools/*.c))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lvterm -lutil

# The fuzzers: libFuzzer's entry needs its own main(). What they put in the place of reading the dump:
FUZZ_WRAP := $(foreach f,dump_read dump_read_once job_tick open,-Wl,--wrap=$(f))
FUZZ_OBJ := $(filter-out %/libfuzzer.o %/driver.o,$(patsubst %.c,$(B)/%.o,$(wildcard tests/fuzz/*.c)))

$(B)/tests/fuzz/fuzz: $(B)/tests/fuzz/driver.o $(FUZZ_OBJ) $(TUI_LIB_OBJ) $(B)/libengine.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(FUZZ_WRAP) -o $@ $^ $(LDLIBS)

$(B)/tests/fuzz/libfuzzer: $(B)/tests/fuzz/libfuzzer.o $(FUZZ_OBJ) $(TUI_LIB_OBJ) $(B)/libengine.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) $(FUZZ_WRAP) -o $@ $^ $(LDLIBS)

$(B)/tests/bench/firstscreen: $(B)/tests/bench/firstscreen.o $(B)/tests/tools/terminal.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lvterm -lutil

$(B)/tests/bench/decompress: $(B)/tests/bench/decompress.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

unit: $(UNIT) $(TOOLS)		## builds the tests' programs

demo:				## installs what is needed, builds, makes the hung-task dump and opens it
	$(Q)tests/deps.sh build
	$(Q)tests/lab/lab deps
	$(Q)$(MAKE) --no-print-directory vmbrowse
	$(Q)paths=$$(tests/lab/lab demo) && ./vmbrowse $$paths

test:				## installs what is needed and runs all tests, with ASan, UBSan and TSan
	$(Q)tests/deps.sh build test
	$(Q)tests/lab/lab deps
	$(Q)tests/layers.sh
	$(Q)$(MAKE) --no-print-directory VARIANT=release WERROR=1 vmbrowse unit
	$(Q)$(MAKE) --no-print-directory VARIANT=asan WERROR=1 build/asan/vmbrowse build/asan/tests/fuzz/fuzz unit
	$(Q)$(MAKE) --no-print-directory VARIANT=tsan WERROR=1 unit
	$(Q)tests/lab/lab build --required
	$(Q)python3 tests/run.py

check:				## the tests again, with what is built and cached (make check ONLY=screen)
	$(Q)python3 tests/run.py $(ONLY)

fuzz:				## fuzzes the parsers until it is stopped (TARGET=btf: one, TIME=60: seconds, ENGINE=own)
	$(Q)ENGINE=$(ENGINE) tests/fuzz/run.sh "$(TARGET)" $(TIME)

lab:				## builds the lab's dumps of LAB_KERNELS (default: 6.1 6.12 and the newest)
	$(Q)tests/lab/lab deps
	$(Q)tests/lab/lab build

compare:			## compares answers with CRASH=... DRGN=... on the lab's dumps, prints every difference
	$(Q)python3 tests/compare/compare.py --crash "$(CRASH)" --drgn "$(DRGN)"

bench: vmbrowse $(B)/tests/bench/firstscreen $(B)/tests/bench/decompress	## measures it, and CRASH=... DRGN=... beside it (RUNS=5, OUT=build/bench.json)
	$(Q)python3 tests/bench/bench.py --crash "$(CRASH)" --drgn "$(DRGN)" --runs $(or $(RUNS),5) \
		--out $(or $(OUT),build/bench.json) $(B)/vmbrowse $(B)/tests/bench/firstscreen

readme: $(B)/vmbrowse		## puts the program's own options and commands into README.md
	$(Q)python3 tests/readme.py $<

screenshots:			## makes screenshots/ from the program on a lab dump
	$(Q)tests/deps.sh build test
	$(Q)$(MAKE) --no-print-directory VARIANT=release vmbrowse unit
	$(Q)python3 tests/screenshots.py

docs: $(B)/vmbrowse		## the man page and shell completions, into build/docs
	$(Q)mkdir -p build/docs
	$(Q)for k in man bash zsh fish; do $< --docs $$k > build/docs/vmbrowse.$$k || exit 1; done

install: $(B)/vmbrowse docs	## into PREFIX (default /usr/local)
	$(Q)install -D $< $(DESTDIR)$(PREFIX)/bin/vmbrowse
	$(Q)install -d $(DESTDIR)$(PREFIX)/share/vmbrowse/keymaps
	$(Q)install -m 644 keymaps/* $(DESTDIR)$(PREFIX)/share/vmbrowse/keymaps
	$(Q)install -D -m 644 build/docs/vmbrowse.man $(DESTDIR)$(PREFIX)/share/man/man1/vmbrowse.1
	$(Q)install -D -m 644 build/docs/vmbrowse.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmbrowse
	$(Q)install -D -m 644 build/docs/vmbrowse.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vmbrowse
	$(Q)install -D -m 644 build/docs/vmbrowse.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/vmbrowse.fish

layers:				## checks the #include lines against the layers
	$(Q)tests/layers.sh

clean:
	rm -rf build vmbrowse

help:
	@sed -n 's/^\([a-z]*\):.*##\(.*\)/\1\t\2/p' Makefile | sort | expand -t 14

.PHONY: all unit demo test check fuzz lab compare bench readme screenshots docs install layers clean help
.SECONDARY:
-include $(LIB_OBJ:.o=.d) $(TUI_OBJ:.o=.d) $(UNIT:=.d) $(patsubst %.c,$(B)/%.d,$(wildcard tests/fuzz/*.c tests/tools/*.c tests/bench/*.c))
