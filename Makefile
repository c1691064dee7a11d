# vmbrowse: plain GNU make. `make` builds ./vmbrowse; `make help` lists the rest.
VARIANT ?= debug
CC ?= gcc
B := build/$(VARIANT)

PKGS := ncursesw libdw libelf libzstd libpcre2-8 zlib liblzma
CPPFLAGS += -I. -D_GNU_SOURCE -DPCRE2_CODE_UNIT_WIDTH=8
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wvla -Wformat=2 -Wundef -Wno-format-nonliteral
CFLAGS_debug := -O1 -g
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -g -fsanitize=thread
CFLAGS_cov := -O0 -g --coverage
CFLAGS += -std=c17 $(WARN) $(CFLAGS_$(VARIANT)) -pthread $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llzo2 -lsnappy -lm
ifdef WERROR
CFLAGS += -Werror
endif
ifndef V
Q := @
say = @printf '  %-5s %s\n' $(1) $(2)
endif

LIB_SRC := $(wildcard arch/*.c engine/*/*.c)
TUI_SRC := $(wildcard tui/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
TUI_OBJ := $(TUI_SRC:%.c=$(B)/%.o)

all: vmbrowse

vmbrowse: $(B)/vmbrowse
	$(Q)ln -sf $< $@

$(B)/vmbrowse: $(TUI_OBJ) $(B)/libengine.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/libengine.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

clean:
	rm -rf build vmbrowse

.PHONY: all clean
-include $(LIB_OBJ:.o=.d) $(TUI_OBJ:.o=.d)
